using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>A chat thread. Its key seals everything in it; when the thread is deleted, the key is destroyed.</summary>
[Record("chat.thread", DataCategory.Content, Retention.StoredDate, Note = "Deleted at the date of its retention policy, else by any participant.")]
[IdleAfter<ChatMessage>(30)]
[Index("a thread by the id that requests name", nameof(PublicId), Unique = true)]
public sealed record ChatThread
{
    /// <summary>The key.</summary>
    [Key]
    public required Ref<ChatThread> Key { get; init; }

    /// <summary>The id that clients know, <c>19:…@thread.v2</c>.</summary>
    [Plain("requests name it")]
    public required string PublicId { get; init; }

    /// <summary>When it was created.</summary>
    [Clock, Plain("shown in lists; its retention counts from it")]
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>When its retention policy deletes it; null for never.</summary>
    [Expires]
    public DateTimeOffset? DeleteOn { get; init; }

    /// <summary>The row version; every change of the thread or of who is in it raises it.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>Who created it; sealed under the thread alone, and nobody once that person was erased.</summary>
    [Note("a handle; resolved when shown")]
    public required SubjectRef CreatedBy { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Days after its creation after which it is deleted, 30–90; null for never.</summary>
    public int? DeleteAfterDays { get; init; }

    /// <summary>The row version at which metadata or retention were last changed without the topic; those who are connected are told by it.</summary>
    public long ExtrasVersion { get; init; }

    /// <summary>When that was.</summary>
    public DateTimeOffset? ExtrasOn { get; init; }

    /// <summary>Who did it; sealed under the thread alone, and nobody once that person was erased.</summary>
    [Note("a handle; resolved when shown")]
    public SubjectRef ExtrasBy { get; init; }
}

/// <summary>Someone's membership in a thread. It stays when it has ended, because who was removed may read what they could read until then.</summary>
[Record("chat.participant", DataCategory.Content, Retention.WithParent, Erasure = ErasureRule.Delete)]
public sealed record ChatParticipant
{
    /// <summary>The thread.</summary>
    [Key, Parent<ChatThread>]
    public required Ref<ChatThread> Thread { get; init; }

    /// <summary>The person.</summary>
    [Key, Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>When they were last added.</summary>
    [Plain("participants are listed in its order")]
    public required DateTimeOffset AddedOn { get; init; }

    /// <summary>When they left or were removed; null while they are in.</summary>
    [Ended]
    public DateTimeOffset? RemovedOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The name under which they take part.</summary>
    [Rectifiable]
    public string? DisplayName { get; init; }

    /// <summary>The instant from which the history is shared with them, as it was given.</summary>
    public DateTimeOffset? ShareHistoryTime { get; init; }

    /// <summary>
    /// The message that told of their coming (its <see cref="ChatMessage.SealId"/>): what arrived before it is not visible to them, unless the history is shared.
    /// Null for who is in the thread from its beginning.
    /// </summary>
    public Guid? AddedBy { get; init; }

    /// <summary>The message that told of their going: what arrived after it is not visible to them.</summary>
    public Guid? RemovedBy { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    [Rectifiable]
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A message in a thread: what someone wrote, or what the thread tells of itself.</summary>
[Record("chat.message", DataCategory.Content, Retention.WithParent, Layout.Append, Erasure = ErasureRule.Depersonalise)]
[KeptBetween(1, 3650)]
public sealed record ChatMessage
{
    /// <summary>The thread.</summary>
    [Key, Parent<ChatThread>]
    public required Ref<ChatThread> Thread { get; init; }

    /// <summary>The message's id: milliseconds of the epoch, strictly increasing in its thread.</summary>
    [Key, Arrival]
    public long Id { get; init; }

    /// <summary>Its place in the thread, without gaps.</summary>
    [Sequence]
    public long SequenceId { get; init; }

    /// <summary>What its seal binds.</summary>
    [Identity]
    public required Guid SealId { get; init; }

    /// <summary>Who wrote it; nobody for what the thread tells of itself.</summary>
    [Owner(FoundBy = typeof(ChatParticipant))]
    public required SubjectRef Sender { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>When its writer was erased.</summary>
    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    /// <summary>What it is.</summary>
    public ChatMessageType Type { get; init; }

    /// <summary>What was written; null once it was deleted.</summary>
    public string? Content { get; init; }

    /// <summary>The name under which it was written.</summary>
    [Rectifiable]
    public string? SenderDisplayName { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    [Rectifiable]
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The new topic.</summary>
    public string? Topic { get; init; }

    /// <summary>Who was added or removed; handles, whose names are looked up when shown.</summary>
    [Note("handles; resolved when shown")]
    public IReadOnlyList<SubjectRef>? Participants { get; init; }

    /// <summary>Who changed the topic or the participants.</summary>
    [Note("a handle; resolved when shown")]
    public SubjectRef Initiator { get; init; }

    /// <summary>When it was edited.</summary>
    public DateTimeOffset? EditedOn { get; init; }

    /// <summary>When its writer deleted it.</summary>
    public DateTimeOffset? DeletedOn { get; init; }

    /// <summary>When it was written, where it was moved in from; null when that is when it arrived.</summary>
    public DateTimeOffset? CreatedAs { get; init; }

    /// <summary>The version that it had where it was moved in from; null for one that was written or changed here.</summary>
    public long? VersionAs { get; init; }

    /// <summary>When it was written.</summary>
    [JsonIgnore]
    public DateTimeOffset CreatedOn => CreatedAs ?? DateTimeOffset.FromUnixTimeMilliseconds(Id);

    /// <summary>The version that clients are told: milliseconds of the epoch at which it became what it is.</summary>
    [JsonIgnore]
    public long ShownVersion => VersionAs ?? (DeletedOn ?? EditedOn)?.ToUnixTimeMilliseconds() ?? Id;

    /// <summary>When its content went. The day of an erasure begins before the messages of that day were written.</summary>
    [JsonIgnore]
    public DateTimeOffset? GoneOn => DeletedOn ?? (ErasedOn < CreatedOn ? CreatedOn : ErasedOn);
}

/// <summary>What a message is. The numbers are at rest.</summary>
public enum ChatMessageType
{
    /// <summary>Plain text.</summary>
    Text = 0,

    /// <summary>HTML.</summary>
    Html = 1,

    /// <summary>The topic was changed.</summary>
    TopicUpdated = 2,

    /// <summary>People were added.</summary>
    ParticipantAdded = 3,

    /// <summary>People left or were removed.</summary>
    ParticipantRemoved = 4,
}

/// <summary>How far someone has read in a thread.</summary>
[Record("chat.receipt", DataCategory.Content, Retention.WithParent, Erasure = ErasureRule.Delete)]
public sealed record ChatReceipt
{
    /// <summary>The thread.</summary>
    [Key, Parent<ChatThread>]
    public required Ref<ChatThread> Thread { get; init; }

    /// <summary>The reader.</summary>
    [Key, Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The last message that they have read.</summary>
    public required long MessageId { get; init; }

    /// <summary>When they said so.</summary>
    public required DateTimeOffset ReadOn { get; init; }
}

/// <summary>That a person's request to create a thread was carried out, so that repeating it gives the same thread.</summary>
[Record("chat.creation", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 1, Erasure = ErasureRule.Delete)]
public sealed record ChatCreation
{
    /// <summary>Who asked.</summary>
    [Key, Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>The request, from a keyed hash of its <c>repeatability-request-id</c>, which is any text of the application's.</summary>
    [Key]
    public required Guid RequestId { get; init; }

    /// <summary>When it was carried out.</summary>
    [Clock]
    public required DateTimeOffset At { get; init; }

    /// <summary>The thread that was created.</summary>
    public required Ref<ChatThread> Thread { get; init; }
}

/// <summary>
/// That someone deleted a thread, for those who are to be told of it and cannot read the thread any more. Written by the batch that deletes it.
/// </summary>
[Record(
    "chat.deletion", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 1, Erasure = ErasureRule.Delete, IsTransit = true,
    Note = "Who was in a thread when someone deleted it or its time had come, so that they and their systems can be told; nothing that was written there.")]
public sealed record ChatThreadDeletion
{
    /// <summary>The thread that is gone.</summary>
    [Key]
    public required Ref<ChatThread> Thread { get; init; }

    /// <summary>Who deleted it; nobody when its time had come.</summary>
    [Owner]
    public required SubjectRef By { get; init; }

    /// <summary>The name under which they took part.</summary>
    public string? DisplayName { get; init; }

    /// <summary>When.</summary>
    [Clock]
    public required DateTimeOffset DeletedOn { get; init; }

    /// <summary>The id that clients knew.</summary>
    public required string PublicId { get; init; }

    /// <summary>When the thread had been created.</summary>
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>Who was in it.</summary>
    [Note("handles; resolved when told")]
    public required IReadOnlyList<SubjectRef> Members { get; init; }
}

[JsonSerializable(typeof(ChatThread))]
[JsonSerializable(typeof(ChatParticipant))]
[JsonSerializable(typeof(ChatMessage))]
[JsonSerializable(typeof(ChatReceipt))]
[JsonSerializable(typeof(ChatCreation))]
[JsonSerializable(typeof(ChatThreadDeletion))]
internal sealed partial class ChatRecords : JsonSerializerContext;
