using Domicile.Modules.Http;
using Domicile.Modules.Identity;

namespace Domicile.Modules.Chat;

/// <summary>The routes of Chat. Each group of handlers has a file of its own.</summary>
internal sealed class ChatEndpoints(ChatThreads threads, ChatMessages messages, ChatParticipants participants, ChatReceipts receipts)
{
    private const string Thread = "/chat/threads/{threadId}";

    /// <summary>Who may write and read in the threads that they are in.</summary>
    private static readonly Access Members = Access.User(TokenScope.Chat, TokenScope.ChatJoin, TokenScope.ChatJoinLimited);

    /// <summary>Who may bring people in and out.</summary>
    private static readonly Access Hosts = Access.User(TokenScope.Chat, TokenScope.ChatJoin);

    /// <summary>Who may make, change and delete threads.</summary>
    private static readonly Access Owners = Access.User(TokenScope.Chat);

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", "/chat/threads", "Chat_CreateChatThread", Owners, threads.Create, ChatLimits.ParticipantsBody),
        Of("GET", "/chat/threads", "Chat_ListChatThreads", Members, ChatThreads.List),
        Of("GET", Thread, "ChatThread_GetChatThreadProperties", Members, threads.Get),
        Of("PATCH", Thread, "ChatThread_UpdateChatThreadProperties", Owners, threads.Update),
        Of("DELETE", Thread, "Chat_DeleteChatThread", Owners, threads.Delete),
        Of("POST", $"{Thread}/messages", "ChatThread_SendChatMessage", Members, messages.Send, ChatLimits.MessageBody),
        Of("GET", $"{Thread}/messages", "ChatThread_ListChatMessages", Members, messages.List),
        Of("GET", $"{Thread}/messages/{{messageId}}", "ChatThread_GetChatMessage", Members, messages.Get),
        Of("PATCH", $"{Thread}/messages/{{messageId}}", "ChatThread_UpdateChatMessage", Members, messages.Update, ChatLimits.MessageBody),
        Of("DELETE", $"{Thread}/messages/{{messageId}}", "ChatThread_DeleteChatMessage", Members, messages.Delete),
        Of("GET", $"{Thread}/participants", "ChatThread_ListChatParticipants", Members, participants.List),
        Of("POST", $"{Thread}/participants/:add", "ChatThread_AddChatParticipants", Hosts, participants.Add, ChatLimits.ParticipantsBody),
        Of("POST", $"{Thread}/participants/:remove", "ChatThread_RemoveChatParticipant", Hosts, participants.Remove),
        Of("POST", $"{Thread}/typing", "ChatThread_SendTypingNotification", Members, receipts.Type),
        Of("POST", $"{Thread}/readReceipts", "ChatThread_SendChatReadReceipt", Members, receipts.Send),
        Of("GET", $"{Thread}/readReceipts", "ChatThread_ListChatReadReceipts", Members, receipts.List),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler, int bodyLimit = 16 * 1024) =>
        new(method, path, name, access, handler) { Versions = ChatVersions.All, BodyLimit = bodyLimit };
}
