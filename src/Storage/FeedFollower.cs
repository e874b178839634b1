using Domicile.Storage.Engine;
using Microsoft.Extensions.Logging;

namespace Domicile.Storage;

/// <summary>
/// Keeps a node's caches true where other nodes work on the same store: follows the feed from its end, tells the caches of what others changed, and knows how
/// far behind it is. A node that was away beyond the lease forgets everything that it remembered.
/// </summary>
internal sealed partial class FeedFollower : IAsyncDisposable
{
    /// <summary>Beyond this without the end of the feed, nothing that is remembered may be kept, keys least of all.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    private const int PageMax = 1_000;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HeldUpPoll = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(200);

    // Real time, whatever a test's clock says: how old an answer of the database is.
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly Feed _feed;
    private readonly IStoreEngine _engine;
    private readonly Action<Going> _going;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private FeedPosition _at;
    private long _currentAt;
    private bool _hasForgotten;
    private Task _running = Task.CompletedTask;

    public FeedFollower(Feed feed, IStoreEngine engine, Action<Going> going, ILogger log)
    {
        _feed = feed;
        _engine = engine;
        _going = going;
        _log = log;
    }

    /// <summary>Whether the end of the feed was seen within the last second.</summary>
    public bool IsCurrent => _time.GetElapsedTime(Interlocked.Read(ref _currentAt)) < Feed.StaleAfter;

    /// <summary>How long ago the end of the feed was seen.</summary>
    public TimeSpan Lag => _time.GetElapsedTime(Interlocked.Read(ref _currentAt));

    /// <summary>Begins at the end of the feed, while the node remembers nothing yet.</summary>
    public async Task Start(CancellationToken cancel)
    {
        var seen = _time.GetTimestamp();
        _at = await _engine.FeedEnd(cancel);
        Interlocked.Exchange(ref _currentAt, seen);
        _running = Task.Run(() => Run(_stopping.Token), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task Run(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await Follow(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                if (Lag >= Lease && !_hasForgotten)
                {
                    _hasForgotten = true;
                    _feed.Forget();
                    LogBehind(fault, (int)Lag.TotalSeconds);
                }

                await Task.Delay(RetryAfter, _time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Follow(CancellationToken cancel)
    {
        while (true)
        {
            var signal = _feed.Signal;
            var asked = _time.GetTimestamp();
            var page = await _engine.ReadFeed(_at.Number, PageMax, cancel);
            if (Feed.IsOfAnotherHistory(_at, page))
            {
                _at = await _engine.FeedEnd(cancel);
                _feed.Forget();
                continue;
            }

            if (Lag >= Lease && !_hasForgotten)
            {
                // A read that hung: whoever relied on the lease may have gone on without this node.
                _feed.Forget();
            }

            _hasForgotten = false;
            Tell(page);
            _at = new FeedPosition(page.End.Epoch, Math.Max(page.Last, page.Horizon.Number));
            if (!page.IsHeldUp && page.Count < PageMax)
            {
                Interlocked.Exchange(ref _currentAt, asked);
                await Feed.Wait(signal, Poll, _time, cancel);
            }
            else if (page.IsHeldUp)
            {
                await Feed.Wait(signal, HeldUpPoll, _time, cancel);
            }
        }
    }

    private void Tell(FeedPage page)
    {
        if (page.Others.Count > 0)
        {
            _feed.TellOfOthers(page.Others);
        }

        foreach (var going in page.Going)
        {
            _going(going);
        }
    }

    [LoggerMessage(2201, LogLevel.Warning, "Out of touch with the other nodes of the store for {Seconds} s; nothing that was remembered is relied on until that ends")]
    private partial void LogBehind(Exception fault, int seconds);
}
