using Domicile.Residency;
using SQLitePCL;

namespace Domicile.Storage.Sqlite;

/// <summary>A prepared statement. Parameters and columns are numbered; binding starts at 1, columns at 0, as in SQLite.</summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;

    public SqliteStatement(sqlite3 connection, string sql)
    {
        _connection = connection;
        SqliteFault.Check(connection, raw.sqlite3_prepare_v2(connection, sql, out _statement));
    }

    public SqliteStatement Bind(int at, long value)
    {
        SqliteFault.Check(_connection, raw.sqlite3_bind_int64(_statement, at, value));
        return this;
    }

    public SqliteStatement Bind(int at, string? value)
    {
        SqliteFault.Check(_connection, value is null ? raw.sqlite3_bind_null(_statement, at) : raw.sqlite3_bind_text(_statement, at, value));
        return this;
    }

    public SqliteStatement Bind(int at, byte[]? value)
    {
        SqliteFault.Check(_connection, value is null ? raw.sqlite3_bind_null(_statement, at) : raw.sqlite3_bind_blob(_statement, at, value.AsSpan()));
        return this;
    }

    public SqliteStatement Bind(int at, ColumnValue value)
    {
        if (value.IsNull)
        {
            SqliteFault.Check(_connection, raw.sqlite3_bind_null(_statement, at));
            return this;
        }

        return value.Type switch
        {
            ColumnType.Integer => Bind(at, value.Number),
            ColumnType.Text => Bind(at, value.Text),
            _ => Bind(at, value.Bytes),
        };
    }

    /// <summary>Binds a parameter that has a name, where the text has it.</summary>
    public SqliteStatement Bind(string name, ColumnValue value)
    {
        var at = raw.sqlite3_bind_parameter_index(_statement, name);
        return at == 0 ? this : Bind(at, value);
    }

    /// <summary>Binds a key from 1 on, and the resource behind it.</summary>
    public SqliteStatement BindKey(ColumnValue[] key, long resource)
    {
        for (var i = 0; i < key.Length; i++)
        {
            Bind(i + 1, key[i]);
        }

        return Bind(key.Length + 1, resource);
    }

    /// <summary>Whether there is a row; the statement is then ready to be used again.</summary>
    public bool StepOnce()
    {
        var has = Step();
        if (has)
        {
            Reset();
        }

        return has;
    }

    /// <summary>Moves to the next row.</summary>
    /// <returns>False after the last one; the statement is then ready to be used again.</returns>
    public bool Step()
    {
        var result = raw.sqlite3_step(_statement);
        if (result == raw.SQLITE_ROW)
        {
            return true;
        }

        // Reset reports the failure of the step again; it is told once, with the connection's message.
        raw.sqlite3_reset(_statement);
        if (result != raw.SQLITE_DONE)
        {
            SqliteFault.Check(_connection, result);
        }

        return false;
    }

    /// <summary>Runs a statement that answers no rows.</summary>
    /// <returns>How many rows it changed.</returns>
    public int Run()
    {
        while (Step())
        {
        }

        return raw.sqlite3_changes(_connection);
    }

    /// <summary>Makes the statement ready to be used again before its last row was reached.</summary>
    public void Reset() => raw.sqlite3_reset(_statement);

    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(_statement, column).ToArray();

    public byte[]? BytesOrNull(int column)
    {
        var bytes = Bytes(column);
        return bytes.Length == 0 && IsNull(column) ? null : bytes;
    }

    public ColumnValue Value(int column, ColumnType type)
    {
        // Each look at a column is a call into the library: whether it is null is asked only where the value does not say so itself.
        switch (type)
        {
            case ColumnType.Integer:
                var number = Number(column);
                return number == 0 && IsNull(column) ? ColumnValue.Null : ColumnValue.Of(number);
            case ColumnType.Text:
                return raw.sqlite3_column_text(_statement, column).utf8_to_string() is { } text ? ColumnValue.Of(text) : ColumnValue.Null;
            default:
                return BytesOrNull(column) is { } bytes ? ColumnValue.Of(bytes) : ColumnValue.Null;
        }
    }

    public void Dispose() => _statement.Dispose();
}
