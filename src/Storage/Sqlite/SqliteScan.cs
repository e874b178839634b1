using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>Reads a whole table, a bounded piece at a time, along an index that it has anyway.</summary>
internal static class SqliteScan
{
    private const string Resource = "resource";

    public static List<ScannedRow> Read(SqliteSession session, SqliteTable table, ColumnValue[]? after, int take)
    {
        var kind = table.Kind;
        var order = ScanOrder.Of(kind);
        var statement = session.Prepare(Sql(table, isFirst: after is null)).Bind(1, take);
        for (var i = 0; i < (after?.Length ?? 0); i++)
        {
            statement.Bind(i + 2, after![i]);
        }

        var rows = new List<ScannedRow>();
        while (statement.Step())
        {
            var (resource, row) = (statement.Number(0), SqliteStoreEngine.ReadRow(statement, kind));
            rows.Add(new ScannedRow(resource, row, [.. order.Select(column => column < 0 ? ColumnValue.Of(resource) : row.Values[column])]));
        }

        return rows;
    }

    /// <summary>The statement: the first page, or those after a place.</summary>
    public static string Sql(SqliteTable table, bool isFirst)
    {
        var order = ScanOrder.Of(table.Kind);
        var names = string.Join(", ", order.Select(column => column < 0 ? Resource : table.Kind.Columns[column].Name));
        var places = string.Join(", ", order.Select((_, i) => $"?{i + 2}"));
        return $"{table.Select}{(isFirst ? "" : $" WHERE ({names}) > ({places})")} ORDER BY {names} LIMIT ?1";
    }

    public static Guid? FindResource(SqliteSession session, long number)
    {
        var row = session.Prepare("SELECT id FROM engine_resource WHERE number = ?1").Bind(1, number);
        Guid? id = row.Step() ? new Guid(row.Bytes(0), bigEndian: true) : null;
        row.Reset();
        return id;
    }
}
