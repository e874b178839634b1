using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Threads: creating, listing, reading, changing, deleting.</summary>
internal sealed class ChatThreads(ThreadDoor door, TimeProvider clock)
{
    private const int Attempts = 10;

    /// <summary>
    /// Data's way: request → chat.thread under a fresh key of its own, chat.participant for each person under theirs and the thread's, the first chat.message →
    /// until the thread is deleted or its date comes; then the thread's key goes, and with it all of it.
    /// </summary>
    public async ValueTask<Reply> Create(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.CreateThreadRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var faults = ChatLimits.FaultsOf(request).ToList();
        Guid? requestId = null;
        if (call.Header("repeatability-request-id") is { } header)
        {
            if (header.Length is 0 or > ChatLimits.RequestIdCharacters)
            {
                faults.Add(ChatProblems.BadRequestId);
            }
            else
            {
                requestId = await RequestIdOf(call, header, cancel);
            }
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (requestId is { } repeated && await FindCreated(call, repeated, cancel) is { } created)
        {
            return await Reply201(call, created, [], cancel);
        }

        var home = call.Home;
        var now = clock.GetUtcNow();
        var me = call.User.Subject;
        var (people, invalid) = await Invitation.Read(call, request.Participants ?? [], cancel);
        if (people.Count >= ChatLimits.ParticipantsPerThread)
        {
            return ChatProblems.ThreadFull;
        }

        var thread = ThreadOf(call, request, me, now);
        var participants = people.Where(person => person.Subject != me).Select(person => person.In(thread.Key, now, addedBy: null)).ToList();
        participants.Insert(0, people.Find(person => person.Subject == me)?.In(thread.Key, now, addedBy: null) ?? new ChatParticipant { Thread = thread.Key, Person = me, AddedOn = now });
        var outcome = await home.Store.Commit(
            b =>
            {
                b.Insert(thread);
                participants.ForEach(participant => b.Insert(participant));
                b.Append(ChatMessages.Told(thread.Key, ChatMessageType.ParticipantAdded, me) with { Participants = [.. participants.Select(participant => participant.Person)] });
                if (requestId is { } id)
                {
                    b.Insert(new ChatCreation { Person = me, RequestId = id, At = now, Thread = thread.Key });
                }
            },
            cancel);
        if (outcome.Refused == StorageProblems.Exists && requestId is { } again && await FindCreated(call, again, cancel) is { } meanwhile)
        {
            return await Reply201(call, meanwhile, [], cancel);
        }

        return outcome.Refused is { } refused ? refused : await Reply201(call, thread, invalid, cancel);
    }

    public static async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (!Page.TryRead(call, out var page, out var problem))
        {
            return problem!;
        }

        ThreadActivity? before = null;
        if (call.Query("before") is { } continuation)
        {
            if (continuation.Split('.') is not [var arrival, var key]
                || !long.TryParse(arrival, NumberStyles.None, CultureInfo.InvariantCulture, out var lastArrival)
                || !long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var thread))
            {
                return HttpProblems.BadParameter("before", "the one of a nextLink");
            }

            before = new ThreadActivity { LastArrival = lastArrival, Thread = thread };
        }

        var listed = await ChatStore.ThreadsOf(call.Home, call.User.Subject, page.Since, before, page.Size + 1, cancel);
        var shown = listed.Take(page.Size).ToList();
        var threads = await Task.WhenAll(shown.Select(async activity => await call.Home.Store.Get<ChatThread>([activity.Thread], cancel)));
        var items = shown.Zip(threads)
            .Where(pair => pair.Second is not null)
            .Select(pair => new ThreadItem(
                pair.Second!.PublicId, pair.Second.Topic, pair.First.LastArrival == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(pair.First.LastArrival)))
            .ToList();
        var next = listed.Count > page.Size ? page.Next("/chat/threads", $"before={shown[^1].LastArrival}.{shown[^1].Thread}", call.ApiVersion) : null;
        return Reply.Json(200, new ThreadList(items, next), ChatJson.Default.ThreadList);
    }

    public async ValueTask<Reply> Get(Call call, CancellationToken cancel)
    {
        var (me, problem) = await door.ForReading(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        if (me.RemovedOn is not null)
        {
            // The topic may be one that they were not to learn any more.
            return ChatProblems.NoLongerIn;
        }

        return await call.Home.Store.Get<ChatThread>([me.Thread], cancel) is { } thread
            ? Reply.Json(200, await new ChatView(call.Home, call.ApiVersion).Thread(thread, cancel), ChatJson.Default.ThreadModel)
            : ChatProblems.NoThread;
    }

    public async ValueTask<Reply> Update(Call call, CancellationToken cancel)
    {
        if (!ThreadPatch.TryRead(call, out var patch, out var unreadable))
        {
            return unreadable;
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var (me, problem) = await door.ForTakingPart(call, cancel);
            if (me is null)
            {
                return problem!;
            }

            if (await call.Home.Store.Get<ChatThread>([me.Thread], cancel) is not { } thread)
            {
                return ChatProblems.NoThread;
            }

            var changed = patch.Apply(thread);
            if (patch.Topic is null)
            {
                changed = changed with { ExtrasVersion = thread.Version + 1, ExtrasOn = clock.GetUtcNow(), ExtrasBy = me.Person };
            }

            if (ChatLimits.IsTooLarge(changed.Metadata!))
            {
                return ChatProblems.MetadataTooLarge;
            }

            var outcome = await call.Home.Store.Commit(
                b =>
                {
                    b.Lock(me.Thread, ChatProblems.NoThread).Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn).Put(changed, ChatProblems.NoThread);
                    if (patch.Topic is { } topic)
                    {
                        b.Append(ChatMessages.Told(me.Thread, ChatMessageType.TopicUpdated, me.Person) with { Topic = topic });
                    }
                },
                cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Empty(204);
            }
        }

        return ChatProblems.Busy;
    }

    public async ValueTask<Reply> Delete(Call call, CancellationToken cancel)
    {
        var (me, problem) = await door.ForTakingPart(call, cancel);
        if (me is null)
        {
            return problem!;
        }

        if (await call.Home.Store.Get<ChatThread>([me.Thread], cancel) is not { } thread)
        {
            return ChatProblems.NoThread;
        }

        var deletion = await DeletionOf(call.Home, thread, me.Person, clock.GetUtcNow(), cancel) with { DisplayName = me.DisplayName };
        var outcome = await call.Home.Store.Commit(
            b => b.Lock(me.Thread, ChatProblems.NoThread).Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn)
                .Delete<ChatThread>([me.Thread], ChatProblems.NoThread).Insert(deletion, ChatProblems.NoThread),
            cancel);
        if (outcome.Refused is { } refused)
        {
            return refused;
        }

        return Reply.Empty(204);
    }

    /// <summary>That a thread is deleted, with who is to be told. Read before it is gone: afterwards nothing of it opens.</summary>
    internal static async ValueTask<ChatThreadDeletion> DeletionOf(Home home, ChatThread thread, SubjectRef by, DateTimeOffset now, CancellationToken cancel)
    {
        var members = (await home.Store.Range<ChatParticipant>(thread.Key).Open(cancel)).Where(member => member.RemovedOn is null).Select(member => member.Person).ToList();
        return new ChatThreadDeletion { Thread = thread.Key, By = by, DeletedOn = now, PublicId = thread.PublicId, CreatedOn = thread.CreatedOn, Members = members };
    }

    private static async ValueTask<Reply> Reply201(Call call, ChatThread thread, List<ChatErrorModel> invalid, CancellationToken cancel)
    {
        var model = await new ChatView(call.Home, call.ApiVersion).Thread(thread, cancel);
        return Reply.Json(201, new CreatedThreadReply(model, invalid.Count > 0 ? invalid : null), ChatJson.Default.CreatedThreadReply);
    }

    /// <summary>The text may say anything, so what rests of it is a keyed hash.</summary>
    private static async ValueTask<Guid> RequestIdOf(Call call, string text, CancellationToken cancel)
    {
        var key = await call.Home.Secret("chat creations", cancel);
        return new Guid(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{call.Home.ResourceId:N}{text}")).AsSpan(0, 16));
    }

    private static async ValueTask<ChatThread?> FindCreated(Call call, Guid requestId, CancellationToken cancel) =>
        await call.Home.Store.Get<ChatCreation>([call.User.Subject, requestId], cancel) is { } creation
            ? await call.Home.Store.Get<ChatThread>([creation.Thread], cancel)
            : null;

    private static ChatThread ThreadOf(Call call, CreateThreadRequest request, SubjectRef creator, DateTimeOffset now)
    {
        var hasExtras = ChatVersions.HasThreadMetadata(call.ApiVersion);
        var days = hasExtras && request.RetentionPolicy is { Kind: "threadCreationDate" } policy ? policy.DeleteThreadAfterDays : null;
        return new ChatThread
        {
            Key = call.Home.References.Next<ChatThread>(),
            PublicId = $"19:{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}@thread.v2",
            CreatedOn = now,
            DeleteOn = days is { } count ? now.AddDays(count) : null,
            Topic = request.Topic!,
            CreatedBy = creator,
            Metadata = hasExtras ? ThreadPatch.Merge(null, request.Metadata) : null,
            DeleteAfterDays = days,
        };
    }
}
