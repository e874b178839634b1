using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Identity;

/// <summary>POST /identities. Every member may be absent, and so may the body.</summary>
internal sealed record CreateIdentityRequest(IReadOnlyList<string>? CreateTokenWithScopes, int? ExpiresInMinutes, string? CustomId);

/// <summary>POST /identities/{id}/:issueAccessToken.</summary>
internal sealed record IssueTokenRequest(IReadOnlyList<string>? Scopes, int? ExpiresInMinutes);

/// <summary>POST /teamsUser/:exchangeAccessToken.</summary>
internal sealed record ExchangeTeamsTokenRequest(string? Token, string? AppId, string? UserId);

/// <summary>An identity, as it is told.</summary>
internal sealed record IdentityReply(string Id)
{
    /// <summary>An id of the customer's own (2025-06-30).</summary>
    public string? CustomId { get; init; }

    /// <summary>When a token was last issued (2025-06-30).</summary>
    public DateTimeOffset? LastTokenIssuedAt { get; init; }
}

/// <summary>A token and its end.</summary>
internal sealed record AccessTokenReply(string Token, DateTimeOffset ExpiresOn);

/// <summary>A created identity, with its first token when one was asked for.</summary>
internal sealed record CreatedIdentityReply(IdentityReply Identity, AccessTokenReply? AccessToken);

/// <summary>GET /.well-known/jwks.json (RFC 7517).</summary>
internal sealed record KeySetReply(IReadOnlyList<JsonWebKey> Keys);

/// <summary>An identity in the administrators' list.</summary>
internal sealed record ListedIdentity(string Id, DateTimeOffset CreatedOn);

/// <summary>GET /resources/{nameOrId}/identities on the administration origin.</summary>
internal sealed record IdentityList(IReadOnlyList<ListedIdentity> Value, string? NextLink);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(CreateIdentityRequest))]
[JsonSerializable(typeof(IssueTokenRequest))]
[JsonSerializable(typeof(ExchangeTeamsTokenRequest))]
[JsonSerializable(typeof(IdentityReply))]
[JsonSerializable(typeof(AccessTokenReply))]
[JsonSerializable(typeof(CreatedIdentityReply))]
[JsonSerializable(typeof(KeySetReply))]
[JsonSerializable(typeof(IdentityList))]
internal sealed partial class IdentityJson : JsonSerializerContext;
