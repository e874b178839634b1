namespace Domicile.Tests.Support;

/// <summary>
/// A clock that the test turns. Timers, and with them <c>Task.Delay</c> and <c>WaitAsync</c>, fire while it is turned, each at its own instant and in order.
/// </summary>
internal sealed class ManualClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Alarm> _alarms = [];
    private DateTimeOffset _now = start;

    public ManualClock()
        : this(new DateTimeOffset(2026, 3, 1, 8, 0, 0, TimeSpan.Zero))
    {
    }

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that are waiting.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _alarms.Count(alarm => alarm.Due is not null);
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, () => callback(state));
        lock (_lock)
        {
            _alarms.Add(alarm);
        }

        alarm.Change(dueTime, period);
        return alarm;
    }

    /// <summary>Lets time pass at once, as when a machine slept: whoever is woken by what was due meanwhile finds the end of it.</summary>
    public void Jump(TimeSpan by)
    {
        lock (_lock)
        {
            _now += by;
        }

        Turn(TimeSpan.Zero);
    }

    /// <summary>Lets time pass. What is due rings on the caller's thread before this returns.</summary>
    public void Turn(TimeSpan by)
    {
        DateTimeOffset until;
        lock (_lock)
        {
            until = _now + by;
        }

        while (true)
        {
            Alarm? next;
            lock (_lock)
            {
                next = _alarms.Where(alarm => alarm.Due <= until).MinBy(alarm => alarm.Due);
                if (next is null)
                {
                    _now = until;
                    return;
                }

                _now = next.Due!.Value > _now ? next.Due.Value : _now;
                next.Due = next.Period > TimeSpan.Zero ? _now + next.Period : null;
            }

            next.Ring();
        }
    }

    private sealed class Alarm(ManualClock clock, Action ring) : ITimer
    {
        public DateTimeOffset? Due { get; set; }

        public TimeSpan Period { get; private set; }

        public void Ring() => ring();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool now;
            lock (clock._lock)
            {
                Period = period;
                now = dueTime == TimeSpan.Zero;
                Due = dueTime == Timeout.InfiniteTimeSpan ? null : now ? (period > TimeSpan.Zero ? clock._now + period : null) : clock._now + dueTime;
            }

            if (now)
            {
                ThreadPool.UnsafeQueueUserWorkItem(static alarm => alarm.Ring(), this, preferLocal: false);
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                clock._alarms.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
