namespace Domicile.Residency;

/// <summary>A complete subtree: the leaves from <c>Index · 2^Level</c> on, <c>2^Level</c> of them. Once it is full it never changes, so it is stored.</summary>
/// <param name="Level">0 for a leaf.</param>
/// <param name="Index">Which of its level, from 0.</param>
public readonly record struct MerkleNode(int Level, long Index)
{
    /// <summary>The complete subtrees that a range of leaves consists of, from left to right: at most two for each bit of its length.</summary>
    /// <param name="begin">The first leaf; a multiple of every power of two up to the length, as the ranges of proofs are.</param>
    /// <param name="end">The leaf after the last.</param>
    public static IReadOnlyList<MerkleNode> Of(long begin, long end)
    {
        var nodes = new List<MerkleNode>();
        while (begin < end)
        {
            var level = 0;
            while ((begin & ((2L << level) - 1)) == 0 && end - begin >= 2L << level)
            {
                level++;
            }

            nodes.Add(new MerkleNode(level, begin >> level));
            begin += 1L << level;
        }

        return nodes;
    }

    /// <summary>The hash of a range from those of its complete subtrees: the right edge is joined first.</summary>
    public static byte[] Join(IReadOnlyList<byte[]> hashes)
    {
        if (hashes.Count == 0)
        {
            return MerkleHash.Empty;
        }

        var joined = hashes[^1];
        for (var i = hashes.Count - 2; i >= 0; i--)
        {
            joined = MerkleHash.OfNode(hashes[i], joined);
        }

        return joined;
    }
}
