namespace Domicile.Modules.Events;

/// <summary>
/// The entries of the change feed that are being told without having been written down. The position is remembered up to the first of them and no further, so that after a crash they
/// are read again.
/// </summary>
internal sealed class EventWindow
{
    private readonly Lock _gate = new();
    private readonly Queue<Entry> _open = new();
    private long _read;

    /// <summary>
    /// Up to here everything was read and handed to whom it concerns. What an earlier leader wrote down beyond it waits: something that was not written down may come before it.
    /// </summary>
    public long Read
    {
        get => Volatile.Read(ref _read);
        set => Volatile.Write(ref _read, value);
    }

    /// <summary>Up to here everything was told, written down or given up.</summary>
    public long Through
    {
        get
        {
            lock (_gate)
            {
                while (_open.TryPeek(out var first) && first.IsClosed)
                {
                    _open.Dequeue();
                }

                return _open.TryPeek(out var open) ? open.Position - 1 : Read;
            }
        }
    }

    /// <summary>Whether there are as many as there may be, those included that wait behind one that is not done.</summary>
    public bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return _open.Count >= EventLimits.EntriesInFlight;
            }
        }
    }

    /// <summary>An entry begins to be told, in the order of the feed.</summary>
    /// <param name="position">Its position.</param>
    /// <param name="last">What remains to be done when it was told to everybody; it then closes the entry. Null for nothing.</param>
    public Entry Begin(long position, Action<Entry>? last = null)
    {
        var entry = new Entry(position, last);
        lock (_gate)
        {
            _open.Enqueue(entry);
        }

        return entry;
    }

    /// <summary>An entry that is being told: it is done when whoever began it and everybody who is told of it are.</summary>
    internal sealed class Entry(long position, Action<Entry>? last)
    {
        private int _undone = 1;
        private volatile bool _isClosed;

        public long Position => position;

        public bool IsClosed => _isClosed;

        /// <summary>One more is told of it.</summary>
        public void Add() => Interlocked.Increment(ref _undone);

        /// <summary>One is done with it.</summary>
        public void Done()
        {
            if (Interlocked.Decrement(ref _undone) > 0)
            {
                return;
            }

            if (last is null)
            {
                Close();
            }
            else
            {
                last(this);
            }
        }

        /// <summary>Nothing of it is needed again.</summary>
        public void Close() => _isClosed = true;
    }
}
