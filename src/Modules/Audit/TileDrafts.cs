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
                Hashes = draft.Hashes[..(draft.Count * MerkleHash.Bytes)],
                Days = [.. draft.Entries.Select(entry => entry.Day)],
                Entries = [.. draft.Entries.Select(entry => entry.Entry)],
                Ordinals = [.. draft.Entries.Select(entry => entry.Ordinal)],
            };
            _ = draft.Version == 0 ? batch.Insert(tile) : batch.Put(tile);
        }
    }

    private async ValueTask Add(Draft draft, int level, long index, byte[] hash, CancellationToken cancel)
    {
        while (true)
        {
            hash.CopyTo(draft.Hashes, draft.Count * MerkleHash.Bytes);
            draft.Count++;
            if (draft.Count < MerkleTile.Width)
            {
                return;
            }

            (level, index, hash) = (level + 1, index / MerkleTile.Width, MerkleTile.Join(draft.Hashes, 0, MerkleTile.Width));
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
                draft.Count = (int)offset;
                tile.Hashes.CopyTo(draft.Hashes, 0);
                draft.Entries.AddRange(Enumerable.Range(0, tile.Entries.Count).Select(tile.KeyOf));
            }

            _drafts.Add((level, number), draft);
        }

        return draft;
    }

    private sealed class Draft
    {
        public long Version { get; set; }

        public int Count { get; set; }

        public byte[] Hashes { get; } = new byte[MerkleTile.Width * MerkleHash.Bytes];

        public List<EntryKey> Entries { get; } = new(MerkleTile.Width);
    }
}

/// <summary>Someone else took the log further meanwhile.</summary>
internal sealed class OvertakenException() : Exception("Another sequencer took the audit log further.");
