using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// A database of a scale unit, on whichever of its servers is the primary: connections with the limits that every statement runs under, and work that is
/// tried again when a connection breaks.
/// </summary>
internal sealed class PostgresDatabase : IAsyncDisposable
{
    /// <summary>Time that a statement may take, waiting for locks included; a transaction that is left alone is ended by the server after the same time.</summary>
    public static readonly TimeSpan StatementLimit = TimeSpan.FromSeconds(10);

    private const int Attempts = 3;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    // Every statement of the product finds its rows by an index. Plans made while tables were empty, and kept, would read whole tables once they are large.
    private static readonly string Session =
        $"""
        SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
        SET statement_timeout = {(int)StatementLimit.TotalMilliseconds}; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = {(int)StatementLimit.TotalMilliseconds};
        SET client_min_messages = warning; SET synchronous_commit = on
        """;

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlDataSource _readers;
    private volatile bool _isOutdated;

    private PostgresDatabase(NpgsqlDataSource source, NpgsqlDataSource readers)
    {
        _source = source;
        _readers = readers;
    }

    /// <summary>Describes a database; nothing is connected yet.</summary>
    /// <param name="address">Which.</param>
    /// <param name="connections">Connections at most; half of them only read.</param>
    public static PostgresDatabase Of(PostgresAddress address, int connections)
    {
        var readers = connections / 2;
        return new PostgresDatabase(address.Open(connections - readers, Session), address.Open(readers, $"{Session}; SET default_transaction_read_only = on"));
    }

    /// <summary>The number of the schema that this node was made for; null until it is known.</summary>
    public long? Schema { get; set; }

    /// <summary>Compares the number of the schema as it was found. When a newer program has changed it, nothing is done here any more: this one does not know what there is now.</summary>
    /// <exception cref="StoreUnavailableException">It was changed.</exception>
    public void CheckSchema(long found)
    {
        _isOutdated |= Schema is { } own && own != found;
        RefuseWhenOutdated();
    }

    /// <summary>Where connections come from, for a store with its own way of trying again.</summary>
    public NpgsqlDataSource Source => _source;

    /// <summary>Does work that one node does at a time, and that others wait for.</summary>
    public async Task<T> Exclusive<T>(long turn, Func<CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        await using var connection = await _source.OpenConnectionAsync(cancel);
        try
        {
            await RunAsync(connection, $"SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({turn})");
            return await work(cancel);
        }
        finally
        {
            CloseSessions();
        }
    }

    /// <summary>Does work once.</summary>
    /// <exception cref="StoreUnavailableException">The database does not serve.</exception>
    public async Task<T> Use<T>(Func<PostgresDatabase, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        try
        {
            return await work(this, cancel);
        }
        catch (Exception fault) when (PostgresFault.IsUnavailable(fault) && !cancel.IsCancellationRequested)
        {
            throw PostgresFault.Unavailable(fault);
        }
    }

    /// <summary>Closes every session of the pool, those in use as they are given back: what a session holds, such as an advisory lock, ends with it, even when it is broken.</summary>
    public void CloseSessions() => _source.Clear();

    /// <summary>A connection of its own, from the pool.</summary>
    /// <exception cref="StoreUnavailableException">A newer program has changed the schema.</exception>
    public ValueTask<NpgsqlConnection> Open(CancellationToken cancel)
    {
        RefuseWhenOutdated();
        return _source.OpenConnectionAsync(cancel);
    }

    /// <summary>Does work that may be done twice, such as reading.</summary>
    /// <exception cref="StoreUnavailableException">The database does not serve.</exception>
    public ValueTask<T> Repeatable<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel) => Repeat(_source, work, cancel);

    /// <summary>Reads, on a connection that cannot write.</summary>
    /// <exception cref="StoreUnavailableException">The database does not serve.</exception>
    public ValueTask<T> Read<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> read, CancellationToken cancel) => Repeat(_readers, read, cancel);

    /// <summary>Does work in a transaction of its own that may be done twice: done again, it finds what it did the first time.</summary>
    /// <exception cref="StoreUnavailableException">The database does not serve.</exception>
    public ValueTask<T> Transaction<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel) =>
        Repeatable(
            async (connection, cancel) =>
            {
                await using var transaction = await connection.BeginTransactionAsync(cancel);
                var answer = await work(connection, cancel);
                await transaction.CommitAsync(cancel);
                return answer;
            },
            cancel);

    public async ValueTask DisposeAsync()
    {
        await _readers.DisposeAsync();
        await _source.DisposeAsync();
    }

    private async ValueTask<T> Repeat<T>(NpgsqlDataSource source, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            RefuseWhenOutdated();
            try
            {
                await using var connection = await source.OpenConnectionAsync(cancel);
                if (source == _readers)
                {
                    return await work(connection, cancel);
                }

                var confirmation = PostgresConfirmation.On(connection);
                var answer = await work(connection, cancel);

                // What an earlier attempt committed may not have been confirmed when its connection ended.
                await (attempt > 1 ? confirmation.Ask(cancel) : confirmation.Require(cancel));
                return answer;
            }
            catch (Exception fault) when (PostgresFault.IsUnavailable(fault) && !(source == _readers && PostgresFault.IsReadOnly(fault)) && !cancel.IsCancellationRequested)
            {
                if (attempt == Attempts)
                {
                    throw PostgresFault.Unavailable(fault);
                }

                await Task.Delay(RetryAfter * attempt, TimeProvider.System, cancel);
            }
        }
    }

    private void RefuseWhenOutdated()
    {
        if (_isOutdated)
        {
            throw new StoreUnavailableException("A newer version of the program has changed the schema of the store. Use that version.");
        }
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
