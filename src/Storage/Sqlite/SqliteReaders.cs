using System.Collections.Concurrent;

namespace Domicile.Storage.Sqlite;

/// <summary>A pool of reading connections. Each read sees one committed state and is short, so that checkpoints are not held up.</summary>
internal sealed class SqliteReaders(string path, int count) : IAsyncDisposable
{
    private readonly ConcurrentBag<SqliteSession> _idle = [];
    private readonly SemaphoreSlim _free = new(count, count);
    private volatile bool _closed;

    /// <summary>Reads with a connection of the pool, waiting for one when all are busy.</summary>
    public async ValueTask<T> Read<TState, T>(Func<SqliteSession, TState, T> read, TState state, CancellationToken cancel)
    {
        await _free.WaitAsync(cancel);
        try
        {
            var session = Take();
            try
            {
                var answer = read(session, state);
                _idle.Add(session);
                return answer;
            }
            catch
            {
                // A statement may be open in the middle of its rows, which would hold an old state of the database for ever.
                session.Dispose();
                throw;
            }
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Reads with a connection of the pool, for as long as the task runs.</summary>
    public async ValueTask<T> ReadAsync<T>(Func<SqliteSession, CancellationToken, Task<T>> read, CancellationToken cancel)
    {
        await _free.WaitAsync(cancel);
        try
        {
            var session = Take();
            try
            {
                var answer = await read(session, cancel);
                _idle.Add(session);
                return answer;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Waits for the reads that are under way; those that wait for a connection are told that there is none any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closed)
        {
            return;
        }

        for (var i = 0; i < count; i++)
        {
            await _free.WaitAsync();
        }

        while (_idle.TryTake(out var session))
        {
            session.Dispose();
        }

        // Not disposed, which would leave whoever waits waiting for ever.
        _closed = true;
        _free.Release(count);
    }

    private SqliteSession Take()
    {
        if (_closed)
        {
            throw new StoreUnavailableException("The store is closed.");
        }

        return _idle.TryTake(out var idle) ? idle : SqliteSession.Open(path, readOnly: true);
    }
}
