using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Identity;

/// <summary>A communication user. The id itself, and an id of the customer's own, rest in the key store under the person's key.</summary>
[Record("identity.user", DataCategory.Identity, Retention.UntilDeleted, Erasure = ErasureRule.Delete, Note = "Exists from its creation until DELETE /identities/{id}.")]
public sealed record UserAccount
{
    /// <summary>The person.</summary>
    [Key, Owner]
    public required SubjectRef Subject { get; init; }

    /// <summary>When the identity was created.</summary>
    [Plain("listed by administrators")]
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>How often tokens were revoked; a token that was issued under a lower number is refused.</summary>
    [Plain("checked with every token")]
    public required long Revocations { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>When a token was last issued.</summary>
    public DateTimeOffset? LastTokenIssuedOn { get; init; }
}

[JsonSerializable(typeof(UserAccount))]
internal sealed partial class IdentityRecords : JsonSerializerContext;
