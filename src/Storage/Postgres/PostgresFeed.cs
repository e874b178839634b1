using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// The change feed on PostgreSQL, where transactions commit in another order than they took their positions. A reader stops where a position is missing: its
/// transaction may still commit. It goes on when the gap has closed, or when nothing can close it any more: a transaction id that is taken after the gap was
/// seen is younger than the one that owns the gap, so once no older transaction runs, what is still missing was undone.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="kindOf">The kind of a number.</param>
/// <param name="node">The number of this node's start; it tells its own entries from others'.</param>
internal sealed class PostgresFeed(PostgresDatabase database, Func<long, RecordKind> kindOf, long node)
{
    /// <summary>Positions are drawn after the locks of the transaction were taken: below one root they rise in the order of the commits.</summary>
    public const string Insert =
        """
        INSERT INTO engine_feed (position, at, resource, kind, change, key, version, node)
        SELECT nextval('engine_feed_position'), given.*, $7 FROM (
            SELECT at, resource, kind, change, key, version
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[]) WITH ORDINALITY AS line(at, resource, kind, change, key, version, place)
            ORDER BY place) AS given
        RETURNING position
        """;

    /// <summary>The change of an entry that tells of a person or a resource that goes, not of a record.</summary>
    private const long Going = 3;

    private const int EndPage = 10_000;
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    // One statement, hence one snapshot: the rows, and which transactions were over for it.
    private const string Select =
        """
        SELECT s.xmin, s.epoch, greatest(s.trimmed, s.top), s.trimmed, f.position, f.at, f.resource, f.kind, f.change, f.key, f.version, f.node, s.schema
        FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
                     (SELECT value FROM engine_setting WHERE name = 'epoch') AS epoch,
                     (SELECT value::bigint FROM engine_setting WHERE name = 'trimmed') AS trimmed,
                     (SELECT value::bigint FROM engine_setting WHERE name = 'schema') AS schema,
                     (SELECT max(position) FROM engine_feed) AS top) s
             LEFT JOIN LATERAL (SELECT * FROM engine_feed WHERE position > $1 ORDER BY position LIMIT $2) f ON true
        ORDER BY f.position
        """;

    private readonly Lock _lock = new();
    private long _epoch;
    private long _settled;
    private (long Below, ulong Transaction)? _waiting;
    private long _askedOn;

    /// <summary>Up to here nothing can come any more, as far as is known.</summary>
    public long Settled
    {
        get
        {
            lock (_lock)
            {
                return _settled;
            }
        }
    }

    /// <summary>Gives the entries of a transaction to <see cref="Insert"/>, those of people and resources that go behind them.</summary>
    public static void Append(NpgsqlBatchCommand command, List<FeedEntry> entries, IReadOnlyList<(long Resource, long Person)> going, Func<FeedEntry, long> numberOf, long node, long now)
    {
        var count = entries.Count + going.Count;
        var (at, resource, kind, change, key, version) = (new long[count], new long[count], new long[count], new long[count], new byte[]?[count], new long[count]);
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            (at[i], resource[i], kind[i], change[i], version[i]) = (now, entry.Resource, numberOf(entry), (long)entry.Change, entry.Version);
            key[i] = FeedKey.Write([.. entry.Key]);
        }

        for (var i = entries.Count; i < count; i++)
        {
            var gone = going[i - entries.Count];
            (at[i], resource[i], change[i], key[i]) = (now, gone.Resource, Going, FeedKey.Write([gone.Person]));
        }

        command.Add(at);
        command.Add(resource);
        command.Add(kind);
        command.Add(change);
        command.Parameters.Add(PostgresParameters.Array(key));
        command.Add(version);
        command.Add(node);
    }

    /// <summary>Reads entries after a position, as far as nothing can come in between any more.</summary>
    public async ValueTask<FeedPage> Read(long after, int take, CancellationToken cancel)
    {
        var rows = await Rows(after, take, cancel);
        var page = Settle(rows, after, out var gap);
        if (gap is { } below && await Seen(below, cancel))
        {
            // Looked at again with an id at hand: most gaps close by themselves meanwhile.
            rows = await Rows(after, take, cancel);
            page = Settle(rows, after, out _);
        }

        return page;
    }

    /// <summary>The last position before which nothing can come any more.</summary>
    public async ValueTask<FeedPosition> End(CancellationToken cancel)
    {
        var at = Settled;
        while (true)
        {
            var page = await Read(at, EndPage, cancel);
            at = Math.Max(page.Last, page.Horizon.Number);
            if (page.IsHeldUp || page.Count < EndPage)
            {
                return new FeedPosition(page.End.Epoch, at);
            }
        }
    }

    private async ValueTask<FeedRows> Rows(long after, int take, CancellationToken cancel) =>
        await database.Read(
            async (connection, cancel) =>
            {
                // What another reader learns from a later snapshot says nothing about this one: only what was known before it was taken does.
                (long, long) known;
                lock (_lock)
                {
                    known = (_epoch, _settled);
                }

                await using var command = new NpgsqlCommand(Select, connection);
                command.Parameters.Add(PostgresParameters.Of(after, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
                var rows = new FeedRows { Known = known };
                await using var reader = await command.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    database.CheckSchema(reader.GetInt64(12));
                    rows.OldestRunning = reader.GetFieldValue<ulong>(0);
                    rows.Epoch = long.Parse(reader.GetString(1), CultureInfo.InvariantCulture);
                    rows.Top = reader.GetInt64(2);
                    rows.Trimmed = reader.GetInt64(3);
                    if (!reader.IsDBNull(4))
                    {
                        rows.Rows.Add(new FeedRow(reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7), reader.GetInt64(8), reader.GetFieldValue<byte[]>(9), reader.GetInt64(10), reader.GetInt64(11)));
                    }
                }

                return rows;
            },
            cancel);

    /// <summary>Takes rows up to the first gap that may still close.</summary>
    private FeedPage Settle(FeedRows rows, long after, out long? gap)
    {
        gap = null;
        lock (_lock)
        {
            if (_epoch != rows.Epoch)
            {
                (_epoch, _settled, _waiting) = (rows.Epoch, 0, null);
            }

            var settled = Math.Max(rows.Trimmed, rows.Known.Epoch == rows.Epoch ? rows.Known.Settled : 0);
            if (_waiting is { } waiting && rows.OldestRunning >= waiting.Transaction)
            {
                settled = Math.Max(settled, waiting.Below);
                _settled = Math.Max(_settled, settled);
                _waiting = null;
            }

            var (entries, others, going, last) = (new List<FeedEntry>(rows.Rows.Count), new List<FeedEntry>(), new List<Going>(), after);
            foreach (var row in rows.Rows)
            {
                if (row.Position > last + 1 && row.Position - 1 > settled)
                {
                    gap = rows.Rows[^1].Position;
                    break;
                }

                last = row.Position;
                if (row.Kind == 0)
                {
                    going.Add(new Going(row.Position, row.Resource, FeedKey.Read(row.Key)[0].Number));
                }
                else
                {
                    var entry = new FeedEntry(row.Position, DateTimeOffset.FromUnixTimeMilliseconds(row.At), row.Resource, kindOf(row.Kind), (Change)row.Change, FeedKey.Read(row.Key), row.Version);
                    entries.Add(entry);
                    if (row.Node != node)
                    {
                        others.Add(entry);
                    }
                }
            }

            return new FeedPage(entries, new FeedPosition(rows.Epoch, rows.Trimmed), new FeedPosition(rows.Epoch, rows.Top)) { Others = others, Going = going, Last = last, Count = rows.Rows.Count, IsHeldUp = gap is not null };
        }
    }

    /// <summary>A gap below this position was seen: from now on it waits for the transactions that run.</summary>
    /// <returns>Whether a transaction id was taken for it just now.</returns>
    private async ValueTask<bool> Seen(long below, CancellationToken cancel)
    {
        lock (_lock)
        {
            if (_waiting is not null && TimeProvider.System.GetElapsedTime(_askedOn) < AskAgainAfter)
            {
                return false;
            }
        }

        var transaction = await database.Repeatable(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand("SELECT pg_current_xact_id()", connection);
                await using var reader = await command.ExecuteReaderAsync(cancel);
                await reader.ReadAsync(cancel);
                return reader.GetFieldValue<ulong>(0);
            },
            cancel);
        lock (_lock)
        {
            // Of two who looked at once either is right: each id is younger than every gap below its own position. A standby that took over gives ids
            // that are smaller than those of the old primary, for which one could wait long; whoever is not over there is below its present one.
            var isNew = _waiting is null || transaction < _waiting.Value.Transaction;
            _waiting = isNew ? (_waiting?.Below ?? below, transaction) : _waiting;
            _askedOn = TimeProvider.System.GetTimestamp();
            return isNew;
        }
    }

    private sealed class FeedRows
    {
        public (long Epoch, long Settled) Known { get; init; }

        public ulong OldestRunning { get; set; }

        public long Epoch { get; set; }

        public long Top { get; set; }

        public long Trimmed { get; set; }

        public List<FeedRow> Rows { get; } = [];
    }

    private readonly record struct FeedRow(long Position, long At, long Resource, long Kind, long Change, byte[] Key, long Version, long Node);
}
