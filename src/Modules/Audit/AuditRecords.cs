using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Audit;

/// <summary>How far a geography's audit log has come. One record at a time is current; after a restore another begins, which names the one that it continues.</summary>
[Record("audit.log", DataCategory.Audit, Retention.UntilDeleted, Note = "Hashes and positions; nothing of a person.")]
internal sealed record AuditLog
{
    /// <summary>1, 2, 3 … for each log that the geography had.</summary>
    [Key]
    public required long Number { get; init; }

    /// <summary>The row version: whoever takes the log further from an older one is refused.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The log's name, in its checkpoints.</summary>
    public required string Origin { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset BeganOn { get; init; }

    /// <summary>Entries in the tree.</summary>
    public required long Size { get; init; }

    /// <summary>The epoch of the feed that it follows.</summary>
    public required long FeedEpoch { get; init; }

    /// <summary>The last position of the feed of which everything is in the tree. Kept with the tree, so that an entry is in it once, whatever crashes.</summary>
    public required long FeedPosition { get; init; }

    /// <summary>The log that it continues, and how far that was known to have come; null for a first one.</summary>
    public AuditPredecessor? Continues { get; init; }
}

/// <summary>Up to 256 hashes of the tree that lie side by side. Those of a complete subtree never change.</summary>
[Record("audit.tile", DataCategory.Audit, Retention.UntilDeleted, Note = "Hashes only. Kept when the entries have expired, so that old checkpoints stay provable.")]
[Index("the tile that has an entry", nameof(LastEntry))]
internal sealed record AuditTile
{
    /// <summary>The number of the log.</summary>
    [Key]
    public required long Log { get; init; }

    /// <summary>0 for leaves; each level above stands for eight of the tree.</summary>
    [Key]
    public required int Level { get; init; }

    /// <summary>Which of its level, from 0.</summary>
    [Key]
    public required long Number { get; init; }

    /// <summary>The smallest key of its entries; 0 above the leaves.</summary>
    [Plain("finds the tile of an entry")]
    public required long FirstEntry { get; init; }

    /// <summary>The largest key of its entries; 0 above the leaves.</summary>
    [Plain("finds the tile of an entry")]
    public required long LastEntry { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The hashes, one after another.</summary>
    public required byte[] Hashes { get; init; }

    /// <summary>The days of its entries, in order; empty above the leaves.</summary>
    public required IReadOnlyList<long> Days { get; init; }

    /// <summary>The keys of its entries, in order; empty above the leaves.</summary>
    public required IReadOnlyList<long> Entries { get; init; }

    /// <summary>Which of their group they are, in order; −1 for an entry of its own.</summary>
    public required IReadOnlyList<int> Ordinals { get; init; }

    /// <summary>The entry at a place.</summary>
    public EntryKey KeyOf(int at) => new(Days[at], Entries[at], Ordinals[at]);

    /// <summary>The hash at a place.</summary>
    public byte[] HashOf(int at) => Hashes[(at * MerkleHash.Bytes)..((at + 1) * MerkleHash.Bytes)];
}

/// <summary>Names an entry of the log.</summary>
/// <param name="Day">Its day.</param>
/// <param name="Entry">The entry, or the group that it is in.</param>
/// <param name="Ordinal">Which of its group; −1 for an entry of its own.</param>
internal readonly record struct EntryKey(long Day, long Entry, int Ordinal);

/// <summary>A signed checkpoint of the log.</summary>
[Record("audit.checkpoint", DataCategory.Audit, Retention.FixedAge, AgeDays = 400, Note = "Hashes and signatures; nothing of a person.")]
internal sealed record StoredCheckpoint
{
    /// <summary>The number of the log.</summary>
    [Key]
    public required long Log { get; init; }

    /// <summary>Entries that it covers.</summary>
    [Key]
    public required long Size { get; init; }

    /// <summary>When it was signed.</summary>
    [Clock]
    public required DateTimeOffset SignedOn { get; init; }

    /// <summary>The signed note.</summary>
    public required string Note { get; init; }
}

/// <summary>How far a geography has seen the log of another one, whose checkpoints it signs too.</summary>
[Record("audit.witnessed", DataCategory.Audit, Retention.UntilDeleted, Note = "Hashes of another geography's log, which is all that crosses the border.")]
internal sealed record WitnessedLog
{
    /// <summary>The log's name.</summary>
    [Key]
    public required string Origin { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The largest size that was seen.</summary>
    public required long Size { get; init; }

    /// <summary>The root at that size.</summary>
    public required byte[] Root { get; init; }
}

[JsonSerializable(typeof(AuditLog))]
[JsonSerializable(typeof(AuditTile))]
[JsonSerializable(typeof(StoredCheckpoint))]
[JsonSerializable(typeof(WitnessedLog))]
internal sealed partial class AuditRecords : JsonSerializerContext;
