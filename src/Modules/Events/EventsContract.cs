using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Events;

/// <summary>A subscription to make.</summary>
/// <param name="Name">3 to 64 letters, digits and hyphens, as with Event Grid.</param>
/// <param name="Target">The address that is told, <c>https</c>.</param>
/// <param name="TargetGeography">The geography in which the target is.</param>
/// <param name="ExceptionReason">Why events may leave the geography, when the target is declared elsewhere or nowhere.</param>
/// <param name="EventTypes">The types to tell; none for all.</param>
/// <param name="SubjectBeginsWith">What subjects begin with.</param>
/// <param name="SubjectEndsWith">What subjects end with.</param>
/// <param name="Schema">How events are written; Event Grid's schema by default.</param>
/// <param name="Headers">Headers of each delivery, ten at most; their values are secrets.</param>
/// <param name="MaxDeliveryAttempts">Attempts for one event at most, 1–30; 30 by default.</param>
/// <param name="EventTimeToLiveInMinutes">Minutes for which an event is tried, 1–1440; 1440 by default.</param>
/// <param name="DeadLetters">Whether what could not be delivered is kept; it is not by default.</param>
public sealed record CreateSubscriptionRequest(
    string? Name,
    string? Target,
    string? TargetGeography,
    string? ExceptionReason,
    IReadOnlyList<string?>? EventTypes,
    string? SubjectBeginsWith,
    string? SubjectEndsWith,
    string? Schema,
    IReadOnlyList<HeaderModel?>? Headers,
    int? MaxDeliveryAttempts,
    int? EventTimeToLiveInMinutes,
    bool? DeadLetters);

/// <summary>What of a subscription is to be different; what is null stays as it is.</summary>
/// <param name="Target">The address that is told, <c>https</c>. Another one is asked for its consent.</param>
/// <param name="TargetGeography">The geography in which the target is.</param>
/// <param name="ExceptionReason">Why events may leave the geography, when the target is declared elsewhere or nowhere.</param>
/// <param name="EventTypes">The types to tell; none for all.</param>
/// <param name="SubjectBeginsWith">What subjects begin with.</param>
/// <param name="SubjectEndsWith">What subjects end with.</param>
/// <param name="Schema">How events are written. The target is asked for its consent, in this schema's way.</param>
/// <param name="Headers">All headers of each delivery, ten at most; their values are secrets.</param>
/// <param name="MaxDeliveryAttempts">Attempts for one event at most, 1–30.</param>
/// <param name="EventTimeToLiveInMinutes">Minutes for which an event is tried, 1–1440.</param>
/// <param name="DeadLetters">Whether what could not be delivered is kept.</param>
public sealed record UpdateSubscriptionRequest(
    string? Target,
    string? TargetGeography,
    string? ExceptionReason,
    IReadOnlyList<string?>? EventTypes,
    string? SubjectBeginsWith,
    string? SubjectEndsWith,
    string? Schema,
    IReadOnlyList<HeaderModel?>? Headers,
    int? MaxDeliveryAttempts,
    int? EventTimeToLiveInMinutes,
    bool? DeadLetters);

/// <summary>A header.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value; taken, and never shown.</param>
public sealed record HeaderModel(string? Name, string? Value);

/// <summary>A subscription.</summary>
public sealed record SubscriptionReply
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary><c>Active</c>, <c>AwaitingManualAction</c> or <c>Failed</c>.</summary>
    public required string State { get; init; }

    /// <summary>The target, without its query, which may hold a secret.</summary>
    public required string Target { get; init; }

    /// <summary>The geography that was declared for the target.</summary>
    public string? TargetGeography { get; init; }

    /// <summary>Why events may leave the geography.</summary>
    public string? ExceptionReason { get; init; }

    /// <summary>The types that are told; none for all.</summary>
    public required IReadOnlyList<string> EventTypes { get; init; }

    /// <summary>What subjects begin with.</summary>
    public required string SubjectBeginsWith { get; init; }

    /// <summary>What subjects end with.</summary>
    public required string SubjectEndsWith { get; init; }

    /// <summary>How events are written.</summary>
    public required string Schema { get; init; }

    /// <summary>The names of the headers.</summary>
    public required IReadOnlyList<string> Headers { get; init; }

    /// <summary>Attempts for one event at most.</summary>
    public required int MaxDeliveryAttempts { get; init; }

    /// <summary>Minutes for which an event is tried.</summary>
    public required int EventTimeToLiveInMinutes { get; init; }

    /// <summary>Whether what could not be delivered is kept.</summary>
    public required bool DeadLetters { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>Until when the target may still consent.</summary>
    public DateTimeOffset? ConsentUntil { get; init; }

    /// <summary>What became of its events; only of one that is asked for by name.</summary>
    public SubscriptionCounts? Counts { get; init; }
}

/// <summary>What became of a subscription's events. The counts are a few seconds old.</summary>
/// <param name="Waiting">Records that wait; one may tell several events.</param>
/// <param name="DeadLetters">Dead letters that are there.</param>
/// <param name="Delivered">Events that were delivered.</param>
/// <param name="FailedAttempts">Attempts that failed.</param>
/// <param name="DeadLettered">Events that became dead letters.</param>
/// <param name="Dropped">Events that were given up, or had no room, and were not kept.</param>
/// <param name="LastDeliveredOn">When one was delivered last.</param>
/// <param name="LastFailure">What came of the last attempt that failed.</param>
public sealed record SubscriptionCounts(long Waiting, long DeadLetters, long Delivered, long FailedAttempts, long DeadLettered, long Dropped, DateTimeOffset? LastDeliveredOn, string? LastFailure);

/// <summary>Subscriptions.</summary>
public sealed record SubscriptionList(IReadOnlyList<SubscriptionReply> Value);

/// <summary>A type of event.</summary>
public sealed record EventTypeReply(string Name, string Meaning, bool IsPassing);

/// <summary>Types of events.</summary>
public sealed record EventTypeList(IReadOnlyList<EventTypeReply> Value);

/// <summary>A dead letter: what became of it, not what it says.</summary>
/// <param name="Id">Its id.</param>
/// <param name="EventTypes">The types of its events.</param>
/// <param name="Events">How many events it has.</param>
/// <param name="DeadLetterReason">Why it was given up.</param>
/// <param name="DeliveryAttempts">Attempts that were made.</param>
/// <param name="LastDeliveryOutcome">What came of the last.</param>
/// <param name="PublishTime">When it began to wait.</param>
/// <param name="LastDeliveryAttemptTime">When the last attempt was made.</param>
/// <param name="DeadLetteredOn">When it was given up.</param>
public sealed record DeadLetterReply(
    string Id, IReadOnlyList<string> EventTypes, int Events, string DeadLetterReason, int DeliveryAttempts, string? LastDeliveryOutcome, DateTimeOffset PublishTime,
    DateTimeOffset? LastDeliveryAttemptTime, DateTimeOffset DeadLetteredOn);

/// <summary>Dead letters.</summary>
public sealed record DeadLetterList(IReadOnlyList<DeadLetterReply> Value, string? NextLink);

/// <summary>Dead letters to send again.</summary>
/// <param name="Ids">Which, 200 at most; none for the first 200.</param>
public sealed record RedeliverRequest(IReadOnlyList<string?>? Ids);

/// <summary>How many were sent again.</summary>
/// <param name="Redelivered">Dead letters that wait again.</param>
/// <param name="Remaining">Dead letters that are still there.</param>
public sealed record RedeliverReply(int Redelivered, long Remaining);

/// <summary>What a target is told that has consented by its own call.</summary>
public sealed record ConsentReply(string Message);

/// <summary>The serializer of the module.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(CreateSubscriptionRequest))]
[JsonSerializable(typeof(UpdateSubscriptionRequest))]
[JsonSerializable(typeof(SubscriptionReply))]
[JsonSerializable(typeof(SubscriptionList))]
[JsonSerializable(typeof(EventTypeList))]
[JsonSerializable(typeof(DeadLetterList))]
[JsonSerializable(typeof(RedeliverRequest))]
[JsonSerializable(typeof(RedeliverReply))]
[JsonSerializable(typeof(ConsentReply))]
internal sealed partial class EventsJson : JsonSerializerContext;
