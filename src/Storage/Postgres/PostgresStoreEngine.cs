using System.Data.Common;
using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>The engine for production: a PostgreSQL cluster, in front of which any number of nodes meet only in the database.</summary>
internal sealed class PostgresStoreEngine : IStoreEngine
{
    /// <summary>After it a node of the version before has noticed, or is out of touch and relies on nothing.</summary>
    private static readonly TimeSpan MigrationPause = Storage.Feed.StaleAfter * 2;

    /// <summary>Longer than transactions take; what takes longer is waited for in the background.</summary>
    private static readonly TimeSpan RestWait = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ReadyPoll = TimeSpan.FromMilliseconds(10);
    private readonly Dictionary<RecordKind, PostgresTable> _tables;
    private readonly Dictionary<long, PostgresTable> _tablesByNumber;
    private readonly PostgresDatabase _database;
    private readonly PostgresCommitter _committer;
    private readonly PostgresFeed _feed;
    private readonly PostgresSignals _signals;
    private readonly Guid _node = Guid.NewGuid();
    private const long MillisecondsOfDay = 86_400_000;
    private readonly HoldSql? _holds;
    private readonly RetentionSql _retention;

    private PostgresStoreEngine(PostgresDatabase database, IReadOnlyList<PostgresTable> tables, long start, TimeProvider clock)
    {
        _database = database;
        _tables = tables.ToDictionary(table => table.Kind);
        _holds = HoldSql.For([.. _tables.Keys]);
        _retention = new RetentionSql([.. _tables.Keys], _holds);
        _tablesByNumber = tables.ToDictionary(table => table.Number);
        Start = start;
        _feed = new PostgresFeed(database, number => _tablesByNumber[number].Kind, start);
        _committer = new PostgresCommitter(database, _tables, PositionsOf, start, clock) { Committed = Tell };
        _signals = new PostgresSignals(database, () => Woken?.Invoke(), text => Signalled?.Invoke(text));
    }

    public Action<IReadOnlyList<FeedEntry>>? Changed { get; set; }

    public Action? Woken { get; set; }

    public Action<string>? Signalled { get; set; }

    public bool IsShared => true;

    /// <summary>The number of this start among all nodes' starts.</summary>
    public long Start { get; }

    /// <summary>Opens a database, bringing it to the catalogue.</summary>
    /// <exception cref="SchemaMismatchException">It is not for this program.</exception>
    /// <exception cref="StoreUnavailableException">It does not answer.</exception>
    public static async Task<PostgresStoreEngine> Open(PostgresAddress address, int connections, Catalogue catalogue, Geography geography, TimeProvider clock, CancellationToken cancel)
    {
        var database = PostgresDatabase.Of(address, connections);
        try
        {
            var (tables, start, schema, isMigrated) = await PostgresSchema.Prepare(database, catalogue, geography, cancel);
            database.Schema = schema;
            if (isMigrated)
            {
                // Until then a node of the version before may not have noticed, and would meet rows that it cannot read.
                await Task.Delay(MigrationPause, TimeProvider.System, cancel);
            }

            return new PostgresStoreEngine(database, tables, start, clock);
        }
        catch (Exception fault)
        {
            await database.DisposeAsync();
            if (PostgresFault.IsUnavailable(fault) && !cancel.IsCancellationRequested)
            {
                throw PostgresFault.Unavailable(fault);
            }

            throw;
        }
    }

    public void Signal(string text) => _signals.Tell(text);

    public async Task<EngineOutcome> Commit(Plan plan, CancellationToken cancel)
    {
        var commit = new PostgresCommit(plan);
        await _committer.Enqueue(commit, cancel);

        // Not cancelled from here on: the caller must not be told "no" of what then becomes durable.
        return await commit.Done;
    }

    public ValueTask<StoredRow?> Get(RecordKind kind, long resource, ColumnValue[] key, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand(_tables[kind].Get, connection);
                for (var i = 0; i < key.Length; i++)
                {
                    command.Parameters.Add(PostgresParameters.Of(key[i], kind.Columns[kind.KeyColumns[i]].Type));
                }

                command.Parameters.Add(PostgresParameters.Of(resource, ColumnType.Integer));
                return await PostgresRows.All(command, kind, cancel) is [var row] ? row : (StoredRow?)null;
            },
            cancel);

    public ValueTask<List<StoredRow>> Get(RecordKind kind, long resource, IReadOnlyList<ColumnValue[]> keys, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand(_tables[kind].GetMany, connection);
                for (var i = 0; i < kind.KeyColumns.Count; i++)
                {
                    command.Parameters.Add(PostgresParameters.Column(keys, i, kind.Columns[kind.KeyColumns[i]]));
                }

                command.Parameters.Add(PostgresParameters.Array([.. Enumerable.Repeat(resource, keys.Count)]));
                return await PostgresRows.All(command, kind, cancel);
            },
            cancel);

    public ValueTask<List<StoredRow>> Range(RangePlan plan, CancellationToken cancel)
    {
        var (kind, table) = (plan.Kind, _tables[plan.Kind]);
        var given = new List<(string Condition, ColumnValue Value, ColumnType Type)>();
        for (var i = 0; i < plan.Prefix.Length; i++)
        {
            given.Add(($"{table.Name(kind.KeyColumns[i])} =", plan.Prefix[i], kind.Columns[kind.KeyColumns[i]].Type));
        }

        if (plan.After is { } after)
        {
            given.Add(($"{table.Name(kind.KeyColumns[plan.Prefix.Length])} >", after, kind.Columns[kind.KeyColumns[plan.Prefix.Length]].Type));
        }

        if (plan.Before is { } before)
        {
            given.Add(($"{table.Name(kind.KeyColumns[plan.Prefix.Length])} <", before, kind.Columns[kind.KeyColumns[plan.Prefix.Length]].Type));
        }

        var direction = plan.Descending ? "DESC" : "ASC";
        var order = string.Join(", ", kind.KeyColumns.Skip(Math.Min(plan.Prefix.Length, kind.KeyColumns.Count - 1)).Select(key => $"{table.Name(key)} {direction}"));
        var where = string.Concat(given.Select((one, i) => $" AND {one.Condition} ${i + 3}"));
        return _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand($"{table.Select} WHERE resource = $1{where} ORDER BY {order} LIMIT $2", connection);
                command.Parameters.Add(PostgresParameters.Of(plan.Resource, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(plan.Take, ColumnType.Integer));
                given.ForEach(one => command.Parameters.Add(PostgresParameters.Of(one.Value, one.Type)));
                return await PostgresRows.All(command, kind, cancel);
            },
            cancel);
    }

    public ValueTask<List<StoredRow>> Lookup(RecordKind kind, long resource, int column, ColumnValue value, int take, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                var table = _tables[kind];
                await using var command = new NpgsqlCommand($"{table.Select} WHERE {table.Name(column)} = $1 AND resource = $2 LIMIT $3", connection);
                command.Parameters.Add(PostgresParameters.Of(value, kind.Columns[column].Type));
                command.Parameters.Add(PostgresParameters.Of(resource, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
                return await PostgresRows.All(command, kind, cancel);
            },
            cancel);

    public ValueTask<List<List<FoundRow>>> Find(IReadOnlyList<(RecordKind Kind, string Sql)> asked, IReadOnlyList<(string Name, ColumnValue Value)> given, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var batch = new NpgsqlBatch(connection);
                foreach (var (_, sql) in asked)
                {
                    var command = new NpgsqlBatchCommand(sql);
                    foreach (var (name, value) in given)
                    {
                        var parameter = PostgresParameters.Of(value, value.Type);
                        parameter.ParameterName = name;
                        command.Parameters.Add(parameter);
                    }

                    batch.BatchCommands.Add(command);
                }

                var found = new List<List<FoundRow>>(asked.Count);
                await using var reader = await batch.ExecuteReaderAsync(cancel);
                foreach (var (kind, _) in asked)
                {
                    var rows = new List<FoundRow>();
                    while (await reader.ReadAsync(cancel))
                    {
                        rows.Add(new FoundRow(reader.GetInt64(0), PostgresRows.Row(reader, kind)));
                    }

                    found.Add(rows);
                    await reader.NextResultAsync(cancel);
                }

                return found;
            },
            cancel);

    public ValueTask<List<ScannedRow>> Scan(RecordKind kind, ColumnValue[]? after, int take, CancellationToken cancel)
    {
        var table = _tables[kind];
        var order = ScanOrder.Of(kind);
        var names = string.Join(", ", order.Select(column => column < 0 ? "resource" : table.Name(column)));
        var places = string.Join(", ", order.Select((_, i) => $"${i + 2}"));
        return _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand($"{table.Select}{(after is null ? "" : $" WHERE ({names}) > ({places})")} ORDER BY {names} LIMIT $1", connection);
                command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
                for (var i = 0; i < (after?.Length ?? 0); i++)
                {
                    command.Parameters.Add(PostgresParameters.Of(after![i], order[i] < 0 ? ColumnType.Integer : kind.Columns[order[i]].Type));
                }

                var scanned = new List<ScannedRow>();
                await using var rows = await command.ExecuteReaderAsync(cancel);
                while (await rows.ReadAsync(cancel))
                {
                    var (resource, row) = (rows.GetInt64(0), PostgresRows.Row(rows, kind));
                    scanned.Add(new ScannedRow(resource, row, [.. order.Select(column => column < 0 ? ColumnValue.Of(resource) : row.Values[column])]));
                }

                return scanned;
            },
            cancel);
    }

    public ValueTask<T> Query<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancel) =>
        _database.Read((connection, cancel) => query(connection, cancel), cancel);

    public ValueTask<FeedPage> ReadFeed(long after, int take, CancellationToken cancel) => _feed.Read(after, take, cancel);

    public ValueTask<FeedPosition> FeedEnd(CancellationToken cancel) => _feed.End(cancel);

    public ValueTask<FeedPosition?> Recall(string reader, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand("SELECT epoch, position FROM engine_reader WHERE name = $1", connection);
                command.Parameters.Add(PostgresParameters.Of(reader, ColumnType.Text));
                await using var row = await command.ExecuteReaderAsync(cancel);
                return await row.ReadAsync(cancel) ? new FeedPosition(row.GetInt64(0), row.GetInt64(1)) : (FeedPosition?)null;
            },
            cancel);

    public async Task Remember(string reader, FeedPosition position, CancellationToken cancel) =>
        await Run(
            "INSERT INTO engine_reader (name, epoch, position) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position",
            cancel,
            (reader, ColumnType.Text),
            (position.Epoch, ColumnType.Integer),
            (position.Number, ColumnType.Integer));

    public async Task<int> TrimFeed(DateTimeOffset horizon, int take, CancellationToken cancel) =>
        await _database.Transaction(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand(
                    """
                    WITH old AS (SELECT position FROM engine_feed WHERE at < $1 ORDER BY position LIMIT $2),
                         gone AS (DELETE FROM engine_feed WHERE position IN (SELECT position FROM old) RETURNING position),
                         noted AS (UPDATE engine_setting SET value = greatest(value::bigint, (SELECT max(position) FROM gone))::text WHERE name = 'trimmed' AND EXISTS (SELECT 1 FROM gone))
                    SELECT count(*) FROM gone
                    """,
                    connection);
                command.Parameters.Add(PostgresParameters.Of(horizon.ToUnixTimeMilliseconds(), ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
                return (int)(long)(await command.ExecuteScalarAsync(cancel))!;
            },
            cancel);

    public async Task<long> NumberOf(Guid resource, CancellationToken cancel)
    {
        await Run("INSERT INTO engine_resource (id) VALUES ($1) ON CONFLICT DO NOTHING", cancel, (resource, ColumnType.Bytes));
        return await FindNumber(resource, cancel) ?? throw new StoreUnavailableException("The resource is being removed at this moment.");
    }

    public ValueTask<long?> FindNumber(Guid resource, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand("SELECT number FROM engine_resource WHERE id = $1", connection);
                command.Parameters.Add(PostgresParameters.Of(resource, ColumnType.Bytes));
                return await command.ExecuteScalarAsync(cancel) as long?;
            },
            cancel);

    public ValueTask<Guid?> FindResource(long number, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand("SELECT id FROM engine_resource WHERE number = $1", connection);
                command.Parameters.Add(PostgresParameters.Of(number, ColumnType.Integer));
                return await command.ExecuteScalarAsync(cancel) is byte[] id ? new Guid(id, bigEndian: true) : (Guid?)null;
            },
            cancel);

    public ValueTask<IReadOnlyList<BlobRef>> GoneBlobs(int take, CancellationToken cancel) =>
        _database.Read((connection, cancel) => PostgresBlobRows.Gone(connection, take, cancel), cancel);

    public async Task ForgetBlobs(IReadOnlyCollection<BlobRef> blobs, CancellationToken cancel) =>
        await _database.Repeatable((connection, cancel) => PostgresBlobRows.Forget(connection, blobs, cancel), cancel);

    public ValueTask<long> CountResources(CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand("SELECT count(*) FROM engine_resource", connection);
                return (long)(await command.ExecuteScalarAsync(cancel))!;
            },
            cancel);

    public async Task<Guid?> BeginRemoval(long resource, DateTimeOffset since, CancellationToken cancel)
    {
        var hold = await _database.Transaction(
            async (connection, cancel) =>
            {
                await KeepHoldsOut(connection, cancel);
                if (await HoldIn(connection, resource, cancel) is { } hold)
                {
                    return hold;
                }

                await using var batch = connection.CreateBatch();

                // First, because it gives the transaction its id, which readers of the feed rely on to be older than its position.
                var purge = new NpgsqlBatchCommand(PostgresPurge.Insert);
                purge.Add(resource);
                purge.Add(0L);
                purge.Add(0L);
                purge.Add(since.ToUnixTimeMilliseconds());
                batch.BatchCommands.Add(purge);

                // Its number is never given again, so whoever makes a resource of the same id meanwhile gets a new one, with keys of its own.
                var number = new NpgsqlBatchCommand("DELETE FROM engine_resource WHERE number = $1");
                number.Add(resource);
                batch.BatchCommands.Add(number);
                var told = new NpgsqlBatchCommand(PostgresFeed.Insert);
                PostgresFeed.Append(told, [], [(resource, 0)], _ => 0, 0, since.ToUnixTimeMilliseconds());
                batch.BatchCommands.Add(told);
                await batch.ExecuteNonQueryAsync(cancel);
                return (Guid?)null;
            },
            cancel);
        _signals.Wake();
        return hold;
    }

    public ValueTask<Guid?> HoldIn(long resource, CancellationToken cancel) => _database.Read((connection, cancel) => HoldIn(connection, resource, cancel), cancel);

    public ValueTask<long> LedgerSeen(string file, CancellationToken cancel) => _database.Read((connection, cancel) => PostgresLedger.Seen(connection, file, cancel), cancel);

    public async Task<int> TakeLedger(string file, IReadOnlyList<LedgerLine> lines, long seen, CancellationToken cancel) =>
        await _database.Transaction((connection, cancel) => new PostgresLedger(connection, _tables).Take(file, lines, seen, cancel), cancel);

    public async Task ReserveNumbers(long upTo, CancellationToken cancel) =>
        await _database.Repeatable((connection, cancel) => PostgresLedger.ReserveNumbers(connection, upTo, cancel), cancel);

    public async ValueTask<IReadOnlyList<Purge>> Purges(int take, CancellationToken cancel)
    {
        while (true)
        {
            var (ready, waiting) = await _database.Read((connection, cancel) => ReadPurges(connection, take, cancel), cancel);
            if (ready.Count > 0 || !waiting)
            {
                return ready;
            }

            // Transactions that were under way when the removal was told are over soon: each has a limit.
            await Task.Delay(ReadyPoll, TimeProvider.System, cancel);
        }
    }

    public async ValueTask<bool> AtRest(SubjectRef erased, CancellationToken cancel)
    {
        for (var began = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(began) < RestWait;)
        {
            if (await Rows(PostgresPurge.Waiting, rows => rows.GetInt64(0), cancel, erased.Value) is [0])
            {
                return true;
            }

            await Task.Delay(ReadyPoll, TimeProvider.System, cancel);
        }

        return false;
    }

    public async Task<bool> ContinuePurge(Purge purge, int take, CancellationToken cancel) =>
        await _database.Transaction(
            async (connection, cancel) =>
            {
                await KeepSchema(connection, cancel);
                return await new PostgresPurge(connection, _tables, _holds, purge, take).Continue(cancel);
            },
            cancel);

    public async Task<int> Reseal(RecordKind kind, long resource, IReadOnlyList<StoredRow> rows, CancellationToken cancel) =>
        await _database.Transaction(
            async (connection, cancel) =>
            {
                await KeepSchema(connection, cancel);
                await using var batch = connection.CreateBatch();
                foreach (var row in rows)
                {
                    var command = new NpgsqlBatchCommand(_tables[kind].Reseal);
                    foreach (var column in kind.KeyColumns)
                    {
                        command.Add(row.Values[column], kind.Columns[column].Type);
                    }

                    command.Add(resource);
                    command.Add(row.Version);
                    command.Add(row.Payload);
                    if (kind.BlobColumn >= 0)
                    {
                        command.Add(row.Values[kind.BlobColumn], ColumnType.Bytes);
                    }

                    batch.BatchCommands.Add(command);
                }

                return await batch.ExecuteNonQueryAsync(cancel);
            },
            cancel);

    public ValueTask<List<(long Resource, ColumnValue[] Key)>> Expired(RecordKind kind, DateTimeOffset now, int take, CancellationToken cancel) =>
        Rows(
            _retention.Expired(kind, _tables[kind].KeyList, "$1", "$2"),
            rows => (rows.GetInt64(0), kind.KeyColumns.Select((key, i) => PostgresRows.Value(rows, i + 1, kind.Columns[key].Type)).ToArray()),
            cancel,
            now.ToUnixTimeMilliseconds(),
            take);

    public async ValueTask<(List<IdleRoot> Unused, long? Last)> Idle(RecordKind kind, DateTimeOffset now, long after, int take, CancellationToken cancel)
    {
        var idle = kind.Idle!;
        var milliseconds = now.ToUnixTimeMilliseconds();
        var roots = await Rows(
            _retention.Idle(kind, _tables[idle.Appended].Head, "$1", "$2", "$3"),
            rows => (Root: new IdleRoot(rows.GetInt64(0), idle.Appended, rows.GetInt64(1), rows.GetInt64(3)), LastUsed: Math.Max(rows.GetInt64(2), rows.GetInt64(3)), Days: Convert.ToInt64(rows.GetValue(4), CultureInfo.InvariantCulture)),
            cancel,
            milliseconds,
            after,
            take);
        return ([.. roots.Where(root => root.LastUsed <= milliseconds - (root.Days * MillisecondsOfDay)).Select(root => root.Root)], roots is [.., var last] ? last.Root.Id : null);
    }

    public async ValueTask<(List<(long Root, long UpTo)> Due, long? Last)> Aging(RecordKind appended, DateTimeOffset now, long after, int take, CancellationToken cancel)
    {
        if (!_retention.HasRules || (await Rows(_retention.AnyAge(appended), rows => rows.GetInt32(0), cancel))[0] == 0)
        {
            return ([], null);
        }

        var milliseconds = now.ToUnixTimeMilliseconds();
        var roots = await Rows(
            _retention.Aging(appended, "$1", "$2", "$3"),
            rows => (Root: rows.GetInt64(1), Days: Convert.ToInt64(rows.GetValue(2), CultureInfo.InvariantCulture), IsDue: rows.GetInt32(3) != 0),
            cancel,
            milliseconds,
            after,
            take);
        return ([.. roots.Where(root => root.IsDue).Select(root => (root.Root, milliseconds - (root.Days * MillisecondsOfDay)))], roots is [.., var last] ? last.Root : null);
    }

    public async Task<int> RemoveOld(RecordKind appended, long root, long upTo, int take, CancellationToken cancel) =>
        await _database.Transaction(
            async (connection, cancel) =>
            {
                await KeepSchema(connection, cancel);
                await KeepHoldsOut(connection, cancel);
                var table = PostgresTable.Quote(appended.Table);
                await using var command = new NpgsqlCommand(
                    $"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {table} t WHERE {_retention.Old(appended, "$1", "$2")} LIMIT $3 FOR UPDATE OF t))", connection);
                command.Parameters.Add(PostgresParameters.Of(root, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(upTo, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
                return await command.ExecuteNonQueryAsync(cancel);
            },
            cancel);

    public async Task<int> RemoveLooseRules(RecordKind ofKind, RecordKind root, CancellationToken cancel) =>
        _tables.Keys.FirstOrDefault(kind => kind.ClrType == typeof(RootRetentionRule)) is { } rules
            ? await Run(
                $"DELETE FROM {PostgresTable.Quote(rules.Table)} r WHERE r.kind = '{ofKind.Name}' AND NOT EXISTS (SELECT 1 FROM {PostgresTable.Quote(root.Table)} t WHERE t.{_tables[root].Name(root.ReferenceColumn)} = r.root)", cancel)
            : 0;

    public async ValueTask<(DateTimeOffset Due, DateTimeOffset Instant)?> Oldest(RecordKind kind, DateTimeOffset now, CancellationToken cancel)
    {
        if (_retention.Oldest(kind, "$1") is not { } sql)
        {
            return null;
        }

        var oldest = await Rows(
            sql,
            rows => rows.IsDBNull(0) ? ((long, long)?)null : (Convert.ToInt64(rows.GetValue(0), CultureInfo.InvariantCulture), Convert.ToInt64(rows.GetValue(1), CultureInfo.InvariantCulture)),
            cancel,
            sql.Contains("$1", StringComparison.Ordinal) ? [now.ToUnixTimeMilliseconds()] : []);
        return oldest is [{ } found] ? (DateTimeOffset.FromUnixTimeMilliseconds(found.Item1), DateTimeOffset.FromUnixTimeMilliseconds(found.Item2)) : null;
    }

    public async ValueTask<bool> Lease(string work, TimeSpan duration, CancellationToken cancel) =>
        await Run(
            """
            INSERT INTO engine_lease (work, holder, until) VALUES ($1, encode($2, 'hex')::uuid, clock_timestamp() + $3 * interval '1 millisecond')
            ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE engine_lease.holder = excluded.holder OR engine_lease.until < clock_timestamp()
            """,
            cancel,
            (work, ColumnType.Text),
            (_node, ColumnType.Bytes),
            ((long)duration.TotalMilliseconds, ColumnType.Integer)) > 0;

    public async Task Release(CancellationToken cancel) => await Run("DELETE FROM engine_lease WHERE holder = encode($1, 'hex')::uuid", cancel, (_node, ColumnType.Bytes));

    public async Task Probe(CancellationToken cancel) =>
        await Run("INSERT INTO engine_setting (name, value) VALUES ('probe', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", cancel, (_node.ToString("n"), ColumnType.Text));

    // The server does so by itself.
    public Task Compact(CancellationToken cancel) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _committer.DisposeAsync();
        await _signals.DisposeAsync();
        try
        {
            await Release(CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // They pass by themselves.
        }

        await _database.DisposeAsync();
    }

    private async ValueTask<int> Run(string sql, CancellationToken cancel, params (ColumnValue Value, ColumnType Type)[] parameters) =>
        await _database.Repeatable(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand(sql, connection);
                foreach (var (value, type) in parameters)
                {
                    command.Parameters.Add(PostgresParameters.Of(value, type));
                }

                return await command.ExecuteNonQueryAsync(cancel);
            },
            cancel);

    private ValueTask<List<T>> Rows<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancel, params long[] parameters) =>
        _database.Read(
            async (connection, cancel) =>
            {
                await using var command = new NpgsqlCommand(sql, connection);
                foreach (var parameter in parameters)
                {
                    command.Parameters.Add(PostgresParameters.Of(parameter, ColumnType.Integer));
                }

                var found = new List<T>();
                await using var rows = await command.ExecuteReaderAsync(cancel);
                while (await rows.ReadAsync(cancel))
                {
                    found.Add(read(rows));
                }

                return found;
            },
            cancel);

    /// <summary>Held to the end, so that nothing of a kind that this node does not know is written before what it removes is forgotten.</summary>
    private async Task KeepSchema(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var schema = new NpgsqlCommand("SELECT value::bigint FROM engine_setting WHERE name = 'schema' FOR SHARE", connection);
        _database.CheckSchema((long)(await schema.ExecuteScalarAsync(cancel))!);
    }

    /// <summary>Until the transaction ends no hold is placed.</summary>
    private async Task KeepHoldsOut(NpgsqlConnection connection, CancellationToken cancel)
    {
        if (_holds is not null)
        {
            await using var locking = new NpgsqlCommand("SELECT pg_advisory_xact_lock_shared($1)", connection);
            locking.Parameters.Add(PostgresParameters.Of(PostgresLocks.Holds, ColumnType.Integer));
            await locking.ExecuteNonQueryAsync(cancel);
        }
    }

    private async Task<Guid?> HoldIn(NpgsqlConnection connection, long resource, CancellationToken cancel)
    {
        if (_holds is null)
        {
            return null;
        }

        await using var command = new NpgsqlCommand($"SELECT {_holds.AnyIn("$1")}", connection);
        command.Parameters.Add(PostgresParameters.Of(resource, ColumnType.Integer));
        return await command.ExecuteScalarAsync(cancel) is byte[] id ? new Guid(id, bigEndian: true) : (Guid?)null;
    }

    private async Task<(IReadOnlyList<Purge> Ready, bool Waiting)> ReadPurges(NpgsqlConnection connection, int take, CancellationToken cancel)
    {
        var purges = new List<Purge>();
        await using var batch = connection.CreateBatch();
        var ready = new NpgsqlBatchCommand(PostgresPurge.Ready);
        ready.Add(take);
        batch.BatchCommands.Add(ready);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT EXISTS (SELECT 1 FROM engine_purge)"));
        await using var rows = await batch.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
        {
            var kind = rows.GetInt64(2);
            if (kind != 0 && !_tablesByNumber.ContainsKey(kind))
            {
                // Of a newer program, whose node does it.
                continue;
            }

            purges.Add(new Purge(
                rows.GetInt64(0), rows.GetInt64(1), kind == 0 ? null : _tablesByNumber[kind].Kind, rows.GetInt64(3), DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(4))));
        }

        await rows.NextResultAsync(cancel);
        await rows.ReadAsync(cancel);
        return (purges, rows.GetBoolean(0));
    }

    /// <summary>
    /// The positions of this node's last entries, in order: those of the transaction whose answer was lost, because one at a time writes under this node's number.
    /// Between them there may be others' entries, and there may be a lot behind them, since it may take a while to reach the database again.
    /// </summary>
    /// <summary>
    /// The places that a transaction of this start took, in order, and whether it is there at all. Its id alone says nothing: when a server goes away, ids that were not yet
    /// durable are given out again, to transactions of others.
    /// </summary>
    private ValueTask<IReadOnlyList<long>?> PositionsOf(ulong transaction, CancellationToken cancel) =>
        _database.Read(
            async (connection, cancel) =>
            {
                // It was at most some seconds ago, so it is among the last entries. A row has the lower half of the id of who wrote it.
                await using var command = new NpgsqlCommand(
                    """
                    SELECT position, kind FROM (SELECT position, kind, node, xmin::text AS writer FROM engine_feed ORDER BY position DESC LIMIT 2000000) AS last
                    WHERE node = $1 AND writer = $2 ORDER BY position
                    """,
                    connection);
                command.Parameters.Add(PostgresParameters.Of(Start, ColumnType.Integer));
                command.Parameters.Add(PostgresParameters.Of(((uint)transaction).ToString(System.Globalization.CultureInfo.InvariantCulture), ColumnType.Text));
                var (positions, isThere) = (new List<long>(), false);
                await using var rows = await command.ExecuteReaderAsync(cancel);
                while (await rows.ReadAsync(cancel))
                {
                    isThere = true;
                    if (rows.GetInt64(1) != 0)
                    {
                        positions.Add(rows.GetInt64(0));
                    }
                }

                return isThere ? (IReadOnlyList<long>?)positions : null;
            },
            cancel);

    private void Tell(IReadOnlyList<FeedEntry> entries)
    {
        if (entries.Count > 0)
        {
            Changed?.Invoke(entries);
        }

        _signals.Wake();
    }
}
