using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>Decides whether a plan is carried out: the same rules on every engine. It looks before anything is written, so that a refusal leaves no trace.</summary>
internal static class PlanReview
{
    /// <summary>The columns of people with whose erasure a record of the kind goes or is depersonalised, or whom a hold is about: once it has begun, none is written.</summary>
    public static IReadOnlyList<int> PeopleOf(RecordKind kind) =>
        kind.ClrType == typeof(Hold) ? [.. Enumerable.Range(0, kind.Columns.Count).Where(i => kind.Columns[i].Role.HasFlag(ColumnRole.Subject))]
        : kind.Erasure is ErasureRule.Delete or ErasureRule.Depersonalise
            ? [.. Enumerable.Range(0, kind.Columns.Count).Where(i => i == kind.OwnerColumn || (kind.Erasure == ErasureRule.Delete && kind.Columns[i].Role.HasFlag(ColumnRole.Subject)))]
            : [];

    /// <summary>Why the plan is not carried out, or null.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="rows">What is there.</param>
    public static Problem? Refusal(Plan plan, IKnownRows rows)
    {
        if (plan.Lock is { } root && !rows.HasRoot(root.Kind, root.Id, plan.Resource))
        {
            return root.Otherwise;
        }

        if (!rows.HasResource(plan.Resource) && plan.Writes.Any(write => write.What != WriteKind.Delete))
        {
            return StorageProblems.Gone;
        }

        if (plan.Unused is { } unused && rows.LastArrival(unused.Appended, unused.Id) != unused.LastArrival)
        {
            return StorageProblems.Changed;
        }

        foreach (var check in plan.Checks)
        {
            var holds = check.MustExist ? rows.Lasts(check.Kind, check.Key, plan.Resource) : !rows.Exists(check.Kind, check.Key, plan.Resource);
            if (!holds)
            {
                return check.Otherwise;
            }
        }

        foreach (var write in plan.Writes)
        {
            if (RefusalOf(plan, write, rows) is { } refused)
            {
                return refused;
            }
        }

        return Precedence.Refusal(plan.Erased, plan.Resource, rows);
    }

    private static Problem? RefusalOf(Plan plan, Write write, IKnownRows rows)
    {
        var (kind, resource) = (write.Kind, plan.ResourceOf(write));
        if (write.What != WriteKind.Delete && IsOfErased(write, rows, rows.PeopleOf(kind)))
        {
            return StorageProblems.Gone;
        }

        switch (write.What)
        {
            case WriteKind.Append:
                return HasParent(plan, write, rows) ? null : StorageProblems.Gone;
            case WriteKind.Insert:
                return rows.Exists(kind, write.Key, resource) ? write.Otherwise ?? StorageProblems.Exists
                    : !HasParent(plan, write, rows) || (kind.Children.Count > 0 && rows.IsGoing(kind, write.Key[0].Number, resource)) ? StorageProblems.Gone
                    : rows.IsTaken(kind, write, resource) ? StorageProblems.Exists
                    : null;
            case WriteKind.Put:
                var version = rows.VersionOf(kind, write.Key, resource);
                return version == 0 ? write.Otherwise ?? StorageProblems.Missing
                    : Precedence.Refusal(write, resource, rows) is { } held ? held
                    : version != write.Version - 1 ? StorageProblems.Changed
                    : !HasParent(plan, write, rows) ? StorageProblems.Gone
                    : rows.IsTaken(kind, write, resource) ? StorageProblems.Exists
                    : null;
            case WriteKind.Delete:
                return write.Otherwise is null || rows.Exists(kind, write.Key, resource) ? Precedence.Refusal(write, resource, rows) : write.Otherwise;
            default:
                return null;
        }
    }

    private static bool IsOfErased(Write write, IKnownRows rows, IReadOnlyList<int> people)
    {
        for (var i = 0; i < people.Count; i++)
        {
            if (rows.IsErased(write.Values[people[i]].Number))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether what the record belongs to is there, or comes with the same batch.</summary>
    private static bool HasParent(Plan plan, Write write, IKnownRows rows)
    {
        if (write.Kind.Parent is not { } parent || write.Values[write.Kind.ParentColumn] is not { IsNull: false, Number: var id })
        {
            return true;
        }

        return (plan.Lock is { } root && root.Kind == parent && root.Id == id) || rows.HasRoot(parent, id, plan.ResourceOf(write)) || Inserts(plan, parent, id);

        static bool Inserts(Plan plan, RecordKind kind, long id) =>
            plan.Writes.Any(other => other.What == WriteKind.Insert && other.Kind == kind && other.Key[0].Number == id);
    }
}
