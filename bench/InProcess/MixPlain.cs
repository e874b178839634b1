using System.Collections.Concurrent;
using System.Globalization;
using Domicile.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Domicile.Bench.InProcess;

/// <summary>
/// The mix on tables by hand, with nothing of what Domicile is for: no seal, no keys, no feed, no proof, no rules; a row in a table says what was done. Written as well as by
/// whoever wants it fast: the settings of SQLite that Domicile has, prepared statements that are kept, one writer whose transactions are shared by all who wait (group commit, durable
/// when it returns), one statement for a change and its checks, an index by sender, checkpoints in the background.
/// </summary>
internal sealed class MixPlain : IMixStore
{
    private const string Own = " WHERE thread = $1 AND id = $2 AND sender = $3 AND deleted IS NULL AND EXISTS (SELECT 1 FROM member WHERE thread = $1 AND person = $3 AND removed IS NULL)";
    private const int GroupMax = 512;
    private const int GroupsBetweenCheckpoints = 64;
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
    private readonly ConcurrentBag<Session> _readers = [];
    private readonly SemaphoreSlim _free = new(Math.Max(4, Environment.ProcessorCount * 2));
    private readonly Session _writer;
    private readonly SqliteCheckpoints _checkpoints;
    private readonly Thread _thread;
    private readonly SqliteSession _checkpointing;
    private readonly object _gate = new();
    private List<Work> _queue = [];
    private bool _closed;
    private MixPlan _plan = null!;
    private long[][] _messages = [];
    private long _arrival;

    public MixPlain()
    {
        _writer = new Session(Path);
        _writer.Execute("CREATE TABLE person (id INTEGER PRIMARY KEY, raw_id TEXT NOT NULL, created INTEGER NOT NULL)");
        _writer.Execute("CREATE UNIQUE INDEX person_raw_id ON person (raw_id)");
        _writer.Execute("CREATE TABLE thread (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, created INTEGER NOT NULL, ends INTEGER, keep_days INTEGER)");
        _writer.Execute("CREATE TABLE member (thread INTEGER NOT NULL, person INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER, name TEXT, metadata TEXT, PRIMARY KEY (thread, person)) WITHOUT ROWID");
        _writer.Execute("CREATE INDEX member_person ON member (person)");
        _writer.Execute("CREATE TABLE message (thread INTEGER NOT NULL, id INTEGER NOT NULL, sequence INTEGER NOT NULL, sender INTEGER NOT NULL, name TEXT, content TEXT, edited INTEGER, deleted INTEGER, metadata TEXT)");
        _writer.Execute("CREATE UNIQUE INDEX message_thread_id ON message (thread, id)");
        _writer.Execute("CREATE INDEX message_sender ON message (sender)");
        _writer.Execute("CREATE TABLE done (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, act INTEGER NOT NULL, person INTEGER, thread INTEGER)");
        _writer.Execute("CREATE INDEX done_person ON done (person)");
        _checkpointing = SqliteSession.Open(Path, readOnly: false);
        _checkpoints = new SqliteCheckpoints(Path, pagesMax: 8_000);
        _thread = new Thread(Write) { IsBackground = true };
        _thread.Start();
    }

    private string Path => System.IO.Path.Combine(_directory, "plain.db");

    public async Task Load(MixPlan plan)
    {
        _plan = plan;
        var size = plan.Size;
        var now = Now();
        var begun = TimeProvider.System.GetUtcNow().AddDays(-10).ToUnixTimeMilliseconds();
        _arrival = now;
        _messages = [.. Enumerable.Range(0, size.Threads).Select(_ => Enumerable.Range(0, size.MessagesInThread).Select(message => begun + message).ToArray())];
        await Parallel.ForAsync(0, size.Threads, async (thread, _) => await Run(writer =>
        {
            writer.Run("INSERT INTO person (id, raw_id, created) VALUES ($1, $2, $3)", thread, RawId(thread), now);
            writer.Run("INSERT INTO thread (id, topic, created) VALUES ($1, 'A thread', $2)", thread, now);
            for (var place = 0; place < MixSize.Members; place++)
            {
                writer.Run("INSERT INTO member (thread, person, added) VALUES ($1, $2, $3)", thread, size.Member(thread, place), now);
            }

            for (var message = 0; message < size.MessagesInThread; message++)
            {
                writer.Run(
                    "INSERT INTO message (thread, id, sequence, sender, name, content) VALUES ($1, $2, $3, $4, 'A person', $5)",
                    thread, _messages[thread][message], message + 1, size.SenderOf(thread, message), plan.Loaded[thread][message] ?? "erased before");
            }

            return 1;
        }));
        foreach (var step in plan.Before)
        {
            await Do(step);
        }
    }

    public async ValueTask Do(MixStep step)
    {
        var now = Now();
        switch (step.Act)
        {
            case MixAct.ReadAll:
                Sure(await Read(reader =>
                    reader.Rows("SELECT id, raw_id, created FROM person WHERE id = $1", 3, step.Person)
                    + reader.Rows("SELECT thread, added, removed, name, metadata FROM member WHERE person = $1", 5, step.Person)
                    + reader.Rows("SELECT thread, id, sequence, name, content, edited, deleted FROM message WHERE sender = $1", 7, step.Person)
                    + reader.Rows("SELECT at, act, thread FROM done WHERE person = $1", 3, step.Person)) > 1);
                break;
            case MixAct.ReadMembership:
                Sure(await Read(reader => reader.Rows("SELECT added, removed, name, metadata FROM member WHERE thread = $1 AND person = $2", 4, step.Thread, step.Person)) == 1);
                break;
            case MixAct.Edit:
                Sure(await Edit(step.Thread, _messages[step.Thread][step.Message], step.Person, step.Text));
                break;
            case MixAct.Delete:
                Sure(await Delete(step.Thread, _messages[step.Thread][step.Message], step.Person));
                break;
            case MixAct.Object:
                Sure(await Run(writer => writer.Run("UPDATE member SET metadata = $3 WHERE thread = $1 AND person = $2", step.Thread, step.Person, step.Text)) == 1);
                break;
            case MixAct.Read:
                Sure(await Read(reader => reader.Rows("SELECT sequence, sender, name, content, edited, deleted FROM message WHERE thread = $1 AND id = $2", 6, step.Thread, _messages[step.Thread][step.Message])) == 1);
                break;
            case MixAct.ReadUnlessObjected:
                Sure(await Read(reader => reader.Rows(
                    """
                    SELECT m.id, m.sequence, m.sender, m.name, m.content, m.edited FROM (SELECT * FROM message WHERE thread = $1 ORDER BY id DESC LIMIT 50) m
                    WHERE NOT EXISTS (SELECT 1 FROM member p WHERE p.thread = $1 AND p.person = m.sender AND p.metadata IS NOT NULL)
                    """,
                    6, step.Thread)) > 0);
                break;
            case MixAct.Send:
                Sure(await Run(writer => writer.Run(
                    """
                    INSERT INTO message (thread, id, sequence, sender, name, content)
                    SELECT $1, $2, (SELECT coalesce(max(sequence), 0) + 1 FROM message WHERE thread = $1 AND id = (SELECT max(id) FROM message WHERE thread = $1)), $3, 'A person', $4
                    WHERE EXISTS (SELECT 1 FROM member WHERE thread = $1 AND person = $3 AND removed IS NULL)
                    """,
                    step.Thread, Interlocked.Increment(ref _arrival), step.Person, step.Text)) == 1);
                break;
            case MixAct.RemoveThread:
                await Run(writer => writer.Run("DELETE FROM message WHERE thread = $1", step.Thread) + writer.Run("DELETE FROM member WHERE thread = $1", step.Thread) + writer.Run("DELETE FROM thread WHERE id = $1", step.Thread));
                break;
            case MixAct.Limit:
                await Run(writer =>
                    writer.Run("UPDATE thread SET keep_days = $2 WHERE id = $1", step.Thread, MixPlan.LimitDays)
                    + writer.Run("DELETE FROM message WHERE thread = $1 AND id <= $2", step.Thread, now - (MixPlan.LimitDays * 86_400_000L))
                    + writer.Run("INSERT INTO done (at, act, thread) VALUES ($1, $2, $3)", now, (int)step.Act, step.Thread));
                break;
            case MixAct.Erase:
                await Run(writer =>
                    writer.Run("UPDATE message SET content = NULL, name = NULL, sender = -1, deleted = $2 WHERE sender = $1", step.Person, now)
                    + writer.Run("DELETE FROM member WHERE person = $1", step.Person)
                    + writer.Run("DELETE FROM person WHERE id = $1", step.Person)
                    + writer.Run("INSERT INTO done (at, act, person) VALUES ($1, $2, $3)", now, (int)step.Act, step.Person));
                break;
            case MixAct.SetEnd:
                Sure(await Run(writer => writer.Run("UPDATE thread SET ends = $2 WHERE id = $1", step.Thread, now + (90 * 86_400_000L))) == 1);
                break;
            case MixAct.Rename:
                await Run(writer => writer.Run("UPDATE member SET name = $2 WHERE person = $1", step.Person, step.Text));
                break;
            case MixAct.Count:
                await Read(reader =>
                    reader.Rows("SELECT count(*) FROM person WHERE id = $1", 1, step.Person) + reader.Rows("SELECT count(*) FROM member WHERE person = $1", 1, step.Person)
                    + reader.Rows("SELECT count(*) FROM message WHERE sender = $1", 1, step.Person) + reader.Rows("SELECT count(*) FROM done WHERE person = $1", 1, step.Person));
                break;
            case MixAct.ReadLog:
                Sure(await Read(reader => reader.Rows("SELECT at, act, person, thread FROM done ORDER BY id DESC LIMIT 20", 4)) > 0);
                break;
            default:
                Sure(await Read(reader => IsGone(reader, step.Person)));
                break;
        }
    }

    /// <summary>The ids of the messages that were there in the beginning, by thread.</summary>
    public long[][] Messages => _messages;

    /// <summary>A message of one's own gets another text.</summary>
    public async Task<bool> Edit(int thread, long message, int person, string text) => await Run(writer => writer.Run(
        "UPDATE message SET content = $4, edited = $5" + Own,
        thread, message, person, text, Now())) == 1;

    /// <summary>A message of one's own is marked.</summary>
    public async Task<bool> Mark(int thread, long message, int person, string metadata) => await Run(writer => writer.Run(
        "UPDATE message SET metadata = $4, edited = $5" + Own,
        thread, message, person, metadata, Now())) == 1;

    /// <summary>A message of one's own is deleted.</summary>
    public async Task<bool> Delete(int thread, long message, int person) => await Run(writer => writer.Run(
        "UPDATE message SET content = NULL, name = NULL, metadata = NULL, deleted = $4" + Own,
        thread, message, person, Now())) == 1;

    /// <summary>The newest messages of a thread, for someone in it.</summary>
    public ValueTask<int> Page(int thread, int person, Action<SqliteDataReader> row) => Read(reader => reader.Rows(
        """
        SELECT m.id, m.sequence, p.raw_id, m.name, m.content, m.edited, m.deleted, m.metadata FROM message m JOIN person p ON p.id = m.sender
        WHERE m.thread = $1 AND EXISTS (SELECT 1 FROM member WHERE thread = $1 AND person = $2 AND removed IS NULL) ORDER BY m.id DESC LIMIT 100
        """,
        row, thread, person));

    /// <summary>Who is in a thread, for someone in it.</summary>
    public ValueTask<int> Memberships(int thread, int person, Action<SqliteDataReader> row) => Read(reader => reader.Rows(
        """
        SELECT p.raw_id, m.added, m.name, m.metadata FROM member m JOIN person p ON p.id = m.person
        WHERE m.thread = $1 AND m.removed IS NULL AND EXISTS (SELECT 1 FROM member WHERE thread = $1 AND person = $2 AND removed IS NULL)
        """,
        row, thread, person));

    public Task Settle() => Task.CompletedTask;

    public async Task<string> Check()
    {
        var (there, gone) = (0, 0);
        for (var thread = 0; thread < _plan.Size.Threads; thread++)
        {
            var expected = _plan.Removed.Contains(thread) ? [] : _plan.Limited.Contains(thread) ? _plan.Texts[thread].Skip(_plan.Size.MessagesInThread).ToList() : _plan.Texts[thread];
            var found = await Read(reader => reader.Texts("SELECT content FROM message WHERE thread = $1 ORDER BY id", thread));
            Sure(found.SequenceEqual(expected));
            (there, gone) = (there + expected.Count(text => text is not null), gone + expected.Count(text => text is null));
        }

        foreach (var ((person, thread), objection) in _plan.Objections)
        {
            Sure((await Read(reader => reader.Texts("SELECT metadata FROM member WHERE thread = $1 AND person = $2", thread, person)))[0] == objection);
        }

        foreach (var (person, name) in _plan.Names.Where(named => !_plan.Erased.Contains(named.Key)))
        {
            Sure((await Read(reader => reader.Texts("SELECT name FROM member WHERE person = $1", person))).TrueForAll(found => found == name));
        }

        foreach (var person in _plan.Erased)
        {
            Sure(await Read(reader => IsGone(reader, person)));
        }

        return string.Create(CultureInfo.InvariantCulture, $"{there} texts as they must be, {gone} places without; {_plan.Removed.Count} threads and {_plan.Erased.Count} people gone, as far as the tables tell");
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }

        await Task.Run(_thread.Join);
        while (_readers.TryTake(out var reader))
        {
            reader.Dispose();
        }

        _checkpoints.Dispose();
        _checkpointing.Dispose();
        _writer.Dispose();
        _free.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private static string RawId(int person) => $"8:acs:{person}";

    private static void Sure(bool holds) => MixCheck.Sure(holds, "The plain tables are not as they must be.");

    private static bool IsGone(Session reader, int person) =>
        reader.Rows("SELECT 1 FROM person WHERE raw_id = $1", 1, RawId(person)) + reader.Rows("SELECT 1 FROM member WHERE person = $1", 1, person) + reader.Rows("SELECT 1 FROM message WHERE sender = $1", 1, person) == 0
        && reader.Rows("SELECT at FROM done WHERE person = $1", 1, person) == 1;

    private async ValueTask<T> Read<T>(Func<Session, T> read)
    {
        await _free.WaitAsync();
        try
        {
            var session = _readers.TryTake(out var idle) ? idle : new Session(Path);
            var answer = read(session);
            _readers.Add(session);
            return answer;
        }
        finally
        {
            _free.Release();
        }
    }

    private Task<int> Run(Func<Session, int> run)
    {
        var work = new Work(run);
        lock (_gate)
        {
            _queue.Add(work);
            if (_queue.Count == 1)
            {
                Monitor.Pulse(_gate);
            }
        }

        return work.Task;
    }

    private void Write()
    {
        var taken = new List<Work>();
        while (true)
        {
            lock (_gate)
            {
                while (_queue.Count == 0 && !_closed)
                {
                    Monitor.Wait(_gate);
                }

                if (_queue.Count == 0)
                {
                    return;
                }

                (taken, _queue) = (_queue, taken);
            }

            for (var at = 0; at < taken.Count; at += GroupMax)
            {
                var group = taken.GetRange(at, Math.Min(GroupMax, taken.Count - at));
                try
                {
                    _writer.Run("BEGIN IMMEDIATE");
                    group.ForEach(work => work.Answer = work.Run(_writer));
                    _writer.Run("COMMIT");
                    group.ForEach(work => work.SetResult(work.Answer));
                    _checkpoints.AfterGroup(_checkpointing);
                }
                catch (SqliteException fault)
                {
                    // The bench ends with it.
                    group.ForEach(work => work.TrySetException(fault));
                }
            }

            taken.Clear();
        }
    }

    private sealed class Work(Func<Session, int> run) : TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Func<Session, int> Run { get; } = run;

        public int Answer { get; set; }
    }

    /// <summary>A connection with the commands that it prepared. Used by one thread at a time.</summary>
    private sealed class Session : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

        public Session(string path)
        {
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
            _connection.Open();
            foreach (var setting in (string[])["busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "journal_size_limit=67108864", "cache_size=-16384"])
            {
                Execute($"PRAGMA {setting}");
            }
        }

        public void Execute(string sql)
        {
            using var command = _connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the bench's own.
            command.CommandText = sql;
#pragma warning restore CA2100
            command.ExecuteNonQuery();
        }

        /// <summary>Hands on each row.</summary>
        public int Rows(string sql, Action<SqliteDataReader> row, params object[] values)
        {
            using var reader = Of(sql, values).ExecuteReader();
            var rows = 0;
            for (; reader.Read(); rows++)
            {
                row(reader);
            }

            return rows;
        }

        public int Run(string sql, params object[] values) => Of(sql, values).ExecuteNonQuery();

        /// <summary>Reads every column of every row, as whoever wants them.</summary>
        public int Rows(string sql, int columns, params object[] values)
        {
            using var reader = Of(sql, values).ExecuteReader();
            var rows = 0;
            for (; reader.Read(); rows++)
            {
                for (var column = 0; column < columns; column++)
                {
                    _ = reader.GetValue(column);
                }
            }

            return rows;
        }

        public List<string?> Texts(string sql, params object[] values)
        {
            using var reader = Of(sql, values).ExecuteReader();
            var texts = new List<string?>();
            while (reader.Read())
            {
                texts.Add(reader.IsDBNull(0) ? null : reader.GetString(0));
            }

            return texts;
        }

        public void Dispose()
        {
            foreach (var command in _commands.Values)
            {
                command.Dispose();
            }

            _connection.Dispose();
        }

        private SqliteCommand Of(string sql, object[] values)
        {
            if (!_commands.TryGetValue(sql, out var command))
            {
                command = _connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the bench's own.
                command.CommandText = sql;
#pragma warning restore CA2100
                for (var i = 0; i < values.Length; i++)
                {
                    command.Parameters.Add(new SqliteParameter($"${i + 1}", null));
                }

                command.Prepare();
                _commands.Add(sql, command);
            }

            for (var i = 0; i < values.Length; i++)
            {
                command.Parameters[i].Value = values[i];
            }

            return command;
        }
    }
}
