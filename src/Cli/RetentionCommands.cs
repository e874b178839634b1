using System.CommandLine;
using System.Globalization;

namespace Domicile.Cli;

/// <summary><c>domicile retention</c>: how long what is kept, and whether that is obeyed.</summary>
internal static class RetentionCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("retention", "How long a resource keeps what: rules, what changing one would delete, and the oldest record of each kind.", "retention show demo --geography Europe")
        {
            Show(options, terminal),
            Set(options, terminal),
            Oldest(options, terminal),
        };

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("show", "Shows the rules that a resource may set, and which it did.", "retention show demo --geography Europe") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var rules = await client.Get(AdminRoles.ForLooking, $"{Installation.ResourcePath(found.Id)}/retention", AdminJson.Default.PageKindRuleReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(rules.Value, AdminJson.Readable.IReadOnlyListKindRuleReply);
                return;
            }

            var table = new Table("kind", "days", "whose rule", "may be", "from then on");
            foreach (var rule in rules.Value)
            {
                table.Add(
                    rule.Kind,
                    DaysOf(rule.Days),
                    rule.IsOwnRule ? "the resource's" : "the default",
                    $"{rule.Choice.Least} to {rule.Choice.Most}{(rule.Choice.MayBeUnlimited ? ", or 0 for no limit" : "")}",
                    rule.EffectiveOn is { } from ? $"{DaysOf(rule.NextDays ?? 0)} from {Print.Time(from)}" : "");
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Set(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var kind = new Option<string>("--kind") { HelpName = "KIND", Description = "The kind of record, such as chat.message", Required = true };
        var days = CommonOptions.Number("--days", "N", "Days; 0 for no limit", 0, 36_500);
        days.Required = true;
        var thread = new Option<string?>("--thread") { HelpName = "ID", Description = "Only in this chat thread, where a rule can but shorten that of the resource" };
        var grace = CommonOptions.Number("--grace-days", "N", "Days for which a shorter rule deletes nothing yet. Default: 7", 0, 365);
        var dryRun = new Option<bool>("--dry-run") { Description = "Only tell what it would delete" };
        var verb = new Verb(
            "set",
            "Sets a rule, and tells what it deletes. A rule that became shorter deletes nothing for its grace.",
            "retention set demo --kind chat.message --days 365 --dry-run --geography Europe",
            "retention set demo --kind chat.message --days 365 --geography Europe")
        {
            resource, kind, days, thread, grace, dryRun, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var request = new RuleRequest(parsed.GetRequiredValue(kind), parsed.GetValue(days)!.Value, parsed.GetValue(dryRun), parsed.GetValue(thread), parsed.GetValue(grace));
            var rule = await client.Post(
                AdminRoles.ForRules, $"{Installation.ResourcePath(found.Id)}/retention", AdminJson.Default.RuleRequest, request, AdminJson.Default.RuleReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(rule, AdminJson.Readable.RuleReply);
                return;
            }

            terminal.Output.WriteLine(rule.DryRun
                ? $"Nothing was set. {DaysOf(rule.Days)} for {rule.Kind} would delete now:"
                : $"{DaysOf(rule.Days)} for {rule.Kind}{(rule.EffectiveOn is { } from ? $", from {Print.Time(from)}" : ", at once")}. Were it in force now, it would delete:");
            var table = new Table("kind", "records");
            foreach (var (deleted, count) in rule.WouldDelete)
            {
                table.Add(deleted, count.ToString(CultureInfo.InvariantCulture));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Oldest(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb("oldest", "The oldest record of each kind that is not held, against its rule.", "retention oldest --geography Europe") { options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var table = new Table("geography", "kind", "counts from", "due on", "overdue, s");
            var all = new List<OldestReply>();
            foreach (var client in installation.Clients(parsed.GetValue(options.Geography)))
            {
                foreach (var record in (await client.Get(AdminRoles.ForLooking, "retention", AdminJson.Default.PageOldestReply, cancel)).Value)
                {
                    all.Add(record with { Geography = client.Geography });
                    table.Add(client.Geography, record.Kind, Print.Time(record.CountsFrom), Print.Time(record.DueOn), record.OverdueSeconds.ToString(CultureInfo.InvariantCulture));
                }
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(all, AdminJson.Readable.IReadOnlyListOldestReply);
                return;
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static string DaysOf(int days) => days switch { 0 => "no limit", 1 => "1 day", _ => string.Create(CultureInfo.InvariantCulture, $"{days} days") };
}
