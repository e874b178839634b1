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

    /// <summary>A node that has not seen the end of the feed for this long may not rely on what it remembers.</summary>
    public static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(1);

    private const int PageMax = 1_000;
    private const int PiecePositions = 2_000;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HeldUpPoll = TimeSpan.FromMilliseconds(5);
    private readonly IStoreEngine _engine;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private Observer[] _observers = [];
    private TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Feed(IStoreEngine engine, TimeProvider clock)
    {
        _engine = engine;
        _clock = clock;
        engine.Changed = Tell;
        engine.Woken = Wake;
    }

    /// <summary>
    /// Whether this node has heard of everything that was committed more than a second ago, here or on another node. While it has not, what it remembers is
    /// not to be relied on: the database is asked, or the request refused.
    /// </summary>
    public bool IsCurrent => Follower?.IsCurrent ?? true;

    /// <summary>What tells this node of the changes of others; null when there are no others.</summary>
    internal FeedFollower? Follower { get; set; }

    /// <summary>
    /// Has a node's cache told of every change: of this node's own after it is durable and before its writer is told, so that whoever was answered never
    /// meets a stale cache; of other nodes' soon after, or <see cref="IsCurrent"/> is false. Neither may throw or take long.
    /// </summary>
    /// <param name="observer">Told of changes.</param>
    /// <param name="forget">Told that changes may have been missed: everything that was remembered is to be dropped. Null for who remembers nothing.</param>
    public void Observe(Action<IReadOnlyList<FeedEntry>> observer, Action? forget = null)
    {
        lock (_lock)
        {
            _observers = [.. _observers, new Observer(observer, forget ?? (() => { }))];
        }
    }

    /// <summary>The last position before which nothing can come any more.</summary>
    public ValueTask<FeedPosition> End(CancellationToken cancel) => _engine.FeedEnd(cancel);

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
            var signal = Signal;
            var page = await _engine.ReadFeed(at?.Number ?? 0, PageMax, cancel);
            if (at is { } position && IsOfAnotherHistory(position, page))
            {
                at = await End(cancel);
                yield return new FeedItem.Resync(at.Value);
                continue;
            }

            foreach (var entry in page.Entries)
            {
                yield return new FeedItem.Changed(entry, new FeedPosition(page.End.Epoch, entry.Position));
            }

            at = new FeedPosition(page.End.Epoch, Math.Max(page.Last, page.Horizon.Number));
            if (page.IsHeldUp || page.Count == 0)
            {
                // A gap closes in real time, whatever a test's clock says.
                await (page.IsHeldUp ? Wait(signal, HeldUpPoll, TimeProvider.System, cancel) : Wait(signal, Poll, _clock, cancel));
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
            : (page.Entries, new FeedPosition(page.End.Epoch, page.Last));
    }

    /// <summary>The position that a reader remembered, or null.</summary>
    public ValueTask<FeedPosition?> Recall(string reader, CancellationToken cancel) => _engine.Recall(reader, cancel);

    /// <summary>Remembers how far a reader has come, durably.</summary>
    public Task Remember(string reader, FeedPosition position, CancellationToken cancel) => _engine.Remember(reader, position, cancel);

    internal Task Signal => Volatile.Read(ref _signal).Task;

    /// <summary>Whether entries between the position and the page are gone, or the position is of a store that was there before a restore.</summary>
    internal static bool IsOfAnotherHistory(FeedPosition position, FeedPage page) =>
        position.Epoch != page.End.Epoch || position.Number < page.Horizon.Number || position.Number > page.End.Number;

    internal static async Task Wait(Task signal, TimeSpan atMost, TimeProvider clock, CancellationToken cancel)
    {
        await signal.WaitAsync(atMost, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>Tells the node's caches of changes that another node made.</summary>
    internal void TellOfOthers(IReadOnlyList<FeedEntry> entries)
    {
        foreach (var observer in Volatile.Read(ref _observers))
        {
            observer.Changed(entries);
        }
    }

    /// <summary>Has the node's caches forget everything.</summary>
    internal void Forget()
    {
        foreach (var observer in Volatile.Read(ref _observers))
        {
            observer.Forget();
        }
    }

    private void Tell(IReadOnlyList<FeedEntry> entries)
    {
        TellOfOthers(entries);
        Wake();
    }

    private void Wake() =>
        Interlocked.Exchange(ref _signal, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private sealed record Observer(Action<IReadOnlyList<FeedEntry>> Changed, Action Forget);
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
