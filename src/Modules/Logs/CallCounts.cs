using System.Collections.Concurrent;
using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>
/// Counts answered requests by resource, operation and status, minute by minute: what alerts look at. It is numbers of operations and names nobody; so it is kept whether or not a
/// resource keeps logs.
/// </summary>
internal sealed class CallCounts
{
    /// <summary>Different things that are told apart in a minute; what comes beyond is counted in <see cref="LogsMeter.Uncounted"/> only.</summary>
    public const int KeysMax = 100_000;

    private ConcurrentDictionary<CallCountKey, Count> _current = new();
    private int _keys;

    /// <summary>Counts one.</summary>
    public void Add(CallCountKey key, long number = 1)
    {
        var current = Volatile.Read(ref _current);
        if (!current.TryGetValue(key, out var count))
        {
            if (Interlocked.Increment(ref _keys) > KeysMax)
            {
                LogsMeter.Uncounted.Add(1);
                return;
            }

            count = current.GetOrAdd(key, static _ => new Count());
        }

        Interlocked.Add(ref count.Number, number);
    }

    /// <summary>What was counted since it was asked last.</summary>
    public IReadOnlyList<(CallCountKey Key, long Number)> Take()
    {
        var closed = Interlocked.Exchange(ref _current, new());
        Interlocked.Exchange(ref _keys, 0);

        // Whoever had the old counters in hand a moment ago may still add to them; what is read as 0 by then is a count of a moment.
        return [.. closed.Select(pair => (pair.Key, Interlocked.Read(ref pair.Value.Number)))];
    }

    private sealed class Count
    {
        public long Number;
    }
}

/// <summary>What is counted together.</summary>
/// <param name="Geography">Where.</param>
/// <param name="Resource">The resource; null while only its name or id in a path is known.</param>
/// <param name="Named">What a path of the administration origin says.</param>
/// <param name="Operation">The operation, or what happened.</param>
/// <param name="Status">HTTP status; 0 for what is no answer.</param>
internal readonly record struct CallCountKey(Geography Geography, Guid? Resource, string? Named, string Operation, int Status);
