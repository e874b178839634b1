using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Privacy;

/// <summary>What can be asked about a person.</summary>
public enum SubjectRequestKind
{
    /// <summary>What is kept about them: kinds, rules, how many.</summary>
    Access,

    /// <summary>A copy of it.</summary>
    Export,

    /// <summary>Corrections.</summary>
    Rectify,

    /// <summary>Their erasure.</summary>
    Erase,
}

/// <summary>Where a request stands. The numbers are at rest.</summary>
public enum SubjectRequestState
{
    /// <summary>It waits; it can still be cancelled.</summary>
    Pending = 0,

    /// <summary>It has begun.</summary>
    Running = 1,

    /// <summary>Something, such as a hold, keeps it from being carried out; it goes on by itself when that ends.</summary>
    Restricted = 2,

    /// <summary>It was carried out.</summary>
    Completed = 3,

    /// <summary>It was cancelled before it began.</summary>
    Cancelled = 4,

    /// <summary>It cannot be carried out.</summary>
    Failed = 5,
}

/// <summary>
/// A request about a person, and what became of it. It rests among the geography's own records, so that the proof of an erasure outlives the resource; whom it is about is said by
/// handles and commitments only.
/// </summary>
[Record("privacy.request", DataCategory.Audit, Retention.FixedAge, AgeDays = 400, Note = "People are named by handles, which end with them, and by salted hashes whose salts only the requester has.")]
[Index("a request by its id", nameof(Id), nameof(ResourceId), Unique = true)]
[Index("requests that wait", nameof(State))]
internal sealed record SubjectRequest
{
    /// <summary>The resource.</summary>
    [Key]
    public required Guid ResourceId { get; init; }

    /// <summary>Its place among the resource's requests, in the order of time.</summary>
    [Key]
    public required long Number { get; init; }

    /// <summary>The id that the requester gave it.</summary>
    [Plain("requests are found by it")]
    public required Guid Id { get; init; }

    /// <summary>Where it stands.</summary>
    [Plain("the work that waits is found by it")]
    public required SubjectRequestState State { get; init; }

    /// <summary>When it was made.</summary>
    [Clock]
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>What is asked.</summary>
    public required SubjectRequestKind Kind { get; init; }

    /// <summary>Why, in the requester's words.</summary>
    public required string Reason { get; init; }

    /// <summary>The role of who asked.</summary>
    public required string Role { get; init; }

    /// <summary>A hash of what was asked, so that the same id is not used for something else.</summary>
    public required string Digest { get; init; }

    /// <summary>About whom.</summary>
    [Note("handles and salted hashes")]
    public required IReadOnlyList<RequestedPerson> People { get; init; }

    /// <summary>What is to be corrected.</summary>
    [Note("cleared when it is done")]
    public IReadOnlyList<RequestedChange> Changes { get; init; } = [];

    /// <summary>When the work began.</summary>
    public DateTimeOffset? StartedOn { get; init; }

    /// <summary>When it was over.</summary>
    public DateTimeOffset? CompletedOn { get; init; }

    /// <summary>How many of the people are done.</summary>
    public int PeopleDone { get; init; }

    /// <summary>Records that were dealt with, by kind.</summary>
    public IReadOnlyList<KindTally> Tally { get; init; } = [];

    /// <summary>Why it is restricted or failed: the type of a problem.</summary>
    public string? Obstacle { get; init; }

    /// <summary>What an erasure states.</summary>
    public string? Statement { get; init; }

    /// <summary>The entry of the audit log that vouches for the statement.</summary>
    public long? Entry { get; init; }

    /// <summary>Whether it is over.</summary>
    [JsonIgnore]
    public bool IsOver => State is SubjectRequestState.Completed or SubjectRequestState.Cancelled or SubjectRequestState.Failed;
}

/// <summary>One of the identifiers of a request.</summary>
/// <param name="Type">The type of identifier.</param>
/// <param name="Commitment">SHA-256 over a salt and the identifier, in base 64.</param>
/// <param name="Handle">The person; nobody when none has the identifier.</param>
internal sealed record RequestedPerson(string Type, string Commitment, SubjectRef Handle)
{
    /// <summary>The fingerprint of the person's key, taken before it is destroyed.</summary>
    public string? Key { get; init; }

    /// <summary>What there was just before the key was destroyed; it moves to <see cref="SubjectRequest.Tally"/> with the destruction.</summary>
    public IReadOnlyList<KindTally>? Counted { get; init; }

    /// <summary>When the key was destroyed.</summary>
    public DateTimeOffset? ErasedOn { get; init; }

    /// <summary>What holds keep of them beyond the erasure; null when nothing is left.</summary>
    public IReadOnlyList<KindTally>? Held { get; init; }

    /// <summary>Why their erasure, or the end of it, waits: the type of a problem.</summary>
    public string? Obstacle { get; init; }

    /// <summary>Bytes of the archive.</summary>
    public long? ArchiveBytes { get; init; }
}

/// <summary>A correction.</summary>
/// <param name="Kind">The kind of record.</param>
/// <param name="Member">Its member.</param>
/// <param name="Value">The new value, as JSON.</param>
internal sealed record RequestedChange(string Kind, string Member, string Value);

/// <summary>Records of a kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Filing">Theirs, or mentioning them.</param>
/// <param name="Records">How many.</param>
internal sealed record KindTally(string Kind, string Filing, long Records);

/// <summary>The archive of what was kept about a person: theirs, sealed under their key, and gone with it.</summary>
[Record("privacy.export", DataCategory.Content, Retention.StoredDate, Erasure = ErasureRule.Delete, Note = "Goes 30 days after it was made, and with the person.")]
internal sealed record SubjectExport
{
    /// <summary>How long an archive is kept.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromDays(30);

    /// <summary>The request's id.</summary>
    [Key]
    public required Guid Request { get; init; }

    /// <summary>The person.</summary>
    [Key, Owner]
    public required SubjectRef Person { get; init; }

    /// <summary>When it must be gone.</summary>
    [Expires]
    public required DateTimeOffset ExpiresOn { get; init; }

    /// <summary>The archive.</summary>
    [Blob]
    public BlobRef? File { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedOn { get; init; }
}

[JsonSerializable(typeof(SubjectRequest))]
[JsonSerializable(typeof(SubjectExport))]
internal sealed partial class PrivacyRecords : JsonSerializerContext;
