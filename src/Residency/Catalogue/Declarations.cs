namespace Domicile.Residency;

/// <summary>What a record is, in the words of a privacy officer. The category carries the default rules.</summary>
public enum DataCategory
{
    /// <summary>What people write or say to each other.</summary>
    Content,

    /// <summary>Who a person is to the platform.</summary>
    Identity,

    /// <summary>Who called whom, when, for how long.</summary>
    CallMetadata,

    /// <summary>A person's wish not to be written to; kept so that it can be respected.</summary>
    OptOut,

    /// <summary>How much was used, for billing.</summary>
    Usage,

    /// <summary>Counts of people and groups.</summary>
    Census,

    /// <summary>What was said to support.</summary>
    Support,

    /// <summary>What went wrong.</summary>
    ErrorReport,

    /// <summary>Which operations ran.</summary>
    OperationLog,

    /// <summary>Who did what that matters for security and privacy.</summary>
    Audit,

    /// <summary>How a customer set the platform up.</summary>
    Configuration,
}

/// <summary>When a record must be gone.</summary>
public enum Retention
{
    /// <summary>When someone deletes it, and not before.</summary>
    UntilDeleted,

    /// <summary>With the record that is its parent.</summary>
    WithParent,

    /// <summary>A number of days after its <see cref="ClockAttribute"/>.</summary>
    FixedAge,

    /// <summary>At the instant in its <see cref="ExpiresAttribute"/> column; without one, when someone deletes it.</summary>
    StoredDate,

    /// <summary>A number of days after something ended that it names in its <see cref="EndsWithAttribute"/> column: an organisation that left, a number that was released.</summary>
    AtEvent,
}

/// <summary>How the rows of a kind lie on disk.</summary>
public enum Layout
{
    /// <summary>Found by key, changed in place.</summary>
    Rows,

    /// <summary>Written once at the end of its parent's sequence: a heap with one index by parent.</summary>
    Append,
}

/// <summary>What the erasure of a person does to the records that are theirs.</summary>
public enum ErasureRule
{
    /// <summary>Not stated; allowed only for kinds that belong to nobody.</summary>
    None,

    /// <summary>The row goes.</summary>
    Delete,

    /// <summary>The row stays so that others' history keeps its shape; its content and the reference to the person go.</summary>
    Depersonalise,

    /// <summary>The record stays until it expires, for the stated legal reason.</summary>
    KeepUntilExpiry,
}

/// <summary>How near the data comes to rest. Published in the inventory.</summary>
public enum Exposure
{
    /// <summary>Read elsewhere, passed on, not kept.</summary>
    Accessed,

    /// <summary>Kept for a short while, made again when lost.</summary>
    Cached,

    /// <summary>At rest.</summary>
    Stored,
}

/// <summary>Declares a kind of record. Nothing persists without one.</summary>
/// <param name="kind">The kind's name: module, dot, noun; never changed once data is at rest.</param>
/// <param name="category">What it is.</param>
/// <param name="retention">When it must be gone.</param>
/// <param name="layout">How its rows lie.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RecordAttribute(string kind, DataCategory category, Retention retention, Layout layout = Layout.Rows) : Attribute
{
    /// <summary>The kind's name.</summary>
    public string Kind { get; } = kind;

    /// <summary>What it is.</summary>
    public DataCategory Category { get; } = category;

    /// <summary>When it must be gone.</summary>
    public Retention Retention { get; } = retention;

    /// <summary>How its rows lie.</summary>
    public Layout Layout { get; } = layout;

    /// <summary>Days after the clock, for <see cref="Retention.FixedAge"/>: 1–36500; days after the event, for <see cref="Retention.AtEvent"/>, which may be 0.</summary>
    public int AgeDays { get; init; }

    /// <summary>What the erasure of its owner does to it.</summary>
    public ErasureRule Erasure { get; init; }

    /// <summary>The legal reason, for <see cref="ErasureRule.KeepUntilExpiry"/>.</summary>
    public string? ErasureReason { get; init; }

    /// <summary>Whether what a record said before counts too, so that a hold keeps it from being changed. What is appended is a history anyway.</summary>
    public bool IsHistory { get; init; }

    /// <summary>
    /// Whether it is a copy on its way to somebody else, such as an event that waits to be delivered: what it says is kept where it was copied from, so no hold keeps the copy.
    /// Such a kind has a fixed age or a stored date, so that it goes whether it arrives or not.
    /// </summary>
    public bool IsTransit { get; init; }

    /// <summary>Accessed, cached or stored.</summary>
    public Exposure Exposure { get; init; } = Exposure.Stored;

    /// <summary>A sentence for the published inventory.</summary>
    public string? Note { get; init; }
}

/// <summary>A part of the key, in the order of declaration.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyAttribute : Attribute;

/// <summary>The record that this one belongs to: it is sealed under its key and dies with it.</summary>
/// <typeparam name="T">The parent's kind.</typeparam>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ParentAttribute<T> : Attribute, IParentDeclaration
{
    Type IParentDeclaration.Parent => typeof(T);
}

internal interface IParentDeclaration
{
    Type Parent { get; }
}

/// <summary>Position within the parent: the store allocates it, 1, 2, 3 … without gaps.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SequenceAttribute : Attribute;

/// <summary>
/// Instant of arrival within the parent, in milliseconds of the epoch, strictly increasing: the store allocates it, unless it is given and still increases.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ArrivalAttribute : Attribute;

/// <summary>A version 7 UUID, known before the batch: what the seal binds when the store allocates the key.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class IdentityAttribute : Attribute;

/// <summary>The person whose record it is: sealed under their key, so that their erasure ends it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OwnerAttribute : Attribute
{
    /// <summary>
    /// The kind that says in which parents the person's records can lie, for kinds too hot for an index by person. Without it the column is indexed.
    /// </summary>
    public Type? FoundBy { get; init; }
}

/// <summary>A person whom the record mentions by handle; indexed, so that the mention is found.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SubjectAttribute : Attribute;

/// <summary>A column that is readable at rest, and why. Never personal data.</summary>
/// <param name="reason">Why it must be readable.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PlainAttribute(string reason) : Attribute
{
    /// <summary>Why it must be readable.</summary>
    public string Reason { get; } = reason;
}

/// <summary>
/// A sealed file that belongs to the record: bound to it, sealed under the same keys, gone when the record goes. The member is a <see cref="BlobRef"/> that may
/// be empty; a record has one at most.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BlobAttribute : Attribute;

/// <summary>The instant from which the age of the record counts.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ClockAttribute : Attribute;

/// <summary>The instant at which the record must be gone.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ExpiresAttribute : Attribute;

/// <summary>
/// The instant at which a relation ended, such as a membership; empty while it lasts. A record that has ended is still found, but no longer counts when a batch
/// requires it.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class EndedAttribute : Attribute;

/// <summary>
/// What must have ended for the record to go: the name of the event. The column holds the 64-bit key of what ends, which is not always a record here.
/// </summary>
/// <param name="ending">The event's name: noun, dot, past participle, such as <c>organisation.left</c>.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class EndsWithAttribute(string ending) : Attribute
{
    /// <summary>The event's name.</summary>
    public string Ending { get; } = ending;
}

/// <summary>
/// A kind whose age a resource may set, and what is appended below a root also for one root, within these days. What is appended has no age of its own: without a rule it
/// goes with its root.
/// </summary>
/// <param name="least">The fewest days, 1–36500.</param>
/// <param name="most">The most days, 1–36500.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KeptBetweenAttribute(int least, int most) : Attribute
{
    /// <summary>The fewest days.</summary>
    public int Least { get; } = least;

    /// <summary>The most days.</summary>
    public int Most { get; } = most;
}

/// <summary>What customers may set of how long a kind is kept.</summary>
/// <param name="DefaultDays">Days when nobody set any; 0 for no limit.</param>
/// <param name="Least">The fewest days.</param>
/// <param name="Most">The most days.</param>
/// <param name="MayBeUnlimited">Whether it may have no limit, said as 0 days.</param>
/// <param name="PerRoot">Whether it can also be set for one root.</param>
public sealed record RetentionChoice(int DefaultDays, int Least, int Most, bool MayBeUnlimited, bool PerRoot)
{
    /// <summary>Whether a customer may choose so many days.</summary>
    public bool Allows(int days) => days == 0 ? MayBeUnlimited : days >= Least && days <= Most;
}

/// <summary>
/// A kind whose records go when nothing was appended below them for so many days; a resource can set another number, or 0 for never.
/// </summary>
/// <typeparam name="T">The kind of what is appended.</typeparam>
/// <param name="days">Days by default, 1–3650.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class IdleAfterAttribute<T>(int days) : Attribute, IIdleDeclaration
{
    /// <summary>Days by default.</summary>
    public int Days { get; } = days;

    Type IIdleDeclaration.Appended => typeof(T);
}

/// <summary>When a record that is not used goes.</summary>
internal interface IIdleDeclaration
{
    /// <summary>Days by default.</summary>
    int Days { get; }

    /// <summary>The type of what is appended.</summary>
    Type Appended { get; }
}

/// <summary>When a record goes because nothing was appended below it.</summary>
/// <param name="Appended">The kind of what is appended.</param>
/// <param name="Days">Days by default.</param>
public sealed record IdleRule(RecordKind Appended, int Days);

/// <summary>How often the row was written, from 1; the store keeps it and refuses a put of an older one.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class VersionAttribute : Attribute;

/// <summary>Set by the store when the content can no longer be opened because the owner was erased: the day of it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ErasedAttribute : Attribute;

/// <summary>A note for the published inventory on one member.</summary>
/// <param name="text">The note.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NoteAttribute(string text) : Attribute
{
    /// <summary>The note.</summary>
    public string Text { get; } = text;
}

/// <summary>
/// What a person may have corrected: a text, or names and values, in the sealed part of a record that is theirs and that has a <see cref="VersionAttribute"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RectifiableAttribute : Attribute;

/// <summary>An index, and the query that it serves.</summary>
/// <param name="serves">The query, in words.</param>
/// <param name="columns">Members of the record, in order.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class IndexAttribute(string serves, params string[] columns) : Attribute
{
    /// <summary>The query, in words.</summary>
    public string Serves { get; } = serves;

    /// <summary>Members of the record, in order.</summary>
    public string[] Columns { get; } = columns;

    /// <summary>Whether two rows of one resource may not share the values.</summary>
    public bool Unique { get; init; }
}
