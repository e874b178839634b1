using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>Reads rows of the catalogue's tables.</summary>
internal static class PostgresRows
{
    public static ColumnValue Value(NpgsqlDataReader reader, int at, ColumnType type)
    {
        if (reader.IsDBNull(at))
        {
            return ColumnValue.Null;
        }

        return type switch
        {
            ColumnType.Integer => ColumnValue.Of(reader.GetInt64(at)),
            ColumnType.Text => ColumnValue.Of(PostgresParameters.Given(reader.GetString(at))),
            _ => ColumnValue.Of(reader.GetFieldValue<byte[]>(at)),
        };
    }

    /// <summary>A row as <see cref="PostgresTable.Select"/> gives it: resource, columns, version, payload.</summary>
    public static StoredRow Row(NpgsqlDataReader reader, RecordKind kind)
    {
        var values = new ColumnValue[kind.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Value(reader, i + 1, kind.Columns[i].Type);
        }

        var at = values.Length + 1;
        return new StoredRow(values, reader.GetInt64(at), reader.IsDBNull(at + 1) ? null : reader.GetFieldValue<byte[]>(at + 1));
    }

    public static async Task<List<StoredRow>> All(NpgsqlCommand command, RecordKind kind, CancellationToken cancel)
    {
        var rows = new List<StoredRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(Row(reader, kind));
        }

        return rows;
    }
}
