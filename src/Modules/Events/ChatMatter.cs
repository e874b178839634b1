using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>What happened in chat, as it waits: who did it is the owner of the record, everyone else is a handle.</summary>
internal sealed record ChatMatter
{
    /// <summary>What happened.</summary>
    public required ChatMatterKind Kind { get; init; }

    /// <summary>The thread's id.</summary>
    public required string ThreadId { get; init; }

    /// <summary>The key of the thread, by which names are looked up; 0 when it is gone.</summary>
    public long Thread { get; init; }

    /// <summary>Milliseconds of the epoch.</summary>
    public required long Version { get; init; }

    /// <summary>When the thread was created.</summary>
    public DateTimeOffset? CreatedOn { get; init; }

    /// <summary>The message's id, milliseconds of the epoch.</summary>
    public long MessageId { get; init; }

    /// <summary>Whether the message is HTML.</summary>
    public bool IsHtml { get; init; }

    /// <summary>What was written.</summary>
    public string? Content { get; init; }

    /// <summary>The name under which it was written: its writer's own.</summary>
    public string? SenderDisplayName { get; init; }

    /// <summary>Name and value pairs of the message, or of the thread.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The thread's topic.</summary>
    public string? Topic { get; init; }

    /// <summary>Who was in the thread when it was created.</summary>
    [Note("handles; resolved when told")]
    public IReadOnlyList<SubjectRef>? Members { get; init; }
}

/// <summary>What happens in chat. The numbers are at rest.</summary>
internal enum ChatMatterKind
{
    MessageReceived = 0,
    MessageEdited = 1,
    MessageDeleted = 2,
    Typing = 3,
    ThreadCreated = 4,
    ThreadChanged = 5,
    ThreadDeleted = 6,
    ParticipantAdded = 7,
    ParticipantRemoved = 8,
}
