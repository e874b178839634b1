using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Transfer;

/// <summary>One line of a transfer file (<c>docs/transfer.schema.json</c>): exactly one of its members is there.</summary>
public sealed record TransferLine
{
    /// <summary>The first line.</summary>
    public TransferHead? Head { get; init; }

    /// <summary>A user. All users come before the first thread.</summary>
    public TransferUser? User { get; init; }

    /// <summary>A thread; its messages follow.</summary>
    public TransferThread? Thread { get; init; }

    /// <summary>A message of the last thread, from the oldest.</summary>
    public TransferMessage? Message { get; init; }

    /// <summary>The last line: a file without it was cut off.</summary>
    public TransferEnd? End { get; init; }
}

/// <summary>What a transfer file is of.</summary>
/// <param name="Format">The version of the format: 1.</param>
/// <param name="Resource">The resource that it was taken from; user ids contain it.</param>
/// <param name="Source">What kind of source: <c>domicile</c>, <c>acs</c> or another word.</param>
/// <param name="TakenOn">When it was begun.</param>
public sealed record TransferHead(int Format, Guid Resource, string Source, DateTimeOffset TakenOn);

/// <summary>How much a whole file has.</summary>
public sealed record TransferEnd(long Users, long Threads, long Messages);

/// <summary>A user.</summary>
/// <param name="Id">The communication user id.</param>
/// <param name="CreatedOn">When the identity was created; null when the source does not tell.</param>
public sealed record TransferUser(string Id, DateTimeOffset? CreatedOn = null);

/// <summary>A thread, with who is or was in it and how far each has read.</summary>
public sealed record TransferThread
{
    /// <summary>The id that clients know.</summary>
    public required string Id { get; init; }

    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>The user who created it; null for nobody any more, or nobody who can be named here.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Days after its creation after which it is deleted, 30–90; null for never.</summary>
    public int? DeleteAfterDays { get; init; }

    /// <summary>Who is or was in it; null in a later part of a thread, where they stay as they are.</summary>
    public IReadOnlyList<TransferParticipant>? Participants { get; init; }

    /// <summary>How far each has read; null as above.</summary>
    public IReadOnlyList<TransferReceipt>? Receipts { get; init; }
}

/// <summary>A membership.</summary>
public sealed record TransferParticipant
{
    /// <summary>The user.</summary>
    public required string User { get; init; }

    /// <summary>When they were last added.</summary>
    public required DateTimeOffset AddedOn { get; init; }

    /// <summary>When they left or were removed; null while they are in.</summary>
    public DateTimeOffset? RemovedOn { get; init; }

    /// <summary>The name under which they take part.</summary>
    public string? DisplayName { get; init; }

    /// <summary>The instant from which the history is shared with them.</summary>
    public DateTimeOffset? ShareHistoryTime { get; init; }

    /// <summary>The <see cref="TransferMessage.Identity"/> of the message that told of their coming; null for who is in the thread from its beginning.</summary>
    public Guid? AddedBy { get; init; }

    /// <summary>The identity of the message that told of their going.</summary>
    public Guid? RemovedBy { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>How far someone has read.</summary>
public sealed record TransferReceipt(string User, string MessageId, DateTimeOffset ReadOn);

/// <summary>A message.</summary>
public sealed record TransferMessage
{
    /// <summary>Its id: milliseconds of the epoch, rising within the thread.</summary>
    public required string Id { get; init; }

    /// <summary>Names it where participants are told of: random, or derived from thread and id.</summary>
    public required Guid Identity { get; init; }

    /// <summary><c>text</c>, <c>html</c>, <c>topicUpdated</c>, <c>participantAdded</c> or <c>participantRemoved</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Its version as clients are told it.</summary>
    public required string Version { get; init; }

    /// <summary>When it was written.</summary>
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>Who wrote it; null for what the thread tells of itself, and for who is nobody here.</summary>
    public string? Sender { get; init; }

    /// <summary>The name under which it was written.</summary>
    public string? SenderDisplayName { get; init; }

    /// <summary>What was written; null when it was deleted.</summary>
    public string? Content { get; init; }

    /// <summary>The new topic.</summary>
    public string? Topic { get; init; }

    /// <summary>Who was added or removed.</summary>
    public IReadOnlyList<string>? Participants { get; init; }

    /// <summary>Who changed the topic or the participants.</summary>
    public string? Initiator { get; init; }

    /// <summary>When it was edited.</summary>
    public DateTimeOffset? EditedOn { get; init; }

    /// <summary>When it was deleted.</summary>
    public DateTimeOffset? DeletedOn { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>POST …/import: before anything else.</summary>
/// <param name="IdleThreadsDeletedAfterDays">Days without use after which threads of the resource are deleted; 0, the default, for never: what is moved in is often older than any such rule.</param>
public sealed record BeginImportRequest(int? IdleThreadsDeletedAfterDays = null);

/// <summary>POST …/import/users.</summary>
public sealed record ImportUsersRequest(IReadOnlyList<TransferUser>? Users = null);

/// <summary>What became of users.</summary>
/// <param name="Created">New ones.</param>
/// <param name="Known">Those that were there.</param>
/// <param name="Refused">Those that cannot be users of this resource.</param>
public sealed record ImportUsersReply(int Created, int Known, IReadOnlyList<TransferFault> Refused);

/// <summary>POST …/import/threads: a thread, or the next part of its messages.</summary>
public sealed record ImportThreadRequest(TransferThread? Thread = null, IReadOnlyList<TransferMessage>? Messages = null);

/// <summary>What became of a thread's part.</summary>
/// <param name="Created">Whether the thread is new.</param>
/// <param name="Written">Messages that are new.</param>
/// <param name="Changed">Messages that were there and were edited or deleted at the source since.</param>
/// <param name="Same">Messages that were there already.</param>
/// <param name="Refused">Messages, participants and receipts that were not written, and why.</param>
/// <param name="Cleaned">Messages whose HTML could do harm, which was taken out.</param>
public sealed record ImportThreadReply(bool Created, int Written, int Changed, int Same, IReadOnlyList<TransferFault> Refused, IReadOnlyList<string> Cleaned);

/// <summary>Something that was not written.</summary>
/// <param name="Id">The id of the user or message.</param>
/// <param name="Reason">Why.</param>
public sealed record TransferFault(string Id, string Reason);

/// <summary>POST …/export/threads.</summary>
/// <param name="Reason">Why everything is read; it is written into the audit log.</param>
/// <param name="After">Where the last page ended; null for the first.</param>
public sealed record ExportThreadsRequest(string? Reason = null, string? After = null);

/// <summary>A page of threads.</summary>
public sealed record ExportThreadsReply(IReadOnlyList<TransferThread> Value, string? Next = null);

/// <summary>POST …/export/messages.</summary>
public sealed record ExportMessagesRequest(string? Reason = null, string? Thread = null, string? After = null);

/// <summary>A page of messages, from the oldest.</summary>
public sealed record ExportMessagesReply(IReadOnlyList<TransferMessage> Value, string? Next = null);

/// <summary>How transfers are written: what is absent is left out, and text is itself.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(TransferLine))]
[JsonSerializable(typeof(BeginImportRequest))]
[JsonSerializable(typeof(ImportUsersRequest))]
[JsonSerializable(typeof(ImportUsersReply))]
[JsonSerializable(typeof(ImportThreadRequest))]
[JsonSerializable(typeof(ImportThreadReply))]
[JsonSerializable(typeof(ExportThreadsRequest))]
[JsonSerializable(typeof(ExportThreadsReply))]
[JsonSerializable(typeof(ExportMessagesRequest))]
[JsonSerializable(typeof(ExportMessagesReply))]
public sealed partial class TransferJson : JsonSerializerContext
{
    private static TransferJson? s_lines;

    /// <summary>For files: one line each, and characters beyond ASCII as themselves.</summary>
    public static TransferJson Lines => s_lines ??= new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
