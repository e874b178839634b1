using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;

namespace Domicile.Modules.Logs;

/// <summary>PUT /resources/{nameOrId}/logs/settings/{setting}.</summary>
/// <param name="Categories">Categories, such as <c>ChatOperational</c>.</param>
/// <param name="AllLogs">Whether it is all of them; then none are named.</param>
/// <param name="Workspace">The workspace, by id or name; there is one, the resource's own, whose id and name are the resource's.</param>
internal sealed record LogSettingRequest(IReadOnlyList<string>? Categories, bool? AllLogs, string? Workspace);

/// <summary>A diagnostic setting.</summary>
internal sealed record LogSettingReply(string Name, IReadOnlyList<string> Categories, bool AllLogs, string Workspace);

/// <summary>GET /resources/{nameOrId}/logs/settings.</summary>
internal sealed record LogSettingList(IReadOnlyList<LogSettingReply> Value);

/// <summary>A category and its table.</summary>
/// <param name="Category">The category.</param>
/// <param name="Table">The table.</param>
/// <param name="IsOn">Whether a setting asks for it.</param>
/// <param name="RetentionKind">The kind whose rule of retention holds for the table.</param>
/// <param name="RetentionDays">Days for which the table is kept.</param>
internal sealed record LogCategoryReply(string Category, string Table, bool IsOn, string RetentionKind, int RetentionDays);

/// <summary>GET /resources/{nameOrId}/logs.</summary>
/// <param name="Workspace">The workspace's id.</param>
/// <param name="Value">The categories.</param>
/// <param name="Written">Entries that this node wrote since it started.</param>
/// <param name="Dropped">Requests for which this node had no room since it started.</param>
internal sealed record LogStatusReply(string Workspace, IReadOnlyList<LogCategoryReply> Value, long Written, long Dropped);

/// <summary>GET /logs/queries.</summary>
internal sealed record NamedQueryList(IReadOnlyList<NamedQueryReply> Value);

/// <summary>A query that is ready to be run.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Shows">What it shows.</param>
/// <param name="Query">Its text.</param>
/// <param name="Values">Constants at its head that may be set otherwise before it is run.</param>
/// <param name="Tables">The tables that it reads.</param>
/// <param name="IsAnswerable">Whether this version writes what is needed of them.</param>
internal sealed record NamedQueryReply(string Name, string Title, string Shows, string Query, IReadOnlyList<NamedQueryValue> Values, IReadOnlyList<string> Tables, bool IsAnswerable);

/// <summary>A constant of a query.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Literal">Its value, as it stands in the text: a text in quotes, or a time such as <c>1s</c>.</param>
internal sealed record NamedQueryValue(string Name, string Literal);

/// <summary>POST /resources/{nameOrId}/logs/purge.</summary>
internal sealed record PurgeRequest(string? Table, IReadOnlyList<PurgeFilter>? Filters, string? Reason);

/// <summary>A condition on a column.</summary>
/// <param name="Column">The column.</param>
/// <param name="Operator"><c>==</c>, <c>=~</c>, <c>in</c>, <c>in~</c>, <c>&gt;</c>, <c>&gt;=</c>, <c>&lt;</c>, <c>&lt;=</c> or <c>between</c>.</param>
/// <param name="Value">A text or number; a list for <c>in</c>, <c>in~</c> and <c>between</c>.</param>
internal sealed record PurgeFilter(string? Column, string? Operator, JsonElement Value);

/// <summary>What was purged.</summary>
/// <param name="OperationId">The id under which the audit log has it.</param>
/// <param name="Purged">Entries that were deleted.</param>
/// <param name="IsComplete">False when there are more; the same request goes on.</param>
internal sealed record PurgeReply(string OperationId, long Purged, bool IsComplete);

/// <summary>POST /v1/workspaces/{workspaceId}/query.</summary>
/// <param name="Query">The query.</param>
/// <param name="Timespan">A duration up to now, or two of start, end and duration, parted by a slash (ISO 8601).</param>
/// <param name="Workspaces">Further workspaces; only the resource's own may stand here.</param>
internal sealed record LogQueryBody(string? Query, string? Timespan, IReadOnlyList<string>? Workspaces);

/// <summary>POST /v1/$batch.</summary>
internal sealed record LogBatchBody(IReadOnlyList<LogBatchItem?>? Requests);

/// <summary>A query among several.</summary>
internal sealed record LogBatchItem(string? Id, string? Workspace, LogQueryBody? Body, IReadOnlyDictionary<string, string>? Headers, string? Method, string? Path);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    UseStringEnumConverter = true,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(LogSettingRequest))]
[JsonSerializable(typeof(LogSettingReply))]
[JsonSerializable(typeof(LogSettingList))]
[JsonSerializable(typeof(LogStatusReply))]
[JsonSerializable(typeof(NamedQueryList))]
[JsonSerializable(typeof(PurgeRequest))]
[JsonSerializable(typeof(PurgeReply))]
[JsonSerializable(typeof(LogQueryBody))]
[JsonSerializable(typeof(LogBatchBody))]
internal sealed partial class LogsJson : JsonSerializerContext;
