using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>Has a database that may be older than the erasure ledger remove again what the ledger names.</summary>
internal sealed class SqliteLedger(SqliteSession session, IReadOnlyDictionary<RecordKind, SqliteTable> tables)
{
    /// <summary>How many lines of a file are known.</summary>
    public static long Seen(SqliteSession session, string file)
    {
        var row = session.Prepare("SELECT value FROM engine_setting WHERE name = ?1").Bind(1, Setting(file));
        var seen = row.Step() ? long.Parse(row.Text(0), CultureInfo.InvariantCulture) : 0;
        row.Reset();
        return seen;
    }

    /// <summary>The next resource gets a higher number than this.</summary>
    public static bool ReserveNumbers(SqliteSession session, long upTo)
    {
        if (session.Prepare("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'engine_resource'").Bind(1, upTo).Run() == 0 && upTo > 0)
        {
            session.Prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('engine_resource', ?1)").Bind(1, upTo).Run();
        }

        return true;
    }

    /// <returns>How many removals began.</returns>
    public int Take(string file, IReadOnlyList<LedgerLine> lines, long seen)
    {
        var begun = lines.Sum(line => line.Name.Scope switch
        {
            KeyName.Subject => TakePerson(line),
            KeyName.Resource => TakeResource(line),
            _ => tables.Values.FirstOrDefault(table => table.Kind.Name == line.Name.Scope && table.Kind.Children.Count > 0) is { } table ? TakeRoot(table, line) : 0,
        });
        session.Prepare("INSERT INTO engine_setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .Bind(1, Setting(file)).Bind(2, seen.ToString(CultureInfo.InvariantCulture)).Run();
        return begun;
    }

    private static string Setting(string file) => $"ledger {file}";

    private int TakePerson(LedgerLine line)
    {
        var isKnown = session.Prepare("SELECT 1 FROM engine_purge WHERE kind = 0 AND key = ?1").Bind(1, line.Name.Id);
        return Found(isKnown) || !LedgerColumns.OfPeople(tables.Keys).Any(place =>
                Found(session.Prepare($"SELECT 1 FROM {place.Kind.Table} WHERE {place.Column.Name} = ?1 LIMIT 1").Bind(1, line.Name.Id)))
            ? 0
            : AddPurge(0, 0, line);
    }

    private int TakeResource(LedgerLine line)
    {
        ReserveNumbers(session, line.Name.Id);
        return session.Prepare("DELETE FROM engine_resource WHERE number = ?1").Bind(1, line.Name.Id).Run() == 0
            ? 0
            : session.Prepare(SqliteStoreEngine.AddPurge).Bind(1, line.Name.Id).Bind(2, 0).Bind(3, 0).Bind(4, line.At.ToUnixTimeMilliseconds()).Run();
    }

    private int TakeRoot(SqliteTable table, LedgerLine line)
    {
        var reference = table.Kind.Columns[table.Kind.ReferenceColumn].Name;
        var row = session.Prepare($"SELECT resource FROM {table.Kind.Table} WHERE {reference} = ?1").Bind(1, line.Name.Id);
        if (!row.Step())
        {
            return 0;
        }

        var resource = row.Number(0);
        row.Reset();
        session.Prepare($"DELETE FROM {table.Kind.Table} WHERE {reference} = ?1").Bind(1, line.Name.Id).Run();
        return AddPurge(resource, table.Number, line);
    }

    private int AddPurge(long resource, long kind, LedgerLine line) =>
        session.Prepare(SqliteStoreEngine.AddPurge).Bind(1, resource).Bind(2, kind).Bind(3, line.Name.Id).Bind(4, line.At.ToUnixTimeMilliseconds()).Run();

    private static bool Found(SqliteStatement statement)
    {
        var found = statement.Step();
        statement.Reset();
        return found;
    }
}
