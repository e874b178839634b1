using Domicile.Modules.Http;
using Domicile.Modules.Logs;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Hardness;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Logs;

public sealed class SqliteLogRowsTests() : LogRowsTests(new SqliteFixture())
{
    [Fact]
    public async Task While_the_disk_is_full_entries_wait_up_to_a_bound_then_are_counted_and_the_rest_is_written_once_there_is_room()
    {
        var ada = await Person("ada");
        await SwitchOn("ChatOperational");
        await Write(Call(ada));
        var engine = (Domicile.Storage.Sqlite.SqliteStoreEngine)Fixture.Unit.Engine;
        await engine.OnWriter(session => session.Number("PRAGMA max_page_count(1)"), Cancel);

        // More than wait and are tried together: what is beyond must be dropped, and at once.
        const int Burst = LogWriter.QueueMax + (2 * LogWriter.BatchMax) + 5_000;
        for (var i = 0; i < Burst; i++)
        {
            Logs.Take(Call(ada));
        }

        var (_, dropped) = Logs.WriterOf(Home).TallyOf(Home.ResourceId);
        Assert.InRange(dropped, 1, Burst);
        await engine.OnWriter(session => session.Number("PRAGMA max_page_count(1000000)"), Cancel);
        await Settle();
        var (written, still) = Logs.WriterOf(Home).TallyOf(Home.ResourceId);
        Assert.Equal((Burst + 1L, dropped), (written + still, still));
        Assert.Equal(written, await Fixture.Rows("logs_chatoperation"));
    }
}

[Trait("needs", "postgres")]
public sealed class PostgresLogRowsTests() : LogRowsTests(new PostgresFixture());

/// <summary>Operation logs at rest, on both engines.</summary>
public abstract class LogRowsTests(StoreFixture fixture) : IAsyncLifetime
{
    private static readonly LogSource[] Sources = [new AuthLog(), new ChatLog(), new UsageLog()];
    private static readonly Operation Send = Interface.Operation("ChatThread_SendChatMessage");
    private static readonly Operation Issue = Interface.Operation("CommunicationIdentity_IssueAccessToken");

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected StoreFixture Fixture => fixture;

    protected Home Home => fixture.Home;

    internal OperationLogs Logs { get; private set; } = null!;

    private LogSettings Settings { get; set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await fixture.Open(ProductModules.Catalogue());
        Settings = new LogSettings(Sources);
        Logs = new OperationLogs(Settings, Sources, pace: new LogPace(TimeSpan.Zero, TimeSpan.FromMilliseconds(20)));
        Logs.Prepare([fixture.Unit.Own]);
        Logs.Start();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Logs.DisposeAsync();
        await fixture.DisposeAsync();
    }

    [Fact]
    public async Task What_no_setting_asks_for_is_not_stored_and_a_setting_holds_from_then_on()
    {
        var ada = await Person("ada");
        await Write(Call(ada), Call(ada, Issue));
        Assert.Equal(0, await Fixture.Rows("logs_chatoperation") + await Fixture.Rows("logs_authoperation"));
        await SwitchOn("ChatOperational");
        await Write(Call(ada), Call(ada, Issue));
        Assert.Equal((1, 0), (await Fixture.Rows("logs_chatoperation"), await Fixture.Rows("logs_authoperation")));
        Assert.True(Logs.Hear(Send, new ServedResource(Home, [[], []]), 201));
        Assert.False(Logs.Hear(Issue, new ServedResource(Home, [[], []]), 200));
        await Commit(b => b.Delete<LogSetting>(["test"]));
        Assert.True(Logs.Hear(Send, new ServedResource(Home, [[], []]), 201), "Until it is known what is switched on, everything is taken.");
        await Write(Call(ada));
        Assert.Equal(1, await Fixture.Rows("logs_chatoperation"));
        Assert.False(Logs.Hear(Send, new ServedResource(Home, [[], []]), 201));
    }

    [Fact]
    public async Task An_entry_has_the_columns_of_its_table_and_opens_for_those_who_may()
    {
        var ada = await Person("ada");
        await SwitchOn("AuthOperational", "ChatOperational", "Usage");
        await Write(Call(ada), Call(ada, Issue), Call(ada, status: 403));
        var rows = await Rows("ACSChatIncomingOperations | where ResultSignature == '201'");
        var row = Assert.Single(rows);
        Assert.Equal("ChatThread_SendChatMessage", row["OperationName"]);
        Assert.Equal(("Succeeded", "Informational", "12", "2025-03-15"), (row["ResultType"], row["Level"], row["DurationMs"], row["OperationVersion"]));
        Assert.Equal(("communication-chat", "js"), (row["SdkType"], row["PlatformType"]));
        Assert.Equal(("19:a@thread.v2", "1767225600000"), (row["ChatThreadId"], row["ChatMessageId"]));
        Assert.Equal(("ada", "192.0.2.7"), (row["UserId"], row["CallerIpAddress"]));
        Assert.Equal("https://demo.example/chat/threads/{threadId}/messages", row["URI"]);
        Assert.Equal($"{Home.ResourceId:D}", row["TenantId"]);
        Assert.Equal("ACSChatIncomingOperations", row["Type"]);
        var issued = Assert.Single(await Rows("ACSAuthIncomingOperations"));
        Assert.Equal(("ada", "[\"chat\"]"), (issued["Identity"], issued["Scopes"]));
        var used = Assert.Single(await Rows("ACSBillingUsage"));
        Assert.Equal(("ada", "1.0", "messages", "chat"), (used["UserIdA"], used["Quantity"], used["UnitType"], used["UsageType"]));
    }

    [Fact]
    public async Task Whoever_may_not_open_counts_and_compares_and_is_refused_what_needs_opening()
    {
        var (ada, bo) = (await Person("ada"), await Person("bo"));
        await SwitchOn("ChatOperational");
        await Write(Call(ada), Call(ada), Call(bo));
        var counted = await Ask("ACSChatIncomingOperations | summarize n = count(), people = dcount(UserId)", mayOpen: false);
        Assert.Equal([3L, 2L], counted.Answer.Result!.Table.Rows[0].Select(cell => cell.Long));
        var compared = await Ask("ACSChatIncomingOperations | where UserId == 'ada' | count", mayOpen: false);
        Assert.Equal(2, compared.Answer.Result!.Table.Rows[0][0].Long);
        Assert.Empty(counted.Audited);
        foreach (var query in new[] { "ACSChatIncomingOperations | project UserId", "ACSChatIncomingOperations | where UserId startswith 'a' | count", "ACSChatIncomingOperations | where CallerIpAddress == '192.0.2.7' | count" })
        {
            var refused = await Ask(query, mayOpen: false);
            Assert.Equal(LogQueryFault.Forbidden, refused.Answer.Error?.Fault);
            Assert.Empty(refused.Audited);
        }

        var opened = await Ask("ACSChatIncomingOperations | where UserId startswith 'a' | project UserId, CallerIpAddress", mayOpen: true);
        Assert.Equal(2, opened.Answer.Result!.Table.Rows.Count);
        Assert.Equal("ACSChatIncomingOperations.CallerIpAddress, ACSChatIncomingOperations.UserId", Assert.Single(opened.Audited));
    }

    [Fact]
    public async Task After_an_erasure_what_happened_is_still_counted_and_nobody_learns_who_it_was()
    {
        var (ada, bo) = (await Person("ada"), await Person("bo"));
        await SwitchOn("AuthOperational", "ChatOperational", "Usage");
        await Write(Call(ada), Call(bo), Call(ada, Issue));
        Assert.Contains("logs.chatOperation", (await Home.Subjects.Count(ada, Cancel)).Select(count => count.Kind.Name));
        Assert.Null(await Home.EraseSubject(ada, _ => { }, Cancel));
        for (var removed = false; removed is false; removed = true)
        {
            await CheckErased();
            await Fixture.Unit.Housekeeping.Purge(Cancel);
        }

        await CheckErased();
        Assert.Empty(await Home.Subjects.Count(ada, Cancel));

        // What was on its way while the person was erased is written without them.
        await Write(Call(ada), Call(bo));
        var late = await Rows("ACSChatIncomingOperations | where isempty(CallerIpAddress)");
        Assert.Contains(late, row => row["CallerIpAddress"].Length == 0);
        Assert.Equal(4, (await Rows("ACSChatIncomingOperations")).Count);

        async Task CheckErased()
        {
            var rows = await Rows("ACSChatIncomingOperations | order by TimeGenerated asc");
            Assert.Equal(["", "bo"], rows.Select(row => row["UserId"]).Order());
            var erased = rows.Single(row => row["UserId"].Length == 0);
            Assert.Equal(("ChatThread_SendChatMessage", "201", "", ""), (erased["OperationName"], erased["ResultSignature"], erased["CallerIpAddress"], erased["CorrelationId"]));
            Assert.Empty(await Rows("ACSChatIncomingOperations | where UserId == 'ada'"));
            Assert.Equal("", Assert.Single(await Rows("ACSAuthIncomingOperations"))["Identity"]);
        }
    }

    [Fact]
    public async Task A_table_is_kept_for_its_days_and_goes_with_the_key_of_its_day()
    {
        var ada = await Person("ada");
        await SwitchOn("ChatOperational", "AuthOperational");
        Assert.Null(await RetentionRule.Set(Home, "logs.authDay", 4, new AuditNote(AuditedAct.RuleChanged, "test"), Cancel));
        fixture.Clock.Turn(TimeSpan.FromDays(8));
        await Write(Call(ada), Call(ada, Issue));
        fixture.Clock.Turn(TimeSpan.FromDays(5));
        await Fixture.Unit.Housekeeping.Sweep(Cancel);
        Assert.Empty(await Rows("ACSAuthIncomingOperations"));
        Assert.Single(await Rows("ACSChatIncomingOperations"));
        fixture.Clock.Turn(TimeSpan.FromDays(25));
        Assert.Single(await Rows("ACSChatIncomingOperations"));
        fixture.Clock.Turn(TimeSpan.FromDays(1));
        await Fixture.Unit.Housekeeping.Sweep(Cancel);
        Assert.Empty(await Rows("ACSChatIncomingOperations"));
        await Fixture.Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("logs_chatoperation") + await Fixture.Rows("logs_authoperation"));
        Assert.Equal(StorageProblems.NoSuchRule, await RetentionRule.Set(Home, "logs.chatDay", 3, new AuditNote(AuditedAct.RuleChanged, "test"), Cancel));
        Assert.Equal(StorageProblems.NoSuchRule, await RetentionRule.Set(Home, "logs.chatDay", 731, new AuditNote(AuditedAct.RuleChanged, "test"), Cancel));
    }

    [Fact]
    public async Task Pages_and_ranges_give_every_entry_once()
    {
        var ada = await Person("ada");
        await SwitchOn("ChatOperational");
        var began = fixture.Clock.GetUtcNow();
        for (var day = 0; day < 3; day++)
        {
            for (var some = 0; some < 3; some++)
            {
                await Write([.. Enumerable.Range(0, 400).Select(_ => Call(ada))]);
            }

            fixture.Clock.Turn(TimeSpan.FromDays(1));
        }

        Assert.Equal(3_600, (await Ask("ACSChatIncomingOperations | distinct CorrelationId | count", mayOpen: false)).Answer.Result!.Table.Rows[0][0].Long);
        var second = new LogTimeRange(began.AddHours(12).UtcDateTime, began.AddHours(36).UtcDateTime);
        Assert.Equal(1_200, (await Ask("ACSChatIncomingOperations | count", mayOpen: false, second)).Answer.Result!.Table.Rows[0][0].Long);
        Assert.Equal(0, (await Ask("ACSChatIncomingOperations | count", mayOpen: false, new LogTimeRange(began.AddDays(9).UtcDateTime, began.AddDays(10).UtcDateTime))).Answer.Result!.Table.Rows[0][0].Long);
        await Commit(b => b.Insert(new LogSetting { Name = "theirs", AllLogs = true, Categories = [] }), fixture.Neighbour);
        Assert.Equal(0, (await Ask("ACSChatIncomingOperations | count", mayOpen: false, home: fixture.Neighbour)).Answer.Result!.Table.Rows[0][0].Long);
    }

    [Fact]
    public async Task A_query_for_people_opens_their_entries_and_nobody_elses_and_answers_the_same()
    {
        var (ada, bo) = (await Person("ada"), await Person("bo"));
        var others = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => Person($"other {i}")));
        await SwitchOn("ChatOperational");
        var began = fixture.Clock.GetUtcNow();
        for (var day = 0; day < 4; day++)
        {
            await Write([.. Enumerable.Range(0, 400).Select(i => Call(i % 100 == 7 ? ada : i % 100 == 9 && day > 0 ? bo : others[i % 5], status: i % 200 == 7 ? 403 : 201)), Call(default)]);
            fixture.Clock.Turn(TimeSpan.FromDays(1));
        }

        // Each beside the same condition as it is not handed on, which has everything opened.
        var ranges = new LogTimeRange?[] { null, new(began.AddDays(1).UtcDateTime, began.AddDays(3).UtcDateTime), new(began.AddDays(1).AddHours(1).UtcDateTime, began.AddDays(9).UtcDateTime), new(began.AddDays(40).UtcDateTime, began.AddDays(50).UtcDateTime) };
        foreach (var (condition, same, most) in new[]
        {
            ("UserId == 'ada'", "not(UserId != 'ada')", 16),
            ("UserId in ('ada', 'bo')", "not(UserId !in ('ada', 'bo'))", 28),
            ("UserId in ('bo', 'ada', 'nobody')", "not(UserId !in ('bo', 'ada', 'nobody'))", 28),
            ("UserId == 'nobody'", "not(UserId != 'nobody')", 0),
            ("UserId == 'ada' and UserId == 'bo'", "not(UserId != 'ada') and not(UserId != 'bo')", 16),
            ("UserId == 'ada' and ResultSignature == '403'", "not(UserId != 'ada') and ResultSignature == '403'", 16),
            ("UserId == ''", "not(UserId != '')", 1_604),
            ("UserId in ('ada', '')", "not(UserId !in ('ada', ''))", 1_604),
            ("UserId == 'ada' or UserId == 'bo'", "not(UserId != 'ada') or not(UserId != 'bo')", 1_604),
        })
        {
            foreach (var range in ranges)
            {
                foreach (var rest in new[] { "project TimeGenerated, UserId, CorrelationId", "take 3 | project CorrelationId", "summarize n = count() by UserId, ResultSignature", "top 2 by TimeGenerated desc | project CorrelationId" })
                {
                    var (found, opened) = await Look($"ACSChatIncomingOperations | where {condition} | {rest}", range);
                    var (all, everything) = await Look($"ACSChatIncomingOperations | where {same} | {rest}", range);
                    Assert.Equal(all, found);
                    Assert.InRange(opened, 0, most);
                    Assert.True(most > 1_000 || everything > 700 || range is not null || rest.StartsWith("take", StringComparison.Ordinal), "What it is compared with does read everything.");
                }
            }
        }

        // As many again of the others': nothing more is opened.
        await Write([.. Enumerable.Range(0, 1_500).Select(i => Call(others[i % 5]))]);
        Assert.Equal(16, (await Look("ACSChatIncomingOperations | where UserId == 'ada' | project CorrelationId", null)).RowsRead);

        // More than a page of one person's.
        await Write([.. Enumerable.Range(0, 2_500).Select(_ => Call(bo))]);
        var many = await Look("ACSChatIncomingOperations | where UserId in ('ada', 'bo') | distinct CorrelationId | count", null);
        Assert.Equal(("2528", 2_528), (many.Text, many.RowsRead));
    }

    private async Task<(string Text, long RowsRead)> Look(string query, LogTimeRange? range)
    {
        var tables = await ResourceLogs.Open(Home, Sources, mayOpen: true, (_, _) => Task.CompletedTask, Cancel);
        var answer = await LogQuery.Run(new LogQueryRequest(query, range ?? LogTimeRange.All), tables, fixture.Clock, Cancel);
        Assert.True(answer.Error is null, answer.Error?.Message);
        var table = answer.Result!.Table;
        return (string.Join('\n', table.Rows.Select(row => string.Join(' ', table.Columns.Select((column, at) => LogText.Of(column.Type, row[at]))))), tables.RowsRead);
    }

    [Fact]
    public async Task What_is_held_is_neither_swept_nor_purged()
    {
        var ada = await Person("ada");
        await SwitchOn("ChatOperational");
        await Write(Call(ada));
        await Commit(b => b.Insert(new Hold
        {
            Id = Guid.CreateVersion7(),
            Covers = Hold.Subject,
            Person = ada,
            Reason = "r",
            PlacedOn = fixture.Clock.GetUtcNow(),
            ReviewOn = fixture.Clock.GetUtcNow().AddDays(1),
        }));
        fixture.Clock.Turn(TimeSpan.FromDays(40));
        await Fixture.Unit.Housekeeping.Sweep(Cancel);
        Assert.Single(await Rows("ACSChatIncomingOperations"));
        var source = new ChatLog();
        var page = await source.Read(new LogPageRequest(Home, LogTimeRange.All, [source.Table.Columns[0]], null, _ => default), Cancel);
        Assert.True(StorageProblems.IsHeld(await source.Delete(Home, page.Keys, Cancel)));
        Assert.Single(await Rows("ACSChatIncomingOperations"));
    }

    internal AnsweredCall Call(SubjectRef person, Operation? operation = null, int status = 201) => new()
    {
        Operation = operation ?? Send,
        Home = Home,
        Origin = "https://demo.example",
        Status = status,
        Took = TimeSpan.FromMilliseconds(12.3),
        At = fixture.Clock.GetUtcNow(),
        RequestId = $"{Guid.NewGuid():n}",
        ApiVersion = "2025-03-15",
        Person = person,
        Scopes = operation == Issue ? ["chat"] : [],
        Thread = "19:a@thread.v2",
        Message = "1767225600000",
        Address = "192.0.2.7",
        Client = "azsdk-js-communication-chat/1.6.0 core-rest-pipeline/1.22.0",
    };

    protected Task<SubjectRef> Person(string id) => Home.AddSubject([new Identifier(Identifier.CommunicationUser, id)], Cancel);

    protected async Task SwitchOn(params string[] categories) => await Commit(b => b.Insert(new LogSetting { Name = "test", AllLogs = false, Categories = categories }));

    internal async Task Write(params AnsweredCall[] calls)
    {
        foreach (var call in calls)
        {
            Logs.Take(call);
        }

        await Settle();
    }

    protected Task Settle() => Logs.WriterOf(Home).Settle(Cancel);

    private async Task Commit(Action<Batch> build, Home? home = null) => Assert.Null((await (home ?? Home).Store.Commit(build, Cancel)).Refused);

    private async Task<(LogQueryAnswer Answer, List<string> Audited)> Ask(string query, bool mayOpen, LogTimeRange? range = null, Home? home = null)
    {
        var audited = new List<string>();
        var tables = await ResourceLogs.Open(
            home ?? Home,
            Sources,
            mayOpen,
            (columns, _) =>
            {
                audited.Add(columns);
                return Task.CompletedTask;
            },
            Cancel);
        return (await LogQuery.Run(new LogQueryRequest(query, range ?? LogTimeRange.All), tables, fixture.Clock, Cancel), audited);
    }

    private async Task<List<Dictionary<string, string>>> Rows(string query)
    {
        // What a query does not name it does not open.
        var columns = Sources.Single(source => query.StartsWith(source.TableName, StringComparison.Ordinal)).Table.Columns.Select(column => column.Name);
        var answer = (await Ask($"{query} | project {string.Join(", ", columns)}", mayOpen: true)).Answer;
        Assert.True(answer.Error is null, answer.Error?.Message);
        var table = answer.Result!.Table;
        return [.. table.Rows.Select(row => table.Columns.Select((column, at) => (column.Name, LogText.Of(column.Type, row[at]))).ToDictionary(pair => pair.Name, pair => pair.Item2))];
    }
}
