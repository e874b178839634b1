using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// An entry of the audit log. It is written in the transaction of the act itself and rests among the geography's own records, so that it outlives the resource
/// in which the act was done.
/// </summary>
[Record(
    "audit.entry",
    DataCategory.Audit,
    Retention.WithParent,
    Erasure = ErasureRule.Depersonalise,
    Note = "Which acts are audited is listed below. When a person who acted is erased, who and what go; the instant, the act and the commitment stay, and with them every proof.")]
public sealed record AuditEntry
{
    /// <summary>The day.</summary>
    [Key, Parent<AuditDay>]
    public required Ref<AuditDay> Day { get; init; }

    /// <summary>The entry.</summary>
    [Key]
    public required Ref<AuditEntry> Entry { get; init; }

    /// <summary>The person who acted.</summary>
    [Owner]
    public required SubjectRef Actor { get; init; }

    /// <summary>The person to whom it was done.</summary>
    [Subject]
    public required SubjectRef Person { get; init; }

    /// <summary>The number of the act.</summary>
    [Plain("part of the leaf, so that it stays provable")]
    public required int Act { get; init; }

    /// <summary>When.</summary>
    [Plain("part of the leaf, so that it stays provable")]
    public required DateTimeOffset At { get; init; }

    /// <summary>SHA-256 over salt and content.</summary>
    [Plain("part of the leaf: 32 bytes that tell nothing without the salt")]
    public required byte[] Commitment { get; init; }

    /// <summary>Random; without it nobody can try contents against the commitment. Null when the actor was erased.</summary>
    public byte[]? Salt { get; init; }

    /// <summary>Who, what, where and why, as JSON, in the bytes that the commitment is over. Null when the actor was erased.</summary>
    public string? Content { get; init; }

    /// <summary>When the actor was erased.</summary>
    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    /// <summary>The entry as the tree has it.</summary>
    public AuditLeaf Leaf => new(At, Act, Commitment);
}
