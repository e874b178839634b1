using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>What a failure of the database means for whoever met it. Codes: PostgreSQL 15, appendix A.</summary>
internal static class PostgresFault
{
    /// <summary>Nothing is wrong with the work; done again, it may well succeed: a deadlock, a serialisation failure, a lock that was not had in time.</summary>
    public static bool IsCollision(Exception fault) =>
        fault is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable };

    /// <summary>What was looked at was not so when it was written: somebody inserted the same, or a row was not as it was found.</summary>
    public static bool IsSurprise(Exception fault) =>
        fault is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DivisionByZero };

    /// <summary>Something was to be written where nothing may be: on a standby, or on a connection that only reads.</summary>
    public static bool IsReadOnly(Exception fault) => fault is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction };

    /// <summary>
    /// The database cannot serve just now: it does not answer, is starting, stopping, a standby, full, or out of connections; or it ended what took too long; or the store is closed.
    /// </summary>
    public static bool IsUnavailable(Exception fault) => fault switch
    {
        PostgresException postgres => postgres.SqlState[..2] is "08" or "53" or "57" or "58" or "XX"
            || IsReadOnly(postgres) || postgres.SqlState is "25P03" or PostgresErrorCodes.LockNotAvailable
            || IsCollision(postgres),
        NpgsqlException => true,
        IOException or System.Net.Sockets.SocketException or TimeoutException or ObjectDisposedException => true,
        _ => false,
    };

    /// <summary>The failure as callers of the store know it.</summary>
    public static StoreUnavailableException Unavailable(Exception fault) =>
        new(fault is PostgresException postgres ? $"The database cannot serve just now (SQLSTATE {postgres.SqlState})." : "The database does not answer.", fault);
}
