using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>Removes the rows of a deleted root, an erased person or a deleted resource, a bounded piece at a time; begun again, it goes on where it was.</summary>
internal sealed class PostgresPurge(NpgsqlConnection connection, Dictionary<RecordKind, PostgresTable> tables, HoldSql? holds, Purge purge, int take)
{
    public const string Insert = "INSERT INTO engine_purge (resource, kind, key, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

    /// <summary>
    /// Removals that can begin: every transaction that was under way when the removal was told is over, so that whoever comes later refuses to write what
    /// would be missed. After a restore transaction ids may begin anew; no transaction lasts ten minutes.
    /// </summary>
    public const string Ready = "SELECT id, resource, kind, key, since FROM engine_purge WHERE begun < pg_snapshot_xmin(pg_current_snapshot()) OR begun_at < now() - interval '10 minutes' ORDER BY id LIMIT $1";

    /// <summary>Removals of a person that cannot begin yet.</summary>
    public const string Waiting = "SELECT count(*) FROM engine_purge WHERE kind = 0 AND key = $1 AND begun >= pg_snapshot_xmin(pg_current_snapshot()) AND begun_at >= now() - interval '10 minutes'";

    private static readonly string Mark = $"'\\x{Convert.ToHexString(Seal.StandInMark)}'::bytea";
    private int _left = take;

    /// <returns>Whether nothing is left.</returns>
    public async Task<bool> Continue(CancellationToken cancel)
    {
        if (purge.Kind is { } root)
        {
            await RemoveBelow(root, purge.Key, cancel);
        }
        else if (purge.Key != 0)
        {
            await RemovePerson(cancel);
        }
        else
        {
            await RemoveResource(cancel);
        }

        if (_left <= 0)
        {
            return false;
        }

        await Run("DELETE FROM engine_purge WHERE id = $1", cancel, purge.Id);
        return true;
    }

    private string BlobOf(RecordKind kind) => kind.BlobColumn < 0 ? "" : $"{tables[kind].Name(kind.BlobColumn)} = NULL, ";

    /// <summary>What was held back of a person stays while a hold stands.</summary>
    private string Unheld(RecordKind kind) => holds is null ? "" : $" AND {holds.Goes(kind, Mark)}";

    private static string T(RecordKind kind) => PostgresTable.Quote(kind.Table);

    private async Task RemoveBelow(RecordKind root, long id, CancellationToken cancel)
    {
        foreach (var child in root.Children)
        {
            var parent = tables[child].Name(child.ParentColumn);
            if (child.Children.Count > 0)
            {
                await HandOver(child, $"{parent} = $1", cancel, id);
                continue;
            }

            await DeleteWhere(child, $"{parent} = $1", cancel, id);
            if (_left > 0 && child.Layout == Layout.Append)
            {
                await Run($"DELETE FROM {tables[child].Head} WHERE parent = $1", cancel, id);
            }
        }
    }

    private async Task RemovePerson(CancellationToken cancel)
    {
        // What is found through another kind goes first, while that kind still says where to look.
        foreach (var kind in tables.Keys.OrderBy(kind => kind.OwnerFoundBy is null))
        {
            var table = tables[kind];
            if (kind.Erasure is ErasureRule.None or ErasureRule.KeepUntilExpiry)
            {
                continue;
            }

            if (kind.OwnerFoundBy is not null)
            {
                await RemoveFoundThrough(table, cancel);
            }
            else if (kind.OwnerColumn >= 0)
            {
                await EraseWhere(kind, $"{table.Name(kind.OwnerColumn)} = $1{Unheld(kind)}", cancel, purge.Key);
            }

            if (kind.Erasure == ErasureRule.Delete)
            {
                for (var i = 0; i < kind.Columns.Count; i++)
                {
                    if (kind.Columns[i].Role.HasFlag(ColumnRole.Subject))
                    {
                        await EraseWhere(kind, $"{table.Name(i)} = $1{(holds is null ? "" : $" AND {holds.GoesMentioning(kind, "$1")}")}", cancel, purge.Key);
                    }
                }
            }
        }
    }

    private async Task RemoveFoundThrough(PostgresTable table, CancellationToken cancel)
    {
        var kind = table.Kind;
        var finder = tables[tables.Keys.Single(candidate => candidate.ClrType == kind.OwnerFoundBy)];
        var person = Enumerable.Range(0, finder.Kind.Columns.Count).First(i => (finder.Kind.Columns[i].Role & (ColumnRole.Owner | ColumnRole.Subject)) != 0);
        var parents = new List<long>();
        await using (var command = Command($"SELECT DISTINCT {finder.Name(finder.Kind.ParentColumn)} FROM {T(finder.Kind)} WHERE {finder.Name(person)} = $1", purge.Key))
        {
            await using var rows = await command.ExecuteReaderAsync(cancel);
            while (await rows.ReadAsync(cancel))
            {
                parents.Add(rows.GetInt64(0));
            }
        }

        foreach (var parent in parents)
        {
            await EraseWhere(kind, $"{table.Name(kind.OwnerColumn)} = $1 AND {table.Name(kind.ParentColumn)} = $2{Unheld(kind)}", cancel, purge.Key, parent);
        }
    }

    private async Task EraseWhere(RecordKind kind, string condition, CancellationToken cancel, params long[] values)
    {
        if (_left <= 0)
        {
            return;
        }

        if (kind.Erasure == ErasureRule.Delete && kind.Children.Count > 0)
        {
            await HandOver(kind, condition, cancel, values);
        }
        else if (kind.Erasure == ErasureRule.Delete)
        {
            await DeleteWhere(kind, condition, cancel, values);
        }
        else
        {
            await using var command = Command(
                $"UPDATE {T(kind)} SET {tables[kind].Name(kind.OwnerColumn)} = 0, {BlobOf(kind)}payload = ${values.Length + 2}, version = version + 1 WHERE {Some(kind, condition, values.Length + 1)}",
                [.. values, _left]);
            command.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(ErasedPayload.Write(purge.Since)), ColumnType.Bytes));
            _left -= await command.ExecuteNonQueryAsync(cancel);
        }
    }

    private async Task RemoveResource(CancellationToken cancel)
    {
        foreach (var kind in tables.Keys.Where(kind => kind.ParentColumn < 0))
        {
            if (kind.Children.Count > 0)
            {
                await HandOver(kind, "resource = $1", cancel, purge.Resource);
            }
            else
            {
                await DeleteWhere(kind, "resource = $1", cancel, purge.Resource);
            }
        }

        if (_left > 0)
        {
            await Run("DELETE FROM engine_resource WHERE number = $1", cancel, purge.Resource);
        }
    }

    /// <summary>A root below what goes is a removal of its own; its row goes in the same transaction.</summary>
    private async Task HandOver(RecordKind kind, string condition, CancellationToken cancel, params long[] values)
    {
        if (_left <= 0)
        {
            return;
        }

        var reference = tables[kind].Name(kind.ReferenceColumn);
        var at = values.Length;
        await using var command = Command(
            $"""
            WITH gone AS (DELETE FROM {T(kind)} WHERE {Some(kind, condition, at + 1)} RETURNING resource, {reference} AS key),
                 noted AS (INSERT INTO engine_purge (resource, kind, key, since) SELECT resource, ${at + 2}, key, ${at + 3} FROM gone ON CONFLICT DO NOTHING)
            SELECT count(*) FROM gone
            """,
            [.. values, _left, tables[kind].Number, purge.Since.ToUnixTimeMilliseconds()]);
        _left -= (int)(long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private async Task DeleteWhere(RecordKind kind, string condition, CancellationToken cancel, params long[] values)
    {
        if (_left > 0)
        {
            _left -= await Run($"DELETE FROM {T(kind)} WHERE {Some(kind, condition, values.Length + 1)}", cancel, [.. values, _left]);
        }
    }

    /// <summary>At most so many of the rows. They are locked as they are found, so that one that is changed at the same moment is met as it is afterwards.</summary>
    private static string Some(RecordKind kind, string condition, int limit) =>
        $"ctid = ANY(ARRAY(SELECT t.ctid FROM {T(kind)} t WHERE {condition} LIMIT ${limit} FOR UPDATE OF t))";

    private async Task<int> Run(string sql, CancellationToken cancel, params long[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    private NpgsqlCommand Command(string sql, params long[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(PostgresParameters.Of(value, ColumnType.Integer));
        }

        return command;
    }
}
