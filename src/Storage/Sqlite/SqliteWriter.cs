namespace Domicile.Storage.Sqlite;

/// <summary>
/// The one writer of a database. Work that arrives while a transaction commits shares the next one, and with it one flush: group commit.
/// Work that fails unexpectedly undoes the group, which is then done again piece by piece, so that a neighbour never fails for it.
/// </summary>
internal sealed class SqliteWriter : IAsyncDisposable
{
    /// <summary>Pieces of work in one transaction at most.</summary>
    private const int GroupMax = 512;

    /// <summary>Pieces of work that wait at most; beyond it, callers wait for room.</summary>
    private const int QueueMax = 8_192;

    /// <summary>Write-ahead log above which the writer checkpoints between two groups: 8,000 pages of 4 KiB are 32 MiB.</summary>
    private const int CheckpointPages = 8_000;

    private readonly object _gate = new();
    private readonly SqliteSession _session;
    private readonly SqliteCheckpoints _checkpoints;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<SqliteWork> _queue = [];
    private TaskCompletionSource? _room;
    private bool _closed;
    private Exception? _broken;

    public SqliteWriter(string path, string name)
    {
        _session = SqliteSession.Open(path, readOnly: false);
        _checkpoints = new SqliteCheckpoints(path, CheckpointPages);
        _thread = new Thread(Run) { IsBackground = true, Name = $"write {name}" };
        _thread.Start();
    }

    /// <summary>Runs before a group is committed, in its transaction.</summary>
    public Action<SqliteSession>? BeforeCommit { get; init; }

    /// <summary>Runs when a group was committed, before anyone is told.</summary>
    public Action<IReadOnlyList<SqliteWork>>? Committed { get; init; }

    /// <summary>Runs when a group was undone: whatever was remembered of it is wrong.</summary>
    public Action? Undone { get; init; }

    /// <summary>Queues work. Its own task tells the outcome.</summary>
    /// <exception cref="StoreUnavailableException">The store is being closed.</exception>
    public ValueTask Enqueue(SqliteWork work, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancel);
        }

        return TryEnqueue(work, out var room) ? ValueTask.CompletedTask : Later(work, room, cancel);

        async ValueTask Later(SqliteWork work, Task room, CancellationToken cancel)
        {
            do
            {
                await room.WaitAsync(cancel);
            }
            while (!TryEnqueue(work, out room));
        }
    }

    /// <summary>Empties the log when that is next possible.</summary>
    public void TruncateSoon() => _checkpoints.TruncateSoon();

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }

        await _stopped.Task;
        _checkpoints.Dispose();
        _session.Dispose();
    }

    private void Run()
    {
        var taken = new List<SqliteWork>();
        try
        {
            while (Take(ref taken))
            {
                for (var at = 0; at < taken.Count; at += GroupMax)
                {
                    WriteGroup(taken.Count <= GroupMax ? taken : taken.GetRange(at, Math.Min(GroupMax, taken.Count - at)));
                    _checkpoints.AfterGroup(_session);
                }
            }
        }
        finally
        {
            _stopped.SetResult();
        }
    }

    private bool TryEnqueue(SqliteWork work, out Task room)
    {
        lock (_gate)
        {
            if (_closed)
            {
                throw new StoreUnavailableException("The store is being closed.");
            }

            if (_queue.Count >= QueueMax)
            {
                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                return false;
            }

            _queue.Add(work);
            if (_queue.Count == 1)
            {
                Monitor.Pulse(_gate);
            }

            room = Task.CompletedTask;
            return true;
        }
    }

    /// <summary>Takes all that waits, leaving an empty list in its place.</summary>
    /// <returns>False when there will be nothing any more.</returns>
    private bool Take(ref List<SqliteWork> taken)
    {
        taken.Clear();
        TaskCompletionSource? room;
        lock (_gate)
        {
            while (_queue.Count == 0 && !_closed)
            {
                Monitor.Wait(_gate);
            }

            (taken, _queue) = (_queue, taken);
            (room, _room) = (_room, null);
        }

        room?.SetResult();
        return taken.Count > 0;
    }

    private void WriteGroup(List<SqliteWork> group)
    {
        if (_broken is { } broken)
        {
            group.ForEach(work => work.Fail(new StoreUnavailableException("The writer stopped after a failure.", broken)));
            return;
        }

        try
        {
            Write(group);
            return;
        }
        catch (Exception fault) when (group.Count == 1)
        {
            Undo();
            group[0].Fail(fault);
            return;
        }
        catch (Exception)
        {
            // Not swallowed: each piece is done again alone below, and the one at fault then fails with its own exception.
            Undo();
        }

        foreach (var work in group)
        {
            if (_broken is { } brokenMeanwhile)
            {
                work.Fail(new StoreUnavailableException("The writer stopped after a failure.", brokenMeanwhile));
                continue;
            }

            try
            {
                Write([work]);
            }
            catch (Exception fault)
            {
                Undo();
                work.Fail(fault);
            }
        }
    }

    private void Write(List<SqliteWork> group)
    {
        _session.PrepareFixed("BEGIN IMMEDIATE").Run();
        foreach (var work in group)
        {
            work.Run(_session);
        }

        BeforeCommit?.Invoke(_session);
        _session.PrepareFixed("COMMIT").Run();
        try
        {
            Committed?.Invoke(group);
        }
        catch (Exception bug)
        {
            // The group is durable and must not be done again; but caches may now be stale, so nothing more is accepted.
            _broken = bug;
        }

        foreach (var work in group)
        {
            work.Succeed();
        }
    }

    private void Undo()
    {
        try
        {
            // When the commit itself failed, SQLite may have ended the transaction already.
            if (SQLitePCL.raw.sqlite3_get_autocommit(_session.Connection.Handle!) == 0)
            {
                _session.Prepare("ROLLBACK").Run();
            }
        }
        catch (SqliteFault fault)
        {
            // With half a transaction open nothing more can be written safely.
            _broken = fault;
        }
        finally
        {
            Undone?.Invoke();
        }
    }
}

/// <summary>A piece of work for the writer.</summary>
internal abstract class SqliteWork
{
    /// <summary>Does it, in a transaction that others share. May run again when the group was undone.</summary>
    public abstract void Run(SqliteSession session);

    /// <summary>It is durable.</summary>
    public abstract void Succeed();

    /// <summary>It failed, and nothing of it remains.</summary>
    public abstract void Fail(Exception fault);
}

/// <summary>Work with an answer.</summary>
/// <typeparam name="T">The answer.</typeparam>
/// <param name="run">What to do; may run again when the group was undone.</param>
internal sealed class SqliteWork<T>(Func<SqliteSession, T> run) : SqliteWork
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _answer;

    public Task<T> Done => _done.Task;

    public override void Run(SqliteSession session) => _answer = run(session);

    public override void Succeed() => _done.SetResult(_answer!);

    public override void Fail(Exception fault) => _done.SetException(fault);
}
