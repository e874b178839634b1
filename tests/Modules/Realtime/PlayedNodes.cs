using Domicile.Modules.Chat;
using Domicile.Modules.Realtime;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Home = Domicile.Storage.Home;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Two nodes of one scale unit to which people are connected without a network; on a clock that the test turns.</summary>
internal sealed class PlayedNodes : IAsyncDisposable
{
    private readonly PostgresFixture _fixture = new();
    private readonly Tickets _tickets;
    private ScaleUnit _other = null!;

    public PlayedNodes() => _tickets = new Tickets(Clock);

    public PostgresFixture Fixture => _fixture;

    public ManualClock Clock => _fixture.Clock;

    /// <summary>The resource, on the first node.</summary>
    public Home Home => _fixture.Home;

    /// <summary>The resource, on the second node.</summary>
    public Home HomeThere { get; private set; } = null!;

    public Delivery A { get; private set; } = null!;

    public Delivery B { get; private set; } = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static Delivery Node(ScaleUnit unit, Tickets tickets, TimeProvider clock) =>
        new(unit.Own, Guid.NewGuid(), new ChatHappenings(new ChatStore()), null!, null!, tickets, clock, NullLogger.Instance);

    /// <summary>Opens the store on both nodes.</summary>
    public async Task Open()
    {
        await _fixture.Open(ProductModules.Catalogue());
        _other = await _fixture.OpenAnother(ProductModules.Catalogue());
        HomeThere = (await _other.Own.Administration!.Find(Home.ResourceId, Cancel))!;
    }

    /// <summary>Both begin where the feed is now.</summary>
    public async Task Start()
    {
        (A, B) = (Node(_fixture.Unit, _tickets, Clock), Node(_other, _tickets, Clock));
        await A.Start(Cancel);
        await B.Start(Cancel);
    }

    /// <summary>The first node is gone without a word; what comes in its place has not begun.</summary>
    /// <returns>The one that was.</returns>
    public async Task<Delivery> KillA()
    {
        var died = A;
        await died.DisposeAsync();
        A = Node(_fixture.Unit, _tickets, Clock);
        return died;
    }

    public async ValueTask DisposeAsync()
    {
        await A.DisposeAsync();
        await B.DisposeAsync();
        _tickets.Dispose();
        await _other.DisposeAsync();
        await _fixture.DisposeAsync();
    }
}
