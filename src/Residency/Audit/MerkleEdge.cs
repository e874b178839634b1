namespace Domicile.Residency;

/// <summary>
/// The right edge of a growing tree: the complete subtrees that its leaves make up so far, at most one for each bit of their number. Enough to append, and to
/// tell the root at any moment; whoever reads a log from its beginning needs no more memory.
/// </summary>
public sealed class MerkleEdge
{
    private readonly List<byte[]> _subtrees = [];

    /// <summary>Leaves so far.</summary>
    public long Size { get; private set; }

    /// <summary>The root of the tree so far.</summary>
    public byte[] Root => MerkleNode.Join(_subtrees);

    /// <summary>Appends a leaf by its hash.</summary>
    public void Append(byte[] leafHash)
    {
        var hash = leafHash;
        for (var size = Size; (size & 1) == 1; size >>= 1)
        {
            hash = MerkleHash.OfNode(_subtrees[^1], hash);
            _subtrees.RemoveAt(_subtrees.Count - 1);
        }

        _subtrees.Add(hash);
        Size++;
    }
}
