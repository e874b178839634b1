using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Wakes the nodes of a scale unit when something was committed (NOTIFY and LISTEN). A signal carries nothing and may be lost: whoever waits for one looks
/// from time to time as well. It is sent after the commit, not in it, because PostgreSQL lets transactions that notify commit one at a time.
/// </summary>
internal sealed class PostgresSignals : IAsyncDisposable
{
    private const string Channel = "domicile_feed";
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly PostgresDatabase _database;
    private readonly Action _woken;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _wanted = new(0, 1);
    private readonly Task _running;

    public PostgresSignals(PostgresDatabase database, Action woken)
    {
        _database = database;
        _woken = woken;
        _running = Task.WhenAll(Task.Run(() => Forever(Listen)), Task.Run(() => Forever(Send)));
    }

    /// <summary>Has the other nodes look, soon. Many calls in a short time are one signal.</summary>
    public void Wake()
    {
        try
        {
            if (_wanted.CurrentCount == 0)
            {
                _wanted.Release();
            }
        }
        catch (SemaphoreFullException)
        {
            // Someone else asked at the same moment.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
        _wanted.Dispose();
    }

    private async Task Forever(Func<CancellationToken, Task> work)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await work(_stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault) when (PostgresFault.IsUnavailable(fault))
            {
                // Without signals everyone still looks, only later.
                await Task.Delay(RetryAfter, TimeProvider.System, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Listen(CancellationToken cancel)
    {
        await using var connection = await _database.Open(cancel);
        connection.Notification += (_, _) => _woken();
        await using (var command = new NpgsqlCommand($"LISTEN {Channel}", connection))
        {
            await command.ExecuteNonQueryAsync(cancel);
        }

        try
        {
            _woken();
            while (true)
            {
                await connection.WaitAsync(cancel);
            }
        }
        finally
        {
            // It listens as long as it lives, so it does not go back to the pool as it is.
            NpgsqlConnection.ClearPool(connection);
        }
    }

    private async Task Send(CancellationToken cancel)
    {
        await using var connection = await _database.Open(cancel);
        await using var command = new NpgsqlCommand($"NOTIFY {Channel}", connection);
        while (true)
        {
            await _wanted.WaitAsync(cancel);
            if (!connection.FullState.HasFlag(System.Data.ConnectionState.Open))
            {
                // It ended while there was nothing to send. The signal goes with the next one.
                Wake();
                throw new NpgsqlException("The connection ended while it was idle.");
            }

            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
