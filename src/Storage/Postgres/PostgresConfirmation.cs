using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Whether what a connection committed is on the synchronous standby too. A commit that stops waiting for its standby, because a limit of time ended the
/// wait, succeeds all the same and only warns: it is on one server, and gone when the other one takes over. Nothing may be acknowledged before a later
/// commit was confirmed, which confirms everything before it (PostgreSQL 15, 27.2.8: the standby confirms positions of the log, in order).
/// </summary>
internal sealed class PostgresConfirmation
{
    /// <summary>SQLSTATE of a warning; a commit has no other.</summary>
    private const string Warning = "01000";

    private static readonly TimeSpan Limit = PostgresDatabase.StatementLimit * 2;
    private readonly NpgsqlConnection _connection;
    private volatile bool _isMissing;

    private PostgresConfirmation(NpgsqlConnection connection)
    {
        _connection = connection;
        connection.Notice += (_, told) => _isMissing |= told.Notice.SqlState == Warning;
    }

    /// <summary>Listens to what the server says beside its answers, from now on.</summary>
    public static PostgresConfirmation On(NpgsqlConnection connection) => new(connection);

    /// <summary>Returns at once when every commit was confirmed; otherwise when a later one is.</summary>
    /// <exception cref="StoreUnavailableException">No standby confirms: what was committed is on one server, and must not be acknowledged.</exception>
    public ValueTask Require(CancellationToken cancel) => _isMissing ? Ask(cancel) : ValueTask.CompletedTask;

    /// <summary>Commits something, and waits until it is confirmed, and with it everything that was committed before.</summary>
    /// <exception cref="StoreUnavailableException">No standby confirms it.</exception>
    public async ValueTask Ask(CancellationToken cancel)
    {
        var asked = TimeProvider.System.GetTimestamp();
        do
        {
            _isMissing = false;
            await using var command = new NpgsqlCommand("SELECT pg_logical_emit_message(true, 'domicile', '')", _connection);
            await command.ExecuteNonQueryAsync(cancel);
        }
        while (_isMissing && TimeProvider.System.GetElapsedTime(asked) < Limit);

        if (_isMissing)
        {
            throw new StoreUnavailableException("The database committed, but no synchronous standby confirms it: the change is on one server only and is not acknowledged.");
        }
    }
}
