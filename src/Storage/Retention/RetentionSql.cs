using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// What is due, as SQL that both engines understand, made from the declarations. How many days hold for a row is asked for where the row lies: what the resource set, or the
/// kind's default; and what its root set, when that is shorter. What is held is never due.
/// </summary>
internal sealed class RetentionSql
{
    /// <summary>Days that are no limit: longer than any rule, and still an instant.</summary>
    private const string Forever = "1000000";

    /// <summary>Said with its width: the numbers of PostgreSQL are narrow otherwise.</summary>
    private const string Day = "CAST(86400000 AS bigint)";

    private readonly string? _rules;
    private readonly string? _rootRules;
    private readonly string? _endings;
    private readonly HoldSql? _holds;

    public RetentionSql(IReadOnlyList<RecordKind> kinds, HoldSql? holds)
    {
        string? TableOf(Type type) => kinds.FirstOrDefault(kind => kind.ClrType == type) is { } kind ? Q(kind.Table) : null;
        (_rules, _rootRules, _endings, _holds) = (TableOf(typeof(RetentionRule)), TableOf(typeof(RootRetentionRule)), TableOf(typeof(Ending)), holds);
    }

    /// <summary>Whether rows of the kind are found by an instant of their own.</summary>
    public bool IsSwept(RecordKind kind) => kind.ExpiryColumn >= 0 || (kind.EndingColumn >= 0 && _endings is not null);

    /// <summary>Keys of rows that are due: resource, then the key.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="keys">The columns of its key.</param>
    /// <param name="now">The parameter with the instant.</param>
    /// <param name="take">The parameter with how many at most.</param>
    public string Expired(RecordKind kind, string keys, string now, string take)
    {
        if (kind.EndingColumn >= 0)
        {
            var named = $"t.{Q(kind.Columns[kind.EndingColumn].Name)}";
            return $"SELECT t.resource, {keys} FROM {_endings} e JOIN {Q(kind.Table)} t ON t.resource = e.resource AND {named} = e.target WHERE e.event = '{kind.Ending}' AND e.at <= {now} - {Days(kind.Age)} * {Day}{Free(kind)} LIMIT {take}";
        }

        var column = $"t.{Q(kind.Columns[kind.ExpiryColumn].Name)}";
        var due = kind.Retention != Retention.FixedAge ? $"{column} <= {now}"
            : kind.Choice is not { } choice ? $"{column} <= {now} - {Days(kind.Age)} * {Day}"

            // The first comparison is what the index serves.
            : $"{column} <= {now} - {choice.Least} * {Day} AND {column} <= {now} - {DaysOf(kind, null, now)} * {Day}";
        return $"SELECT t.resource, {keys} FROM {Q(kind.Table)} t WHERE {column} IS NOT NULL AND {due}{Free(kind)} ORDER BY {column} LIMIT {take}";
    }

    /// <summary>Roots, each with the days without use after which it goes: resource, key, clock, last arrival, days.</summary>
    public string Idle(RecordKind kind, string head, string now, string after, string take)
    {
        var key = $"t.{Q(kind.Columns[kind.ReferenceColumn].Name)}";
        var clock = kind.Columns.First(column => column.Role.HasFlag(ColumnRole.Clock)).Name;
        return $"SELECT t.resource, {key}, t.{Q(clock)}, coalesce(h.arrival, 0), {DaysOf(kind, key, now)} FROM {Q(kind.Table)} t LEFT JOIN {head} h ON h.parent = {key} WHERE {key} > {after} ORDER BY {key} LIMIT {take}";
    }

    /// <summary>Roots, each with the days after which what is appended below it goes, and whether anything is that old: resource, key, days, whether.</summary>
    public string Aging(RecordKind appended, string now, string after, string take)
    {
        var key = $"t.{Q(appended.Parent!.Columns[appended.Parent.ReferenceColumn].Name)}";
        var (parent, arrival) = (Q(appended.Columns[appended.ParentColumn].Name), Q(appended.Columns[appended.ArrivalColumn].Name));
        return $"""
            SELECT r.resource, r.root, r.days, CASE WHEN EXISTS (SELECT 1 FROM {Q(appended.Table)} m WHERE m.{parent} = r.root AND m.{arrival} <= {now} - r.days * {Day}) THEN 1 ELSE 0 END
            FROM (SELECT t.resource, {key} AS root, {DaysOf(appended, key, now)} AS days FROM {Q(appended.Parent.Table)} t WHERE {key} > {after} ORDER BY {key} LIMIT {take}) r ORDER BY r.root
            """;
    }

    /// <summary>Whether anybody set an age for a kind that has none by itself: mostly not, and then nothing is looked for.</summary>
    public string AnyAge(RecordKind appended) =>
        $"SELECT CASE WHEN EXISTS (SELECT 1 FROM {_rules} WHERE kind = '{appended.Name}') OR EXISTS (SELECT 1 FROM {_rootRules} WHERE kind = '{appended.Name}') THEN 1 ELSE 0 END";

    /// <summary>Whether rules can be set at all in this catalogue.</summary>
    public bool HasRules => _rules is not null && _rootRules is not null;

    /// <summary>The condition for what is appended below a root, so old, and free.</summary>
    public string Old(RecordKind appended, string root, string upTo) =>
        $"t.{Q(appended.Columns[appended.ParentColumn].Name)} = {root} AND t.{Q(appended.Columns[appended.ArrivalColumn].Name)} <= {upTo}{Free(appended)}";

    /// <summary>Counts of what a rule would delete, for each kind of which it would delete something. Parameters: <c>@resource</c>, <c>@before</c>, <c>@root</c>.</summary>
    public IEnumerable<(RecordKind Kind, string Sql)> WouldDelete(RecordKind kind, bool ofRoot)
    {
        if (kind.Layout == Layout.Append)
        {
            var (parent, top) = ($"t.{Q(kind.Columns[kind.ParentColumn].Name)}", Q(kind.Parent!.Columns[kind.Parent.ReferenceColumn].Name));
            var where = ofRoot ? $"{parent} = @root AND p.resource = @resource" : "p.resource = @resource";
            yield return (kind, $"SELECT count(*) FROM {Q(kind.Parent.Table)} p JOIN {Q(kind.Table)} t ON {parent} = p.{top} WHERE {where} AND t.{Q(kind.Columns[kind.ArrivalColumn].Name)} <= @before{Free(kind)}");
            yield break;
        }

        if (kind.Idle is not { } idle)
        {
            yield return (kind, $"SELECT count(*) FROM {Q(kind.Table)} t WHERE t.resource = @resource AND t.{Q(kind.Columns[kind.ExpiryColumn].Name)} <= @before{Free(kind)}");
            yield break;
        }

        var key = $"t.{Q(kind.Columns[kind.ReferenceColumn].Name)}";
        var clock = Q(kind.Columns.First(column => column.Role.HasFlag(ColumnRole.Clock)).Name);
        var roots = $"FROM {Q(kind.Table)} t LEFT JOIN {Q($"{idle.Appended.Table}_head")} h ON h.parent = {key} WHERE t.resource = @resource{(ofRoot ? $" AND {key} = @root" : "")} AND t.{clock} <= @before AND coalesce(h.arrival, 0) <= @before{Free(kind)}";
        yield return (kind, $"SELECT count(*) {roots}");
        foreach (var child in kind.Children)
        {
            yield return (child, $"SELECT count(*) FROM {Q(child.Table)} c WHERE c.{Q(child.Columns[child.ParentColumn].Name)} IN (SELECT {key} {roots})");
        }
    }

    /// <summary>The instant from which the oldest row of a kind that is not held is overdue, and how old the oldest is: due, instant; empty where there is none.</summary>
    public string? Oldest(RecordKind kind, string now)
    {
        if (kind.Layout == Layout.Append && kind.Choice is not null && HasRules)
        {
            var (parent, key) = (kind.Parent!, Q(kind.Parent!.Columns[kind.Parent.ReferenceColumn].Name));
            var first = $"(SELECT min(t.{Q(kind.Columns[kind.ArrivalColumn].Name)}) FROM {Q(kind.Table)} t WHERE t.{Q(kind.Columns[kind.ParentColumn].Name)} = p.{key}{Free(kind)})";
            return $"SELECT min(o.first + o.days * {Day}), min(o.first) FROM (SELECT {first} AS first, {DaysOf(kind, $"p.{key}", now, "p")} AS days FROM {Q(parent.Table)} p) o";
        }

        if (kind.EndingColumn >= 0 && _endings is not null)
        {
            return $"SELECT min(e.at + {Days(kind.Age)} * {Day}), min(e.at) FROM {_endings} e JOIN {Q(kind.Table)} t ON t.resource = e.resource AND t.{Q(kind.Columns[kind.EndingColumn].Name)} = e.target WHERE e.event = '{kind.Ending}'{Free(kind)}";
        }

        if (kind.ExpiryColumn < 0)
        {
            return null;
        }

        var column = $"t.{Q(kind.Columns[kind.ExpiryColumn].Name)}";
        var due = kind.Retention != Retention.FixedAge ? column : $"{column} + {(kind.Choice is null ? Days(kind.Age) : DaysOf(kind, null, now))} * {Day}";
        return $"SELECT min({due}), min({column}) FROM {Q(kind.Table)} t WHERE {column} IS NOT NULL{Free(kind)}";
    }

    private static string Q(string name) => $"\"{name}\"";

    private static string Days(TimeSpan age) => ((long)age.TotalDays).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private string Free(RecordKind kind) => _holds is null ? "" : $" AND {_holds.Of(kind)} IS NULL";

    /// <summary>The days that hold for a row.</summary>
    /// <param name="kind">The kind that the rule is for.</param>
    /// <param name="root">The key of the root, where it can have a rule of its own.</param>
    /// <param name="now">The parameter with the instant.</param>
    /// <param name="row">The alias of the row.</param>
    private string DaysOf(RecordKind kind, string? root, string now, string row = "t")
    {
        var days = kind.Choice!.DefaultDays.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (!HasRules)
        {
            return $"coalesce(nullif({days}, 0), {Forever})";
        }

        var holding = $"CASE WHEN r.effective_on > {now} THEN r.previous_days ELSE r.days END";
        var resource = $"coalesce(nullif(coalesce((SELECT {holding} FROM {_rules} r WHERE r.resource = {row}.resource AND r.kind = '{kind.Name}'), {days}), 0), {Forever})";
        if (root is null)
        {
            return resource;
        }

        var own = $"coalesce(nullif((SELECT {holding} FROM {_rootRules} r WHERE r.resource = {row}.resource AND r.kind = '{kind.Name}' AND r.root = {root}), 0), {Forever})";
        return $"CASE WHEN {own} < {resource} THEN {own} ELSE {resource} END";
    }
}
