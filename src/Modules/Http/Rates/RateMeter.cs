using System.Collections.Concurrent;
using Domicile.Residency;

namespace Domicile.Modules.Http.Rates;

/// <summary>
/// Counts requests against the table: for each row and each user, thread or resource, those of this window and, in proportion, of the one before.
/// Counters live for two windows and are bounded; beyond the bound, the counting begins anew, in favour of the callers.
/// </summary>
/// <param name="clock">The clock.</param>
public sealed class RateMeter(TimeProvider clock)
{
    private const int CountersMax = 200_000;
    private readonly ConcurrentDictionary<CounterKey, Counter> _counters = new();
    private readonly ConcurrentDictionary<(RateProfile Profile, string Operation), IReadOnlyList<(int Row, RateLimit Limit)>> _rows = new();
    private int _approximateCount;

    /// <summary>Counts a request.</summary>
    /// <returns>The problem (429) when it is one too many, with the limit and when to come back.</returns>
    public Problem? Refuses(Call call)
    {
        var profile = call.Settings.RateProfile;
        var rows = _rows.GetOrAdd((profile, call.Operation.Name), static key => RateTable.Of(key.Profile, key.Operation));
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        for (var i = 0; i < rows.Count; i++)
        {
            var (row, limit) = rows[i];
            if (KeyOf(call, profile, row, limit.Scope) is { } key && Counted(key).Refuses(now, limit) is { } wait)
            {
                return HttpProblems.TooMany(limit.Text, wait);
            }
        }

        return null;
    }

    private static CounterKey? KeyOf(Call call, RateProfile profile, int row, RateScope scope)
    {
        var user = (call.Caller as Caller.User)?.Subject.Value;
        if (scope is RateScope.User or RateScope.UserInThread && user is null)
        {
            return null;
        }

        // A hash: two threads that share one share a counter, which at worst throttles a little early.
        var thread = scope is RateScope.Thread or RateScope.UserInThread ? call.Route("threadId").GetHashCode(StringComparison.Ordinal) : 0;
        return new CounterKey(call.Home.ResourceId, profile, row, scope is RateScope.User or RateScope.UserInThread ? user!.Value : 0, thread);
    }

    private Counter Counted(CounterKey key)
    {
        if (_counters.TryGetValue(key, out var counter))
        {
            return counter;
        }

        if (Interlocked.Increment(ref _approximateCount) > CountersMax)
        {
            _counters.Clear();
            Interlocked.Exchange(ref _approximateCount, 0);
        }

        return _counters.GetOrAdd(key, static _ => new Counter());
    }

    private readonly record struct CounterKey(Guid Resource, RateProfile Profile, int Row, long User, int Thread);

    private sealed class Counter
    {
        private readonly Lock _lock = new();
        private long _window;
        private int _now;
        private int _before;

        public TimeSpan? Refuses(long nowMs, RateLimit limit)
        {
            var length = (long)limit.Window.TotalMilliseconds;
            lock (_lock)
            {
                var window = nowMs / length;
                if (window != _window)
                {
                    _before = window == _window + 1 ? _now : 0;
                    _now = 0;
                    _window = window;
                }

                var passed = nowMs % length;
                var carried = _before * (length - passed) / (double)length;
                if (_now + carried >= limit.Requests)
                {
                    // Until the window ends, or until enough of the one before has run out.
                    var wait = _now >= limit.Requests || _before == 0 ? length - passed : Math.Min(length - passed, (long)(((carried + _now + 1 - limit.Requests) / _before * length) + 1));
                    return TimeSpan.FromMilliseconds(wait);
                }

                _now++;
                return null;
            }
        }
    }
}
