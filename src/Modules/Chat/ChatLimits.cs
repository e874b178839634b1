using System.Text;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>What a request may contain. ACS publishes the numbers of participants, of a page and of a message's size; the others are ours.</summary>
internal static class ChatLimits
{
    /// <summary>Participants in one thread at most (ACS).</summary>
    public const int ParticipantsPerThread = 250;

    /// <summary>Participants that one request can name (ACS).</summary>
    public const int ParticipantsPerCall = 200;

    /// <summary>Bytes of UTF-8 in a message's content (ACS: about 28 KB).</summary>
    public const int ContentBytes = 28 * 1024;

    /// <summary>Characters of a topic.</summary>
    public const int TopicCharacters = 1_024;

    /// <summary>Characters of a display name.</summary>
    public const int NameCharacters = 256;

    /// <summary>Bytes of all metadata of one thread, participant or message (ACS for threads and participants: 1 KB).</summary>
    public const int MetadataBytes = 1_024;

    /// <summary>Bytes of all metadata of one message (ACS publishes no number; its own client library keeps lists of files there).</summary>
    public const int MessageMetadataBytes = 16 * 1024;

    /// <summary>Entries of a page of messages or participants (ACS: 200), and the default.</summary>
    public const int Page = 200;

    /// <summary>Characters of a <c>repeatability-request-id</c>.</summary>
    public const int RequestIdCharacters = 256;

    /// <summary>Bytes of a request that names participants.</summary>
    public const int ParticipantsBody = 512 * 1024;

    /// <summary>Bytes of a request that carries a message: every byte of the content may be escaped as six.</summary>
    public const int MessageBody = 256 * 1024;

    public static IEnumerable<Problem> FaultsOf(SendMessageRequest request)
    {
        if (string.IsNullOrEmpty(request.Content))
        {
            yield return ChatProblems.NoContent;
        }
        else if (Encoding.UTF8.GetByteCount(request.Content) > ContentBytes)
        {
            yield return ChatProblems.ContentTooLong;
        }

        if (request.Type is not (null or "text" or "html"))
        {
            yield return ChatProblems.BadType;
        }

        if (request.SenderDisplayName?.Length > NameCharacters)
        {
            yield return ChatProblems.NameTooLong.At("senderDisplayName");
        }

        if (IsTooLarge(request.Metadata, MessageMetadataBytes))
        {
            yield return ChatProblems.MessageMetadataTooLarge;
        }
    }

    public static IEnumerable<Problem> FaultsOf(UpdateMessageRequest request)
    {
        if (request.Content is null && request.Metadata is null)
        {
            yield return ChatProblems.NothingToChange;
        }

        if (request.Content is "")
        {
            yield return ChatProblems.NoContent;
        }
        else if (request.Content is not null && Encoding.UTF8.GetByteCount(request.Content) > ContentBytes)
        {
            yield return ChatProblems.ContentTooLong;
        }

        if (IsTooLarge(request.Metadata, MessageMetadataBytes))
        {
            yield return ChatProblems.MessageMetadataTooLarge;
        }
    }

    public static IEnumerable<Problem> FaultsOf(CreateThreadRequest request)
    {
        if (request.Topic is null or "" or { Length: > TopicCharacters })
        {
            yield return ChatProblems.NoTopic;
        }

        if (IsTooLarge(request.Metadata))
        {
            yield return ChatProblems.MetadataTooLarge;
        }

        if (request.RetentionPolicy is { } policy && !IsValid(policy))
        {
            yield return ChatProblems.BadRetention;
        }

        foreach (var fault in FaultsOf(request.Participants ?? []))
        {
            yield return fault;
        }
    }

    public static IEnumerable<Problem> FaultsOf(IReadOnlyList<ParticipantModel> participants)
    {
        if (participants.Count > ParticipantsPerCall)
        {
            yield return ChatProblems.TooManyParticipants;
        }

        if (participants.Any(participant => participant?.DisplayName?.Length > NameCharacters))
        {
            yield return ChatProblems.NameTooLong.At("participants.displayName");
        }

        if (participants.Any(participant => IsTooLarge(participant?.Metadata)))
        {
            yield return ChatProblems.MetadataTooLarge.At("participants.metadata");
        }
    }

    public static bool IsTooLarge(IReadOnlyDictionary<string, string?>? metadata, int bytesMax = MetadataBytes) =>
        metadata?.Sum(pair => Encoding.UTF8.GetByteCount(pair.Key) + Encoding.UTF8.GetByteCount(pair.Value ?? "")) > bytesMax;

    public static bool IsValid(RetentionPolicyModel policy) =>
        policy is { Kind: "none" } or { Kind: "threadCreationDate", DeleteThreadAfterDays: >= 30 and <= 90 };
}
