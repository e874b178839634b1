using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>
/// What clients carry from one step of connecting to the next, sealed under a key of the geography, so that the next step may be on another node. An id of a socket is
/// good once: the node that sees it remembers it until it would have ended anyway, and tells the others.
/// </summary>
internal sealed class Tickets(TimeProvider clock) : IDisposable
{
    private readonly ConcurrentDictionary<Geography, Lazy<Task<Seals>>> _seals = new();
    private readonly ConcurrentDictionary<Guid, long> _used = new();

    /// <summary>Seals what stands behind a connection.</summary>
    public async ValueTask<string> Close(Home home, ConnectionTicket ticket, CancellationToken cancel) =>
        Close((await SealsOf(home, cancel)).Connections, ticket, RealtimeJson.Default.ConnectionTicket);

    /// <summary>Seals what stands behind a socket.</summary>
    public async ValueTask<string> Close(Home home, SocketTicket ticket, CancellationToken cancel) =>
        Close((await SealsOf(home, cancel)).Sockets, ticket, RealtimeJson.Default.SocketTicket);

    /// <summary>What stands behind a connection of this resource; null when it is none.</summary>
    public async ValueTask<ConnectionTicket?> OpenConnection(Home home, string text, CancellationToken cancel) =>
        Open((await SealsOf(home, cancel)).Connections, text, RealtimeJson.Default.ConnectionTicket) is { } ticket && ticket.Resource == home.ResourceId ? ticket : null;

    /// <summary>What stands behind a socket of this resource; null when it is none.</summary>
    public async ValueTask<SocketTicket?> OpenSocket(Home home, string text, CancellationToken cancel) =>
        Open((await SealsOf(home, cancel)).Sockets, text, RealtimeJson.Default.SocketTicket) is { } ticket && ticket.Connection.Resource == home.ResourceId ? ticket : null;

    /// <summary>Whether a socket may still be opened for it, as far as time goes.</summary>
    public bool IsFresh(SocketTicket ticket) => ticket.Until >= clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Uses an id of a socket.</summary>
    /// <returns>False when it was used before, or when more are under way than are remembered.</returns>
    public bool Use(Home home, SocketTicket ticket)
    {
        if (_used.Count >= RealtimeLimits.Tickets || !_used.TryAdd(ticket.Nonce, ticket.Until))
        {
            return false;
        }

        home.Ephemeral.Publish(new EphemeralSignal(0, RealtimeSignals.Used, 0, JsonSerializer.SerializeToUtf8Bytes(new UsedSignal(ticket.Nonce, ticket.Until), RealtimeJson.Default.UsedSignal)));
        return true;
    }

    /// <summary>Another node saw one used.</summary>
    public void Hear(UsedSignal used) => _used.TryAdd(used.Nonce, used.Until);

    /// <summary>Forgets those that have ended.</summary>
    public void Tick()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (nonce, until) in _used)
        {
            if (until < now)
            {
                _used.TryRemove(nonce, out _);
            }
        }
    }

    public void Dispose()
    {
        foreach (var seals in _seals.Values)
        {
            if (seals is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
            {
                seals.Value.Result.Connections.Dispose();
                seals.Value.Result.Sockets.Dispose();
            }
        }
    }

    private static string Close<T>(SealedText seal, T ticket, JsonTypeInfo<T> type) => seal.Close(JsonSerializer.SerializeToUtf8Bytes(ticket, type));

    private static T? Open<T>(SealedText seal, string text, JsonTypeInfo<T> type)
        where T : class =>
        seal.TryOpen(text, out var content) ? JsonSerializer.Deserialize(content, type) : null;

    private async ValueTask<Seals> SealsOf(Home home, CancellationToken cancel) =>
        await _seals.GetOrAdd(
            home.Geography,
            static (_, home) => new Lazy<Task<Seals>>(async () =>
            {
                var key = await home.Secret("realtime", CancellationToken.None);
                return new Seals(new SealedText(key, "connections"), new SealedText(key, "sockets"));
            }),
            home).Value.WaitAsync(cancel);

    private sealed record Seals(SealedText Connections, SealedText Sockets);
}
