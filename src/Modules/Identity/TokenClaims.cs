using System.Text.Json.Serialization;

namespace Domicile.Modules.Identity;

/// <summary>What a user access token says.</summary>
/// <param name="Skypeid">The raw id of the user without its leading <c>8:</c>, as the clients read it.</param>
/// <param name="AcsScope">The scopes, joined by commas.</param>
/// <param name="ResourceId">The resource that issued it.</param>
/// <param name="ResourceLocation">The geography, without spaces, in lower case.</param>
/// <param name="Iat">Issued, in seconds of the epoch.</param>
/// <param name="Exp">Expires, in seconds of the epoch.</param>
/// <param name="Rev">How often the user's tokens had been revoked when it was issued.</param>
/// <param name="Key">The fingerprint of the access key with which it was issued; when that key is regenerated, the token ends.</param>
/// <param name="Jti">Tells two tokens of one second apart.</param>
internal sealed record TokenClaims(
    string Skypeid, string AcsScope, string ResourceId, string ResourceLocation, long Iat, long Exp, long Rev, string Key, string Jti);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(TokenClaims))]
internal sealed partial class TokenJson : JsonSerializerContext;
