using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Messages: sending, listing, reading, editing, deleting.</summary>
internal sealed class ChatMessages(ThreadDoor door, ChatStore store, TimeProvider clock)
{
    private const int Attempts = 10;

    /// <summary>The last day of the year 9998: a version that was moved in may be any number.</summary>
    private const long LatestMs = 253_370_764_799_000;

    /// <summary>What a thread tells of itself.</summary>
    public static ChatMessage Told(Ref<ChatThread> thread, ChatMessageType type, SubjectRef initiator) =>
        new() { Thread = thread, SealId = RandomPieces.Uuid(), Sender = SubjectRef.None, Type = type, Initiator = initiator };

    /// <summary>
    /// Data's way: request → chat.message, sealed under its sender and its thread → with its thread. The sender's erasure leaves its place in the thread and
    /// nothing of what it said.
    /// </summary>
    public async ValueTask<Reply> Send(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.SendMessageRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var faults = ChatLimits.FaultsOf(request).ToList();
        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await door.Find(call, cancel) is not { } thread)
        {
            return ChatProblems.NoThread;
        }

        var me = call.User.Subject;
        var message = new ChatMessage
        {
            Thread = thread,
            SealId = RandomPieces.Uuid(),
            Sender = me,
            Type = request.Type == "html" ? ChatMessageType.Html : ChatMessageType.Text,
            Content = request.Type == "html" ? ChatHtml.Clean(request.Content!) : request.Content,
            SenderDisplayName = request.SenderDisplayName,
            Metadata = ChatVersions.HasMessageMetadata(call.ApiVersion) ? ThreadPatch.Merge(null, request.Metadata) : null,
        };
        var sent = await call.Home.Store.Commit(
            b =>
            {
                b.Lock(thread, ChatProblems.NoThread).Require<ChatParticipant>([thread, me], ChatProblems.NoLongerIn).Append(message);
                if (call.Settings.AuditMessages)
                {
                    b.AuditWrites(AuditedAct.MessageSent);
                }
            },
            cancel);
        return sent.Refused is { } refused
            ? await ThreadDoor.Explain(call, thread, refused, cancel)
            : Reply.Json(201, new SentReply(sent.Appended[0].Arrival.ToString(CultureInfo.InvariantCulture)), ChatJson.Default.SentReply);
    }

    public async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (!Page.TryRead(call, out var page, out var problem))
        {
            return problem!;
        }

        long? before = null;
        if (call.Query("before") is { } continuation)
        {
            if (!TryReadId(continuation, out var id))
            {
                return HttpProblems.BadParameter("before", "the one of a nextLink");
            }

            before = id;
        }

        (var me, problem) = await door.ForReading(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        var (first, last) = await store.VisibleTo(call.Home, me, cancel);
        first = Math.Max(first, page.Since?.ToUnixTimeMilliseconds() ?? 0);
        var end = before is { } continued && continued <= last ? continued : last == long.MaxValue ? (long?)null : last + 1;
        var messages = await call.Home.Store.Range<ChatMessage>(me.Thread)
            .After(first - 1).Before(end is { } bound ? ColumnValue.Of(bound) : (ColumnValue?)null).Descending().Take(page.Size + 1).Open(cancel);
        var shown = messages.Take(page.Size).ToList();
        var models = await new ChatView(call.Home, call.ApiVersion).Messages(me.Thread, shown, cancel);
        var path = $"/chat/threads/{Uri.EscapeDataString(call.Route("threadId"))}/messages";
        var next = messages.Count > page.Size ? page.Next(path, $"before={shown[^1].Id}", call.ApiVersion) : null;
        return Reply.Json(200, new MessageList(models, next), ChatJson.Default.MessageList);
    }

    public async ValueTask<Reply> Get(Call call, CancellationToken cancel)
    {
        var (me, problem) = await door.ForReading(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        return await Find(call, me, cancel) is { } message
            ? Reply.Json(200, (await new ChatView(call.Home, call.ApiVersion).Messages(me.Thread, [message], cancel))[0], ChatJson.Default.MessageModel)
            : ChatProblems.NoMessage;
    }

    public ValueTask<Reply> Update(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.UpdateMessageRequest, out var request, out var unreadable))
        {
            return new(unreadable);
        }

        var faults = ChatLimits.FaultsOf(request).ToList();
        if (faults.Count > 0)
        {
            return new(Problem.Of(faults));
        }

        var withMetadata = ChatVersions.HasMessageMetadata(call.ApiVersion);
        return Change(
            call,
            message => message with
            {
                Content = request.Content is null ? message.Content : message.Type == ChatMessageType.Html ? ChatHtml.Clean(request.Content) : request.Content,
                Metadata = withMetadata ? ThreadPatch.Merge(message.Metadata, request.Metadata) : message.Metadata,
                EditedOn = After(message),
            },
            cancel);
    }

    public ValueTask<Reply> Delete(Call call, CancellationToken cancel) =>
        Change(
            call,
            message => message with { Content = null, SenderDisplayName = null, Metadata = null, DeletedOn = After(message) },
            cancel);

    /// <summary>Changes a message of the caller's own: a new content under a new seal, in the same place.</summary>
    private async ValueTask<Reply> Change(Call call, Func<ChatMessage, ChatMessage> change, CancellationToken cancel)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (me, problem) = await door.ForTakingPart(call, cancel);
            if (me is null)
            {
                return problem!;
            }

            if (await Find(call, me, cancel) is not { } message)
            {
                return ChatProblems.NoMessage;
            }

            if (message.Sender != me.Person)
            {
                return ChatProblems.NotTheSender;
            }

            if (message.DeletedOn is not null)
            {
                return ChatProblems.MessageDeleted;
            }

            var changed = change(message) with { VersionAs = null };
            var outcome = await call.Home.Store.Commit(
                b => b.Lock(me.Thread, ChatProblems.NoThread).Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn).Put(changed, ChatProblems.NoMessage), cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Empty(204);
            }
        }

        return ChatProblems.Busy;
    }

    /// <summary>A change is always later than what it changes, so that its version is another one.</summary>
    private DateTimeOffset After(ChatMessage message)
    {
        var last = message.EditedOn ?? message.CreatedOn;
        last = message.VersionAs is { } version && version > last.ToUnixTimeMilliseconds() ? DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(version, LatestMs)) : last;
        var now = clock.GetUtcNow();
        return now.ToUnixTimeMilliseconds() > last.ToUnixTimeMilliseconds() ? now : last.AddMilliseconds(1);
    }

    private async ValueTask<ChatMessage?> Find(Call call, ChatParticipant me, CancellationToken cancel)
    {
        if (!TryReadId(call.Route("messageId"), out var id))
        {
            return null;
        }

        var (first, last) = await store.VisibleTo(call.Home, me, cancel);
        return id >= first && id <= last ? await call.Home.Store.Get<ChatMessage>([me.Thread, id], cancel) : null;
    }

    private static bool TryReadId(string text, out long id) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id);
}
