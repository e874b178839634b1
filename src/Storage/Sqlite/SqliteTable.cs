using System.Collections.Concurrent;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>The statements of one kind of record, made from its declaration once.</summary>
internal sealed class SqliteTable
{
    private readonly string _keyMatch;
    private readonly ConcurrentDictionary<int, string> _ranges = new();
    private readonly string[] _lookups;

    public SqliteTable(RecordKind kind, long number)
    {
        Kind = kind;
        Number = number;
        var columns = kind.Columns.Select(column => column.Name).ToList();
        var keys = kind.KeyColumns.Select(key => columns[key]).ToList();
        var resourceAt = keys.Count + 1;
        var all = string.Join(", ", columns);
        _keyMatch = string.Join(" AND ", keys.Select((name, i) => $"{name} = ?{i + 1}")) + $" AND resource = ?{resourceAt}";
        Head = $"{kind.Table}_head";
        KeyList = string.Join(", ", keys);
        RowName = kind.Layout == Layout.Append ? "rowid"
            : kind.ReferenceColumn >= 0 ? columns[kind.ReferenceColumn]
            : kind.ParentColumn < 0 ? $"resource, {KeyList}"
            : KeyList;

        Insert = $"INSERT INTO {kind.Table} (resource, {all}, version, payload) VALUES ({string.Join(", ", Enumerable.Range(1, columns.Count + 3).Select(i => $"?{i}"))})";
        Exists = $"SELECT 1 FROM {kind.Table} WHERE {_keyMatch}";
        Lasting = kind.EndedColumn < 0 ? Exists : $"{Exists} AND {columns[kind.EndedColumn]} IS NULL";
        Version = $"SELECT version FROM {kind.Table} WHERE {_keyMatch}";
        Select = $"SELECT resource, {all}, version, payload FROM {kind.Table}";
        Get = $"{Select} WHERE {_keyMatch}";
        _lookups = [.. columns.Select(name => $"{Select} WHERE {name} = ?1 AND resource = ?2 LIMIT ?3")];
        var set = columns.Select((name, i) => $"{name} = ?{resourceAt + 3 + i}, ").Where((_, i) => !kind.KeyColumns.Contains(i) && !kind.Columns[i].IsAllocated);
        Update = $"UPDATE {kind.Table} SET {string.Concat(set)}version = ?{resourceAt + 1}, payload = ?{resourceAt + 2} WHERE {_keyMatch}";
        Reseal = $"UPDATE {kind.Table} SET version = ?{resourceAt + 1}, payload = ?{resourceAt + 2}{(kind.BlobColumn < 0 ? "" : $", {columns[kind.BlobColumn]} = ?{resourceAt + 3}")} WHERE {_keyMatch} AND version = ?{resourceAt + 1} - 1";
        Delete = $"DELETE FROM {kind.Table} WHERE {_keyMatch}";
        People = PlanReview.PeopleOf(kind);
        Unique = [.. kind.Indexes.Where(index => index.Unique).Select(index => new UniqueIndex(kind, index, resourceAt))];
        ReadHead = $"SELECT sequence, arrival FROM {Head} WHERE parent = ?1";
        WriteHead = $"INSERT INTO {Head} (parent, sequence, arrival) VALUES (?1, ?2, ?3) ON CONFLICT (parent) DO UPDATE SET sequence = excluded.sequence, arrival = excluded.arrival";
    }

    public RecordKind Kind { get; }

    /// <summary>The kind's number in the feed.</summary>
    public long Number { get; }

    public string Head { get; }

    /// <summary>The columns that name one row among all of the table, those of other resources included.</summary>
    public string RowName { get; }

    public string KeyList { get; }

    public string Insert { get; }

    public string Exists { get; }

    /// <summary>Exists, and has not ended.</summary>
    public string Lasting { get; }

    public string Version { get; }

    public string Select { get; }

    public string Get { get; }

    public string Update { get; }

    /// <summary>Seals a row anew: key, resource, version, payload, and the file where the kind has one.</summary>
    public string Reseal { get; }

    public string Delete { get; }

    /// <summary>The columns of people with whose erasure the record goes or is depersonalised.</summary>
    public IReadOnlyList<int> People { get; }

    /// <summary>What two rows of one resource may not share.</summary>
    public IReadOnlyList<UniqueIndex> Unique { get; }

    public string ReadHead { get; }

    public string WriteHead { get; }

    /// <summary>At most <c>?3</c> rows of the resource <c>?2</c> whose column has the value <c>?1</c>.</summary>
    public string Lookup(int column) => _lookups[column];

    /// <summary>
    /// Rows of the resource <c>?1</c> in the order of the key: after <c>?2</c>, before <c>?3</c>, below the parts of the key from <c>?4</c> on; behind these, how many. The same object for
    /// plans of the same shape, of which there are few.
    /// </summary>
    public string Range(RangePlan plan)
    {
        var shape = (plan.Prefix.Length * 8) + (plan.After is null ? 0 : 4) + (plan.Before is null ? 0 : 2) + (plan.Descending ? 1 : 0);
        return _ranges.TryGetValue(shape, out var known) ? known : _ranges.GetOrAdd(shape, RangeOf(plan));
    }

    /// <summary>The id of a hold that covers a row, or null.</summary>
    public string HoldOn(HoldSql holds) => $"SELECT {holds.Of(Kind)} FROM {Kind.Table} t WHERE {_keyMatch}";

    /// <summary>Deletes at most <c>?2</c> rows whose column has the value <c>?1</c>.</summary>
    public string DeleteWhere(string column) =>
        $"DELETE FROM {Kind.Table} WHERE ({RowName}) IN (SELECT {RowName} FROM {Kind.Table} WHERE {column} = ?1 LIMIT ?2)";

    /// <summary>The statements that make the table and what belongs to it.</summary>
    public IEnumerable<string> Definitions()
    {
        var columns = Kind.Columns.Select(Define);
        var body = $"resource INTEGER NOT NULL, {string.Join(", ", columns)}, version INTEGER NOT NULL, payload BLOB";
        if (Kind.Layout == Layout.Append)
        {
            yield return $"CREATE TABLE {Kind.Table} ({body})";
            yield return $"CREATE TABLE {Head} (parent INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, arrival INTEGER NOT NULL)";
        }
        else if (Kind.ReferenceColumn >= 0)
        {
            yield return $"CREATE TABLE {Kind.Table} ({body})";
        }
        else
        {
            yield return $"CREATE TABLE {Kind.Table} ({body}, PRIMARY KEY ({RowName})) WITHOUT ROWID";
        }
    }

    /// <summary>The indexes that the declaration asks for, by name.</summary>
    public IReadOnlyDictionary<string, string> Indexes() =>
        IndexesOf.Kind(Kind).ToDictionary(
            index => index.Name,
            index => $"CREATE {(index.Unique ? "UNIQUE " : "")}INDEX {index.Name} ON {Kind.Table} ({string.Join(", ", index.Columns)}){(index.WhereFilled is { } filled ? $" WHERE {filled} IS NOT NULL" : "")}",
            StringComparer.Ordinal);

    private string RangeOf(RangePlan plan)
    {
        var names = Kind.KeyColumns.Select(key => Kind.Columns[key].Name).ToList();
        var where = new List<string> { "resource = ?1" };
        where.AddRange(plan.Prefix.Select((_, i) => $"{names[i]} = ?{i + 4}"));
        if (plan.After is not null)
        {
            where.Add($"{names[plan.Prefix.Length]} > ?2");
        }

        if (plan.Before is not null)
        {
            where.Add($"{names[plan.Prefix.Length]} < ?3");
        }

        var direction = plan.Descending ? "DESC" : "ASC";
        var order = string.Join(", ", names.Skip(Math.Min(plan.Prefix.Length, names.Count - 1)).Select(name => $"{name} {direction}"));
        return $"{Select} WHERE {string.Join(" AND ", where)} ORDER BY {order} LIMIT ?{plan.Prefix.Length + 4}";
    }

    /// <summary>A column as SQLite declares it, with a default so that it can be added to a table with rows.</summary>
    public static string DefineAdded(Column column) =>
        column.Nullable ? $"{column.Name} {TypeOf(column)}" : $"{column.Name} {TypeOf(column)} NOT NULL DEFAULT {DefaultOf(column)}";

    private string Define(Column column, int at) =>
        at == Kind.ReferenceColumn
            ? $"{column.Name} INTEGER PRIMARY KEY"
            : $"{column.Name} {TypeOf(column)}{(column.Nullable ? "" : " NOT NULL")}";

    private static string TypeOf(Column column) => column.Type switch
    {
        ColumnType.Integer => "INTEGER",
        ColumnType.Text => "TEXT",
        _ => "BLOB",
    };

    private static string DefaultOf(Column column) => column.Type switch
    {
        ColumnType.Integer => "0",
        ColumnType.Text => "''",
        _ => "x'00000000000000000000000000000000'",
    };

    /// <summary>Finds another row with the same values. The key is bound first, then the resource, then the values.</summary>
    public sealed class UniqueIndex
    {
        public UniqueIndex(RecordKind kind, IndexAttribute index, int resourceAt)
        {
            Columns = [.. index.Columns.Select(member => kind.Columns.TakeWhile(column => column.Member != member).Count())];
            var same = Columns.Select((column, i) => $" AND {kind.Columns[column].Name} = ?{resourceAt + 1 + i}");
            var key = kind.KeyColumns.Select((column, i) => $"{kind.Columns[column].Name} = ?{i + 1}");
            Taken = $"SELECT 1 FROM {kind.Table} WHERE resource = ?{resourceAt}{string.Concat(same)} AND NOT ({string.Join(" AND ", key)})";
        }

        public IReadOnlyList<int> Columns { get; }

        public string Taken { get; }
    }
}
