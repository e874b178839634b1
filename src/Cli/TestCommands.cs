using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Domicile.Cli;

/// <summary><c>domicile test</c>: steers a development server for the test-suite of an application.</summary>
internal static class TestCommands
{
    private static readonly string[] Kinds = ["latency", "tooMany", "unavailable", "connectionReset", "answerLost"];

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb(
            "test",
            "Steers a server in development mode for the test-suite of an application: its clock, faults, what it answered, an empty store. See docs/guides/testing.md.",
            "test turn 25h --data DIR",
            "test fault ChatThread_SendChatMessage tooMany --times 1 --data DIR")
        {
            Turn(options, terminal),
            Fault(options, terminal),
            Clear(options, terminal),
            Requests(options, terminal),
            Reset(options, terminal),
        };

    private static Verb Turn(CommonOptions options, Terminal terminal)
    {
        var forward = new Argument<TimeSpan>("FORWARD")
        {
            Description = "How far: a number and s, m, h or d",
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (ReadSpan(text) is { } span)
                {
                    return span;
                }

                result.AddError($"FORWARD takes a number and s, m, h or d, such as 25h, not '{text}'.");
                return default;
            },
        };
        var verb = new Verb("turn", "Turns the server's clock forward; what expires by then is removed before the answer comes.", "test turn 25h --data DIR", "test turn 31d --data DIR --json")
        {
            forward, options.Geography, options.Data, options.Json,
        };
        verb.SetAction((parsed, cancel) => Show(
            parsed, options, terminal, client => client.Post(
                AdminRoles.ForTests, "test/clock:turn", AdminJson.Default.TurnClockRequest, new TurnClockRequest(parsed.GetRequiredValue(forward).TotalSeconds), AdminJson.Default.JsonElement, cancel)));
        return verb;
    }

    private static Verb Fault(CommonOptions options, Terminal terminal)
    {
        var operation = new Argument<string>("OPERATION") { Description = "The operation, such as ChatThread_SendChatMessage; '*' for all of the resources" };
        var kind = new Argument<string>("KIND") { Description = "latency (only held up), tooMany (429), unavailable (503), connectionReset (before anything is done), answerLost (when all is done)" };
        kind.AcceptOnlyFromAmong(Kinds);
        var retry = CommonOptions.Number("--retry-after", "SECONDS", "What a 429 or 503 says of when to come back. Default: 1", 0, 3_600);
        var latency = CommonOptions.Number("--latency", "MS", "How long the request is held up first. Default: 0", 0, 60_000);
        var times = CommonOptions.Number("--times", "N", "How many requests meet it. Default: all until it is cleared", 1, 1_000_000);
        var percent = CommonOptions.Number("--percent", "N", "How many of a hundred requests meet it, at random. Default: 100", 1, 100);
        var verb = new Verb(
            "fault",
            "Makes requests of an operation go wrong from now on.",
            "test fault ChatThread_SendChatMessage tooMany --retry-after 2 --times 1 --data DIR",
            "test fault '*' latency --latency 300 --percent 20 --data DIR")
        {
            operation, kind, retry, latency, times, percent, options.Geography, options.Data, options.Json,
        };
        verb.SetAction((parsed, cancel) => Show(
            parsed, options, terminal, client => client.Post(
                AdminRoles.ForTests,
                "test/faults",
                AdminJson.Default.FaultRequest,
                new FaultRequest(
                    parsed.GetRequiredValue(operation), parsed.GetRequiredValue(kind), null, parsed.GetValue(retry), parsed.GetValue(latency), parsed.GetValue(times), parsed.GetValue(percent)),
                AdminJson.Default.JsonElement,
                cancel)));
        return verb;
    }

    private static Verb Clear(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb("clear", "Takes all faults away.", "test clear --data DIR") { options.Geography, options.Data };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            await Client(parsed, options, installation).Delete(AdminRoles.ForTests, "test/faults", cancel);
        });
        return verb;
    }

    private static Verb Requests(CommonOptions options, Terminal terminal)
    {
        var after = CommonOptions.Number("--after", "N", "Only answers after the one of this number. Default: all that are remembered", 0, int.MaxValue);
        var verb = new Verb("requests", "Shows what the server answered: operations, states and times, nothing of anybody's.", "test requests --data DIR", "test requests --after 120 --json --data DIR")
        {
            after, options.Geography, options.Data, options.Json,
        };
        verb.SetAction((parsed, cancel) => Show(
            parsed, options, terminal, client => client.Get(
                AdminRoles.ForTests, $"test/requests?after={(parsed.GetValue(after) ?? 0).ToString(CultureInfo.InvariantCulture)}", AdminJson.Default.JsonElement, cancel)));
        return verb;
    }

    private static Verb Reset(CommonOptions options, Terminal terminal)
    {
        var resource = new Option<string?>("--resource") { HelpName = "NAME|ID", Description = "Only this one. Default: every resource of the geography" };
        var verb = new Verb("reset", "Empties resources; origins and keys stay. Faults go, the clock stays where it is.", "test reset --data DIR", "test reset --resource demo --data DIR") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction((parsed, cancel) => Show(
            parsed, options, terminal, client => client.Post(
                AdminRoles.ForTests, "test/reset", AdminJson.Default.ResetRequest, new ResetRequest(parsed.GetValue(resource)), AdminJson.Default.JsonElement, cancel)));
        return verb;
    }

    private static async Task Show(ParseResult parsed, CommonOptions options, Terminal terminal, Func<AdminClient, Task<JsonElement>> ask)
    {
        using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
        var answer = await ask(Client(parsed, options, installation));
        if (parsed.GetValue(options.Json))
        {
            terminal.Json(answer, AdminJson.Readable.JsonElement);
            return;
        }

        Print.Text(terminal.Output, answer);
    }

    private static AdminClient Client(ParseResult parsed, CommonOptions options, Installation installation) =>
        installation.Client(parsed.GetValue(options.Geography), "Which geography of the server is meant?");

    /// <summary>A number and a unit.</summary>
    private static TimeSpan? ReadSpan(string text)
    {
        const double most = 3_650 * 86_400d;
        var seconds = text is [.., var unit] && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? unit switch { 's' => number, 'm' => number * 60, 'h' => number * 3_600, 'd' => number * 86_400, _ => 0 }
            : 0;
        return seconds is > 0 and <= most ? TimeSpan.FromSeconds(seconds) : null;
    }
}
