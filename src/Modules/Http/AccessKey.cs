using System.Security.Cryptography;

namespace Domicile.Modules.Http;

/// <summary>An access key of a resource.</summary>
public static class AccessKey
{
    /// <summary>Length of a key in bytes; in a connection string it is base64.</summary>
    public const int Bytes = 64;

    /// <summary>Says which key it is without telling anything about it: the first 8 bytes of its SHA-256, in hexadecimal.</summary>
    public static string Fingerprint(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return Convert.ToHexStringLower(hash[..8]);
    }
}
