using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>What a database remembers of a kind's columns, so that a later program knows whether it can go on with them.</summary>
internal static class KindColumns
{
    /// <summary>Columns as they are remembered: what may be empty has a question mark, what is part of the key a star, what the store allocates a plus.</summary>
    public static string Of(RecordKind kind) =>
        string.Concat(kind.Columns.Select((column, at) =>
            $"{column.Name} {column.Type}{(column.Nullable ? "?" : "")}{(kind.KeyColumns.Contains(at) ? "*" : "")}{(column.IsAllocated ? "+" : "")};"));

    /// <summary>The columns that were added since.</summary>
    /// <param name="kind">The kind as this program declares it.</param>
    /// <param name="remembered">As the database remembers it.</param>
    /// <exception cref="SchemaMismatchException">It changed otherwise than by columns at its end.</exception>
    public static IEnumerable<Column> AddedSince(RecordKind kind, string remembered)
    {
        var now = Of(kind);
        if (now == remembered)
        {
            return [];
        }

        if (remembered.StartsWith(now, StringComparison.Ordinal))
        {
            throw new SchemaMismatchException($"A newer version of the program added columns to {kind.Name}. Use that version.");
        }

        if (!now.StartsWith(remembered, StringComparison.Ordinal))
        {
            throw new SchemaMismatchException($"{kind.Name} changed otherwise than by columns at its end, from ({remembered}) to ({now}); such a database cannot be migrated.");
        }

        return kind.Columns.Skip(remembered.Count(letter => letter == ';'));
    }

    /// <summary>Refuses a database with kinds that this program does not know.</summary>
    /// <exception cref="SchemaMismatchException">There is one.</exception>
    public static void RefuseUnknown(IEnumerable<string> names, Catalogue catalogue)
    {
        if (names.FirstOrDefault(name => catalogue.Find(name) is null) is { } unknown)
        {
            throw new SchemaMismatchException($"The database holds {unknown}, which this version of the program does not know. Use the version that wrote it, or a newer one.");
        }
    }
}
