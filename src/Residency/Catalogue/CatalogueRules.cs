using System.Text.RegularExpressions;

namespace Domicile.Residency;

/// <summary>What must be true of every kind, and of all of them together.</summary>
internal static partial class CatalogueRules
{
    private static readonly ColumnRole[] Once =
    [
        ColumnRole.Parent, ColumnRole.Sequence, ColumnRole.Arrival, ColumnRole.Identity, ColumnRole.Owner, ColumnRole.Clock, ColumnRole.Expires, ColumnRole.Ended, ColumnRole.Blob,
    ];

    /// <summary>Days for which error reports are kept at most.</summary>
    private const int ErrorDaysMax = 90;

    /// <summary>Columns that every table has, and words that SQLite (https://sqlite.org/lang_keywords.html) or PostgreSQL reserve and a member may well be called.</summary>
    private static readonly HashSet<string> Taken = new(StringComparer.Ordinal)
    {
        "resource", "version", "payload", "rowid", "oid",
        "add", "all", "alter", "analyse", "analyze", "and", "any", "array", "as", "asc", "autoincrement", "between", "both", "case", "cast", "check", "collate",
        "column", "commit", "constraint", "create", "current_date", "current_time", "current_timestamp", "default", "deferrable", "delete", "desc", "distinct",
        "do", "drop", "else", "end", "escape", "except", "exists", "false", "fetch", "for", "foreign", "from", "grant", "group", "having", "in", "index", "initially",
        "insert", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "limit", "not", "notnull", "null", "offset", "on", "only", "or", "order",
        "placing", "primary", "references", "returning", "select", "session_user", "set", "some", "symmetric", "table", "then", "to", "trailing", "transaction",
        "true", "union", "unique", "update", "user", "using", "values", "variadic", "when", "where", "window", "with",
    };

    public static IEnumerable<string> FaultsOf(RecordKind kind)
    {
        if (!KindName().IsMatch(kind.Name))
        {
            yield return $"{kind.Name}: a kind is named module.noun, in letters.";
        }

        if (kind.Name.Split('.')[0] is "engine" or "sqlite")
        {
            yield return $"{kind.Name}: engine and sqlite are not modules; the database keeps tables of its own under these names.";
        }

        foreach (var column in kind.Columns.Where(column => Taken.Contains(column.Name)))
        {
            yield return $"{kind.Name}: {column.Member} is a word of SQL or of the store, so no column can have that name.";
        }

        if (kind.KeyColumns.Count == 0)
        {
            yield return $"{kind.Name}: a record without [Key] cannot be found again.";
        }

        foreach (var fault in FaultsOfPeople(kind).Concat(FaultsOfTime(kind)).Concat(FaultsOfPlace(kind)).Concat(FaultsOfIndexes(kind)).Concat(FaultsOfFiles(kind)))
        {
            yield return $"{kind.Name}: {fault}";
        }
    }

    /// <summary>What a kind has once, it must not have twice.</summary>
    public static IEnumerable<string> FaultsOfTwice(RecordKind kind, string member, ColumnRole role, IReadOnlyList<Column> before) =>
        from once in Once
        where role.HasFlag(once) && before.Any(column => column.Role.HasFlag(once))
        select $"{kind.Name}: {member} is the second [{once}]; a record has one.";

    public static IEnumerable<string> FaultsOf(IReadOnlyList<RecordKind> kinds) =>
        kinds.GroupBy(kind => kind.Table).Where(group => group.Count() > 1)
            .Select(group => $"{string.Join(" and ", group.Select(kind => kind.Name))} would share the table {group.Key}.")
            .Concat(kinds.Where(kind => kind.OwnerFoundBy is not null).SelectMany(kind => FaultsOfFinder(kind, kinds.FirstOrDefault(other => other.ClrType == kind.OwnerFoundBy))));

    private static IEnumerable<string> FaultsOfFinder(RecordKind kind, RecordKind? finder)
    {
        if (finder is null)
        {
            yield return $"{kind.Name}: its owner is found by {kind.OwnerFoundBy!.Name}, which is not in the catalogue.";
        }
        else if (finder.Parent != kind.Parent || !finder.Columns.Any(column => column.Role.HasFlag(ColumnRole.Subject) || (column.Role.HasFlag(ColumnRole.Owner) && finder.OwnerFoundBy is null)))
        {
            yield return $"{kind.Name}: its owner is found by {finder.Name}, which needs the same parent and an indexed person.";
        }
        else if (finder.Retention != Retention.WithParent || finder.EndedColumn < 0)
        {
            yield return $"{kind.Name}: its owner is found by {finder.Name}, which must therefore stay as long as their parent: [Ended], and not deleted.";
        }
    }

    private static IEnumerable<string> FaultsOfPeople(RecordKind kind)
    {
        var people = kind.OwnerColumn >= 0 || kind.Columns.Any(column => column.Role.HasFlag(ColumnRole.Subject));
        if (people && kind.Erasure == ErasureRule.None)
        {
            yield return "it belongs to a person, but does not say what their erasure does to it.";
        }

        if (!people && kind.Erasure != ErasureRule.None)
        {
            yield return "it has a rule for erasure, but no [Owner] or [Subject].";
        }

        if (kind.Erasure == ErasureRule.KeepUntilExpiry && string.IsNullOrWhiteSpace(kind.ErasureReason))
        {
            yield return "it outlives the erasure of its owner without a stated legal reason.";
        }

        if (kind.Erasure == ErasureRule.KeepUntilExpiry && kind.OwnerColumn >= 0)
        {
            yield return "it outlives the erasure of its owner, so it must not be sealed under them; say [Subject].";
        }

        if (kind.Erasure == ErasureRule.Depersonalise && !kind.SaysErased)
        {
            yield return "its rows outlive their owner, so it needs an [Erased] member to say so.";
        }

        if (kind.Erasure == ErasureRule.Depersonalise && kind.OwnerColumn >= 0 && IsPartOfAName(kind, kind.OwnerColumn))
        {
            yield return "its rows outlive their owner, whose reference is then cut, so the owner cannot be part of the key or of a unique index.";
        }

        foreach (var column in kind.Columns.Where(column => (column.Role & (ColumnRole.Owner | ColumnRole.Subject)) != 0 && column.ClrType != typeof(SubjectRef)))
        {
            yield return $"{column.Member} is [Owner] or [Subject], so it is a SubjectRef.";
        }

        foreach (var column in kind.Columns.Where(column => column.ClrType == typeof(SubjectRef)))
        {
            if ((column.Role & (ColumnRole.Owner | ColumnRole.Subject)) == 0)
            {
                yield return $"{column.Member} is a person, so it is [Owner] or [Subject].";
            }
        }
    }

    private static bool IsPartOfAName(RecordKind kind, int column) =>
        kind.KeyColumns.Contains(column) || kind.Indexes.Any(index => index.Unique && index.Columns.Contains(kind.Columns[column].Member));

    private static IEnumerable<string> FaultsOfTime(RecordKind kind)
    {
        var hasClock = kind.Columns.Any(column => column.Role.HasFlag(ColumnRole.Clock));
        var hasExpiry = kind.Columns.Any(column => column.Role.HasFlag(ColumnRole.Expires));
        if (kind.Retention == Retention.FixedAge && (!hasClock || kind.Age <= TimeSpan.Zero))
        {
            yield return "a fixed age needs AgeDays and a [Clock] from which it counts.";
        }

        if (kind.Retention == Retention.FixedAge && kind.Columns.Any(column => column.Role.HasFlag(ColumnRole.Clock) && column.Nullable))
        {
            yield return "a fixed age counts from a [Clock] that is never empty.";
        }

        if (kind.Retention == Retention.StoredDate && !hasExpiry)
        {
            yield return "a stored date needs an [Expires] member.";
        }

        if ((kind.Retention == Retention.AtEvent) != (kind.EndingColumn >= 0))
        {
            yield return "a record that goes at an event names in one [EndsWith] member what ends, and no other has one.";
        }

        if (kind.EndingColumn >= 0 && (kind.Columns[kind.EndingColumn].Type != ColumnType.Integer || kind.Ending!.Contains('\'', StringComparison.Ordinal)))
        {
            yield return "[EndsWith] is a 64-bit key, and its event a name.";
        }

        if (kind.KeptBetween is { } between
            && ((kind.Retention != Retention.FixedAge && kind.Layout != Layout.Append) || kind.Idle is not null || between.Least < 1 || between.Most < between.Least || between.Most > 36_500
                || (kind.Retention == Retention.FixedAge && (kind.Age.TotalDays < between.Least || kind.Age.TotalDays > between.Most))))
        {
            yield return "[KeptBetween] is for a fixed age, which lies between the two, or for what is appended: 1 to 36500 days.";
        }

        if (kind.IsTransit && kind.Retention is not (Retention.FixedAge or Retention.StoredDate))
        {
            yield return "a copy on its way goes whether it arrives or not, so it has a fixed age or a stored date.";
        }

        if (kind.Category == DataCategory.ErrorReport && ((kind.Retention == Retention.FixedAge && kind.Age.TotalDays > ErrorDaysMax) || kind.KeptBetween?.Most > ErrorDaysMax))
        {
            yield return $"it says what went wrong, and that is kept for {ErrorDaysMax} days at most.";
        }

        if (kind.Retention == Retention.WithParent && kind.ParentColumn < 0)
        {
            yield return "it goes with its parent, but has no [Parent].";
        }

        if (kind.Columns.Where(column => (column.Role & (ColumnRole.Clock | ColumnRole.Expires)) != 0)
            .Any(column => column.ClrType != typeof(DateTimeOffset) && column.ClrType != typeof(DateTimeOffset?)))
        {
            yield return "a [Clock] or [Expires] member is a DateTimeOffset.";
        }
    }

    private static IEnumerable<string> FaultsOfPlace(RecordKind kind)
    {
        if (kind.ParentType is not null && kind.Parent is null)
        {
            yield return $"its parent {kind.ParentType.Name} is not in the catalogue.";
        }

        if (kind.Parent is { } parent && parent.ReferenceColumn < 0)
        {
            yield return $"its parent {parent.Name} has no single 64-bit key.";
        }

        for (var above = kind.Parent; above is not null; above = above.Parent)
        {
            if (above == kind)
            {
                yield return "it is its own ancestor, so nothing outlives it.";
                break;
            }
        }

        var allocated = kind.Columns.Any(column => column.IsAllocated);
        if (allocated && !kind.Columns.Any(column => column.Role.HasFlag(ColumnRole.Identity)))
        {
            yield return "the store allocates its key, so the seal needs an [Identity] to bind.";
        }

        if ((kind.Layout == Layout.Append) != (kind.SequenceColumn >= 0 && kind.ArrivalColumn >= 0 && kind.ParentColumn >= 0))
        {
            yield return "a record that is appended has a [Parent], a [Sequence] and an [Arrival], and no other has.";
        }

        if (kind.Layout == Layout.Append && !kind.KeyColumns.SequenceEqual([kind.ParentColumn, kind.ArrivalColumn]))
        {
            yield return "the key of a record that is appended is its [Parent], then its [Arrival].";
        }

        if (kind.SequenceColumn >= 0 && kind.Columns[kind.SequenceColumn].ClrType != typeof(long)
            || kind.ArrivalColumn >= 0 && kind.Columns[kind.ArrivalColumn].ClrType != typeof(long))
        {
            yield return "a [Sequence] or an [Arrival] is a long.";
        }

        if (kind.ParentColumn >= 0 && kind.Columns[kind.ParentColumn].Type != ColumnType.Integer)
        {
            yield return "its [Parent] is not the 64-bit key of one.";
        }

        if (kind.OwnerFoundBy is not null && kind.ParentColumn < 0)
        {
            yield return "FoundBy names the parents in which an owner's records lie, but it has no [Parent].";
        }
    }

    private static IEnumerable<string> FaultsOfIndexes(RecordKind kind) =>
        from index in kind.Indexes
        from member in index.Columns
        where kind.Columns.All(column => column.Member != member)
        select $"the index for “{index.Serves}” names {member}, which is not a column.";

    private static IEnumerable<string> FaultsOfFiles(RecordKind kind)
    {
        foreach (var column in kind.Columns.Where(column => column.Role.HasFlag(ColumnRole.Blob) != (column.ClrType == typeof(BlobRef?))))
        {
            yield return $"{column.Member} must be both: [Blob], and a BlobRef that may be empty.";
        }

        if (kind.BlobColumn >= 0 && (kind.Columns[kind.BlobColumn].Role != ColumnRole.Blob || kind.Indexes.Any(index => index.Columns.Contains(kind.Columns[kind.BlobColumn].Member))))
        {
            yield return $"{kind.Columns[kind.BlobColumn].Member} names a file and is nothing else: it is in no key and in no index of the module's.";
        }

        foreach (var member in kind.ClrType.GetProperties().Where(property => property.PropertyType == typeof(BlobRef)))
        {
            yield return $"{member.Name} is a file, which may be empty: BlobRef?.";
        }

        foreach (var member in kind.SealedMembers.Where(member => kind.ClrType.GetProperty(member.Name)!.PropertyType == typeof(BlobRef?)))
        {
            yield return $"{member.Name} is a file, so it is [Blob]: a file that no column names is an orphan.";
        }
    }

    [GeneratedRegex(@"\A[a-z][a-zA-Z]*\.[a-z][a-zA-Z]*\z")]
    private static partial Regex KindName();
}
