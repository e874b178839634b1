using System.Globalization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// How what is filed under a person is found, made from the catalogue once. Parameters: <c>@person</c>, <c>@resource</c>; <c>@k0</c> and so on for the key after which to go on.
/// </summary>
internal sealed class SubjectSearches
{
    public SubjectSearches(IReadOnlyList<RecordKind> kinds)
    {
        All = [.. kinds.SelectMany(kind => Of(kind, kinds))];
        Counts = All.Count == 0 ? "SELECT 0" : $"SELECT {string.Join(", ", All.Select(search => $"(SELECT count(*) FROM {search.Kind.Table} t WHERE {search.Condition})"))}";
    }

    /// <summary>Each of them, kind by kind.</summary>
    public IReadOnlyList<SubjectSearch> All { get; }

    /// <summary>How much each of them finds: a row with a number for each of <see cref="All"/>, in order.</summary>
    public string Counts { get; }

    private static IEnumerable<SubjectSearch> Of(RecordKind kind, IReadOnlyList<RecordKind> kinds)
    {
        var resource = $"t.resource {(kind.Category == DataCategory.Audit ? "IN (@resource, 0)" : "= @resource")}";
        for (var i = 0; i < kind.Columns.Count; i++)
        {
            var column = kind.Columns[i];
            if (i == kind.OwnerColumn)
            {
                // Too hot for an index by person: found in the parents that the finding kind names.
                var where = kind.OwnerFoundBy is { } type && kinds.First(found => found.ClrType == type) is var finder
                    ? $"t.{kind.Columns[kind.ParentColumn].Name} IN (SELECT f.{finder.Columns[finder.ParentColumn].Name} FROM {finder.Table} f WHERE f.{finder.Columns[finder.OwnerColumn].Name} = @person AND f.resource = @resource) AND t.{column.Name} = @person AND {resource}"
                    : $"t.{column.Name} = @person AND {resource}";
                yield return new SubjectSearch(kind, SubjectFiling.Own, where);
            }
            else if (column.Role.HasFlag(ColumnRole.Subject))
            {
                yield return new SubjectSearch(kind, SubjectFiling.Mentioned, $"t.{column.Name} = @person AND {resource}");
            }
        }
    }
}

/// <summary>By which column records of a kind are found.</summary>
internal sealed class SubjectSearch
{
    /// <summary>Rows read in one piece.</summary>
    public const int PieceRows = 200;

    public SubjectSearch(RecordKind kind, SubjectFiling filing, string where)
    {
        (Kind, Filing, Condition) = (kind, filing, where);
        var order = kind.KeyColumns.Select(key => kind.Columns[key].Name).ToList();
        var select = $"SELECT t.resource, {string.Join(", ", kind.Columns.Select(column => $"t.{column.Name}"))}, t.version, t.payload FROM {kind.Table} t WHERE {where}";
        var orderBy = $" ORDER BY {string.Join(", ", order.Select(name => $"t.{name}"))} LIMIT {PieceRows.ToString(CultureInfo.InvariantCulture)}";
        First = select + orderBy;
        Next = $"{select} AND ({string.Join(", ", order.Select(name => $"t.{name}"))}) > ({string.Join(", ", order.Select((_, i) => $"@k{i}"))}){orderBy}";
    }

    public RecordKind Kind { get; }

    /// <summary>Why what it finds is among what is kept about the person.</summary>
    public SubjectFiling Filing { get; }

    /// <summary>The condition on the row <c>t</c>.</summary>
    public string Condition { get; }

    /// <summary>The same, of those rows <c>t</c> only for which a condition holds.</summary>
    public SubjectSearch Where(string condition) => new(Kind, Filing, $"{Condition} AND {condition}");

    /// <summary>The first rows: resource, columns, version, payload.</summary>
    public string First { get; }

    /// <summary>The rows after a key.</summary>
    public string Next { get; }
}
