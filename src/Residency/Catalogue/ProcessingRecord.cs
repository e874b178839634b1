using System.Globalization;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// The part of a record of processing activities (GDPR article 30) that the platform can know of itself, from the declarations. What only the organisation
/// knows is left open and marked so; what is not personal is left out.
/// </summary>
/// <param name="inventory">What is kept.</param>
/// <param name="geography">Where.</param>
public sealed class ProcessingRecord(DataInventory inventory, Geography geography)
{
    private const string Open = "[to be filled in by the organisation]";
    private const string Measures =
        "content and identity encrypted and authenticated (AES-256-GCM) under keys of the person and of what the record belongs to, wrapped up to the geography's root key; "
        + "pseudonymous handles in place of identifiers; role-bound access; erasure by destruction of keys; a check of where everything lies (residency verify)";

    private static readonly string[] Columns =
    [
        "Activity", "Purpose", "Record", "Data subjects", "Personal data, sealed", "Personal data, readable", "Recipients", "Place", "Transfers to third countries",
        "Time limits for erasure", "On erasure of the person", "Security measures",
    ];

    /// <summary>As a document.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Record of processing activities

            According to article 30 of Regulation (EU) 2016/679 (GDPR), for data that rests in {geography}. Generated from the catalogue of the program. It states what the
            platform keeps and by which rules; it does not replace what the organisation has to add.

            | | |
            |---|---|
            | Controller, representative, data protection officer (article 30(1)(a)) | {Open} |
            | Processor and its contact, where the platform is run for others (article 30(2)(a)) | {Open} |
            | Legal basis | {Open} |
            | Place | the stores that the operator declared in {geography}, and nowhere else at rest |
            | Transfers to third countries (article 30(1)(e)) | none by the platform on its own; every flow that leaves it is in `docs/egress.md` |
            | Technical and organisational measures (article 30(1)(g)) | {Measures} |


            """);
        foreach (var activity in Personal().GroupBy(kind => kind.Category).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var category = Enum.Parse<DataCategory>(activity.Key);
            text.Append(CultureInfo.InvariantCulture, $"## {Words(activity.Key)}\n\n- Purpose: {PurposeOf(category)}\n- Data: {InventoryKind.MeaningOf(category)}\n- Recipients: {RecipientsOf(category)}\n\n");
            text.Append("| record | data subjects | personal data, sealed | personal data, readable | time limit | on erasure of the person |\n|---|---|---|---|---|---|\n");
            foreach (var kind in activity)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {kind.Kind} | {SubjectsOf(kind)} | {Cell(Sealed(kind))} | {Cell(Readable(kind))} | {Cell(kind.Retention)} | {Cell(kind.Erasure)} |\n");
            }

            text.Append('\n');
        }

        text.Append("## Identifiers\n\nIdentifiers of people rest in the key store of the geography, sealed under the person's own key, found by a keyed hash, and are destroyed with that key.\n");
        return text.ToString();
    }

    /// <summary>As a table with one line for each kind of record (RFC 4180).</summary>
    public string ToCsv()
    {
        var text = new StringBuilder();
        Append(text, Columns);
        foreach (var kind in Personal().OrderBy(kind => kind.Category, StringComparer.Ordinal).ThenBy(kind => kind.Kind, StringComparer.Ordinal))
        {
            var category = Enum.Parse<DataCategory>(kind.Category);
            Append(
                text,
                [
                    Words(kind.Category), PurposeOf(category), kind.Kind, SubjectsOf(kind), Sealed(kind), Readable(kind), RecipientsOf(category), geography.Name,
                    "none by the platform on its own", kind.Retention, kind.Erasure, Measures,
                ]);
        }

        return text.ToString();
    }

    /// <summary>Why data of a category is processed.</summary>
    internal static string PurposeOf(DataCategory category) => category switch
    {
        DataCategory.Content => "to deliver what people write or say to each other, and to show it to them again.",
        DataCategory.Identity => "to let a person sign in and take part, and to know whose data is whose.",
        DataCategory.CallMetadata => "to connect calls and to account for them.",
        DataCategory.OptOut => "to respect a person's wish not to be written to.",
        DataCategory.Usage => "to bill what was used.",
        DataCategory.Census => "to know how many people and groups there are.",
        DataCategory.Support => "to help those who ask for it.",
        DataCategory.ErrorReport => "to find and mend what went wrong.",
        DataCategory.OperationLog => "to show the customer which operations ran.",
        DataCategory.Audit => "to prove who did what that matters for security and privacy.",
        DataCategory.Configuration => "to run the platform as the customer set it up.",
        _ => throw new ArgumentOutOfRangeException(nameof(category), category, "This category has no purpose yet."),
    };

    private static string RecipientsOf(DataCategory category) => category switch
    {
        DataCategory.Content => "the other participants; the organisation's applications",
        DataCategory.Identity => "the organisation's applications",
        _ => "the organisation's administrators, in the roles that may read it",
    };

    /// <summary>Kinds that belong to a person, mention one, or hold what people say; the rest is no processing of personal data.</summary>
    private IEnumerable<InventoryKind> Personal() => inventory.Kinds.Where(kind =>
        kind.Fields.Any(field => field.Subject is not null) || kind.Category is nameof(DataCategory.Content) or nameof(DataCategory.Identity));

    private static string SubjectsOf(InventoryKind kind)
    {
        var whose = kind.Fields.Select(field => field.Subject).Where(subject => subject is not null).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        return whose.Count == 0 ? "whoever takes part in it" : string.Join(", ", whose.Select(subject => subject == "owner" ? "the person whose record it is" : "people whom it mentions"));
    }

    private static string Sealed(InventoryKind kind) => Names(kind.Fields.Where(field => field.IsSealed));

    /// <summary>Plain fields never identify a person; those that concern one, such as a handle or an instant, are named.</summary>
    private static string Readable(InventoryKind kind) => Names(kind.Fields.Where(field => !field.IsSealed));

    private static string Names(IEnumerable<InventoryField> fields) =>
        string.Join(", ", fields.Select(field => Words(field.Name))) is { Length: > 0 } names ? names : "none";

    private static string Words(string member) => DataInventory.Words(member);

    private static string Cell(string value) => value.Replace("|", "\\|", StringComparison.Ordinal);

    private static void Append(StringBuilder text, IEnumerable<string> cells) =>
        text.AppendJoin(',', cells.Select(cell => $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")).Append("\r\n");
}
