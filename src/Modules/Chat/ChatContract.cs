using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Chat;

/// <summary>POST /chat/threads.</summary>
internal sealed record CreateThreadRequest(
    string? Topic, IReadOnlyList<ParticipantModel>? Participants, IReadOnlyDictionary<string, string?>? Metadata, RetentionPolicyModel? RetentionPolicy);

/// <summary>A participant, in requests and answers.</summary>
internal sealed record ParticipantModel
{
    public CommunicationIdentifier? CommunicationIdentifier { get; init; }

    public string? DisplayName { get; init; }

    public DateTimeOffset? ShareHistoryTime { get; init; }

    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }
}

/// <summary>How long a thread is kept (2025-03-15): kind <c>none</c> or <c>threadCreationDate</c>.</summary>
internal sealed record RetentionPolicyModel(string? Kind, int? DeleteThreadAfterDays);

/// <summary>POST …/participants/:add.</summary>
internal sealed record AddParticipantsRequest(IReadOnlyList<ParticipantModel>? Participants);

/// <summary>POST …/messages.</summary>
internal sealed record SendMessageRequest(string? Content, string? SenderDisplayName, string? Type, IReadOnlyDictionary<string, string?>? Metadata);

/// <summary>PATCH …/messages/{id}: what is absent stays.</summary>
internal sealed record UpdateMessageRequest(string? Content, IReadOnlyDictionary<string, string?>? Metadata);

/// <summary>POST …/readReceipts.</summary>
internal sealed record SendReceiptRequest(string? ChatMessageId);

/// <summary>POST …/typing; the body may be absent.</summary>
internal sealed record TypingRequest(string? SenderDisplayName);

/// <summary>A read receipt.</summary>
internal sealed record ReceiptModel(CommunicationIdentifier SenderCommunicationIdentifier, string ChatMessageId, DateTimeOffset ReadOn);

/// <summary>A page of read receipts.</summary>
internal sealed record ReceiptList(IReadOnlyList<ReceiptModel> Value, string? NextLink);

/// <summary>An answered send.</summary>
internal sealed record SentReply(string Id);

/// <summary>A thread's properties.</summary>
internal sealed record ThreadModel
{
    public required string Id { get; init; }

    public required string Topic { get; init; }

    public required DateTimeOffset CreatedOn { get; init; }

    public required CommunicationIdentifier CreatedByCommunicationIdentifier { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public RetentionPolicyModel? RetentionPolicy { get; init; }
}

/// <summary>A created thread, and who could not be added.</summary>
internal sealed record CreatedThreadReply(ThreadModel ChatThread, IReadOnlyList<ChatErrorModel>? InvalidParticipants);

/// <summary>Who could not be added.</summary>
internal sealed record AddedParticipantsReply(IReadOnlyList<ChatErrorModel>? InvalidParticipants);

/// <summary>Why someone could not be added; the target is the id that the request named.</summary>
internal sealed record ChatErrorModel(string Code, string Message, string? Target);

/// <summary>A thread in a list.</summary>
internal sealed record ThreadItem(string Id, string Topic, DateTimeOffset? LastMessageReceivedOn);

/// <summary>A page of threads.</summary>
internal sealed record ThreadList(IReadOnlyList<ThreadItem> Value, string? NextLink);

/// <summary>A page of participants.</summary>
internal sealed record ParticipantList(IReadOnlyList<ParticipantModel> Value, string? NextLink);

/// <summary>A page of messages.</summary>
internal sealed record MessageList(IReadOnlyList<MessageModel> Value, string? NextLink);

/// <summary>A message.</summary>
internal sealed record MessageModel
{
    public required string Id { get; init; }

    public required string Type { get; init; }

    public required string SequenceId { get; init; }

    public required string Version { get; init; }

    public MessageContentModel? Content { get; init; }

    public string? SenderDisplayName { get; init; }

    public required DateTimeOffset CreatedOn { get; init; }

    public CommunicationIdentifier? SenderCommunicationIdentifier { get; init; }

    public DateTimeOffset? DeletedOn { get; init; }

    public DateTimeOffset? EditedOn { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What a message says.</summary>
internal sealed record MessageContentModel
{
    public string? Message { get; init; }

    public string? Topic { get; init; }

    public IReadOnlyList<ParticipantModel>? Participants { get; init; }

    public CommunicationIdentifier? InitiatorCommunicationIdentifier { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(CreateThreadRequest))]
[JsonSerializable(typeof(AddParticipantsRequest))]
[JsonSerializable(typeof(SendMessageRequest))]
[JsonSerializable(typeof(UpdateMessageRequest))]
[JsonSerializable(typeof(CommunicationIdentifier))]
[JsonSerializable(typeof(SendReceiptRequest))]
[JsonSerializable(typeof(TypingRequest))]
[JsonSerializable(typeof(ReceiptList))]
[JsonSerializable(typeof(SentReply))]
[JsonSerializable(typeof(ThreadModel))]
[JsonSerializable(typeof(CreatedThreadReply))]
[JsonSerializable(typeof(AddedParticipantsReply))]
[JsonSerializable(typeof(ThreadList))]
[JsonSerializable(typeof(ParticipantList))]
[JsonSerializable(typeof(MessageList))]
[JsonSerializable(typeof(MessageModel))]
[JsonSerializable(typeof(PatchBody))]
internal sealed partial class ChatJson : JsonSerializerContext;
