using Domicile.Modules.Logs.Query;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>Two days of a small resource's logs, few enough rows to count by hand, in the vendor's tables and columns.</summary>
internal static class TownLogs
{
    // What identifies a person is marked with a star, what is sealed without a token with two.
    private static readonly Dictionary<string, string> Columns = new()
    {
        ["ACSAuthIncomingOperations"] = "OperationName s, ResultType s, ResultSignature s, DurationMs i, Identity s*, Scopes y, Level s, CallerIpAddress s**",
        ["ACSChatIncomingOperations"] = "OperationName s, ChatThreadId s, UserId s*, ResultType s, ResultSignature s, DurationMs i, CorrelationId s, Level s, CallerIpAddress s**",
        ["ACSBillingUsage"] = "UsageType s, UnitType s, Quantity r, RecordId s, StartTime t, EndTime t, UserIdA s*, UserIdB s*, ParticipantId s*",
        ["ACSSMSIncomingOperations"] = "OperationName s, Country s, ResultType s, ResultSignature s, PhoneNumber s*, Level s",
        ["ACSEmailStatusUpdateOperational"] = "CorrelationId s, DeliveryStatus s, RecipientId s*, SenderDomain s, FailureReason s, IsHardBounce s, SmtpStatusCode s",
        ["ACSEmailUserEngagementOperational"] = "CorrelationId s, EngagementType s, RecipientId s*",
        ["ACSCallSummary"] = "CorrelationId s, CallType s, CallDuration l, ParticipantId s*, EndpointType s, ParticipantDuration l, ParticipantEndReason s, ResultCategory s",
        ["ACSCallDiagnostics"] = "CorrelationId s, ParticipantId s*, JitterAvg i, PacketLossRateAvg r, RoundTripTimeAvg i",
    };

    private static readonly Dictionary<string, object?[][]> Rows = new()
    {
        ["ACSAuthIncomingOperations"] =
        [
            [At(27, 9, 10), "CommunicationIdentity_Create", "Succeeded", "201", 12, "8:acs:RESOURCE_USER", null, "Informational", "10.0.0.1"],
            [At(27, 9, 20), "CommunicationIdentity_IssueAccessToken", "Succeeded", "200", 20, "8:acs:RESOURCE_USER", "[\"chat\"]", "Informational", "10.0.0.1"],
            [At(27, 9, 50), "CommunicationIdentity_IssueAccessToken", "Succeeded", "200", 30, "8:acs:two", "[\"chat\",\"voip\"]", "Informational", "10.0.0.1"],
            [At(27, 10, 5), "CommunicationIdentity_IssueAccessToken", "Failed", "401", 5, "", null, "Warning", "10.0.0.9"],
            [At(27, 10, 6), "CommunicationIdentity_IssueAccessToken", "Failed", "401", 6, "", null, "Warning", "10.0.0.9"],
            [At(27, 10, 59), "CommunicationIdentity_IssueAccessToken", "Failed", "403", 7, "8:acs:three", "[\"chat\"]", "Warning", "10.0.0.1"],
            [At(27, 11, 0), "CommunicationIdentity_IssueAccessToken", "Failed", "401", 5, "", null, "Warning", "10.0.0.9"],
            [At(27, 11, 30), "CommunicationIdentity_RevokeAccessTokens", "Succeeded", "204", 9, "8:acs:RESOURCE_USER", null, "Informational", "10.0.0.1"],
            [At(27, 11, 40), "CommunicationIdentity_IssueAccessToken", "Succeeded", "200", 10, "8:acs:three", "[\"chat\"]", "Informational", "10.0.0.1"],
        ],
        ["ACSChatIncomingOperations"] =
        [
            [At(26, 8, 0), "Chat_SendMessage", "t1", "8:acs:RESOURCE_USER", "Succeeded", "201", 10, "c1", "Informational", "10.0.0.1"],
            [At(26, 8, 10), "Chat_SendMessage", "t1", "8:acs:two", "Succeeded", "201", 20, "c2", "Informational", "10.0.0.2"],
            [At(26, 9, 0), "Chat_ListMessages", "t1", "8:acs:RESOURCE_USER", "Succeeded", "200", 5, "c3", "Informational", "10.0.0.1"],
            [At(26, 9, 30), "Chat_SendMessage", "t2", "8:acs:RESOURCE_USER", "Failed", "403", 4, "c4", "Warning", "10.0.0.1"],
            [At(27, 8, 0), "Chat_SendMessage", "t1", "8:acs:RESOURCE_USER", "Succeeded", "201", 30, "c5", "Informational", "10.0.0.1"],
            [At(27, 8, 5), "Chat_SendMessage", "t1", "8:acs:three", "Failed", "429", 2, "c6", "Warning", "10.0.0.3"],
            [At(27, 8, 6), "Chat_SendMessage", "t1", "8:acs:three", "Failed", "429", 3, "c7", "Warning", "10.0.0.3"],
            [At(27, 8, 59), "Chat_SendMessage", "t2", "8:acs:two", "Failed", "500", 1500, "c8", "Error", "10.0.0.2"],
            [At(27, 9, 15), "Chat_ListMessages", "t2", "8:acs:two", "Succeeded", "200", 2500, "c9", "Informational", "10.0.0.2"],
            [At(27, 10, 0), "Chat_SendMessage", "t3", "8:acs:two", "Succeeded", "201", 40, "c10", "Informational", "10.0.0.2"],
        ],
        ["ACSBillingUsage"] =
        [
            [At(27, 8, 10), "chat", "messages", 5.0, "r1", At(27, 8, 0), null, "8:acs:RESOURCE_USER", "", ""],
            [At(27, 8, 40), "chat", "messages", 7.0, "r2", At(27, 8, 30), null, "8:acs:two", "", ""],
            [At(27, 8, 50), "audio", "minutes", 90.5, "r3", At(27, 7, 0), At(27, 8, 30).AddSeconds(30), "8:acs:RESOURCE_USER", "", "p1"],
            [At(27, 9, 20), "audio", "minutes", 3.0, "r4", At(27, 9, 10), At(27, 9, 13), "8:acs:two", "", "p2"],
            [At(27, 9, 30), "PSTN", "minutes", 12.0, "r5", At(27, 9, 15), At(27, 9, 27), "4:+15550100001", "4:+15550100002", "p3"],
            [At(27, 9, 30), "PSTN", "minutes", 12.0, "r5", At(27, 9, 15), At(27, 9, 27), "4:+15550100001", "4:+15550100002", "p3"],
        ],
        ["ACSSMSIncomingOperations"] =
        [
            [At(27, 9, 0), "SMSMessagesSent", "DE", "Succeeded", "202", "+15550100003", "Informational"],
            [At(27, 10, 0), "SMSMessagesSent", "DE", "Failed", "500", "+15550100003", "Error"],
            [At(27, 10, 1), "SMSDeliveryReportsReceived", "DE", "Succeeded", "200", "+15550100003", "Informational"],
            [At(27, 10, 2), "SMSMessagesSent", "FR", "Succeeded", "202", "+15550100003", "Informational"],
            [At(27, 10, 3), "SMSMessagesSent", "FR", "Succeeded", "202", "+15550100003", "Informational"],
        ],
        ["ACSEmailStatusUpdateOperational"] =
        [
            [At(27, 8, 0), "m1", "Delivered", "ada@example.com", "example.org", "", "False", ""],
            [At(27, 8, 1), "m1", "Delivered", "bo@example.com", "example.org", "", "False", ""],
            [At(27, 8, 5), "m2", "Bounced", "cy@example.com", "example.org", "Mailbox does not exist", "True", "550"],
            [At(27, 8, 2), "m2", "OutForDelivery", "cy@example.com", "example.org", "", "False", ""],
            [At(27, 9, 0), "m3", "Failed", "ada@example.com", "example.net", "Timeout", "False", "451"],
        ],
        ["ACSEmailUserEngagementOperational"] =
        [
            [At(26, 9, 0), "m1", "View", "ada@example.com"],
            [At(26, 9, 30), "m1", "View", "ada@example.com"],
            [At(26, 9, 31), "m1", "Click", "ada@example.com"],
            [At(27, 9, 0), "m1", "View", "bo@example.com"],
        ],
        ["ACSCallSummary"] =
        [
            [At(27, 9, 40), "k1", "Group", 600L, "p1", "VOIP", 600L, "0", "Success"],
            [At(27, 9, 40), "k1", "Group", 600L, "p2", "VOIP", 20L, "487", "ExpectedError"],
            [At(27, 9, 40), "k1", "Group", 600L, "p3", "PSTN", 580L, "0", "Success"],
            [At(27, 9, 50), "k2", "P2P", 30L, "p4", "VOIP", 30L, "500", "UnexpectedServerError"],
        ],
        ["ACSCallDiagnostics"] =
        [
            [At(27, 9, 41), "k1", "p1", 10, 0.01, 100],
            [At(27, 9, 41), "k1", "p2", 30, 0.03, 200],
            [At(27, 9, 51), "k2", "p4", 50, 0.1, 300],
        ],
    };

    /// <summary>The tables, fresh.</summary>
    public static MemoryLogTables Tables()
    {
        var tables = new MemoryLogTables();
        foreach (var (name, columns) in Columns)
        {
            tables.Add(new LogTable(name, [new LogColumn(LogTable.Time, LogType.DateTime), .. columns.Split(", ").Select(Column)]), Rows[name]);
        }

        return tables;
    }

    private static LogColumn Column(string text)
    {
        var (name, type) = (text.Split(' ')[0], text.Split(' ')[1]);
        return new LogColumn(
            name,
            type[0] switch { 's' => LogType.String, 'i' => LogType.Int, 'l' => LogType.Long, 'r' => LogType.Real, 't' => LogType.DateTime, _ => LogType.Dynamic },
            type.Count('*') switch { 1 => LogProtection.Person, 2 => LogProtection.Sealed, _ => LogProtection.None });
    }

    private static DateTime At(int day, int hour, int minute) => new(2026, 11, day, hour, minute, 0, DateTimeKind.Utc);
}
