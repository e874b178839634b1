using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>
/// Random bytes that are no secret, such as nonces and ids, from the system's generator. They are drawn in pieces for each thread, because asking it for a few
/// bytes at a time costs more than sealing does; every byte is given out once. Keys are never made of them.
/// </summary>
public static class RandomPieces
{
    private const int PieceBytes = 1024;
    private const int GuidBytes = 16;

    [ThreadStatic]
    private static byte[]? t_piece;

    [ThreadStatic]
    private static int t_left;

    /// <summary>Fills a few bytes, 1,024 at most.</summary>
    public static void Fill(Span<byte> bytes)
    {
        var piece = t_piece ??= new byte[PieceBytes];
        if (t_left < bytes.Length)
        {
            RandomNumberGenerator.Fill(piece);
            t_left = PieceBytes;
        }

        piece.AsSpan(t_left - bytes.Length, bytes.Length).CopyTo(bytes);
        t_left -= bytes.Length;
    }

    /// <summary>A random UUID (RFC 9562 §5.4, version 4).</summary>
    public static Guid Uuid()
    {
        Span<byte> bytes = stackalloc byte[GuidBytes];
        Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
