using System.Collections.Concurrent;
using System.Threading.Channels;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Logs;

/// <summary>
/// Writes the operation logs of one scale unit behind the requests' back: what came together is written together. While the store cannot write, what waits is kept up to a
/// bound; what comes beyond is dropped and counted. A request never waits for it.
/// </summary>
internal sealed partial class LogWriter(LogSettings settings, IReadOnlyList<LogSource> sources, LogPace pace, ILogger log) : IAsyncDisposable
{
    /// <summary>Requests that wait at most: about 10 MiB.</summary>
    public const int QueueMax = 16_384;

    /// <summary>Requests that are written together at most.</summary>
    public const int BatchMax = 500;

    private static readonly TimeSpan LastTry = TimeSpan.FromSeconds(1);
    private readonly Channel<AnsweredCall> _queue = Channel.CreateBounded<AnsweredCall>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly ConcurrentDictionary<Guid, Tally> _tallies = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<AnsweredCall> _held = new(BatchMax);
    private Task _running = Task.CompletedTask;
    private long _taken;
    private long _done;
    private bool _isFailing;

    /// <summary>Takes one; drops it when there is no room.</summary>
    public void Take(AnsweredCall call)
    {
        if (_queue.Writer.TryWrite(call))
        {
            Interlocked.Increment(ref _taken);
        }
        else
        {
            Drop(call);
        }
    }

    /// <summary>What became of a resource's entries on this node since it started.</summary>
    public (long Written, long Dropped) TallyOf(Guid resource) =>
        _tallies.TryGetValue(resource, out var tally) ? (Interlocked.Read(ref tally.Written), Interlocked.Read(ref tally.Dropped)) : (0, 0);

    /// <summary>Begins to write.</summary>
    public void Start() => _running = Task.Run(() => Run(_stopping.Token));

    /// <summary>Waits until everything that was taken before is written. For tests.</summary>
    internal async Task Settle(CancellationToken cancel)
    {
        var taken = Interlocked.Read(ref _taken);
        while (Interlocked.Read(ref _done) < taken)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), cancel);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // It is known under several names, and ends once.
        if (!_queue.Writer.TryComplete())
        {
            return;
        }

        await _stopping.CancelAsync();
        await _running;

        // What still waits is tried once more; a store that is away now would only hold up the end.
        using var last = new CancellationTokenSource(LastTry);
        var lost = 0;
        try
        {
            do
            {
                if (_held.Count > 0 && await Write(_held, last.Token) is not null)
                {
                    break;
                }

                _held.Clear();
                Gather();
            }
            while (_held.Count > 0);
        }
        catch (Exception failed) when (failed is OperationCanceledException or StoreUnavailableException or ObjectDisposedException)
        {
            // Counted below.
        }

        for (lost = _held.Count; _queue.Reader.TryRead(out _); lost++)
        {
            // Counted, that is all.
        }

        if (lost > 0)
        {
            LogsMeter.Dropped.Add(lost);
            LogLost(log, lost);
        }

        _stopping.Dispose();
    }

    private async Task Run(CancellationToken cancel)
    {
        try
        {
            while (await _queue.Reader.WaitToReadAsync(cancel))
            {
                // A moment, so that a quiet server flushes once for several requests; a busy one has a batch together already.
                if (_queue.Reader.Count < BatchMax)
                {
                    await Task.Delay(pace.Gather, TimeProvider.System, cancel);
                }

                Gather();
                while (await WriteOrWhy(cancel) is { } reason)
                {
                    if (!_isFailing)
                    {
                        _isFailing = true;
                        LogFailing(log, reason);
                    }

                    await Task.Delay(pace.Retry, TimeProvider.System, cancel);
                }

                _isFailing = false;
                Interlocked.Add(ref _done, _held.Count);
                _held.Clear();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The end of the node; what is held is tried once more.
        }
    }

    private void Gather()
    {
        while (_held.Count < BatchMax && _queue.Reader.TryRead(out var call))
        {
            _held.Add(call);
        }
    }

    private async ValueTask<string?> WriteOrWhy(CancellationToken cancel)
    {
        try
        {
            return (await Write(_held, cancel))?.Title;
        }
        catch (StoreUnavailableException away)
        {
            return away.Message;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // A fault of ours in one batch must not end the logs for good: the batch is dropped, and said so.
            LogFault(log, fault);
            _held.ForEach(Drop);
            return null;
        }
    }

    /// <returns>Why it cannot be written now; what was written already is not written again.</returns>
    private async ValueTask<Problem?> Write(List<AnsweredCall> calls, CancellationToken cancel)
    {
        foreach (var resource in calls.GroupBy(call => call.Home.ResourceId).ToList())
        {
            var home = resource.First().Home;
            var on = await settings.Of(home, cancel);
            var pending = resource.ToList();
            foreach (var (at, source) in sources.Index())
            {
                var bit = 1UL << at;
                var some = on.Contains(source.Category) ? pending.Where(call => (call.WrittenTo & bit) == 0 && source.Takes(call)).ToList() : [];
                if (some.Count == 0)
                {
                    continue;
                }

                var refused = await source.Write(home, some, cancel);
                if (refused is not null && refused != StorageProblems.Gone)
                {
                    return refused;
                }

                some.ForEach(call => call.WrittenTo |= bit);
                if (refused is not null)
                {
                    // The resource or the day is gone, and its logs with it.
                    some.ForEach(Drop);
                    LogRefused(log, some.Count, refused.Type);
                    continue;
                }

                LogsMeter.Written.Add(some.Count);
                Interlocked.Add(ref Of(home.ResourceId).Written, some.Count);
            }
        }

        return null;
    }

    private void Drop(AnsweredCall call)
    {
        LogsMeter.Dropped.Add(1);
        Interlocked.Increment(ref Of(call.Home.ResourceId).Dropped);
    }

    /// <summary>There are as many as resources, of which a scale unit has no more than its database has.</summary>
    private Tally Of(Guid resource) => _tallies.GetOrAdd(resource, static _ => new Tally());

    private sealed class Tally
    {
        public long Written;
        public long Dropped;
    }

    [LoggerMessage(2601, LogLevel.Warning, "Operation logs cannot be written and wait; beyond a bound they are dropped: {Reason}")]
    private static partial void LogFailing(ILogger log, string reason);

    [LoggerMessage(2602, LogLevel.Warning, "{Count} entries of operation logs were not written before the end")]
    private static partial void LogLost(ILogger log, int count);

    [LoggerMessage(2604, LogLevel.Warning, "{Count} entries of operation logs were dropped: {Reason}")]
    private static partial void LogRefused(ILogger log, int count, string reason);

    [LoggerMessage(2603, LogLevel.Error, "Writing operation logs failed; a batch was dropped")]
    private static partial void LogFault(ILogger log, Exception fault);
}

/// <summary>How the writer paces itself.</summary>
/// <param name="Gather">How long it gathers before it writes, while less than a batch waits.</param>
/// <param name="Retry">How long it waits when the store could not write.</param>
internal sealed record LogPace(TimeSpan Gather, TimeSpan Retry)
{
    /// <summary>Four times a second, and a second.</summary>
    public static LogPace Usual { get; } = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(1));
}
