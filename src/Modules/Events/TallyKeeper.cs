using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>Counts what becomes of a subscription's events, and writes it down every few seconds.</summary>
internal sealed partial class TallyKeeper
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    private readonly Home _home;
    private readonly Ref<EventSubscription> _subscription;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private EventTally _untold;
    private long _delivered;
    private DateTimeOffset _deliveredOn;
    private bool _hasUntold;
    private DateTimeOffset _toldOn;

    public TallyKeeper(Home home, Ref<EventSubscription> subscription, TimeProvider clock, ILogger log)
    {
        (_home, _subscription, _clock, _log) = (home, subscription, clock, log);
        _untold = Nothing();
    }

    /// <summary>One was delivered.</summary>
    public void Delivered()
    {
        lock (_gate)
        {
            (_deliveredOn, _hasUntold) = (_clock.GetUtcNow(), true);
            _delivered++;
        }
    }

    /// <summary>An attempt failed.</summary>
    public void Failed(string outcome) => Count(tally => tally with { Failed = tally.Failed + 1, LastFailure = outcome });

    /// <summary>Some were given up, and kept as a dead letter.</summary>
    public void DeadLettered(int events) => Count(tally => tally with { DeadLettered = tally.DeadLettered + events });

    /// <summary>Some were given up or had no room, and were not kept.</summary>
    public void Dropped(int events) => Count(tally => tally with { Dropped = tally.Dropped + events });

    /// <summary>Adds what was counted to what is written down, when it is time.</summary>
    public async Task Tell(bool isLast)
    {
        EventTally untold;
        var now = _clock.GetUtcNow();
        lock (_gate)
        {
            if (!_hasUntold || (!isLast && now - _toldOn < Every && now >= _toldOn))
            {
                return;
            }

            untold = _delivered == 0 ? _untold : _untold with { Delivered = _untold.Delivered + _delivered, LastDeliveredOn = _deliveredOn };
            (_untold, _delivered, _hasUntold, _toldOn) = (Nothing(), 0, false, now);
        }

        try
        {
            var known = await _home.Store.Get<EventTally>([_subscription], CancellationToken.None);
            var sum = Sum(known ?? Nothing(), untold) with { Version = known?.Version ?? 0 };
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
            Count(tally => Sum(untold, tally));
        }
    }

    private static EventTally Sum(EventTally before, EventTally after) => before with
    {
        Delivered = before.Delivered + after.Delivered,
        Failed = before.Failed + after.Failed,
        DeadLettered = before.DeadLettered + after.DeadLettered,
        Dropped = before.Dropped + after.Dropped,
        LastDeliveredOn = after.LastDeliveredOn ?? before.LastDeliveredOn,
        LastFailure = after.LastFailure ?? before.LastFailure,
    };

    private void Count(Func<EventTally, EventTally> change)
    {
        lock (_gate)
        {
            (_untold, _hasUntold) = (change(_untold), true);
        }
    }

    private EventTally Nothing() => new() { Subscription = _subscription };

    [LoggerMessage(3703, LogLevel.Warning, "{Geography}: counts of events could not be written down ({Problem})")]
    private partial void LogNotKept(string geography, string problem);
}
