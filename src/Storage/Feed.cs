using System.Runtime.CompilerServices;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// What changed in a scale unit, in order: appended in the transaction of the change itself, so that nothing is acknowledged without its entry and no entry
/// tells of what did not happen. Readers remember how far they came; a signal only wakes them, and without one they look every second.
/// </summary>
public sealed class Feed
{
    /// <summary>Entries older than this are trimmed. A reader that was away longer gets <see cref="FeedItem.Resync"/>.</summary>
    public static readonly TimeSpan Horizon = TimeSpan.FromDays(7);

    private const int PageMax = 1_000;
    private const int PiecePositions = 10_000;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private readonly IStoreEngine _engine;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private Action<IReadOnlyList<FeedEntry>>[] _observers = [];
    private TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Feed(IStoreEngine engine, TimeProvider clock)
    {
        _engine = engine;
        _clock = clock;
        engine.Changed = Tell;
    }

    /// <summary>
    /// Has a node's cache told of every change after it is durable and before its writer is told, so that whoever was answered never meets a stale cache.
    /// The observer must be quick and must not throw.
    /// </summary>
    public void Observe(Action<IReadOnlyList<FeedEntry>> observer)
    {
        lock (_lock)
        {
            _observers = [.. _observers, observer];
        }
    }

    /// <summary>The last position.</summary>
    public async ValueTask<FeedPosition> End(CancellationToken cancel) => (await _engine.ReadFeed(long.MaxValue - 1, 1, cancel)).End;

    /// <summary>
    /// Follows the feed for ever, from the position that the reader remembered, else from <paramref name="from"/>, else from the first entry that is still
    /// there. What was yielded may come again after a crash, until it is remembered: at least once, in order.
    /// </summary>
    public async IAsyncEnumerable<FeedItem> Tail(string reader, FeedPosition? from, [EnumeratorCancellation] CancellationToken cancel)
    {
        var at = await _engine.Recall(reader, cancel) ?? from;
        while (true)
        {
            // Taken before reading: a change that comes in between is not slept through.
            var signal = Volatile.Read(ref _signal).Task;
            var page = await _engine.ReadFeed(at?.Number ?? 0, PageMax, cancel);
            if (at is { } position && (position.Epoch != page.End.Epoch || position.Number < page.Horizon.Number || position.Number > page.End.Number))
            {
                at = page.End;
                yield return new FeedItem.Resync(page.End);
                continue;
            }

            foreach (var entry in page.Entries)
            {
                at = new FeedPosition(page.End.Epoch, entry.Position);
                yield return new FeedItem.Changed(entry, at.Value);
            }

            at ??= page.Horizon;
            if (page.Entries.Count == 0)
            {
                await signal.WaitAsync(Poll, _clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancel.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>What changed after a position, of some kinds, a piece at a time: for whoever catches up at their own pace.</summary>
    /// <param name="after">The position.</param>
    /// <param name="kinds">The kinds; changes of others may be among the answer.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The changes, and the position up to which there are no others; null when entries were missed, as <see cref="FeedItem.Resync"/> says.</returns>
    public async ValueTask<(IReadOnlyList<FeedEntry> Entries, FeedPosition Through)?> Read(FeedPosition after, IReadOnlyList<RecordKind> kinds, CancellationToken cancel)
    {
        var page = await _engine.ReadFeed(after.Number, PiecePositions, kinds, cancel);
        return after.Epoch != page.End.Epoch || after.Number < page.Horizon.Number || after.Number > page.End.Number
            ? null
            : (page.Entries, new FeedPosition(page.End.Epoch, page.Through));
    }

    /// <summary>Remembers how far a reader has come, durably.</summary>
    public Task Remember(string reader, FeedPosition position, CancellationToken cancel) => _engine.Remember(reader, position, cancel);

    private void Tell(IReadOnlyList<FeedEntry> entries)
    {
        foreach (var observer in Volatile.Read(ref _observers))
        {
            observer(entries);
        }

        Interlocked.Exchange(ref _signal, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }
}

/// <summary>What a reader of the feed is given.</summary>
public abstract record FeedItem
{
    private FeedItem()
    {
    }

    /// <summary>A record changed.</summary>
    /// <param name="Entry">What changed.</param>
    /// <param name="Position">What to remember once it is dealt with.</param>
    public sealed record Changed(FeedEntry Entry, FeedPosition Position) : FeedItem;

    /// <summary>
    /// Entries were missed: the reader was away beyond the horizon, or the store was restored. Whatever it derived must be made anew from the records; the feed
    /// goes on after this position.
    /// </summary>
    public sealed record Resync(FeedPosition Position) : FeedItem;
}
