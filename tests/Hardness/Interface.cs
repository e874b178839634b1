using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Domicile.Modules.Administration;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Modules.Logs;
using Domicile.Modules.Privacy;
using Domicile.Modules.Realtime;
using Domicile.Modules.Testing;
using Domicile.Modules.Transfer;
using Domicile.Residency;
using Domicile.Server;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Tests.Hardness;

/// <summary>Every operation that the product serves, taken from the product itself, each with one good request.</summary>
internal static class Interface
{
    /// <summary>All operations of all modules, and health.</summary>
    public static IReadOnlyList<Operation> Operations { get; } = Compose();

    /// <summary>
    /// One good request for each operation that takes a body or a query: every member of the body, every parameter. Words in capitals stand for what a test made:
    /// see <see cref="Scene"/>.
    /// </summary>
    public static IReadOnlyList<Sample> Samples { get; } =
    [
        new("CommunicationIdentity_Create", 201, IdentityJson.Default.CreateIdentityRequest,
            """{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60,"customId":"FRESH"}""") { Version = "2025-06-30", NeedsNoBody = true },
        new("CommunicationIdentity_Get", 200) { Version = "2025-06-30" },
        new("CommunicationIdentity_Delete", 204),
        new("CommunicationIdentity_IssueAccessToken", 200, IdentityJson.Default.IssueTokenRequest, """{"scopes":["chat"],"expiresInMinutes":1440}"""),
        new("CommunicationIdentity_RevokeAccessTokens", 204),
        new("CommunicationIdentity_ExchangeTeamsUserAccessToken", 403, IdentityJson.Default.ExchangeTeamsTokenRequest, """{"token":"t","appId":"a","userId":"u"}"""),
        new("Access_ExchangeEntraToken", 403),
        new("Access_ExchangeTeamsExtensionToken", 403),
        new("Keys_List", 200),
        new("Chat_CreateChatThread", 201, ChatJson.Default.CreateThreadRequest,
            """
            {"topic":"t","participants":[{"communicationIdentifier":{"kind":"communicationUser","rawId":"MEMBER","communicationUser":{"id":"MEMBER"}},
            "displayName":"d","shareHistoryTime":"2026-01-01T00:00:00Z","metadata":{"a":"b"}}],"metadata":{"a":"b"},
            "retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":60}}
            """) { Headers = [("repeatability-request-id", "GUID")] },
        new("Chat_ListChatThreads", 200) { Query = Paged },
        new("ChatThread_GetChatThreadProperties", 200),
        new("ChatThread_UpdateChatThreadProperties", 204, ChatJson.Default.PatchBody,
            """{"topic":"t","metadata":{"a":"b","c":null},"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":60}}"""),
        new("Chat_DeleteChatThread", 204),
        new("ChatThread_SendChatMessage", 201, ChatJson.Default.SendMessageRequest, """{"content":"c","senderDisplayName":"d","type":"html","metadata":{"a":"b"}}"""),
        new("ChatThread_ListChatMessages", 200) { Query = Paged },
        new("ChatThread_GetChatMessage", 200),
        new("ChatThread_UpdateChatMessage", 204, ChatJson.Default.UpdateMessageRequest, """{"content":"c","metadata":{"a":"b"}}"""),
        new("ChatThread_DeleteChatMessage", 204),
        new("ChatThread_ListChatParticipants", 200) { Query = [("maxPageSize", "10"), ("skip", "1")] },
        new("ChatThread_AddChatParticipants", 201, ChatJson.Default.AddParticipantsRequest,
            """
            {"participants":[{"communicationIdentifier":{"kind":"communicationUser","rawId":"NEWCOMER","communicationUser":{"id":"NEWCOMER"}},
            "displayName":"d","shareHistoryTime":"2026-01-01T00:00:00Z","metadata":{"a":"b"}}]}
            """),
        new("ChatThread_RemoveChatParticipant", 204, ChatJson.Default.CommunicationIdentifier, """{"kind":"communicationUser","rawId":"MEMBER","communicationUser":{"id":"MEMBER"}}"""),
        new("ChatThread_SendTypingNotification", 200, ChatJson.Default.TypingRequest, """{"senderDisplayName":"d"}""") { NeedsNoBody = true },
        new("ChatThread_SendChatReadReceipt", 200, ChatJson.Default.SendReceiptRequest, """{"chatMessageId":"MESSAGE"}"""),
        new("ChatThread_ListChatReadReceipts", 200) { Query = [("maxPageSize", "10"), ("skip", "1")] },
        new("Realtime_Discover", 200),
        new("Realtime_Allocate", 200) { Query = [("cor_id", "GUID"), ("con_num", "1767225600000_1"), ("epid", "GUID")], NeedsNoBody = true },
        new("Realtime_ShakeHands", 200) { Query = [("v", "v4"), ("timeout", "40"), ("auth", "true"), ("epid", "GUID"), ("cor_id", "GUID"), ("t", "1767225600000")] },
        new("Realtime_OpenSocket", 401) { Query = [("epid", "GUID")] },
        new("Realtime_Poll", 401) { Query = [("epid", "GUID"), ("t", "1767225600000")] },
        new("Realtime_PostPackets", 401) { Query = [("epid", "GUID"), ("t", "1767225600000")], NeedsNoBody = true },
        new("Realtime_Register", 202, RealtimeJson.Default.Registration, """{"registrationId":"GUID"}"""),
        new("Realtime_Unregister", 202),
        new("Realtime_Probe", 200),
        new("Events_ListTypes", 200),
        new("Events_ListSubscriptions", 200),
        new("Events_CreateSubscription", 422, EventsJson.Default.CreateSubscriptionRequest,
            """
            {"name":"orders","target":"http://localhost:1/events","targetGeography":"Europe","exceptionReason":"r","eventTypes":["Microsoft.Communication.ChatMessageReceived"],
            "subjectBeginsWith":"thread/","subjectEndsWith":"x","schema":"EventGridSchema","headers":[{"name":"x-api-key","value":"abc"}],"maxDeliveryAttempts":30,
            "eventTimeToLiveInMinutes":1440,"deadLetters":true}
            """),
        new("Events_GetSubscription", 404),
        new("Events_UpdateSubscription", 404, EventsJson.Default.UpdateSubscriptionRequest,
            """
            {"target":"http://localhost:1/events","targetGeography":"Europe","exceptionReason":"r","eventTypes":["Microsoft.Communication.ChatMessageReceived"],
            "subjectBeginsWith":"thread/","subjectEndsWith":"x","schema":"EventGridSchema","headers":[{"name":"x-api-key","value":"abc"}],"maxDeliveryAttempts":30,
            "eventTimeToLiveInMinutes":1440,"deadLetters":true}
            """),
        new("Events_AskAgain", 404) { NeedsNoBody = true },
        new("Events_DeleteSubscription", 404),
        new("Events_ListDeadLetters", 404) { Query = [("maxPageSize", "10"), ("continuation", "1")] },
        new("Events_RedeliverDeadLetters", 404, EventsJson.Default.RedeliverRequest, """{"ids":["1"]}"""),
        new("Events_Consent", 404) { Query = [("code", "GUID")] },
        new("Events_ConsentByPost", 404) { Query = [("code", "GUID")], NeedsNoBody = true },
        new("Administration_MintToken", 201, AdministrationJson.Default.MintTokenRequest, """{"role":"reader","expiresInMinutes":15}"""),
        new("Administration_GetGeography", 200),
        new("Administration_GetInventory", 200),
        new("Administration_ListResources", 200) { Query = [("maxPageSize", "10"), ("continuation", "GUID")] },
        new("Administration_CreateResource", 201, AdministrationJson.Default.CreateResourceRequest, """{"name":"FRESH","id":"GUID"}"""),
        new("Administration_GetResource", 200),
        new("Administration_DeleteResource", 204),
        new("Administration_ListKeys", 200),
        new("Administration_RegenerateKey", 200, AdministrationJson.Default.RegenerateKeyRequest, """{"keyType":"Secondary"}"""),
        new("Administration_GetSettings", 200),
        new("Administration_UpdateSettings", 200, AdministrationJson.Default.SettingsModel,
            """{"rateProfile":"generous","receiptsInThreadsUpTo":250,"typingInThreadsUpTo":250,"auditMessages":false,"idleThreadsDeletedAfterDays":30}"""),
        new("Administration_ListIdentities", 200) { Query = [("maxPageSize", "10"), ("continuation", "7fffffffffffffff")] },
        new("Retention_ListRules", 200),
        new("Retention_SetRule", 200, PrivacyJson.Default.SetRuleRequest, """{"kind":"chat.message","name":"THREAD","days":365,"graceDays":7,"dryRun":true}"""),
        new("Retention_ListOldest", 200),
        new("Holds_Place", 201, PrivacyJson.Default.PlaceHoldRequest, """{"covers":"subject","name":"MEMBER","reason":"r","reviewOn":"2027-06-30T00:00:00Z"}"""),
        new("Holds_ReadRestricted", 200) { Query = [("maxPageSize", "10"), ("continuation", "1~resource~1~chat.creation~1~00000000000000000000000000000001")] },
        new("Holds_List", 200) { Query = [("maxPageSize", "10"), ("continuation", "subject~GUID")] },
        new("Holds_Release", 204),
        new("Residency_BeginVerification", 202),
        new("Residency_GetVerification", 200),
        new("Residency_StopVerification", 204),
        new("Inventory_GetProcessingRecord", 200) { Query = [("format", "csv")] },
        new("Inventory_ListChanges", 200),
        new("Privacy_GetInventory", 200),
        new("Privacy_ListInventoryChanges", 200),
        new("Privacy_MakeSubjectRequest", 202, SubjectJson.Default.MakeSubjectRequest,
            """
            {"requestId":"GUID","kind":"rectify","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:nobody"}],
            "changes":[{"kind":"chat.participant","member":"displayName","value":"d"}]}
            """),
        new("Privacy_ListSubjectRequests", 200) { Query = [("maxPageSize", "10"), ("continuation", "7fffffffffffffff")] },
        new("Privacy_GetSubjectRequest", 404),
        new("Privacy_CancelSubjectRequest", 404),
        new("Privacy_GetSubjectResult", 404),
        new("Privacy_GetSubjectFile", 404),
        new("Privacy_GetReceipt", 404),
        new("Logs_Query", 404, LogsJson.Default.LogQueryBody, """{"query":"ACSChatIncomingOperations | count","timespan":"PT1H","workspaces":["GUID"]}"""),
        new("Logs_QueryByGet", 404) { Query = [("query", "ACSChatIncomingOperations | count"), ("timespan", "PT1H")] },
        new("Logs_QueryBatch", 200, LogsJson.Default.LogBatchBody,
            """{"requests":[{"id":"1","workspace":"GUID","body":{"query":"ACSChatIncomingOperations | count","timespan":"PT1H","workspaces":["GUID"]},"headers":{"prefer":"wait=60"},"method":"POST","path":"/query"}]}"""),
        new("Logs_ListQueries", 200),
        new("Logs_Get", 200),
        new("Logs_ListSettings", 200),
        new("Logs_SetSetting", 200, LogsJson.Default.LogSettingRequest, """{"categories":["ChatOperational"],"allLogs":false,"workspace":"RESOURCE"}"""),
        new("Logs_DeleteSetting", 404),
        new("Logs_Purge", 200, LogsJson.Default.PurgeRequest, """{"table":"ACSChatIncomingOperations","filters":[{"column":"OperationName","operator":"in","value":["none"]}],"reason":"r"}"""),
        new("Logs_Export", 200) { Query = [("table", "ACSChatIncomingOperations"), ("format", "csv"), ("from", "2026-01-01T00:00:00Z"), ("to", "2026-01-02T00:00:00Z"), ("after", "1-1")] },
        new("Alerts_List", 200),
        new("Alerts_Set", 200, AlertsJson.Default.AlertRequest,
            """{"isEnabled":true,"threshold":1.5,"windowMinutes":5,"operations":[],"statusFrom":0,"statusTo":999,"query":"ACSChatIncomingOperations | count"}"""),
        new("Alerts_Delete", 404),
        new("Alerts_Silence", 404, AlertsJson.Default.SilenceRequest, """{"minutes":0}"""),
        new("Alerts_ListHistory", 200),
        new("Metrics_Get", 200),
        new("Privacy_GetDescription", 200),
        new("Audit_ListActs", 200),
        new("Audit_GetLog", 200) { Query = [("log", "1")] },
        new("Audit_GetCheckpoint", 200) { Query = [("log", "1")] },
        new("Audit_SignCheckpoint", 200),
        new("Audit_ListEntries", 200) { Query = [("log", "1"), ("from", "0"), ("to", "1"), ("maxPageSize", "10")] },
        new("Audit_ListOpenedEntries", 200) { Query = [("log", "1"), ("from", "0"), ("to", "1"), ("maxPageSize", "10")] },
        new("Audit_ProveInclusion", 404) { Query = [("size", "1")] },
        new("Audit_ProveConsistency", 200) { Query = [("log", "1"), ("first", "0"), ("second", "1")] },
        new("Transfer_BeginImport", 204, TransferJson.Default.BeginImportRequest, """{"idleThreadsDeletedAfterDays":0}"""),
        new("Transfer_ImportUsers", 200, TransferJson.Default.ImportUsersRequest, """{"users":[{"id":"MEMBER","createdOn":"2026-01-01T00:00:00Z"}]}"""),
        new("Transfer_ImportThread", 409, TransferJson.Default.ImportThreadRequest,
            """
            {"thread":{"id":"19:FRESH@thread.v2","topic":"t","createdOn":"2026-01-01T00:00:00Z","createdBy":"MEMBER","metadata":{"a":"b"},"deleteAfterDays":3650,
            "participants":[{"user":"MEMBER","addedOn":"2026-01-01T00:00:00Z","removedOn":"2026-01-02T00:00:00Z","displayName":"d","shareHistoryTime":"2026-01-01T00:00:00Z",
            "addedBy":"GUID","removedBy":"GUID","metadata":{"a":"b"}}],"receipts":[{"user":"MEMBER","messageId":"1767225600000","readOn":"2026-01-01T00:00:00Z"}]},
            "messages":[{"id":"1767225600000","identity":"GUID","type":"text","version":"1767225600001","createdOn":"2026-01-01T00:00:00Z","sender":"MEMBER","senderDisplayName":"d",
            "content":"c","topic":"t","participants":["MEMBER"],"initiator":"MEMBER","editedOn":"2026-01-01T00:00:00Z","deletedOn":"2026-01-01T00:00:00Z","metadata":{"a":"b"}}]}
            """),
        new("Transfer_ExportThreads", 200, TransferJson.Default.ExportThreadsRequest, """{"reason":"r","after":"1"}"""),
        new("Transfer_ExportMessages", 404, TransferJson.Default.ExportMessagesRequest, """{"reason":"r","thread":"THREAD","after":"1"}"""),
        new("Testing_GetClock", 200),
        new("Testing_TurnClock", 200, TestingJson.Default.TurnClockRequest, """{"forwardSeconds":0.001}"""),
        new("Testing_ListFaults", 200),
        new("Testing_AddFault", 201, TestingJson.Default.FaultModel,
            """{"operation":"Chat_ListChatThreads","kind":"latency","resource":"GUID","retryAfterSeconds":1,"latencyMs":1,"times":1,"percentOfRequests":1}"""),
        new("Testing_ClearFaults", 204),
        new("Testing_ListRequests", 200) { Query = [("after", "0")] },
        new("Testing_Reset", 404, TestingJson.Default.ResetRequest, """{"resource":"FRESH"}"""),
        new("Health_Live", 200),
        new("Health_Ready", 200),
    ];

    private static (string, string)[] Paged => [("maxPageSize", "10"), ("startTime", "2026-01-01T00:00:00Z")];

    public static Operation Operation(string name) => Operations.Single(operation => operation.Name == name);

    public static Sample Sample(string operation) =>
        Samples.SingleOrDefault(sample => sample.Operation == operation) ?? throw new InvalidOperationException($"{operation} has no good request in {nameof(Interface)}.{nameof(Samples)}: add one.");

    /// <summary>The services of all modules, without a server around them.</summary>
    public static ServiceProvider Services()
    {
        var services = new ServiceCollection().AddSingleton(TimeProvider.System).AddSingleton<IResourceOrigins, NoOrigins>()
            .AddSingleton(new AdministratorCredential("id", "secret")).AddSingleton(new AdministrationMode(IsDevelopment: true));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        return services.BuildServiceProvider();
    }

    private static List<Operation> Compose()
    {
        var provider = Services();
        return [.. ProductModules.All.SelectMany(module => module.Operations(provider)), .. HealthOperations.All(new Readiness(TimeProvider.System))];
    }

    private sealed class NoOrigins : IResourceOrigins
    {
        public (string? Authority, Problem? Problem) Assign(Geography geography, string name) => (null, null);

        public void Close(string authority)
        {
        }
    }
}

/// <summary>A good request of an operation.</summary>
/// <param name="Operation">The operation's name.</param>
/// <param name="Success">What it is answered with; an operation that refuses everybody, with its refusal.</param>
/// <param name="Type">What the body is read as.</param>
/// <param name="Body">The body.</param>
internal sealed record Sample(string Operation, int Success, JsonTypeInfo? Type = null, string? Body = null)
{
    /// <summary>The version in which it has all its members; else the last that there is.</summary>
    public string? Version { get; init; }

    /// <summary>Whether it may come without a body.</summary>
    public bool NeedsNoBody { get; init; }

    public IReadOnlyList<(string Name, string Value)> Query { get; init; } = [];

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Members of the type that the body does not have, by their paths.</summary>
    public IReadOnlyList<string> Missing()
    {
        var missing = new List<string>();
        if (Type is not null)
        {
            Compare(Type, JsonNode.Parse(Body!)!, "", missing);
        }

        return missing;
    }

    private static void Compare(JsonTypeInfo type, JsonNode node, string path, List<string> missing)
    {
        foreach (var property in type.Properties)
        {
            var at = $"{path}/{property.Name}";
            if (property.Get is null || IsOtherKindOfIdentifier(property))
            {
                continue;
            }

            if (node[property.Name] is not { } value)
            {
                missing.Add(at);
                continue;
            }

            var inner = type.Options.GetTypeInfo(property.PropertyType);
            if (inner.Kind == JsonTypeInfoKind.Object && value is JsonObject)
            {
                Compare(inner, value, at, missing);
            }
            else if (inner.Kind == JsonTypeInfoKind.Enumerable && value is JsonArray { Count: > 0 } and [{ } first] && type.Options.GetTypeInfo(inner.ElementType!) is { Kind: JsonTypeInfoKind.Object } element)
            {
                Compare(element, first, at, missing);
            }
        }
    }

    /// <summary>At most one nested object may stand in an identifier; the others are put into it by the generator.</summary>
    private static bool IsOtherKindOfIdentifier(JsonPropertyInfo property) =>
        property.PropertyType == typeof(PhoneNumberIdentifier) || property.PropertyType == typeof(TeamsUserIdentifier) || property.PropertyType == typeof(TeamsAppIdentifier);
}

/// <summary>What the words in capitals of a good request stand for.</summary>
internal sealed record Scene(string Thread, string Message, string Member, string Newcomer, string Identity, string Resource)
{
    /// <summary>A hold in the resource.</summary>
    public string Hold { get; init; } = $"{Guid.NewGuid():D}";

    /// <summary>The path of an operation, with what its template names.</summary>
    public string Path(Operation operation) => operation.Path
        .Replace("{threadId}", Uri.EscapeDataString(Thread), StringComparison.Ordinal)
        .Replace("{messageId}", Message, StringComparison.Ordinal)
        .Replace("{id}", Uri.EscapeDataString(Identity), StringComparison.Ordinal)
        .Replace("{nameOrId}", Resource, StringComparison.Ordinal)
        .Replace("{sid}", "made-up", StringComparison.Ordinal)
        .Replace("{registrationId}", "an-endpoint", StringComparison.Ordinal)
        .Replace("{holdId}", Hold, StringComparison.Ordinal)
        .Replace("{subscription}", "a-subscription", StringComparison.Ordinal)
        .Replace("{subscriptionId}", "1", StringComparison.Ordinal)
        .Replace("{entry}", "1-1", StringComparison.Ordinal)
        .Replace("{requestId}", "00000000-0000-4000-8000-000000000000", StringComparison.Ordinal)
        .Replace("{setting}", "made-up", StringComparison.Ordinal)
        .Replace("{alert}", "made-up", StringComparison.Ordinal)
        .Replace("{workspaceId}", "00000000-0000-4000-8000-000000000000", StringComparison.Ordinal)
        .Replace("{number}", "1", StringComparison.Ordinal);

    /// <summary>Path and query of a good request.</summary>
    public string Target(Operation operation, Sample sample)
    {
        var query = sample.Query.Select(pair => $"{pair.Name}={Uri.EscapeDataString(Fill(pair.Value))}");
        if (operation.Versions.Count > 0)
        {
            query = query.Append($"api-version={VersionOf(operation, sample)}");
        }

        return string.Join('&', query) is { Length: > 0 } text ? $"{Path(operation)}?{text}" : Path(operation);
    }

    public static string VersionOf(Operation operation, Sample sample) =>
        sample.Version ?? operation.Versions.Where(version => !version.EndsWith("preview", StringComparison.Ordinal)).Max(StringComparer.Ordinal)!;

    public string Fill(string text) => text
        .Replace("MEMBER", Member, StringComparison.Ordinal)
        .Replace("THREAD", Thread, StringComparison.Ordinal)
        .Replace("NEWCOMER", Newcomer, StringComparison.Ordinal)
        .Replace("MESSAGE", Message, StringComparison.Ordinal)
        .Replace("RESOURCE", Resource, StringComparison.Ordinal)
        .Replace("FRESH", $"f{Guid.NewGuid():N}", StringComparison.Ordinal)
        .Replace("GUID", $"{Guid.NewGuid():D}", StringComparison.Ordinal);
}
