using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>Removes the rows of a deleted root, an erased person or a deleted resource, a bounded piece at a time; begun again, it goes on where it was.</summary>
internal sealed class SqlitePurge(SqliteSession session, IReadOnlyDictionary<RecordKind, SqliteTable> tables, HoldSql? holds, Purge purge, int take)
{
    private static readonly string Mark = $"x'{Convert.ToHexString(Seal.StandInMark)}'";
    private int _left = take;

    /// <returns>Whether nothing is left.</returns>
    public bool Continue()
    {
        if (purge.Kind is { } root)
        {
            RemoveBelow(root, purge.Key);
        }
        else if (purge.Key != 0)
        {
            RemovePerson();
        }
        else
        {
            RemoveResource();
        }

        if (_left <= 0)
        {
            return false;
        }

        session.Prepare("DELETE FROM engine_purge WHERE id = ?1").Bind(1, purge.Id).Run();
        return true;
    }

    private void RemoveBelow(RecordKind root, long id)
    {
        foreach (var child in root.Children)
        {
            var parent = child.Columns[child.ParentColumn].Name;
            if (child.Children.Count > 0)
            {
                HandOver(child, $"{parent} = ?1", id, null);
                continue;
            }

            _left -= Run(tables[child].DeleteWhere(parent), id);
            if (_left > 0 && child.Layout == Layout.Append)
            {
                session.Prepare($"DELETE FROM {tables[child].Head} WHERE parent = ?1").Bind(1, id).Run();
            }
        }
    }

    private void RemovePerson()
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
                RemoveFoundThrough(table);
            }
            else if (kind.OwnerColumn >= 0)
            {
                EraseWhere(table, $"{kind.Columns[kind.OwnerColumn].Name} = ?1{Unheld(kind)}", purge.Key, null);
            }

            if (kind.Erasure == ErasureRule.Delete)
            {
                foreach (var mention in kind.Columns.Where(column => column.Role.HasFlag(ColumnRole.Subject)))
                {
                    EraseWhere(table, $"{mention.Name} = ?1{(holds is null ? "" : $" AND {holds.GoesMentioning(kind, "?1")}")}", purge.Key, null);
                }
            }
        }
    }

    private void RemoveFoundThrough(SqliteTable table)
    {
        var kind = table.Kind;
        var finder = tables.Keys.Single(candidate => candidate.ClrType == kind.OwnerFoundBy);
        var person = finder.Columns.First(column => (column.Role & (ColumnRole.Owner | ColumnRole.Subject)) != 0).Name;
        var parents = new List<long>();
        var rows = session.Prepare($"SELECT DISTINCT {finder.Columns[finder.ParentColumn].Name} FROM {finder.Table} WHERE {person} = ?1").Bind(1, purge.Key);
        while (rows.Step())
        {
            parents.Add(rows.Number(0));
        }

        var condition = $"{kind.Columns[kind.ParentColumn].Name} = ?2 AND {kind.Columns[kind.OwnerColumn].Name} = ?1{Unheld(kind)}";
        foreach (var parent in parents.TakeWhile(_ => _left > 0))
        {
            EraseWhere(table, condition, purge.Key, parent);
        }
    }

    private void EraseWhere(SqliteTable table, string condition, long person, long? parent)
    {
        if (_left <= 0)
        {
            return;
        }

        if (table.Kind.Erasure == ErasureRule.Delete && table.Kind.Children.Count > 0)
        {
            HandOver(table.Kind, condition, person, parent);
            return;
        }

        var rows = $"WHERE ({table.RowName}) IN (SELECT {table.RowName} FROM {table.Kind.Table} t WHERE {condition} LIMIT ?3)";
        var statement = session.Prepare(
            table.Kind.Erasure == ErasureRule.Delete
                ? $"DELETE FROM {table.Kind.Table} {rows}"
                : $"UPDATE {table.Kind.Table} SET {table.Kind.Columns[table.Kind.OwnerColumn].Name} = 0, {BlobOf(table.Kind)}payload = ?4, version = version + 1 {rows}");
        statement.Bind(1, person).Bind(2, parent is { } id ? ColumnValue.Of(id) : ColumnValue.Null).Bind(3, _left);
        if (table.Kind.Erasure == ErasureRule.Depersonalise)
        {
            statement.Bind(4, ErasedPayload.Write(purge.Since));
        }

        _left -= statement.Run();
    }

    private void RemoveResource()
    {
        foreach (var kind in tables.Keys.Where(kind => kind.ParentColumn < 0))
        {
            if (kind.Children.Count > 0)
            {
                HandOver(kind, "resource = ?1", purge.Resource, null);
            }
            else
            {
                _left -= Run(tables[kind].DeleteWhere("resource"), purge.Resource);
            }
        }

        if (_left > 0)
        {
            session.Prepare("DELETE FROM engine_resource WHERE number = ?1").Bind(1, purge.Resource).Run();
        }
    }

    /// <summary>A root below what goes is a purge of its own; its row goes in the same transaction.</summary>
    private void HandOver(RecordKind kind, string condition, long first, long? second)
    {
        if (_left <= 0)
        {
            return;
        }

        var (table, reference) = (tables[kind], kind.Columns[kind.ReferenceColumn].Name);
        session.Prepare(
            $"INSERT INTO engine_purge (resource, kind, key, since) SELECT resource, ?4, {reference}, ?5 FROM {kind.Table} t WHERE {condition} LIMIT ?3 ON CONFLICT DO NOTHING")
            .Bind(1, first).Bind(2, second is { } value ? ColumnValue.Of(value) : ColumnValue.Null).Bind(3, _left)
            .Bind(4, table.Number).Bind(5, purge.Since.ToUnixTimeMilliseconds()).Run();
        _left -= session.Prepare($"DELETE FROM {kind.Table} AS t WHERE {condition} AND {reference} IN (SELECT key FROM engine_purge WHERE kind = ?3)")
            .Bind(1, first).Bind(2, second is { } again ? ColumnValue.Of(again) : ColumnValue.Null).Bind(3, table.Number).Run();
    }

    /// <summary>What was held back of a person stays while a hold stands.</summary>
    private string Unheld(RecordKind kind) => holds is null ? "" : $" AND {holds.Goes(kind, Mark)}";

    private static string BlobOf(RecordKind kind) => kind.BlobColumn < 0 ? "" : $"{kind.Columns[kind.BlobColumn].Name} = NULL, ";

    private int Run(string sql, long id) => _left <= 0 ? 0 : session.Prepare(sql).Bind(1, id).Bind(2, _left).Run();
}
