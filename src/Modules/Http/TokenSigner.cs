using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Domicile.Modules.Http;

/// <summary>
/// Signs and checks the JWTs of one geography: ES256 (RFC 7518 §3.4) and nothing else, whatever a token's header says. The key is derived from the
/// geography's signing key, so that every node of the geography has the same one and no other has it.
/// </summary>
internal sealed class TokenSigner : IDisposable
{
    private const int TokenCharactersMax = 8 * 1024;
    private readonly ECDsa _key;
    private readonly Lock _lock = new();
    private readonly string _header;

    /// <param name="secret">32 bytes; the private scalar on P-256.</param>
    public TokenSigner(byte[] secret)
    {
        _key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = secret });
        var point = _key.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));

        // RFC 7638: the members in lexical order, without spaces.
        KeyId = Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
        PublicKey = new JsonWebKey("EC", "P-256", "sig", "ES256", KeyId, x, y);
        _header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"ES256","typ":"JWT","kid":"{{KeyId}}"}"""));
    }

    /// <summary>The thumbprint of the key (RFC 7638).</summary>
    public string KeyId { get; }

    /// <summary>The public half.</summary>
    public JsonWebKey PublicKey { get; }

    /// <summary>Signs claims.</summary>
    public string Sign<T>(T claims, JsonTypeInfo<T> type)
    {
        var signed = $"{_header}.{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims, type))}";
        lock (_lock)
        {
            return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
        }
    }

    /// <summary>Checks the signature.</summary>
    /// <returns>The claims, or null when it is not a token of this key.</returns>
    public T? Check<T>(string token, JsonTypeInfo<T> type)
        where T : class
    {
        // The header is compared whole: one algorithm, one key, nothing to negotiate.
        if (token.Length > TokenCharactersMax || token.Length <= _header.Length || token[_header.Length] != '.' || !token.StartsWith(_header, StringComparison.Ordinal))
        {
            return null;
        }

        var signatureAt = token.IndexOf('.', _header.Length + 1);
        if (signatureAt < 0 || !Base64Url.IsValid(token.AsSpan(signatureAt + 1)) || !Base64Url.IsValid(token.AsSpan(_header.Length + 1, signatureAt - _header.Length - 1)))
        {
            return null;
        }

        var signature = Base64Url.DecodeFromChars(token.AsSpan(signatureAt + 1));
        lock (_lock)
        {
            if (!_key.VerifyData(Encoding.UTF8.GetBytes(token[..signatureAt]), signature, HashAlgorithmName.SHA256))
            {
                return null;
            }
        }

        return JsonSerializer.Deserialize(Base64Url.DecodeFromChars(token.AsSpan(_header.Length + 1, signatureAt - _header.Length - 1)), type);
    }

    public void Dispose() => _key.Dispose();
}

/// <summary>A public key on P-256 (RFC 7518 §6.2).</summary>
internal sealed record JsonWebKey(string Kty, string Crv, string Use, string Alg, string Kid, string X, string Y);
