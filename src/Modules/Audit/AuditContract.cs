using System.Text.Json.Serialization;

namespace Domicile.Modules.Audit;

/// <summary>GET /audit/log and POST /audit/checkpoints.</summary>
internal sealed record AuditLogReply(
    string Geography,
    long Number,
    string Origin,
    DateTimeOffset BeganOn,
    long Size,
    string PublicKey,
    string Witnessed,
    IReadOnlyList<WitnessReply> Witnesses,
    string? Checkpoint);

/// <summary>Who signs the checkpoints too.</summary>
internal sealed record WitnessReply(string Geography, string PublicKey, bool Independent);

/// <summary>An act that is audited.</summary>
internal sealed record ActReply(int Number, string Name, string Meaning, string Duty);

/// <summary>GET /audit/acts.</summary>
internal sealed record ActList(IReadOnlyList<ActReply> Value);

/// <summary>An entry: the leaf, and what is still there of it. The content is a text of JSON, because it is its bytes that are committed to.</summary>
internal sealed record EntryReply(long Index, string Leaf, string Entry)
{
    public string? At { get; init; }

    public string? Act { get; init; }

    public int? ActNumber { get; init; }

    public string? Commitment { get; init; }

    public string? Salt { get; init; }

    public string? Content { get; init; }

    /// <summary>The record that a digest is of: kind, number of the resource, key.</summary>
    public string? Of { get; init; }

    /// <summary>Why there is no content: <c>closed</c>, <c>erased</c>, <c>expired</c>, or <c>digest</c>.</summary>
    public string? Withheld { get; init; }
}

/// <summary>A page of entries.</summary>
internal sealed record EntryList(IReadOnlyList<EntryReply> Value, string? NextLink);

/// <summary>GET /audit/entries/{entry}/proof.</summary>
internal sealed record InclusionReply(long Log, string Entry, long Index, long Size, string Leaf, string Root, IReadOnlyList<string> Proof);

/// <summary>GET /audit/consistency.</summary>
internal sealed record ConsistencyReply(long Log, long First, string FirstRoot, long Second, string SecondRoot, IReadOnlyList<string> Proof);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuditLogReply))]
[JsonSerializable(typeof(ActList))]
[JsonSerializable(typeof(EntryList))]
[JsonSerializable(typeof(InclusionReply))]
[JsonSerializable(typeof(ConsistencyReply))]
internal sealed partial class AuditJson : JsonSerializerContext;
