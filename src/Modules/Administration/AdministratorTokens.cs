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
    private readonly TimeProvider _clock = TurnableClock.MachineOf(clock);
    private FrozenDictionary<Geography, TokenSigner> _signers = FrozenDictionary<Geography, TokenSigner>.Empty;
    private FrozenDictionary<Geography, SubjectRef> _subjects = FrozenDictionary<Geography, SubjectRef>.Empty;

    /// <summary>Reads the signing keys of the geographies that the node serves, and files the administrator as a person in each.</summary>
    public async Task Prepare(IEnumerable<Home> geographies, CancellationToken cancel)
    {
        var signers = new Dictionary<Geography, TokenSigner>();
        var subjects = new Dictionary<Geography, SubjectRef>();
        var identifier = new Identifier(Identifier.Administrator, credential.Id);
        foreach (var home in geographies)
        {
            signers.Add(home.Geography, new TokenSigner(await home.Secret("administrator tokens", cancel)));
            subjects.Add(home.Geography, await home.FindSubject(identifier, cancel) ?? await home.AddSubject([identifier], cancel));
        }

        (_signers, _subjects) = (signers.ToFrozenDictionary(), subjects.ToFrozenDictionary());
    }

    /// <summary>The holder of the credential, as a geography knows them.</summary>
    public SubjectRef Administrator(Geography geography) => _subjects[geography];

    /// <summary>Mints a token.</summary>
    public MintedTokenReply Mint(Geography geography, string role, int minutes, string tokenId)
    {
        var issued = _clock.GetUtcNow().ToUnixTimeSeconds();
        var expires = issued + (minutes * 60L);
        var token = _signers[geography].Sign(new AdministratorClaims(role, geography.Slug, issued, expires, tokenId), AdministratorJson.Default.AdministratorClaims);
        return new MintedTokenReply(token, role, DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <inheritdoc/>
    public (Caller.Administrator? Administrator, Problem? Problem) Check(string token, Geography geography) =>
        _signers.TryGetValue(geography, out var signer)
        && signer.Check(token, AdministratorJson.Default.AdministratorClaims) is { } claims
        && claims.Geography == geography.Slug
        && claims.Exp > _clock.GetUtcNow().ToUnixTimeSeconds()
        && AdministratorRole.All.Contains(claims.Role)
            ? (new Caller.Administrator(claims.Role) { Subject = _subjects[geography], TokenId = claims.Jti }, null)
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
