using System.Text;
using Domicile.Residency;
using Npgsql;
using NpgsqlTypes;

namespace Domicile.Storage.Postgres;

/// <summary>Values on their way into statements, typed, so that the server never has to guess.</summary>
internal static class PostgresParameters
{
    public static void Add(this NpgsqlBatchCommand command, long value) => command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Bigint });

    public static void Add(this NpgsqlBatchCommand command, string value) => command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text });

    public static void Add(this NpgsqlBatchCommand command, byte[]? value) => command.Parameters.Add(Of(value is null ? ColumnValue.Null : ColumnValue.Of(value), ColumnType.Bytes));

    public static void Add(this NpgsqlBatchCommand command, long[] values) => command.Parameters.Add(Array(values));

    public static void Add(this NpgsqlBatchCommand command, ColumnValue value, ColumnType type) => command.Parameters.Add(Of(value, type));

    public static NpgsqlParameter Array(long[] values) => new NpgsqlParameter<long[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };

    public static NpgsqlParameter Array(byte[]?[] values) => new NpgsqlParameter<byte[]?[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea };

    public static NpgsqlParameter Of(ColumnValue value, ColumnType type) => (value.IsNull, type) switch
    {
        (true, ColumnType.Integer) => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
        (true, ColumnType.Text) => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
        (true, _) => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea },
        (_, ColumnType.Integer) => new NpgsqlParameter<long> { TypedValue = value.Number, NpgsqlDbType = NpgsqlDbType.Bigint },
        (_, ColumnType.Text) => new NpgsqlParameter<string> { TypedValue = Held(value.Text!), NpgsqlDbType = NpgsqlDbType.Text },
        _ => new NpgsqlParameter<byte[]> { TypedValue = value.Bytes!, NpgsqlDbType = NpgsqlDbType.Bytea },
    };

    /// <summary>One column of many rows.</summary>
    public static NpgsqlParameter Column(IReadOnlyList<ColumnValue[]> rows, int at, Column column)
    {
        switch (column.Type)
        {
            case ColumnType.Integer when column.Nullable:
                var some = new long?[rows.Count];
                for (var i = 0; i < some.Length; i++)
                {
                    some[i] = rows[i][at].IsNull ? null : rows[i][at].Number;
                }

                return new NpgsqlParameter<long?[]> { TypedValue = some, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };
            case ColumnType.Integer:
                var numbers = new long[rows.Count];
                for (var i = 0; i < numbers.Length; i++)
                {
                    numbers[i] = rows[i][at].Number;
                }

                return Array(numbers);
            case ColumnType.Text:
                var texts = new string?[rows.Count];
                for (var i = 0; i < texts.Length; i++)
                {
                    texts[i] = rows[i][at].Text is { } text ? Held(text) : null;
                }

                return new NpgsqlParameter<string?[]> { TypedValue = texts, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
            default:
                var bytes = new byte[]?[rows.Count];
                for (var i = 0; i < bytes.Length; i++)
                {
                    bytes[i] = rows[i][at].Bytes;
                }

                return Array(bytes);
        }
    }

    /// <summary>
    /// A text as the database holds it: it takes no NUL, so U+0001 is an escape before NUL and before itself, which keeps the order of texts. Halves of
    /// surrogate pairs, which are no characters, become U+FFFD, as they do on SQLite.
    /// </summary>
    public static string Held(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\u0001') && !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        return whole.Replace("\u0001", "\u0001\u0002", StringComparison.Ordinal).Replace("\0", "\u0001\u0001", StringComparison.Ordinal);
    }

    /// <summary>A text as it was before <see cref="Held"/>.</summary>
    public static string Given(string held) =>
        held.Contains('\u0001', StringComparison.Ordinal) ? held.Replace("\u0001\u0001", "\0", StringComparison.Ordinal).Replace("\u0001\u0002", "\u0001", StringComparison.Ordinal) : held;
}
