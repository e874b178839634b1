using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// The receipt of an erasure: a statement, and an entry of the audit log that has the statement's hash, proved to be under a signed checkpoint. It can be
/// checked offline. A statement is tamper-evident; that it is true rests on whoever runs the geography and is what the verification of its stores shows.
/// </summary>
/// <param name="State">complete, or pending until a checkpoint covers the entry, which takes a minute at most.</param>
/// <param name="Statement">What is stated, as JSON, in the bytes that were hashed.</param>
/// <param name="Proof">The entry and its proof; null while it is pending.</param>
public sealed record SubjectReceipt(string State, string Statement, AuditProof? Proof = null)
{
    /// <summary>It is proved.</summary>
    public const string Complete = "complete";

    /// <summary>It waits for a checkpoint.</summary>
    public const string Pending = "pending";

    /// <summary>The detail of the entry that vouches for a statement.</summary>
    public static string DetailOf(string statement) => $"receipt sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(statement)))}";

    /// <summary>The commitment to an identifier: SHA-256 over the salt, whose length is fixed, and the identifier's UTF-8.</summary>
    public static string CommitmentOf(ReadOnlySpan<byte> salt, string identifier) => Convert.ToBase64String(AuditLeaf.Commit(salt, identifier));

    /// <summary>What is wrong with it; nothing when it holds.</summary>
    public IEnumerable<string> Faults()
    {
        if (Proof is null)
        {
            yield return "The receipt is pending: it was taken before a checkpoint covered its entry. Take it again.";
            yield break;
        }

        foreach (var fault in Proof.Faults())
        {
            yield return fault;
        }

        if (Proof.Act != AuditedAct.SubjectRequestCompleted.Number || !Proof.Content.Contains($"\"{DetailOf(Statement)}\"", StringComparison.Ordinal))
        {
            yield return "The entry of the log is not about this statement: the statement was changed.";
        }
    }
}

/// <summary>What the receipt of an erasure states.</summary>
/// <param name="Format">The version of the statement.</param>
/// <param name="Request">The request's id.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Geography">The geography.</param>
/// <param name="RequestedOn">When it was asked.</param>
/// <param name="CompletedOn">When the rows were gone.</param>
/// <param name="People">Whose erasure, by commitments, with the fingerprints of their keys and when these were destroyed.</param>
/// <param name="Kinds">What was removed or depersonalised, and how many.</param>
/// <param name="Remains">What remains, and why.</param>
/// <param name="UnreadableOn">From when on nothing of it opens in the geography's stores.</param>
/// <param name="UnreadableInNewCopiesOn">From when on no copy of the key store that is made opens it; a restored older copy is erased again before it serves.</param>
/// <param name="Limits">What the statement does not cover.</param>
public sealed record ErasureStatement(
    string Format, Guid Request, Guid Resource, string Geography, DateTimeOffset RequestedOn, DateTimeOffset CompletedOn, IReadOnlyList<ErasedPerson> People, IReadOnlyList<ErasedKind> Kinds,
    IReadOnlyList<RemainingRecord> Remains, DateTimeOffset UnreadableOn, DateTimeOffset UnreadableInNewCopiesOn, IReadOnlyList<string> Limits)
{
    /// <summary>The present version.</summary>
    public const string FormatName = "domicile-erasure/1";
}

/// <summary>A person of a receipt.</summary>
/// <param name="Type">The type of identifier.</param>
/// <param name="Commitment">SHA-256 over salt and identifier, in base 64.</param>
/// <param name="Found">Whether somebody had it.</param>
/// <param name="KeyFingerprint">Which key was destroyed.</param>
/// <param name="KeyDestroyedOn">When.</param>
public sealed record ErasedPerson(string Type, string Commitment, bool Found, string? KeyFingerprint = null, DateTimeOffset? KeyDestroyedOn = null);

/// <summary>Records of one kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Rule">What was done to them.</param>
/// <param name="Records">How many.</param>
public sealed record ErasedKind(string Kind, string Rule, long Records);

/// <summary>What remains.</summary>
/// <param name="What">What.</param>
/// <param name="Why">Why.</param>
public sealed record RemainingRecord(string What, string Why);
