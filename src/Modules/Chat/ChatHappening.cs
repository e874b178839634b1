using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>Something that happened in a thread, as whoever may know of it is told. What it says is in memory only.</summary>
public abstract record ChatHappening
{
    private ChatHappening()
    {
    }

    /// <summary>The thread's id, <c>19:…@thread.v2</c>.</summary>
    public required string ThreadId { get; init; }

    /// <summary>When, in milliseconds of the epoch; of messages, the version.</summary>
    public required long Version { get; init; }

    /// <summary>Who did it; whoever was erased by now is the resource's nobody.</summary>
    public required ChatPerson By { get; init; }

    /// <summary>Who may know of it, and was asked for.</summary>
    public required IReadOnlyList<SubjectRef> Audience { get; init; }

    /// <summary>When.</summary>
    public DateTimeOffset At => DateTimeOffset.FromUnixTimeMilliseconds(Version);

    /// <summary>Something about a message.</summary>
    /// <param name="MessageId">Its id, milliseconds of the epoch.</param>
    public abstract record OfMessage(long MessageId) : ChatHappening
    {
        /// <summary>Whether it is HTML.</summary>
        public bool IsHtml { get; init; }

        /// <summary>What was written; empty once it was deleted.</summary>
        public string Content { get; init; } = "";

        /// <summary>Name and value pairs of the application.</summary>
        public IReadOnlyDictionary<string, string>? Metadata { get; init; }
    }

    /// <summary>Someone wrote something.</summary>
    public sealed record MessageReceived(long MessageId) : OfMessage(MessageId);

    /// <summary>Someone changed what they had written.</summary>
    public sealed record MessageEdited(long MessageId) : OfMessage(MessageId);

    /// <summary>Someone deleted what they had written.</summary>
    public sealed record MessageDeleted(long MessageId) : OfMessage(MessageId);

    /// <summary>Someone is typing.</summary>
    public sealed record Typing : ChatHappening;

    /// <summary>Someone has read as far as a message.</summary>
    /// <param name="MessageId">The message.</param>
    public sealed record Read(long MessageId) : ChatHappening;

    /// <summary>A thread was created, or someone came into it and sees it for the first time.</summary>
    /// <param name="Thread">The thread.</param>
    /// <param name="Members">Who is in it.</param>
    public sealed record ThreadCreated(ChatThreadProperties Thread, IReadOnlyList<ChatPerson> Members) : ChatHappening;

    /// <summary>The topic, the metadata or the retention policy changed.</summary>
    /// <param name="Thread">The thread as it is now.</param>
    public sealed record ThreadChanged(ChatThreadProperties Thread) : ChatHappening;

    /// <summary>A thread is gone.</summary>
    public sealed record ThreadDeleted : ChatHappening
    {
        /// <summary>Whether nobody deleted it, but its time had come.</summary>
        public bool IsByPolicy { get; init; }

        /// <summary>When the thread was created, where that is still known.</summary>
        public DateTimeOffset? CreatedOn { get; init; }
    }

    /// <summary>People were added.</summary>
    /// <param name="Added">Who.</param>
    /// <param name="CreatedOn">When the thread was created.</param>
    public sealed record ParticipantsAdded(IReadOnlyList<ChatPerson> Added, DateTimeOffset CreatedOn) : ChatHappening;

    /// <summary>Someone left or was removed.</summary>
    /// <param name="Removed">Who.</param>
    /// <param name="CreatedOn">When the thread was created.</param>
    public sealed record ParticipantsRemoved(IReadOnlyList<ChatPerson> Removed, DateTimeOffset CreatedOn) : ChatHappening;
}

/// <summary>Someone in a thread.</summary>
/// <param name="RawId">The user id.</param>
/// <param name="DisplayName">The name under which they take part, or wrote.</param>
public sealed record ChatPerson(string RawId, string? DisplayName)
{
    /// <summary>Their handle, for whoever keeps who it was and looks the rest up again; nobody for who was erased.</summary>
    public SubjectRef Subject { get; init; }

    /// <summary>The instant from which the history is shared with them.</summary>
    public DateTimeOffset? ShareHistoryTime { get; init; }

    /// <summary>Name and value pairs of the application.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What a thread is.</summary>
/// <param name="Topic">Its topic.</param>
/// <param name="CreatedOn">When it was created.</param>
/// <param name="Metadata">Name and value pairs of the application.</param>
/// <param name="DeleteAfterDays">Days after its creation after which it is deleted; null for never.</param>
public sealed record ChatThreadProperties(string Topic, DateTimeOffset CreatedOn, IReadOnlyDictionary<string, string>? Metadata, int? DeleteAfterDays);
