using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>
/// Brings a database to the catalogue, at start: forward only, in one transaction, safe to run twice. Tables and indexes are made, columns are added at the
/// end of a kind's; anything else is refused. Seals stay valid, because each says how many columns it vouches for.
/// </summary>
internal static class SqliteSchema
{
    private const string Format = "1";

    private static readonly string[] EngineTables =
    [
        "CREATE TABLE IF NOT EXISTS engine_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS engine_kind (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, columns TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_resource (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE)",
        "CREATE TABLE IF NOT EXISTS engine_feed (position INTEGER PRIMARY KEY, at INTEGER NOT NULL, resource INTEGER NOT NULL, kind INTEGER NOT NULL, change INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS engine_reader (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS engine_purge (id INTEGER PRIMARY KEY AUTOINCREMENT, resource INTEGER NOT NULL, kind INTEGER NOT NULL, key INTEGER NOT NULL, since INTEGER NOT NULL, UNIQUE (resource, kind, key))",
        SqliteBlobRows.Table,
    ];

    /// <summary>Makes or changes what is needed.</summary>
    /// <returns>The tables, and the feed's epoch.</returns>
    /// <exception cref="SchemaMismatchException">The database is not for this program.</exception>
    public static (IReadOnlyList<SqliteTable> Tables, long Epoch) Prepare(SqliteSession session, Catalogue catalogue, Geography geography)
    {
        session.Execute("BEGIN IMMEDIATE");
        try
        {
            foreach (var statement in EngineTables)
            {
                session.Execute(statement);
            }

            CheckSetting(session, "format", Format, "It was written by another version of the program; use that version, or a newer one.");
            CheckSetting(session, "geography", geography.Slug, $"It belongs to another geography than {geography}; data never moves between geographies.");
            var epoch = long.Parse(Setting(session, "epoch", SubjectRef.Fresh().Value.ToString(System.Globalization.CultureInfo.InvariantCulture)), System.Globalization.CultureInfo.InvariantCulture);
            var tables = PrepareKinds(session, catalogue);
            session.Execute("COMMIT");
            return (tables, epoch);
        }
        catch
        {
            session.Execute("ROLLBACK");
            throw;
        }
    }

    /// <summary>Compares the database with the catalogue and changes nothing.</summary>
    /// <returns>What a start would do, one line each; empty when nothing is to be done.</returns>
    /// <exception cref="SchemaMismatchException">The database is not for this program.</exception>
    public static IReadOnlyList<string> Pending(SqliteSession session, Catalogue catalogue, Geography geography)
    {
        if (session.Number("SELECT count(*) FROM sqlite_master WHERE name = 'engine_setting'") == 0)
        {
            return ["make every table: the database is empty"];
        }

        Expect(session, "format", Format, "It was written by another version of the program; use that version, or a newer one.");
        Expect(session, "geography", geography.Slug, $"It belongs to another geography than {geography}; data never moves between geographies.");
        var known = Known(session);
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
            var (present, wanted) = (IndexesOn(session, kind), new SqliteTable(kind, old.Number).Indexes());
            pending.AddRange(wanted.Keys.Except(present).Select(index => $"build the index {index}"));
            pending.AddRange(present.Except(wanted.Keys).Select(index => $"drop the index {index}"));
        }

        return pending;
    }

    /// <summary>Has every reader of the feed begin anew: after a restore, positions of before mean nothing.</summary>
    public static void BeginEpoch(SqliteSession session) =>
        session.Prepare("UPDATE engine_setting SET value = ?1 WHERE name = 'epoch'")
            .Bind(1, SubjectRef.Fresh().Value.ToString(System.Globalization.CultureInfo.InvariantCulture)).Run();

    /// <summary>What the engine itself keeps, for the inventory: table and purpose. None of it is personal.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> Describe() =>
    [
        ("engine_setting", "format of the database, its geography, the epoch of its feed and where trimming left it, how far it has read each file of the erasure ledger"),
        ("engine_kind", "names and columns of the kinds of record"),
        ("engine_resource", "ids of resources and their numbers"),
        ("engine_feed", "which record changed when: kind, key, version; never content; trimmed after the feed's horizon"),
        ("engine_reader", "how far each reader of the feed has come"),
        ("engine_purge", "what is being removed: the key of a deleted root, the orphan handle of an erased person; forgotten when done"),
        ("engine_gone", "random names of sealed files whose records went; forgotten when the files are removed"),
        ("<kind>_head", "last sequence and last arrival below each parent"),
    ];

    private static List<SqliteTable> PrepareKinds(SqliteSession session, Catalogue catalogue)
    {
        var known = Known(session);
        KindColumns.RefuseUnknown(known.Keys, catalogue);
        return [.. catalogue.Kinds.Select(kind => known.TryGetValue(kind.Name, out var old) ? Migrate(session, kind, old.Number, old.Columns) : Create(session, kind))];
    }

    private static Dictionary<string, (long Number, string Columns)> Known(SqliteSession session)
    {
        var known = new Dictionary<string, (long Number, string Columns)>(StringComparer.Ordinal);
        using (var rows = new SqliteStatement(session.Connection.Handle!, "SELECT number, name, columns FROM engine_kind"))
        {
            while (rows.Step())
            {
                known.Add(rows.Text(1), (rows.Number(0), rows.Text(2)));
            }
        }

        return known;
    }

    private static SqliteTable Create(SqliteSession session, RecordKind kind)
    {
        using (var insert = new SqliteStatement(session.Connection.Handle!, "INSERT INTO engine_kind (name, columns) VALUES (?1, ?2)"))
        {
            insert.Bind(1, kind.Name).Bind(2, KindColumns.Of(kind)).Run();
        }

        var table = new SqliteTable(kind, session.Number("SELECT last_insert_rowid()"));
        foreach (var statement in table.Definitions().Concat(table.Indexes().Values).Concat(SqliteBlobRows.Triggers(kind)))
        {
            session.Execute(statement);
        }

        return table;
    }

    private static SqliteTable Migrate(SqliteSession session, RecordKind kind, long number, string oldColumns)
    {
        var table = new SqliteTable(kind, number);
        var added = KindColumns.AddedSince(kind, oldColumns).ToList();
        if (added.Count > 0)
        {
            foreach (var column in added)
            {
                session.Execute($"ALTER TABLE {kind.Table} ADD COLUMN {SqliteTable.DefineAdded(column)}");
            }

            using var update = new SqliteStatement(session.Connection.Handle!, "UPDATE engine_kind SET columns = ?1 WHERE number = ?2");
            update.Bind(1, KindColumns.Of(kind)).Bind(2, number).Run();
        }

        MigrateIndexes(session, kind, table.Indexes());
        foreach (var trigger in SqliteBlobRows.Triggers(kind))
        {
            session.Execute(trigger);
        }

        return table;
    }

    private static void MigrateIndexes(SqliteSession session, RecordKind kind, IReadOnlyDictionary<string, string> wanted)
    {
        var present = IndexesOn(session, kind);
        foreach (var name in present.Where(name => !wanted.ContainsKey(name)))
        {
            session.Execute($"DROP INDEX {name}");
        }

        foreach (var (_, statement) in wanted.Where(index => !present.Contains(index.Key)))
        {
            session.Execute(statement);
        }
    }

    private static List<string> IndexesOn(SqliteSession session, RecordKind kind)
    {
        var present = new List<string>();
        using var rows = new SqliteStatement(session.Connection.Handle!, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?1 AND name LIKE 'ix\\_%' ESCAPE '\\'");
        rows.Bind(1, kind.Table);
        while (rows.Step())
        {
            present.Add(rows.Text(0));
        }

        return present;
    }

    private static void Expect(SqliteSession session, string name, string expected, string otherwise)
    {
        using var read = new SqliteStatement(session.Connection.Handle!, "SELECT value FROM engine_setting WHERE name = ?1");
        read.Bind(1, name);
        if (!read.Step() || read.Text(0) != expected)
        {
            throw new SchemaMismatchException($"The database {session.Connection.DataSource} cannot be used. {otherwise}");
        }
    }

    private static void CheckSetting(SqliteSession session, string name, string expected, string otherwise)
    {
        if (Setting(session, name, expected) != expected)
        {
            throw new SchemaMismatchException($"The database {session.Connection.DataSource} cannot be used. {otherwise}");
        }
    }

    private static string Setting(SqliteSession session, string name, string initial)
    {
        using (var insert = new SqliteStatement(session.Connection.Handle!, "INSERT INTO engine_setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING"))
        {
            insert.Bind(1, name).Bind(2, initial).Run();
        }

        using var read = new SqliteStatement(session.Connection.Handle!, "SELECT value FROM engine_setting WHERE name = ?1");
        read.Bind(1, name).Step();
        var value = read.Text(0);
        read.Reset();
        return value;
    }
}
