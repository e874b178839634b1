using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// That a hold keeps something of a person who was erased, below one root: processing is restricted to keeping it (GDPR, article 18). What is kept is sealed under a
/// stand-in, whose key nobody has another use for and which is destroyed when no hold covers it any more; to all others the person is erased.
/// </summary>
[Record(
    "storage.restriction",
    DataCategory.Identity,
    Retention.UntilDeleted,
    Erasure = ErasureRule.Delete,
    Note = "Exists from the erasure of somebody of whom a hold keeps something until no hold does. Who they were is kept with it, and read by whoever may place holds.")]
public sealed record Restriction
{
    /// <summary>The handle of who was erased. Nothing else says any more who that was.</summary>
    [Key]
    public required long Handle { get; init; }

    /// <summary>The kind of the root below which it lies; <see cref="KeyName.Resource"/> for what lies below none.</summary>
    [Key]
    public required string Below { get; init; }

    /// <summary>The root's key.</summary>
    [Key]
    public required long Root { get; init; }

    /// <summary>Under whose key it is sealed.</summary>
    [Owner]
    public required SubjectRef StandIn { get; init; }

    /// <summary>Since when.</summary>
    [Plain("shown with what is kept")]
    public required DateTimeOffset RestrictedOn { get; init; }

    /// <summary>What the person was known by.</summary>
    public required IReadOnlyList<KeptIdentifier> Identifiers { get; init; }
}

/// <summary>What an erased person was known by.</summary>
/// <param name="Purpose">The kind of identifier.</param>
/// <param name="Value">The identifier.</param>
public sealed record KeptIdentifier(string Purpose, string Value);
