using System.Collections.Concurrent;

namespace Domicile.Storage.Sqlite;

/// <summary>A pool of reading connections. Each read sees one committed state and is short, so that checkpoints are not held up.</summary>
internal sealed class SqliteReaders(string path, int count) : IDisposable
{
    private readonly ConcurrentBag<SqliteSession> _idle = [];
    private readonly SemaphoreSlim _free = new(count, count);

    /// <summary>Reads with a connection of the pool, waiting for one when all are busy.</summary>
    public async ValueTask<T> Read<TState, T>(Func<SqliteSession, TState, T> read, TState state, CancellationToken cancel)
    {
        await _free.WaitAsync(cancel);
        var session = _idle.TryTake(out var idle) ? idle : SqliteSession.Open(path, readOnly: true);
        try
        {
            return read(session, state);
        }
        finally
        {
            _idle.Add(session);
            _free.Release();
        }
    }

    public void Dispose()
    {
        while (_idle.TryTake(out var session))
        {
            session.Dispose();
        }

        _free.Dispose();
    }
}
