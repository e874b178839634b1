using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>The tiles that change when leaves are appended: the last of each level, and those that follow it.</summary>
internal sealed class TileDrafts(AuditTree tree, long log)
{
    private readonly Dictionary<(int Level, long Number), Draft> _drafts = [];

    /// <summary>Appends a leaf; a tile that is full adds a hash to the level above.</summary>
    public async ValueTask Append(long index, byte[] leafHash, EntryKey entry, CancellationToken cancel)
    {
        var draft = await Of(0, index, cancel);
        draft.Entries.Add(entry);
        await Add(draft, 0, index, leafHash, cancel);
    }

    /// <summary>Writes them.</summary>
    public void Write(Batch batch)
    {
        foreach (var ((level, number), draft) in _drafts)
        {
            var tile = new AuditTile
            {
                Log = log,
                Level = level,
                Number = number,
                FirstEntry = draft.Entries.Count == 0 ? 0 : draft.Entries.Min(entry => entry.Entry),
                LastEntry = draft.Entries.Count == 0 ? 0 : draft.Entries.Max(entry => entry.Entry),
                Version = draft.Version,
                Hashes = [.. draft.Hashes.SelectMany(hash => hash)],
                Days = [.. draft.Entries.Select(entry => entry.Day)],
                Entries = [.. draft.Entries.Select(entry => entry.Entry)],
            };
            _ = draft.Version == 0 ? batch.Insert(tile) : batch.Put(tile);
        }
    }

    private async ValueTask Add(Draft draft, int level, long index, byte[] hash, CancellationToken cancel)
    {
        while (true)
        {
            draft.Hashes.Add(hash);
            if (draft.Hashes.Count < MerkleTile.Width)
            {
                return;
            }

            var edge = new MerkleEdge();
            draft.Hashes.ForEach(edge.Append);
            (level, index, hash) = (level + 1, index / MerkleTile.Width, edge.Root);
            draft = await Of(level, index, cancel);
        }
    }

    private async ValueTask<Draft> Of(int level, long index, CancellationToken cancel)
    {
        var (number, offset) = Math.DivRem(index, MerkleTile.Width);
        if (!_drafts.TryGetValue((level, number), out var draft))
        {
            // A tile that is there and should not be yet is of somebody faster: the batch is then refused.
            draft = new Draft();
            if (offset > 0)
            {
                var tile = await tree.Tile(level, number, cancel);
                if (tile is null || tile.Hashes.Length != offset * MerkleHash.Bytes)
                {
                    throw new OvertakenException();
                }

                draft.Version = tile.Version;
                draft.Hashes.AddRange(tile.Hashes.Chunk(MerkleHash.Bytes));
                draft.Entries.AddRange(tile.Days.Zip(tile.Entries, (day, entry) => new EntryKey(day, entry)));
            }

            _drafts.Add((level, number), draft);
        }

        return draft;
    }

    private sealed class Draft
    {
        public long Version { get; set; }

        public List<byte[]> Hashes { get; } = new(MerkleTile.Width);

        public List<EntryKey> Entries { get; } = new(MerkleTile.Width);
    }
}

/// <summary>Someone else took the log further meanwhile.</summary>
internal sealed class OvertakenException() : Exception("Another sequencer took the audit log further.");
