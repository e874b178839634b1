using SQLitePCL;

namespace Domicile.Storage.Sqlite;

/// <summary>
/// Moves the write-ahead log into the database, out of the way of commits: a thread of its own checkpoints passively while the writer writes; only
/// when that cannot keep up does the writer do it itself, between two groups, which is when the log can start again from its beginning.
/// </summary>
internal sealed class SqliteCheckpoints : IDisposable
{
    private const int GroupsBetween = 64;
    private const int ReadersWaitMs = 20;
    private static readonly TimeSpan TruncateAgainAfter = TimeSpan.FromSeconds(1);
    private readonly SqliteSession _session;
    private readonly Thread _thread;
    private readonly AutoResetEvent _wake = new(false);
    private readonly int _pagesMax;
    private volatile bool _stopping;
    private volatile bool _behind;
    private volatile bool _truncate;
    private int _groups;

    public SqliteCheckpoints(string path, int pagesMax)
    {
        _pagesMax = pagesMax;
        _session = SqliteSession.Open(path, readOnly: false);

        // A checkpoint that empties the log waits for readers of old states while it keeps the writer out. So it hardly waits, and comes again instead:
        // a long read (a backup, another process) must hold up neither commits nor the end.
        _session.Execute($"PRAGMA busy_timeout={ReadersWaitMs}");
        _thread = new Thread(Run) { IsBackground = true, Name = "checkpoint", Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    /// <summary>Called by the writer after each group.</summary>
    public void AfterGroup(SqliteSession writer)
    {
        if (_behind)
        {
            _behind = false;
            Checkpoint(writer, raw.SQLITE_CHECKPOINT_PASSIVE);
            _groups = 0;
        }
        else if (++_groups >= GroupsBetween)
        {
            _groups = 0;
            _wake.Set();
        }
    }

    /// <summary>Empties the log at the next round, so that what was deleted does not wait in it.</summary>
    public void TruncateSoon()
    {
        _truncate = true;
        _wake.Set();
    }

    public void Dispose()
    {
        _stopping = true;
        _wake.Set();
        _thread.Join();
        Checkpoint(_session, raw.SQLITE_CHECKPOINT_TRUNCATE);
        _session.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _wake.WaitOne(_truncate ? TruncateAgainAfter : Timeout.InfiniteTimeSpan);
            if (_stopping)
            {
                return;
            }

            var truncate = _truncate;
            _truncate = false;
            var (done, pages) = Checkpoint(_session, truncate ? raw.SQLITE_CHECKPOINT_TRUNCATE : raw.SQLITE_CHECKPOINT_PASSIVE);
            _truncate |= truncate && !done;
            _behind |= pages > _pagesMax;
        }
    }

    /// <returns>Whether nobody was in the way, and the pages in the log.</returns>
    private static (bool Done, int Pages) Checkpoint(SqliteSession session, int mode)
    {
        var result = raw.sqlite3_wal_checkpoint_v2(session.Connection.Handle!, "main", mode, out var pages, out _);

        // Busy only says that someone reads or writes: the next round goes on. A full disk is told to whoever commits.
        return (result == raw.SQLITE_OK, result is raw.SQLITE_OK or raw.SQLITE_BUSY ? pages : 0);
    }
}
