using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>The tree of one log, as its tiles hold it. Made for one piece of work: it remembers the tiles that it read.</summary>
internal sealed class AuditTree(Home home, long log)
{
    private readonly Dictionary<(int Level, long Number), AuditTile?> _tiles = [];

    /// <summary>The root of the first so many leaves.</summary>
    public ValueTask<byte[]> Root(long size, CancellationToken cancel) => Hash(MerkleNode.Of(0, size), cancel);

    /// <summary>Proves that a leaf is in the tree of that size.</summary>
    public ValueTask<List<byte[]>> Inclusion(long index, long size, CancellationToken cancel) => Hashes(MerkleProof.ForInclusion(index, size), cancel);

    /// <summary>Proves that the tree of the second size continues that of the first.</summary>
    public ValueTask<List<byte[]>> Consistency(long first, long second, CancellationToken cancel) => Hashes(MerkleProof.ForConsistency(first, second), cancel);

    /// <summary>A tile, or null.</summary>
    public async ValueTask<AuditTile?> Tile(int level, long number, CancellationToken cancel)
    {
        if (!_tiles.TryGetValue((level, number), out var tile))
        {
            tile = await home.Store.Get<AuditTile>([log, level, number], cancel);
            _tiles.Add((level, number), tile);
        }

        return tile;
    }

    /// <summary>The place of an entry in any of the geography's logs, or null while it is in none.</summary>
    public static async ValueTask<(long Log, long Index)?> Find(Home home, long entry, int ordinal, IDictionary<TileKey, AuditTile> known, CancellationToken cancel)
    {
        foreach (var everywhere in (bool[])[false, true])
        {
            foreach (var key in await AuditStore.TilesOf(home, entry, everywhere, cancel))
            {
                if (!known.TryGetValue(key, out var tile))
                {
                    known[key] = tile = await home.Store.Get<AuditTile>([key.Log, 0, key.Number], cancel) ?? throw Missing(0, key.Number);
                }

                for (var i = 0; i < tile.Entries.Count; i++)
                {
                    if (tile.Entries[i] == entry && tile.Ordinals[i] == ordinal)
                    {
                        return (key.Log, (key.Number * MerkleTile.Width) + i);
                    }
                }
            }
        }

        return null;
    }

    private async ValueTask<List<byte[]>> Hashes(IReadOnlyList<IReadOnlyList<MerkleNode>> ranges, CancellationToken cancel)
    {
        var hashes = new List<byte[]>(ranges.Count);
        foreach (var range in ranges)
        {
            hashes.Add(await Hash(range, cancel));
        }

        return hashes;
    }

    private async ValueTask<byte[]> Hash(IReadOnlyList<MerkleNode> nodes, CancellationToken cancel)
    {
        var hashes = new List<byte[]>(nodes.Count);
        foreach (var node in nodes)
        {
            var (level, number, from, count) = MerkleTile.Of(node);
            var tile = await Tile(level, number, cancel) ?? throw Missing(level, number);
            hashes.Add(MerkleTile.Join(tile.Hashes, from, count));
        }

        return MerkleNode.Join(hashes);
    }

    private static InvalidDataException Missing(int level, long number) => new($"The tile {level}/{number} of the audit log is missing.");
}
