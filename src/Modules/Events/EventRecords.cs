using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>That a resource has subscriptions: among the scale unit's own records, so that whoever delivers finds them all at a start.</summary>
[Record("events.subscriber", DataCategory.Configuration, Retention.UntilDeleted, Note = "The ids of resources that have subscriptions to events; nothing of a person.")]
internal sealed record EventSubscriber
{
    /// <summary>The resource.</summary>
    [Key]
    public required Guid ResourceId { get; init; }
}

/// <summary>What a customer's system is told of, and where it is. Its key seals what waits for it; when it is deleted, the key is destroyed.</summary>
[Record("events.subscription", DataCategory.Configuration, Retention.UntilDeleted, Note = "Addresses and secrets of the customer's systems, sealed; they are never shown again.")]
[Index("a subscription by the name that requests name", nameof(Name), Unique = true)]
public sealed record EventSubscription
{
    /// <summary>The key.</summary>
    [Key]
    public required Ref<EventSubscription> Key { get; init; }

    /// <summary>The name, as the administrator chose it.</summary>
    [Plain("requests name it")]
    public required string Name { get; init; }

    /// <summary>When it was created; what happened before is not told.</summary>
    [Plain("shown in lists")]
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The target's address.</summary>
    public required string Target { get; init; }

    /// <summary>The geography in which the target is, as the administrator declared it; null for undeclared.</summary>
    public string? TargetGeography { get; init; }

    /// <summary>Why events may leave the geography, when they may.</summary>
    public string? ExceptionReason { get; init; }

    /// <summary>The types that are told; none for all.</summary>
    public required IReadOnlyList<string> Types { get; init; }

    /// <summary>What subjects begin with; empty for anything.</summary>
    public string SubjectBeginsWith { get; init; } = "";

    /// <summary>What subjects end with; empty for anything.</summary>
    public string SubjectEndsWith { get; init; } = "";

    /// <summary>How events are written.</summary>
    public required EventSchema Schema { get; init; }

    /// <summary>Headers of each delivery, whose values are secrets.</summary>
    public required IReadOnlyList<EventHeader> Headers { get; init; }

    /// <summary>Attempts for one event at most, 1–30.</summary>
    public required int AttemptsMax { get; init; }

    /// <summary>Minutes for which an event is tried, 1–1440.</summary>
    public required int LifeMinutes { get; init; }

    /// <summary>Whether what could not be delivered is kept.</summary>
    public required bool KeepsDeadLetters { get; init; }

    /// <summary>How the target's consent stands.</summary>
    public required SubscriptionState State { get; init; }

    /// <summary>Until when the target may consent by its own call.</summary>
    public DateTimeOffset? ConsentUntil { get; init; }

    /// <summary>The code with which it does.</summary>
    public string? ConsentCode { get; init; }

    /// <summary>Deliveries a minute that the target agreed to; null for no limit.</summary>
    public int? DeliveriesPerMinute { get; init; }

    /// <summary>The resource as events name their source, in the form of an Azure resource id.</summary>
    public required string Topic { get; init; }

    /// <summary>The host of the resource, as deliveries name their origin.</summary>
    public required string Origin { get; init; }
}

/// <summary>How events are written. The numbers are at rest.</summary>
public enum EventSchema
{
    /// <summary>The schema of Event Grid: an array with one event.</summary>
    [JsonStringEnumMemberName("EventGridSchema")]
    EventGrid = 0,

    /// <summary>CloudEvents 1.0: one event in structured mode.</summary>
    [JsonStringEnumMemberName("CloudEventSchemaV1_0")]
    CloudEvents = 1,
}

/// <summary>How a target's consent stands. The numbers are at rest.</summary>
public enum SubscriptionState
{
    /// <summary>It has consented and is told.</summary>
    Active = 0,

    /// <summary>It was asked, and may consent by its own call until the time for that is over.</summary>
    AwaitingManualAction = 1,

    /// <summary>It did not consent in time. Nothing is told.</summary>
    Failed = 2,
}

/// <summary>A header of each delivery.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value, which is a secret.</param>
public sealed record EventHeader(string Name, string Value);

/// <summary>
/// Something that a module tells the resource's subscriptions, on its way from the batch that did it to them. It goes once each was told, or has it waiting.
/// </summary>
[Record(
    "events.notice", DataCategory.Content, Retention.FixedAge, AgeDays = 2, Erasure = ErasureRule.Delete, IsTransit = true,
    Note = "There for moments: until each subscription was told, or has it waiting.")]
internal sealed record EventNotice
{
    /// <summary>The key.</summary>
    [Key]
    public required Ref<EventNotice> Key { get; init; }

    /// <summary>Whom it is about; nobody for what is about nobody.</summary>
    [Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>When it was told.</summary>
    [Clock]
    public required DateTimeOffset At { get; init; }

    /// <summary>What is told.</summary>
    public required EventContent Content { get; init; }

    /// <summary>The only subscription that is told; 0 for all.</summary>
    public Ref<EventSubscription> Only { get; init; }

    /// <summary>What it is told in order with.</summary>
    public long Lane { get; init; }
}

/// <summary>Something that waits to be told to one subscription. It goes when it was.</summary>
[Record(
    "events.delivery", DataCategory.Content, Retention.StoredDate, Erasure = ErasureRule.Delete, IsTransit = true,
    Note = "A copy of what happened, while it waits for the customer's system; gone when it was delivered, a day at most after it was given up.")]
internal sealed record EventDelivery
{
    /// <summary>The subscription.</summary>
    [Key, Parent<EventSubscription>]
    public required Ref<EventSubscription> Subscription { get; init; }

    /// <summary>What it is told in order with: a thread.</summary>
    [Key]
    public required long Lane { get; init; }

    /// <summary>Its place, by the change feed.</summary>
    [Key]
    public required long Number { get; init; }

    /// <summary>Who did what is told.</summary>
    [Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>When it goes, whatever becomes of it.</summary>
    [Expires]
    public required DateTimeOffset ExpiresOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>What is told.</summary>
    public required EventContent Content { get; init; }

    /// <summary>When it began to wait.</summary>
    public required DateTimeOffset QueuedOn { get; init; }

    /// <summary>How many of its parts are done with.</summary>
    public int Done { get; init; }

    /// <summary>Attempts at the part that is next.</summary>
    public int Attempts { get; init; }

    /// <summary>When the next attempt may be made; null for at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>When the last attempt was made.</summary>
    public DateTimeOffset? LastAttemptOn { get; init; }

    /// <summary>What came of it.</summary>
    public string? LastOutcome { get; init; }
}

/// <summary>A day of dead letters. Its key seals them, so that their end is the end of one key.</summary>
[Record("events.deadLetterDay", DataCategory.Content, Retention.FixedAge, AgeDays = 8, Note = "What could not be delivered on a day goes with it, a week after the day ended unless the resource sets another time.")]
[KeptBetween(2, 31)]
[Index("the day of an instant", nameof(Day), Unique = true)]
internal sealed record DeadLetterDay
{
    /// <summary>The key.</summary>
    [Key]
    public required Ref<DeadLetterDay> Key { get; init; }

    /// <summary>Days since 1970-01-01, in UTC.</summary>
    [Plain("the day is found by it")]
    public required long Day { get; init; }

    /// <summary>When the day began.</summary>
    [Clock]
    public required DateTimeOffset Begins { get; init; }
}

/// <summary>What could not be delivered.</summary>
[Record("events.deadLetter", DataCategory.Content, Retention.WithParent, Erasure = ErasureRule.Delete, Note = "A copy of what happened, kept where a subscription asks for it. It goes with its day, its subscription, its thread and the person who did it.")]
[Index("the dead letters of a subscription", nameof(Subscription), nameof(Number))]
[Index("the dead letters of a thread that is deleted", nameof(Lane))]
internal sealed record DeadLetter
{
    /// <summary>The day on which it was given up.</summary>
    [Key, Parent<DeadLetterDay>]
    public required Ref<DeadLetterDay> Day { get; init; }

    /// <summary>Its number.</summary>
    [Key]
    public required long Number { get; init; }

    /// <summary>The subscription.</summary>
    [Plain("dead letters are listed by it")]
    public required Ref<EventSubscription> Subscription { get; init; }

    /// <summary>The thread.</summary>
    [Plain("dead letters of a thread go with it")]
    public required long Lane { get; init; }

    /// <summary>Who did what was to be told.</summary>
    [Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>What was to be told.</summary>
    public required EventContent Content { get; init; }

    /// <summary>Why it was given up, as Event Grid names it.</summary>
    public required string Reason { get; init; }

    /// <summary>Attempts that were made.</summary>
    public required int Attempts { get; init; }

    /// <summary>What came of the last one.</summary>
    public string? LastOutcome { get; init; }

    /// <summary>When the last one was made.</summary>
    public DateTimeOffset? LastAttemptOn { get; init; }

    /// <summary>When it began to wait.</summary>
    public required DateTimeOffset PublishedOn { get; init; }

    /// <summary>When it was given up.</summary>
    public required DateTimeOffset DeadOn { get; init; }
}

/// <summary>What became of a subscription's events so far: counts only.</summary>
[Record("events.tally", DataCategory.Usage, Retention.WithParent, Note = "Counts of events; nothing of a person.")]
internal sealed record EventTally
{
    /// <summary>The subscription.</summary>
    [Key, Parent<EventSubscription>]
    public required Ref<EventSubscription> Subscription { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>Events that were delivered.</summary>
    public long Delivered { get; init; }

    /// <summary>Attempts that failed.</summary>
    public long Failed { get; init; }

    /// <summary>Events that became dead letters.</summary>
    public long DeadLettered { get; init; }

    /// <summary>Events that were given up or had no room, and were not kept.</summary>
    public long Dropped { get; init; }

    /// <summary>When one was delivered last.</summary>
    public DateTimeOffset? LastDeliveredOn { get; init; }

    /// <summary>What came of the last attempt that failed.</summary>
    public string? LastFailure { get; init; }
}

/// <summary>What is told, with people as handles: their ids and names are looked up when it is sent.</summary>
internal sealed record EventContent
{
    /// <summary>When it happened.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>From which the ids of its events are made, so that an event that is told again has the same id.</summary>
    public required Guid Id { get; init; }

    /// <summary>The events of which it consists, in order.</summary>
    public required IReadOnlyList<EventPart> Parts { get; init; }

    /// <summary>What happened in chat; null for what a module told by itself.</summary>
    public ChatMatter? Chat { get; init; }

    /// <summary>The subject of what a module told by itself.</summary>
    public string? Subject { get; init; }

    /// <summary>Its data: a JSON object.</summary>
    public string? Data { get; init; }
}

/// <summary>One event.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Recipient">Whose event it is, of those that each member of a thread has one of.</param>
/// <param name="About">Who came or went.</param>
internal sealed record EventPart(string Type, SubjectRef Recipient, SubjectRef About);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EventSubscriber))]
[JsonSerializable(typeof(EventSubscription))]
[JsonSerializable(typeof(EventNotice))]
[JsonSerializable(typeof(EventDelivery))]
[JsonSerializable(typeof(DeadLetterDay))]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(EventTally))]
internal sealed partial class EventRecords : JsonSerializerContext;
