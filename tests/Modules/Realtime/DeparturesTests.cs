using Domicile.Modules.Events;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Who has left is told once, and not when they come back or are somewhere else; on a clock that the test turns.</summary>
public sealed class DeparturesTests : IAsyncLifetime
{
    private readonly SqliteFixture _fixture = new();
    private Departures _departures = null!;
    private SubjectRef _ada;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _fixture.Open(ProductModules.Catalogue());
        _departures = new Departures(new Guid(2, 0, 0, new byte[8]), _fixture.Clock);
        _ada = await _fixture.Home.AddSubject([new Identifier(Identifier.CommunicationUser, "8:acs:ada")], Cancel);
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public void Who_leaves_has_left_when_the_others_were_asked_and_did_not_answer_and_once()
    {
        _departures.Add(_fixture.Home, _ada);
        _departures.Add(_fixture.Home, _ada);
        _fixture.Clock.Turn(TimeSpan.FromSeconds(2));
        Assert.Empty(_departures.Ask());
        _fixture.Clock.Turn(TimeSpan.FromSeconds(2));
        Assert.Empty(_departures.Take());
        Assert.Equal(_ada, Assert.Single(_departures.Ask()).Person);
        Assert.Empty(_departures.Ask());
        _fixture.Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Empty(_departures.Take());
        _fixture.Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Equal(_ada, Assert.Single(_departures.Take()).Person);
        Assert.Empty(_departures.Take());
        Assert.Equal(0, _departures.Count);
    }

    [Fact]
    public void Who_comes_back_or_is_on_another_node_has_not_left()
    {
        _departures.Add(_fixture.Home, _ada);
        _departures.Remove(_fixture.Home.Resource.Number, _ada);
        _fixture.Clock.Turn(TimeSpan.FromSeconds(10));
        Assert.Empty(_departures.Ask());

        _departures.Add(_fixture.Home, _ada);
        _fixture.Clock.Turn(TimeSpan.FromSeconds(10));
        Assert.Single(_departures.Ask());
        _departures.Remove(_fixture.Home.Resource.Number, _ada);
        _fixture.Clock.Turn(TimeSpan.FromSeconds(10));
        Assert.Empty(_departures.Take());
    }

    [Fact]
    public void Of_two_nodes_that_somebody_left_the_one_tells_that_asks_last_or_comes_first()
    {
        var (resource, first, last) = (_fixture.Home.Resource.Number, new Guid(1, 0, 0, new byte[8]), new Guid(3, 0, 0, new byte[8]));
        Assert.False(_departures.IsForThis(resource, _ada, first));

        _departures.Add(_fixture.Home, _ada);
        Assert.True(_departures.IsForThis(resource, _ada, first));
        Assert.True(_departures.IsForThis(resource, _ada, last));

        _fixture.Clock.Turn(TimeSpan.FromSeconds(10));
        _departures.Ask();
        Assert.False(_departures.IsForThis(resource, _ada, first));
        Assert.True(_departures.IsForThis(resource, _ada, last));
    }

    [Fact]
    public async Task Nothing_is_written_down_while_nobody_wants_to_know_nor_of_somebody_who_is_erased()
    {
        await _departures.Tell(_fixture.Home, _ada, Cancel);
        Assert.Empty(await _fixture.Home.Store.Range<EventNotice>().Open(Cancel));

        await Subscribe("Microsoft.Communication.ChatMessageReceived");
        await _departures.Tell(_fixture.Home, _ada, Cancel);
        Assert.Empty(await _fixture.Home.Store.Range<EventNotice>().Open(Cancel));

        await Subscribe(Departures.Disconnected.Name);
        await _departures.Tell(_fixture.Home, _ada, Cancel);
        var notice = Assert.Single(await _fixture.Home.Store.Range<EventNotice>().Open(Cancel));
        Assert.Equal((_ada, "user/8:acs:ada"), (notice.Person, notice.Content.Subject));

        Assert.Null(await _fixture.Home.EraseSubject(_ada, _ => { }, Cancel));
        await _fixture.Unit.Housekeeping.Purge(Cancel);
        await _departures.Tell(_fixture.Home, _ada, Cancel);
        Assert.Empty(await _fixture.Home.Store.Range<EventNotice>().Open(Cancel));
        Assert.Equal(0, await _fixture.Rows("events_notice"));
    }

    private Task Subscribe(string type) => DepartureSubscription.Add(_fixture.Home, type);
}
