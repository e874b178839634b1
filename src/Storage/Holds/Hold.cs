using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// An order to keep: while it stands, nothing that it covers is deleted, by whomever, for whatever reason. It covers the records of a person, a root (such as a
/// thread) with everything below it, or the whole resource.
/// </summary>
[Record(
    "storage.hold",
    DataCategory.Configuration,
    Retention.UntilDeleted,
    Erasure = ErasureRule.KeepUntilExpiry,
    ErasureReason = "It is what stops the erasure; it goes when it is released.",
    Note = "Exists from its placing until its release; the audit log has both. Every deletion asks for it in its own transaction.")]
[Index("the holds on a root, asked for by every deletion", nameof(Root))]
public sealed record Hold
{
    /// <summary>What <see cref="Covers"/> says of a hold on everything of the resource.</summary>
    public const string Resource = "resource";

    /// <summary>What <see cref="Covers"/> says of a hold on the records of a person.</summary>
    public const string Subject = "subject";

    /// <summary><see cref="Resource"/>, <see cref="Subject"/>, or the kind of the root that it covers.</summary>
    [Key]
    public required string Covers { get; init; }

    /// <summary>Its id, which refusals name.</summary>
    [Key]
    public required Guid Id { get; init; }

    /// <summary>The person whose records it covers, or nobody.</summary>
    [Subject]
    public SubjectRef Person { get; init; }

    /// <summary>The key of the root that it covers, or 0.</summary>
    [Plain("every deletion asks for it")]
    public long Root { get; init; }

    /// <summary>When it was placed.</summary>
    [Plain("shown in lists")]
    public required DateTimeOffset PlacedOn { get; init; }

    /// <summary>When somebody is to look whether it is still needed. It does not end by itself.</summary>
    [Plain("those that are due are counted")]
    public required DateTimeOffset ReviewOn { get; init; }

    /// <summary>Why, in the words of who placed it.</summary>
    public required string Reason { get; init; }

    /// <summary>Who placed it.</summary>
    [Note("a handle")]
    public SubjectRef Author { get; init; }

    /// <summary>The role in which they did.</summary>
    public string? AuthorRole { get; init; }

    /// <summary>The id of the token with which they did; the audit log has it too.</summary>
    public string? AuthorCredential { get; init; }
}
