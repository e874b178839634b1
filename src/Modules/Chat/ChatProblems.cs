using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>Every failure that a caller of Chat can meet.</summary>
internal static class ChatProblems
{
    /// <summary>There is no such thread, or the caller was never in it; the two are not told apart.</summary>
    public static readonly Problem NoThread = new("/problems/chat/no-thread", 404, "There is no such thread, or you are not in it.") { Code = "ThreadNotFound" };

    /// <summary>The caller was in the thread, but no longer is.</summary>
    public static readonly Problem NoLongerIn =
        new("/problems/chat/no-longer-in", 403, "You are no longer in this thread: you can read what was written until you left, and nothing else.") { Code = "NotAParticipant" };

    /// <summary>There is no such message, or it is not visible to the caller.</summary>
    public static readonly Problem NoMessage = new("/problems/chat/no-message", 404, "There is no such message in this thread.") { Code = "MessageNotFound" };

    /// <summary>Only who sent a message edits or deletes it.</summary>
    public static readonly Problem NotTheSender = new("/problems/chat/not-the-sender", 403, "Only who sent a message can edit or delete it.") { Code = "NotTheSender" };

    /// <summary>The message was deleted.</summary>
    public static readonly Problem MessageDeleted = new("/problems/chat/message-deleted", 404, "The message was deleted.") { Code = "MessageDeleted" };

    /// <summary>The person is not in the thread.</summary>
    public static readonly Problem NoParticipant = new("/problems/chat/no-participant", 404, "That person is not in this thread.") { Code = "ParticipantNotFound" };

    /// <summary>A thread has a topic.</summary>
    public static readonly Problem NoTopic =
        new("/problems/chat/no-topic", 400, $"A topic of 1 to {ChatLimits.TopicCharacters} characters is required.") { Target = "topic" };

    /// <summary>A message says something.</summary>
    public static readonly Problem NoContent = new("/problems/chat/no-content", 400, "A message needs content.") { Target = "content" };

    /// <summary>A message is too long.</summary>
    public static readonly Problem ContentTooLong =
        new("/problems/chat/content-too-long", 413, $"A message's content is at most {ChatLimits.ContentBytes} bytes of UTF-8.") { Target = "content" };

    /// <summary>A message is of a type that a user can send.</summary>
    public static readonly Problem BadType = new("/problems/chat/bad-type", 400, "The type of a message is text or html.") { Target = "type" };

    /// <summary>A display name is too long.</summary>
    public static readonly Problem NameTooLong =
        new("/problems/chat/name-too-long", 400, $"A display name is at most {ChatLimits.NameCharacters} characters.");

    /// <summary>Metadata is too much.</summary>
    public static readonly Problem MetadataTooLarge =
        new("/problems/chat/metadata-too-large", 400, $"Metadata is at most {ChatLimits.MetadataBytes} bytes in all, names and values together.") { Target = "metadata" };

    /// <summary>A message's metadata is too much.</summary>
    public static readonly Problem MessageMetadataTooLarge =
        new("/problems/chat/message-metadata-too-large", 400, $"A message's metadata is at most {ChatLimits.MessageMetadataBytes} bytes in all, names and values together.") { Target = "metadata" };

    /// <summary>A retention policy is none or 30–90 days.</summary>
    public static readonly Problem BadRetention =
        new("/problems/chat/bad-retention", 400, "retentionPolicy is {\"kind\":\"none\"} or {\"kind\":\"threadCreationDate\",\"deleteThreadAfterDays\":30–90}.") { Target = "retentionPolicy" };

    /// <summary>Nobody was named.</summary>
    public static readonly Problem NoParticipants = new("/problems/chat/no-participants", 400, "Name at least one participant.") { Target = "participants" };

    /// <summary>Too many were named at once.</summary>
    public static readonly Problem TooManyParticipants =
        new("/problems/chat/too-many-participants", 400, $"At most {ChatLimits.ParticipantsPerCall} participants can be named in one request.") { Target = "participants" };

    /// <summary>The thread is full.</summary>
    public static readonly Problem ThreadFull =
        new("/problems/chat/thread-full", 400, $"A thread has at most {ChatLimits.ParticipantsPerThread} participants.") { Target = "participants" };

    /// <summary>Too many people have been in the thread in all.</summary>
    public static readonly Problem TooManyEver =
        new("/problems/chat/too-many-ever", 400, "A thousand people have been in this thread already; make a new one.") { Target = "participants" };

    /// <summary>Metadata is not pairs of text.</summary>
    public static readonly Problem BadMetadata =
        new("/problems/chat/bad-metadata", 400, "metadata is an object whose values are text, or null to take a name out.") { Target = "metadata" };

    /// <summary>The name of a request that may be repeated is too long.</summary>
    public static readonly Problem BadRequestId =
        new("/problems/chat/bad-request-id", 400, $"The header repeatability-request-id is 1 to {ChatLimits.RequestIdCharacters} characters.") { Target = "repeatability-request-id" };

    /// <summary>Nothing to change was named.</summary>
    public static readonly Problem NothingToChange = new("/problems/chat/nothing-to-change", 400, "Name at least one member to change.");

    /// <summary>The resource has no receipts in threads of this size.</summary>
    public static Problem NoReceiptsHere(int participants) =>
        new("/problems/chat/no-receipts-here", 403, $"This resource keeps read receipts in threads of up to {participants} participants, and this thread has more.") { Code = "ReceiptsNotKept" };

    /// <summary>The resource has no typing notifications in threads of this size.</summary>
    public static Problem NoTypingHere(int participants) =>
        new("/problems/chat/no-typing-here", 403, $"This resource has typing notifications in threads of up to {participants} participants, and this thread has more.") { Code = "TypingNotSent" };

    /// <summary>Others are changing the same thread at the same moment, again and again.</summary>
    public static readonly Problem Busy =
        new("/problems/chat/busy", 503, "The thread is being changed by others at this moment. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };
}
