using Domicile.Modules.Chat;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Whether somebody has left, where there are two nodes to be connected to; on a clock that the test turns.</summary>
[Trait("needs", "postgres")]
public sealed class TwoNodesDeliveryTests : IAsyncLifetime
{
    private static readonly TimeSpan UntilAsked = TimeSpan.FromSeconds(2.5);
    private static readonly TimeSpan UntilTold = TimeSpan.FromSeconds(1.5);
    private readonly PostgresFixture _fixture = new();
    private ScaleUnit _other = null!;
    private Home _homeThere = null!;
    private Tickets _tickets = null!;
    private Delivery _a = null!;
    private Delivery _b = null!;
    private SubjectRef _ada;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => _fixture.Home;

    public async ValueTask InitializeAsync()
    {
        await _fixture.Open(ProductModules.Catalogue());
        _other = await _fixture.OpenAnother(ProductModules.Catalogue());
        _homeThere = (await _other.Own.Administration!.Find(Home.ResourceId, Cancel))!;
        _ada = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, "8:acs:ada")], Cancel);
        await DepartureSubscription.Add(Home, Departures.Disconnected.Name);
        _tickets = new Tickets(_fixture.Clock);
        (_a, _b) = (Node(_fixture.Unit), Node(_other));
        await _a.Start(Cancel);
        await _b.Start(Cancel);

        // Both hear each other before anything is asked.
        await Enter(_a, Home, "first");
        await Enter(_b, _homeThere, "second");
        await StoreFixture.Until(() =>
        {
            _a.Tick();
            _b.Tick();
            return _a.Heard(_b.Node) is not null && _b.Heard(_a.Node) is not null;
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        _tickets.Dispose();
        await _other.DisposeAsync();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task Who_is_still_on_another_node_has_not_left_and_who_leaves_that_too_is_told_of_once()
    {
        _a.Forget(Home, _ada, "first");
        Ask();
        await StoreFixture.Until(() => _a.Departures.Count == 0);

        _b.Forget(_homeThere, _ada, "second");
        Ask();
        Assert.Equal(1, _b.Departures.Count);
        _fixture.Clock.Turn(UntilTold);
        await Told(1);
    }

    [Fact]
    public async Task Who_comes_to_another_node_a_moment_after_leaving_has_not_left()
    {
        _a.Forget(Home, _ada, "first");
        _b.Forget(_homeThere, _ada, "second");
        _fixture.Clock.Turn(TimeSpan.FromSeconds(1));
        await Enter(_a, Home, "first");
        Ask();
        await StoreFixture.Until(() => _b.Departures.Count == 0);
        _fixture.Clock.Turn(UntilTold);
        await Told(0);
    }

    [Fact]
    public async Task Who_takes_their_endpoint_to_another_node_has_not_left_the_first()
    {
        _a.Forget(Home, _ada, "first");
        Ask();
        await StoreFixture.Until(() => _a.Departures.Count == 0);

        await Enter(_a, Home, "second", from: _b.Node);
        await StoreFixture.Until(() => _b.Departures.Count == 1);
        Ask();
        await StoreFixture.Until(() => _b.Departures.Count == 0);
        _fixture.Clock.Turn(UntilTold);
        await Told(0);
    }

    [Fact]
    public async Task Who_leaves_both_nodes_at_once_is_told_of_once()
    {
        _a.Forget(Home, _ada, "first");
        _b.Forget(_homeThere, _ada, "second");
        Ask();
        await StoreFixture.Until(() => _a.Departures.Count + _b.Departures.Count == 1);
        _fixture.Clock.Turn(UntilTold);
        await Told(1);
    }

    private Delivery Node(ScaleUnit unit) =>
        new(unit.Own, Guid.NewGuid(), new ChatHappenings(new ChatStore()), null!, null!, _tickets, _fixture.Clock, NullLogger.Instance);

    private Task Enter(Delivery node, Home home, string endpoint, Guid? from = null) => PlayedConnection.Enter(node, home, _ada, endpoint, _fixture.Clock, from);

    /// <summary>The nodes ask each other, if they have to.</summary>
    private void Ask()
    {
        _fixture.Clock.Turn(UntilAsked);
        _a.Tick();
        _b.Tick();
    }

    /// <summary>So often the customer's systems are told, however long one waits.</summary>
    private async Task Told(int times)
    {
        _a.Tick();
        _b.Tick();
        while (await _fixture.Rows("events_notice") < times)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), Cancel);
        }

        _fixture.Clock.Turn(TimeSpan.FromSeconds(10));
        _a.Tick();
        _b.Tick();
        await Task.Delay(TimeSpan.FromMilliseconds(300), Cancel);
        Assert.Equal(times, await _fixture.Rows("events_notice"));
    }
}
