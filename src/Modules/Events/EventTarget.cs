using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>
/// Tells one subscription what waits for it: what belongs to one thread in its order, several threads at once. What fails waits, and its thread behind it; nobody else does. Runs
/// on the node that leads; whatever it remembers is made again from the records.
/// </summary>
internal sealed partial class EventTarget : IAsyncDisposable
{
    /// <summary>Records of one thread that are told before another thread has its turn.</summary>
    private const int Turn = 16;

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TallyEvery = TimeSpan.FromSeconds(2);
    private readonly Home _home;
    private readonly EventEnvelope _envelope;
    private readonly OutboundClient _client;
    private readonly TimeProvider _clock;
    private readonly int _waitingMax;
    private readonly ILogger _log;
    private readonly TargetCircuit _circuit;
    private readonly Uri _address;
    private readonly DeadLetterDays _days;
    private readonly CancellationTokenSource _stopping = new();
    private readonly WakeUp _wake = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Lane> _lanes = [];
    private readonly Queue<Lane> _ready = new();
    private readonly PriorityQueue<Lane, DateTimeOffset> _later = new();
    private readonly List<EventDelivery> _settled = [];
    private readonly HashSet<Task> _turns = [];
    private long _waiting;
    private long _dead;
    private int _loaded;
    private int _passing;
    private bool _isSettling;
    private Task _settling = Task.CompletedTask;
    private Task _running = Task.CompletedTask;
    private EventTally _untold;
    private bool _hasUntold;
    private DateTimeOffset _toldOn;
    private DateTimeOffset _nextSlot;

    public EventTarget(Home home, EventSubscription subscription, EventEnvelope envelope, OutboundClient client, TimeProvider clock, int waitingMax, ILogger log)
    {
        (_home, Subscription, _envelope, _client, _clock, _waitingMax, _log) = (home, subscription, envelope, client, clock, waitingMax, log);
        _circuit = new TargetCircuit(clock);
        _address = new Uri(subscription.Target, UriKind.Absolute);
        _days = new DeadLetterDays(home, clock);
        _untold = Nothing();
    }

    /// <summary>The subscription, as it was when this was made: another version has another target.</summary>
    public EventSubscription Subscription { get; }

    private CancellationToken Stopping => _stopping.Token;

    /// <summary>Finds what waits, and begins.</summary>
    public async Task Start(CancellationToken cancel)
    {
        _dead = await EventsStore.CountDead(_home, Subscription.Key, cancel);
        var after = long.MinValue;
        while (await EventsStore.LanesAfter(_home, Subscription.Key, after, cancel) is { Count: > 0 } rows)
        {
            lock (_gate)
            {
                foreach (var row in rows)
                {
                    var lane = new Lane(row.Lane) { HasMore = true, IsScheduled = true };
                    _lanes.Add(row.Lane, lane);
                    _ready.Enqueue(lane);
                    _waiting += row.Waiting;
                }
            }

            after = rows[^1].Lane;
        }

        _running = Task.Run(Run, CancellationToken.None);
    }

    /// <summary>Takes a place for what is about to be written down for it.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryReserve()
    {
        lock (_gate)
        {
            if (_waiting >= _waitingMax)
            {
                return false;
            }

            _waiting++;
            return true;
        }
    }

    /// <summary>Gives the place back: nothing was written down.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _waiting--;
        }
    }

    /// <summary>Takes what was written down for it, in the place that was taken for it.</summary>
    public void Offer(EventDelivery delivery)
    {
        lock (_gate)
        {
            if (!_lanes.TryGetValue(delivery.Lane, out var lane))
            {
                _lanes.Add(delivery.Lane, lane = new Lane(delivery.Lane) { Through = delivery.Number - 1 });
            }

            lane.Offers++;
            if (!lane.HasMore && lane.Loaded.Count < EventLimits.LoadedPerLane && _loaded < EventLimits.LoadedPerTarget)
            {
                lane.Loaded.Enqueue(delivery);
                lane.Through = delivery.Number;
                _loaded++;
            }
            else
            {
                lane.HasMore = true;
            }

            if (!lane.IsScheduled)
            {
                lane.IsScheduled = true;
                _ready.Enqueue(lane);
            }
        }

        _wake.Signal();
    }

    /// <summary>There was no room for something.</summary>
    public void Drop(int events) => Count(tally => tally with { Dropped = tally.Dropped + events });

    /// <summary>Tells what is nowhere at rest: once, now, or not at all.</summary>
    public void TellPassing(EventContent content, SubjectRef by)
    {
        if (Interlocked.Increment(ref _passing) > EventLimits.PassingAtOnce)
        {
            Interlocked.Decrement(ref _passing);
            return;
        }

        Track(async () =>
        {
            try
            {
                var people = await _envelope.People(_home, content, by, content.Parts, Stopping);
                foreach (var part in content.Parts.Where(part => EventEnvelope.CanBeTold(part, people)))
                {
                    await Attempt(content, part, people, 1);
                }
            }
            finally
            {
                Interlocked.Decrement(ref _passing);
            }
        });
    }

    /// <summary>Stops: what is under way is given up, and told again by whoever leads next.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        Task[] turns;
        lock (_gate)
        {
            turns = [.. _turns];
        }

        await Task.WhenAll(turns).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task settling;
        lock (_gate)
        {
            settling = _settling;
        }

        await settling;
        _stopping.Dispose();
    }

    private async Task Run()
    {
        while (!Stopping.IsCancellationRequested)
        {
            var next = _wake.Next();
            var now = _clock.GetUtcNow();
            var pause = LookAgain;
            lock (_gate)
            {
                while (_later.TryPeek(out var lane, out var at) && at <= now)
                {
                    _later.Dequeue();
                    _ready.Enqueue(lane);
                }

                if (_later.TryPeek(out _, out var due) && due - now < pause)
                {
                    pause = due - now;
                }

                while (_turns.Count < EventLimits.AtOnce && _settled.Count < EventLimits.UnsettledMax && now >= _circuit.OpenUntil && _ready.TryDequeue(out var lane))
                {
                    Track(() => TakeTurn(lane));
                }
            }

            await TellTally(now, isLast: false);
            await next.WaitAsync(pause, _clock, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await TellTally(_clock.GetUtcNow(), isLast: true);
    }

    /// <summary>Runs something beside the loop, and remembers it until it is done.</summary>
    private void Track(Func<Task> work)
    {
        lock (_gate)
        {
            var turn = Task.Run(() => Guard(work), CancellationToken.None);
            _turns.Add(turn);
            _ = turn.ContinueWith(
                ended =>
                {
                    lock (_gate)
                    {
                        _turns.Remove(ended);
                    }

                    _wake.Signal();
                },
                CancellationToken.None,
                TaskContinuationOptions.None,
                TaskScheduler.Default);
        }
    }

    private async Task Guard(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            // Told again by whoever leads next.
        }
        catch (Exception fault)
        {
            LogFault(fault.GetType().Name, _home.Geography.Name);
        }
    }

    private async Task TakeTurn(Lane lane)
    {
        DateTimeOffset? notBefore = _clock.GetUtcNow() + AfterFault;
        try
        {
            notBefore = await TellLane(lane);
        }
        finally
        {
            lock (_gate)
            {
                if (lane.Loaded.Count == 0 && !lane.HasMore)
                {
                    _lanes.Remove(lane.Key);
                }
                else if (notBefore is { } at)
                {
                    // What waits is read again when its time has come: it may be of somebody who was erased by then.
                    _loaded -= lane.Unload();
                    _later.Enqueue(lane, at);
                }
                else
                {
                    _ready.Enqueue(lane);
                }
            }
        }
    }

    /// <returns>When the lane may be looked at again; null for at once.</returns>
    private async Task<DateTimeOffset?> TellLane(Lane lane)
    {
        for (var told = 0; told < Turn && !Stopping.IsCancellationRequested;)
        {
            if (!lane.TryPeek(_gate, out var delivery))
            {
                if (!lane.HasMore)
                {
                    break;
                }

                await Load(lane);
                continue;
            }

            if (await Tell(lane, delivery) is { } notBefore)
            {
                return notBefore;
            }

            lock (_gate)
            {
                lane.Loaded.Dequeue();
                _loaded--;
                _waiting--;
            }

            told++;
        }

        return null;
    }

    /// <summary>Reads what waits next in a lane. What comes meanwhile is read the next time.</summary>
    private async Task Load(Lane lane)
    {
        long offers, after;
        lock (_gate)
        {
            (offers, after) = (lane.Offers, lane.Through);
        }

        var numbers = await EventsStore.NumbersAfter(_home, Subscription.Key, lane.Key, after, EventLimits.LoadedPerLane, Stopping);
        var records = numbers.Count == 0 ? [] : await _home.Store.Range<EventDelivery>(Subscription.Key, ColumnValue.Of(lane.Key)).After(ColumnValue.Of(after)).Before(ColumnValue.Of(numbers[^1] + 1)).Open(Stopping);
        lock (_gate)
        {
            foreach (var record in records)
            {
                lane.Loaded.Enqueue(record);
            }

            // Those that did not open are of people who were erased: they go with them.
            _waiting -= numbers.Count - records.Count;
            _loaded += records.Count;
            lane.Through = numbers.Count == 0 ? after : numbers[^1];
            lane.HasMore = numbers.Count == EventLimits.LoadedPerLane || lane.Offers != offers;
        }
    }

    /// <summary>Tells the rest of a record.</summary>
    /// <returns>When it is to be tried again; null when it is done with.</returns>
    private async Task<DateTimeOffset?> Tell(Lane lane, EventDelivery delivery)
    {
        if (delivery.NotBefore > _clock.GetUtcNow())
        {
            return delivery.NotBefore;
        }

        var (content, ends) = (delivery.Content, delivery.QueuedOn.AddMinutes(Subscription.LifeMinutes));
        var people = await _envelope.People(_home, content, delivery.Person, content.Parts.Skip(delivery.Done), Stopping);
        var began = delivery.Done;
        if (!delivery.Person.IsNone && !(content.Chat is null ? await _home.Subjects.FingerprintOf(delivery.Person, Stopping) is not null : people.Has(delivery.Person)))
        {
            // Erased since it was read; the row goes with them.
            return null;
        }

        while (delivery.Done < content.Parts.Count)
        {
            var part = content.Parts[delivery.Done];
            if (!EventEnvelope.CanBeTold(part, people))
            {
                delivery = lane.Replace(_gate, delivery with { Done = delivery.Done + 1, Attempts = 0 });
                continue;
            }

            if (_clock.GetUtcNow() >= ends)
            {
                await GiveUp(lane, delivery, content.Parts.Count - delivery.Done, "TimeToLiveExceeded");
                return null;
            }

            if (await Attempt(content, part, people, delivery.Attempts + 1) is not { } answer)
            {
                // Left alone: that is no attempt.
                var until = _circuit.OpenUntil;
                var soon = _clock.GetUtcNow() + LookAgain;
                var later = until > soon ? (until < ends ? until : ends) : soon;
                return delivery.Done > began ? await Postpone(lane, delivery with { NotBefore = later }) : later;
            }

            var verdict = DeliveryVerdict.Of(answer);
            if (verdict.IsDelivered)
            {
                Count(tally => tally with { Delivered = tally.Delivered + 1, LastDeliveredOn = _clock.GetUtcNow() });
                delivery = lane.Replace(_gate, delivery with { Done = delivery.Done + 1, Attempts = 0, NotBefore = null });
                continue;
            }

            Count(tally => tally with { Failed = tally.Failed + 1, LastFailure = verdict.Outcome });
            var now = _clock.GetUtcNow();
            delivery = lane.Replace(_gate, delivery with { Attempts = delivery.Attempts + 1, LastAttemptOn = now, LastOutcome = verdict.Outcome });
            if (!verdict.MayRetry || delivery.Attempts >= Subscription.AttemptsMax)
            {
                delivery = await GiveUp(lane, delivery, 1, verdict.MayRetry ? "MaxDeliveryAttemptsExceeded" : verdict.Outcome);
                if (delivery.Done == content.Parts.Count)
                {
                    return null;
                }

                continue;
            }

            var again = now + RetrySchedule.After(delivery.Attempts, answer.Status);
            return await Postpone(lane, delivery with { NotBefore = again < ends ? again : ends });
        }

        Settle(delivery);
        return null;
    }

    private async Task<OutboundAnswer?> Attempt(EventContent content, EventPart part, EventPeople people, int attempt)
    {
        await Pace();
        var request = new OutboundRequest(HttpMethod.Post, _address)
        {
            Body = EventEnvelope.Write(Subscription, content, part, people),
            ContentType = Subscription.Schema == EventSchema.EventGrid ? "application/json; charset=utf-8" : "application/cloudevents+json; charset=utf-8",
            Headers = EventHeaders.OfDelivery(Subscription, attempt),
            TimeLimit = EventLimits.AnswerWithin,
        };
        return await _circuit.Attempt(async cancel => await _client.Send(request, cancel), Stopping);
    }

    /// <summary>Waits for a place among the deliveries a minute that the target agreed to.</summary>
    private async Task Pace()
    {
        if (Subscription.DeliveriesPerMinute is not { } rate)
        {
            return;
        }

        TimeSpan wait;
        lock (_gate)
        {
            var now = _clock.GetUtcNow();
            var slot = _nextSlot > now ? _nextSlot : now;
            _nextSlot = slot + (TimeSpan.FromMinutes(1) / rate);
            wait = slot - now;
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, _clock, Stopping);
        }
    }

    /// <returns>When it is to be tried again; null when the record is not there any more.</returns>
    private async Task<DateTimeOffset?> Postpone(Lane lane, EventDelivery delivery)
    {
        var outcome = await _home.Store.Commit(b => b.Put(delivery), Stopping);
        if (outcome.Refused == StorageProblems.Unavailable)
        {
            throw new StoreUnavailableException(outcome.Refused.Title);
        }

        if (outcome.Refused is not null)
        {
            // Whom it was about was erased, or the subscription deleted.
            return null;
        }

        lane.Replace(_gate, delivery with { Version = delivery.Version + 1 });
        return delivery.NotBefore;
    }

    /// <summary>Makes a dead letter of the next parts, where the subscription asks for it, in the batch that takes them from what waits.</summary>
    /// <returns>The record with what is left of it.</returns>
    private async Task<EventDelivery> GiveUp(Lane lane, EventDelivery delivery, int parts, string reason)
    {
        var keeps = Subscription.KeepsDeadLetters && Interlocked.Read(ref _dead) < EventLimits.DeadLettersMax;
        var rest = delivery with { Done = delivery.Done + parts, Attempts = 0, NotBefore = null };
        var dead = keeps ? await DeadLetterOf(delivery, parts, reason) : null;
        var isLast = rest.Done == delivery.Content.Parts.Count;
        var outcome = await _home.Store.Commit(
            b =>
            {
                if (dead is not null)
                {
                    b.Insert(dead);
                }

                if (isLast)
                {
                    b.Delete<EventDelivery>([delivery.Subscription, ColumnValue.Of(delivery.Lane), ColumnValue.Of(delivery.Number)]);
                }
                else
                {
                    b.Put(rest);
                }
            },
            Stopping);
        if (outcome.Refused == StorageProblems.Unavailable)
        {
            throw new StoreUnavailableException(outcome.Refused.Title);
        }

        if (outcome.Refused is not null)
        {
            _days.Forget();
            LogNotKept(_home.Geography.Name, outcome.Refused.Type);
        }
        else if (dead is not null)
        {
            Interlocked.Increment(ref _dead);
        }

        var isKept = dead is not null && outcome.Refused is null;
        _envelope.Failed?.Count(_home, parts);
        Count(tally => isKept ? tally with { DeadLettered = tally.DeadLettered + parts } : tally with { Dropped = tally.Dropped + parts });
        return lane.Replace(_gate, rest with { Version = delivery.Version + 1 });
    }

    private async Task<DeadLetter> DeadLetterOf(EventDelivery delivery, int parts, string reason) => new()
    {
        Day = await _days.Today(Stopping),
        Number = _home.References.Next<DeadLetter>().Value,
        Subscription = delivery.Subscription,
        Lane = delivery.Lane,
        Person = delivery.Person,
        Content = delivery.Content with { Parts = [.. delivery.Content.Parts.Skip(delivery.Done).Take(parts)] },
        Reason = reason,
        Attempts = delivery.Attempts,
        LastOutcome = delivery.LastOutcome,
        LastAttemptOn = delivery.LastAttemptOn,
        PublishedOn = delivery.QueuedOn,
        DeadOn = _clock.GetUtcNow(),
    };

    /// <summary>What was delivered goes, many in one batch. Until it has, it is told again after a crash.</summary>
    private void Settle(EventDelivery delivery)
    {
        lock (_gate)
        {
            _settled.Add(delivery);
            if (!_isSettling)
            {
                _isSettling = true;
                _settling = Task.Run(SettleAll, CancellationToken.None);
            }
        }
    }

    private async Task SettleAll()
    {
        while (true)
        {
            List<EventDelivery> piece;
            lock (_gate)
            {
                piece = [.. _settled.Take(EventLimits.Piece)];
                if (piece.Count == 0)
                {
                    _isSettling = false;
                    return;
                }
            }

            var outcome = await _home.Store.Commit(
                b =>
                {
                    foreach (var delivery in piece)
                    {
                        b.Delete<EventDelivery>([delivery.Subscription, ColumnValue.Of(delivery.Lane), ColumnValue.Of(delivery.Number)]);
                    }
                },
                CancellationToken.None);
            if (outcome.Refused is not null)
            {
                if (Stopping.IsCancellationRequested)
                {
                    lock (_gate)
                    {
                        _isSettling = false;
                        return;
                    }
                }

                await Task.Delay(AfterFault, _clock, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            lock (_gate)
            {
                _settled.RemoveRange(0, piece.Count);
            }

            _wake.Signal();
        }
    }

    private void Count(Func<EventTally, EventTally> change)
    {
        lock (_gate)
        {
            (_untold, _hasUntold) = (change(_untold), true);
        }
    }

    /// <summary>Adds what was counted to what is written down.</summary>
    private async Task TellTally(DateTimeOffset now, bool isLast)
    {
        EventTally untold;
        lock (_gate)
        {
            if (!_hasUntold || (!isLast && now - _toldOn < TallyEvery && now >= _toldOn))
            {
                return;
            }

            (untold, _untold, _hasUntold, _toldOn) = (_untold, Nothing(), false, now);
        }

        try
        {
            var known = await _home.Store.Get<EventTally>([Subscription.Key], CancellationToken.None);
            var sum = (known ?? Nothing()) with
            {
                Delivered = (known?.Delivered ?? 0) + untold.Delivered,
                Failed = (known?.Failed ?? 0) + untold.Failed,
                DeadLettered = (known?.DeadLettered ?? 0) + untold.DeadLettered,
                Dropped = (known?.Dropped ?? 0) + untold.Dropped,
                LastDeliveredOn = untold.LastDeliveredOn ?? known?.LastDeliveredOn,
                LastFailure = untold.LastFailure ?? known?.LastFailure,
            };
            var outcome = await _home.Store.Commit(
                b =>
                {
                    if (known is null)
                    {
                        b.Insert(sum);
                    }
                    else
                    {
                        b.Put(sum);
                    }
                },
                CancellationToken.None);
            if (outcome.Refused is { } refused && refused != StorageProblems.Gone)
            {
                LogNotKept(_home.Geography.Name, refused.Type);
            }
        }
        catch (StoreUnavailableException)
        {
            Count(tally => tally with
            {
                Delivered = tally.Delivered + untold.Delivered,
                Failed = tally.Failed + untold.Failed,
                DeadLettered = tally.DeadLettered + untold.DeadLettered,
                Dropped = tally.Dropped + untold.Dropped,
            });
        }
    }

    private EventTally Nothing() => new() { Subscription = Subscription.Key };

    [LoggerMessage(3701, LogLevel.Warning, "{Geography}: events of a subscription could not be told ({Fault}) and are tried again")]
    private partial void LogFault(string fault, string geography);

    [LoggerMessage(3702, LogLevel.Warning, "{Geography}: what became of an event could not be written down ({Problem})")]
    private partial void LogNotKept(string geography, string problem);

    /// <summary>What is told in order.</summary>
    private sealed class Lane(long key)
    {
        public long Key => key;

        /// <summary>The next records.</summary>
        public Queue<EventDelivery> Loaded { get; } = new();

        /// <summary>Whether there are more in the store.</summary>
        public bool HasMore { get; set; }

        /// <summary>The last number that was loaded.</summary>
        public long Through { get; set; } = long.MinValue;

        /// <summary>How many were offered.</summary>
        public long Offers { get; set; }

        /// <summary>Whether it has its turn, or waits for one.</summary>
        public bool IsScheduled { get; set; }

        /// <summary>The first record as it is now, where that differs from what was read.</summary>
        private EventDelivery? Changed { get; set; }

        /// <summary>Lets go of what was loaded.</summary>
        /// <returns>How many records.</returns>
        public int Unload()
        {
            var count = Loaded.Count;
            if (count > 0)
            {
                (Through, HasMore, Changed) = (Loaded.Peek().Number - 1, true, null);
                Loaded.Clear();
            }

            return count;
        }

        public bool TryPeek(Lock gate, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out EventDelivery? first)
        {
            lock (gate)
            {
                if (!Loaded.TryPeek(out first))
                {
                    return false;
                }

                if (Changed is { } changed && changed.Number == first.Number)
                {
                    first = changed;
                }

                return true;
            }
        }

        public EventDelivery Replace(Lock gate, EventDelivery first)
        {
            lock (gate)
            {
                Changed = first;
            }

            return first;
        }
    }
}
