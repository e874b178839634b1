using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Logs;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Logs;

public sealed class SqliteAlertTests() : AlertTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresAlertTests() : AlertTests(new PostgresFixture());

/// <summary>Alerts, on both engines, minute by minute of a clock that the test turns.</summary>
public abstract class AlertTests(StoreFixture fixture) : IAsyncLifetime
{
    private static readonly LogSource[] Sources = [new AuthLog(), new ChatLog(), new UsageLog()];
    private Alerts _alerts = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => fixture.Home;

    private Home Unit => fixture.Unit.Own;

    public async ValueTask InitializeAsync()
    {
        await fixture.Open(ProductModules.Catalogue());
        _alerts = New();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _alerts.DisposeAsync();
        await fixture.DisposeAsync();
    }

    [Theory]
    [InlineData("failed-sign-ins", "ChatThread_SendChatMessage", 401, 40, 3)]
    [InlineData("mass-export", "Transfer_ExportMessages", 200, 10, 7)]
    [InlineData("mass-deletion", "ChatThread_DeleteChatMessage", 204, 25, 5)]
    public async Task A_ready_rule_fires_on_its_scenario_once_and_is_quiet_again_afterwards(string rule, string operation, int status, int aMinute, int minutes)
    {
        await NormalMinutes(30);
        Assert.Empty(await Turns());
        for (var minute = 0; minute < minutes; minute++)
        {
            Count(operation, status, aMinute);
            await Minute();
        }

        var fired = Assert.Single(await Turns());
        Assert.Equal((rule, true, false), (fired.Rule, fired.IsFiring, fired.IsSilenced));
        Assert.True(fired.Value >= fired.Threshold);
        Assert.True((await _alerts.RulesOf(Home, Cancel)).Single(each => each.Name == rule).IsFiring);
        await NormalMinutes(70);
        var turns = await Turns();
        Assert.Equal([true, false], turns.Select(turn => turn.IsFiring));
        Assert.All(turns, turn => Assert.Equal(rule, turn.Rule));
        Assert.Equal(["Domicile.AlertFired", "Domicile.AlertResolved"], await Told());
    }

    [Fact]
    public async Task Deliveries_that_are_given_up_make_the_rule_for_them_fire()
    {
        await NormalMinutes(5);
        ((IFailedDeliveries)_alerts).Count(Home, 12);
        await Minute();
        Assert.Equal("delivery-failures", Assert.Single(await Turns()).Rule);
    }

    [Fact]
    public async Task A_normal_day_makes_no_rule_fire()
    {
        for (var hour = 0; hour < 24; hour++)
        {
            await NormalMinutes(60, step: 5);
        }

        Assert.Empty(await Turns());
        Assert.Empty(await Told());
        Assert.All(await _alerts.RulesOf(Home, Cancel), rule => Assert.False(rule.IsFiring));
    }

    [Fact]
    public async Task A_silenced_rule_turns_without_telling_and_a_rule_that_is_off_does_not_turn()
    {
        var ready = ReadyAlerts.All.Single(rule => rule.Name == "mass-deletion");
        await Commit(b => b.Insert(ready with { ResourceId = Home.ResourceId, SilencedUntil = fixture.Clock.GetUtcNow().AddHours(1) }));
        await Commit(b => b.Insert(ReadyAlerts.All.Single(rule => rule.Name == "mass-export") with { ResourceId = Home.ResourceId, IsEnabled = false }));
        Count("Chat_DeleteChatThread", 204, 200);
        Count("Transfer_ExportMessages", 200, 500);
        await Minute();
        Assert.True(Assert.Single(await Turns()).IsSilenced);
        Assert.Empty(await Told());
    }

    [Fact]
    public async Task A_rule_of_ones_own_looks_at_counts_or_asks_a_query_and_says_what_is_wrong_with_it()
    {
        await Commit(b => b.Insert(Own("slow-down") with { ResourceId = Home.ResourceId, Operations = ["ChatThread_SendChatMessage"], StatusFrom = 429, StatusTo = 429, Threshold = 5 }));
        await Commit(b => b.Insert(Own("many-talk") with { ResourceId = Home.ResourceId, Query = "ACSChatIncomingOperations | count", Operations = null, Threshold = 2 }));
        await Commit(b => b.Insert(Own("broken") with { ResourceId = Home.ResourceId, Query = "Nothing | count", Operations = null }));
        await Commit(b => b.Insert(new LogSetting { Name = "all", AllLogs = true, Categories = [] }), Home);
        var settings = new LogSettings(Sources);
        await using (var logs = new OperationLogs(settings, Sources, pace: new LogPace(TimeSpan.Zero, TimeSpan.Zero)))
        {
            logs.Prepare([Unit]);
            logs.Start();
            for (var i = 0; i < 3; i++)
            {
                logs.Take(new AnsweredCall
                {
                    Operation = Domicile.Tests.Hardness.Interface.Operation("ChatThread_SendChatMessage"),
                    Home = Home,
                    Origin = "https://demo.example",
                    Status = 201,
                    Took = TimeSpan.Zero,
                    At = fixture.Clock.GetUtcNow(),
                    RequestId = "r",
                });
            }

            await logs.WriterOf(Home).Settle(Cancel);
        }

        fixture.Clock.Turn(TimeSpan.FromMinutes(1));
        Count("ChatThread_SendChatMessage", 429, 6);
        await Minute();
        Assert.Equal(["many-talk", "slow-down"], (await Turns()).Select(turn => turn.Rule).Order(StringComparer.Ordinal));
        var broken = (await _alerts.RulesOf(Home, Cancel)).Single(rule => rule.Name == "broken");
        Assert.NotNull(broken.Obstacle);
        Assert.False(broken.IsFiring);
    }

    [Fact]
    public async Task What_a_path_names_is_counted_for_the_resource_and_other_resources_are_not_touched()
    {
        for (var i = 0; i < 80; i++)
        {
            _alerts.Count(StoreFixture.Europe, $"{Home.ResourceId:D}", "Logs_Export", 200);
            _alerts.Count(StoreFixture.Europe, "nobody", "Logs_Export", 200);
        }

        await Minute();
        Assert.Equal("mass-export", Assert.Single(await Turns()).Rule);
        Assert.Empty(await fixture.Neighbour.Store.Range<AlertTurn>().Open(Cancel));
    }

    [Fact]
    public async Task What_another_node_counted_counts_and_a_restart_forgets_nothing_that_was_written_down()
    {
        await using (var other = New())
        {
            for (var i = 0; i < 60; i++)
            {
                other.Count(Home, "Chat_DeleteChatThread", 204);
            }

            await other.Step(Cancel);
        }

        Assert.Empty(await Turns());
        Count("Chat_DeleteChatThread", 204, 60);
        await Minute();
        Assert.Equal(120, Assert.Single(await Turns()).Value);
    }

    private static Alert Own(string name) => new() { ResourceId = default, Name = name, IsEnabled = true, Threshold = 1, WindowMinutes = 10, Operations = [] };

    private Alerts New()
    {
        var alerts = new Alerts(new Homes(fixture), Sources, fixture.Clock);
        alerts.Prepare([Unit]);
        return alerts;
    }

    /// <summary>A busy resource: people talk, delete a little, mistype a token now and then.</summary>
    private async Task NormalMinutes(int minutes, int step = 1)
    {
        for (var minute = 0; minute < minutes; minute += step)
        {
            Count("ChatThread_SendChatMessage", 201, 300 * step);
            Count("ChatThread_ListChatMessages", 200, 900 * step);
            Count("ChatThread_SendChatMessage", 401, 2 * step);
            Count("ChatThread_DeleteChatMessage", 204, 3 * step);
            Count("CommunicationIdentity_Delete", 204, minute % 10 == 0 ? 2 : 0);
            Count("Privacy_GetSubjectFile", 200, minute % 30 == 0 ? 2 : 0);
            await Minute(step);
        }
    }

    private void Count(string operation, int status, int number)
    {
        for (var i = 0; i < number; i++)
        {
            _alerts.Count(Home, operation, status);
        }
    }

    private async Task Minute(int minutes = 1)
    {
        await _alerts.Step(Cancel);
        fixture.Clock.Turn(TimeSpan.FromMinutes(minutes));
    }

    private async Task<List<AlertTurn>> Turns() => await Home.Store.Range<AlertTurn>().Open(Cancel);

    /// <summary>The events that wait to be told, in order.</summary>
    private async Task<List<string>> Told() =>
        [.. (await Home.Store.Range<EventNotice>().Open(Cancel)).OrderBy(notice => notice.Key.Value).Select(notice => notice.Content!.Parts[0].Type)];

    private async Task Commit(Action<Batch> build, Home? home = null) =>
        Assert.Null((await (home ?? Unit).Store.Commit(b => build(b), Cancel)).Refused);

    /// <summary>The resources of the fixture.</summary>
    private sealed class Homes(StoreFixture fixture) : IResourceHomes
    {
        public Home Of(Geography geography) => fixture.Unit.Own;

        public async ValueTask<Home?> Find(Geography geography, string nameOrId, CancellationToken cancel) =>
            Guid.TryParse(nameOrId, out var id) ? await fixture.Unit.Own.Administration!.Find(id, cancel) : null;
    }
}
