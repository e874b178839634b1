using Microsoft.Data.Sqlite;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Looks at a running server's store from outside: how far its feed has come, but for what is written behind requests' backs (<see cref="Behind"/>); and what there is of what is never
/// written alone.
/// </summary>
internal sealed class StoreWatch : IDisposable
{
    /// <summary>
    /// The audit log, which counts refusals; how far requests about people are; the operation logs and their counts; an alert that turns, which may be a ready one's first row, and
    /// what is told of it.
    /// </summary>
    private const string Behind =
        """
        kind IN (SELECT number FROM engine_kind WHERE name LIKE 'audit.%' OR (name LIKE 'logs.%' AND name NOT IN ('logs.setting', 'logs.alert')) OR name IN ('events.notice', 'events.delivery', 'events.tally'))
        OR (change <> 0 AND kind IN (SELECT number FROM engine_kind WHERE name IN ('privacy.request', 'logs.alert')))
        OR (kind IN (SELECT number FROM engine_kind WHERE name = 'logs.alert')
            AND (instr(key, CAST('failed-sign-ins' AS BLOB)) OR instr(key, CAST('mass-export' AS BLOB)) OR instr(key, CAST('mass-deletion' AS BLOB)) OR instr(key, CAST('delivery-failures' AS BLOB))))
        """;

    private readonly SqliteConnection _data;
    private readonly SqliteConnection _keys;
    private readonly SqliteCommand _feed;
    private readonly SqliteCommand _rows;
    private readonly SqliteCommand _secrets;

    public StoreWatch(string directory)
    {
        Domicile.Storage.Sqlite.SqliteLibrary.Describe();
        _data = Open(Path.Combine(directory, "data.db"));
        _keys = Open(Path.Combine(directory, "keys.db"));
        _feed = Prepare(_data, $"SELECT coalesce((SELECT position FROM engine_feed WHERE NOT ({Behind}) ORDER BY position DESC LIMIT 1), 0)");
        _rows = Prepare(_data, "SELECT (SELECT count(*) FROM engine_resource) + (SELECT count(*) FROM chat_thread) + (SELECT count(*) FROM identity_user) + (SELECT coalesce(max(rowid), 0) FROM chat_message)");
        _secrets = Prepare(_keys, "SELECT (SELECT count(*) FROM key WHERE scope NOT LIKE 'logs.%Day') + (SELECT count(*) FROM identifier)");
    }

    public Marks Read() => new((long)_feed.ExecuteScalar()!, (long)_rows.ExecuteScalar()!, (long)_secrets.ExecuteScalar()!);

    public void Dispose()
    {
        _feed.Dispose();
        _rows.Dispose();
        _secrets.Dispose();
        _data.Dispose();
        _keys.Dispose();
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static SqliteCommand Prepare(SqliteConnection connection, string sql)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are this class's own.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Prepare();
        return command;
    }

    /// <summary>What a store looks like at one moment.</summary>
    internal readonly record struct Marks(long Feed, long Rows, long Secrets)
    {
        /// <summary>What was written since; less of something is the removal of what was deleted before, which goes on in the background.</summary>
        public string? FaultAfter(Marks before) =>
            Feed != before.Feed ? $"the feed went on from {before.Feed} to {Feed}"
            : Rows > before.Rows ? "there are more rows"
            : Secrets > before.Secrets ? "there are more keys or identifiers"
            : null;
    }
}
