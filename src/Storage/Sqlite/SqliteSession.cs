using Domicile.Residency;
using Microsoft.Data.Sqlite;

namespace Domicile.Storage.Sqlite;

/// <summary>One connection with its prepared statements. Used by one thread at a time.</summary>
internal sealed class SqliteSession : IDisposable
{
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);
    private readonly Dictionary<object, SqliteStatement> _fixed = new(ReferenceEqualityComparer.Instance);

    private SqliteSession(SqliteConnection connection)
    {
        Connection = connection;
    }

    /// <summary>The connection, for queries of a module's own.</summary>
    public SqliteConnection Connection { get; }

    public static SqliteSession Open(string path, bool readOnly)
    {
        SqliteLibrary.Describe();
        if (!readOnly && !File.Exists(path))
        {
            // An empty file is an empty database; the log beside it gets the same permissions.
            SecretFile.Open(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite).Dispose();
        }

        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = readOnly ? SqliteOpenMode.ReadWrite : SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        connection.Open();
        var session = new SqliteSession(connection);

        // Waits for a checkpoint of another connection, 10 s at most.
        session.Execute("PRAGMA busy_timeout=10000");
        if (readOnly)
        {
            session.Execute("PRAGMA query_only=1");
        }
        else
        {
            // Incremental vacuum must be chosen before the first table; later the same words are a write, and a start that is refused must not have written.
            if (session.Number("PRAGMA page_count") == 0)
            {
                session.Execute("PRAGMA auto_vacuum=INCREMENTAL");
            }

            // FULL: a commit returns after its flush. Deleted content is overwritten with zeros.
            session.Execute("PRAGMA journal_mode=WAL");
            session.Execute("PRAGMA synchronous=FULL");
            session.Execute("PRAGMA secure_delete=ON");
            session.Execute("PRAGMA wal_autocheckpoint=0");
            session.Execute("PRAGMA journal_size_limit=67108864");
            session.Execute("PRAGMA cache_size=-16384");
        }

        return session;
    }

    /// <summary>A connection that copies the database elsewhere. It changes nothing, but may not be told so: SQLite takes the copy for a change.</summary>
    public static SqliteSession OpenForBackup(string path)
    {
        var session = Open(path, readOnly: true);
        session.Execute("PRAGMA query_only=0");
        return session;
    }

    /// <summary>The prepared statement of a text. The texts are few and constant.</summary>
    public SqliteStatement Prepare(string sql)
    {
        if (!_statements.TryGetValue(sql, out var statement))
        {
            statement = new SqliteStatement(Connection.Handle!, sql);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>The prepared statement of a text that is the same object every time: found without reading the text, which costs more than a binding does.</summary>
    public SqliteStatement PrepareFixed(string sql)
    {
        if (!_fixed.TryGetValue(sql, out var statement))
        {
            statement = Prepare(sql);
            _fixed.Add(sql, statement);
        }

        return statement;
    }

    /// <summary>Runs a text once, without keeping it prepared.</summary>
    public void Execute(string sql)
    {
        using var statement = new SqliteStatement(Connection.Handle!, sql);
        statement.Run();
    }

    /// <summary>The first column of the first row.</summary>
    public long Number(string sql)
    {
        using var statement = new SqliteStatement(Connection.Handle!, sql);
        var number = statement.Step() ? statement.Number(0) : 0;
        statement.Reset();
        return number;
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Dispose();
        }

        Connection.Dispose();
    }
}
