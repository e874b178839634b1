using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Microsoft.Extensions.Logging;

namespace Domicile.Storage;

/// <summary>
/// Keeps a scale unit in order in the background, in pieces small enough that no writer waits for them: removes what was deleted or erased, deletes what
/// has expired, trims the feed, turns the epoch of the keys.
/// </summary>
public sealed partial class Housekeeping : IAsyncDisposable
{
    /// <summary>Rows in one piece: whoever writes at the same moment waits for one at most.</summary>
    private const int PieceRows = 100;

    /// <summary>Roots that one look for unused ones reads.</summary>
    private const int IdleWindow = 2_000;

    /// <summary>Rows of one piece of what has reached its age: a transaction of a few milliseconds.</summary>
    private const int AgedPieceRows = 200;

    private static readonly TimeSpan AgedPause = TimeSpan.FromMilliseconds(5);

    private const string Work = "housekeeping";

    private static readonly TimeSpan TrimInterval = TimeSpan.FromHours(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1);

    /// <summary>A node that dies in the middle of its round is followed by another after this time.</summary>
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(15);
    private readonly ScaleUnit _unit;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly WakeUp _wake = new();
    private readonly ConcurrentDictionary<RecordKind, Func<Home, ColumnValue[], IdleRoot?, CancellationToken, ValueTask<bool>>> _lastWords = new();
    private Task _running = Task.CompletedTask;
    private bool _leads;
    private volatile bool _holdsEnded = true;
    private DateTimeOffset _sweptOn;
    private DateTimeOffset _trimmedOn;
    private DateTimeOffset _lookedOn;
    private volatile IReadOnlyList<OldestRecord> _oldest = [];

    internal Housekeeping(ScaleUnit unit, ILogger log)
    {
        _unit = unit;
        _log = log;
        unit.Blobs.Keep = Keep;
        unit.Blobs.Step = step => Step?.Invoke(step);
        Meter.CreateObservableGauge(
            "domicile.retention.overdue",
            () => _oldest.Select(record => new Measurement<double>(
                record.Overdue.TotalSeconds,
                new KeyValuePair<string, object?>("kind", record.Kind),
                new KeyValuePair<string, object?>("geography", _unit.Options.Geography.Slug),
                new KeyValuePair<string, object?>("store", _unit.Options.Name))),
            unit: "s",
            description: "How long ago the rule of the oldest record that is not held ended it, by kind and geography; looked at once an hour, and after each sweep as long as there is any.");
        unit.Feed.Observe(
            entries =>
            {
                if (entries.Any(entry => entry.Change == Change.Deleted && entry.Kind.ClrType == typeof(Hold)))
                {
                    _holdsEnded = true;
                    Wake();
                }
                else if (entries.Any(entry => (entry.Change == Change.Deleted && entry.Kind.Children.Count > 0) || (entry.Change != Change.Inserted && entry.Kind.BlobColumn >= 0)))
                {
                    Wake();
                }
            },
            Wake);
    }

    /// <summary>For tests: called with the name of each step as it begins.</summary>
    internal Action<string>? Step { get; set; }

    /// <summary>Where it tells how well the rules are obeyed.</summary>
    internal Meter Meter { get; } = new("Domicile.Retention");

    /// <summary>When the time of a record of this kind has come, something is written in the batch that deletes it.</summary>
    /// <typeparam name="T">The kind.</typeparam>
    /// <param name="say">Says what; it can still read the record and what lies below it.</param>
    internal void SayBeforeTheEnd<T>(Func<Home, T, CancellationToken, ValueTask<Action<Batch>>> say)
        where T : class =>
        _lastWords[_unit.Catalogue.Of<T>()] = async (home, key, unused, cancel) =>
        {
            if (await home.Store.Get<T>(key, cancel) is not { } record)
            {
                return false;
            }

            var words = await say(home, record, cancel);
            var outcome = await home.Store.Commit(
                b =>
                {
                    b.Delete<T>(key).Unused = unused;
                    words(b);
                },
                cancel);
            return outcome.Refused is null;
        };

    /// <summary>Begins to work in the background.</summary>
    public void Start() => _running = Task.Run(() => Run(_stopping.Token));

    /// <summary>Removes what was deleted or erased, until nothing is left; of what was held back, what no hold covers any more.</summary>
    /// <returns>How many roots, people and resources were finished.</returns>
    public async Task<int> Purge(CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var finished = 0;
            if (_holdsEnded)
            {
                await ReconsiderHeld(cancel);
            }

            while (await _unit.Engine.Purges(100, cancel) is { Count: > 0 } purges)
            {
                foreach (var purge in purges)
                {
                    await Keep(cancel);
                    await Purge(purge, cancel);
                    finished++;
                }
            }

            if (finished > 0)
            {
                Step?.Invoke("compact after a removal");
                await _unit.Engine.Compact(cancel);
            }

            return finished;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Deletes the records whose time has come.</summary>
    /// <returns>How many.</returns>
    public async Task<int> Sweep(CancellationToken cancel)
    {
        var swept = 0;
        foreach (var kind in _unit.Catalogue.Kinds.Where(_unit.Retention.IsSwept))
        {
            while (await _unit.Engine.Expired(kind, _unit.Clock.GetUtcNow(), PieceRows, cancel) is { Count: > 0 } expired)
            {
                await Keep(cancel);

                // One batch per record: a piece shares its transaction with whoever else writes, and never holds them up.
                var (before, began) = (swept, TimeProvider.System.GetTimestamp());
                var outcomes = await Task.WhenAll(expired.Select(row =>
                {
                    Step?.Invoke("an expired record");
                    return End(kind, row.Resource, row.Key, null, cancel);
                }));
                swept += outcomes.Count(isOver => isOver);
                if (swept == before)
                {
                    // Somebody else was faster, or a row does not go; the next sweep looks again.
                    break;
                }

                await Rest(began, cancel);
            }
        }

        swept += await SweepAged(cancel);
        if (swept > 0)
        {
            // What was deleted is out of the files as well, where the engine can see to that.
            Step?.Invoke("compact after a sweep");
            await _unit.Engine.Compact(cancel);
        }

        return swept;
    }

    /// <summary>Deletes a record whose time has come, with what is to be said of it; what cannot be said keeps no record beyond its time.</summary>
    /// <returns>Whether it is gone now.</returns>
    private async Task<bool> End(RecordKind kind, long resource, ColumnValue[] key, IdleRoot? unused, CancellationToken cancel) =>
        (_lastWords.TryGetValue(kind, out var say)
            && await _unit.Engine.FindResource(resource, cancel) is { } id
            && await _unit.FindHome(id, cancel) is { } home
            && await say(home, key, unused, cancel))
        || (await _unit.Engine.Commit(new Plan(resource, null, [], [new Write(kind, WriteKind.Delete, key, [], null, 0, null)]) { Unused = unused }, cancel)).Position > 0;

    /// <summary>Deletes what was appended so long ago as a rule of its resource or its root says.</summary>
    private async Task<int> SweepAged(CancellationToken cancel)
    {
        var swept = 0;
        foreach (var kind in _unit.Catalogue.Kinds.Where(kind => kind.Choice is not null && kind.Layout == Layout.Append))
        {
            var after = long.MinValue;
            while (await _unit.Engine.Aging(kind, _unit.Clock.GetUtcNow(), after, IdleWindow, cancel) is { Last: { } last } window)
            {
                foreach (var (root, upTo) in window.Due)
                {
                    int removed;
                    do
                    {
                        await Keep(cancel);
                        Step?.Invoke("a piece of what is old");
                        removed = await _unit.Engine.RemoveOld(kind, root, upTo, AgedPieceRows, cancel);
                        swept += removed;

                        // Whoever sends meanwhile is not to wait behind one piece after another.
                        await Task.Delay(AgedPause, TimeProvider.System, cancel);
                    }
                    while (removed == AgedPieceRows);
                }

                after = last;
            }
        }

        return swept;
    }

    /// <summary>Deletes the records that were not used for as long as their rule says.</summary>
    /// <returns>How many.</returns>
    public async Task<int> SweepIdle(CancellationToken cancel)
    {
        var swept = 0;
        foreach (var kind in _unit.Catalogue.Kinds.Where(kind => kind.Idle is not null))
        {
            var after = long.MinValue;
            while (await _unit.Engine.Idle(kind, _unit.Clock.GetUtcNow(), after, IdleWindow, cancel) is { Last: { } last } window)
            {
                await Keep(cancel);

                // Whatever is appended at the same moment wins.
                var outcomes = await Task.WhenAll(window.Unused.Select(root =>
                {
                    Step?.Invoke("an unused root");
                    return End(kind, root.Resource, [root.Id], root, cancel);
                }));
                swept += outcomes.Count(isOver => isOver);
                after = last;
            }
        }

        return swept;
    }

    /// <summary>Ends the current epoch of the keys: what was destroyed in it is gone from every copy of the key store.</summary>
    public Task<int> TurnEpoch(CancellationToken cancel) => _unit.Keys.Vault.TurnEpoch(cancel);

    /// <summary>Stops after the piece at hand.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
        Meter.Dispose();
    }

    /// <summary>There is something to remove.</summary>
    internal void Wake() => _wake.Signal();

    /// <summary>All that is due: what the background does whenever it is woken.</summary>
    internal async Task Round(CancellationToken cancel)
    {
        _leads = await Lead(cancel);
        if (!_leads)
        {
            return;
        }

        var now = _unit.Clock.GetUtcNow();
        if (now - _lookedOn >= TrimInterval)
        {
            // Before anything that can fail: what does not go must not go unsaid.
            _oldest = await _unit.Administration.Oldest(cancel);
            _lookedOn = now;
        }

        var purged = await Purge(cancel);
        var swept = 0;
        if (now - _sweptOn >= _unit.Options.SweepInterval)
        {
            swept = await Sweep(cancel);
            _sweptOn = now;
            if (_oldest.Any(record => record.Overdue > TimeSpan.Zero))
            {
                _oldest = await _unit.Administration.Oldest(cancel);
            }
        }

        var files = await _unit.Blobs.CollectGone(cancel);
        if (now - _trimmedOn >= TrimInterval)
        {
            _holdsEnded = true;
            swept += await SweepIdle(cancel);
            foreach (var kind in _unit.Catalogue.Kinds.Where(kind => kind.Choice is { PerRoot: true }))
            {
                Step?.Invoke("rules of what is gone");
                await _unit.Engine.RemoveLooseRules(kind, kind.Idle is null ? kind.Parent! : kind, cancel);
            }

            files += await _unit.Blobs.CollectOrphans(cancel);
            Step?.Invoke("the feed");
            while (await _unit.Engine.TrimFeed(now - Feed.Horizon, PieceRows, cancel) == PieceRows)
            {
                await Keep(cancel);
                Step?.Invoke("a further piece of the feed");
            }

            _trimmedOn = now;
        }

        if (now - _unit.Provider.CurrentSince >= _unit.Options.Epoch)
        {
            Step?.Invoke("the epoch of the keys");
            LogEpoch(_unit.Options.Geography.Name, await TurnEpoch(cancel));
        }

        if (purged + swept > 0)
        {
            LogRemoved(_unit.Options.Geography.Name, purged, swept);
        }

        if (files > 0)
        {
            LogFiles(_unit.Options.Geography.Name, files);
        }
    }

    private async Task ReconsiderHeld(CancellationToken cancel)
    {
        // First, so that a hold that ends meanwhile is not passed over.
        _holdsEnded = false;
        try
        {
            await Restrictions.Reconsider(_unit, Keep, cancel);
        }
        catch
        {
            _holdsEnded = true;
            throw;
        }
    }

    private async Task Purge(Purge purge, CancellationToken cancel)
    {
        // Unreadable first. Repeated after a crash, destroying what is gone changes nothing.
        Step?.Invoke("a key of what is removed");
        if (purge.Kind is { } root)
        {
            await _unit.Destroy([new KeyName(root.Name, purge.Key)], cancel);
        }
        else if (purge.Key != 0)
        {
            if (await RestrictionsOf(purge, cancel) is { } restrictions)
            {
                Step?.Invoke("what a hold keeps");
                await restrictions.HoldBack(new SubjectRef(purge.Key), cancel);
            }

            await _unit.Destroy([KeyName.Of(new SubjectRef(purge.Key))], cancel);
        }
        else
        {
            await _unit.Administration.DestroyKeysOf(purge.Resource, cancel);
        }

        Step?.Invoke("the rows of what is removed");
        var began = TimeProvider.System.GetTimestamp();
        while (!await _unit.Engine.ContinuePurge(purge, PieceRows, cancel))
        {
            await Keep(cancel);
            await Rest(began, cancel);
            Step?.Invoke("a further piece of what is removed");
            began = TimeProvider.System.GetTimestamp();
        }

        if (purge is { Kind: null, Key: not 0 } && await RestrictionsOf(purge, cancel) is { } held)
        {
            Step?.Invoke("what no hold keeps any more");
            await held.Settle(new SubjectRef(purge.Key), cancel);
        }
    }

    /// <returns>Null when the resource went as well, or is not known because the removal comes from the erasure ledger, which is after the key's end.</returns>
    private async ValueTask<Restrictions?> RestrictionsOf(Purge purge, CancellationToken cancel) =>
        await _unit.Engine.FindResource(purge.Resource, cancel) is { } resource ? new Restrictions(_unit, new ResourceRef(purge.Resource, resource)) : null;

    private async Task Run(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var next = _wake.Next();
                await Round(cancel);
                await next.WaitAsync(_unit.Options.SweepInterval, _unit.Clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                if (cancel.IsCancellationRequested)
                {
                    return;
                }
            }
            catch (Exception fault)
            {
                LogFault(fault, _unit.Options.Geography.Name);
                await Task.Delay(RetryAfter, _unit.Clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>One node keeps the store in order at a time; every piece may be done twice, so a holder who lost the lease without knowing does no harm.</summary>
    private async ValueTask<bool> Lead(CancellationToken cancel) => await _unit.Engine.Lease(Work, LeaseTime, cancel);

    /// <summary>Before each piece: in the background the lease is made longer, and whoever has lost it stops.</summary>
    private async ValueTask Keep(CancellationToken cancel)
    {
        if (_leads && !await Lead(cancel))
        {
            throw new OperationCanceledException("Another node keeps the store in order now.");
        }
    }

    /// <summary>After each piece as long as it took: the writer is at most half as busy with it as with everybody else.</summary>
    private static Task Rest(long began, CancellationToken cancel) =>
        Task.Delay(TimeProvider.System.GetElapsedTime(began) is var took && took < LongestRest ? took : LongestRest, TimeProvider.System, cancel);

    [LoggerMessage(2101, LogLevel.Information, "{Geography}: finished {Purged} removals, deleted {Swept} expired records")]
    private partial void LogRemoved(string geography, int purged, int swept);

    [LoggerMessage(2102, LogLevel.Information, "{Geography}: a new epoch of the keys began, {Rekeyed} buckets re-keyed")]
    private partial void LogEpoch(string geography, int rekeyed);

    [LoggerMessage(2104, LogLevel.Information, "{Geography}: removed {Files} sealed files")]
    private partial void LogFiles(string geography, int files);

    [LoggerMessage(2103, LogLevel.Error, "{Geography}: housekeeping failed and is tried again")]
    private partial void LogFault(Exception fault, string geography);
}
