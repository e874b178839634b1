using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Identity;

/// <summary>
/// Issues user access tokens and checks them. A signature is checked once and remembered; whether the user still exists and how often their tokens were
/// revoked is looked at every time, in a cache that the change feed keeps true.
/// </summary>
internal sealed class UserTokens(TimeProvider clock) : IUserTokens
{
    private const string SecretPurpose = "user tokens";
    private readonly ConcurrentDictionary<Geography, Lazy<Task<TokenSigner>>> _signers = new();
    private readonly FeedWatch _watch = new();
    private readonly BoundedCache<TokenHash, CheckedToken> _checked = new(32_768);
    private readonly BoundedCache<(Geography Geography, SubjectRef Subject), long> _revocations = new(65_536);

    /// <summary>Issues a token.</summary>
    public async ValueTask<AccessTokenReply> Issue(
        Home home, string rawId, UserAccount account, IReadOnlyList<string> scopes, int minutes, string keyFingerprint, CancellationToken cancel)
    {
        var signer = await SignerOf(home, cancel);
        var issued = clock.GetUtcNow().ToUnixTimeSeconds();
        var expires = issued + (minutes * 60L);
        var claims = new TokenClaims(
            rawId[2..],
            string.Join(',', scopes.Distinct(StringComparer.Ordinal)),
            home.ResourceId.ToString("D"),
            home.Geography.Slug,
            issued,
            expires,
            account.Revocations,
            keyFingerprint,
            Guid.NewGuid().ToString("N"));
        return new AccessTokenReply(signer.Sign(claims, TokenJson.Default.TokenClaims), DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <summary>The public key of the geography.</summary>
    public async ValueTask<JsonWebKey> PublicKey(Home home, CancellationToken cancel) => (await SignerOf(home, cancel)).PublicKey;

    /// <inheritdoc/>
    public async ValueTask<(Caller.User? User, Problem? Problem)> Check(string token, ServedResource resource, CancellationToken cancel)
    {
        var home = resource.Home;
        var hash = TokenHash.Of(token);
        if (!_checked.TryGet(hash, out var found))
        {
            if (await CheckSignature(token, home, cancel) is not { } fresh)
            {
                return (null, IdentityProblems.InvalidToken);
            }

            found = fresh;
            _checked.Add(hash, found);
        }

        if (found.Resource != home.ResourceId || found.Geography != home.Geography)
        {
            return (null, IdentityProblems.InvalidToken);
        }

        return await CheckAgain(found.User, resource, cancel) is { } problem ? (null, problem) : (found.User, null);
    }

    /// <inheritdoc/>
    [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Problem?> CheckAgain(Caller.User user, ServedResource resource, CancellationToken cancel)
    {
        var pass = user.Pass;
        if (pass.Expires <= clock.GetUtcNow())
        {
            return IdentityProblems.ExpiredToken;
        }

        return resource.KeyFingerprints.Contains(pass.KeyFingerprint) && await Revocations(resource.Home, user.Subject, pass.Revocations, cancel) == pass.Revocations
            ? null
            : IdentityProblems.RevokedToken;
    }

    private async ValueTask<CheckedToken?> CheckSignature(string token, Home home, CancellationToken cancel)
    {
        var claims = (await SignerOf(home, cancel)).Check(token, TokenJson.Default.TokenClaims);
        if (claims is null || claims.ResourceId != home.ResourceId.ToString("D") || claims.ResourceLocation != home.Geography.Slug)
        {
            return null;
        }

        var rawId = "8:" + claims.Skypeid;
        var subject = await home.FindSubject(new Identifier(Identifier.CommunicationUser, rawId), cancel);

        // A person who was erased is not found any more; the token was good once, so it is said to be revoked.
        return new CheckedToken(
            new Caller.User(subject ?? SubjectRef.None, rawId, claims.AcsScope.Split(','))
            {
                Pass = new TokenPass(DateTimeOffset.FromUnixTimeSeconds(claims.Exp), claims.Rev, claims.Key),
            },
            home.Geography,
            home.ResourceId);
    }

    /// <param name="home">The resource.</param>
    /// <param name="subject">The user.</param>
    /// <param name="atLeast">What a token says, which another node may have issued after a revocation that this one has not heard of yet.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>How often the user's tokens were revoked; −1 when there is no such user.</returns>
    private async ValueTask<long> Revocations(Home home, SubjectRef subject, long atLeast, CancellationToken cancel)
    {
        if (subject.IsNone)
        {
            return -1;
        }

        if (_revocations.TryGet((home.Geography, subject), out var known) && known >= atLeast && home.Store.Feed.IsCurrent)
        {
            return known;
        }

        _watch.On(home, Changed, _revocations.Clear);
        var version = _revocations.Version;
        if (await home.Store.Get<UserAccount>([subject], cancel) is not { } account)
        {
            return -1;
        }

        _revocations.AddUnlessDropped((home.Geography, subject), account.Revocations, version);
        return account.Revocations;
    }

    private void Changed(Geography geography, FeedEntry entry)
    {
        if (entry.Kind.ClrType == typeof(CommunicationResource) && entry.Change != Change.Inserted)
        {
            // Rare: the resource may have been emptied, and its people with it.
            _checked.Clear();
            _revocations.Clear();
        }
        else if (entry.Kind.ClrType == typeof(UserAccount) && entry.Change != Change.Inserted)
        {
            _revocations.Drop((geography, new SubjectRef(entry.Key[0].Number)));
        }
    }

    private async ValueTask<TokenSigner> SignerOf(Home home, CancellationToken cancel)
    {
        var signer = _signers.GetOrAdd(
            home.Geography,
            static (_, home) => new Lazy<Task<TokenSigner>>(async () => new TokenSigner(await home.Secret(SecretPurpose, CancellationToken.None))),
            home);
        return await signer.Value.WaitAsync(cancel);
    }

    private sealed record CheckedToken(Caller.User User, Geography Geography, Guid Resource);

    /// <summary>The SHA-256 of a token, cut to 128 bits: what is remembered of it in place of the token itself.</summary>
    private readonly record struct TokenHash(UInt128 Value)
    {
        public static TokenHash Of(string token)
        {
            Span<byte> bytes = stackalloc byte[1024];
            var source = Encoding.UTF8.GetByteCount(token) <= bytes.Length ? bytes[..Encoding.UTF8.GetBytes(token, bytes)] : Encoding.UTF8.GetBytes(token);
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(source, hash);
            return new TokenHash(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash));
        }
    }
}
