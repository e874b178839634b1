using System.CommandLine;
using System.Globalization;

namespace Domicile.Cli;

/// <summary><c>domicile alert</c>: what is looked at each minute, and what is told when it crosses a threshold.</summary>
internal static class AlertCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("alert", "Alerts of a resource: rules over counts of requests or over logs, how they stand and stood. Subscriptions to events are told.", "alert list demo --geography Europe")
        {
            List(options, terminal),
            Set(options, terminal),
            Silence(options, terminal),
            Delete(options, terminal),
            History(options, terminal),
        };

    private static Verb List(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("list", "Lists the rules and how they stand.", "alert list demo --geography Europe") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var rules = await client.Get(AdminRoles.ForLooking, $"{Installation.ResourcePath(found.Id)}/alerts", AdminJson.Default.PageAlertReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(rules.Value, AdminJson.Readable.IReadOnlyListAlertReply);
                return;
            }

            var table = new Table("rule", "state", "since", "fires at", "minutes", "looks at");
            foreach (var rule in rules.Value)
            {
                table.Add(
                    rule.Name,
                    !rule.IsEnabled ? "off" : rule.Obstacle is { } obstacle ? $"cannot be looked at: {obstacle}" : rule.SilencedUntil is { } until ? $"{rule.State}, silenced until {Print.Time(until)}" : rule.State,
                    rule.Since is { } since ? Print.Time(since) : "",
                    rule.Threshold.ToString(CultureInfo.InvariantCulture),
                    rule.WindowMinutes.ToString(CultureInfo.InvariantCulture),
                    rule.Query ?? (rule.Operations is { Count: > 0 } operations ? string.Join(", ", operations) : "all operations"));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Set(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var name = Name();
        var threshold = CommonOptions.Number("--threshold", "N", "It fires at this value and above", 1, int.MaxValue);
        var minutes = CommonOptions.Number("--minutes", "N", "Over so many minutes", 1, 1_440);
        var operation = new Option<string[]>("--operation") { HelpName = "NAME", Description = "An operation whose answers are counted, such as ChatThread_SendChatMessage; may be given several times, all without" };
        var from = CommonOptions.Number("--status-from", "N", "The least status that counts", 0, 999);
        var to = CommonOptions.Number("--status-to", "N", "The greatest status that counts", 0, 999);
        var query = new Option<string?>("--query") { HelpName = "KQL", Description = "Instead, a query over logs whose first number is the value" };
        var off = new Option<bool>("--off") { Description = "It is not looked at" };
        var verb = new Verb(
            "set",
            "Sets a rule, or another threshold of a ready one.",
            "alert set demo mass-deletion --threshold 500 --geography Europe",
            "alert set demo throttled --operation ChatThread_SendChatMessage --status-from 429 --status-to 429 --threshold 100 --minutes 5 --geography Europe")
        {
            resource, name, threshold, minutes, operation, from, to, query, off, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var operations = parsed.GetValue(operation) is { Length: > 0 } named ? named : null;
            var body = new AlertBody(
                !parsed.GetValue(off), parsed.GetValue(threshold), parsed.GetValue(minutes), operations, parsed.GetValue(from), parsed.GetValue(to), parsed.GetValue(query));
            var rule = await client.Put(AdminRoles.ForLogging, PathOf(found.Id, parsed.GetRequiredValue(name)), AdminJson.Default.AlertBody, body, AdminJson.Default.AlertReply, cancel);
            Show(rule, parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static Verb Silence(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var name = Name();
        var minutes = CommonOptions.Number("--minutes", "N", "For how long nobody is told; 0 ends it", 0, 43_200);
        minutes.Required = true;
        var verb = new Verb("silence", "Has a rule turn without telling anybody for a while. The history has it.", "alert silence demo mass-deletion --minutes 120 --geography Europe")
        {
            resource, name, minutes, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var rule = await client.Post(
                AdminRoles.ForLogging, $"{PathOf(found.Id, parsed.GetRequiredValue(name))}/silence", AdminJson.Default.SilenceBody, new SilenceBody(parsed.GetValue(minutes)!.Value), AdminJson.Default.AlertReply, cancel);
            Show(rule, parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static Verb Delete(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var name = Name();
        var verb = new Verb("delete", "Deletes a rule; a ready one is again as it came.", "alert delete demo throttled --geography Europe") { resource, name, options.Geography, options.Data };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            await client.Delete(AdminRoles.ForLogging, PathOf(found.Id, parsed.GetRequiredValue(name)), cancel);
            terminal.Output.WriteLine($"{parsed.GetRequiredValue(name)} is deleted.");
        });
        return verb;
    }

    private static Verb History(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("history", "The last thousand times that a rule began or ceased to fire, the newest first.", "alert history demo --geography Europe") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var turns = await client.Get(AdminRoles.ForLooking, $"{Installation.ResourcePath(found.Id)}/alertHistory", AdminJson.Default.PageAlertTurnReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(turns.Value, AdminJson.Readable.IReadOnlyListAlertTurnReply);
                return;
            }

            var table = new Table("at", "rule", "state", "value", "fires at", "told");
            foreach (var turn in turns.Value)
            {
                table.Add(
                    Print.Time(turn.At), turn.Rule, turn.State, turn.Value.ToString(CultureInfo.InvariantCulture), turn.Threshold.ToString(CultureInfo.InvariantCulture), turn.IsSilenced ? "no, silenced" : "yes");
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static void Show(AlertReply rule, bool json, Terminal terminal)
    {
        if (json)
        {
            terminal.Json(rule, AdminJson.Readable.AlertReply);
            return;
        }

        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{rule.Name} fires at {rule.Threshold} in {rule.WindowMinutes} minutes{(rule.IsEnabled ? "" : ", and is off")}{(rule.SilencedUntil is { } until ? $", and is silent until {Print.Time(until)}" : "")}."));
    }

    private static Argument<string> Name() => new("rule") { HelpName = "RULE", Description = "The rule's name" };

    private static string PathOf(string resource, string name) =>
        name.Length is 0 or > 64 || name is "." or ".." ? throw CommandFailure.Usage("A rule's name has 1 to 64 characters.") : $"{Installation.ResourcePath(resource)}/alerts/{Uri.EscapeDataString(name)}";
}
