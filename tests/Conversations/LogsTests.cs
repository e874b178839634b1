using System.Text.Json;
using Domicile.Tests.Hardness;

namespace Domicile.Tests.Conversations;

/// <summary>Operation logs, from the setting that asks for them to queries on the unmodified client of Azure Monitor, and the commands.</summary>
[Trait("needs", "node")]
public sealed class LogsTests : Conversation, IClassFixture<LogsTests.Logged>
{
    private readonly Logged _logged;

    public LogsTests(Logged logged)
    {
        _logged = logged;
    }

    [Fact]
    public Task A_query_is_answered_with_columns_types_and_rows() => GoesWell();

    [Fact]
    public Task Groups_are_counted_by_whoever_may_not_open_them() => GoesWell();

    [Fact]
    public Task Statistics_and_a_chart_come_with_the_answer_when_they_are_asked_for() => GoesWell();

    [Fact]
    public Task A_fault_has_its_place() => GoesWell();

    [Fact]
    public Task What_nobody_may_and_what_there_is_not_is_refused() => GoesWell();

    [Fact]
    public Task A_batch_is_answered_query_by_query() => GoesWell();

    [Fact]
    public async Task The_commands_export_and_purge_and_the_audit_log_has_it()
    {
        await Played();
        Assert.Equal(3, _logged.Lines.Count(line => line.GetProperty("OperationName").GetString() == "ChatThread_SendChatMessage"));
        Assert.All(_logged.Lines, line => Assert.Equal("ACSChatIncomingOperations", line.GetProperty("Type").GetString()));
        Assert.StartsWith("TimeGenerated,OperationName,", _logged.Csv, StringComparison.Ordinal);
        Assert.Equal(3, _logged.Purged.GetProperty("purged").GetInt64());
        Assert.DoesNotContain(_logged.After, line => line.GetProperty("OperationName").GetString() == "ChatThread_SendChatMessage");
        Assert.Contains("logging.changed", _logged.Acts, StringComparison.Ordinal);
        Assert.Contains("operations.read", _logged.Acts, StringComparison.Ordinal);
        Assert.Contains("operations.purged", _logged.Acts, StringComparison.Ordinal);
        Assert.Contains("Case 4711", _logged.Acts, StringComparison.Ordinal);
    }

    [Fact]
    public void The_metrics_say_how_much_in_the_text_form_and_never_of_whom()
    {
        Assert.Contains("# TYPE domicile_requests_duration_seconds histogram\n", _logged.Metrics, StringComparison.Ordinal);
        Assert.Contains("domicile_requests_duration_seconds_count{operation=\"ChatThread_SendChatMessage\",status=\"2xx\"} 3\n", _logged.Metrics, StringComparison.Ordinal);
        Assert.Contains("# TYPE domicile_logs_written_total counter\n", _logged.Metrics, StringComparison.Ordinal);
        Assert.DoesNotMatch("[0-9a-f]{8}-[0-9a-f]{4}-", _logged.Metrics);
        Assert.DoesNotContain("8:acs", _logged.Metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("demo", _logged.Metrics, StringComparison.Ordinal);
        Assert.All(_logged.Metrics.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches(@"\A(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[^{}]*\})? -?[0-9.E+-]+)\z", line));
    }

    [Fact]
    public void The_commands_show_the_alerts_set_one_silence_it_and_ask_a_query()
    {
        Assert.Equal(["delivery-failures", "failed-sign-ins", "mass-deletion", "mass-export"], _logged.Alerts.EnumerateArray().Select(rule => rule.GetProperty("name").GetString()));
        Assert.Equal(500, _logged.Changed.GetProperty("threshold").GetDouble());
        Assert.True(_logged.Silenced.TryGetProperty("silencedUntil", out _));
        Assert.Contains("alert.changed", _logged.Acts, StringComparison.Ordinal);
        Assert.Contains("3", _logged.Answer, StringComparison.Ordinal);
        Assert.Contains("(line 1, character", _logged.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ready_queries_are_listed_and_those_that_this_version_has_tables_for_are_answered()
    {
        Assert.Equal(25, _logged.Queries.GetArrayLength());
        Assert.Equal(
            Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs", "queries"), "*.kql").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal),
            _logged.Queries.EnumerateArray().Select(query => query.GetProperty("name").GetString()!));
        Assert.Equal(25, _logged.Statuses.Count);
        Assert.All(_logged.Queries.EnumerateArray(), query =>
            Assert.Equal((query.GetProperty("name").GetString(), query.GetProperty("isAnswerable").GetBoolean() ? 200 : 400), (query.GetProperty("name").GetString(), _logged.Statuses[query.GetProperty("name").GetString()!])));
        Assert.InRange(_logged.Statuses.Values.Count(status => status == 200), 15, 24);
        Assert.Contains("call-quality", _logged.QueriesTable, StringComparison.Ordinal);
        Assert.Matches(@"chat-of-a-person +What a person did in chat +yes +person", _logged.QueriesTable);
    }

    [Fact]
    public void A_ready_query_is_asked_by_its_name_with_its_constants_set()
    {
        Assert.Equal(["Chat_CreateChatThread", "ChatThread_SendChatMessage", "ChatThread_SendChatMessage", "ChatThread_SendChatMessage"], Rows(_logged.OfAda).Select(row => row[1].GetString()));
        Assert.Empty(Rows(_logged.OfNobody));
        Assert.Contains("Did you mean 'chat-latency'?", _logged.NoSuchQuery, StringComparison.Ordinal);
        Assert.Contains("there can be set: slowest", _logged.NoSuchConstant, StringComparison.Ordinal);
        Assert.Contains("slowest is written like 1s", _logged.NoSuchTime, StringComparison.Ordinal);
        static List<JsonElement> Rows(string answer) => [.. JsonElement.Parse(answer).GetProperty("tables")[0].GetProperty("rows").EnumerateArray()];
    }

    [Fact]
    public void A_query_in_the_address_is_answered_with_the_rows_of_one_in_the_body()
    {
        var table = _logged.ByGet.GetProperty("tables")[0];
        Assert.Equal(["OperationName", "Requests"], table.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
        Assert.Equal(["ChatThread_SendChatMessage", "Chat_CreateChatThread"], table.GetProperty("rows").EnumerateArray().Select(row => row[0].GetString()));
        Assert.Equal([3, 1], table.GetProperty("rows").EnumerateArray().Select(row => row[1].GetInt32()));
        Assert.Equal(_logged.ByPost.GetProperty("tables").GetRawText(), _logged.ByGet.GetProperty("tables").GetRawText());
        Assert.Empty(_logged.OfBefore.GetProperty("tables")[0].GetProperty("rows").EnumerateArray());
    }

    private protected override Task<ScriptSummary> Played() => Task.FromResult(_logged.Played!);

    /// <summary>A server on which somebody chatted while it was logged.</summary>
    public sealed class Logged : IAsyncLifetime
    {
        private ServerProcess? _server;

        internal ScriptSummary? Played { get; private set; }

        internal List<JsonElement> Lines { get; private set; } = [];

        internal List<JsonElement> After { get; private set; } = [];

        internal string Csv { get; private set; } = "";

        internal JsonElement Purged { get; private set; }

        internal string Acts { get; private set; } = "";

        internal string Metrics { get; private set; } = "";

        internal JsonElement Alerts { get; private set; }

        internal JsonElement Changed { get; private set; }

        internal JsonElement Silenced { get; private set; }

        internal string Answer { get; private set; } = "";

        internal string Fault { get; private set; } = "";

        internal JsonElement Queries { get; private set; }

        internal JsonElement ByGet { get; private set; }

        internal JsonElement ByPost { get; private set; }

        internal JsonElement OfBefore { get; private set; }

        internal string QueriesTable { get; private set; } = "";

        internal Dictionary<string, int> Statuses { get; } = [];

        internal string OfAda { get; private set; } = "";

        internal string OfNobody { get; private set; } = "";

        internal string NoSuchQuery { get; private set; } = "";

        internal string NoSuchConstant { get; private set; } = "";

        internal string NoSuchTime { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            var server = _server = await ServerProcess.Start();
            var administration = new Administration(server);
            await Command("logs", "settings", "set", "demo", "all", "--all");
            using var wire = new Wire(server.Europe, server.CertificateAuthority);
            var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
            var thread = await wire.NewThread(ada, bo);
            for (var i = 0; i < 3; i++)
            {
                await wire.Say(ada, thread, $"secret {i}");
            }

            var (officer, reader) = (await administration.Token("privacy"), await administration.Token("reader"));
            var workspace = (await Command("logs", "show", "demo", "--json")).Trim();
            var id = JsonElement.Parse(workspace).GetProperty("workspace").GetString()!;
            await Eventually.Holds(async () => (Lines = await Export()).Count(line => line.GetProperty("OperationName").GetString() == "ChatThread_SendChatMessage") == 3, TimeSpan.FromSeconds(30), () => "the messages are logged");
            Assert.DoesNotContain("secret", string.Join("", Lines), StringComparison.Ordinal);
            Played = await NodeScript.Play("logs.mjs", server, new Dictionary<string, string>
            {
                ["LOGS_ENDPOINT"] = server.Europe.Origin,
                ["LOGS_WORKSPACE"] = id,
                ["LOGS_READER"] = reader,
                ["LOGS_OFFICER"] = officer,
                ["LOGS_USER"] = ada.Id,
            });
            using (var admin = administration.Wire())
            {
                Metrics = (await admin.Send(HttpMethod.Get, "/metrics")).Is(200).Body;
            }

            Alerts = JsonElement.Parse(await Command("alert", "list", "demo", "--json"));
            Changed = JsonElement.Parse(await Command("alert", "set", "demo", "mass-deletion", "--threshold", "500", "--json"));
            Silenced = JsonElement.Parse(await Command("alert", "silence", "demo", "mass-deletion", "--minutes", "60", "--json"));
            Answer = await Command("logs", "query", "demo", "ACSChatIncomingOperations | where OperationName == 'ChatThread_SendChatMessage' | count");
            Fault = (await server.TryCommand("logs", "query", "demo", "Nothing | count", "--geography", "Europe", "--data", server.Data)).Output;
            const string Requests = "ACSChatIncomingOperations | where OperationName startswith 'Chat' and OperationName !startswith 'ChatThread_L' | summarize Requests = count() by OperationName | order by Requests desc";
            var path = $"/v1/workspaces/{id}/query";
            ByPost = (await wire.AsUser(reader, HttpMethod.Post, path, new { query = Requests, timespan = "P1D" })).Is(200).Json;
            ByGet = (await wire.AsUser(reader, HttpMethod.Get, $"{path}?query={Uri.EscapeDataString(Requests)}&timespan=P1D")).Is(200).Json;
            OfBefore = (await wire.AsUser(reader, HttpMethod.Get, $"{path}?query={Uri.EscapeDataString(Requests)}&timespan={Uri.EscapeDataString("2020-01-01T00:00:00Z/P1D")}")).Is(200).Json;
            QueriesTable = await Command("logs", "queries");
            Queries = JsonElement.Parse(await Command("logs", "queries", "--json"));
            foreach (var query in Queries.EnumerateArray())
            {
                var answer = await wire.AsUser(officer, HttpMethod.Post, $"/v1/workspaces/{id}/query", new { query = query.GetProperty("query").GetString() });
                Statuses.Add(query.GetProperty("name").GetString()!, answer.Status);
            }

            OfAda = await Command("logs", "query", "demo", "--named", "chat-of-a-person", "--with", $"person={ada.Id}", "--json");
            OfNobody = await Command("logs", "query", "demo", "--named", "chat-of-a-person", "--with", "person=a\\\" or 1 == 1 or \"", "--json");
            NoSuchQuery = (await server.TryCommand("logs", "query", "demo", "--named", "chat-latncy", "--geography", "Europe", "--data", server.Data)).Output;
            NoSuchConstant = (await server.TryCommand("logs", "query", "demo", "--named", "chat-slow-requests", "--with", "fastest=1s", "--geography", "Europe", "--data", server.Data)).Output;
            NoSuchTime = (await server.TryCommand("logs", "query", "demo", "--named", "chat-slow-requests", "--with", "slowest=1s;x", "--geography", "Europe", "--data", server.Data)).Output;
            Csv = await Command("logs", "export", "demo", "--table", "ACSChatIncomingOperations", "--format", "csv");
            Purged = JsonElement.Parse(await Command(
                "logs", "purge", "demo", "--table", "ACSChatIncomingOperations", "--filter", $"UserId == {ada.Id}", "--filter", "OperationName == ChatThread_SendChatMessage", "--reason", "Case 4711", "--json"));
            After = await Export();
            var file = Path.Combine(server.Data, "exported.jsonl");
            await Command("audit", "export", file);
            Acts = await File.ReadAllTextAsync(file);
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null)
            {
                await _server.DisposeAsync();
            }
        }

        private async Task<List<JsonElement>> Export() =>
            [.. (await Command("logs", "export", "demo", "--table", "ACSChatIncomingOperations")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];

        private async Task<string> Command(params string[] words) => await _server!.Command([.. words, "--geography", "Europe", "--data", _server.Data]);
    }
}
