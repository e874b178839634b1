namespace Domicile.Modules.Logs.Query;

/// <summary>Numbers the different keys that it is shown, from 0. Keys lie beside each other, so that a group costs little more than its cells.</summary>
/// <param name="width">Cells in a key.</param>
internal sealed class GroupTable(int width)
{
    private LogValue[] _keys = new LogValue[Math.Max(width, 1) * 16];
    private (int Hash, int Next)[] _entries = new (int, int)[16];
    private int[] _buckets = new int[16];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>A key's cells.</summary>
    public ReadOnlySpan<LogValue> this[int number] => _keys.AsSpan(number * width, width);

    /// <summary>The key's number; a new one when it was not seen before.</summary>
    public int Add(ReadOnlySpan<LogValue> key, out bool isNew)
    {
        var hash = HashOf(key);
        var number = Find(key, hash);
        isNew = number < 0;
        if (!isNew)
        {
            return number;
        }

        if (Count == _entries.Length)
        {
            Grow();
        }

        number = Count++;
        if ((number + 1) * width > _keys.Length)
        {
            Array.Resize(ref _keys, _keys.Length * 2);
        }

        key.CopyTo(_keys.AsSpan(number * width));
        ref var bucket = ref _buckets[hash & (_buckets.Length - 1)];
        _entries[number] = (hash, bucket - 1);
        bucket = number + 1;
        return number;
    }

    /// <summary>The key's number; -1 when it was not seen.</summary>
    public int Find(ReadOnlySpan<LogValue> key) => Find(key, HashOf(key));

    private int Find(ReadOnlySpan<LogValue> key, int hash)
    {
        for (var at = _buckets[hash & (_buckets.Length - 1)] - 1; at >= 0; at = _entries[at].Next)
        {
            if (_entries[at].Hash == hash && Same(key, this[at]))
            {
                return at;
            }
        }

        return -1;
    }

    private void Grow()
    {
        Array.Resize(ref _entries, _entries.Length * 2);
        _buckets = new int[_entries.Length];
        for (var at = 0; at < Count; at++)
        {
            ref var bucket = ref _buckets[_entries[at].Hash & (_buckets.Length - 1)];
            _entries[at].Next = bucket - 1;
            bucket = at + 1;
        }
    }

    private static bool Same(ReadOnlySpan<LogValue> one, ReadOnlySpan<LogValue> two)
    {
        for (var at = 0; at < one.Length; at++)
        {
            if (!one[at].Equals(two[at]))
            {
                return false;
            }
        }

        return true;
    }

    private static int HashOf(ReadOnlySpan<LogValue> key)
    {
        var hash = 0u;
        foreach (var value in key)
        {
            // Neighbouring numbers are usual keys: the multiplication spreads them over the buckets.
            hash = (hash ^ (uint)value.GetHashCode()) * 2654435761u;
            hash ^= hash >> 15;
        }

        return (int)hash;
    }
}
