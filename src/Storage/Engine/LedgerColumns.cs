using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>Where rows of an erased person can still be.</summary>
internal static class LedgerColumns
{
    /// <summary>
    /// The indexed columns that name a person with whose erasure something happens to the row. What is found through another kind is not looked for by
    /// itself: while that kind still says where to look, it has a row of the person.
    /// </summary>
    public static IEnumerable<(RecordKind Kind, Column Column, int At)> OfPeople(IEnumerable<RecordKind> kinds) =>
        from kind in kinds
        where kind.Erasure is not (ErasureRule.None or ErasureRule.KeepUntilExpiry) && kind.OwnerFoundBy is null
        from place in kind.Columns.Select((column, at) => (Column: column, At: at))
        where place.At == kind.OwnerColumn || (kind.Erasure == ErasureRule.Delete && place.Column.Role.HasFlag(ColumnRole.Subject))
        select (kind, place.Column, place.At);
}
