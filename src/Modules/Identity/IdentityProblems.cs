using Domicile.Residency;

namespace Domicile.Modules.Identity;

/// <summary>Every failure that a caller of Identity can meet.</summary>
internal static class IdentityProblems
{
    /// <summary>No identity of this resource has that id.</summary>
    public static readonly Problem NotFound = new("/problems/identity/not-found", 404, "This resource has no identity of that id.") { Code = "IdentityNotFound" };

    /// <summary>A token without scopes opens nothing.</summary>
    public static readonly Problem NoScopes = new("/problems/identity/no-scopes", 400, "A token needs at least one scope.") { Target = "scopes" };

    /// <summary>A scope is not one that exists.</summary>
    public static readonly Problem UnknownScope =
        new("/problems/identity/unknown-scope", 400, $"A scope is one of: {string.Join(", ", TokenScope.All)}.") { Target = "scopes" };

    /// <summary>A token lives 60 to 1440 minutes.</summary>
    public static readonly Problem LifeOutOfRange =
        new("/problems/identity/life-out-of-range", 400, "expiresInMinutes must be 60 to 1440.") { Target = "expiresInMinutes" };

    /// <summary>A custom id is 1 to 256 characters.</summary>
    public static readonly Problem BadCustomId =
        new("/problems/identity/bad-custom-id", 400, "customId must be 1 to 256 characters.") { Target = "customId" };

    /// <summary>Someone else is changing the same identity at the same moment, again and again.</summary>
    public static readonly Problem Busy =
        new("/problems/identity/busy", 503, "The identity is being changed by others at this moment. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    /// <summary>Tokens of Entra or Teams users cannot be exchanged here.</summary>
    public static readonly Problem NoTrust = new(
        "/problems/identity/no-trust",
        403,
        "This resource trusts no Entra tenant, so it cannot exchange the token of an Entra or Teams user. Issue a token of its own with POST /identities/{id}/:issueAccessToken.");

    /// <summary>The token cannot be checked, or not by this resource.</summary>
    public static readonly Problem InvalidToken =
        new("/problems/identity/invalid-token", 401, "The user access token is not one that this resource issued. Issue one with POST /identities/{id}/:issueAccessToken.") { Code = "InvalidToken" };

    /// <summary>The token's time is over.</summary>
    public static readonly Problem ExpiredToken =
        new("/problems/identity/expired-token", 401, "The user access token has expired. Issue a new one.") { Code = "TokenExpired" };

    /// <summary>The token was revoked, its user deleted, or the access key regenerated with which it was issued.</summary>
    public static readonly Problem RevokedToken =
        new("/problems/identity/revoked-token", 401, "The user access token was revoked. Issue a new one.") { Code = "TokenRevoked" };
}
