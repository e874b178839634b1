using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Postgres;

/// <summary>The statements of one kind of record, made from its declaration once.</summary>
internal sealed class PostgresTable
{
    private readonly List<string> _names;
    private readonly string _match;
    private string? _held;

    public PostgresTable(RecordKind kind, long number)
    {
        Kind = kind;
        Number = number;
        _names = [.. kind.Columns.Select(column => Quote(column.Name))];
        Head = Quote($"{kind.Table}_head");
        People = PlanReview.PeopleOf(kind);
        var (table, all) = (Quote(kind.Table), string.Join(", ", _names));
        var keys = kind.KeyColumns.Select(key => _names[key]).ToList();
        KeyList = string.Join(", ", keys);
        ParentInKey = kind.KeyColumns.TakeWhile(key => key != kind.ParentColumn).Count() is var at && at < kind.KeyColumns.Count ? at : -1;
        var ended = kind.EndedColumn < 0 ? "false" : $"t.{_names[kind.EndedColumn]} IS NOT NULL";
        if (kind.ReferenceColumn >= 0)
        {
            var found = $"SELECT t.{_names[kind.ReferenceColumn]}, t.resource, t.version, {ended} FROM {table} t WHERE t.{_names[kind.ReferenceColumn]} = ANY($1) ORDER BY t.{_names[kind.ReferenceColumn]}";
            (Lock, Keep) = ($"{found} FOR NO KEY UPDATE", $"{found} FOR KEY SHARE");
        }

        // Under the lock of its parent a row stands still; one without a parent is locked itself, in the order of the keys.
        var match = _match = string.Join(" AND ", keys.Select((key, i) => $"t.{key} = w.k{i}"));
        Look = $"SELECT w.at, t.version, {ended} FROM {Given(kind.KeyColumns, "w")} JOIN {table} t ON {match} AND t.resource = w.resource"
            + (kind.ParentColumn >= 0 ? "" : $" ORDER BY {string.Join(", ", keys.Select(key => $"t.{key}"))} FOR NO KEY UPDATE OF t");
        Unique = [.. kind.Indexes.Where(index => index.Unique).Select(index => new UniqueIndex(this, index))];
        ReadHeads = $"SELECT parent, sequence, arrival FROM {Head} WHERE parent = ANY($1)";
        WriteHeads = $"INSERT INTO {Head} (parent, sequence, arrival) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) ON CONFLICT (parent) DO UPDATE SET sequence = excluded.sequence, arrival = excluded.arrival";
        Insert = $"INSERT INTO {table} (resource, {all}, version, payload) SELECT * FROM unnest($1::bigint[], {string.Join(", ", kind.Columns.Select((column, i) => $"${i + 2}::{BareTypeOf(column)}[]"))}, ${kind.Columns.Count + 2}::bigint[], ${kind.Columns.Count + 3}::bytea[])";

        // The rows were looked at under their locks; were one not as it was found, the division by zero undoes the transaction.
        var here = string.Join(" AND ", keys.Select((key, i) => $"{key} = ${i + 1}")) + $" AND resource = ${keys.Count + 1}";
        Changeable = [.. Enumerable.Range(0, _names.Count).Where(i => !kind.KeyColumns.Contains(i) && !kind.Columns[i].IsAllocated)];
        var set = string.Concat(Changeable.Select((column, i) => $", {_names[column]} = ${keys.Count + 4 + i}"));
        Update = $"WITH changed AS (UPDATE {table} SET version = ${keys.Count + 2}, payload = ${keys.Count + 3}{set} WHERE {here} AND version = ${keys.Count + 2} - 1 RETURNING 1) SELECT 1 / count(*) FROM changed";
        Reseal = $"UPDATE {table} SET version = ${keys.Count + 2}, payload = ${keys.Count + 3}{(kind.BlobColumn < 0 ? "" : $", {_names[kind.BlobColumn]} = ${keys.Count + 4}")} WHERE {here} AND version = ${keys.Count + 2} - 1";
        Delete = $"WITH gone AS (DELETE FROM {table} WHERE {here} RETURNING 1) SELECT 1 / count(*) FROM gone";
        Select = $"SELECT resource, {all}, version, payload FROM {table}";
        Get = $"{Select} WHERE {here}";
        GetMany = $"SELECT t.resource, {string.Concat(_names.Select(name => $"t.{name}, "))}t.version, t.payload FROM {Given(kind.KeyColumns, "w")} JOIN {table} t ON {match} AND t.resource = w.resource";
    }

    public RecordKind Kind { get; }

    /// <summary>The kind's number in the feed.</summary>
    public long Number { get; }

    public string Head { get; }

    public string KeyList { get; }

    /// <summary>The columns of people with whose erasure the record goes or is depersonalised.</summary>
    public IReadOnlyList<int> People { get; }

    /// <summary>Which part of the key names the parent, or −1.</summary>
    public int ParentInKey { get; }

    /// <summary>Locks rows with a single 64-bit key, in its order; answers key, resource, version, whether ended.</summary>
    public string Lock { get; } = "";

    /// <summary>The same of rows that are only to stay: nobody deletes them meanwhile, and any number of transactions keeps them at once.</summary>
    public string Keep { get; } = "";

    /// <summary>Looks for rows by key; answers which of those asked for, version, whether ended.</summary>
    public string Look { get; }

    /// <summary>What two rows of one resource may not share.</summary>
    public IReadOnlyList<UniqueIndex> Unique { get; }

    public string ReadHeads { get; }

    public string WriteHeads { get; }

    /// <summary>Inserts rows that are given column by column.</summary>
    public string Insert { get; }

    /// <summary>The columns that a put changes.</summary>
    public IReadOnlyList<int> Changeable { get; }

    /// <summary>Changes a row: key, resource, version, payload, changeable columns. Divides by zero when the row was not as expected.</summary>
    public string Update { get; }

    /// <summary>Seals a row anew: key, resource, version, payload, and the file where the kind has one.</summary>
    public string Reseal { get; }

    /// <summary>Deletes a row: key, resource. Divides by zero when it was not there.</summary>
    public string Delete { get; }

    public string Select { get; }

    public string Get { get; }

    /// <summary>Reads rows whose keys are given column by column.</summary>
    public string GetMany { get; }

    public static string Quote(string name) => $"\"{name}\"";

    public string Name(int column) => _names[column];

    /// <summary>Looks which rows are held; answers which of those asked for, and the id of a hold or null.</summary>
    public string HeldAmong(HoldSql holds) =>
        _held ??= $"SELECT w.at, {holds.Of(Kind)} FROM {Given(Kind.KeyColumns, "w")} JOIN {Quote(Kind.Table)} t ON {_match} AND t.resource = w.resource";

    /// <summary>
    /// When anything is held: keeps even those away who add something below these roots, so that what a held person adds at this moment is seen by whoever deletes.
    /// </summary>
    public string KeepAlone(HoldSql holds) =>
        $"SELECT 1 FROM {Quote(Kind.Table)} t WHERE t.{_names[Kind.ReferenceColumn]} = ANY($1) AND {holds.Any} ORDER BY t.{_names[Kind.ReferenceColumn]} FOR UPDATE";

    /// <summary>The statements that make the table and what belongs to it.</summary>
    public IEnumerable<string> Definitions()
    {
        var columns = Kind.Columns.Select((column, i) => $"{_names[i]} {TypeOf(column)}{(column.Nullable ? "" : " NOT NULL")}");
        var body = $"resource bigint NOT NULL, {string.Join(", ", columns)}, version bigint NOT NULL, payload bytea";
        if (Kind.Layout == Layout.Append)
        {
            yield return $"CREATE TABLE {Quote(Kind.Table)} ({body})";

            // Heads are written again and again in place, which needs room on the page.
            yield return $"CREATE TABLE {Head} (parent bigint PRIMARY KEY, sequence bigint NOT NULL, arrival bigint NOT NULL) WITH (fillfactor = 50)";
        }
        else
        {
            var key = Kind.ReferenceColumn >= 0 ? _names[Kind.ReferenceColumn] : Kind.ParentColumn < 0 ? $"resource, {KeyList}" : KeyList;
            yield return $"CREATE TABLE {Quote(Kind.Table)} ({body}, PRIMARY KEY ({key})){(Kind.Children.Count > 0 ? " WITH (fillfactor = 80)" : "")}";
        }
    }

    /// <summary>The indexes that the declaration asks for, by name.</summary>
    public IReadOnlyDictionary<string, string> Indexes()
    {
        var indexes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var index in IndexesOf.Kind(Kind))
        {
            var columns = string.Join(", ", index.Columns.Select(Quote));
            indexes[index.Name] = $"{Quote(index.Name)} ON {Quote(Kind.Table)} ({columns}){(index.WhereFilled is { } filled ? $" WHERE {Quote(filled)} IS NOT NULL" : "")}";
        }

        return indexes;
    }

    /// <summary>The names of the indexes that keep values unique.</summary>
    public IReadOnlySet<string> UniqueIndexes() => IndexesOf.Kind(Kind).Where(index => index.Unique).Select(index => index.Name).ToHashSet();

    /// <summary>A column as PostgreSQL declares it, with a default so that it can be added to a table with rows.</summary>
    public static string DefineAdded(Column column) => $"{Quote(column.Name)} {TypeOf(column)}{(column.Nullable ? "" : $" NOT NULL DEFAULT {DefaultOf(column)}")}";

    /// <summary>Text is ordered by its bytes, as everywhere.</summary>
    public static string TypeOf(Column column) => column.Type switch
    {
        ColumnType.Integer => "bigint",
        ColumnType.Text => "text COLLATE \"C\"",
        _ => "bytea",
    };

    private static string DefaultOf(Column column) => column.Type switch
    {
        ColumnType.Integer => "0",
        ColumnType.Text => "''",
        _ => "'\\x00000000000000000000000000000000'",
    };

    /// <summary>Keys as they are given to a statement, column by column, the resource behind them, each with its place.</summary>
    private string Given(IReadOnlyList<int> columns, string alias)
    {
        var arrays = string.Join(", ", columns.Select((column, i) => $"${i + 1}::{BareTypeOf(Kind.Columns[column])}[]"));
        var names = string.Join(", ", columns.Select((_, i) => $"k{i}"));
        return $"unnest({arrays}, ${columns.Count + 1}::bigint[]) WITH ORDINALITY AS {alias}({names}, resource, at)";
    }

    private static string BareTypeOf(Column column) => column.Type switch { ColumnType.Integer => "bigint", ColumnType.Text => "text", _ => "bytea" };

    /// <summary>Finds rows that have the same values; answers which of those asked for, and the key of the row.</summary>
    public sealed class UniqueIndex
    {
        public UniqueIndex(PostgresTable table, IndexAttribute index)
        {
            var kind = table.Kind;
            Columns = [.. index.Columns.Select(member => kind.Columns.TakeWhile(column => column.Member != member).Count())];
            var same = string.Join(" AND ", Columns.Select((column, i) => $"t.{table._names[column]} = w.k{i}"));
            Taken = $"SELECT w.at, {string.Join(", ", kind.KeyColumns.Select(key => $"t.{table._names[key]}"))} FROM {table.Given(Columns, "w")} JOIN {Quote(kind.Table)} t ON {same} AND t.resource = w.resource";
        }

        public IReadOnlyList<int> Columns { get; }

        public string Taken { get; }
    }
}
