using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>The order in which a whole table is read: along an index that it has anyway.</summary>
internal static class ScanOrder
{
    /// <summary>The columns that name one row among all of the table; −1 stands for the resource.</summary>
    public static IReadOnlyList<int> Of(RecordKind kind) =>
        kind.ReferenceColumn < 0 && kind.ParentColumn < 0 ? [-1, .. kind.KeyColumns] : kind.KeyColumns;
}
