using System.Security.Cryptography;

namespace Domicile.Residency;

/// <summary>The hashes of a Merkle tree as RFC 9162 §2.1.1 has them: leaves and nodes are told apart by their first byte, so that neither passes for the other.</summary>
public static class MerkleHash
{
    /// <summary>Bytes of a hash.</summary>
    public const int Bytes = SHA256.HashSizeInBytes;

    /// <summary>The hash of a tree without leaves.</summary>
    public static byte[] Empty { get; } = SHA256.HashData([]);

    /// <summary>The hash of a leaf.</summary>
    public static byte[] OfLeaf(ReadOnlySpan<byte> data)
    {
        var hashed = new byte[1 + data.Length];
        data.CopyTo(hashed.AsSpan(1));
        return SHA256.HashData(hashed);
    }

    /// <summary>The hash of a node from those of its two subtrees.</summary>
    public static byte[] OfNode(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> hashed = stackalloc byte[1 + (2 * Bytes)];
        hashed[0] = 1;
        left.CopyTo(hashed[1..]);
        right.CopyTo(hashed[(1 + Bytes)..]);
        return SHA256.HashData(hashed);
    }
}
