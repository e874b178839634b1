using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>A key that seals payloads: derived from the owner's key and the parent's, so that the end of either is the end of what it sealed.</summary>
public sealed class SealKey : IDisposable
{
    /// <summary>NIST SP 800-38D §8.3: with random 96-bit nonces a key seals at most 2³² times.</summary>
    public const long SealsMax = 1L << 32;

    private readonly Lock _lock = new();
    private readonly AesGcm _cipher;
    private long _seals;

    private SealKey(ReadOnlySpan<byte> key, bool hasOwner)
    {
        _cipher = new AesGcm(key, Seal.TagBytes);
        HasOwner = hasOwner;
    }

    /// <summary>Whether an owner's key is part of it.</summary>
    public bool HasOwner { get; }

    /// <summary>Derives the key of a record with an owner: HKDF-SHA-256 (RFC 5869) over both keys.</summary>
    public static SealKey Of(ReadOnlySpan<byte> owner, ReadOnlySpan<byte> parent)
    {
        Span<byte> both = stackalloc byte[KeyVault.KeyBytes * 2];
        owner.CopyTo(both);
        parent.CopyTo(both[KeyVault.KeyBytes..]);
        return Derive(both, "domicile/seal/1/owner+parent"u8, hasOwner: true);
    }

    /// <summary>Derives the key of a record that belongs to nobody.</summary>
    public static SealKey Of(ReadOnlySpan<byte> parent) => Derive(parent, "domicile/seal/1/parent"u8, hasOwner: false);

    /// <summary>Frees the cipher.</summary>
    public void Dispose() => _cipher.Dispose();

    internal void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> content, Span<byte> sealedContent, Span<byte> tag, ReadOnlySpan<byte> context)
    {
        lock (_lock)
        {
            if (++_seals > SealsMax)
            {
                throw new InvalidOperationException("A key has sealed as often as it may; its subject or parent needs a new one.");
            }

            _cipher.Encrypt(nonce, content, sealedContent, tag, context);
        }
    }

    internal void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedContent, ReadOnlySpan<byte> tag, Span<byte> content, ReadOnlySpan<byte> context)
    {
        lock (_lock)
        {
            _cipher.Decrypt(nonce, sealedContent, tag, content, context);
        }
    }

    private static SealKey Derive(ReadOnlySpan<byte> material, ReadOnlySpan<byte> label, bool hasOwner)
    {
        Span<byte> key = stackalloc byte[KeyVault.KeyBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, material, key, [], label);
        var derived = new SealKey(key, hasOwner);
        CryptographicOperations.ZeroMemory(key);
        return derived;
    }
}
