using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Brings a database to the catalogue, at start: forward only, in one transaction, one node at a time, safe to run twice and under a running node of the
/// version before, which does nothing more once it is done. Tables are made, columns added at the end of a kind's; anything else is refused. Indexes that come to a table with rows are built beside
/// running writes, after the transaction.
/// </summary>
internal static class PostgresSchema
{
    private const string Format = "1";

    /// <summary>How often a migration is tried that met a running node's transaction.</summary>
    private const int Attempts = 5;

    // The numbers of readers' positions and of nodes come from sequences; a position is taken after the locks of its transaction.
    private static readonly string[] EngineTables =
    [
        "CREATE TABLE IF NOT EXISTS engine_setting (name text PRIMARY KEY, value text NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_kind (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, columns text NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_resource (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id bytea NOT NULL UNIQUE)",
        "CREATE SEQUENCE IF NOT EXISTS engine_feed_position",
        "CREATE TABLE IF NOT EXISTS engine_feed (position bigint PRIMARY KEY, at bigint NOT NULL, resource bigint NOT NULL, kind bigint NOT NULL, change bigint NOT NULL, key bytea NOT NULL, version bigint NOT NULL, node bigint NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_reader (name text PRIMARY KEY, epoch bigint NOT NULL, position bigint NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_purge (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, resource bigint NOT NULL, kind bigint NOT NULL, key bigint NOT NULL, since bigint NOT NULL, begun xid8 NOT NULL DEFAULT pg_current_xact_id(), begun_at timestamptz NOT NULL DEFAULT now(), UNIQUE (kind, key, resource))",
        "CREATE TABLE IF NOT EXISTS engine_erased (person bigint PRIMARY KEY, since bigint NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_lease (work text PRIMARY KEY, holder uuid NOT NULL, until timestamptz NOT NULL)",
        "CREATE SEQUENCE IF NOT EXISTS engine_node",
        PostgresBlobRows.Table,
    ];

    /// <summary>What the engine itself keeps, for the inventory: table and purpose. None of it is personal.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> Describe() =>
    [
        ("engine_setting", "format of the database, its geography, the number of its schema, the epoch of its feed, how far that was trimmed, how far it has read each file of the erasure ledger"),
        ("engine_kind", "names and columns of the kinds of record"),
        ("engine_resource", "ids of resources and their numbers"),
        ("engine_feed", "which record changed when: kind, key, version; never content; trimmed after the feed's horizon"),
        ("engine_reader", "how far each reader of the feed has come"),
        ("engine_purge", "what is being removed: the key of a deleted root, the orphan handle of an erased person; forgotten when done"),
        ("engine_erased", "orphan handles of erased people, so that no node writes for them any more"),
        ("engine_gone", "random names of sealed files whose records went; forgotten when the files are removed"),
        ("engine_lease", "which node does the work that one node does at a time, and until when"),
        ("<kind>_head", "last sequence and last arrival below each parent"),
    ];

    /// <summary>Makes or changes what is needed.</summary>
    /// <returns>The tables, the number of this start, the number of the schema, and whether nodes of the version before may still run.</returns>
    /// <exception cref="SchemaMismatchException">The database is not for this program.</exception>
    public static async Task<(IReadOnlyList<PostgresTable> Tables, long Start, long Schema, bool IsMigrated)> Prepare(PostgresDatabase database, Catalogue catalogue, Geography geography, CancellationToken cancel)
    {
        await using var connection = await database.Open(cancel);
        await Run(connection, "SET statement_timeout = 0; SET lock_timeout = 0", cancel);
        await Run(connection, $"SELECT pg_advisory_lock({PostgresLocks.Schema})", cancel);
        try
        {
            await RefuseOld(connection, cancel);
            var (tables, schema, isMigrated) = await Migrate(connection, catalogue, geography, cancel);
            await PrepareIndexes(connection, tables, cancel);
            return (tables, await Number(connection, "SELECT nextval('engine_node')", cancel), schema, isMigrated);
        }
        finally
        {
            database.CloseSessions();
        }
    }

    private static async Task<(IReadOnlyList<PostgresTable> Tables, long Schema, bool IsMigrated)> Migrate(NpgsqlConnection connection, Catalogue catalogue, Geography geography, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await MigrateOnce(connection, catalogue, geography, cancel);
            }
            catch (PostgresException collision) when (attempt < Attempts && PostgresFault.IsCollision(collision))
            {
                // A running node's transaction had one table and waited for another that this one had.
            }
        }
    }

    private static async Task<(IReadOnlyList<PostgresTable> Tables, long Schema, bool IsMigrated)> MigrateOnce(NpgsqlConnection connection, Catalogue catalogue, Geography geography, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        foreach (var statement in EngineTables)
        {
            await Run(connection, statement, cancel);
        }

        await CheckSetting(connection, "format", Format, "It was written by another version of the program; use that version, or a newer one.", cancel);
        await CheckSetting(connection, "geography", geography.Slug, $"It belongs to another geography than {geography}; data never moves between geographies.", cancel);
        await Setting(connection, "epoch", SubjectRef.Fresh().Value.ToString(CultureInfo.InvariantCulture), cancel);
        await Setting(connection, "trimmed", "0", cancel);
        await Setting(connection, "schema", "0", cancel);
        var before = await Kinds(connection, cancel);
        KindColumns.RefuseUnknown(before.Keys, catalogue);
        var isMigrated = before.Count > 0 && catalogue.Kinds.Any(kind => !before.TryGetValue(kind.Name, out var old) || KindColumns.AddedSince(kind, old.Columns).Any());
        if (isMigrated)
        {
            // Before the tables, as a removal does: it holds this row while it relies on knowing every kind.
            await Run(connection, "UPDATE engine_setting SET value = (value::bigint + 1)::text WHERE name = 'schema'", cancel);
        }

        var tables = await PrepareKinds(connection, catalogue, cancel);
        var schema = await Number(connection, "SELECT value::bigint FROM engine_setting WHERE name = 'schema'", cancel);
        await transaction.CommitAsync(cancel);
        return (tables, schema, isMigrated);
    }

    /// <summary>Compares the database with the catalogue and changes nothing.</summary>
    /// <returns>What a start would do, one line each; empty when nothing is to be done.</returns>
    /// <exception cref="SchemaMismatchException">The database is not for this program.</exception>
    public static async Task<IReadOnlyList<string>> Pending(PostgresDatabase database, Catalogue catalogue, Geography geography, CancellationToken cancel)
    {
        await using var connection = await database.Open(cancel);
        await RefuseOld(connection, cancel);
        if (await Number(connection, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('engine_setting')", cancel) == 0)
        {
            return ["make every table: the database is empty"];
        }

        await Expect(connection, "format", Format, "It was written by another version of the program; use that version, or a newer one.", cancel);
        await Expect(connection, "geography", geography.Slug, $"It belongs to another geography than {geography}; data never moves between geographies.", cancel);
        var known = await Kinds(connection, cancel);
        KindColumns.RefuseUnknown(known.Keys, catalogue);
        var pending = new List<string>();
        foreach (var kind in catalogue.Kinds)
        {
            if (!known.TryGetValue(kind.Name, out var old))
            {
                pending.Add($"make the table of {kind.Name}");
                continue;
            }

            pending.AddRange(KindColumns.AddedSince(kind, old.Columns).Select(column => $"add the column {column.Name} to {kind.Name}"));
            var (missing, superfluous) = await CompareIndexes(connection, new PostgresTable(kind, old.Number), cancel);
            pending.AddRange(missing.Select(index => $"build the index {index}"));
            pending.AddRange(superfluous.Select(index => $"drop the index {index}"));
        }

        return pending;
    }

    /// <summary>
    /// Makes a database that was put back from a backup ready for nodes, in one transaction: a new epoch of the feed, no leases of before. Done twice, it has
    /// readers begin anew twice.
    /// </summary>
    /// <exception cref="DatabaseInUseException">Nodes are connected, which would go on with what they knew before.</exception>
    public static Task<bool> Restored(PostgresDatabase database, CancellationToken cancel) =>
        database.Transaction(
            async (connection, cancel) =>
            {
                const string Others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'domicile' AND pid <> pg_backend_pid()";
                if (await Number(connection, Others, cancel) is > 0 and var nodes)
                {
                    throw new DatabaseInUseException(connection.Database, nodes);
                }

                if (await Number(connection, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('engine_setting')", cancel) == 0)
                {
                    throw new SchemaMismatchException($"The PostgreSQL database {connection.Database} is empty. Put the backup back first.");
                }

                await BeginEpoch(connection, cancel);
                await Run(connection, "DELETE FROM engine_lease", cancel);
                return true;
            },
            cancel).AsTask();

    /// <summary>Has every reader of the feed begin anew: after a restore, positions of before mean nothing.</summary>
    public static async Task BeginEpoch(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("UPDATE engine_setting SET value = $1 WHERE name = 'epoch'", connection);
        command.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(SubjectRef.Fresh().Value.ToString(CultureInfo.InvariantCulture)), ColumnType.Text));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task RefuseOld(NpgsqlConnection connection, CancellationToken cancel)
    {
        if (await Number(connection, "SELECT current_setting('server_version_num')::bigint", cancel) < 150_000)
        {
            throw new SchemaMismatchException("PostgreSQL 15 or later is needed.");
        }

        if (await Text(connection, "SELECT pg_encoding_to_char(encoding)::text FROM pg_database WHERE datname = current_database()", cancel) != "UTF8")
        {
            throw new SchemaMismatchException("The PostgreSQL database must be encoded in UTF8: create it with ENCODING 'UTF8'.");
        }
    }

    private static async Task<IReadOnlyList<PostgresTable>> PrepareKinds(NpgsqlConnection connection, Catalogue catalogue, CancellationToken cancel)
    {
        var known = await Kinds(connection, cancel);
        KindColumns.RefuseUnknown(known.Keys, catalogue);
        var tables = new List<PostgresTable>();
        foreach (var kind in catalogue.Kinds)
        {
            tables.Add(known.TryGetValue(kind.Name, out var old) ? await Migrate(connection, kind, old.Number, old.Columns, cancel) : await Create(connection, kind, cancel));
        }

        return tables;
    }

    private static async Task<Dictionary<string, (long Number, string Columns)>> Kinds(NpgsqlConnection connection, CancellationToken cancel)
    {
        var known = new Dictionary<string, (long Number, string Columns)>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand("SELECT number, name, columns FROM engine_kind", connection);
        await using var rows = await command.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
        {
            known.Add(rows.GetString(1), (rows.GetInt64(0), rows.GetString(2)));
        }

        return known;
    }

    private static async Task<PostgresTable> Create(NpgsqlConnection connection, RecordKind kind, CancellationToken cancel)
    {
        await using var insert = new NpgsqlCommand("INSERT INTO engine_kind (name, columns) VALUES ($1, $2) RETURNING number", connection);
        insert.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(kind.Name), ColumnType.Text));
        insert.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(KindColumns.Of(kind)), ColumnType.Text));
        var table = new PostgresTable(kind, (long)(await insert.ExecuteScalarAsync(cancel))!);
        foreach (var statement in table.Definitions())
        {
            await Run(connection, statement, cancel);
        }

        foreach (var trigger in PostgresBlobRows.Triggers(kind))
        {
            await Run(connection, trigger, cancel);
        }

        foreach (var (name, definition) in table.Indexes())
        {
            await Run(connection, $"CREATE {(table.UniqueIndexes().Contains(name) ? "UNIQUE " : "")}INDEX {definition}", cancel);
        }

        return table;
    }

    private static async Task<PostgresTable> Migrate(NpgsqlConnection connection, RecordKind kind, long number, string oldColumns, CancellationToken cancel)
    {
        var added = KindColumns.AddedSince(kind, oldColumns).ToList();
        if (added.Count > 0)
        {
            foreach (var column in added)
            {
                await Run(connection, $"ALTER TABLE {PostgresTable.Quote(kind.Table)} ADD COLUMN {PostgresTable.DefineAdded(column)}", cancel);
            }

            await using var update = new NpgsqlCommand("UPDATE engine_kind SET columns = $1 WHERE number = $2", connection);
            update.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(KindColumns.Of(kind)), ColumnType.Text));
            update.Parameters.Add(PostgresParameters.Of(number, ColumnType.Integer));
            await update.ExecuteNonQueryAsync(cancel);
        }

        foreach (var trigger in PostgresBlobRows.Triggers(kind))
        {
            await Run(connection, trigger, cancel);
        }

        return new PostgresTable(kind, number);
    }

    private static async Task PrepareIndexes(NpgsqlConnection connection, IReadOnlyList<PostgresTable> tables, CancellationToken cancel)
    {
        foreach (var table in tables)
        {
            var (missing, superfluous) = await CompareIndexes(connection, table, cancel);
            foreach (var name in superfluous)
            {
                await Run(connection, $"DROP INDEX CONCURRENTLY IF EXISTS {PostgresTable.Quote(name)}", cancel);
            }

            foreach (var name in missing)
            {
                await Run(connection, $"CREATE {(table.UniqueIndexes().Contains(name) ? "UNIQUE " : "")}INDEX CONCURRENTLY {table.Indexes()[name]}", cancel);
            }
        }
    }

    /// <summary>The indexes that are to be built, and those that are to be dropped; one whose building was cut off is both.</summary>
    private static async Task<(List<string> Missing, List<string> Superfluous)> CompareIndexes(NpgsqlConnection connection, PostgresTable table, CancellationToken cancel)
    {
        var present = new Dictionary<string, bool>(StringComparer.Ordinal);
        await using (var command = new NpgsqlCommand(
            "SELECT c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1) AND c.relname LIKE 'ix\\_%'", connection))
        {
            command.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(PostgresTable.Quote(table.Kind.Table)), ColumnType.Text));
            await using var rows = await command.ExecuteReaderAsync(cancel);
            while (await rows.ReadAsync(cancel))
            {
                present.Add(rows.GetString(0), rows.GetBoolean(1));
            }
        }

        var wanted = table.Indexes();
        return (
            [.. wanted.Keys.Where(name => !present.GetValueOrDefault(name))],
            [.. present.Where(index => !index.Value || !wanted.ContainsKey(index.Key)).Select(index => index.Key)]);
    }

    private static async Task CheckSetting(NpgsqlConnection connection, string name, string expected, string otherwise, CancellationToken cancel)
    {
        if (await Setting(connection, name, expected, cancel) != expected)
        {
            throw Unusable(connection, otherwise);
        }
    }

    private static async Task Expect(NpgsqlConnection connection, string name, string expected, string otherwise, CancellationToken cancel)
    {
        if (await Text(connection, $"SELECT value FROM engine_setting WHERE name = '{name}'", cancel) != expected)
        {
            throw Unusable(connection, otherwise);
        }
    }

    private static SchemaMismatchException Unusable(NpgsqlConnection connection, string otherwise) =>
        new($"The PostgreSQL database {connection.Database} cannot be used. {otherwise}");

    private static async Task<string> Setting(NpgsqlConnection connection, string name, string initial, CancellationToken cancel)
    {
        await using (var insert = new NpgsqlCommand("INSERT INTO engine_setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", connection))
        {
            insert.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(name), ColumnType.Text));
            insert.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(initial), ColumnType.Text));
            await insert.ExecuteNonQueryAsync(cancel);
        }

        return (await Text(connection, $"SELECT value FROM engine_setting WHERE name = '{name}'", cancel))!;
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<long> Number(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task<string?> Text(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel) as string;
    }
}
