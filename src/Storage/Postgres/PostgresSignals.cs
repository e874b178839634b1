using System.Threading.Channels;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Wakes the nodes of a scale unit when something was committed (NOTIFY and LISTEN). A signal carries nothing and may be lost: whoever waits for one looks
/// from time to time as well. It is sent after the commit, not in it, because PostgreSQL lets transactions that notify commit one at a time. On a second channel
/// go the texts that nodes send each other; they are sealed, because PostgreSQL may put its queue of notifications on disk.
/// </summary>
internal sealed class PostgresSignals : IAsyncDisposable
{
    private const string Feed = "domicile_feed";
    private const string Texts = "domicile_signal";
    private const int QueueMax = 1_024;
    private const int PieceTexts = 64;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly PostgresDatabase _database;
    private readonly Action _woken;
    private readonly Action<string> _told;
    private readonly Channel<string> _texts = Channel.CreateBounded<string>(new BoundedChannelOptions(QueueMax) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _wanted = new(0, 1);
    private readonly Task _running;

    public PostgresSignals(PostgresDatabase database, Action woken, Action<string> told)
    {
        _database = database;
        _woken = woken;
        _told = told;
        _running = Task.WhenAll(Task.Run(() => Forever(Listen)), Task.Run(() => Forever(Send)), Task.Run(() => Forever(SendTexts)));
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

    /// <summary>Sends a text to every node that listens; when 1,024 are waiting, the oldest is lost.</summary>
    public void Tell(string text) => _texts.Writer.TryWrite(text);

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
        connection.Notification += (_, notification) =>
        {
            if (notification.Channel == Feed)
            {
                _woken();
            }
            else
            {
                _told(notification.Payload);
            }
        };
        await using (var command = new NpgsqlCommand($"LISTEN {Feed}; LISTEN {Texts}", connection))
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
        await using var command = new NpgsqlCommand($"NOTIFY {Feed}", connection);
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

    private async Task SendTexts(CancellationToken cancel)
    {
        while (await _texts.Reader.WaitToReadAsync(cancel))
        {
            // A connection for as long as there is something: most stores send nothing for hours.
            await using var connection = await _database.Open(cancel);
            var piece = new List<string>(PieceTexts);
            while (piece.Count < PieceTexts && _texts.Reader.TryRead(out var text))
            {
                piece.Add(text);
            }

            await using var command = new NpgsqlCommand($"SELECT pg_notify('{Texts}', text) FROM unnest($1) AS text", connection) { Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. piece] } } };
            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
