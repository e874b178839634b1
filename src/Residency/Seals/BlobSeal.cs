using System.Buffers;
using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>
/// The form of a sealed file: a header, then the content in chunks of 64 KiB, each sealed by itself, so that any part is read without the rest.
/// The header holds the file's own random key, sealed under the keys of the record that owns the file (<see cref="SealKey"/>), and vouches for geography, resource, kind
/// and key of that record and for the file's name: a file that is moved to another of them does not open, and whoever destroys the owner's or the parent's key, or only
/// the header, has destroyed the content. Chunks are numbered, and the last one says that it is the last (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015),
/// so a chunk that is exchanged, repeated or left out, and an end that is cut off, are found.
/// </summary>
public static class BlobSeal
{
    /// <summary>Bytes of content in every chunk but the last, which has 0 (only when it is the only one) to as many.</summary>
    public const int ChunkBytes = 64 * 1024;

    /// <summary>Bytes of a full chunk in the file.</summary>
    public const int SealedChunkBytes = ChunkBytes + Seal.TagBytes;

    /// <summary>Bytes before the first chunk.</summary>
    public static readonly int HeaderBytes = Magic.Length + KeyVault.KeyBytes + Seal.OverheadBytes;

    private const byte BlobContext = (byte)'b';

    private static ReadOnlySpan<byte> Magic => "domb1"u8;

    /// <summary>Bytes of content in a file.</summary>
    /// <exception cref="SealBrokenException">No file that was written whole has this length.</exception>
    public static long ContentLength(long fileLength)
    {
        var chunks = ChunksOf(fileLength);
        return fileLength - HeaderBytes - (chunks * Seal.TagBytes);
    }

    /// <summary>Chunks in a file.</summary>
    /// <exception cref="SealBrokenException">No file that was written whole has this length.</exception>
    public static long ChunksOf(long fileLength)
    {
        var body = fileLength - HeaderBytes;
        var chunks = (body + SealedChunkBytes - 1) / SealedChunkBytes;
        var last = body - ((chunks - 1) * SealedChunkBytes);
        return body >= Seal.TagBytes && (last > Seal.TagBytes || (chunks == 1 && last == Seal.TagBytes))
            ? chunks
            : throw new SealBrokenException("A sealed file has a length that no whole one has.");
    }

    /// <summary>Begins a file: a fresh key, sealed into the header.</summary>
    public static BlobCipher Begin(SealKey key, ReadOnlySpan<byte> context, Span<byte> header)
    {
        Span<byte> contentKey = stackalloc byte[KeyVault.KeyBytes];
        RandomNumberGenerator.Fill(contentKey);
        Magic.CopyTo(header);
        Seal.Close(key, 0, contentKey, context).CopyTo(header[Magic.Length..]);
        var cipher = new BlobCipher(contentKey);
        CryptographicOperations.ZeroMemory(contentKey);
        return cipher;
    }

    /// <summary>Opens the header of a file.</summary>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public static BlobCipher Open(SealKey key, ReadOnlySpan<byte> header, ReadOnlySpan<byte> context)
    {
        if (header.Length != HeaderBytes || !header.StartsWith(Magic) || Seal.ColumnsOf(header[Magic.Length..]) != 0)
        {
            throw new SealBrokenException("A file is not a sealed one of a known format.");
        }

        Span<byte> contentKey = stackalloc byte[KeyVault.KeyBytes];
        Seal.Open(key, header[Magic.Length..], contentKey, context);
        var cipher = new BlobCipher(contentKey);
        CryptographicOperations.ZeroMemory(contentKey);
        return cipher;
    }

    /// <summary>Writes what a header vouches for: the record that owns the file, by every part of its key that is known before the batch, and the file's name.</summary>
    public static void WriteContext(
        IBufferWriter<byte> output, Geography geography, ResourceRef resource, RecordKind kind, ReadOnlySpan<ColumnValue> values, BlobRef blob)
    {
        // Begins otherwise than the context of a payload, so that neither opens in place of the other.
        Seal.WriteByte(output, BlobContext);
        Seal.WriteByte(output, Seal.Format);
        Seal.WriteText(output, geography.Slug);
        Seal.WriteResource(output, resource);
        Seal.WriteText(output, kind.Name);
        for (var i = 0; i < kind.Columns.Count; i++)
        {
            var column = kind.Columns[i];
            if ((column.Role & (ColumnRole.Key | ColumnRole.Identity)) != 0 && !column.IsAllocated)
            {
                Seal.WriteValue(output, column.Type, values[i]);
            }
        }

        Seal.WriteValue(output, ColumnType.Bytes, blob.Id);
    }
}
