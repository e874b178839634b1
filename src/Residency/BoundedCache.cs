using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Domicile.Residency;

/// <summary>
/// A cache that never holds more than it was given room for: two generations, of which the older is dropped when the younger is full.
/// What was used since the last turn survives it.
/// </summary>
/// <typeparam name="TKey">The key.</typeparam>
/// <typeparam name="TValue">The value.</typeparam>
/// <param name="capacity">Entries at most, both generations together.</param>
public sealed class BoundedCache<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private readonly Lock _turning = new();
    private readonly int _generationSize = Math.Max(1, capacity / 2);
    private volatile ConcurrentDictionary<TKey, TValue> _young = new();
    private volatile ConcurrentDictionary<TKey, TValue> _old = new();
    private int _youngCount;
    private long _version;

    /// <summary>Changes whenever something was dropped on purpose. A value that was read before may be stale: see <see cref="AddUnlessDropped"/>.</summary>
    public long Version => Interlocked.Read(ref _version);

    /// <summary>Entries now.</summary>
    public int Count => _young.Count + _old.Count;

    /// <summary>Looks up.</summary>
    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (_young.TryGetValue(key, out value))
        {
            return true;
        }

        if (!_old.TryGetValue(key, out value))
        {
            return false;
        }

        // Moved up only while it is still there: what is being dropped at this moment must not come back.
        lock (_turning)
        {
            if (_old.TryGetValue(key, out value))
            {
                Add(key, value);
                return true;
            }

            return _young.TryGetValue(key, out value);
        }
    }

    /// <summary>Adds or replaces.</summary>
    public void Add(TKey key, TValue value)
    {
        var young = _young;
        if (!young.TryAdd(key, value))
        {
            young[key] = value;
        }
        else if (Interlocked.Increment(ref _youngCount) > _generationSize)
        {
            Turn(young);
        }
    }

    /// <summary>Adds a value that was read while the cache had this version; when something was dropped since, the value may be what was dropped and is not kept.</summary>
    public void AddUnlessDropped(TKey key, TValue value, long versionBeforeReading)
    {
        lock (_turning)
        {
            if (Version == versionBeforeReading)
            {
                Add(key, value);
            }
        }
    }

    /// <summary>Drops one entry.</summary>
    public void Drop(TKey key)
    {
        lock (_turning)
        {
            Interlocked.Increment(ref _version);
            _young.TryRemove(key, out _);
            _old.TryRemove(key, out _);
        }
    }

    /// <summary>Drops every entry that matches.</summary>
    public void DropWhere(Func<TKey, TValue, bool> matches)
    {
        lock (_turning)
        {
            Interlocked.Increment(ref _version);
            foreach (var generation in (ConcurrentDictionary<TKey, TValue>[])[_young, _old])
            {
                foreach (var (key, value) in generation)
                {
                    if (matches(key, value))
                    {
                        generation.TryRemove(key, out _);
                    }
                }
            }
        }
    }

    /// <summary>Drops everything.</summary>
    public void Clear() => DropWhere((_, _) => true);

    private void Turn(ConcurrentDictionary<TKey, TValue> full)
    {
        lock (_turning)
        {
            if (_young == full)
            {
                _old = full;
                _young = new ConcurrentDictionary<TKey, TValue>();
                Interlocked.Exchange(ref _youngCount, 0);
            }
        }
    }
}
