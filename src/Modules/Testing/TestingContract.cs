using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Testing;

/// <summary>The clock.</summary>
internal sealed record ClockReply(DateTimeOffset Now, double AheadSeconds);

/// <summary>POST /test/clock:turn.</summary>
internal sealed record TurnClockRequest(double? ForwardSeconds);

/// <summary>A turned clock, and what was deleted because its time had come.</summary>
internal sealed record TurnedReply(DateTimeOffset Now, double AheadSeconds, int Removed);

/// <summary>A fault, in requests and answers.</summary>
internal sealed record FaultModel(
    string? Operation,
    [property: JsonConverter(typeof(FaultKindName))] TestFaultKind? Kind,
    Guid? Resource,
    double? RetryAfterSeconds,
    int? LatencyMs,
    int? Times,
    int? PercentOfRequests);

/// <summary>A kind by its name only.</summary>
internal sealed class FaultKindName() : JsonStringEnumConverter<TestFaultKind>(System.Text.Json.JsonNamingPolicy.CamelCase, allowIntegerValues: false);

/// <summary>The faults that are still to be met.</summary>
internal sealed record FaultList(IReadOnlyList<FaultModel> Value);

/// <summary>What was answered. <paramref name="Last"/> is what to ask after next.</summary>
internal sealed record AnswerList(IReadOnlyList<AnswerModel> Value, long Last);

/// <summary>One answer.</summary>
internal sealed record AnswerModel(
    long Number, DateTimeOffset At, string Operation, Guid? Resource, int Status, double ElapsedMs, [property: JsonConverter(typeof(FaultKindName))] TestFaultKind? Fault);

/// <summary>POST /test/reset; the body may be absent, and then every resource is meant.</summary>
internal sealed record ResetRequest(string? Resource);

/// <summary>What was emptied.</summary>
internal sealed record ResetReply(int Resources);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(ClockReply))]
[JsonSerializable(typeof(TurnClockRequest))]
[JsonSerializable(typeof(TurnedReply))]
[JsonSerializable(typeof(FaultModel))]
[JsonSerializable(typeof(FaultList))]
[JsonSerializable(typeof(AnswerList))]
[JsonSerializable(typeof(ResetRequest))]
[JsonSerializable(typeof(ResetReply))]
internal sealed partial class TestingJson : JsonSerializerContext;
