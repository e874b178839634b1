using System.Globalization;
using System.Text;

namespace Domicile.Residency;

/// <summary>The published inventory: everything that is kept, from the declarations themselves.</summary>
/// <param name="Kinds">The kinds of record.</param>
/// <param name="OtherTables">What the storage engine and the key store keep beside them.</param>
public sealed record DataInventory(IReadOnlyList<InventoryKind> Kinds, IReadOnlyList<InventoryTable> OtherTables)
{
    /// <summary>The acts that are written into the audit log.</summary>
    public IReadOnlyList<InventoryAct> AuditedActs { get; init; } = [.. AuditedAct.All.Select(act => new InventoryAct(act.Name, act.Meaning, act.Duty))];

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

            Generated from the catalogue of the program; do not edit. What is not listed here is not kept: a record that is not declared cannot be stored.

            ## How to read it

            - **Where it rests.** A record rests in the stores that the operator configured in the geography of its resource, and nowhere else. A sealed record
              that is copied into another geography, resource or row does not open there.
            - **Resource.** A customer's Communication Services resource, with its own address and access keys.
            - **Sealed** fields are encrypted and authenticated. *Sealed under* names those whose keys are needed to open them: destroy one of these keys, and the
              field is unreadable everywhere, in every backup too.
            - **Plain** fields can be read by whoever can read the database; each says why it has to be so. No plain field identifies a person.
            - **Handle.** A random number that stands for a person. Only the key store can turn it into an identifier, and only until that person is erased.
            - **Owner** is the person whose record it is; **mentioned** is a person whom somebody else's record points to.
            - Beside its fields each row has the number of its resource; where records are changed, also how often that was done.


            """);
        text.Append("What the categories mean:\n\n");
        foreach (var category in Kinds.Select(kind => kind.Category).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"- **{Words(category)}**: {InventoryKind.MeaningOf(Enum.Parse<DataCategory>(category))}\n");
        }

        text.Append("\n## Overview\n\n| record | category | kept | when its person is erased |\n|---|---|---|---|\n");
        foreach (var kind in Kinds)
        {
            text.Append(CultureInfo.InvariantCulture, $"| [{kind.Kind}](#{kind.Kind.Replace(".", "", StringComparison.Ordinal).ToLowerInvariant()}) | {Words(kind.Category)} | {kind.Retention} | {kind.Erasure} |\n");
        }

        foreach (var kind in Kinds)
        {
            Append(text, kind);
        }

        text.Append(
            """

            ## What the store keeps beside them

            None of it is content, and none of it names a person in the clear.

            | file and table | what it is for |
            |---|---|

            """);
        foreach (var table in OtherTables)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(table.Table)} | {Cell(table.Purpose)} |\n");
        }

        text.Append(
            """

            ## Acts that are audited

            Each geography has an audit log of its own. What is done of these is written into it in the same transaction, or is not done. An entry has the instant, the
            act, and a salted hash of who, what and why; these are sealed, and go when the person who acted is erased, or after 400 days. The key with which
            the log signs its checkpoints is published at GET /audit/log of the geography's administration origin.

            | act | what it means | whose duty |
            |---|---|---|

            """);
        foreach (var act in AuditedActs)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(act.Name)} | {Cell(act.Meaning)} | {Cell(act.Duty)} |\n");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, InventoryKind kind)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n## {kind.Kind}\n\n");
        if (kind.Note is { } note)
        {
            text.Append(note).Append("\n\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"- Category: {Words(kind.Category)}, {kind.Exposure}\n");
        text.Append(CultureInfo.InvariantCulture, $"- Rests in: {kind.RestsIn}\n");
        text.Append(CultureInfo.InvariantCulture, $"- Belongs to: {kind.Parent ?? "its resource"}\n");
        text.Append(CultureInfo.InvariantCulture, $"- Sealed under: {kind.SealedUnder}\n");
        text.Append(CultureInfo.InvariantCulture, $"- Kept: {kind.Retention}\n");
        text.Append(CultureInfo.InvariantCulture, $"- When its person is erased: {kind.Erasure}\n");
        text.Append("\n| field | at rest | whose | why it is plain, or a note |\n|---|---|---|---|\n");
        foreach (var field in kind.Fields)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Words(field.Name)} | {(field.IsSealed ? "sealed" : "plain")} | {field.Subject ?? ""} | {Cell(field.Reason ?? "")} |\n");
        }
    }

    /// <summary>SenderDisplayName as people write it.</summary>
    internal static string Words(string member) =>
        string.Concat(member.Select((letter, at) => char.IsUpper(letter) && at > 0 ? " " + char.ToLowerInvariant(letter) : char.ToLowerInvariant(letter).ToString()));

    private static string Cell(string value) => value.Replace("<", "&lt;", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);
}

/// <summary>An act that is audited.</summary>
public sealed record InventoryAct(string Name, string Meaning, string Duty);

/// <summary>A table that is not a kind of record.</summary>
public sealed record InventoryTable(string Table, string Purpose);

/// <summary>A kind of record in the inventory.</summary>
public sealed record InventoryKind(
    string Kind,
    string Category,
    string Exposure,
    string RestsIn,
    string? Parent,
    string SealedUnder,
    string Retention,
    string Erasure,
    string? Note,
    IReadOnlyList<InventoryField> Fields)
{
    internal static InventoryKind Of(RecordKind kind)
    {
        var owner = kind.OwnerColumn >= 0 ? "the key of its owner and " : "";
        var parent = kind.Children.Count > 0 ? "a key of its own, which ends with it" : kind.Parent is { } above ? $"the key of the {above.Name} that it belongs to" : "the key of its resource";
        return new InventoryKind(
            kind.Name,
            kind.Category.ToString(),
            kind.Exposure.ToString().ToLowerInvariant(),
            $"the store of its resource, in the resource's geography (table {kind.Table}{(kind.BlobColumn >= 0 ? ", and a file in blobs" : "")})",
            kind.Parent?.Name,
            kind.SealedMembers.Count > 0 || kind.BlobColumn >= 0 ? owner + parent : "nothing: every field is plain",
            RetentionOf(kind),
            ErasureOf(kind),
            kind.Note,
            [.. FieldsOf(kind)]);
    }

    internal static string MeaningOf(DataCategory category) => category switch
    {
        DataCategory.Content => "what people write or say to each other, and where they do so.",
        DataCategory.Identity => "who a person is to the platform.",
        DataCategory.CallMetadata => "who called whom, when, for how long.",
        DataCategory.OptOut => "a person's wish not to be written to, kept so that it can be respected.",
        DataCategory.Usage => "how much was used, for billing.",
        DataCategory.Census => "counts of people and groups.",
        DataCategory.Support => "what was said to support.",
        DataCategory.ErrorReport => "what went wrong.",
        DataCategory.OperationLog => "which operations ran.",
        DataCategory.Audit => "who did what that matters for security and privacy.",
        DataCategory.Configuration => "how a customer set the platform up.",
        _ => throw new ArgumentOutOfRangeException(nameof(category), category, "This category has no words yet."),
    };

    private static IEnumerable<InventoryField> FieldsOf(RecordKind kind)
    {
        foreach (var column in kind.Columns)
        {
            var subject = column.Role.HasFlag(ColumnRole.Owner) ? "owner" : column.Role.HasFlag(ColumnRole.Subject) ? "mentioned" : null;
            yield return new InventoryField(column.Member, false, subject, ReasonOf(kind, column));
        }

        if (kind.BlobColumn >= 0)
        {
            yield return new InventoryField(
                $"{kind.Columns[kind.BlobColumn].Member}Content", true, kind.OwnerColumn >= 0 ? "owner" : null, "a file of its own, sealed in pieces, in the blobs directory of the geography");
        }

        if (kind.SaysErased)
        {
            yield return new InventoryField("ErasedOn", false, null, "the day of its owner's erasure, in place of everything that was sealed");
        }

        foreach (var member in kind.SealedMembers)
        {
            yield return new InventoryField(member.Name, true, kind.OwnerColumn >= 0 ? "owner" : null, member.Note);
        }
    }

    private static string ReasonOf(RecordKind kind, Column column) => column.Role switch
    {
        var role when role.HasFlag(ColumnRole.Owner) && kind.OwnerFoundBy is { } finder => $"handle; the owner's records are found through {NameOf(finder)}",
        var role when (role & (ColumnRole.Owner | ColumnRole.Subject)) != 0 => "handle; the person's records are found by it",
        var role when role.HasFlag(ColumnRole.Parent) => $"random number of the {kind.Parent!.Name} that it belongs to",
        var role when role.HasFlag(ColumnRole.Identity) => "random number that ties the sealed fields to this row",
        ColumnRole.Key when column.Reason == "key" => "names the record",
        _ => column.Reason,
    };

    private static string NameOf(Type kind) => ((RecordAttribute)Attribute.GetCustomAttribute(kind, typeof(RecordAttribute))!).Kind;

    private static string RetentionOf(RecordKind kind) =>
        RuleOf(kind) + (kind.KeptBetween is { } between ? $"; or {between.Least} to {between.Most} days, where the resource{(kind.Choice!.PerRoot ? $" or the {kind.Parent!.Name}" : "")} has a rule of its own" : "") + (kind.Idle is { } idle ? $"; and at most {idle.Days} days after the last {idle.Appended.Name} in it, unless the resource sets another time" : "");

    private static string RuleOf(RecordKind kind) => kind.Retention switch
    {
        Residency.Retention.WithParent => $"as long as the {kind.Parent!.Name} that it belongs to",
        Residency.Retention.FixedAge => string.Create(CultureInfo.InvariantCulture, $"{kind.Age.TotalDays} {(kind.Age.TotalDays == 1 ? "day" : "days")}"),
        Residency.Retention.AtEvent => string.Create(CultureInfo.InvariantCulture, $"until {kind.Age.TotalDays} {(kind.Age.TotalDays == 1 ? "day" : "days")} after {kind.Ending}"),
        Residency.Retention.StoredDate => "until the date that was set for it, else until it is deleted",
        _ => "until it is deleted",
    };

    private static string ErasureOf(RecordKind kind) => kind.Erasure switch
    {
        ErasureRule.Delete => "deleted",
        ErasureRule.Depersonalise => "its content and the handle go; the empty row stays, so that others' history keeps its shape",
        ErasureRule.KeepUntilExpiry => $"kept until it expires: {kind.ErasureReason}",
        _ => "stays, being no one person's; a handle in it then names nobody",
    };
}

/// <summary>A field in the inventory.</summary>
/// <param name="Name">The member's name.</param>
/// <param name="IsSealed">Whether it is in the sealed part.</param>
/// <param name="Subject">Whose it is: the owner's, or of someone who is mentioned.</param>
/// <param name="Reason">Why it is plain, or a note.</param>
public sealed record InventoryField(string Name, bool IsSealed, string? Subject, string? Reason);
