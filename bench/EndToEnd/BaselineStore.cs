using SQLitePCL;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// Group commit by hand, with nothing around it: the rows that Domicile writes for a message (heap and one index, a feed row, one head row for each thread
/// and group), on the same settings of SQLite, and nothing of what makes them Domicile's (no seal, no check, no catalogue).
/// </summary>
internal sealed class BaselineStore : IDisposable
{
    private const int GroupMax = 512;
    private const int GroupsBetweenCheckpoints = 64;
    private const int CheckpointPages = 8_000;
    private readonly sqlite3 _writer;
    private readonly sqlite3 _checkpointer;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _feed;
    private readonly sqlite3_stmt _head;
    private readonly Thread _thread;
    private readonly Thread _checkpointThread;
    private readonly AutoResetEvent _checkpoint = new(false);
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly List<Head> _dirty = [];
    private List<Pending> _queue = [];
    private volatile bool _behind;
    private volatile bool _stopping;
    private int _groups;

    public BaselineStore(string path)
    {
        _writer = Open(path);
        Execute(_writer, "CREATE TABLE message (resource INTEGER NOT NULL, thread INTEGER NOT NULL, id INTEGER NOT NULL, sequence INTEGER NOT NULL, seal_id BLOB NOT NULL, sender INTEGER NOT NULL, version INTEGER NOT NULL, payload BLOB)");
        Execute(_writer, "CREATE UNIQUE INDEX message_thread_id ON message (thread, id)");
        Execute(_writer, "CREATE TABLE head (parent INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, arrival INTEGER NOT NULL)");
        Execute(_writer, "CREATE TABLE feed (position INTEGER PRIMARY KEY, at INTEGER NOT NULL, resource INTEGER NOT NULL, kind INTEGER NOT NULL, change INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL)");
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _insert = Prepare("INSERT INTO message (resource, thread, id, sequence, seal_id, sender, version, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        _feed = Prepare("INSERT INTO feed (at, resource, kind, change, key, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        _head = Prepare("INSERT INTO head (parent, sequence, arrival) VALUES (?1, ?2, ?3) ON CONFLICT (parent) DO UPDATE SET sequence = excluded.sequence, arrival = excluded.arrival");
        _checkpointer = Open(path);
        _thread = new Thread(Write) { IsBackground = true };
        _thread.Start();
        _checkpointThread = new Thread(Checkpoint) { IsBackground = true, Priority = ThreadPriority.BelowNormal };
        _checkpointThread.Start();
    }

    /// <summary>Stores a message durably.</summary>
    /// <returns>Its id.</returns>
    public Task<long> Append(Head thread, long sender, byte[] payload)
    {
        var pending = new Pending(thread, sender, payload);
        bool isFirst;
        lock (_lock)
        {
            _queue.Add(pending);
            isFirst = _queue.Count == 1;
        }

        if (isFirst)
        {
            _arrived.Release();
        }

        return pending.Task;
    }

    public void Dispose()
    {
        _stopping = true;
        _arrived.Release();
        _checkpoint.Set();
        _thread.Join();
        _checkpointThread.Join();
        foreach (var statement in (sqlite3_stmt[])[_begin, _commit, _insert, _feed, _head])
        {
            statement.Dispose();
        }

        _writer.Dispose();
        _checkpointer.Dispose();
        _checkpoint.Dispose();
        _arrived.Dispose();
    }

    private void Write()
    {
        var group = new List<Pending>();
        while (true)
        {
            _arrived.Wait();
            if (_stopping)
            {
                return;
            }

            lock (_lock)
            {
                (group, _queue) = (_queue, group);
            }

            for (var at = 0; at < group.Count; at += GroupMax)
            {
                Commit(group, at, Math.Min(group.Count, at + GroupMax));
            }

            group.Clear();
        }
    }

    private void Commit(List<Pending> group, int from, int to)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        Span<byte> sealId = stackalloc byte[16];
        Span<byte> key = stackalloc byte[18];
        Run(_begin);
        for (var i = from; i < to; i++)
        {
            var message = group[i];
            var head = message.Thread;
            head.Sequence++;
            head.Arrival = Math.Max(now, head.Arrival + 1);
            if (!head.IsDirty)
            {
                head.IsDirty = true;
                _dirty.Add(head);
            }

            message.Id = head.Arrival;
            Guid.CreateVersion7().TryWriteBytes(sealId, bigEndian: true, out _);
            Bind(_insert, 1, 1);
            Bind(_insert, 2, head.Key);
            Bind(_insert, 3, head.Arrival);
            Bind(_insert, 4, head.Sequence);
            Check(raw.sqlite3_bind_blob(_insert, 5, sealId));
            Bind(_insert, 6, message.Sender);
            Bind(_insert, 7, 1);
            Check(raw.sqlite3_bind_blob(_insert, 8, message.Payload));
            Run(_insert);

            key.Clear();
            BitConverter.TryWriteBytes(key[1..], head.Key);
            BitConverter.TryWriteBytes(key[10..], head.Arrival);
            Bind(_feed, 1, now);
            Bind(_feed, 2, 1);
            Bind(_feed, 3, 7);
            Bind(_feed, 4, 0);
            Check(raw.sqlite3_bind_blob(_feed, 5, key));
            Bind(_feed, 6, 1);
            Run(_feed);
        }

        foreach (var head in _dirty)
        {
            Bind(_head, 1, head.Key);
            Bind(_head, 2, head.Sequence);
            Bind(_head, 3, head.Arrival);
            Run(_head);
            head.IsDirty = false;
        }

        _dirty.Clear();
        Run(_commit);
        for (var i = from; i < to; i++)
        {
            group[i].SetResult(group[i].Id);
        }

        if (_behind)
        {
            _behind = false;
            _groups = 0;
            raw.sqlite3_wal_checkpoint_v2(_writer, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _);
        }
        else if (++_groups >= GroupsBetweenCheckpoints)
        {
            _groups = 0;
            _checkpoint.Set();
        }
    }

    private void Checkpoint()
    {
        while (true)
        {
            _checkpoint.WaitOne();
            if (_stopping)
            {
                return;
            }

            raw.sqlite3_wal_checkpoint_v2(_checkpointer, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var pages, out _);
            _behind |= pages > CheckpointPages;
        }
    }

    private static sqlite3 Open(string path)
    {
        if (raw.sqlite3_open(path, out var connection) != raw.SQLITE_OK)
        {
            throw new IOException($"{path} does not open.");
        }

        Execute(connection, "PRAGMA busy_timeout=10000");
        Execute(connection, "PRAGMA journal_mode=WAL");
        Execute(connection, "PRAGMA synchronous=FULL");
        Execute(connection, "PRAGMA wal_autocheckpoint=0");
        Execute(connection, "PRAGMA journal_size_limit=67108864");
        Execute(connection, "PRAGMA cache_size=-16384");
        return connection;
    }

    private sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_writer, sql, out var statement));
        return statement;
    }

    private static void Execute(sqlite3 connection, string sql)
    {
        if (raw.sqlite3_exec(connection, sql) != raw.SQLITE_OK)
        {
            throw new InvalidOperationException(raw.sqlite3_errmsg(connection).utf8_to_string());
        }
    }

    private void Bind(sqlite3_stmt statement, int at, long value) => Check(raw.sqlite3_bind_int64(statement, at, value));

    private void Run(sqlite3_stmt statement)
    {
        var result = raw.sqlite3_step(statement);
        raw.sqlite3_reset(statement);
        if (result != raw.SQLITE_DONE)
        {
            Check(result);
        }
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            throw new InvalidOperationException(raw.sqlite3_errmsg(_writer).utf8_to_string());
        }
    }

    /// <summary>How far a thread has come. Only the writer changes it.</summary>
    internal sealed class Head(long key)
    {
        public long Key { get; } = key;

        public long Sequence { get; set; }

        public long Arrival { get; set; }

        public bool IsDirty { get; set; }
    }

    private sealed class Pending(Head thread, long sender, byte[] payload) : TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Head Thread { get; } = thread;

        public long Sender { get; } = sender;

        public byte[] Payload { get; } = payload;

        public long Id { get; set; }
    }
}
