using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage.Verification;

namespace Domicile.Modules.Privacy;

/// <summary>Where a check stands.</summary>
internal enum VerificationState
{
    /// <summary>There was none since the node started.</summary>
    None,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It looked at everything.</summary>
    Ended,

    /// <summary>It could not look at everything; the report says why.</summary>
    Failed,
}

/// <summary>POST and GET /residency/verification.</summary>
internal sealed record VerificationReply(Guid? Id, VerificationState State, ResidencyReport? Report);

/// <summary>GET /privacy/inventory: the data map of one resource.</summary>
/// <param name="Geography">Where it rests.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Settings">What was chosen for it.</param>
/// <param name="Kinds">What is kept, with the rules that hold here.</param>
/// <param name="OtherTables">What the store keeps beside it.</param>
internal sealed record DataMap(string Geography, Guid Resource, ResourceSettings Settings, IReadOnlyList<MappedKind> Kinds, IReadOnlyList<InventoryTable> OtherTables);

/// <summary>A kind of record with what holds for one resource.</summary>
/// <param name="Declared">The kind as the published inventory has it.</param>
/// <param name="Records">How many there are, counted up to a bound.</param>
/// <param name="IsMore">Whether there are more than were counted.</param>
/// <param name="DaysWithoutUse">Days without use after which a record goes, for kinds with such a rule; 0 for never.</param>
/// <param name="IsOwnRule">Whether the resource set these days itself.</param>
internal sealed record MappedKind(InventoryKind Declared, long Records, bool IsMore, int? DaysWithoutUse, bool? IsOwnRule);

/// <summary>POST /resources/{nameOrId}/holds.</summary>
/// <param name="Covers"><c>resource</c>, <c>subject</c>, or the kind of root that is held, such as <c>chat.thread</c>.</param>
/// <param name="Name">The id of the person or the root, as applications know it; none for the resource.</param>
/// <param name="Reason">Why.</param>
/// <param name="ReviewOn">When somebody is to look whether it is still needed.</param>
internal sealed record PlaceHoldRequest(string? Covers, string? Name, string? Reason, DateTimeOffset? ReviewOn);

/// <summary>A hold.</summary>
/// <param name="Id">Its id, which refusals name.</param>
/// <param name="Covers">What it covers.</param>
/// <param name="Name">The id of the person or the root.</param>
/// <param name="Reason">Why.</param>
/// <param name="PlacedOn">Since when.</param>
/// <param name="PlacedByRole">The role of the administrator who placed it.</param>
/// <param name="PlacedWith">The id of their token, which the audit log has too.</param>
/// <param name="ReviewOn">When somebody is to look at it.</param>
/// <param name="IsDue">Whether that time has come.</param>
internal sealed record HoldReply(
    Guid Id, string Covers, string? Name, string Reason, DateTimeOffset PlacedOn, string? PlacedByRole, string? PlacedWith, DateTimeOffset ReviewOn, bool IsDue);

/// <summary>A page of holds.</summary>
internal sealed record HoldList(IReadOnlyList<HoldReply> Value, string? NextLink);

/// <summary>A record of somebody who was erased, which only a hold keeps.</summary>
/// <param name="RestrictedOn">Since when.</param>
/// <param name="Identifiers">What the person was known by.</param>
/// <param name="Kind">The kind of record.</param>
/// <param name="Fields">Its members by name; instants in UTC, people by their identifiers.</param>
internal sealed record RestrictedReply(DateTimeOffset RestrictedOn, IReadOnlyList<SubjectIdentifier> Identifiers, string Kind, JsonObject Fields);

/// <summary>GET /resources/{nameOrId}/restrictedRecords.</summary>
/// <param name="Value">Records, those of one person after the other's.</param>
/// <param name="NextLink">Where more are.</param>
internal sealed record RestrictedList(IReadOnlyList<RestrictedReply> Value, string? NextLink);

/// <summary>POST /resources/{nameOrId}/retention.</summary>
/// <param name="Kind">The kind of record.</param>
/// <param name="Name">The id of the root that the rule is for, such as a thread; none for the whole resource.</param>
/// <param name="Days">Days; 0 for no limit where the kind allows none.</param>
/// <param name="GraceDays">Days for which a rule that became shorter deletes nothing yet; 7 by default, 0 to begin at once.</param>
/// <param name="DryRun">Whether only to tell what it would delete.</param>
internal sealed record SetRuleRequest(string? Kind, string? Name, int? Days, int? GraceDays, bool? DryRun);

/// <summary>What became of a rule, or would.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Name">The root.</param>
/// <param name="Days">Days.</param>
/// <param name="EffectiveOn">From when; none when at once, or when nothing was set.</param>
/// <param name="DryRun">Whether nothing was set.</param>
/// <param name="WouldDelete">How many records of which kinds it would delete were it in force now.</param>
internal sealed record RuleReply(string Kind, string? Name, int Days, DateTimeOffset? EffectiveOn, bool DryRun, IReadOnlyDictionary<string, long> WouldDelete);

/// <summary>What can be set for a kind, and what is.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Choice">Default and bounds.</param>
/// <param name="Days">The days that hold now.</param>
/// <param name="IsOwnRule">Whether the resource set them.</param>
/// <param name="NextDays">The days that hold from <paramref name="EffectiveOn"/>.</param>
/// <param name="EffectiveOn">From when.</param>
internal sealed record KindRule(string Kind, RetentionChoice Choice, int Days, bool IsOwnRule, int? NextDays, DateTimeOffset? EffectiveOn);

/// <summary>GET /resources/{nameOrId}/retention.</summary>
internal sealed record RuleList(IReadOnlyList<KindRule> Value);

/// <summary>GET /retention: the oldest record of each kind against its rule.</summary>
internal sealed record OldestList(IReadOnlyList<OldestReply> Value);

/// <summary>The oldest record of a kind that is not held.</summary>
internal sealed record OldestReply(string Kind, DateTimeOffset CountsFrom, DateTimeOffset DueOn, long OverdueSeconds);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(VerificationReply))]
[JsonSerializable(typeof(DataMap))]
[JsonSerializable(typeof(SetRuleRequest))]
[JsonSerializable(typeof(RuleReply))]
[JsonSerializable(typeof(RuleList))]
[JsonSerializable(typeof(OldestList))]
[JsonSerializable(typeof(PlaceHoldRequest))]
[JsonSerializable(typeof(HoldReply))]
[JsonSerializable(typeof(HoldList))]
[JsonSerializable(typeof(RestrictedList))]
[JsonSerializable(typeof(InventoryHistory))]
internal sealed partial class PrivacyJson : JsonSerializerContext;
