using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>What an engine knows of its rows while it decides on a plan: as they are under the plan's locks, earlier plans of the same group included.</summary>
internal interface IKnownRows
{
    /// <summary>Whether there is a resource of that number; 0 is the geography's own.</summary>
    bool HasResource(long resource);

    /// <summary>Whether a root of this resource exists.</summary>
    bool HasRoot(RecordKind kind, long id, long resource);

    /// <summary>Whether a record exists.</summary>
    bool Exists(RecordKind kind, ColumnValue[] key, long resource);

    /// <summary>Whether a record exists and has not ended.</summary>
    bool Lasts(RecordKind kind, ColumnValue[] key, long resource);

    /// <summary>The row version of a record; 0 when there is none.</summary>
    long VersionOf(RecordKind kind, ColumnValue[] key, long resource);

    /// <summary>Whether another row has what must be unique.</summary>
    bool IsTaken(RecordKind kind, Write write, long resource);

    /// <summary>Whether a root of that key was deleted and what was below it is not yet gone: a new one would go with it.</summary>
    bool IsGoing(RecordKind kind, long root, long resource);

    /// <summary>The columns of people of a kind, as <see cref="PlanReview.PeopleOf"/> tells them.</summary>
    IReadOnlyList<int> PeopleOf(RecordKind kind);

    /// <summary>Whether the person's erasure has begun. What was sealed before that and is still on its way must not be written any more.</summary>
    bool IsErased(long person);

    /// <summary>A hold that covers a record, or null.</summary>
    Guid? HoldOn(RecordKind kind, ColumnValue[] key, long resource);

    /// <summary>A hold that keeps a person from being erased, or null.</summary>
    Guid? HoldOnPerson(long person, long resource);

    /// <summary>The last arrival below a root; 0 when there was none.</summary>
    long LastArrival(RecordKind appended, long root);
}
