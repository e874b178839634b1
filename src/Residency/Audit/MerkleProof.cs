using System.Numerics;

namespace Domicile.Residency;

/// <summary>
/// Which hashes prove that a leaf is in a tree, or that a tree continues a smaller one, and whether given hashes do. What a proof needs is told as complete
/// subtrees, of which whoever keeps the tree reads O(log n).
/// </summary>
public static class MerkleProof
{
    /// <summary>Hashes in a proof at most: a tree of 2⁶³ leaves is 63 levels high, and a consistency proof has one more.</summary>
    public const int HashesMax = 64;

    /// <summary>The ranges whose hashes prove that a leaf is in a tree (RFC 9162 §2.1.3.1), the lowest first; each as its complete subtrees.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such leaf.</exception>
    public static IReadOnlyList<IReadOnlyList<MerkleNode>> ForInclusion(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var path = new List<IReadOnlyList<MerkleNode>>();
        var (begin, end) = (0L, size);
        while (end - begin > 1)
        {
            var middle = begin + SplitOf(end - begin);
            path.Add(index < middle ? MerkleNode.Of(middle, end) : MerkleNode.Of(begin, middle));
            (begin, end) = index < middle ? (begin, middle) : (middle, end);
        }

        path.Reverse();
        return path;
    }

    /// <summary>The ranges whose hashes prove that a tree continues a smaller one (RFC 9162 §2.1.4.1); none when both are the same, or the smaller one is empty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The first tree is not the smaller one.</exception>
    public static IReadOnlyList<IReadOnlyList<MerkleNode>> ForConsistency(long first, long second)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, second);
        var path = new List<IReadOnlyList<MerkleNode>>();
        if (first == 0 || first == second)
        {
            return path;
        }

        var (begin, end, whole) = (0L, second, true);
        while (first != end)
        {
            var middle = begin + SplitOf(end - begin);
            if (first <= middle)
            {
                path.Add(MerkleNode.Of(middle, end));
                end = middle;
            }
            else
            {
                path.Add(MerkleNode.Of(begin, middle));
                begin = middle;
                whole = false;
            }
        }

        // Where the smaller tree is itself a subtree of the larger one, its own root says the rest.
        if (!whole)
        {
            path.Add(MerkleNode.Of(begin, end));
        }

        path.Reverse();
        return path;
    }

    /// <summary>Whether the hashes prove that the leaf is in the tree (RFC 9162 §2.1.3.2).</summary>
    public static bool IsIncluded(byte[] leafHash, long index, long size, IReadOnlyList<byte[]> proof, byte[] root)
    {
        if (index < 0 || index >= size || proof.Count > HashesMax || proof.Any(hash => hash.Length != MerkleHash.Bytes))
        {
            return false;
        }

        var (node, last, hash) = (index, size - 1, leafHash);
        foreach (var other in proof)
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                hash = MerkleHash.OfNode(other, hash);
                while ((node & 1) == 0 && node != 0)
                {
                    (node, last) = (node >> 1, last >> 1);
                }
            }
            else
            {
                hash = MerkleHash.OfNode(hash, other);
            }

            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && root.AsSpan().SequenceEqual(hash);
    }

    /// <summary>Whether the hashes prove that the second tree continues the first (RFC 9162 §2.1.4.2). Every tree continues the empty one.</summary>
    public static bool IsContinued(long first, byte[] firstRoot, long second, byte[] secondRoot, IReadOnlyList<byte[]> proof)
    {
        if (first < 0 || first > second || proof.Count > HashesMax || proof.Any(hash => hash.Length != MerkleHash.Bytes))
        {
            return false;
        }

        if (first == 0 || first == second)
        {
            return proof.Count == 0 && (first == second ? firstRoot.AsSpan().SequenceEqual(secondRoot) : firstRoot.AsSpan().SequenceEqual(MerkleHash.Empty));
        }

        // A first tree that is complete is its own first hash.
        var hashes = (first & (first - 1)) == 0 ? [firstRoot, .. proof] : proof;
        if (hashes.Count == 0)
        {
            return false;
        }

        var (node, last) = (first - 1, second - 1);
        while ((node & 1) == 1)
        {
            (node, last) = (node >> 1, last >> 1);
        }

        var (old, fresh) = (hashes[0], hashes[0]);
        foreach (var other in hashes.Skip(1))
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                (old, fresh) = (MerkleHash.OfNode(other, old), MerkleHash.OfNode(other, fresh));
                while ((node & 1) == 0 && node != 0)
                {
                    (node, last) = (node >> 1, last >> 1);
                }
            }
            else
            {
                fresh = MerkleHash.OfNode(fresh, other);
            }

            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && firstRoot.AsSpan().SequenceEqual(old) && secondRoot.AsSpan().SequenceEqual(fresh);
    }

    /// <summary>The largest power of two that is smaller than the number of leaves.</summary>
    private static long SplitOf(long leaves) => 1L << BitOperations.Log2((ulong)leaves - 1);
}
