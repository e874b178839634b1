using System.Globalization;
using System.Text;

namespace Domicile.Residency;

/// <summary>The published inventory: everything that is kept, from the declarations themselves.</summary>
/// <param name="Kinds">The kinds of record.</param>
/// <param name="OtherTables">What the storage engine and the key store keep beside them.</param>
public sealed record DataInventory(IReadOnlyList<InventoryKind> Kinds, IReadOnlyList<InventoryTable> OtherTables)
{
    /// <summary>Makes the inventory of a catalogue.</summary>
    public static DataInventory Of(Catalogue catalogue, IEnumerable<(string Table, string Purpose)> otherTables) =>
        new([.. catalogue.Kinds.Select(InventoryKind.Of)], [.. otherTables.Select(table => new InventoryTable(table.Table, table.Purpose))]);

    /// <summary>The inventory as a document.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(
            """
            # Data inventory

            Generated from the catalogue; do not edit. It lists every kind of record that the platform keeps. Each rests in the stores that the operator declared
            in the geography of its resource, and nowhere else. *Sealed* means encrypted and authenticated under the keys of those whose erasure must end it;
            *plain* means readable by whoever reads the database, with the reason. No plain field holds an identifier of a person: people are random handles,
            which only the key store can turn into identifiers.


            """);
        foreach (var kind in Kinds)
        {
            text.Append(CultureInfo.InvariantCulture, $"## {kind.Kind}\n\n");
            text.Append("| | |\n|---|---|\n");
            Row(text, "category", kind.Category);
            Row(text, "exposure", kind.Exposure);
            Row(text, "belongs to", kind.Parent ?? "its resource");
            Row(text, "sealed under", kind.SealedUnder);
            Row(text, "kept", kind.Retention);
            Row(text, "erasure of a person", kind.Erasure);
            if (kind.Note is not null)
            {
                Row(text, "note", kind.Note);
            }

            text.Append("\n| field | at rest | whose | why plain, or note |\n|---|---|---|---|\n");
            foreach (var field in kind.Fields)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {field.Name} | {(field.IsSealed ? "sealed" : "plain")} | {field.Subject ?? ""} | {field.Reason ?? ""} |\n");
            }

            text.Append('\n');
        }

        text.Append("## What the engine keeps beside them\n\n| table | purpose |\n|---|---|\n");
        foreach (var table in OtherTables)
        {
            Row(text, table.Table.Replace("<", "&lt;", StringComparison.Ordinal), table.Purpose);
        }

        return text.ToString();
    }

    private static void Row(StringBuilder text, string name, string value) => text.Append(CultureInfo.InvariantCulture, $"| {name} | {value} |\n");
}

/// <summary>A table that is not a kind of record.</summary>
public sealed record InventoryTable(string Table, string Purpose);

/// <summary>A kind of record in the inventory.</summary>
public sealed record InventoryKind(
    string Kind, string Category, string Exposure, string? Parent, string SealedUnder, string Retention, string Erasure, string? Note, IReadOnlyList<InventoryField> Fields)
{
    internal static InventoryKind Of(RecordKind kind)
    {
        var owner = kind.OwnerColumn >= 0 ? "its owner and " : "";
        var parent = kind.Children.Count > 0 ? "a key of its own, which ends with it" : kind.Parent is { } above ? $"the {above.Name} that it belongs to" : "its resource";
        return new InventoryKind(
            kind.Name,
            kind.Category.ToString(),
            kind.Exposure.ToString().ToLowerInvariant(),
            kind.Parent?.Name,
            owner + parent,
            RetentionOf(kind),
            ErasureOf(kind),
            kind.Note,
            [.. kind.Columns.Select(column => FieldOf(kind, column)), .. kind.SealedMembers.Select(member => new InventoryField(member.Name, true, kind.OwnerColumn >= 0 ? "owner" : null, member.Note))]);
    }

    private static InventoryField FieldOf(RecordKind kind, Column column)
    {
        var subject = column.Role.HasFlag(ColumnRole.Owner) ? "owner" : column.Role.HasFlag(ColumnRole.Subject) ? "mentioned" : null;
        var found = column.Role.HasFlag(ColumnRole.Owner) && kind.OwnerFoundBy is { } finder ? $"{column.Reason}; found through {finder.Name}" : column.Reason;
        return new InventoryField(column.Member, false, subject, found);
    }

    private static string RetentionOf(RecordKind kind) =>
        RuleOf(kind) + (kind.Idle is { } idle ? $"; and {idle.Days} days after the last {idle.Appended.Name} below it, unless the resource sets another time" : "");

    private static string RuleOf(RecordKind kind) => kind.Retention switch
    {
        Residency.Retention.WithParent => $"as long as the {kind.Parent!.Name} that it belongs to",
        Residency.Retention.FixedAge => $"{kind.Age.TotalDays} days after {kind.Columns[kind.ExpiryColumn].Member}",
        Residency.Retention.StoredDate => $"until {kind.Columns[kind.ExpiryColumn].Member}, else until it is deleted",
        _ => "until it is deleted",
    };

    private static string ErasureOf(RecordKind kind) => kind.Erasure switch
    {
        ErasureRule.Delete => "deleted",
        ErasureRule.Depersonalise => "stays without its content and without the reference to the person, so that others' history keeps its shape",
        ErasureRule.KeepUntilExpiry => $"kept until it expires: {kind.ErasureReason}",
        _ => "belongs to nobody",
    };
}

/// <summary>A field in the inventory.</summary>
/// <param name="Name">The member's name.</param>
/// <param name="IsSealed">Whether it is in the sealed part.</param>
/// <param name="Subject">Whose it is: the owner's, or of someone who is mentioned.</param>
/// <param name="Reason">Why it is plain, or a note.</param>
public sealed record InventoryField(string Name, bool IsSealed, string? Subject, string? Reason);
