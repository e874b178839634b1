using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>
/// A geography that signs the checkpoints of another one's log, when each continues what it has seen before. Only names, sizes, hashes and signatures come to it.
/// In the same process and under the same operator it is no independent witness, and is never called one.
/// </summary>
internal sealed class AuditWitness(Home home, NoteSigner signer)
{
    /// <summary>The key with which it signs.</summary>
    public NoteKey Key => signer.Key;

    /// <summary>The geography that it is.</summary>
    public Geography Geography => home.Geography;

    /// <summary>How far the witness has seen a log; null when it never has.</summary>
    public async ValueTask<AuditPredecessor?> Seen(string origin, CancellationToken cancel) =>
        await home.Store.Get<WitnessedLog>([ColumnValue.Of(origin)], cancel) is { } seen ? new AuditPredecessor(seen.Origin, seen.Size, seen.Root) : null;

    /// <summary>Signs a checkpoint.</summary>
    /// <param name="note">The checkpoint, signed by its log.</param>
    /// <param name="log">The key of the log.</param>
    /// <param name="proof">Proves that the checkpoint continues what the witness has seen.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Null when it does not, or somebody else showed the witness another one at the same moment.</returns>
    public async ValueTask<NoteSignature?> Sign(SignedNote note, NoteKey log, IReadOnlyList<byte[]> proof, CancellationToken cancel)
    {
        if (!log.HasSigned(note) || !AuditCheckpoint.TryParse(note.Text, out var checkpoint))
        {
            return null;
        }

        var seen = await home.Store.Get<WitnessedLog>([ColumnValue.Of(checkpoint.Origin)], cancel);
        if (!MerkleProof.IsContinued(seen?.Size ?? 0, seen?.Root ?? MerkleHash.Empty, checkpoint.Size, checkpoint.Root, proof))
        {
            return null;
        }

        // Written down before it is signed: whatever crashes, the witness never signs two that do not go together.
        var now = new WitnessedLog { Origin = checkpoint.Origin, Size = checkpoint.Size, Root = checkpoint.Root, Version = seen?.Version ?? 0 };
        var outcome = await home.Store.Commit(b => _ = seen is null ? b.Insert(now) : b.Put(now), cancel);
        return outcome.Refused is null ? signer.Sign(note.Text) : null;
    }
}
