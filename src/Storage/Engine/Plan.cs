using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>A batch as an engine carries it out: everything is sealed and spelled out, nothing is left to decide but what only the database knows.</summary>
/// <param name="Resource">The resource whose rows it may touch.</param>
/// <param name="Lock">The root whose row is the lock, or null.</param>
/// <param name="Checks">What must hold; looked at before anything is written.</param>
/// <param name="Writes">What is written, in order.</param>
internal sealed record Plan(long Resource, RootLock? Lock, IReadOnlyList<Check> Checks, IReadOnlyList<Write> Writes)
{
    /// <summary>The person whose erasure this batch begins, or nobody: their rows are then to go.</summary>
    public SubjectRef Erased { get; init; }

    /// <summary>
    /// What the audit log says of it, or null. The engine gathers those of one transaction and writes their group with it, by <see cref="AuditScribe.Close"/>: one
    /// insert, told of in the feed like any other. When that fails, so does the transaction.
    /// </summary>
    public AuditedBatch? Audited { get; init; }

    /// <summary>What must not have been appended to meanwhile, or null.</summary>
    public IdleRoot? Unused { get; init; }

    /// <summary>Whether it places a hold: then it shares its transaction with nothing that the hold might concern.</summary>
    public bool PlacesHold
    {
        get
        {
            for (var i = 0; i < Writes.Count; i++)
            {
                if (Writes[i].What == WriteKind.Insert && Writes[i].Kind.ClrType == typeof(Hold))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The resource whose row one of the writes is.</summary>
    public long ResourceOf(Write write) => write.IsOfGeography ? ResourceRef.Geography.Number : Resource;
}

/// <summary>A root below which nothing was appended for long.</summary>
/// <param name="Resource">The resource.</param>
/// <param name="Appended">The kind of what is appended.</param>
/// <param name="Id">The root's key.</param>
/// <param name="LastArrival">The last arrival below it; 0 when there was none.</param>
internal sealed record IdleRoot(long Resource, RecordKind Appended, long Id, long LastArrival);

/// <summary>The root that a batch changes under: must exist, and no other batch changes it meanwhile.</summary>
internal sealed record RootLock(RecordKind Kind, long Id, Problem Otherwise);

/// <summary>Something that must hold for the batch to be written.</summary>
/// <param name="Kind">The kind to look at.</param>
/// <param name="Key">The record's key.</param>
/// <param name="MustExist">Whether the record must exist and not have ended, or must not exist.</param>
/// <param name="Otherwise">What to answer when it does not hold.</param>
internal sealed record Check(RecordKind Kind, ColumnValue[] Key, bool MustExist, Problem Otherwise);

/// <summary>What happens to a row.</summary>
internal enum WriteKind
{
    /// <summary>A new row; refused when the key is taken.</summary>
    Insert,

    /// <summary>A new row at the end of its parent's sequence.</summary>
    Append,

    /// <summary>A new content for a row of a known version.</summary>
    Put,

    /// <summary>The row goes, and with it all that belongs to it.</summary>
    Delete,
}

/// <summary>One write.</summary>
/// <param name="Kind">The kind of record.</param>
/// <param name="What">What happens.</param>
/// <param name="Key">The key; for an append, the parent's.</param>
/// <param name="Values">The columns, in order; the allocated ones are filled in by the engine. Empty for a delete.</param>
/// <param name="Payload">The sealed content.</param>
/// <param name="Version">The row version after the write; for a put the row must have the one before.</param>
/// <param name="Otherwise">What to answer when the row is there already (insert), is not there, or has another version (put, delete). Null for a delete that may find nothing.</param>
internal sealed record Write(
    RecordKind Kind, WriteKind What, ColumnValue[] Key, ColumnValue[] Values, byte[]? Payload, long Version, Problem? Otherwise)
{
    /// <summary>Whether the row is one of the geography's own, whichever resource the plan is for: an audit entry outlives the resource.</summary>
    public bool IsOfGeography { get; init; }
}

/// <summary>What became of a plan.</summary>
/// <param name="Refused">Why nothing was written, or null.</param>
/// <param name="Position">The feed position of the last change.</param>
/// <param name="Appended">What the store allocated, for each append in order.</param>
internal readonly record struct EngineOutcome(Problem? Refused, long Position, IReadOnlyList<Appended> Appended);

/// <summary>A row as it lies on disk.</summary>
internal readonly record struct StoredRow(ColumnValue[] Values, long Version, byte[]? Payload);

/// <summary>A row of one of several resources.</summary>
/// <param name="Resource">The number of its resource.</param>
/// <param name="Row">The row.</param>
internal readonly record struct FoundRow(long Resource, StoredRow Row);

/// <summary>A row that was read with those of all resources.</summary>
/// <param name="Resource">The number of its resource.</param>
/// <param name="Row">The row.</param>
/// <param name="Place">Where it stands in the order of the scan.</param>
internal readonly record struct ScannedRow(long Resource, StoredRow Row, ColumnValue[] Place);

/// <summary>Rows below one parent or of one resource, in the order of the key.</summary>
/// <param name="Kind">The kind of record.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Prefix">The first parts of the key that are given; empty for all of the resource.</param>
/// <param name="After">The next part of the key lies after this, when given.</param>
/// <param name="Before">The next part of the key lies before this, when given.</param>
/// <param name="Descending">From the last to the first.</param>
/// <param name="Take">Rows at most, 1–1,000.</param>
internal sealed record RangePlan(
    RecordKind Kind, long Resource, ColumnValue[] Prefix, ColumnValue? After, ColumnValue? Before, bool Descending, int Take);

/// <summary>What is left to be removed after a root, a person or a resource went.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Kind">The kind of the root; null when a person or the whole resource goes.</param>
/// <param name="Key">The root's key, the person's handle, or 0.</param>
/// <param name="Since">When it went.</param>
internal sealed record Purge(long Id, long Resource, RecordKind? Kind, long Key, DateTimeOffset Since);
