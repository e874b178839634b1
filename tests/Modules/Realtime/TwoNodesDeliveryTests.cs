using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Whether somebody has left, where there are two nodes to be connected to; on a clock that the test turns.</summary>
[Trait("needs", "postgres")]
public sealed class TwoNodesDeliveryTests : IAsyncLifetime
{
    private static readonly TimeSpan UntilAsked = TimeSpan.FromSeconds(2.5);
    private static readonly TimeSpan UntilTold = TimeSpan.FromSeconds(1.5);
    private readonly PlayedNodes _nodes = new();
    private SubjectRef _ada;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _nodes.Open();
        _ada = await _nodes.Home.AddSubject([new Identifier(Identifier.CommunicationUser, "8:acs:ada")], Cancel);
        await DepartureSubscription.Add(_nodes.Home, Departures.Disconnected.Name);
        await _nodes.Start();

        // Both hear each other before anything is asked.
        await Enter(_nodes.A, _nodes.Home, "first");
        await Enter(_nodes.B, _nodes.HomeThere, "second");
        await StoreFixture.Until(() =>
        {
            _nodes.A.Tick();
            _nodes.B.Tick();
            return _nodes.A.Heard(_nodes.B.Node) is not null && _nodes.B.Heard(_nodes.A.Node) is not null;
        });
    }

    public ValueTask DisposeAsync() => _nodes.DisposeAsync();

    [Fact]
    public async Task Who_is_still_on_another_node_has_not_left_and_who_leaves_that_too_is_told_of_once()
    {
        _nodes.A.Forget(_nodes.Home, _ada, "first");
        Ask();
        await StoreFixture.Until(() => _nodes.A.Departures.Count == 0);

        _nodes.B.Forget(_nodes.HomeThere, _ada, "second");
        Ask();
        Assert.Equal(1, _nodes.B.Departures.Count);
        _nodes.Clock.Turn(UntilTold);
        await Told(1);
    }

    [Fact]
    public async Task Who_comes_to_another_node_a_moment_after_leaving_has_not_left()
    {
        _nodes.A.Forget(_nodes.Home, _ada, "first");
        _nodes.B.Forget(_nodes.HomeThere, _ada, "second");
        _nodes.Clock.Turn(TimeSpan.FromSeconds(1));
        await Enter(_nodes.A, _nodes.Home, "first");
        Ask();
        await StoreFixture.Until(() => _nodes.B.Departures.Count == 0);
        _nodes.Clock.Turn(UntilTold);
        await Told(0);
    }

    [Fact]
    public async Task Who_takes_their_endpoint_to_another_node_has_not_left_the_first()
    {
        _nodes.A.Forget(_nodes.Home, _ada, "first");
        Ask();
        await StoreFixture.Until(() => _nodes.A.Departures.Count == 0);

        await Enter(_nodes.A, _nodes.Home, "second", from: _nodes.B.Node);
        await StoreFixture.Until(() => _nodes.B.Departures.Count == 1);
        Ask();
        await StoreFixture.Until(() => _nodes.B.Departures.Count == 0);
        _nodes.Clock.Turn(UntilTold);
        await Told(0);
    }

    [Fact]
    public async Task Who_leaves_both_nodes_at_once_is_told_of_once()
    {
        _nodes.A.Forget(_nodes.Home, _ada, "first");
        _nodes.B.Forget(_nodes.HomeThere, _ada, "second");
        Ask();
        await StoreFixture.Until(() => _nodes.A.Departures.Count + _nodes.B.Departures.Count == 1);
        _nodes.Clock.Turn(UntilTold);
        await Told(1);
    }

    private Task Enter(Delivery node, Home home, string endpoint, Guid? from = null) => PlayedConnection.Enter(node, home, _ada, endpoint, _nodes.Clock, from);

    /// <summary>The nodes ask each other, if they have to.</summary>
    private void Ask()
    {
        _nodes.Clock.Turn(UntilAsked);
        _nodes.A.Tick();
        _nodes.B.Tick();
    }

    /// <summary>So often the customer's systems are told, however long one waits.</summary>
    private async Task Told(int times)
    {
        _nodes.A.Tick();
        _nodes.B.Tick();
        while (await _nodes.Fixture.Rows("events_notice") < times)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), Cancel);
        }

        _nodes.Clock.Turn(TimeSpan.FromSeconds(10));
        _nodes.A.Tick();
        _nodes.B.Tick();
        await Task.Delay(TimeSpan.FromMilliseconds(300), Cancel);
        Assert.Equal(times, await _nodes.Fixture.Rows("events_notice"));
    }
}
