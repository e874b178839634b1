using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Administration;

/// <summary>
/// Mints and checks the short-lived tokens of administrators. A token is of one geography and one role. The credential of the first start opens nothing but
/// the minting; it rests in a file that only its owner can read.
/// </summary>
internal sealed class AdministratorTokens(AdministratorCredential credential, TimeProvider clock) : IAdministratorTokens
{
    private FrozenDictionary<Geography, TokenSigner> _signers = FrozenDictionary<Geography, TokenSigner>.Empty;

    /// <summary>Reads the signing keys of the geographies that the node serves.</summary>
    public async Task Prepare(IEnumerable<Home> geographies, CancellationToken cancel)
    {
        var signers = new Dictionary<Geography, TokenSigner>();
        foreach (var home in geographies)
        {
            signers.Add(home.Geography, new TokenSigner(await home.Secret("administrator tokens", cancel)));
        }

        _signers = signers.ToFrozenDictionary();
    }

    /// <summary>Mints a token.</summary>
    public MintedTokenReply Mint(Geography geography, string role, int minutes)
    {
        var issued = clock.GetUtcNow().ToUnixTimeSeconds();
        var expires = issued + (minutes * 60L);
        var token = _signers[geography].Sign(new AdministratorClaims(role, geography.Slug, issued, expires, Guid.NewGuid().ToString("N")), AdministratorJson.Default.AdministratorClaims);
        return new MintedTokenReply(token, role, DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <inheritdoc/>
    public (Caller.Administrator? Administrator, Problem? Problem) Check(string token, Geography geography) =>
        _signers.TryGetValue(geography, out var signer)
        && signer.Check(token, AdministratorJson.Default.AdministratorClaims) is { } claims
        && claims.Geography == geography.Slug
        && claims.Exp > clock.GetUtcNow().ToUnixTimeSeconds()
        && AdministratorRole.All.Contains(claims.Role)
            ? (new Caller.Administrator(claims.Role), null)
            : (null, AdministrationProblems.BadToken);

    /// <inheritdoc/>
    public bool IsCredential(string id, string secret) => AreEqual(id, credential.Id) & AreEqual(secret, credential.Secret);

    private static bool AreEqual(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(one)), SHA256.HashData(Encoding.UTF8.GetBytes(other)));
}

/// <summary>The credential of the first start.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Secret">Its secret: 32 random bytes in base64url.</param>
public sealed record AdministratorCredential(string Id, string Secret);

/// <summary>What an administrator token says.</summary>
internal sealed record AdministratorClaims(string Role, string Geography, long Iat, long Exp, string Jti);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AdministratorClaims))]
internal sealed partial class AdministratorJson : JsonSerializerContext;
