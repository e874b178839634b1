using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>An index that a kind's declaration asks for.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Columns">Its columns, in order.</param>
/// <param name="Unique">Whether two rows may not share the values.</param>
/// <param name="WhereFilled">The column that must not be empty for a row to be in the index, or null for all rows.</param>
internal sealed record IndexDefinition(string Name, IReadOnlyList<string> Columns, bool Unique, string? WhereFilled);

/// <summary>Which indexes a kind has: the same on every engine, each for a query that somebody runs.</summary>
internal static class IndexesOf
{
    /// <summary>The indexes of a kind beside its key.</summary>
    public static IReadOnlyList<IndexDefinition> Kind(RecordKind kind)
    {
        var indexes = new List<IndexDefinition>();
        void Add(IReadOnlyList<string> columns, bool unique = false, string? whereFilled = null)
        {
            var name = $"ix_{kind.Table}_{string.Join('_', columns)}";
            indexes.RemoveAll(index => index.Name == name);
            indexes.Add(new IndexDefinition(name, columns, unique, whereFilled));
        }

        string Name(int column) => kind.Columns[column].Name;
        if (kind.Layout == Layout.Append)
        {
            Add([Name(kind.ParentColumn), Name(kind.ArrivalColumn)], unique: true);
        }
        else if (kind.ParentColumn < 0 && kind.ReferenceColumn >= 0)
        {
            Add(["resource"]);
        }
        else if (kind.ParentColumn >= 0 && (kind.ReferenceColumn >= 0 || kind.KeyColumns[0] != kind.ParentColumn))
        {
            Add([Name(kind.ParentColumn)]);
        }

        for (var i = 0; i < kind.Columns.Count; i++)
        {
            var role = kind.Columns[i].Role;
            var byPerson = role.HasFlag(ColumnRole.Subject) || (role.HasFlag(ColumnRole.Owner) && kind.OwnerFoundBy is null);
            if (byPerson && i != kind.ReferenceColumn)
            {
                Add([Name(i)]);
            }

            if (i == kind.BlobColumn)
            {
                Add([Name(i)], unique: true, whereFilled: Name(i));
            }

            if (i == kind.EndingColumn)
            {
                Add([Name(i)]);
            }

            if (i == kind.ExpiryColumn)
            {
                Add([Name(i)], whereFilled: Name(i));
            }
        }

        foreach (var index in kind.Indexes)
        {
            var columns = index.Columns.Select(member => kind.Columns.First(column => column.Member == member).Name);
            Add(index.Unique ? ["resource", .. columns] : [.. columns], index.Unique);
        }

        return indexes;
    }
}
