using System.CommandLine;
using System.Globalization;

namespace Domicile.Cli;

/// <summary><c>domicile hold</c>: what is to be kept, whoever would delete it.</summary>
internal static class HoldCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb(
            "hold",
            "Holds: while one stands, nothing that it covers is deleted, neither by age nor by users, erasures or administrators.",
            "hold list demo --geography Europe")
        {
            Add(options, terminal),
            List(options, terminal),
            Release(options, terminal),
            Restricted(options, terminal),
        };

    private static Verb Add(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var subject = new Option<string?>("--subject") { HelpName = "ID", Description = "Holds a person's records: a communication user id, or the customer's own id of one" };
        var thread = new Option<string?>("--thread") { HelpName = "ID", Description = "Holds a chat thread with everything in it" };
        var all = new Option<bool>("--all") { Description = "Holds everything of the resource" };
        var reason = new Option<string>("--reason") { HelpName = "TEXT", Description = "Why; kept sealed, and shown to nobody whose request meets the hold", Required = true };
        var review = new Option<DateTimeOffset?>("--review-on")
        {
            HelpName = "DATE",
            Description = "When somebody is to look whether it is still needed, such as 2027-06-30; it does not end by itself",
            Required = true,
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var date))
                {
                    return date;
                }

                result.AddError($"--review-on takes a date such as 2027-06-30, not '{text}'.");
                return null;
            },
        };
        var verb = new Verb(
            "add",
            "Places a hold on a person, a thread or a whole resource.",
            "hold add demo --thread 19:8f14e45fceea467ab3d1c1b1d1c1b1d1@thread.v2 --reason 'Case 4711' --review-on 2027-06-30 --geography Europe",
            "hold add demo --all --reason 'Audit of the year' --review-on 2027-01-31 --geography Europe")
        {
            resource, subject, thread, all, reason, review, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            (string Covers, string? Name)[] named =
            [
                .. parsed.GetValue(subject) is { } person ? [("subject", person)] : Array.Empty<(string, string?)>(),
                .. parsed.GetValue(thread) is { } id ? [("chat.thread", id)] : Array.Empty<(string, string?)>(),
                .. parsed.GetValue(all) ? [("resource", null)] : Array.Empty<(string, string?)>(),
            ];
            if (named is not [var (covers, name)])
            {
                throw CommandFailure.Usage("What is to be held? Give one of --subject, --thread and --all.");
            }

            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var request = new HoldRequest(covers, name, parsed.GetRequiredValue(reason), parsed.GetValue(review)!.Value);
            var placed = await client.Post(
                AdminRoles.ForHolds, $"{Installation.ResourcePath(found.Id)}/holds", AdminJson.Default.HoldRequest, request, AdminJson.Default.HoldReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(placed, AdminJson.Readable.HoldReply);
                return;
            }

            terminal.Output.WriteLine($"Hold {placed.Id} stands. To end it: {terminal.Program} hold release {Terminal.Quote(found.Name)} {placed.Id} --geography {Terminal.Quote(found.Geography)}");
        });
        return verb;
    }

    private static Verb List(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("list", "Lists the holds of a resource. That you looked is audited.", "hold list demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var holds = new List<HoldReply>();
            await foreach (var hold in client.List(AdminRoles.ForHolds, $"{Installation.ResourcePath(found.Id)}/holds", AdminJson.Default.PageHoldReply, cancel))
            {
                holds.Add(hold);
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(holds, AdminJson.Readable.IReadOnlyListHoldReply);
                return;
            }

            var table = new Table("id", "covers", "whom or what", "placed", "review", "reason");
            foreach (var hold in holds)
            {
                table.Add(hold.Id, hold.Covers, hold.Name ?? "", Print.Time(hold.PlacedOn), hold.IsDue ? $"{Print.Time(hold.ReviewOn)} (due)" : Print.Time(hold.ReviewOn), hold.Reason);
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Release(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var hold = new Argument<string>("HOLD") { Description = "The hold's id" };
        var verb = new Verb(
            "release",
            "Releases a hold. What it covered goes by its rules again, at once where its time has come.",
            "hold release demo 0197c3a2-5d1e-7c11-9a53-2f7f7f3f9a10 --geography Europe")
        {
            resource, hold, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            await client.Delete(AdminRoles.ForHolds, $"{Installation.ResourcePath(found.Id)}/holds/{Uri.EscapeDataString(parsed.GetRequiredValue(hold))}", cancel);
            terminal.Output.WriteLine("Released.");
        });
        return verb;
    }

    private static Verb Restricted(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb(
            "restricted",
            "Shows what only holds keep of people who were erased; everybody else sees them as gone. That you looked is audited.",
            "hold restricted demo --geography Europe --json")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var records = new List<RestrictedReply>();
            await foreach (var record in client.List(AdminRoles.ForHolds, $"{Installation.ResourcePath(found.Id)}/restrictedRecords", AdminJson.Default.PageRestrictedReply, cancel))
            {
                records.Add(record);
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(records, AdminJson.Readable.IReadOnlyListRestrictedReply);
                return;
            }

            var table = new Table("since", "of", "kind", "record");
            foreach (var record in records)
            {
                table.Add(Print.Time(record.RestrictedOn), Table.Clean(record.Identifiers is [var first, ..] ? first.Value : ""), record.Kind, Table.Clean(record.Fields.ToJsonString()));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }
}
