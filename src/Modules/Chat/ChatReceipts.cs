using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Read receipts and typing.</summary>
internal sealed class ChatReceipts(ThreadDoor door, ChatStore store, TimeProvider clock)
{
    private const int Attempts = 10;

    /// <summary>
    /// Data's way: request → chat.receipt, one for each person and thread, sealed under the person and the thread → with its thread. The person's erasure deletes it.
    /// A receipt for an older message than the last one changes nothing.
    /// </summary>
    public async ValueTask<Reply> Send(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.SendReceiptRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (!long.TryParse(request.ChatMessageId, NumberStyles.None, CultureInfo.InvariantCulture, out var messageId))
        {
            return ChatProblems.NoMessage.At("chatMessageId");
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (me, problem) = await door.ForTakingPart(call, cancel);
            if (me is null)
            {
                return problem!;
            }

            if (await IsLargerThan(call, me.Thread, call.Settings.ReceiptsInThreadsUpTo, cancel))
            {
                return ChatProblems.NoReceiptsHere(call.Settings.ReceiptsInThreadsUpTo);
            }

            var (first, last) = await store.VisibleTo(call.Home, me, cancel);
            if (messageId < first || messageId > last || await call.Home.Store.Get<ChatMessage>([me.Thread, messageId], cancel) is null)
            {
                return ChatProblems.NoMessage.At("chatMessageId");
            }

            var known = await call.Home.Store.Get<ChatReceipt>([me.Thread, me.Person], cancel);
            if (known?.MessageId >= messageId)
            {
                return Reply.Empty(200);
            }

            var receipt = new ChatReceipt { Thread = me.Thread, Person = me.Person, MessageId = messageId, ReadOn = clock.GetUtcNow(), Version = known?.Version ?? 0 };
            var outcome = await call.Home.Store.Commit(
                b =>
                {
                    b.Lock(me.Thread, ChatProblems.NoThread).Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn);
                    _ = known is null ? b.Insert(receipt) : b.Put(receipt);
                },
                cancel);
            if (outcome.Refused != StorageProblems.Changed && outcome.Refused != StorageProblems.Exists)
            {
                return outcome.Refused is { } refused ? refused : Reply.Empty(200);
            }
        }

        return ChatProblems.Busy;
    }

    public async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (!Page.TryRead(call, out var page, out var problem))
        {
            return problem!;
        }

        if (!Page.TryReadSkip(call, out var skip, out problem))
        {
            return problem!;
        }

        (var me, problem) = await door.ForTakingPart(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        var all = await call.Home.Store.Range<ChatReceipt>(me.Thread).Open(cancel);
        all.Sort(static (one, other) => (one.ReadOn, one.Person.Value).CompareTo((other.ReadOn, other.Person.Value)));
        var shown = all.Skip(skip).Take(page.Size).ToList();
        var models = await new ChatView(call.Home, call.ApiVersion).Receipts(shown, cancel);
        var path = $"/chat/threads/{Uri.EscapeDataString(call.Route("threadId"))}/readReceipts";
        var next = skip + shown.Count < all.Count ? page.Next(path, $"skip={skip + shown.Count}", call.ApiVersion) : null;
        return Reply.Json(200, new ReceiptList(models, next), ChatJson.Default.ReceiptList);
    }

    /// <summary>Data's way: request → the ephemeral path → whoever listens now. Nothing rests.</summary>
    public async ValueTask<Reply> Type(Call call, CancellationToken cancel)
    {
        TypingRequest? request = null;
        if (!call.Body.IsEmpty && !call.TryRead(ChatJson.Default.TypingRequest, out request, out var unreadable))
        {
            return unreadable;
        }

        if (request?.SenderDisplayName?.Length > ChatLimits.NameCharacters)
        {
            return ChatProblems.NameTooLong.At("senderDisplayName");
        }

        var (me, problem) = await door.ForTakingPart(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        if (await IsLargerThan(call, me.Thread, call.Settings.TypingInThreadsUpTo, cancel))
        {
            return ChatProblems.NoTypingHere(call.Settings.TypingInThreadsUpTo);
        }

        ChatSignals.SendTyping(
            call.Home, me.Thread, new TypingSignal(me.Person.Value, request?.SenderDisplayName ?? me.DisplayName, clock.GetUtcNow().ToUnixTimeMilliseconds()));
        return Reply.Empty(200);
    }

    private static async ValueTask<bool> IsLargerThan(Call call, Ref<ChatThread> thread, int participants, CancellationToken cancel) =>
        participants < ChatLimits.ParticipantsPerThread
        && (await call.Home.Store.Range<ChatParticipant>(thread).Open(cancel)).Count(participant => participant.RemovedOn is null) > participants;
}
