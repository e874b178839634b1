using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>
/// The records of one subscription: writes down what cannot be told at once, many in one batch and in the order in which it came, and takes away what was told. Until that is done,
/// a record is told again after a crash.
/// </summary>
internal sealed partial class EventRows
{
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);
    private readonly Home _home;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Action<EventLane, Telling, RowFate> _tell;
    private readonly Action _gone;
    private readonly CancellationToken _stopping;
    private readonly Piecework<(EventLane Lane, Telling Telling)> _writing;
    private readonly Piecework<ColumnValue[]> _going;

    /// <summary>The records of a subscription.</summary>
    /// <param name="home">The resource.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="log">Where faults are told.</param>
    /// <param name="tell">Told what became of each that was to be written down, in order.</param>
    /// <param name="gone">Told that some were taken away.</param>
    /// <param name="stopping">From then on nothing is tried twice.</param>
    public EventRows(Home home, TimeProvider clock, ILogger log, Action<EventLane, Telling, RowFate> tell, Action gone, CancellationToken stopping)
    {
        (_home, _clock, _log, _tell, _gone, _stopping) = (home, clock, log, tell, gone, stopping);
        _writing = new(Write);
        _going = new(Remove);
    }

    /// <summary>How many are about to be written down.</summary>
    public int Moving => _writing.Count;

    /// <summary>How many were told and are still there.</summary>
    public int Going => _going.Count;

    /// <summary>Writes something down.</summary>
    public void WriteDown(EventLane lane, Telling telling) => _writing.Add((lane, telling));

    /// <summary>Takes something away.</summary>
    public void TakeAway(ColumnValue[] key) => _going.Add(key);

    /// <summary>Waits for what has come so far.</summary>
    public Task Ended() => Task.WhenAll(_writing.Ended, _going.Ended);

    private async Task<bool> Write(IReadOnlyList<(EventLane Lane, Telling Telling)> piece)
    {
        while (true)
        {
            var refused = await Commit(b =>
            {
                foreach (var (_, telling) in piece)
                {
                    b.Insert(telling.Delivery);
                }
            });
            if (refused is null)
            {
                foreach (var (lane, telling) in piece)
                {
                    _tell(lane, telling, RowFate.Written);
                }

                return true;
            }

            if (refused == StorageProblems.Unavailable)
            {
                if (!await TryAgain())
                {
                    return false;
                }

                continue;
            }

            if (piece is [var (only, one)])
            {
                _tell(only, one, refused == StorageProblems.Exists ? RowFate.WasThere : RowFate.Refused);
                return true;
            }

            // One of them is there already, or of somebody who was erased, or for a subscription that is gone: each for itself, then.
            foreach (var each in piece)
            {
                if (!await Write([each]))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private async Task<bool> Remove(IReadOnlyList<ColumnValue[]> piece)
    {
        while (await Commit(b =>
        {
            foreach (var key in piece)
            {
                b.Delete<EventDelivery>(key);
            }
        }) is { } refused)
        {
            LogNotRemoved(_home.Geography.Name, refused.Type);
            if (!await TryAgain())
            {
                return false;
            }
        }

        _gone();
        return true;
    }

    private async ValueTask<Problem?> Commit(Action<Batch> build)
    {
        try
        {
            return (await _home.Store.Commit(build, CancellationToken.None)).Refused;
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            LogFault(fault.GetType().Name, _home.Geography.Name);
            return StorageProblems.Unavailable;
        }
    }

    private async Task<bool> TryAgain()
    {
        if (_stopping.IsCancellationRequested)
        {
            return false;
        }

        await Task.Delay(AfterFault, _clock, _stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }

    [LoggerMessage(3704, LogLevel.Warning, "{Geography}: an event could not be written down ({Fault}) and is tried again")]
    private partial void LogFault(string fault, string geography);

    [LoggerMessage(3705, LogLevel.Warning, "{Geography}: events that were told could not be removed ({Problem}); it is tried again")]
    private partial void LogNotRemoved(string geography, string problem);
}

/// <summary>What became of something that was to be written down.</summary>
internal enum RowFate
{
    /// <summary>It is a record.</summary>
    Written,

    /// <summary>It was a record already: written down before a crash.</summary>
    WasThere,

    /// <summary>Whom it is about was erased, or the subscription is gone.</summary>
    Refused,
}
