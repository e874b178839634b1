using System.Text.Json;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Realtime;

/// <summary>
/// Brings what happens in one scale unit to the endpoints that are connected to this node: follows the feed while there are any, asks Chat what an entry means, and
/// hands it to each endpoint that may know. It waits for no client.
/// </summary>
internal sealed partial class Delivery : IAsyncDisposable
{
    private const string Reader = "realtime";
    private const int LookBack = 2_000;
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Unsure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClaimPatience = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Alive = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan CheckLater = TimeSpan.FromMilliseconds(500);
    private readonly Home _own;
    private readonly ChatHappenings _chat;
    private readonly IUserTokens _tokens;
    private readonly IResourceDirectory _directory;
    private readonly Tickets _tickets;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Telling _telling;
    private readonly IReadOnlyList<RecordKind> _kinds;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly Dictionary<long, Residents> _residents = [];
    private readonly Dictionary<Guid, NodeProgress> _others = [];
    private readonly Dictionary<Guid, TaskCompletionSource<FeedPosition>> _claims = [];
    private readonly CancellationTokenSource _stopping = new();
    private FeedPosition _began;
    private long _beganAt;
    private FeedPosition _delivered;

    /// <summary>The entry that is being opened. Whether who comes meanwhile is in its audience is chance, so they have it from what they missed, and not from it.</summary>
    private FeedPosition? _underWay;
    private bool _isFollowing;
    private bool _isStopped;
    private long _emptySince;
    private int _count;
    private Task _following = Task.CompletedTask;
    private Task _listening = Task.CompletedTask;

    public Delivery(Home own, Guid node, ChatHappenings chat, IUserTokens tokens, IResourceDirectory directory, Tickets tickets, TimeProvider clock, ILogger log)
    {
        (_own, Node, _chat, _tokens, _directory, _tickets, _clock, _log) = (own, node, chat, tokens, directory, tickets, clock, log);
        _telling = new Telling(own.Geography.Name, clock, log);
        Departures = new Departures(node, clock);
        _kinds = [.. own.Administration!.Catalogue.Kinds.Where(kind => ChatHappenings.Kinds.Contains(kind.ClrType) || kind.ClrType == typeof(UserAccount))];
    }

    /// <summary>For tests: called when an entry is about to be opened.</summary>
    internal Func<FeedEntry, Task>? Opening { get; set; }

    /// <summary>Who has left and was not told of yet.</summary>
    internal Departures Departures { get; }

    /// <summary>This start of the node.</summary>
    public Guid Node { get; }

    /// <summary>The home of the scale unit's own records.</summary>
    public Home Own => _own;

    private Feed Feed => _own.Store.Feed;

    /// <summary>Every endpoint; under the lock.</summary>
    private IEnumerable<Endpoint> Endpoints => _residents.Values.SelectMany(residents => residents.Everyone);

    /// <summary>Looks where the feed is, for those who were connected to whoever ran before; and begins to hear the other nodes.</summary>
    public async Task Start(CancellationToken cancel)
    {
        _began = await WhereTheLastOneEnded(cancel);
        _beganAt = _clock.GetTimestamp();
        _listening = Task.Run(() => Listen(_stopping.Token), CancellationToken.None);
    }

    /// <summary>Connects: finds the endpoint, or makes it, and gives it the connection.</summary>
    /// <param name="served">The resource.</param>
    /// <param name="user">The user.</param>
    /// <param name="ticket">The connection.</param>
    /// <param name="connect">Makes the connection for the endpoint.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The connection; null when the node stops.</returns>
    public async Task<T?> Enter<T>(ServedResource served, Caller.User user, ConnectionTicket ticket, Func<Endpoint, T> connect, CancellationToken cancel)
        where T : Connection
    {
        while (!_stopping.IsCancellationRequested)
        {
            var endpoint = Find(served.Home, user.Subject, ticket.Endpoint);
            (FeedPosition From, FeedPosition UpTo)? missed = null;
            if (endpoint is null)
            {
                await Follow(cancel);
                var from = await WhereItWas(served.Home, user.Subject, ticket, cancel);
                (endpoint, missed) = Add(new Endpoint(served, user, ticket.Endpoint, _clock), from);
                if (endpoint is null)
                {
                    continue;
                }
            }

            var connection = connect(endpoint);
            connection.Greet();
            if (endpoint.Attach(connection, user))
            {
                if (missed is var (start, end))
                {
                    _ = Task.Run(() => CatchUp(endpoint, start, end), CancellationToken.None);
                }

                return connection;
            }

            Remove(endpoint);
        }

        return null;
    }

    /// <summary>An endpoint that will not come back.</summary>
    public void Forget(Home home, SubjectRef person, string id)
    {
        if (Find(home, person, id) is { } endpoint)
        {
            endpoint.EndForGood(Ending.Bye);
            Remove(endpoint);
        }
    }

    /// <summary>What the passing of time does: each second.</summary>
    public void Tick()
    {
        foreach (var endpoint in Everyone())
        {
            if (endpoint.Tick())
            {
                Remove(endpoint);
            }
        }

        DeliveredSignal? told = null;
        lock (_gate)
        {
            // Who stops has said its last.
            if (_isFollowing && !_isStopped)
            {
                told = NodeProgress.Say(Node, _delivered, Endpoints, isLast: false);
            }

            foreach (var node in _others.Where(pair => _clock.GetElapsedTime(pair.Value.HeardAt) > RealtimeLimits.Away + RealtimeLimits.Away).Select(pair => pair.Key).ToList())
            {
                _others.Remove(node);
            }
        }

        if (told is not null)
        {
            Publish(RealtimeSignals.Delivered, told, RealtimeJson.Default.DeliveredSignal);
        }

        foreach (var (home, person) in Departures.Ask())
        {
            Publish(RealtimeSignals.Left, new PersonSignal(Node, person.Value), RealtimeJson.Default.PersonSignal, home.Resource.Number);
        }

        foreach (var (home, person) in Departures.Take())
        {
            _ = Task.Run(() => TellDeparture(home, person), CancellationToken.None);
        }
    }

    /// <summary>Checks again whether users may still be connected, now and a moment later, when other caches of the node have heard as well.</summary>
    public async Task CheckAgain(Func<Endpoint, bool> which)
    {
        for (var time = 0; time < 2; time++)
        {
            foreach (var endpoint in Everyone().Where(which))
            {
                try
                {
                    if (await _directory.FindAgain(endpoint.Served, _stopping.Token) is not { } served || await _tokens.CheckAgain(endpoint.User, served, _stopping.Token) is not null)
                    {
                        endpoint.EndForGood(Ending.Revoked);
                        Remove(endpoint);
                    }
                }
                catch (StoreUnavailableException)
                {
                    // Nobody can say whether they may: the client comes back and is asked for its token.
                    endpoint.EndForGood(Ending.Stopping);
                    Remove(endpoint);
                }
            }

            if (time == 0)
            {
                await Task.Delay(CheckLater, _clock, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Ends every connection in order: what is under way is answered first, a second at most, and how far everyone was told is remembered.</summary>
    public async Task Stop()
    {
        var deadline = _clock.GetTimestamp();
        while (!Everyone().All(endpoint => endpoint.IsClear) && _clock.GetElapsedTime(deadline) < RealtimeLimits.LastWords)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), _clock);
        }

        DeliveredSignal? last = null;
        lock (_gate)
        {
            _isStopped = true;
            if (_isFollowing)
            {
                last = NodeProgress.Say(Node, _delivered, Endpoints, isLast: true);
            }
        }

        if (last is not null)
        {
            Publish(RealtimeSignals.Delivered, last, RealtimeJson.Default.DeliveredSignal);
            try
            {
                await Feed.Remember(Reader, new NodeProgress(last, 0).Least, CancellationToken.None);
            }
            catch (StoreUnavailableException)
            {
                // Then the next start begins a second before the feed's end, as after a crash.
            }
        }

        foreach (var endpoint in Everyone())
        {
            endpoint.EndForGood(Ending.Stopping);
        }

        await _stopping.CancelAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_following, _listening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
        _starting.Dispose();
    }

    private async Task<FeedPosition> WhereTheLastOneEnded(CancellationToken cancel)
    {
        var end = await Feed.End(cancel);
        var remembered = await Feed.Recall(Reader, cancel);
        var position = end;
        if (await Feed.Read(end with { Number = Math.Max(0, end.Number - LookBack) }, _kinds, cancel) is ({ Count: > 0 } entries, _))
        {
            var after = entries[^1].At - Unsure;
            position = end with { Number = entries.First(entry => entry.At >= after).Position - 1 };
        }

        return remembered is { } known && known.Epoch == end.Epoch && known.Number > position.Number && known.Number <= end.Number ? known : position;
    }

    /// <summary>Where an endpoint goes on that comes from another node, or from one that is not any more; null for the present.</summary>
    private async Task<FeedPosition?> WhereItWas(Home home, SubjectRef person, ConnectionTicket ticket, CancellationToken cancel)
    {
        if (ticket.From is not { } node || node == Node)
        {
            return null;
        }

        if (Heard(node) is not { } heard)
        {
            return _clock.GetElapsedTime(_beganAt) < RealtimeLimits.Away ? _began : null;
        }

        if (!heard.IsLast && _clock.GetElapsedTime(heard.HeardAt) < Alive && await Claim(home, person, ticket.Endpoint, cancel) is { } yielded)
        {
            return yielded;
        }

        // Its last word may have come while it was asked.
        return (Heard(node) ?? heard).Of(person, ticket.Endpoint);
    }

    /// <summary>How far another node is, as it said last; null when it was not heard.</summary>
    internal NodeProgress? Heard(Guid node)
    {
        lock (_gate)
        {
            return _others.GetValueOrDefault(node);
        }
    }

    private async Task<FeedPosition?> Claim(Home home, SubjectRef person, string endpoint, CancellationToken cancel)
    {
        var claim = Guid.NewGuid();
        var answer = new TaskCompletionSource<FeedPosition>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _claims.Add(claim, answer);
        }

        try
        {
            Publish(RealtimeSignals.Claim, new ClaimSignal(claim, person.Value, endpoint), RealtimeJson.Default.ClaimSignal, home.Resource.Number);
            await ((Task)answer.Task).WaitAsync(ClaimPatience, _clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return answer.Task.IsCompletedSuccessfully ? answer.Task.Result : null;
        }
        finally
        {
            lock (_gate)
            {
                _claims.Remove(claim);
            }
        }
    }

    /// <summary>Begins to follow the feed, unless that is done already.</summary>
    private async Task Follow(CancellationToken cancel)
    {
        await _starting.WaitAsync(cancel);
        try
        {
            if (_isFollowing)
            {
                return;
            }

            var end = await Feed.End(cancel);
            lock (_gate)
            {
                (_delivered, _underWay, _isFollowing, _emptySince) = (end, null, true, _clock.GetTimestamp());
            }

            _following = Task.Run(() => Run(_stopping.Token), CancellationToken.None);
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task Run(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await foreach (var item in Feed.Tail($"{Reader}/now", _delivered, cancel))
                {
                    if (item is FeedItem.Changed changed)
                    {
                        await Deliver(changed.Entry, changed.Position, cancel);
                    }
                    else if (item is FeedItem.Resync resync)
                    {
                        _chat.Forget();
                        lock (_gate)
                        {
                            (_delivered, _underWay) = (resync.Position, null);
                        }

                        foreach (var endpoint in Everyone())
                        {
                            endpoint.Lose();
                        }
                    }

                    if (IsDone())
                    {
                        return;
                    }
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // Nothing is lost by it: the feed is read again from what was delivered last.
                LogFault(fault.GetType().Name, _own.Geography.Name);
                await Task.Delay(RetryAfter, _clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async ValueTask Deliver(FeedEntry entry, FeedPosition position, CancellationToken cancel)
    {
        Residents? residents;
        lock (_gate)
        {
            residents = _residents.GetValueOrDefault(entry.Resource);
            _underWay = position;
        }

        await (Opening?.Invoke(entry) ?? Task.CompletedTask);
        IReadOnlyList<(IReadOnlyList<SubjectRef> Audience, Outgoing Outgoing)> told = [];
        if (residents is not null)
        {
            if (entry.Kind.ClrType == typeof(UserAccount) && entry.Change != Change.Inserted)
            {
                var person = new SubjectRef(entry.Key[0].Number);
                _ = CheckAgain(endpoint => endpoint.Person == person && endpoint.Home.Resource.Number == entry.Resource);
            }

            told = await _telling.Of(entry, cancel => _chat.Of(residents.Home, entry, residents.Has, cancel), cancel);
        }

        lock (_gate)
        {
            if (!_isStopped)
            {
                foreach (var (audience, outgoing) in told)
                {
                    residents!.Tell(audience, outgoing);
                }

                (_delivered, _underWay) = (position, null);
            }
        }
    }

    private async Task CatchUp(Endpoint endpoint, FeedPosition from, FeedPosition upTo)
    {
        var missed = new List<Outgoing>();
        try
        {
            var since = _clock.GetUtcNow() - RealtimeLimits.Away;
            var at = from;
            while (at.Number < upTo.Number && missed.Count <= RealtimeLimits.EventsBehind)
            {
                if (await Feed.Read(at, _kinds, _stopping.Token) is not var (entries, through))
                {
                    break;
                }

                foreach (var entry in entries.Where(entry => entry.Position <= upTo.Number && entry.Resource == endpoint.Home.Resource.Number && entry.At >= since))
                {
                    foreach (var (_, outgoing) in await _telling.Of(entry, cancel => _chat.Of(endpoint.Home, entry, person => person == endpoint.Person, cancel), _stopping.Token))
                    {
                        missed.Add(outgoing);
                    }
                }

                at = through;
            }
        }
        catch (Exception fault)
        {
            LogFault(fault.GetType().Name, _own.Geography.Name);
            endpoint.Lose();
        }

        endpoint.CaughtUp(missed);
    }

    private async Task Listen(CancellationToken cancel)
    {
        await foreach (var signal in _own.Ephemeral.Listen(cancel))
        {
            try
            {
                await Hear(signal, cancel);
            }
            catch (Exception fault) when (!cancel.IsCancellationRequested)
            {
                LogFault(fault.GetType().Name, _own.Geography.Name);
            }
        }
    }

    private async ValueTask Hear(EphemeralSignal signal, CancellationToken cancel)
    {
        switch (signal.Kind)
        {
            case RealtimeSignals.Delivered when Read(signal, RealtimeJson.Default.DeliveredSignal) is var delivered && delivered.Node != Node:
                lock (_gate)
                {
                    if (_others.GetValueOrDefault(delivered.Node) is not { IsLast: true })
                    {
                        _others[delivered.Node] = new NodeProgress(delivered, _clock.GetTimestamp());
                    }
                }

                break;
            case RealtimeSignals.Used:
                _tickets.Hear(Read(signal, RealtimeJson.Default.UsedSignal));
                break;
            case RealtimeSignals.Claim:
                Yield(signal.Resource, Read(signal, RealtimeJson.Default.ClaimSignal));
                break;
            case RealtimeSignals.Left when Read(signal, RealtimeJson.Default.PersonSignal) is var left:
                var person = new SubjectRef(left.Person);
                if (left.Node != Node && (IsHere(signal.Resource, person) || Departures.IsForThis(signal.Resource, person, left.Node)))
                {
                    Publish(RealtimeSignals.Here, new HereSignal(left.Node, left.Person), RealtimeJson.Default.HereSignal, signal.Resource);
                }

                break;
            case RealtimeSignals.Here when Read(signal, RealtimeJson.Default.HereSignal) is var here:
                if (here.Asking == Node)
                {
                    Departures.Remove(signal.Resource, new SubjectRef(here.Person));
                }

                break;
            case RealtimeSignals.Yield when Read(signal, RealtimeJson.Default.YieldSignal) is var yielded:
                lock (_gate)
                {
                    _claims.GetValueOrDefault(yielded.Claim)?.TrySetResult(new FeedPosition(yielded.Epoch, yielded.Position));
                }

                break;
            default:
                await Tell(signal, cancel);
                break;
        }
    }

    private async ValueTask Tell(EphemeralSignal signal, CancellationToken cancel)
    {
        Residents? residents;
        lock (_gate)
        {
            residents = _residents.GetValueOrDefault(signal.Resource);
        }

        if (residents is null)
        {
            return;
        }

        foreach (var happening in await _chat.Of(residents.Home, signal, residents.Has, cancel))
        {
            var outgoing = new Outgoing(EventText.Of(happening), 0);
            lock (_gate)
            {
                residents.Tell(happening.Audience, outgoing);
            }
        }
    }

    /// <summary>Another node has the endpoint now.</summary>
    private void Yield(long resource, ClaimSignal claim)
    {
        Endpoint? endpoint;
        FeedPosition position;
        lock (_gate)
        {
            if (_claims.ContainsKey(claim.Claim) || _isStopped)
            {
                // One's own question; or it is answered by the last word.
                return;
            }

            endpoint = _residents.GetValueOrDefault(resource)?.Find(new SubjectRef(claim.Person), claim.Endpoint);
            if (endpoint is null)
            {
                return;
            }

            position = _delivered with { Number = Math.Min(_delivered.Number, endpoint.AnsweredUpTo ?? long.MaxValue) };
            Drop(endpoint);
        }

        Publish(RealtimeSignals.Yield, new YieldSignal(claim.Claim, position.Epoch, position.Number), RealtimeJson.Default.YieldSignal);
        endpoint.EndForGood(Ending.Elsewhere);
    }

    private Endpoint? Find(Home home, SubjectRef person, string id)
    {
        lock (_gate)
        {
            return _residents.GetValueOrDefault(home.Resource.Number)?.Find(person, id) is { IsGone: false } endpoint ? endpoint : null;
        }
    }

    /// <summary>Adds an endpoint.</summary>
    /// <returns>It, or the one that is there already; null when the node does not follow. And what it missed where it was before, if anything.</returns>
    private (Endpoint? Endpoint, (FeedPosition From, FeedPosition UpTo)? Missed) Add(Endpoint endpoint, FeedPosition? from)
    {
        Endpoint? superfluous;
        (FeedPosition, FeedPosition)? missed = null;
        lock (_gate)
        {
            if (!_isFollowing || _isStopped)
            {
                return (null, null);
            }

            var number = endpoint.Home.Resource.Number;
            var residents = _residents.GetValueOrDefault(number);
            if (residents?.Find(endpoint.Person, endpoint.Id) is { } there)
            {
                if (!there.IsGone)
                {
                    return (there, null);
                }

                Drop(there);
                residents = _residents.GetValueOrDefault(number);
            }

            residents ??= _residents[number] = new Residents(endpoint.Home);
            Departures.Remove(number, endpoint.Person);
            superfluous = residents.Add(endpoint);
            _count += superfluous is null ? 1 : 0;

            // With it, and not later: what is told from now on is told to it.
            var delivered = _underWay ?? _delivered;
            endpoint.Since = delivered.Number;
            if (from is { } before && before.Epoch == delivered.Epoch)
            {
                endpoint.Since = Math.Max(before.Number, delivered.Number);
                if (before.Number < delivered.Number)
                {
                    endpoint.CatchUpFrom(before.Number);
                    missed = (before, delivered);
                }
            }
        }

        superfluous?.EndForGood(Ending.Superfluous);
        return (endpoint, missed);
    }

    private void Remove(Endpoint endpoint)
    {
        lock (_gate)
        {
            Drop(endpoint);
        }
    }

    private void Drop(Endpoint endpoint)
    {
        var number = endpoint.Home.Resource.Number;
        if (_residents.GetValueOrDefault(number) is { } residents && residents.Remove(endpoint))
        {
            _count--;
            if (residents.IsEmpty)
            {
                _residents.Remove(number);
                _emptySince = _clock.GetTimestamp();
            }

            if (!_isStopped && !residents.Has(endpoint.Person))
            {
                Departures.Add(endpoint.Home, endpoint.Person);
            }
        }
    }

    private bool IsHere(long resource, SubjectRef person)
    {
        lock (_gate)
        {
            return _residents.GetValueOrDefault(resource)?.Has(person) == true;
        }
    }

    private async Task TellDeparture(Home home, SubjectRef person)
    {
        try
        {
            await Departures.Tell(home, person, _stopping.Token);
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            // That somebody left is told while it is news, and the store has other worries.
        }
        catch (Exception fault)
        {
            LogFault(fault.GetType().Name, _own.Geography.Name);
        }
    }

    private bool IsDone()
    {
        lock (_gate)
        {
            if (_isFollowing && _count == 0 && _clock.GetElapsedTime(_emptySince) > IdleLimit)
            {
                _isFollowing = false;
            }

            return !_isFollowing;
        }
    }

    private List<Endpoint> Everyone()
    {
        lock (_gate)
        {
            return [.. Endpoints];
        }
    }

    private void Publish<T>(string kind, T content, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, long resource = 0) =>
        _own.Ephemeral.Publish(new EphemeralSignal(resource, kind, 0, JsonSerializer.SerializeToUtf8Bytes(content, type)));

    private static T Read<T>(EphemeralSignal signal, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => JsonSerializer.Deserialize(signal.Content.Span, type)!;

    [LoggerMessage(3401, LogLevel.Warning, "{Geography}: events could not be read ({Fault}) and are tried again")]
    private partial void LogFault(string fault, string geography);
}
