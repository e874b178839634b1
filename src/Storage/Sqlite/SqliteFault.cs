using SQLitePCL;

namespace Domicile.Storage.Sqlite;

/// <summary>SQLite refused. The message is SQLite's own and names tables and columns, never values.</summary>
/// <param name="code">The primary result code.</param>
/// <param name="message">SQLite's message.</param>
internal sealed class SqliteFault(int code, string message) : Exception($"SQLite {code}: {message}")
{
    public int Code { get; } = code;

    /// <summary>A uniqueness or other constraint refused a row.</summary>
    public bool IsConstraint => Code == raw.SQLITE_CONSTRAINT;

    public static void Check(sqlite3 connection, int result)
    {
        if (result is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            // The low byte is the primary code; the rest refines it (https://sqlite.org/rescode.html).
            throw new SqliteFault(result & 0xFF, raw.sqlite3_errmsg(connection).utf8_to_string());
        }
    }
}
