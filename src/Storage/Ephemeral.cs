using System.Threading.Channels;

namespace Domicile.Storage;

/// <summary>
/// The path beside the feed for what is never at rest, such as that someone is typing. Whoever is not listening misses it. Where several nodes work on one store,
/// all of them hear it.
/// </summary>
public sealed class Ephemeral
{
    /// <summary>Bytes of a signal's content at most: what fits, sealed, into a notification of PostgreSQL.</summary>
    public const int ContentMax = 4_096;

    private const int QueueMax = 1_024;
    private readonly Lock _lock = new();
    private Channel<EphemeralSignal>[] _listeners = [];

    /// <summary>Takes a signal to the other nodes; null where there are none.</summary>
    internal Action<EphemeralSignal>? Relay { get; set; }

    /// <summary>Tells everyone who listens now, on this node and on the others of the store.</summary>
    /// <exception cref="ArgumentException">The content is longer than <see cref="ContentMax"/>.</exception>
    public void Publish(EphemeralSignal signal)
    {
        if (signal.Content.Length > ContentMax)
        {
            throw new ArgumentException($"A signal's content is at most {ContentMax} bytes.", nameof(signal));
        }

        Tell(signal);
        Relay?.Invoke(signal);
    }

    /// <summary>Tells everyone who listens on this node.</summary>
    internal void Tell(EphemeralSignal signal)
    {
        foreach (var listener in Volatile.Read(ref _listeners))
        {
            listener.Writer.TryWrite(signal);
        }
    }

    /// <summary>Listens until cancelled. A listener that is more than 1,024 signals behind loses the oldest.</summary>
    public async IAsyncEnumerable<EphemeralSignal> Listen([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var listener = Channel.CreateBounded<EphemeralSignal>(new BoundedChannelOptions(QueueMax) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            _listeners = [.. _listeners, listener];
        }

        try
        {
            await foreach (var signal in listener.Reader.ReadAllAsync(cancel))
            {
                yield return signal;
            }
        }
        finally
        {
            lock (_lock)
            {
                _listeners = [.. _listeners.Where(other => other != listener)];
            }
        }
    }
}

/// <summary>Something that happens and is not kept.</summary>
/// <param name="Resource">The number of the resource.</param>
/// <param name="Kind">What happens, such as <c>chat.typing</c>.</param>
/// <param name="Root">The key of the root that it concerns.</param>
/// <param name="Content">What there is to tell, as its kind says; in memory only.</param>
public sealed record EphemeralSignal(long Resource, string Kind, long Root, ReadOnlyMemory<byte> Content);
