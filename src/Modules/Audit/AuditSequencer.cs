using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Audit;

/// <summary>
/// Gives the entries of a geography their places in its log, in the order of the change feed, and keeps the tree. What is in the feed comes at least once; how far
/// the log has come is written in the batch that takes it further, under its version, so that an entry is in the tree exactly once, however many sequencers there
/// are and wherever they crash. A lease would only save two of them work.
/// </summary>
internal sealed partial class AuditSequencer(Home home, TimeProvider clock, ILogger log) : IDisposable
{
    /// <summary>Leaves in one batch at most: 16 tiles.</summary>
    private const int PieceLeaves = 4_096;

    /// <summary>Entries of the feed after which the position is written down although nothing was audited.</summary>
    private const int PositionEvery = 5_000;

    private const int Attempts = 8;
    private readonly RecordKind[] _kinds = [home.Administration!.Catalogue.Of<AuditEntry>(), home.Administration.Catalogue.Of<AuditGroup>()];
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>The current log; null before the first entry was looked for.</summary>
    public static async ValueTask<AuditLog?> Current(Home home, CancellationToken cancel) =>
        await home.Store.Range<AuditLog>().Descending().Take(1).Open(cancel) is [var current] ? current : null;

    /// <summary>Takes the log as far as the feed is at this moment.</summary>
    public async Task<AuditLog> CatchUp(CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return await Advance(cancel);
                }
                catch (OvertakenException) when (attempt < Attempts)
                {
                    // Read again what the other one wrote, and go on from there.
                }
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Begins a new log that continues one of which more was known than is still there.</summary>
    public async Task<AuditLog> Continue(AuditLog before, AuditPredecessor known, CancellationToken cancel)
    {
        LogContinued(home.Geography.Name, known.Size, before.Size);
        var end = await home.Store.Feed.End(cancel);
        var begun = New(before.Number + 1, new FeedPosition(end.Epoch, before.FeedEpoch == end.Epoch ? before.FeedPosition : 0)) with { Continues = known };
        var note = new AuditNote(AuditedAct.LogContinued, "node") { Detail = $"continues {known.Origin}, known to have had {known.Size} entries, of which {before.Size} are there" };
        var outcome = await home.Store.Commit(b => b.Insert(begun).Audit(note), cancel);
        return outcome.Refused is null || outcome.Refused == StorageProblems.Exists ? await CatchUp(cancel) : throw new StoreUnavailableException(outcome.Refused.Title);
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private async Task<AuditLog> Advance(CancellationToken cancel)
    {
        var feed = home.Store.Feed;
        var end = await feed.End(cancel);
        var current = await Current(home, cancel) ?? await Begin(end, cancel);
        if (current.FeedEpoch != end.Epoch)
        {
            // The store was put back from a copy: how much is missing nobody here knows, so what was published of the old log must not seem to go on.
            var root = await new AuditTree(home, current.Number).Root(current.Size, cancel);
            var begun = New(current.Number + 1, new FeedPosition(end.Epoch, 0)) with { Continues = new AuditPredecessor(current.Origin, current.Size, root) };
            LogContinued(home.Geography.Name, current.Size, current.Size);
            await Commit(b => b.Insert(begun).Audit(new AuditNote(AuditedAct.LogContinued, "node") { Detail = $"continues {current.Origin} after a restore" }), cancel);
            return await AppendMissing(begun with { Version = 1 }, await feed.End(cancel), cancel);
        }

        if (current.FeedPosition == end.Number)
        {
            return current;
        }

        var pending = new Pending();
        var at = new FeedPosition(current.FeedEpoch, current.FeedPosition);
        while (at.Number < end.Number)
        {
            if (await feed.Read(at, _kinds, cancel) is not var (entries, through))
            {
                return await AppendMissing(current, await feed.End(cancel), cancel);
            }

            var groups = await AuditStore.Groups(home, entries.Where(entry => IsNew<AuditGroup>(entry)).Select(KeyOf), cancel);
            foreach (var entry in entries)
            {
                if (IsNew<AuditEntry>(entry))
                {
                    pending.Add(new EntryKey(entry.Key[0].Number, entry.Key[1].Number, -1), null);
                }
                else if (IsNew<AuditGroup>(entry))
                {
                    Expand(pending, KeyOf(entry), groups);
                }

                if (pending.Count >= PieceLeaves)
                {
                    current = await Append(current, pending, at with { Number = entry.Position }, cancel);
                    pending = new Pending();
                }
            }

            at = through;
        }

        return pending.Count > 0 || at.Number - current.FeedPosition >= PositionEvery ? await Append(current, pending, at, cancel) : current;
    }

    private async Task<AuditLog> Append(AuditLog current, Pending pending, FeedPosition at, CancellationToken cancel)
    {
        var rows = await AuditStore.Leaves(home, pending.Leaves.Where(leaf => leaf.Hash is null).Select(leaf => leaf.Key), cancel);
        var drafts = new TileDrafts(new AuditTree(home, current.Number), current.Number);
        var size = current.Size;
        foreach (var (key, known) in pending.Leaves)
        {
            if ((known ?? rows.GetValueOrDefault(key)?.Hash()) is { } hash)
            {
                await drafts.Append(size++, hash, key, cancel);
            }
            else
            {
                // Acknowledged, told of in the feed, and not there: nobody but the expiry of its day takes an entry away.
                LogMissing(home.Geography.Name, key.Entry);
            }
        }

        var next = current with { Size = size, FeedEpoch = at.Epoch, FeedPosition = at.Number };
        await Commit(
            b =>
            {
                drafts.Write(b);
                b.Put(next);
            },
            cancel);
        return next with { Version = current.Version + 1 };
    }

    private static bool IsNew<T>(FeedEntry entry) => entry.Change == Change.Inserted && entry.Kind.ClrType == typeof(T);

    private static RowKey KeyOf(FeedEntry entry) => new() { Day = entry.Key[0].Number, Entry = entry.Key[1].Number };

    private void Expand(Pending pending, RowKey group, Dictionary<RowKey, byte[]> groups)
    {
        if (!groups.TryGetValue(group, out var leaves))
        {
            LogMissing(home.Geography.Name, group.Entry);
            return;
        }

        for (var i = 0; i < AuditGroup.CountOf(leaves); i++)
        {
            pending.Add(new EntryKey(group.Day, group.Entry, i), AuditGroup.LeafOf(leaves, i).Hash());
        }
    }

    /// <summary>Entries of which the feed no longer tells: those that are in no tile of any log.</summary>
    private async Task<AuditLog> AppendMissing(AuditLog current, FeedPosition at, CancellationToken cancel)
    {
        var start = new FeedPosition(current.FeedEpoch, current.FeedPosition);
        foreach (var groups in (bool[])[false, true])
        {
            var known = new Dictionary<TileKey, AuditTile>();
            var after = new RowKey { Day = long.MinValue, Entry = long.MinValue };
            while (await AuditStore.RowsAfter(home, groups, after, cancel) is { Count: > 0 } rows)
            {
                var missing = new Pending();
                var found = groups ? await AuditStore.Groups(home, rows, cancel) : [];
                foreach (var row in rows)
                {
                    if (await AuditTree.Find(home, row.Entry, groups ? 0 : -1, known, cancel) is not null)
                    {
                        continue;
                    }

                    if (groups)
                    {
                        Expand(missing, row, found);
                    }
                    else
                    {
                        missing.Add(new EntryKey(row.Day, row.Entry, -1), null);
                    }
                }

                known.Clear();
                current = missing.Count > 0 ? await Append(current, missing, start, cancel) : current;
                after = rows[^1];
            }
        }

        return await Append(current, new Pending(), at, cancel);
    }

    private async Task<AuditLog> Begin(FeedPosition end, CancellationToken cancel)
    {
        var begun = New(1, new FeedPosition(end.Epoch, 0));
        await Commit(b => b.Insert(begun), cancel);
        return begun with { Version = 1 };
    }

    private AuditLog New(long number, FeedPosition at) => new()
    {
        Number = number,
        Origin = $"domicile-audit/{home.Geography.Slug}/{home.ScaleUnit}/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}",
        BeganOn = clock.GetUtcNow(),
        Size = 0,
        FeedEpoch = at.Epoch,
        FeedPosition = at.Number,
    };

    private async Task Commit(Action<Batch> build, CancellationToken cancel)
    {
        if ((await home.Store.Commit(build, cancel)).Refused is { } refused)
        {
            throw refused == StorageProblems.Changed || refused == StorageProblems.Exists ? new OvertakenException() : new StoreUnavailableException(refused.Title);
        }
    }

    /// <summary>Leaves on their way into the tree, in order; those of groups with their hash.</summary>
    private sealed class Pending
    {
        public List<(EntryKey Key, byte[]? Hash)> Leaves { get; } = [];

        public int Count => Leaves.Count;

        public void Add(EntryKey key, byte[]? hash) => Leaves.Add((key, hash));
    }

    [LoggerMessage(3201, LogLevel.Warning, "{Geography}: a new audit log begins. The one before was known to have {Known} entries; the store has {Present}")]
    private partial void LogContinued(string geography, long known, long present);

    [LoggerMessage(3202, LogLevel.Error, "{Geography}: the audit entry {Entry} was committed and is not there")]
    private partial void LogMissing(string geography, long entry);
}
