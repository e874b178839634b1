using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile events</c>: what happens in a resource, told to the customer's systems.</summary>
internal static class EventCommands
{
    private const int SecretsAtOnce = 10;

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("events", "Tells the customer's systems what happens in a resource.", "events subscription list demo --geography Europe")
        {
            new Verb("subscription", "Which system is told what.", "events subscription list demo --geography Europe")
            {
                Create(options, terminal),
                List(options, terminal),
                Show(options, terminal),
                Update(options, terminal),
                AskAgain(options, terminal),
                Delete(options, terminal),
            },
            new Verb("dead-letters", "What could not be delivered.", "events dead-letters list demo orders --geography Europe")
            {
                ListDead(options, terminal),
                Redeliver(options, terminal),
            },
            Types(options, terminal),
        };

    private static Verb Create(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var target = new Option<string>("--target") { HelpName = "URL", Description = "The address that is told, https; it is asked for its consent", Required = true };
        var geography = new Option<string?>("--target-geography") { HelpName = "NAME", Description = "The geography in which the target is" };
        var exception = new Option<string?>("--exception") { HelpName = "REASON", Description = "Why events may leave the geography, when the target is elsewhere; it is audited" };
        var types = new Option<string[]>("--type") { HelpName = "TYPE", Description = "A type of event to tell, such as Microsoft.Communication.ChatMessageReceived; once for each. Without one, all" };
        var begins = new Option<string?>("--subject-begins-with") { HelpName = "TEXT", Description = "Only events whose subject begins so" };
        var ends = new Option<string?>("--subject-ends-with") { HelpName = "TEXT", Description = "Only events whose subject ends so" };
        var schema = new Option<string?>("--schema") { HelpName = "eventgrid|cloudevents", Description = "How events are written (default: eventgrid)" };
        schema.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "eventgrid", "cloudevents");
        var headers = new Option<string[]>("--header") { HelpName = "NAME: VALUE", Description = $"A header of each delivery, such as a secret; {SecretsAtOnce} at most. Values are never shown again" };
        var attempts = CommonOptions.Number("--max-attempts", "N", "Attempts for one event (default: 30)", 1, 30);
        var life = CommonOptions.Number("--time-to-live", "MINUTES", "How long an event is tried (default: 1440)", 1, 1440);
        var dead = new Option<bool>("--dead-letters") { Description = "Keeps what could not be delivered" };
        var verb = new Verb(
            "create",
            "Has a system told of events.",
            "events subscription create demo orders --target https://orders.example.com/events --target-geography Europe --geography Europe",
            "events subscription create demo typing --target https://localhost:7071/events --target-geography Europe --type Microsoft.Communication.ChatMessageReceivedInThread --dead-letters --geography Europe")
        {
            resource, name, target, geography, exception, types, begins, ends, schema, headers, attempts, life, dead, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var request = new EventSubscriptionRequest(
                parsed.GetRequiredValue(name),
                parsed.GetRequiredValue(target),
                parsed.GetValue(geography),
                parsed.GetValue(exception),
                parsed.GetValue(types) is { Length: > 0 } some ? some : null,
                parsed.GetValue(begins),
                parsed.GetValue(ends),
                parsed.GetValue(schema)?.ToLowerInvariant() == "cloudevents" ? "CloudEventSchemaV1_0" : "EventGridSchema",
                [.. (parsed.GetValue(headers) ?? []).Select(HeaderOf)],
                parsed.GetValue(attempts),
                parsed.GetValue(life),
                parsed.GetValue(dead));
            var made = await client.Post(
                AdminRoles.ForEvents, PathOf(found), AdminJson.Default.EventSubscriptionRequest, request, AdminJson.Default.EventSubscriptionReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(made, AdminJson.Readable.EventSubscriptionReply);
                return;
            }

            terminal.Output.WriteLine(made.State == "Active"
                ? $"{made.Name} is Active: {made.Target} is told of what happens from now on."
                : $"{made.Name} is {made.State}: {made.Target} was told how to consent, and has time until {Print.Time(made.ConsentUntil!.Value)}.");
        });
        return verb;
    }

    private static Verb Update(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var target = new Option<string?>("--target") { HelpName = "URL", Description = "The address that is told from now on, https; it is asked for its consent" };
        var geography = new Option<string?>("--target-geography") { HelpName = "NAME", Description = "The geography in which the target is" };
        var exception = new Option<string?>("--exception") { HelpName = "REASON", Description = "Why events may leave the geography, when the target is elsewhere; it is audited" };
        var types = new Option<string[]>("--type") { HelpName = "TYPE", Description = "A type of event to tell, in place of those before; once for each. 'all' for all" };
        var begins = new Option<string?>("--subject-begins-with") { HelpName = "TEXT", Description = "Only events whose subject begins so" };
        var ends = new Option<string?>("--subject-ends-with") { HelpName = "TEXT", Description = "Only events whose subject ends so" };
        var schema = new Option<string?>("--schema") { HelpName = "eventgrid|cloudevents", Description = "How events are written; the target is asked for its consent" };
        schema.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "eventgrid", "cloudevents");
        var headers = new Option<string[]>("--header") { HelpName = "NAME: VALUE", Description = $"A header of each delivery, in place of those before; {SecretsAtOnce} at most" };
        var attempts = CommonOptions.Number("--max-attempts", "N", "Attempts for one event", 1, 30);
        var life = CommonOptions.Number("--time-to-live", "MINUTES", "How long an event is tried", 1, 1440);
        var dead = new Option<string?>("--dead-letters") { HelpName = "yes|no", Description = "Whether what could not be delivered is kept" };
        dead.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "yes", "no");
        var verb = new Verb(
            "update",
            "Changes a subscription; what is not named stays as it is. What waits is told as it is by then.",
            "events subscription update demo orders --target https://orders2.example.com/events --geography Europe",
            "events subscription update demo orders --type all --dead-letters yes --geography Europe")
        {
            resource, name, target, geography, exception, types, begins, ends, schema, headers, attempts, life, dead, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var change = new EventSubscriptionChange(
                parsed.GetValue(target),
                parsed.GetValue(geography),
                parsed.GetValue(exception),
                parsed.GetValue(types) switch { null or { Length: 0 } => null, ["all"] => [], var some => some },
                parsed.GetValue(begins),
                parsed.GetValue(ends),
                parsed.GetValue(schema)?.ToLowerInvariant() switch { null => null, "cloudevents" => "CloudEventSchemaV1_0", _ => "EventGridSchema" },
                parsed.GetValue(headers) is { Length: > 0 } given ? [.. given.Select(HeaderOf)] : null,
                parsed.GetValue(attempts),
                parsed.GetValue(life),
                parsed.GetValue(dead)?.Equals("yes", StringComparison.OrdinalIgnoreCase));
            if (change == new EventSubscriptionChange(null, null, null, null, null, null, null, null, null, null, null))
            {
                throw new CommandFailure("Name at least one thing to change, such as --target https://orders.example.com/events.");
            }

            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var changed = await client.Patch(
                AdminRoles.ForEvents, $"{PathOf(found)}/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}", AdminJson.Default.EventSubscriptionChange, change,
                AdminJson.Default.EventSubscriptionReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(changed, AdminJson.Readable.EventSubscriptionReply);
                return;
            }

            terminal.Output.WriteLine(changed.ConsentUntil is { } until
                ? $"{changed.Name} is {changed.State}: {changed.Target} was told how to consent, and has time until {Print.Time(until)}. Until it does, nothing is told."
                : $"{changed.Name} is {changed.State}: {changed.Target}.");
        });
        return verb;
    }

    private static Verb List(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("list", "Lists the subscriptions of a resource.", "events subscription list demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var subscriptions = (await client.Get(AdminRoles.ForLooking, PathOf(found), AdminJson.Default.PageEventSubscriptionReply, cancel)).Value;
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(subscriptions, AdminJson.Readable.IReadOnlyListEventSubscriptionReply);
                return;
            }

            var table = new Table("name", "state", "target", "in", "schema", "types");
            foreach (var subscription in subscriptions)
            {
                table.Add(
                    subscription.Name, subscription.State, subscription.Target, subscription.TargetGeography ?? "undeclared", subscription.Schema,
                    subscription.EventTypes.Count == 0 ? "all" : string.Join(", ", subscription.EventTypes));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var verb = new Verb("show", "Shows a subscription and what became of its events.", "events subscription show demo orders --geography Europe")
        {
            resource, name, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var shown = await client.Get(AdminRoles.ForLooking, $"{PathOf(found)}/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}", AdminJson.Default.EventSubscriptionReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(shown, AdminJson.Readable.EventSubscriptionReply);
                return;
            }

            var table = new Table();
            table.Add("name", shown.Name);
            table.Add("state", shown.State);
            table.Add("target", shown.Target);
            table.Add("target geography", shown.TargetGeography ?? "undeclared");
            table.Add("exception", shown.ExceptionReason ?? "none");
            table.Add("types", shown.EventTypes.Count == 0 ? "all" : string.Join(", ", shown.EventTypes));
            table.Add("subject", $"{shown.SubjectBeginsWith}*{shown.SubjectEndsWith}");
            table.Add("schema", shown.Schema);
            table.Add("headers", shown.Headers.Count == 0 ? "none" : string.Join(", ", shown.Headers));
            table.Add("tried", $"{shown.MaxDeliveryAttempts} times, {shown.EventTimeToLiveInMinutes} minutes");
            table.Add("dead letters", shown.DeadLetters ? "kept" : "not kept");
            if (shown.Counts is { } counts)
            {
                table.Add("waiting", $"{counts.Waiting}");
                table.Add("delivered", counts.LastDeliveredOn is { } last ? $"{counts.Delivered}, last {Print.Time(last)}" : $"{counts.Delivered}");
                table.Add("failed attempts", counts.LastFailure is { } failure ? $"{counts.FailedAttempts}, last {failure}" : $"{counts.FailedAttempts}");
                table.Add("given up", $"{counts.DeadLettered} kept, {counts.Dropped} not kept");
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb AskAgain(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var verb = new Verb("ask-again", "Asks the target for its consent once more.", "events subscription ask-again demo orders --geography Europe")
        {
            resource, name, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var asked = await client.Post(
                AdminRoles.ForEvents, $"{PathOf(found)}/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}:askAgain", AdminJson.Default.RedeliverRequest, new RedeliverRequest(null),
                AdminJson.Default.EventSubscriptionReply, cancel);
            terminal.Output.WriteLine($"{asked.Name} is {asked.State}.");
        });
        return verb;
    }

    private static Verb Delete(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var verb = new Verb("delete", "Deletes a subscription, with what waits for it and its dead letters.", "events subscription delete demo orders --geography Europe")
        {
            resource, name, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            await client.Delete(AdminRoles.ForEvents, $"{PathOf(found)}/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}", cancel);
            terminal.Output.WriteLine("Deleted.");
        });
        return verb;
    }

    private static Verb ListDead(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var verb = new Verb("list", "Lists the dead letters of a subscription: what became of them, not what they say.", "events dead-letters list demo orders --geography Europe")
        {
            resource, name, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var letters = new List<DeadLetterReply>();
            await foreach (var letter in client.List(AdminRoles.ForLooking, DeadPathOf(found, parsed.GetRequiredValue(name)), AdminJson.Default.PageDeadLetterReply, cancel))
            {
                letters.Add(letter);
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(letters, AdminJson.Readable.IReadOnlyListDeadLetterReply);
                return;
            }

            var table = new Table("id", "types", "events", "why", "attempts", "last", "published", "given up");
            foreach (var letter in letters)
            {
                table.Add(
                    letter.Id, string.Join(", ", letter.EventTypes), $"{letter.Events}", letter.DeadLetterReason, $"{letter.DeliveryAttempts}", letter.LastDeliveryOutcome ?? "",
                    Print.Time(letter.PublishTime), Print.Time(letter.DeadLetteredOn));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Redeliver(CommonOptions options, Terminal terminal)
    {
        var (resource, name) = (CommonOptions.Resource(), Name());
        var ids = new Option<string[]>("--id") { HelpName = "ID", Description = "A dead letter; once for each. Without one, all" };
        var verb = new Verb("redeliver", "Sends dead letters to their subscription again.", "events dead-letters redeliver demo orders --geography Europe")
        {
            resource, name, ids, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var wanted = parsed.GetValue(ids) is { Length: > 0 } some ? some : null;
            var total = 0;
            RedeliverReply reply;
            do
            {
                reply = await client.Post(
                    AdminRoles.ForDeadLetters, $"{DeadPathOf(found, parsed.GetRequiredValue(name))}:redeliver", AdminJson.Default.RedeliverRequest, new RedeliverRequest(wanted),
                    AdminJson.Default.RedeliverReply, cancel);
                total += reply.Redelivered;
            }
            while (wanted is null && reply.Redelivered > 0 && reply.Remaining > 0);
            terminal.Output.WriteLine($"{total} {(total == 1 ? "dead letter waits" : "dead letters wait")} again.");
        });
        return verb;
    }

    private static Verb Types(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb("types", "Lists the types of events that there are.", "events types --geography Europe")
        {
            options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var client = installation.Client(parsed.GetValue(options.Geography), "The types are those of a geography's nodes.");
            var types = (await client.Get(AdminRoles.ForLooking, "event-types", AdminJson.Default.PageEventTypeReply, cancel)).Value;
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(types, AdminJson.Readable.IReadOnlyListEventTypeReply);
                return;
            }

            var table = new Table("type", "told");
            foreach (var type in types)
            {
                table.Add(type.Name, type.IsPassing ? $"{type.Meaning} Once, without a second try." : type.Meaning);
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Argument<string> Name() => new("SUBSCRIPTION") { Description = "The subscription's name" };

    private static EventHeaderModel HeaderOf(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 ? new EventHeaderModel(text[..colon].Trim(), text[(colon + 1)..].Trim()) : throw CommandFailure.Usage("--header takes a name and a value, such as 'x-api-key: abc'.");
    }

    private static string PathOf(ResourceReply resource) => $"{Installation.ResourcePath(resource.Id)}/event-subscriptions";

    private static string DeadPathOf(ResourceReply resource, string name) => $"{PathOf(resource)}/{Uri.EscapeDataString(name)}/dead-letters";
}
