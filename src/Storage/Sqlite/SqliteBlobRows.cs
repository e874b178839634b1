using Domicile.Residency;

namespace Domicile.Storage.Sqlite;

/// <summary>Notes the files whose rows go. Triggers do it, because rows go in many ways: one by one, below a root, with a person, with a resource.</summary>
internal static class SqliteBlobRows
{
    /// <summary>The table of what is to go.</summary>
    public const string Table = "CREATE TABLE IF NOT EXISTS engine_gone (blob BLOB PRIMARY KEY) WITHOUT ROWID";

    /// <summary>The triggers of a kind.</summary>
    public static IEnumerable<string> Triggers(RecordKind kind)
    {
        if (kind.BlobColumn < 0)
        {
            yield break;
        }

        var column = kind.Columns[kind.BlobColumn].Name;
        var note = $"BEGIN INSERT INTO engine_gone (blob) VALUES (old.{column}) ON CONFLICT DO NOTHING; END";
        yield return $"CREATE TRIGGER IF NOT EXISTS gone_{kind.Table} AFTER DELETE ON {kind.Table} WHEN old.{column} IS NOT NULL {note}";
        yield return $"CREATE TRIGGER IF NOT EXISTS left_{kind.Table} AFTER UPDATE OF {column} ON {kind.Table} WHEN old.{column} IS NOT NULL AND old.{column} IS NOT new.{column} {note}";
    }

    public static IReadOnlyList<BlobRef> Gone(SqliteSession session, int take)
    {
        var gone = new List<BlobRef>();
        var rows = session.Prepare("SELECT blob FROM engine_gone LIMIT ?1").Bind(1, take);
        while (rows.Step())
        {
            gone.Add(new BlobRef(new Guid(rows.Bytes(0), bigEndian: true)));
        }

        return gone;
    }

    public static bool Forget(SqliteSession session, IReadOnlyCollection<BlobRef> blobs)
    {
        foreach (var blob in blobs)
        {
            session.Prepare("DELETE FROM engine_gone WHERE blob = ?1").Bind(1, ColumnValue.Of(blob.Id.ToByteArray(bigEndian: true))).Run();
        }

        return true;
    }
}
