using System.Collections.Concurrent;
using System.Collections.Frozen;
using Domicile.Modules.Administration;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Realtime;

/// <summary>Everyone who is connected to this node, by the scale unit in which their resource rests.</summary>
internal sealed class RealtimeConnections(
    ChatHappenings chat, IUserTokens tokens, IResourceDirectory directory, Tickets tickets, TimeProvider clock, ILogger<RealtimeConnections>? log = null) : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<Guid, PollConnection> _polls = new();
    private readonly CancellationTokenSource _ending = new();
    private FrozenDictionary<Feed, Delivery> _deliveries = FrozenDictionary<Feed, Delivery>.Empty;
    private CancellationTokenRegistration _stopping;
    private Task _ticking = Task.CompletedTask;
    private Task _stopped = Task.CompletedTask;

    /// <summary>This start of the node.</summary>
    public Guid Node { get; } = Guid.NewGuid();

    /// <summary>Takes the scale units that the node serves, by the homes of their own records.</summary>
    public async Task Prepare(IReadOnlyList<Home> scaleUnits, CancellationToken cancel)
    {
        var deliveries = new Dictionary<Feed, Delivery>();
        foreach (var own in scaleUnits)
        {
            var delivery = new Delivery(own, Node, chat, tokens, directory, tickets, clock, (ILogger?)log ?? NullLogger.Instance);
            await delivery.Start(cancel);
            deliveries.Add(own.Store.Feed, delivery);
        }

        _deliveries = deliveries.ToFrozenDictionary();

        // Resources are records of their geography's first scale unit, wherever their data rests. They change rarely, so everyone is looked at.
        foreach (var own in scaleUnits)
        {
            own.Store.Feed.Observe(
                entries =>
                {
                    if (entries.Any(entry => entry.Kind.ClrType == typeof(CommunicationResource) && entry.Change != Change.Inserted))
                    {
                        CheckEveryone(own.Geography);
                    }
                },
                () => CheckEveryone(own.Geography));
        }
    }

    /// <summary>Begins to look after connections, until the node stops.</summary>
    public void Start(CancellationToken stopping)
    {
        _ticking = Task.Run(Tick, CancellationToken.None);
        _stopping = stopping.Register(() => _stopped = Task.Run(() => Task.WhenAll(_deliveries.Values.Select(delivery => delivery.Stop())), CancellationToken.None));
    }

    /// <summary>The scale unit of a resource.</summary>
    public Delivery Of(Home home) => _deliveries[home.Store.Feed];

    /// <summary>A connection by long polling that is open.</summary>
    public PollConnection? FindPoll(Guid nonce) => _polls.TryGetValue(nonce, out var poll) && !poll.IsOver ? poll : null;

    /// <summary>Keeps a connection by long polling.</summary>
    public void Add(Guid nonce, PollConnection poll) => _polls[nonce] = poll;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.DisposeAsync();
        await _stopped;
        await _ending.CancelAsync();
        await _ticking;
        foreach (var delivery in _deliveries.Values)
        {
            await delivery.DisposeAsync();
        }

        _ending.Dispose();
    }

    private void CheckEveryone(Geography geography)
    {
        foreach (var delivery in _deliveries.Values.Where(delivery => delivery.Own.Geography == geography))
        {
            _ = Task.Run(() => delivery.CheckAgain(_ => true));
        }
    }

    private async Task Tick()
    {
        while (!_ending.IsCancellationRequested)
        {
            await Task.Delay(Pace, clock, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var delivery in _deliveries.Values)
            {
                delivery.Tick();
            }

            foreach (var (nonce, poll) in _polls)
            {
                if (poll.IsOver)
                {
                    _polls.TryRemove(nonce, out _);
                }
            }

            tickets.Tick();
        }
    }
}
