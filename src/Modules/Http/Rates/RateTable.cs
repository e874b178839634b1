namespace Domicile.Modules.Http.Rates;

/// <summary>Every rate limit, in one table for each profile. A request meets all rows that name its operation; retries count.</summary>
internal static class RateTable
{
    private static readonly TimeSpan TenSeconds = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan HalfMinute = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static readonly string[] Sending = ["ChatThread_SendChatMessage", "ChatThread_UpdateChatMessage", "ChatThread_DeleteChatMessage"];
    private static readonly string[] Membership = ["ChatThread_AddChatParticipants", "ChatThread_RemoveChatParticipant"];
    private static readonly string[] Reading = ["ChatThread_GetChatThreadProperties", "Chat_ListChatThreads"];

    /// <summary>Far above what an application does, below what hurts its neighbours.</summary>
    public static IReadOnlyList<RateLimit> Generous { get; } =
    [
        new([], RateScope.User, 20_000, TenSeconds),
        new(["ChatThread_SendChatMessage"], RateScope.Thread, 20_000, TenSeconds),
        new(Membership, RateScope.Thread, 2_000, TenSeconds),
        new(["Chat_CreateChatThread"], RateScope.User, 2_000, TenSeconds),
        new(["ChatThread_SendTypingNotification"], RateScope.Thread, 5_000, TenSeconds),
    ];

    /// <summary>
    /// The limits that ACS publishes for chat and identity ("Service limits", 2025). Its row for creating identities (1,000 in 30 s) and its row for deleting
    /// them (500 in 30 s) count each resource; chat's count users and threads.
    /// </summary>
    public static IReadOnlyList<RateLimit> Acs { get; } =
    [
        new(["CommunicationIdentity_Create"], RateScope.Resource, 1_000, HalfMinute),
        new(["CommunicationIdentity_Delete"], RateScope.Resource, 500, HalfMinute),
        new(["CommunicationIdentity_IssueAccessToken"], RateScope.Resource, 1_000, HalfMinute),
        new(["CommunicationIdentity_RevokeAccessTokens"], RateScope.Resource, 500, HalfMinute),
        new(["Chat_CreateChatThread"], RateScope.User, 10, TenSeconds),
        new(["Chat_CreateChatThread"], RateScope.Resource, 3_000, Minute),
        new(["ChatThread_AddChatParticipants"], RateScope.Resource, 3_000, Minute),
        new(["Chat_DeleteChatThread"], RateScope.User, 10, TenSeconds),
        new(["ChatThread_UpdateChatThreadProperties"], RateScope.Thread, 5, TenSeconds),
        new(Membership, RateScope.Thread, 10, TenSeconds),
        new(Membership, RateScope.Thread, 30, Minute),
        new(Reading, RateScope.User, 50, TenSeconds),
        new(["ChatThread_GetChatMessage"], RateScope.UserInThread, 50, TenSeconds),
        new(["ChatThread_GetChatMessage"], RateScope.Thread, 250, TenSeconds),
        new(["ChatThread_ListChatMessages"], RateScope.UserInThread, 50, TenSeconds),
        new(["ChatThread_ListChatMessages"], RateScope.UserInThread, 200, Minute),
        new(["ChatThread_ListChatMessages"], RateScope.Thread, 250, TenSeconds),
        new(["ChatThread_ListChatMessages"], RateScope.Thread, 400, Minute),
        new(["ChatThread_ListChatReadReceipts"], RateScope.UserInThread, 5, TenSeconds),
        new(["ChatThread_ListChatReadReceipts"], RateScope.Thread, 100, TenSeconds),
        new(["ChatThread_ListChatParticipants"], RateScope.UserInThread, 10, TenSeconds),
        new(["ChatThread_ListChatParticipants"], RateScope.Thread, 250, TenSeconds),
        new(Sending, RateScope.Thread, 10, TenSeconds),
        new(Sending, RateScope.Thread, 30, Minute),
        new(["ChatThread_SendChatReadReceipt"], RateScope.UserInThread, 10, TenSeconds),
        new(["ChatThread_SendChatReadReceipt"], RateScope.UserInThread, 30, Minute),
        new(["ChatThread_SendTypingNotification"], RateScope.UserInThread, 5, TenSeconds),
        new(["ChatThread_SendTypingNotification"], RateScope.UserInThread, 15, Minute),
        new(["ChatThread_SendTypingNotification"], RateScope.Thread, 10, TenSeconds),
        new(["ChatThread_SendTypingNotification"], RateScope.Thread, 30, Minute),
    ];

    /// <summary>The rows that an operation meets, with each row's number in its table.</summary>
    public static IReadOnlyList<(int Row, RateLimit Limit)> Of(RateProfile profile, string operation) =>
    [
        .. (profile == RateProfile.Acs ? Acs : Generous)
            .Select((limit, row) => (row, limit))
            .Where(pair => pair.limit.Operations.Count == 0 || pair.limit.Operations.Contains(operation)),
    ];
}
