using System.Globalization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// The question whether a hold covers a row, as SQL that both engines understand, made from the declarations: so that a new kind in a new module is held without a
/// line of its own; a copy on its way to somebody else is not. A row is covered by a hold on its resource, on a person whom it names, on itself or a root above it; and a root also by a hold on a person who
/// has something below it, or on a root below it, because they would go with it.
/// </summary>
internal sealed class HoldSql
{
    private readonly string _holds;
    private readonly string _restrictions;
    private readonly Dictionary<RecordKind, string> _of = [];

    private HoldSql(RecordKind hold, RecordKind restriction)
    {
        _holds = Q(hold.Table);
        _restrictions = Q(restriction.Table);
    }

    /// <summary>Whether there is any hold at all: what is asked first, and mostly answered with no.</summary>
    public string Any => $"EXISTS (SELECT 1 FROM {_holds})";

    /// <returns>Null for a catalogue without holds.</returns>
    public static HoldSql? For(IReadOnlyList<RecordKind> kinds) =>
        kinds.FirstOrDefault(kind => kind.ClrType == typeof(Hold)) is { } hold && kinds.FirstOrDefault(kind => kind.ClrType == typeof(Restriction)) is { } restriction ? new HoldSql(hold, restriction) : null;

    /// <summary>The id of a hold that covers the row <c>t</c> of a kind, or null.</summary>
    public string Of(RecordKind kind)
    {
        lock (_of)
        {
            return _of.TryGetValue(kind, out var known) ? known : _of[kind] = kind.IsTransit
                ? $"CASE WHEN 1 = 0 THEN (SELECT h.id FROM {_holds} h LIMIT 1) END"
                : $"CASE WHEN {Any} THEN coalesce({string.Join(", ", Terms(kind))}, NULL) END";
        }
    }

    /// <summary>
    /// The id of a hold that keeps a person as a whole from being erased, or null: on them, or on their resource. What other holds cover of them is held back when
    /// they are erased (<see cref="Restrictions"/>).
    /// </summary>
    /// <param name="person">The parameter with the handle.</param>
    /// <param name="resource">The parameter with the number of the resource.</param>
    public string OfPerson(string person, string resource) => $"CASE WHEN {Any} THEN coalesce({OnResource(resource)}, {OnPerson(person)}) END";

    /// <summary>Whether a row <c>t</c> that was a person's goes with them: all but what was held back for a hold that stands.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="mark">The parameter with <see cref="Seal.StandInMark"/>.</param>
    public string Goes(RecordKind kind, string mark) => $"CASE WHEN substr(t.payload, 2, 1) = {mark} THEN {Of(kind)} IS NULL ELSE TRUE END";

    /// <summary>Whether a row <c>t</c> that mentions a person goes with them: all but what is held, when something was held back for them.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="person">The parameter with the handle.</param>
    public string GoesMentioning(RecordKind kind, string person) =>
        $"CASE WHEN EXISTS (SELECT 1 FROM {_restrictions} r WHERE r.resource = t.resource AND r.handle = {person}) THEN {Of(kind)} IS NULL ELSE TRUE END";

    /// <summary>The id of any hold in a resource, or null.</summary>
    public string AnyIn(string resource) => $"(SELECT h.id FROM {_holds} h WHERE h.resource = {resource} LIMIT 1)";

    private static string Q(string name) => $"\"{name}\"";

    private string OnResource(string resource) => $"(SELECT h.id FROM {_holds} h WHERE h.resource = {resource} AND h.covers = '{Hold.Resource}' LIMIT 1)";

    private string OnPerson(string person) => $"(SELECT h.id FROM {_holds} h WHERE h.person = {person} AND {person} <> 0 LIMIT 1)";

    private string OnRoot(RecordKind kind, string key) => $"(SELECT h.id FROM {_holds} h WHERE h.root = {key} AND h.covers = '{kind.Name}' LIMIT 1)";

    private IEnumerable<string> Terms(RecordKind kind)
    {
        yield return OnResource("t.resource");
        foreach (var person in People(kind, withFound: true))
        {
            yield return OnPerson($"t.{Q(person.Name)}");
        }

        if (kind.Children.Count > 0)
        {
            yield return OnRoot(kind, $"t.{Q(Key(kind))}");
        }

        foreach (var term in Above(kind, "t", 0))
        {
            yield return term;
        }

        foreach (var term in Below(kind, "", "", $"t.{Q(Key(kind))}", 0))
        {
            yield return term;
        }
    }

    /// <summary>Holds on the roots above a row.</summary>
    private IEnumerable<string> Above(RecordKind kind, string row, int depth)
    {
        if (kind.Parent is not { } parent)
        {
            yield break;
        }

        var key = $"{row}.{Q(kind.Columns[kind.ParentColumn].Name)}";
        yield return OnRoot(parent, key);
        var alias = string.Create(CultureInfo.InvariantCulture, $"a{depth}");
        foreach (var term in Above(parent, alias, depth + 1))
        {
            yield return $"(SELECT {term} FROM {Q(parent.Table)} {alias} WHERE {alias}.{Q(Key(parent))} = {key})";
        }
    }

    /// <summary>Holds on what lies below a root.</summary>
    /// <param name="kind">The kind of root.</param>
    /// <param name="way">The tables between it and the root that is asked about.</param>
    /// <param name="condition">How the first of them is below that root.</param>
    /// <param name="key">The key of this root.</param>
    /// <param name="depth">How far below it is.</param>
    private IEnumerable<string> Below(RecordKind kind, string way, string condition, string key, int depth)
    {
        foreach (var child in kind.Children.Where(child => !child.IsTransit))
        {
            var alias = string.Create(CultureInfo.InvariantCulture, $"b{depth}");
            var link = $"{alias}.{Q(child.Columns[child.ParentColumn].Name)} = {key}";
            var (from, where) = depth == 0 ? ($"{Q(child.Table)} {alias}", link) : ($"{way} JOIN {Q(child.Table)} {alias} ON {link}", condition);
            foreach (var person in People(child, withFound: false))
            {
                yield return $"(SELECT h.id FROM {from} JOIN {_holds} h ON h.person = {alias}.{Q(person.Name)} AND h.person <> 0 WHERE {where} LIMIT 1)";
            }

            if (child.Children.Count > 0)
            {
                yield return $"(SELECT h.id FROM {from} JOIN {_holds} h ON h.root = {alias}.{Q(Key(child))} AND h.covers = '{child.Name}' WHERE {where} LIMIT 1)";
                foreach (var term in Below(child, from, where, $"{alias}.{Q(Key(child))}", depth + 1))
                {
                    yield return term;
                }
            }
        }
    }

    private static string Key(RecordKind kind) => kind.ReferenceColumn < 0 ? "" : kind.Columns[kind.ReferenceColumn].Name;

    private static IEnumerable<Column> People(RecordKind kind, bool withFound) =>
        kind.Columns.Where((column, at) => column.Role.HasFlag(ColumnRole.Subject) || (at == kind.OwnerColumn && (withFound || kind.OwnerFoundBy is null)));
}
