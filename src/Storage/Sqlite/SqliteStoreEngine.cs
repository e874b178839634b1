using System.Data.Common;
using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>The embedded engine: one file, one writer that commits in groups, a pool of readers.</summary>
internal sealed class SqliteStoreEngine : IStoreEngine
{
    private const string AddToFeed = "INSERT INTO engine_feed (at, resource, kind, change, key, version, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    /// <summary>The last position that was given: of the last entry, or what trimming left behind. (A table that SQLite numbered itself is from before.)</summary>
    private const string FeedEndSql =
        """
        max(coalesce((SELECT max(position) FROM engine_feed), 0),
            coalesce((SELECT CAST(value AS INTEGER) FROM engine_setting WHERE name = 'feed end'), 0),
            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'engine_feed'), 0))
        """;

    private const string FeedBoundsSql = $"SELECT coalesce((SELECT min(position) FROM engine_feed) - 1, last), last FROM (SELECT {FeedEndSql} AS last)";

    private const long MillisecondsOfDay = 86_400_000;

    internal const string AddPurge = "INSERT INTO engine_purge (resource, kind, key, since) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    private readonly Dictionary<RecordKind, SqliteTable> _tables;
    private readonly Dictionary<long, SqliteTable> _tablesByNumber;
    private readonly SqliteHeads _heads = new();
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;
    private readonly TimeProvider _clock;
    private readonly long _epoch;
    private readonly HoldSql? _holds;
    private readonly RetentionSql _retention;

    // Of the transaction at hand; only the writer's thread touches them. Positions are counted here and not by SQLite, which would look up and write its own
    // count for every entry.
    private readonly List<AuditedBatch> _audited = [];
    private FeedEntry? _auditGroup;
    private long? _lastPosition;
    private SqliteKnownRows? _known;

    public SqliteStoreEngine(string path, Catalogue catalogue, Geography geography, TimeProvider clock)
    {
        _clock = clock;
        using (var session = SqliteSession.Open(path, readOnly: false))
        {
            (var tables, _epoch) = SqliteSchema.Prepare(session, catalogue, geography);
            _tables = tables.ToDictionary(table => table.Kind);
            _tablesByNumber = tables.ToDictionary(table => table.Number);
            _holds = HoldSql.For(catalogue.Kinds);
            _retention = new RetentionSql(catalogue.Kinds, _holds);

            // Whose erasure had begun before the last stop stays so for whoever writes.
            var erased = session.Prepare("SELECT key FROM engine_purge WHERE kind = 0 AND key <> 0");
            while (erased.Step())
            {
                _heads.Erase(erased.Number(0));
            }

            _heads.Committed();
        }

        _writer = new SqliteWriter(path, geography.Slug) { BeforeCommit = Finish, Committed = Tell, Undone = Undone };
        _readers = new SqliteReaders(path, Math.Max(4, Environment.ProcessorCount * 2));
    }

    public Action<IReadOnlyList<FeedEntry>>? Changed { get; set; }

    public Action? Woken { get; set; }

    public Action<string>? Signalled { get; set; }

    public bool IsShared => false;

    /// <summary>There are no others to tell.</summary>
    public void Signal(string text)
    {
    }

    public Task<EngineOutcome> Commit(Plan plan, CancellationToken cancel)
    {
        var commit = new SqliteCommit(this, plan);
        var queued = _writer.Enqueue(commit, cancel);

        // Not cancelled once it is queued: the caller must not be told "no" of what then becomes durable.
        return queued.IsCompletedSuccessfully ? commit.Done : After(queued, commit);

        static async Task<EngineOutcome> After(ValueTask queued, SqliteCommit commit)
        {
            await queued;
            return await commit.Done;
        }
    }

    public ValueTask<StoredRow?> Get(RecordKind kind, long resource, ColumnValue[] key, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var statement = BindKey(session.PrepareFixed(ask.Table.Get), ask.key, ask.resource);
                StoredRow? row = statement.Step() ? ReadRow(statement, ask.Table.Kind) : null;
                statement.Reset();
                return row;
            },
            (Table: _tables[kind], key, resource),
            cancel);

    public ValueTask<List<StoredRow>> Get(RecordKind kind, long resource, IReadOnlyList<ColumnValue[]> keys, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var rows = new List<StoredRow>(ask.keys.Count);
                var statement = session.PrepareFixed(ask.Table.Get);

                // One state of the database, and its locks taken once.
                session.PrepareFixed("BEGIN").Run();
                foreach (var key in ask.keys)
                {
                    if (BindKey(statement, key, ask.resource).Step())
                    {
                        rows.Add(ReadRow(statement, ask.Table.Kind));
                    }

                    statement.Reset();
                }

                session.PrepareFixed("COMMIT").Run();
                return rows;
            },
            (Table: _tables[kind], keys, resource),
            cancel);

    public ValueTask<List<StoredRow>> Range(RangePlan plan, CancellationToken cancel) =>
        _readers.Read(static (session, ask) => ReadRange(session, ask.Table, ask.plan), (Table: _tables[plan.Kind], plan), cancel);

    public ValueTask<List<StoredRow>> Lookup(RecordKind kind, long resource, int column, ColumnValue value, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var statement = session.PrepareFixed(ask.Table.Lookup(ask.column)).Bind(1, ask.value).Bind(2, ask.resource).Bind(3, ask.take);
                return ReadRows(statement, ask.Table.Kind);
            },
            (Table: _tables[kind], column, value, resource, take),
            cancel);

    public ValueTask<List<List<FoundRow>>> Find(IReadOnlyList<(RecordKind Kind, string Sql)> asked, IReadOnlyList<(string Name, ColumnValue Value)> given, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var found = new List<List<FoundRow>>(ask.asked.Count);

                // One state of the database, whose pages are read once.
                session.PrepareFixed("BEGIN").Run();
                foreach (var (kind, sql) in ask.asked)
                {
                    var statement = session.Prepare(sql);
                    foreach (var (name, value) in ask.given)
                    {
                        statement.Bind(name, value);
                    }

                    var rows = new List<FoundRow>();
                    while (statement.Step())
                    {
                        rows.Add(new FoundRow(statement.Number(0), ReadRow(statement, kind)));
                    }

                    found.Add(rows);
                }

                session.PrepareFixed("COMMIT").Run();
                return found;
            },
            (asked, given),
            cancel);

    public ValueTask<List<ScannedRow>> Scan(RecordKind kind, ColumnValue[]? after, int take, CancellationToken cancel) =>
        _readers.Read(static (session, ask) => SqliteScan.Read(session, ask.Table, ask.after, ask.take), (Table: _tables[kind], after, take), cancel);

    public ValueTask<T> Query<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancel) =>
        _readers.ReadAsync((session, cancel) => query(session.Connection, cancel), cancel);

    public ValueTask<FeedPage> ReadFeed(long after, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var entries = ask.Engine.ReadEntries(session
                    .Prepare("SELECT position, at, resource, kind, change, key, version FROM engine_feed WHERE position > ?1 ORDER BY position LIMIT ?2")
                    .Bind(1, ask.after).Bind(2, ask.take));
                var (horizon, end) = ask.Engine.Bounds(session);
                return new FeedPage(entries, horizon, end) { Last = entries.Count > 0 ? entries[^1].Position : ask.after, Count = entries.Count };
            },
            (Engine: this, after, take),
            cancel);

    public ValueTask<FeedPage> ReadFeed(long after, int take, IReadOnlyList<RecordKind> kinds, CancellationToken cancel)
    {
        // Rows of other kinds are passed over where they lie: most of the feed is messages, and a reader of few kinds wants none of them.
        var numbers = string.Join(", ", kinds.Select(kind => _tables[kind].Number));
        return _readers.Read(
            static (session, ask) =>
            {
                // The end before the entries: what comes in between is left for the next time, and not passed over.
                var (horizon, end) = ask.Engine.Bounds(session);
                var through = Math.Min(ask.after + ask.take, end.Number);
                var entries = ask.Engine.ReadEntries(session
                    .Prepare($"SELECT position, at, resource, kind, change, key, version FROM engine_feed WHERE position > ?1 AND position <= ?2 AND kind IN ({ask.numbers}) ORDER BY position")
                    .Bind(1, ask.after).Bind(2, through));
                return new FeedPage(entries, horizon, end) { Last = through, Count = entries.Count };
            },
            (Engine: this, after, take, numbers),
            cancel);
    }

    public async ValueTask<FeedPosition> FeedEnd(CancellationToken cancel) => (await ReadFeed(long.MaxValue - 1, 1, cancel)).End;

    public ValueTask<FeedPosition?> Recall(string reader, CancellationToken cancel) =>
        _readers.Read(
            static (session, reader) =>
            {
                var row = session.Prepare("SELECT epoch, position FROM engine_reader WHERE name = ?1").Bind(1, reader);
                FeedPosition? position = row.Step() ? new FeedPosition(row.Number(0), row.Number(1)) : null;
                row.Reset();
                return position;
            },
            reader,
            cancel);

    public Task Remember(string reader, FeedPosition position, CancellationToken cancel) =>
        Write(
            session => session.Prepare("INSERT INTO engine_reader (name, epoch, position) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position")
                .Bind(1, reader).Bind(2, position.Epoch).Bind(3, position.Number).Run(),
            cancel);

    public Task<int> TrimFeed(DateTimeOffset horizon, int take, CancellationToken cancel) =>
        Write(
            session =>
            {
                // Even when every entry goes, positions go on from here.
                session.Prepare("INSERT INTO engine_setting (name, value) VALUES ('feed end', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                    .Bind(1, LastPosition(session).ToString(CultureInfo.InvariantCulture)).Run();
                return session.Prepare("DELETE FROM engine_feed WHERE position IN (SELECT position FROM engine_feed WHERE at < ?1 ORDER BY position LIMIT ?2)")
                    .Bind(1, horizon.ToUnixTimeMilliseconds()).Bind(2, take).Run();
            },
            cancel);

    public Task<long> NumberOf(Guid resource, CancellationToken cancel) =>
        Write(
            session =>
            {
                session.Prepare("INSERT INTO engine_resource (id) VALUES (?1) ON CONFLICT DO NOTHING").Bind(1, ColumnValue.Of(resource.ToByteArray(bigEndian: true))).Run();
                return FindNumber(session, resource)!.Value;
            },
            cancel);

    public ValueTask<long?> FindNumber(Guid resource, CancellationToken cancel) =>
        _readers.Read(static (session, resource) => FindNumber(session, resource), resource, cancel);

    public ValueTask<long> CountResources(CancellationToken cancel) =>
        _readers.Read(static (session, _) => session.Number("SELECT count(*) FROM engine_resource"), 0, cancel);

    public ValueTask<Guid?> FindResource(long number, CancellationToken cancel) => _readers.Read(SqliteScan.FindResource, number, cancel);

    public Task<Guid?> BeginRemoval(long resource, DateTimeOffset since, CancellationToken cancel) =>
        Write(
            session =>
            {
                if (HoldIn(session, resource) is { } hold)
                {
                    return hold;
                }

                // Its number is never given again, so whoever makes a resource of the same id meanwhile gets a new one, with keys of its own.
                session.Prepare("DELETE FROM engine_resource WHERE number = ?1").Bind(1, resource).Run();
                _heads.RemoveResource(resource);
                InsertPurge(session, resource, 0, 0, since);
                return (Guid?)null;
            },
            cancel);

    public ValueTask<Guid?> HoldIn(long resource, CancellationToken cancel) => _readers.Read(static (session, ask) => ask.Engine.HoldIn(session, ask.resource), (Engine: this, resource), cancel);

    public ValueTask<long> LedgerSeen(string file, CancellationToken cancel) =>
        _readers.Read(static (session, file) => SqliteLedger.Seen(session, file), file, cancel);

    public Task<int> TakeLedger(string file, IReadOnlyList<LedgerLine> lines, long seen, CancellationToken cancel) =>
        Write(session => new SqliteLedger(session, _tables).Take(file, lines, seen), cancel);

    public Task ReserveNumbers(long upTo, CancellationToken cancel) =>
        Write(session => SqliteLedger.ReserveNumbers(session, upTo), cancel);

    public ValueTask<IReadOnlyList<Purge>> Purges(int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var purges = new List<Purge>();
                var rows = session.Prepare("SELECT id, resource, kind, key, since FROM engine_purge ORDER BY id LIMIT ?1").Bind(1, ask.take);
                while (rows.Step())
                {
                    purges.Add(new Purge(
                        rows.Number(0),
                        rows.Number(1),
                        rows.Number(2) == 0 ? null : ask.Engine._tablesByNumber[rows.Number(2)].Kind,
                        rows.Number(3),
                        DateTimeOffset.FromUnixTimeMilliseconds(rows.Number(4))));
                }

                return (IReadOnlyList<Purge>)purges;
            },
            (Engine: this, take),
            cancel);

    /// <remarks>There is one writer, and it wrote the beginning of the erasure.</remarks>
    public ValueTask<bool> AtRest(SubjectRef erased, CancellationToken cancel) => new(true);

    public Task<bool> ContinuePurge(Purge purge, int take, CancellationToken cancel) =>
        Write(
            session =>
            {
                var done = new SqlitePurge(session, _tables, _holds, purge, take).Continue();

                // Roots went without their own delete: what the writer remembers of them is written down and dropped.
                _heads.Write(session);
                _heads.Forget();
                return done;
            },
            cancel);

    public Task<int> Reseal(RecordKind kind, long resource, IReadOnlyList<StoredRow> rows, CancellationToken cancel) =>
        Write(
            session =>
            {
                var (table, changed) = (_tables[kind], 0);
                foreach (var row in rows)
                {
                    var key = kind.KeyOf(row.Values);
                    var statement = session.Prepare(table.Reseal).BindKey(key, resource).Bind(key.Length + 2, row.Version).Bind(key.Length + 3, ColumnValue.Of(row.Payload!));
                    changed += (kind.BlobColumn < 0 ? statement : statement.Bind(key.Length + 4, row.Values[kind.BlobColumn])).Run();
                }

                return changed;
            },
            cancel);

    public ValueTask<List<(long Resource, ColumnValue[] Key)>> Expired(RecordKind kind, DateTimeOffset now, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var kind = ask.Table.Kind;
                var rows = session.Prepare(ask.Engine._retention.Expired(kind, ask.Table.KeyList, "?1", "?2")).Bind(1, ask.now.ToUnixTimeMilliseconds()).Bind(2, ask.take);
                var expired = new List<(long, ColumnValue[])>();
                while (rows.Step())
                {
                    expired.Add((rows.Number(0), [.. kind.KeyColumns.Select((key, i) => rows.Value(i + 1, kind.Columns[key].Type))]));
                }

                return expired;
            },
            (Engine: this, Table: _tables[kind], now, take),
            cancel);

    public ValueTask<(List<IdleRoot> Unused, long? Last)> Idle(RecordKind kind, DateTimeOffset now, long after, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var idle = ask.kind.Idle!;
                var rows = session.Prepare(ask.Engine._retention.Idle(ask.kind, ask.Engine._tables[idle.Appended].Head, "?1", "?2", "?3"))
                    .Bind(1, ask.now.ToUnixTimeMilliseconds()).Bind(2, ask.after).Bind(3, ask.take);
                var unused = new List<IdleRoot>();
                long? last = null;
                while (rows.Step())
                {
                    last = rows.Number(1);
                    if (Math.Max(rows.Number(2), rows.Number(3)) <= ask.now.ToUnixTimeMilliseconds() - (rows.Number(4) * MillisecondsOfDay))
                    {
                        unused.Add(new IdleRoot(rows.Number(0), idle.Appended, last.Value, rows.Number(3)));
                    }
                }

                return (unused, last);
            },
            (Engine: this, kind, now, after, take),
            cancel);

    public ValueTask<(List<(long Root, long UpTo)> Due, long? Last)> Aging(RecordKind appended, DateTimeOffset now, long after, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var due = new List<(long Root, long UpTo)>();
                long? last = null;
                if (!ask.Engine._retention.HasRules || session.Number(ask.Engine._retention.AnyAge(ask.appended)) == 0)
                {
                    return (due, last);
                }

                var milliseconds = ask.now.ToUnixTimeMilliseconds();
                var rows = session.Prepare(ask.Engine._retention.Aging(ask.appended, "?1", "?2", "?3")).Bind(1, milliseconds).Bind(2, ask.after).Bind(3, ask.take);
                while (rows.Step())
                {
                    last = rows.Number(1);
                    if (rows.Number(3) != 0)
                    {
                        due.Add((last.Value, milliseconds - (rows.Number(2) * MillisecondsOfDay)));
                    }
                }

                return (due, last);
            },
            (Engine: this, appended, now, after, take),
            cancel);

    public Task<int> RemoveOld(RecordKind appended, long root, long upTo, int take, CancellationToken cancel) =>
        Write(
            session => session.Prepare(
                $"DELETE FROM {appended.Table} WHERE rowid IN (SELECT t.rowid FROM {appended.Table} t WHERE {_retention.Old(appended, "?1", "?2")} LIMIT ?3)")
                .Bind(1, root).Bind(2, upTo).Bind(3, take).Run(),
            cancel);

    public Task<int> RemoveLooseRules(RecordKind ofKind, RecordKind root, CancellationToken cancel) =>
        Write(
            session => _tables.Keys.FirstOrDefault(kind => kind.ClrType == typeof(RootRetentionRule)) is { } rules
                ? session.Prepare($"DELETE FROM {rules.Table} WHERE kind = '{ofKind.Name}' AND root NOT IN (SELECT {root.Columns[root.ReferenceColumn].Name} FROM {root.Table})").Run()
                : 0,
            cancel);

    public ValueTask<(DateTimeOffset Due, DateTimeOffset Instant)?> Oldest(RecordKind kind, DateTimeOffset now, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                if (ask.Engine._retention.Oldest(ask.kind, "?1") is not { } sql)
                {
                    return null;
                }

                var row = session.Prepare(sql);
                if (sql.Contains("?1", StringComparison.Ordinal))
                {
                    row.Bind(1, ask.now.ToUnixTimeMilliseconds());
                }

                (DateTimeOffset, DateTimeOffset)? oldest = row.Step() && !row.IsNull(0)
                    ? (DateTimeOffset.FromUnixTimeMilliseconds(row.Number(0)), DateTimeOffset.FromUnixTimeMilliseconds(row.Number(1)))
                    : null;
                row.Reset();
                return oldest;
            },
            (Engine: this, kind, now),
            cancel);

    public ValueTask<bool> Lease(string work, TimeSpan duration, CancellationToken cancel) => new(true);

    public Task Release(CancellationToken cancel) => Task.CompletedTask;

    public Task Probe(CancellationToken cancel) =>
        Write(session => session.Prepare("INSERT INTO engine_setting (name, value) VALUES ('probe', '') ON CONFLICT (name) DO UPDATE SET value = excluded.value").Run(), cancel);

    public ValueTask<IReadOnlyList<BlobRef>> GoneBlobs(int take, CancellationToken cancel) => _readers.Read(SqliteBlobRows.Gone, take, cancel);

    public Task ForgetBlobs(IReadOnlyCollection<BlobRef> blobs, CancellationToken cancel) => Write(session => SqliteBlobRows.Forget(session, blobs), cancel);

    public Task Compact(CancellationToken cancel) =>
        Write(
            session =>
            {
                session.Execute("PRAGMA incremental_vacuum(2048)");
                _writer.TruncateSoon();
                return true;
            },
            cancel);

    public async ValueTask DisposeAsync()
    {
        // Readers first: with nobody reading, the writer can empty the log.
        await _readers.DisposeAsync();
        await _writer.DisposeAsync();
    }

    /// <summary>Runs something in the writer's session; for tests that make the disk full.</summary>
    internal Task<T> OnWriter<T>(Func<SqliteSession, T> run, CancellationToken cancel) => Write(run, cancel);

    /// <summary>Carries out a plan on the writer's thread: looks first, then writes, so that a refusal leaves no trace.</summary>
    internal EngineOutcome Apply(SqliteSession session, Plan plan, List<FeedEntry> entries)
    {
        if (PlanReview.Refusal(plan, _known ??= new SqliteKnownRows(session, _tables, _heads, _holds)) is { } refused)
        {
            return new EngineOutcome(refused, 0, []);
        }

        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        var position = 0L;
        List<Appended>? appended = null;
        foreach (var write in plan.Writes)
        {
            var table = _tables[write.Kind];
            var key = write.Key;
            var resource = plan.ResourceOf(write);
            switch (write.What)
            {
                case WriteKind.Insert:
                    Insert(session, table, resource, write);
                    break;
                case WriteKind.Append:
                    var place = Append(session, table, resource, write, now);
                    key = [key[0], place.Arrival];
                    (appended ??= []).Add(place);
                    break;
                case WriteKind.Put:
                    Update(session, table, resource, write);
                    break;
                default:
                    if (!Delete(session, table, resource, write, now))
                    {
                        continue;
                    }

                    break;
            }

            _heads.Changed(table, write.Key, resource);
            var change = write.What switch { WriteKind.Put => Change.Put, WriteKind.Delete => Change.Deleted, _ => Change.Inserted };
            var written = FeedKey.Write(key);
            var entry = AppendToFeed(session, table, resource, change, key, written, write.Version, now);
            position = entry.Position;
            entries.Add(entry);
            if (plan.Audited is { } audited && entries.Count == 1)
            {
                audited.First = new AuditedRecord(table.Kind.Name, resource, written);
                _audited.Add(audited);
            }
        }

        if (!plan.Erased.IsNone)
        {
            InsertPurge(session, plan.Resource, 0, plan.Erased.Value, DateTimeOffset.FromUnixTimeMilliseconds(now));
            _heads.Erase(plan.Erased.Value);
        }

        return new EngineOutcome(null, position, (IReadOnlyList<Appended>?)appended ?? []);
    }

    private Guid? HoldIn(SqliteSession session, long resource)
    {
        if (_holds is null)
        {
            return null;
        }

        var row = session.Prepare($"SELECT {_holds.AnyIn("?1")}").Bind(1, resource);
        Guid? hold = row.Step() && !row.IsNull(0) ? new Guid(row.Bytes(0), bigEndian: true) : null;
        row.Reset();
        return hold;
    }

    private List<FeedEntry> ReadEntries(SqliteStatement rows)
    {
        var entries = new List<FeedEntry>();
        while (rows.Step())
        {
            entries.Add(new FeedEntry(
                rows.Number(0),
                DateTimeOffset.FromUnixTimeMilliseconds(rows.Number(1)),
                rows.Number(2),
                _tablesByNumber[rows.Number(3)].Kind,
                (Change)rows.Number(4),
                FeedKey.Read(rows.Bytes(5)),
                rows.Number(6)));
        }

        return entries;
    }

    private (FeedPosition Horizon, FeedPosition End) Bounds(SqliteSession session)
    {
        var bounds = session.Prepare(FeedBoundsSql);
        bounds.Step();
        var found = (new FeedPosition(_epoch, bounds.Number(0)), new FeedPosition(_epoch, bounds.Number(1)));
        bounds.Reset();
        return found;
    }

    private FeedEntry AppendToFeed(
        SqliteSession session, SqliteTable table, long resource, Change change, ColumnValue[] key, byte[] written, long version, long now)
    {
        var position = LastPosition(session) + 1;
        session.PrepareFixed(AddToFeed)
            .Bind(1, now).Bind(2, resource).Bind(3, table.Number).Bind(4, (long)change).Bind(5, written).Bind(6, version).Bind(7, position).Run();
        _lastPosition = position;
        return new FeedEntry(position, DateTimeOffset.FromUnixTimeMilliseconds(now), resource, table.Kind, change, key, version);
    }

    /// <summary>What is written once for all batches of a transaction: how far sequences have come, and the audit log's group.</summary>
    private void Finish(SqliteSession session)
    {
        _heads.Write(session);
        if (_audited.Count == 0)
        {
            return;
        }

        var write = _audited[0].Scribe.Close(_audited);
        var table = _tables[write.Kind];
        Insert(session, table, ResourceRef.Geography.Number, write);
        _auditGroup = AppendToFeed(
            session, table, ResourceRef.Geography.Number, Change.Inserted, write.Key, FeedKey.Write(write.Key), write.Version, _clock.GetUtcNow().ToUnixTimeMilliseconds());
        _audited.Clear();
    }

    private void Undone()
    {
        _audited.Clear();
        _auditGroup = null;
        _lastPosition = null;
        _heads.Undone();
    }

    private static void Insert(SqliteSession session, SqliteTable table, long resource, Write write)
    {
        var statement = session.PrepareFixed(table.Insert).Bind(1, resource);
        var at = 2;
        foreach (var value in write.Values)
        {
            statement.Bind(at++, value);
        }

        statement.Bind(at, write.Version).Bind(at + 1, write.Payload).Run();
    }

    private Appended Append(SqliteSession session, SqliteTable table, long resource, Write write, long now)
    {
        var kind = table.Kind;
        var place = _heads.Next(session, table, write.Key[0].Number, write.Values[kind.ArrivalColumn].Number, now);
        write.Values[kind.SequenceColumn] = place.Sequence;
        var wanted = write.Values[kind.ArrivalColumn];
        write.Values[kind.ArrivalColumn] = place.Arrival;
        Insert(session, table, resource, write);

        // As it was asked for, in case the group is undone and this runs again.
        write.Values[kind.ArrivalColumn] = wanted;
        return place;
    }

    private static void Update(SqliteSession session, SqliteTable table, long resource, Write write)
    {
        var statement = BindKey(session.Prepare(table.Update), write.Key, resource);
        var at = write.Key.Length + 2;
        statement.Bind(at, write.Version).Bind(at + 1, write.Payload);
        for (var i = 0; i < write.Values.Length; i++)
        {
            if (!table.Kind.KeyColumns.Contains(i) && !table.Kind.Columns[i].IsAllocated)
            {
                statement.Bind(at + 2 + i, write.Values[i]);
            }
        }

        statement.Run();
    }

    private bool Delete(SqliteSession session, SqliteTable table, long resource, Write write, long now)
    {
        if (BindKey(session.Prepare(table.Delete), write.Key, resource).Run() == 0)
        {
            return false;
        }

        if (table.Kind.Children.Count > 0)
        {
            var root = write.Key[0].Number;
            _heads.Remove(table, root);
            InsertPurge(session, resource, table.Number, root, DateTimeOffset.FromUnixTimeMilliseconds(now));
        }

        return true;
    }

    private static int InsertPurge(SqliteSession session, long resource, long kind, long key, DateTimeOffset since) =>
        session.Prepare(AddPurge).Bind(1, resource).Bind(2, kind).Bind(3, key).Bind(4, since.ToUnixTimeMilliseconds()).Run();

    private static bool Has(SqliteSession session, string sql, ColumnValue[] key, long resource) => session.PrepareFixed(sql).BindKey(key, resource).StepOnce();

    private static SqliteStatement BindKey(SqliteStatement statement, ColumnValue[] key, long resource) => statement.BindKey(key, resource);

    private static List<StoredRow> ReadRange(SqliteSession session, SqliteTable table, RangePlan plan)
    {
        var statement = session.PrepareFixed(table.Range(plan)).Bind(1, plan.Resource).Bind(plan.Prefix.Length + 4, plan.Take);
        for (var i = 0; i < plan.Prefix.Length; i++)
        {
            statement.Bind(i + 4, plan.Prefix[i]);
        }

        if (plan.After is { } after)
        {
            statement.Bind(2, after);
        }

        if (plan.Before is { } before)
        {
            statement.Bind(3, before);
        }

        return ReadRows(statement, table.Kind);
    }

    private static List<StoredRow> ReadRows(SqliteStatement statement, RecordKind kind)
    {
        var rows = new List<StoredRow>();
        while (statement.Step())
        {
            rows.Add(ReadRow(statement, kind));
        }

        return rows;
    }

    internal static StoredRow ReadRow(SqliteStatement statement, RecordKind kind)
    {
        var values = new ColumnValue[kind.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = statement.Value(i + 1, kind.Columns[i].Type);
        }

        var at = values.Length + 1;
        return new StoredRow(values, statement.Number(at), statement.BytesOrNull(at + 1));
    }

    private static long? FindNumber(SqliteSession session, Guid resource)
    {
        var row = session.Prepare("SELECT number FROM engine_resource WHERE id = ?1").Bind(1, ColumnValue.Of(resource.ToByteArray(bigEndian: true)));
        long? number = row.Step() ? row.Number(0) : null;
        row.Reset();
        return number;
    }

    private async Task<T> Write<T>(Func<SqliteSession, T> run, CancellationToken cancel)
    {
        var work = new SqliteWork<T>(run);
        await _writer.Enqueue(work, cancel);
        try
        {
            return await work.Done;
        }
        catch (SqliteFault fault)
        {
            throw new StoreUnavailableException("The database refused to write.", fault);
        }
    }

    private long LastPosition(SqliteSession session) => _lastPosition ??= session.Number($"SELECT {FeedEndSql}");

    private void Tell(IReadOnlyList<SqliteWork> group)
    {
        _heads.Committed();
        if (Changed is not { } changed)
        {
            return;
        }

        var entries = new List<FeedEntry>(group.Count);
        foreach (var work in group)
        {
            if (work is SqliteCommit commit)
            {
                entries.AddRange(commit.Entries);
            }
        }

        if (_auditGroup is { } written)
        {
            entries.Add(written);
            _auditGroup = null;
        }

        if (entries.Count > 0)
        {
            changed(entries);
        }
    }
}
