using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>
/// Wraps a key under another: AES-256-GCM, random 96-bit nonce, the context as authenticated data. Nonce, ciphertext, tag: 28 bytes longer than the key.
/// A wrapping key wraps at most a few thousand keys, far below the 2³² of NIST SP 800-38D §8.3 for random nonces.
/// </summary>
internal static class KeyWrap
{
    public const int NonceBytes = 12;
    public const int TagBytes = 16;

    public static byte[] Wrap(ReadOnlySpan<byte> wrappingKey, ReadOnlySpan<byte> key, ReadOnlySpan<byte> context)
    {
        var wrapped = new byte[NonceBytes + key.Length + TagBytes];
        var nonce = wrapped.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = new AesGcm(wrappingKey, TagBytes);
        cipher.Encrypt(nonce, key, wrapped.AsSpan(NonceBytes, key.Length), wrapped.AsSpan(NonceBytes + key.Length), context);
        return wrapped;
    }

    public static byte[] Unwrap(ReadOnlySpan<byte> wrappingKey, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> context)
    {
        if (wrapped.Length <= NonceBytes + TagBytes)
        {
            throw new SealBrokenException("A wrapped key is too short to be one.");
        }

        var key = new byte[wrapped.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(wrappingKey, TagBytes);
        try
        {
            cipher.Decrypt(wrapped[..NonceBytes], wrapped.Slice(NonceBytes, key.Length), wrapped[(NonceBytes + key.Length)..], key, context);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SealBrokenException("A wrapped key does not open under the key that it names.");
        }

        return key;
    }
}
