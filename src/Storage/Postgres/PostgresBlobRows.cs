using Domicile.Residency;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>Notes the files whose rows go. Triggers do it, because rows go in many ways: one by one, below a root, with a person, with a resource.</summary>
internal static class PostgresBlobRows
{
    /// <summary>The table of what is to go, and what the triggers run.</summary>
    public const string Table =
        """
        CREATE TABLE IF NOT EXISTS engine_gone (blob bytea PRIMARY KEY);
        CREATE OR REPLACE FUNCTION engine_note_gone() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            EXECUTE format('INSERT INTO engine_gone (blob) SELECT ($1).%I ON CONFLICT DO NOTHING', TG_ARGV[0]) USING OLD;
            RETURN NULL;
        END $$
        """;

    /// <summary>The triggers of a kind.</summary>
    public static IEnumerable<string> Triggers(RecordKind kind)
    {
        if (kind.BlobColumn < 0)
        {
            yield break;
        }

        var (table, column) = (PostgresTable.Quote(kind.Table), PostgresTable.Quote(kind.Columns[kind.BlobColumn].Name));
        var note = $"EXECUTE FUNCTION engine_note_gone('{kind.Columns[kind.BlobColumn].Name}')";
        yield return $"CREATE OR REPLACE TRIGGER gone_{kind.Table} AFTER DELETE ON {table} FOR EACH ROW WHEN (OLD.{column} IS NOT NULL) {note}";
        yield return $"CREATE OR REPLACE TRIGGER left_{kind.Table} AFTER UPDATE OF {column} ON {table} FOR EACH ROW WHEN (OLD.{column} IS NOT NULL AND OLD.{column} IS DISTINCT FROM NEW.{column}) {note}";
    }

    public static async Task<IReadOnlyList<BlobRef>> Gone(NpgsqlConnection connection, int take, CancellationToken cancel)
    {
        var gone = new List<BlobRef>();
        await using var command = new NpgsqlCommand("SELECT blob FROM engine_gone LIMIT $1", connection);
        command.Parameters.Add(PostgresParameters.Of(take, ColumnType.Integer));
        await using var rows = await command.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
        {
            gone.Add(new BlobRef(new Guid(rows.GetFieldValue<byte[]>(0), bigEndian: true)));
        }

        return gone;
    }

    public static async Task<int> Forget(NpgsqlConnection connection, IReadOnlyCollection<BlobRef> blobs, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("DELETE FROM engine_gone WHERE blob = ANY($1)", connection);
        command.Parameters.Add(PostgresParameters.Array([.. blobs.Select(blob => blob.Id.ToByteArray(bigEndian: true))]));
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
