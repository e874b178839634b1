using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>What happened to a record.</summary>
public enum Change
{
    /// <summary>It is new.</summary>
    Inserted = 0,

    /// <summary>It has a new content.</summary>
    Put = 1,

    /// <summary>It is gone, and all that belonged to it; the records below it are not told one by one.</summary>
    Deleted = 2,
}

/// <summary>One entry of the change feed: what changed, never its content.</summary>
/// <param name="Position">Where in the feed; rises.</param>
/// <param name="At">When it was committed.</param>
/// <param name="Resource">The number of the resource.</param>
/// <param name="Kind">The kind of record.</param>
/// <param name="Change">What happened.</param>
/// <param name="Key">The record's key.</param>
/// <param name="Version">The row version after the change.</param>
public sealed record FeedEntry(long Position, DateTimeOffset At, long Resource, RecordKind Kind, Change Change, IReadOnlyList<ColumnValue> Key, long Version);

/// <summary>A position in the feed of one store. A store that was restored or failed over has a new epoch, and positions of the old one mean nothing in it.</summary>
/// <param name="Epoch">The feed's epoch.</param>
/// <param name="Number">The position; 0 is before the first entry.</param>
public readonly record struct FeedPosition(long Epoch, long Number);

/// <summary>Some entries, and where the feed begins and ends.</summary>
/// <param name="Entries">Entries after the position that was asked for, in order.</param>
/// <param name="Horizon">Entries up to here were trimmed.</param>
/// <param name="End">The last position.</param>
internal sealed record FeedPage(IReadOnlyList<FeedEntry> Entries, FeedPosition Horizon, FeedPosition End)
{
    /// <summary>The position up to which a reader of some kinds has seen everything.</summary>
    public long Through { get; init; }
}

/// <summary>What the store allocated for an appended record.</summary>
/// <param name="Sequence">Its gapless position.</param>
/// <param name="Arrival">Its instant of arrival in milliseconds of the epoch.</param>
public readonly record struct Appended(long Sequence, long Arrival);
