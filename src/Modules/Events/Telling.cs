using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>
/// Something on its way to one subscription: in memory, with the entry of the feed that is kept open for it, or written down as a record. What is said here is guarded by the target's
/// gate.
/// </summary>
internal sealed class Telling(EventDelivery delivery, EventWindow.Entry? entry)
{
    private TaskCompletionSource? _moved;

    /// <summary>It as it was last written down, or will be.</summary>
    public EventDelivery Delivery { get; set; } = delivery;

    /// <summary>The entry that waits for it; null for what was written down.</summary>
    public EventWindow.Entry? Entry { get; private set; } = entry;

    /// <summary>Where it is.</summary>
    public TellingPlace Place { get; private set; } = entry is null ? TellingPlace.Written : TellingPlace.InMemory;

    /// <summary>About how much memory it takes, in bytes.</summary>
    public int Size { get; } = SizeOf(delivery.Content);

    /// <summary>What names its record.</summary>
    public ColumnValue[] Key => [Delivery.Subscription, ColumnValue.Of(Delivery.Lane), ColumnValue.Of(Delivery.Number)];

    /// <summary>It is to be written down.</summary>
    public void Move()
    {
        Place = TellingPlace.Moving;
        _moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>It was written down, or could not be because the person or the subscription is gone. Its entry does not wait for it any more.</summary>
    public void Moved(TellingPlace to, EventDelivery? written = null)
    {
        (Place, Delivery) = (to, written ?? Delivery);
        Entry?.Done();
        Entry = null;
        _moved?.TrySetResult();
    }

    /// <summary>Waits until it is where it goes.</summary>
    public Task WhenMoved(CancellationToken cancel) => _moved is { } moved ? moved.Task.WaitAsync(cancel) : Task.CompletedTask;

    /// <summary>It was told, or given up, from memory.</summary>
    public void Done()
    {
        Place = TellingPlace.Gone;
        Entry!.Done();
        Entry = null;
    }

    private static int SizeOf(EventContent content) =>
        512 + (content.Parts.Count * 64) + (((content.Data?.Length ?? 0) + (content.Chat?.Content?.Length ?? 0)) * sizeof(char))
        + (content.Chat?.Metadata?.Sum(pair => (pair.Key.Length + pair.Value.Length) * sizeof(char)) ?? 0) + ((content.Chat?.Members?.Count ?? 0) * sizeof(long));
}

/// <summary>Where something is that is on its way.</summary>
internal enum TellingPlace
{
    /// <summary>Nowhere at rest but in the feed.</summary>
    InMemory,

    /// <summary>About to be written down.</summary>
    Moving,

    /// <summary>A record.</summary>
    Written,

    /// <summary>Told, or not to be told any more.</summary>
    Gone,
}
