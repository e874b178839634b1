using System.Security.Cryptography;
using System.Threading.Channels;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Commits plans in groups: what arrives while one group commits shares the next. A group that collides with another node's is tried again; one that meets a
/// surprise is done plan by plan, so that a neighbour never fails for it; and when the connection breaks while it commits, its fate is asked for by the
/// transaction's id, so that nothing is written twice and nothing acknowledged that was not.
/// </summary>
internal sealed class PostgresCommitter : IAsyncDisposable
{
    /// <summary>Plans in one transaction at most.</summary>
    private const int GroupMax = 512;

    /// <summary>Plans that wait at most; beyond it, callers wait for room.</summary>
    private const int QueueMax = 8_192;

    /// <summary>How often a group is tried before its plans are told that the database does not serve.</summary>
    private const int Attempts = 5;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>The server ends every transaction that is left alone after <see cref="PostgresDatabase.StatementLimit"/>; until then its fate may be open.</summary>
    private static readonly TimeSpan FateLimit = PostgresDatabase.StatementLimit * 2;

    private readonly Channel<PostgresCommit> _queue = Channel.CreateBounded<PostgresCommit>(new BoundedChannelOptions(QueueMax));
    private readonly PostgresDatabase _database;
    private readonly Dictionary<Residency.RecordKind, PostgresTable> _tables;
    private readonly HoldSql? _holds;
    private readonly TimeProvider _clock;
    private readonly long _node;
    private readonly Func<ulong, CancellationToken, ValueTask<IReadOnlyList<long>?>> _positionsOf;
    private readonly Task _running;
    private NpgsqlConnection? _connection;
    private PostgresConfirmation? _confirmation;
    private Exception? _broken;

    public PostgresCommitter(
        PostgresDatabase database, Dictionary<Residency.RecordKind, PostgresTable> tables, Func<ulong, CancellationToken, ValueTask<IReadOnlyList<long>?>> positionsOf, long node, TimeProvider clock)
    {
        _node = node;
        _database = database;
        _tables = tables;
        _holds = HoldSql.For([.. tables.Keys]);
        _positionsOf = positionsOf;
        _clock = clock;
        _running = Task.Run(Run);
    }

    /// <summary>Runs when a group was committed, before anyone is told.</summary>
    public Action<IReadOnlyList<FeedEntry>>? Committed { get; init; }

    /// <summary>Queues a plan. Its own task tells the outcome.</summary>
    /// <exception cref="StoreUnavailableException">The store is being closed.</exception>
    public async ValueTask Enqueue(PostgresCommit commit, CancellationToken cancel)
    {
        try
        {
            await _queue.Writer.WriteAsync(commit, cancel);
        }
        catch (ChannelClosedException closed)
        {
            throw new StoreUnavailableException("The store is being closed.", closed);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _running;
        await Disconnect();
    }

    private async Task Run()
    {
        var group = new List<PostgresCommit>(GroupMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            group.Clear();
            while (group.Count < GroupMax && _queue.Reader.TryRead(out var commit))
            {
                group.Add(commit);
            }

            await Commit(group);
        }
    }

    private async Task Commit(List<PostgresCommit> group)
    {
        if (group.Count > 1 && group.Exists(commit => commit.Plan.PlacesHold))
        {
            // What is held is looked up once for a group, so that a hold and what it may concern must not share one.
            foreach (var commit in group)
            {
                await Commit([commit]);
            }

            return;
        }

        try
        {
            await CommitTogether(group);
        }
        catch (Exception fault) when (group.Count == 1)
        {
            Fail(group[0], fault);
        }
        catch (Exception fault) when (PostgresFault.IsUnavailable(fault) || fault is StoreUnavailableException)
        {
            // It would fail for each of them alone as well, and each would wait in vain.
            group.ForEach(commit => Fail(commit, fault));
        }
        catch (Exception)
        {
            // Not swallowed: each is done again alone, and the one at fault then fails with its own exception.
            foreach (var commit in group)
            {
                await Commit([commit]);
            }
        }
    }

    private static void Fail(PostgresCommit commit, Exception fault)
    {
        if (PostgresFault.IsSurprise(fault))
        {
            commit.Refuse(StorageProblems.Exists);
        }
        else
        {
            commit.Fail(PostgresFault.IsUnavailable(fault) ? PostgresFault.Unavailable(fault) : fault);
        }
    }

    private async Task CommitTogether(List<PostgresCommit> commits)
    {
        var begun = TimeProvider.System.GetTimestamp();
        for (var attempt = 1; ; attempt++)
        {
            if (_broken is { } broken)
            {
                throw new StoreUnavailableException("The store stopped after a failure.", broken);
            }

            var group = new PostgresGroup(_tables, _holds, commits, _database.CheckSchema);
            try
            {
                await Try(group);
            }
            catch (Exception fault) when (attempt < Attempts && TimeProvider.System.GetElapsedTime(begun) < PostgresDatabase.StatementLimit && (PostgresFault.IsCollision(fault) || PostgresFault.IsUnavailable(fault) || (PostgresFault.IsSurprise(fault) && commits.Count == 1)))
            {
                // Apart from another node's attempt, which was undone by the same collision.
                await Task.Delay(RetryAfter * attempt * RandomNumberGenerator.GetInt32(1, 4) / 2, TimeProvider.System);
                continue;
            }

            try
            {
                Committed?.Invoke(group.Entries);
            }
            catch (Exception bug)
            {
                // The group is durable and must not be done again; but caches may now be stale, so nothing more is accepted.
                _broken = bug;
            }

            commits.ForEach(commit => commit.Succeed());
            return;
        }
    }

    /// <summary>Carries a group out, or throws with nothing of it written.</summary>
    private async Task Try(PostgresGroup group)
    {
        var connection = await Connect();
        var isCommitting = false;
        try
        {
            var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
            await group.Look(connection, CancellationToken.None);
            group.Decide(now);
            if (group.HasWrites)
            {
                isCommitting = true;
                await group.Write(connection, _node, now, CancellationToken.None);
                await _confirmation!.Require(CancellationToken.None);
            }
            else
            {
                await RollBack(connection);
            }
        }
        catch (PostgresException refused) when (connection.FullState.HasFlag(System.Data.ConnectionState.Open) && refused.SqlState[..2] != "08")
        {
            // The server answered: it undid the statement, and with the roll-back the rest.
            await AfterRefusal(connection);
            throw;
        }
        catch (Exception broken)
        {
            await Disconnect();
            if (!isCommitting || broken is StoreUnavailableException || !await WasCommitted(group.Transaction, broken))
            {
                throw;
            }

            // The server may have ended the connection while the commit waited for the standby.
            await Connect();
            await _confirmation!.Ask(CancellationToken.None);
            if (await _positionsOf(group.Transaction, CancellationToken.None) is not { } positions)
            {
                // Somebody else's, by an id that was given out again.
                throw;
            }

            group.Place(positions);
        }
    }

    private async Task AfterRefusal(NpgsqlConnection connection)
    {
        try
        {
            await RollBack(connection);
        }
        catch (Exception broken) when (PostgresFault.IsUnavailable(broken))
        {
            await Disconnect();
        }
    }

    /// <summary>Asks the database what became of a transaction whose answer was lost.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be found out in time.</exception>
    private async Task<bool> WasCommitted(ulong transaction, Exception broken)
    {
        var asked = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(asked) < FateLimit)
        {
            try
            {
                await using var command = new NpgsqlCommand("SELECT pg_xact_status($1)", await Connect());
                command.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = transaction, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Xid8 });
                switch (await command.ExecuteScalarAsync() as string)
                {
                    case "committed":
                        return true;
                    case "aborted":
                        return false;
                }
            }
            catch (PostgresException future) when (future.SqlState == PostgresErrorCodes.InvalidParameterValue)
            {
                // A standby that took over never heard of it: it was acknowledged by no standby, and to nobody.
                return false;
            }
            catch (Exception fault) when (PostgresFault.IsUnavailable(fault))
            {
                await Disconnect();
            }

            await Task.Delay(RetryAfter * 5, TimeProvider.System);
        }

        throw new StoreUnavailableException("The database went away while it committed, and what became of the change cannot be found out yet.", broken);
    }

    private async ValueTask<NpgsqlConnection> Connect()
    {
        if (_connection is { FullState: System.Data.ConnectionState.Open } open)
        {
            return open;
        }

        await Disconnect();
        _connection = await _database.Open(CancellationToken.None);
        _confirmation = PostgresConfirmation.On(_connection);
        return _connection;
    }

    private async ValueTask Disconnect()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private static async Task RollBack(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("ROLLBACK", connection);
        await command.ExecuteNonQueryAsync();
    }
}
