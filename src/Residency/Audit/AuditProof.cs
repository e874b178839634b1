namespace Domicile.Residency;

/// <summary>An opened entry of an audit log and the proof that a signed checkpoint covers it: all that is needed to check it offline.</summary>
/// <param name="At">When it was written.</param>
/// <param name="Act">The number of the act.</param>
/// <param name="Salt">The salt of its commitment, in base 64.</param>
/// <param name="Content">What was committed to.</param>
/// <param name="Index">Its place in the log.</param>
/// <param name="Size">Entries that the checkpoint covers.</param>
/// <param name="Path">The hashes that lead from it to the root (RFC 9162 §2.1.3.1), in base 64.</param>
/// <param name="Checkpoint">The signed checkpoint, as a note.</param>
/// <param name="PublicKey">The key that signed it. Whoever checks compares it with the one that they know.</param>
public sealed record AuditProof(
    DateTimeOffset At, int Act, string Salt, string Content, long Index, long Size, IReadOnlyList<string> Path, string Checkpoint, string PublicKey)
{
    /// <summary>What is wrong with it; nothing when it holds.</summary>
    public IEnumerable<string> Faults()
    {
        if (Bytes(Salt, AuditLeaf.SaltBytes) is not { } salt || Path is not { Count: <= MerkleProof.HashesMax } || Path.Select(hash => Bytes(hash, MerkleHash.Bytes)).ToList() is not { } path
            || path.Contains(null))
        {
            yield return "The proof cannot be read.";
        }
        else if (!SignedNote.TryParse(Checkpoint, out var note) || !AuditCheckpoint.TryParse(note.Text, out var checkpoint) || !NoteKey.TryParse(PublicKey, out var key))
        {
            yield return "The checkpoint cannot be read.";
        }
        else
        {
            if (key.Name != checkpoint.Origin || !key.HasSigned(note))
            {
                yield return "The checkpoint is not signed by the key that is named.";
            }

            if (checkpoint.Size != Size)
            {
                yield return "The checkpoint is of another size of the log.";
            }

            var leaf = new AuditLeaf(At, Act, AuditLeaf.Commit(salt, Content)).Hash();
            if (!MerkleProof.IsIncluded(leaf, Index, Size, path!, checkpoint.Root))
            {
                yield return "The entry is not in the log that the checkpoint covers: it or its place was changed.";
            }
        }
    }

    private static byte[]? Bytes(string? text, int length)
    {
        var bytes = new byte[length + 3];
        return text is not null && Convert.TryFromBase64String(text, bytes, out var written) && written == length ? bytes[..length] : null;
    }
}
