using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>
/// Seals and opens the chunks of one file. Its key seals nothing else, so the nonce is the chunk's number and whether it is the last: no two chunks share one.
/// Used by one thread at a time.
/// </summary>
public sealed class BlobCipher : IDisposable
{
    private const int NonceBytes = 12;
    private readonly AesGcm _cipher;

    internal BlobCipher(ReadOnlySpan<byte> key)
    {
        _cipher = new AesGcm(key, Seal.TagBytes);
    }

    /// <summary>Seals a chunk.</summary>
    /// <param name="number">Its number, from 0.</param>
    /// <param name="isLast">Whether it is the last.</param>
    /// <param name="content">At most <see cref="BlobSeal.ChunkBytes"/>.</param>
    /// <param name="output">Room for the content and its tag.</param>
    /// <returns>Bytes written.</returns>
    public int Close(long number, bool isLast, ReadOnlySpan<byte> content, Span<byte> output)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        WriteNonce(nonce, number, isLast);
        _cipher.Encrypt(nonce, content, output[..content.Length], output.Slice(content.Length, Seal.TagBytes));
        return content.Length + Seal.TagBytes;
    }

    /// <summary>Opens a chunk.</summary>
    /// <returns>Bytes of content.</returns>
    /// <exception cref="SealBrokenException">It was tampered with, or is not the chunk of that number.</exception>
    public int Open(long number, bool isLast, ReadOnlySpan<byte> sealedChunk, Span<byte> content)
    {
        if (sealedChunk.Length < Seal.TagBytes)
        {
            throw new SealBrokenException("A sealed file ends too early.");
        }

        Span<byte> nonce = stackalloc byte[NonceBytes];
        WriteNonce(nonce, number, isLast);
        var length = sealedChunk.Length - Seal.TagBytes;
        try
        {
            _cipher.Decrypt(nonce, sealedChunk[..length], sealedChunk[length..], content[..length]);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SealBrokenException("A part of a sealed file does not open where it lies.");
        }

        return length;
    }

    /// <summary>Frees the cipher.</summary>
    public void Dispose() => _cipher.Dispose();

    private static void WriteNonce(Span<byte> nonce, long number, bool isLast)
    {
        nonce.Clear();
        BinaryPrimitives.WriteInt64BigEndian(nonce[3..], number);
        nonce[11] = isLast ? (byte)1 : (byte)0;
    }
}
