using System.Buffers.Binary;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// The audit entries of batches that were committed together and speak for themselves: who and what rest in the records that they wrote, and the log holds
/// their digests. One row for a whole group of batches, made where they meet.
/// </summary>
[Record(
    "audit.group",
    DataCategory.Audit,
    Retention.WithParent,
    Note = "Acts whose own records say who and what: the log holds digests of these records as they were sealed, and where they lie. Nothing of a person is in it.")]
public sealed record AuditGroup
{
    private const int LeafBytes = 4 + 8 + MerkleHash.Bytes;

    /// <summary>The day.</summary>
    [Key, Parent<AuditDay>]
    public required Ref<AuditDay> Day { get; init; }

    /// <summary>The group.</summary>
    [Key]
    public required Ref<AuditGroup> Entry { get; init; }

    /// <summary>For each batch its act, its instant and its digest, one after another.</summary>
    [Plain("the leaves, which the tree hashes: instants, acts, and hashes that tell nothing")]
    public required byte[] Leaves { get; init; }

    /// <summary>The names of the kinds of record that the batches wrote first.</summary>
    public required IReadOnlyList<string> Kinds { get; init; }

    /// <summary>For each batch which of these kinds, the number of the resource, and the length and key of the record, one after another.</summary>
    public required byte[] Records { get; init; }

    /// <summary>Batches in it.</summary>
    public int Count => CountOf(Leaves);

    /// <summary>One of them, as the tree has it.</summary>
    public AuditLeaf Leaf(int ordinal) => LeafOf(Leaves, ordinal);

    /// <summary>How many leaves the column holds.</summary>
    public static int CountOf(byte[] leaves) => leaves.Length / LeafBytes;

    /// <summary>A leaf of the column.</summary>
    public static AuditLeaf LeafOf(byte[] leaves, int ordinal)
    {
        var leaf = leaves.AsSpan(ordinal * LeafBytes, LeafBytes);
        return new AuditLeaf(DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(leaf[4..])), BinaryPrimitives.ReadInt32BigEndian(leaf), leaf[12..].ToArray());
    }

    /// <summary>The records that the batches wrote first, in order.</summary>
    public IEnumerable<AuditedRecord> ReadRecords()
    {
        for (var at = 0; at < Records.Length;)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(Records.AsSpan(at + 9));
            yield return new AuditedRecord(Kinds[Records[at]], BinaryPrimitives.ReadInt64BigEndian(Records.AsSpan(at + 1)), Records[(at + 11)..(at + 11 + length)]);
            at += 11 + length;
        }
    }

    internal static (List<string> Kinds, byte[] Records) JoinRecords(IReadOnlyList<AuditedBatch> batches)
    {
        var kinds = new List<string>(1);
        var records = new byte[batches.Sum(batch => 11 + batch.First!.Key.Length)];
        var at = 0;
        foreach (var batch in batches)
        {
            var (kind, resource, key) = batch.First!;
            if (!kinds.Contains(kind))
            {
                kinds.Add(kind);
            }

            records[at] = checked((byte)kinds.IndexOf(kind));
            BinaryPrimitives.WriteInt64BigEndian(records.AsSpan(at + 1), resource);
            BinaryPrimitives.WriteUInt16BigEndian(records.AsSpan(at + 9), checked((ushort)key.Length));
            key.CopyTo(records, at + 11);
            at += 11 + key.Length;
        }

        return (kinds, records);
    }

    internal static byte[] Join(IReadOnlyList<AuditedBatch> batches)
    {
        var leaves = new byte[batches.Count * LeafBytes];
        for (var i = 0; i < batches.Count; i++)
        {
            var leaf = leaves.AsSpan(i * LeafBytes, LeafBytes);
            BinaryPrimitives.WriteInt32BigEndian(leaf, batches[i].Act);
            BinaryPrimitives.WriteInt64BigEndian(leaf[4..], batches[i].At.ToUnixTimeMilliseconds());
            batches[i].Digest.CopyTo(leaf[12..]);
        }

        return leaves;
    }
}

/// <summary>Where a record lies.</summary>
/// <param name="Kind">The name of its kind.</param>
/// <param name="Resource">The number of its resource.</param>
/// <param name="Key">Its key, as the feed writes it.</param>
public sealed record AuditedRecord(string Kind, long Resource, byte[] Key);

/// <summary>A batch whose writes are audited by their digest, on its way to its group.</summary>
/// <param name="Scribe">Who closes the group.</param>
/// <param name="Day">The day, whose record and key are there.</param>
/// <param name="Act">The number of the act.</param>
/// <param name="At">When.</param>
/// <param name="Digest">SHA-256 over what is written, sealed.</param>
internal sealed record AuditedBatch(AuditScribe Scribe, Ref<AuditDay> Day, int Act, DateTimeOffset At, byte[] Digest)
{
    /// <summary>What it wrote first; the engine says so, which allocates keys.</summary>
    public AuditedRecord? First { get; set; }
}
