using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Logs;

/// <summary>PUT /resources/{nameOrId}/alerts/{alert}.</summary>
/// <param name="IsEnabled">Whether it is looked at; yes when nothing is said.</param>
/// <param name="Threshold">It fires at this value and above.</param>
/// <param name="WindowMinutes">Over so many minutes.</param>
/// <param name="Operations">The operations whose answers are counted; none for all.</param>
/// <param name="StatusFrom">The least status that counts.</param>
/// <param name="StatusTo">The greatest status that counts.</param>
/// <param name="Query">Instead of these, a query over logs whose first number is the value; of one without numbers, how many rows it has.</param>
internal sealed record AlertRequest(bool? IsEnabled, double? Threshold, int? WindowMinutes, IReadOnlyList<string>? Operations, int? StatusFrom, int? StatusTo, string? Query);

/// <summary>POST /resources/{nameOrId}/alerts/{alert}/silence.</summary>
internal sealed record SilenceRequest(int? Minutes);

/// <summary>A rule, and how it stands.</summary>
internal sealed record AlertReply(
    string Name, bool IsReady, bool IsEnabled, double Threshold, int WindowMinutes, IReadOnlyList<string>? Operations, int? StatusFrom, int? StatusTo, string? Query,
    string State, DateTimeOffset? Since, double Value, DateTimeOffset? SilencedUntil, string? Obstacle);

/// <summary>GET /resources/{nameOrId}/alerts.</summary>
internal sealed record AlertList(IReadOnlyList<AlertReply> Value);

/// <summary>That a rule began or ceased to fire.</summary>
internal sealed record AlertTurnReply(DateTimeOffset At, string Rule, string State, double Value, double Threshold, bool IsSilenced);

/// <summary>GET /resources/{nameOrId}/alertHistory: the last thousand, the newest first.</summary>
internal sealed record AlertHistory(IReadOnlyList<AlertTurnReply> Value);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    UseStringEnumConverter = true,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(AlertRequest))]
[JsonSerializable(typeof(SilenceRequest))]
[JsonSerializable(typeof(AlertReply))]
[JsonSerializable(typeof(AlertList))]
[JsonSerializable(typeof(AlertHistory))]
internal sealed partial class AlertsJson : JsonSerializerContext;
