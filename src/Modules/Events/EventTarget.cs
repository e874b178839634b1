using System.Runtime.CompilerServices;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>
/// Tells one subscription what it is to be told: what belongs to one thread in its order, several threads at once. It is told from memory, and written down only when that does not go
/// well: when an attempt fails or takes long, when the target is left alone, when more comes than it takes, when something of its thread is written down already. What fails waits, and
/// its thread behind it; nobody else does. Runs on the node that leads; whatever it remembers is made again from the records and the feed.
/// </summary>
internal sealed partial class EventTarget : IDisposable
{
    /// <summary>Events of one thread that are told before another thread has its turn.</summary>
    private const int Turn = 16;

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookForLate = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReadAgain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);
    private readonly Home _home;
    private readonly EventEnvelope _envelope;
    private readonly EventWindow _window;
    private readonly TimeProvider _clock;
    private readonly int _waitingMax;
    private readonly ILogger _log;
    private readonly TargetCaller _caller;
    private readonly EventRows _rows;
    private readonly TallyKeeper _tally;
    private readonly DeadLetterDays _days;
    private readonly CancellationTokenSource _stopping = new();
    private readonly WakeUp _wake = new();
    private readonly WakeUp _room = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<long, EventLane> _lanes = [];
    private readonly Queue<EventLane> _ready = new();
    private readonly PriorityQueue<EventLane, DateTimeOffset> _later = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;
    private long _waiting;
    private long _inMemory;
    private long _bytesInMemory;
    private long _dead;
    private int _loaded;
    private int _working;
    private int _passing;
    private bool _isBehind;

    public EventTarget(Home home, EventSubscription subscription, EventEnvelope envelope, EventWindow window, OutboundClient client, TimeProvider clock, int waitingMax, ILogger log)
    {
        (_home, Subscription, _envelope, _window, _clock, _waitingMax, _log) = (home, subscription, envelope, window, clock, waitingMax, log);
        Stopping = _stopping.Token;
        _caller = new TargetCaller(subscription, client, clock);
        _rows = new EventRows(home, clock, log, Moved, _wake.Signal, Stopping);
        _tally = new TallyKeeper(home, subscription.Key, clock, log);
        _days = new DeadLetterDays(home, clock);
    }

    /// <summary>The subscription, as it was when this was made: another version has another target.</summary>
    public EventSubscription Subscription { get; }

    private CancellationToken Stopping { get; }

    private bool HasRoom => _inMemory < EventLimits.InMemoryPerTarget && _bytesInMemory < EventLimits.BytesInMemoryPerTarget;

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
                    var lane = new EventLane(row.Lane) { IsWritten = true, HasMore = true };
                    _lanes.Add(row.Lane, lane);
                    _waiting += row.Waiting;
                    Schedule(lane);
                }
            }

            after = rows[^1].Lane;
        }

        _running = Task.Run(Run, CancellationToken.None);
    }

    /// <summary>Takes something to tell. Entries come in the order of the feed.</summary>
    /// <param name="delivery">What.</param>
    /// <param name="entry">The entry, which is kept open until it was told, written down or given up.</param>
    /// <param name="cancel">Gives up waiting for room.</param>
    public async ValueTask Take(EventDelivery delivery, EventWindow.Entry entry, CancellationToken cancel)
    {
        if (!Volatile.Read(ref _isBehind) && !HasRoom)
        {
            await WaitForRoom(cancel);
        }

        while (_rows.Moving >= EventLimits.MovingMax)
        {
            await Task.Delay(ReadAgain, TimeProvider.System, cancel);
        }

        lock (_gate)
        {
            if (_waiting >= _waitingMax)
            {
                _tally.Dropped(delivery.Content.Parts.Count);
                return;
            }

            entry.Add();
            _waiting++;
            var telling = new Telling(delivery, entry);
            if (!_lanes.TryGetValue(delivery.Lane, out var lane))
            {
                _lanes.Add(delivery.Lane, lane = new EventLane(delivery.Lane));
            }

            var isFull = !HasRoom;
            Enter(telling);
            if (lane.IsWritten)
            {
                Move(lane, telling);
                return;
            }

            lane.Add(telling);
            if (_isBehind || isFull || IsLeftAlone())
            {
                WriteDown(lane);
            }
            else
            {
                Schedule(lane);
            }
        }
    }

    /// <summary>Tells what is nowhere at rest: once, now, or not at all.</summary>
    public void TellPassing(EventContent content, SubjectRef by)
    {
        lock (_gate)
        {
            if (_passing >= EventLimits.PassingAtOnce || Stopping.IsCancellationRequested)
            {
                return;
            }

            _passing++;
            Work(async () =>
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
                    lock (_gate)
                    {
                        _passing--;
                    }
                }
            });
        }
    }

    /// <summary>Writes down everything that is in memory, and waits until that is done.</summary>
    public Task WriteDown()
    {
        lock (_gate)
        {
            foreach (var lane in _lanes.Values)
            {
                WriteDown(lane);
            }
        }

        return _rows.Ended();
    }

    /// <summary>Stops. What is under way is given up, and told again.</summary>
    /// <param name="writesDown">Whether what is in memory is written down; else it is told by whoever reads its entries next.</param>
    public async Task Stop(bool writesDown)
    {
        await _stopping.CancelAsync();
        await _running;
        lock (_gate)
        {
            if (_working == 0)
            {
                _ended.TrySetResult();
            }
        }

        await _ended.Task;
        await (writesDown ? WriteDown() : _rows.Ended());
        await _tally.Tell(isLast: true);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    /// <summary>Looks after what time brings: lanes whose turn comes again, what is too long in memory, counts.</summary>
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

                if (_caller.LeftAloneUntil - now is var alone && alone > TimeSpan.Zero && alone < pause)
                {
                    pause = alone;
                }

                if (_inMemory > 0)
                {
                    WriteDownLate(now);
                    pause = pause < LookForLate ? pause : LookForLate;
                }

                for (var i = Math.Min(_ready.Count, EventLimits.AtOnce); i > 0; i--)
                {
                    Hire();
                }
            }

            await _tally.Tell(isLast: false);
            await next.WaitAsync(pause, _clock, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void WriteDownLate(DateTimeOffset now)
    {
        var isLeftAlone = IsLeftAlone();
        foreach (var lane in _lanes.Values)
        {
            if (!lane.IsWritten && lane.TryPeek(out var first) && (isLeftAlone || now - first.Delivery.QueuedOn >= EventLimits.InMemoryFor))
            {
                WriteDown(lane);
            }
        }
    }

    /// <summary>A target that takes what comes is waited for a little; one that does not is behind until nothing of it waits any more.</summary>
    private async ValueTask WaitForRoom(CancellationToken cancel)
    {
        // How fast the target is has nothing to do with a clock that a test turns.
        var began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) is var waited && waited < EventLimits.RoomWithin)
        {
            var next = _room.Next();
            lock (_gate)
            {
                if (HasRoom)
                {
                    return;
                }
            }

            await next.WaitAsync(EventLimits.RoomWithin - waited, TimeProvider.System, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
        }

        lock (_gate)
        {
            _isBehind = !HasRoom;
        }
    }

    private bool IsLeftAlone() => _caller.IsLeftAlone;

    private void Enter(Telling telling)
    {
        _inMemory++;
        _bytesInMemory += telling.Size;
    }

    private void Leave(Telling telling)
    {
        _inMemory--;
        _bytesInMemory -= telling.Size;
        if (_inMemory <= EventLimits.InMemoryPerTarget / 2)
        {
            _room.Signal();
        }
    }

    /// <summary>One does not wait any more.</summary>
    private void Forget()
    {
        _waiting--;
        if (_isBehind && _waiting == _inMemory)
        {
            _isBehind = false;
        }
    }

    private void WriteDown(EventLane lane)
    {
        if (lane.IsWritten || lane.Count == 0)
        {
            return;
        }

        lane.IsWritten = true;
        foreach (var telling in lane.Empty())
        {
            Move(lane, telling);
        }
    }

    private void Move(EventLane lane, Telling telling)
    {
        Leave(telling);
        lane.Moving.Enqueue(telling.Delivery.Number);
        telling.Move();
        _rows.WriteDown(lane, telling);
    }

    /// <summary>What was to be written down is.</summary>
    private void Moved(EventLane lane, Telling telling, RowFate fate)
    {
        lock (_gate)
        {
            lane.Moving.Dequeue();
            switch (fate)
            {
                case RowFate.Written:
                    telling.Moved(TellingPlace.Written, telling.Delivery with { Version = 1 });
                    Offer(lane, telling);
                    break;
                case RowFate.WasThere:
                    telling.Moved(TellingPlace.Gone);
                    Forget();
                    lane.Additions++;
                    lane.HasMore = true;
                    break;
                default:
                    telling.Moved(TellingPlace.Gone);
                    Forget();
                    break;
            }

            if (!lane.IsEmpty)
            {
                Schedule(lane);
            }
            else if (!lane.IsScheduled)
            {
                _lanes.Remove(lane.Key);
            }
        }
    }

    private void Offer(EventLane lane, Telling telling)
    {
        lane.Additions++;
        if (lane.HasMore || lane.Count >= EventLimits.LoadedPerLane || _loaded >= EventLimits.LoadedPerTarget)
        {
            lane.HasMore = true;
        }
        else
        {
            lane.Add(telling);
            _loaded++;
        }
    }

    private void Schedule(EventLane lane)
    {
        if (!lane.IsScheduled)
        {
            lane.IsScheduled = true;
            _ready.Enqueue(lane);
            Hire();
        }
    }

    /// <summary>Has one more lane told at the same time, when there may be.</summary>
    private void Hire()
    {
        if (_working - _passing < EventLimits.AtOnce && MayTell())
        {
            Work(TellLanes);
        }
    }

    private bool MayTell() => !Stopping.IsCancellationRequested && _rows.Going < EventLimits.UnsettledMax && !IsLeftAlone();

    /// <summary>Runs something beside everything else, which is waited for at the end.</summary>
    private void Work(Func<Task> work)
    {
        _working++;
        _ = Task.Run(
            async () =>
            {
                try
                {
                    await work();
                }
                catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
                {
                    // Told again by whoever comes next.
                }
                catch (Exception fault)
                {
                    LogFault(fault.GetType().Name, _home.Geography.Name);
                }

                lock (_gate)
                {
                    _working--;
                    if (_working == 0 && Stopping.IsCancellationRequested)
                    {
                        _ended.TrySetResult();
                    }
                }
            },
            CancellationToken.None);
    }

    private async Task TellLanes()
    {
        while (true)
        {
            EventLane? lane;
            lock (_gate)
            {
                if (!MayTell() || !_ready.TryDequeue(out lane))
                {
                    return;
                }
            }

            await TakeTurn(lane);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask TakeTurn(EventLane lane)
    {
        DateTimeOffset? notBefore = null;
        try
        {
            notBefore = await TellLane(lane);
        }
        catch (Exception fault) when (!Stopping.IsCancellationRequested)
        {
            notBefore = _clock.GetUtcNow() + AfterFault;
            LogFault(fault.GetType().Name, _home.Geography.Name);
        }
        finally
        {
            lock (_gate)
            {
                if (lane.IsEmpty)
                {
                    _lanes.Remove(lane.Key);
                }
                else if (lane.Count == 0 && !lane.HasMore)
                {
                    // What is about to be written down has its turn then.
                    lane.IsScheduled = false;
                }
                else if (notBefore is { } at)
                {
                    if (lane.IsWritten)
                    {
                        // What waits is read again when its time has come: it may be of somebody who was erased by then.
                        var let = lane.Empty().Count;
                        _loaded -= let;
                        lane.HasMore |= let > 0;
                    }

                    _later.Enqueue(lane, at);
                    _wake.Signal();
                }
                else
                {
                    _ready.Enqueue(lane);
                }
            }
        }
    }

    /// <returns>When the lane may be looked at again; null for at once.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DateTimeOffset?> TellLane(EventLane lane)
    {
        for (var told = 0; told < Turn && !Stopping.IsCancellationRequested;)
        {
            Telling? next;
            lock (_gate)
            {
                if (!lane.TryPeek(out next) && !lane.HasMore)
                {
                    break;
                }
            }

            if ((next is null ? await Load(lane) : await Tell(lane, next)) is { } notBefore)
            {
                return notBefore;
            }

            told += next is null ? 0 : 1;
        }

        return null;
    }

    /// <summary>Reads what waits next in a lane. What comes meanwhile is read the next time.</summary>
    /// <returns>When to read again, when there is something that may not be told yet; null when it was read.</returns>
    private async Task<DateTimeOffset?> Load(EventLane lane)
    {
        long additions, after, before;
        lock (_gate)
        {
            (additions, after, before) = (lane.Additions, lane.Through, lane.Moving.TryPeek(out var first) ? first : long.MaxValue);
        }

        // What lies beyond what this leader has read, or is writing down, waits for what may come before it.
        var numbers = await EventsStore.NumbersAfter(_home, Subscription.Key, lane.Key, after, EventLimits.LoadedPerLane, Stopping);
        var read = numbers.TakeWhile(number => number < before && EventIntake.PositionOf(number) <= _window.Read).Count();
        if (read == 0 && numbers.Count > 0)
        {
            return _clock.GetUtcNow() + ReadAgain;
        }

        var records = read == 0 ? [] : await _home.Store.Range<EventDelivery>(Subscription.Key, ColumnValue.Of(lane.Key)).After(ColumnValue.Of(after)).Before(ColumnValue.Of(numbers[read - 1] + 1)).Open(Stopping);
        lock (_gate)
        {
            foreach (var record in records)
            {
                lane.Add(new Telling(record, null));
            }

            // Those that did not open are of people who were erased: they go with them.
            for (var i = records.Count; i < read; i++)
            {
                Forget();
            }

            _loaded += records.Count;
            lane.Through = read == 0 ? after : numbers[read - 1];
            lane.HasMore = numbers.Count == EventLimits.LoadedPerLane || read < numbers.Count || lane.Additions != additions;
        }

        return null;
    }

    /// <summary>Tells the rest of something.</summary>
    /// <returns>When it is to be tried again; null when it is done with, or was handed over to be written down.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DateTimeOffset?> Tell(EventLane lane, Telling telling)
    {
        var delivery = telling.Delivery;
        if (delivery.NotBefore is { } from && from > _clock.GetUtcNow())
        {
            return from;
        }

        var (content, ends) = (delivery.Content, delivery.QueuedOn.AddMinutes(Subscription.LifeMinutes));
        var people = await _envelope.People(_home, content, delivery.Person, delivery.Done == 0 ? content.Parts : content.Parts.Skip(delivery.Done), Stopping);
        var began = delivery.Done;
        if (!delivery.Person.IsNone && !(content.Chat is null ? await _home.Subjects.FingerprintOf(delivery.Person, Stopping) is not null : people.Has(delivery.Person)))
        {
            // Erased since it was read; a record goes with them.
            await Finish(lane, telling, leavesRecord: true);
            return null;
        }

        for (var done = delivery.Done; done < content.Parts.Count; done = delivery.Done)
        {
            var part = content.Parts[done];
            if (!EventEnvelope.CanBeTold(part, people))
            {
                delivery = Progress(telling, delivery with { Done = done + 1, Attempts = 0 });
                continue;
            }

            if (_clock.GetUtcNow() >= ends)
            {
                await GiveUp(telling, delivery, content.Parts.Count - done, "TimeToLiveExceeded");
                break;
            }

            if (await Attempt(content, part, people, delivery.Attempts + 1) is not { } answer)
            {
                // Left alone: that is no attempt.
                var until = _caller.LeftAloneUntil;
                var soon = _clock.GetUtcNow() + LookAgain;
                var later = until > soon ? (until < ends ? until : ends) : soon;
                return await Postpone(lane, telling, delivery, later, isChanged: done > began);
            }

            var verdict = DeliveryVerdict.Of(answer);
            if (verdict.IsDelivered)
            {
                _tally.Delivered();
                if (done + 1 == content.Parts.Count)
                {
                    break;
                }

                delivery = Progress(telling, delivery with { Done = done + 1, Attempts = 0, NotBefore = null });
                continue;
            }

            _tally.Failed(verdict.Outcome);
            var now = _clock.GetUtcNow();
            delivery = delivery with { Attempts = delivery.Attempts + 1, LastAttemptOn = now, LastOutcome = verdict.Outcome };
            if (!verdict.MayRetry || delivery.Attempts >= Subscription.AttemptsMax)
            {
                delivery = await GiveUp(telling, delivery, 1, verdict.MayRetry ? "MaxDeliveryAttemptsExceeded" : verdict.Outcome);
                continue;
            }

            var again = now + RetrySchedule.After(delivery.Attempts, answer.Status);
            return await Postpone(lane, telling, delivery, again < ends ? again : ends, isChanged: true);
        }

        await Finish(lane, telling, leavesRecord: false);
        return null;
    }

    /// <summary>One part of it is done: should it be written down now, that is known.</summary>
    private EventDelivery Progress(Telling telling, EventDelivery delivery)
    {
        lock (_gate)
        {
            if (telling.Place == TellingPlace.InMemory)
            {
                telling.Delivery = delivery;
            }
        }

        return delivery;
    }

    private ValueTask<OutboundAnswer?> Attempt(EventContent content, EventPart part, EventPeople people, int attempt) => _caller.Attempt(content, part, people, attempt, Stopping);

    /// <summary>Nothing of it is left to tell.</summary>
    /// <param name="lane">Its lane.</param>
    /// <param name="telling">It.</param>
    /// <param name="leavesRecord">Whether a record of it goes by itself.</param>
    private async ValueTask Finish(EventLane lane, Telling telling, bool leavesRecord)
    {
        lock (_gate)
        {
            if (telling.Place == TellingPlace.InMemory)
            {
                lane.Pass(telling);
                Leave(telling);
                Forget();
                telling.Done();
                return;
            }
        }

        await telling.WhenMoved(Stopping);
        lock (_gate)
        {
            if (telling.Place != TellingPlace.Written)
            {
                return;
            }

            _loaded -= lane.Pass(telling) ? 1 : 0;
            Forget();
        }

        if (!leavesRecord)
        {
            _rows.TakeAway(telling.Key);
        }
    }

    /// <summary>Puts it off: writes it down, when it is in memory, and everything of its lane behind it.</summary>
    /// <returns>When it is to be tried again; null when it is being written down, after which its lane has its turn, or is not there any more.</returns>
    private async Task<DateTimeOffset?> Postpone(EventLane lane, Telling telling, EventDelivery delivery, DateTimeOffset until, bool isChanged)
    {
        var changed = isChanged ? delivery with { NotBefore = until } : delivery;
        lock (_gate)
        {
            if (telling.Place == TellingPlace.InMemory)
            {
                telling.Delivery = changed;
                WriteDown(lane);
                return null;
            }
        }

        if (await IsRecord(telling) is not { } version)
        {
            return null;
        }

        if (!isChanged)
        {
            return until;
        }

        var outcome = await _home.Store.Commit(b => b.Put(changed with { Version = version }), Stopping);
        if (outcome.Refused == StorageProblems.Unavailable)
        {
            throw new StoreUnavailableException(outcome.Refused.Title);
        }

        if (outcome.Refused is { } refused)
        {
            // It was erased, or its subscription deleted.
            LogNotKept(_home.Geography.Name, refused.Type);
            await Finish(lane, telling, leavesRecord: true);
            return null;
        }

        telling.Delivery = changed with { Version = version + 1 };
        return until;
    }

    /// <summary>The version of its record, waiting for it to be written down when it is about to be; null when there is none.</summary>
    private async ValueTask<long?> IsRecord(Telling telling)
    {
        if (telling.Place == TellingPlace.Moving)
        {
            await telling.WhenMoved(Stopping);
        }

        return telling.Place == TellingPlace.Written ? telling.Delivery.Version : null;
    }

    /// <summary>Gives some parts up; they become a dead letter where that is wanted.</summary>
    private async Task<EventDelivery> GiveUp(Telling telling, EventDelivery delivery, int parts, string reason)
    {
        var keeps = Subscription.KeepsDeadLetters && Interlocked.Read(ref _dead) < EventLimits.DeadLettersMax;
        var rest = delivery with { Done = delivery.Done + parts, Attempts = 0, NotBefore = null };
        var dead = keeps ? await DeadLetterOf(delivery, parts, reason) : null;
        var version = await IsRecord(telling);
        var outcome = await _home.Store.Commit(
            b =>
            {
                if (dead is not null)
                {
                    b.Insert(dead);
                }

                if (version is { } of)
                {
                    if (rest.Done == delivery.Content.Parts.Count)
                    {
                        b.Delete<EventDelivery>(telling.Key);
                    }
                    else
                    {
                        b.Put(rest with { Version = of });
                    }
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
        else if (version is { } of)
        {
            telling.Delivery = rest with { Version = of + 1 };
        }

        _envelope.Failed?.Count(_home, parts);
        if (dead is not null && outcome.Refused is null)
        {
            Interlocked.Increment(ref _dead);
            _tally.DeadLettered(parts);
        }
        else
        {
            _tally.Dropped(parts);
        }

        return rest;
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

    [LoggerMessage(3701, LogLevel.Warning, "{Geography}: events of a subscription could not be told ({Fault}) and are tried again")]
    private partial void LogFault(string fault, string geography);

    [LoggerMessage(3702, LogLevel.Warning, "{Geography}: what became of an event could not be written down ({Problem})")]
    private partial void LogNotKept(string geography, string problem);
}
