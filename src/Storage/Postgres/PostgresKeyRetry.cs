using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Does again what a database that is being restarted or failed over, or a conflict between transactions, prevented. What it does must be safe to do twice.
/// </summary>
/// <param name="clock">Measures how long.</param>
/// <param name="patience">After this it gives up.</param>
internal sealed class PostgresKeyRetry(TimeProvider clock, TimeSpan patience)
{
    /// <summary>idle_in_transaction_session_timeout (PostgreSQL documentation, appendix A).</summary>
    private const string IdleInTransaction = "25P03";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs it until it succeeds or fails for a reason that will not pass.</summary>
    /// <param name="run">Given whether an earlier attempt may have taken effect although it failed.</param>
    /// <param name="cancel">Ends the waiting and the statement.</param>
    /// <exception cref="StoreUnavailableException">The database did not come back in time, or refuses for a reason of its own.</exception>
    public async Task<T> Run<T>(Func<bool, CancellationToken, Task<T>> run, CancellationToken cancel)
    {
        var (began, pause, isInDoubt) = (clock.GetTimestamp(), FirstPause, false);
        while (true)
        {
            NpgsqlException fault;
            try
            {
                return await run(isInDoubt, cancel);
            }
            catch (NpgsqlException refused)
            {
                fault = refused;
            }

            // Only what the server refused in a statement is known to have been undone.
            isInDoubt |= !IsUndone(fault);
            if (!MayPass(fault) || clock.GetElapsedTime(began) + pause > patience)
            {
                throw new StoreUnavailableException(Told(fault), fault);
            }

            await Task.Delay(pause, clock, cancel);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Class and code only: a message of the database may name values.</summary>
    private static string Told(NpgsqlException fault) => fault is PostgresException refused
        ? $"The key store's database refused ({refused.SqlState})."
        : "The key store's database does not answer.";

    private static bool IsUndone(NpgsqlException fault) => fault is PostgresException
    {
        SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled
            or PostgresErrorCodes.TooManyConnections or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.DiskFull
            or PostgresErrorCodes.OutOfMemory or PostgresErrorCodes.UniqueViolation,
    };

    private static bool MayPass(NpgsqlException fault) => fault is PostgresException refused
        ? refused.IsTransient || IsUndone(refused) || refused.SqlState.StartsWith("57P", StringComparison.Ordinal) || refused.SqlState.StartsWith("08", StringComparison.Ordinal)
            || refused.SqlState == IdleInTransaction
        : fault.InnerException is not System.Security.Authentication.AuthenticationException;
}
