namespace Domicile.Residency;

/// <summary>
/// How a tree is kept: the hashes of 256 neighbours lie together in a tile, those of every eighth level. Anything between is computed from a tile, so a proof
/// reads one tile for each eight levels of its tree.
/// </summary>
public static class MerkleTile
{
    /// <summary>Hashes in a full tile.</summary>
    public const int Width = 256;

    /// <summary>Levels of the tree that a tile stands for.</summary>
    public const int Height = 8;

    /// <summary>The tile that a complete subtree's hash comes from, and which of its hashes it joins.</summary>
    public static (int Level, long Number, int From, int Count) Of(MerkleNode node)
    {
        var within = node.Level % Height;
        var first = node.Index << within;
        return (node.Level / Height, first / Width, (int)(first % Width), 1 << within);
    }

    /// <summary>The hash of some neighbours in a tile; their number is a power of two.</summary>
    /// <exception cref="InvalidDataException">The tile has fewer hashes.</exception>
    public static byte[] Join(ReadOnlySpan<byte> tile, int from, int count)
    {
        if (tile.Length < (from + count) * MerkleHash.Bytes)
        {
            throw new InvalidDataException("A tile of the audit log is shorter than the log.");
        }

        var edge = new MerkleEdge();
        for (var i = from; i < from + count; i++)
        {
            edge.Append(tile.Slice(i * MerkleHash.Bytes, MerkleHash.Bytes).ToArray());
        }

        return edge.Root;
    }
}
