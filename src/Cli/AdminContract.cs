using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Domicile.Storage;

namespace Domicile.Cli;

/// <summary>DIR/admin.json, as the server writes it for its owner.</summary>
/// <param name="Credential">What tokens are minted with.</param>
/// <param name="Geographies">Each geography that the server serves, with its administration origin.</param>
/// <param name="CertificateAuthority">The only authority to trust, relative to the file; none when the system's are right.</param>
internal sealed record AdminFile(AdminCredential Credential, IReadOnlyList<AdminGeography> Geographies, string? CertificateAuthority = null);

/// <summary>The administrator's credential.</summary>
internal sealed record AdminCredential(string Id, string Secret);

/// <summary>A geography and where it is administered.</summary>
/// <param name="Name">The geography's name.</param>
/// <param name="Endpoint">The administration origin: what the certificate must be for.</param>
/// <param name="Address">Address and port to connect to, when the origin's name need not be known to any name service; none to look the name up.</param>
internal sealed record AdminGeography(string Name, string Endpoint, string? Address = null);

/// <summary>Asks for a token.</summary>
internal sealed record TokenRequest(string Role, int ExpiresInMinutes);

/// <summary>A short-lived token with a role.</summary>
internal sealed record TokenReply(string Token, string Role, DateTimeOffset ExpiresOn);

/// <summary>A token, with what it is good for.</summary>
internal sealed record MintedToken(string Token, string Role, DateTimeOffset ExpiresOn, string Geography, string Endpoint);

/// <summary>A geography, seen from outside.</summary>
internal sealed record GeographyReply(string Name, string? Mode = null, string? Version = null);

/// <summary>A Communication Services resource.</summary>
internal sealed record ResourceReply(string Id, string Name, string Geography, string Endpoint, DateTimeOffset CreatedOn);

/// <summary>Asks for a resource; <paramref name="Id"/> keeps the id of an ACS resource.</summary>
internal sealed record ResourceRequest(string Name, string? Id);

/// <summary>A resource's access keys.</summary>
internal sealed record KeysReply(string PrimaryKey, string SecondaryKey, string PrimaryConnectionString, string SecondaryConnectionString);

/// <summary>Asks for a new key: <c>Primary</c> or <c>Secondary</c>.</summary>
internal sealed record RegenerateRequest(string KeyType);

/// <summary>What is chosen for a resource; in a change, what is absent stays.</summary>
internal sealed record ResourceSettings(
    string? RateProfile = null, int? ReceiptsInThreadsUpTo = null, int? TypingInThreadsUpTo = null, bool? AuditMessages = null, int? IdleThreadsDeletedAfterDays = null);

/// <summary>A communication user.</summary>
internal sealed record IdentityReply(string Id, DateTimeOffset CreatedOn);

/// <summary>Sets a rule of retention, or asks what it would delete.</summary>
internal sealed record RuleRequest(string Kind, int Days, bool DryRun, string? Name = null, int? GraceDays = null);

/// <summary>A rule of retention, and what it would delete were it in force now.</summary>
internal sealed record RuleReply(string Kind, int Days, bool DryRun, IReadOnlyDictionary<string, long> WouldDelete, string? Name = null, DateTimeOffset? EffectiveOn = null);

/// <summary>What can be set.</summary>
internal sealed record ChoiceReply(int DefaultDays, int Least, int Most, bool MayBeUnlimited, bool PerRoot);

/// <summary>The rule of a kind.</summary>
internal sealed record KindRuleReply(string Kind, ChoiceReply Choice, int Days, bool IsOwnRule, int? NextDays = null, DateTimeOffset? EffectiveOn = null);

/// <summary>The oldest record of a kind.</summary>
internal sealed record OldestReply(string Kind, DateTimeOffset CountsFrom, DateTimeOffset DueOn, long OverdueSeconds, string? Geography = null);

/// <summary>Asks for a hold.</summary>
internal sealed record HoldRequest(string Covers, string? Name, string Reason, DateTimeOffset ReviewOn);

/// <summary>A hold.</summary>
internal sealed record HoldReply(
    string Id, string Covers, string Reason, DateTimeOffset PlacedOn, DateTimeOffset ReviewOn, bool IsDue, string? Name = null, string? PlacedByRole = null, string? PlacedWith = null);

/// <summary>A record of somebody who was erased, which only a hold keeps.</summary>
internal sealed record RestrictedReply(DateTimeOffset RestrictedOn, IReadOnlyList<RestrictedIdentifier> Identifiers, string Kind, JsonObject Fields);

/// <summary>What an erased person was known by.</summary>
internal sealed record RestrictedIdentifier(string Type, string Value);

/// <summary>Asks for a subscription to events.</summary>
internal sealed record EventSubscriptionRequest(
    string Name, string Target, string? TargetGeography, string? ExceptionReason, IReadOnlyList<string>? EventTypes, string? SubjectBeginsWith, string? SubjectEndsWith, string Schema,
    IReadOnlyList<EventHeaderModel> Headers, int? MaxDeliveryAttempts, int? EventTimeToLiveInMinutes, bool DeadLetters);

/// <summary>Changes a subscription to events; what is null stays as it is.</summary>
internal sealed record EventSubscriptionChange(
    string? Target, string? TargetGeography, string? ExceptionReason, IReadOnlyList<string>? EventTypes, string? SubjectBeginsWith, string? SubjectEndsWith, string? Schema,
    IReadOnlyList<EventHeaderModel>? Headers, int? MaxDeliveryAttempts, int? EventTimeToLiveInMinutes, bool? DeadLetters);

/// <summary>A header of deliveries.</summary>
internal sealed record EventHeaderModel(string Name, string Value);

/// <summary>A subscription to events.</summary>
internal sealed record EventSubscriptionReply(
    string Name, string State, string Target, IReadOnlyList<string> EventTypes, string SubjectBeginsWith, string SubjectEndsWith, string Schema, IReadOnlyList<string> Headers,
    int MaxDeliveryAttempts, int EventTimeToLiveInMinutes, bool DeadLetters, DateTimeOffset CreatedOn, string? TargetGeography = null, string? ExceptionReason = null,
    DateTimeOffset? ConsentUntil = null, EventCountsReply? Counts = null);

/// <summary>What became of a subscription's events.</summary>
internal sealed record EventCountsReply(
    long Waiting, long DeadLetters, long Delivered, long FailedAttempts, long DeadLettered, long Dropped, DateTimeOffset? LastDeliveredOn = null, string? LastFailure = null);

/// <summary>A type of event.</summary>
internal sealed record EventTypeReply(string Name, string Meaning, bool IsPassing);

/// <summary>An event that could not be delivered.</summary>
internal sealed record DeadLetterReply(
    string Id, IReadOnlyList<string> EventTypes, int Events, string DeadLetterReason, int DeliveryAttempts, DateTimeOffset PublishTime, DateTimeOffset DeadLetteredOn,
    string? LastDeliveryOutcome = null, DateTimeOffset? LastDeliveryAttemptTime = null);

/// <summary>Asks for dead letters to be sent again.</summary>
internal sealed record RedeliverRequest(IReadOnlyList<string>? Ids);

/// <summary>How many were.</summary>
internal sealed record RedeliverReply(int Redelivered, long Remaining);

/// <summary>Turns the clock of a development server.</summary>
internal sealed record TurnClockRequest(double ForwardSeconds);

/// <summary>Empties a resource of a development server, or every one.</summary>
internal sealed record ResetRequest(string? Resource);

/// <summary>Something that shall go wrong on a development server.</summary>
internal sealed record FaultRequest(string Operation, string Kind, Guid? Resource, double? RetryAfterSeconds, int? LatencyMs, int? Times, int? PercentOfRequests);

/// <summary>One page of a list.</summary>
internal sealed record Page<T>(IReadOnlyList<T> Value, string? NextLink = null);

/// <summary>A failure as RFC 9457 has it.</summary>
internal sealed record ProblemReply(string? Title = null, string? Detail = null);

/// <summary>The inventory of one geography, as the server gave it.</summary>
internal sealed record GeographyInventory(string Geography, JsonElement Inventory);

/// <summary>An audit log and its newest checkpoint.</summary>
internal sealed record AuditLogReply(
    string Geography,
    long Number,
    string Origin,
    DateTimeOffset BeganOn,
    long Size,
    string PublicKey,
    string Witnessed,
    IReadOnlyList<AuditWitnessReply> Witnesses,
    string? Checkpoint = null);

/// <summary>Who signs an audit log's checkpoints too.</summary>
internal sealed record AuditWitnessReply(string Geography, string PublicKey, bool Independent);

/// <summary>The first line of an exported audit log.</summary>
internal sealed record AuditHead(
    string Format,
    string Geography,
    string Origin,
    DateTimeOffset BeganOn,
    long Size,
    string PublicKey,
    IReadOnlyList<AuditWitnessReply> Witnesses,
    string Checkpoint);

/// <summary>Begins a check of where everything lies; there is nothing to say.</summary>
internal sealed record VerificationRequest;

/// <summary>A check of where everything lies.</summary>
internal sealed record VerificationReply(string State, string? Id = null, ResidencyReply? Report = null);

/// <summary>What it found.</summary>
internal sealed record ResidencyReply(
    string Geography,
    string Phase,
    DateTimeOffset StartedOn,
    IReadOnlyList<CheckedKindReply> Kinds,
    long Keys,
    long Identifiers,
    long Files,
    long UnclaimedFiles,
    long ViolationCount,
    IReadOnlyList<ViolationReply> Violations,
    IReadOnlyList<string> NotShown,
    DateTimeOffset? EndedOn = null,
    string? Failure = null);

/// <summary>The records of one kind.</summary>
internal sealed record CheckedKindReply(string Kind, long Records, long Opened, long Tombstones, long Shredded, long Violations);

/// <summary>Something that is not where or as it must be.</summary>
internal sealed record ViolationReply(string Kind, string Key, string Fault, string? Resource = null);

/// <summary>What <c>doctor --json</c> prints.</summary>
internal sealed record DoctorReply(string DataDirectory, IReadOnlyList<Doctor.Finding> Checks, int Warnings, int Failed);

/// <summary>Which operation logs are kept.</summary>
internal sealed record LogSettingBody(IReadOnlyList<string>? Categories, bool? AllLogs);

/// <summary>A diagnostic setting.</summary>
internal sealed record LogSettingReply(string Name, IReadOnlyList<string> Categories, bool AllLogs, string Workspace);

/// <summary>A category of operation logs.</summary>
internal sealed record LogCategoryReply(string Category, string Table, bool IsOn, string RetentionKind, int RetentionDays);

/// <summary>The operation logs of a resource.</summary>
internal sealed record LogStatusReply(string Workspace, IReadOnlyList<LogCategoryReply> Value, long Written, long Dropped);

/// <summary>A condition on a column.</summary>
internal sealed record PurgeFilterBody(string Column, string Operator, JsonElement Value);

/// <summary>What is to be purged, and why.</summary>
internal sealed record PurgeBody(string Table, IReadOnlyList<PurgeFilterBody> Filters, string Reason);

/// <summary>What was purged.</summary>
internal sealed record PurgeReply(string OperationId, long Purged, bool IsComplete);

/// <summary>An alert rule to be set.</summary>
internal sealed record AlertBody(bool IsEnabled, double? Threshold, int? WindowMinutes, IReadOnlyList<string>? Operations, int? StatusFrom, int? StatusTo, string? Query);

/// <summary>For how long nobody is told.</summary>
internal sealed record SilenceBody(int Minutes);

/// <summary>An alert rule, and how it stands.</summary>
internal sealed record AlertReply(
    string Name, bool IsReady, bool IsEnabled, double Threshold, int WindowMinutes, string State, double Value, IReadOnlyList<string>? Operations = null, int? StatusFrom = null, int? StatusTo = null,
    string? Query = null, DateTimeOffset? Since = null, DateTimeOffset? SilencedUntil = null, string? Obstacle = null);

/// <summary>That a rule began or ceased to fire.</summary>
internal sealed record AlertTurnReply(DateTimeOffset At, string Rule, string State, double Value, double Threshold, bool IsSilenced);

/// <summary>A query that is ready to be run.</summary>
internal sealed record NamedQueryReply(string Name, string Title, string Shows, string Query, IReadOnlyList<NamedQueryValue> Values, IReadOnlyList<string> Tables, bool IsAnswerable);

/// <summary>A constant of a query that may be set otherwise.</summary>
internal sealed record NamedQueryValue(string Name, string Literal);

/// <summary>A query over logs.</summary>
internal sealed record LogQueryRequestBody(string Query, string? Timespan);

/// <summary>What <c>store check --json</c> and <c>store migrate --json</c> print.</summary>
internal sealed record StoresReply(IReadOnlyList<StoreCondition> Databases, int Wrong, int Pending);

/// <summary>What was put back, or told of it.</summary>
internal sealed record RestoredReply(IReadOnlyList<string> Restored);

/// <summary>A backup that was taken.</summary>
internal sealed record BackupReply(string Directory, string Database, DateTimeOffset TakenOn, IReadOnlyList<BackupFile> Files, IReadOnlyList<BackupBlobs>? Blobs);

/// <summary>How these records are read and written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true)]
[JsonSerializable(typeof(AdminFile))]
[JsonSerializable(typeof(SubjectBody))]
[JsonSerializable(typeof(SubjectReply))]
[JsonSerializable(typeof(Page<SubjectReply>))]
[JsonSerializable(typeof(IReadOnlyList<SubjectReply>))]
[JsonSerializable(typeof(Domicile.Residency.SubjectReceipt))]
[JsonSerializable(typeof(KeptReceipt))]
[JsonSerializable(typeof(Domicile.Residency.ErasureStatement))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenReply))]
[JsonSerializable(typeof(MintedToken))]
[JsonSerializable(typeof(GeographyReply))]
[JsonSerializable(typeof(ResourceRequest))]
[JsonSerializable(typeof(ResourceReply))]
[JsonSerializable(typeof(IReadOnlyList<ResourceReply>))]
[JsonSerializable(typeof(Page<ResourceReply>))]
[JsonSerializable(typeof(KeysReply))]
[JsonSerializable(typeof(RegenerateRequest))]
[JsonSerializable(typeof(IReadOnlyList<IdentityReply>))]
[JsonSerializable(typeof(Page<IdentityReply>))]
[JsonSerializable(typeof(RuleRequest))]
[JsonSerializable(typeof(RuleReply))]
[JsonSerializable(typeof(Page<KindRuleReply>))]
[JsonSerializable(typeof(IReadOnlyList<KindRuleReply>))]
[JsonSerializable(typeof(Page<OldestReply>))]
[JsonSerializable(typeof(IReadOnlyList<OldestReply>))]
[JsonSerializable(typeof(HoldRequest))]
[JsonSerializable(typeof(HoldReply))]
[JsonSerializable(typeof(IReadOnlyList<HoldReply>))]
[JsonSerializable(typeof(Page<HoldReply>))]
[JsonSerializable(typeof(IReadOnlyList<RestrictedReply>))]
[JsonSerializable(typeof(Page<RestrictedReply>))]
[JsonSerializable(typeof(EventSubscriptionRequest))]
[JsonSerializable(typeof(EventSubscriptionChange))]
[JsonSerializable(typeof(EventSubscriptionReply))]
[JsonSerializable(typeof(IReadOnlyList<EventSubscriptionReply>))]
[JsonSerializable(typeof(Page<EventSubscriptionReply>))]
[JsonSerializable(typeof(Page<EventTypeReply>))]
[JsonSerializable(typeof(IReadOnlyList<EventTypeReply>))]
[JsonSerializable(typeof(Page<DeadLetterReply>))]
[JsonSerializable(typeof(IReadOnlyList<DeadLetterReply>))]
[JsonSerializable(typeof(RedeliverRequest))]
[JsonSerializable(typeof(RedeliverReply))]
[JsonSerializable(typeof(ResourceSettings))]
[JsonSerializable(typeof(ProblemReply))]
[JsonSerializable(typeof(TurnClockRequest))]
[JsonSerializable(typeof(FaultRequest))]
[JsonSerializable(typeof(ResetRequest))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(IReadOnlyList<GeographyInventory>))]
[JsonSerializable(typeof(AuditLogReply))]
[JsonSerializable(typeof(Page<JsonElement>))]
[JsonSerializable(typeof(VerificationRequest))]
[JsonSerializable(typeof(IReadOnlyList<VerificationReply>))]
[JsonSerializable(typeof(DoctorReply))]
[JsonSerializable(typeof(AlertBody))]
[JsonSerializable(typeof(SilenceBody))]
[JsonSerializable(typeof(AlertReply))]
[JsonSerializable(typeof(Page<AlertReply>))]
[JsonSerializable(typeof(IReadOnlyList<AlertReply>))]
[JsonSerializable(typeof(Page<AlertTurnReply>))]
[JsonSerializable(typeof(IReadOnlyList<AlertTurnReply>))]
[JsonSerializable(typeof(LogQueryRequestBody))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(Page<NamedQueryReply>))]
[JsonSerializable(typeof(IReadOnlyList<NamedQueryReply>))]
[JsonSerializable(typeof(LogSettingBody))]
[JsonSerializable(typeof(LogSettingReply))]
[JsonSerializable(typeof(Page<LogSettingReply>))]
[JsonSerializable(typeof(IReadOnlyList<LogSettingReply>))]
[JsonSerializable(typeof(LogStatusReply))]
[JsonSerializable(typeof(PurgeBody))]
[JsonSerializable(typeof(PurgeReply))]
[JsonSerializable(typeof(StoresReply))]
[JsonSerializable(typeof(RestoredReply))]
[JsonSerializable(typeof(IReadOnlyList<BackupReply>))]
internal sealed partial class AdminJson : JsonSerializerContext
{
    private static AdminJson? readable;

    /// <summary>For what people and scripts read: keys are base64, and <c>+</c> stays <c>+</c>. Never for HTML.</summary>
    public static AdminJson Readable =>
        readable ??= new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

/// <summary>How the lines of an exported audit log are written: each on one line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AuditHead))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class AuditLines : JsonSerializerContext;
