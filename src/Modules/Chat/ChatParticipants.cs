using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Participants: listing, adding, removing.</summary>
internal sealed class ChatParticipants(ThreadDoor door, TimeProvider clock)
{
    private const int Attempts = 20;

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

        var present = (await Memberships(call, me.Thread, cancel)).Where(participant => participant.RemovedOn is null).ToList();
        var shown = present.Skip(skip).Take(page.Size).ToList();
        var models = await new ChatView(call.Home, call.ApiVersion).Participants(shown, cancel);
        var path = $"/chat/threads/{Uri.EscapeDataString(call.Route("threadId"))}/participants";
        var next = skip + shown.Count < present.Count ? page.Next(path, $"skip={skip + shown.Count}", call.ApiVersion) : null;
        return Reply.Json(200, new ParticipantList(models, next), ChatJson.Default.ParticipantList);
    }

    public async ValueTask<Reply> Add(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.AddParticipantsRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var participants = request.Participants ?? [];
        var faults = ChatLimits.FaultsOf(participants).ToList();
        if (participants.Count == 0)
        {
            faults.Add(ChatProblems.NoParticipants);
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
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

            var (people, invalid) = await Invitation.Read(call, participants, cancel);
            var known = (await Memberships(call, me.Thread, cancel)).ToDictionary(participant => participant.Person);
            var outcome = await Add(call, me, thread, people, known, cancel);
            if (outcome.Refused != StorageProblems.Changed && outcome.Refused != StorageProblems.Exists)
            {
                return outcome.Refused is { } refused
                    ? refused
                    : Reply.Json(201, new AddedParticipantsReply(invalid.Count > 0 ? invalid : null), ChatJson.Default.AddedParticipantsReply);
            }
        }

        return ChatProblems.Busy;
    }

    public async ValueTask<Reply> Remove(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(ChatJson.Default.CommunicationIdentifier, out var request, out var unreadable))
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

            if (!CommunicationIdentifier.IsUserOf(call.Home.ResourceId, request.UserId)
                || await call.Home.FindSubject(new Identifier(Identifier.CommunicationUser, request.UserId!), cancel) is not { } person
                || await call.Home.Store.Get<ChatParticipant>([me.Thread, person], cancel) is not { RemovedOn: null } leaving)
            {
                return ChatProblems.NoParticipant;
            }

            if (await call.Home.Store.Get<ChatThread>([me.Thread], cancel) is not { } thread)
            {
                return ChatProblems.NoThread;
            }

            var told = ChatMessages.Told(me.Thread, ChatMessageType.ParticipantRemoved, me.Person) with { Participants = [person] };
            var outcome = await call.Home.Store.Commit(
                b => b.Lock(me.Thread, ChatProblems.NoThread)
                    .Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn)
                    .Put(thread, ChatProblems.NoThread)
                    .Put(leaving with { RemovedOn = clock.GetUtcNow(), RemovedBy = told.SealId }, ChatProblems.NoParticipant)
                    .Append(told),
                cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Empty(204);
            }
        }

        return ChatProblems.Busy;
    }

    /// <summary>The thread is put back with a higher version, so that two requests that add people at once cannot both count the same room.</summary>
    private async ValueTask<Outcome> Add(
        Call call, ChatParticipant me, ChatThread thread, List<Invitation> people, Dictionary<SubjectRef, ChatParticipant> known, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var newcomers = people.Where(person => !known.TryGetValue(person.Subject, out var member) || member.RemovedOn is not null).ToList();
        if (known.Values.Count(participant => participant.RemovedOn is null) + newcomers.Count > ChatLimits.ParticipantsPerThread)
        {
            return new Outcome(ChatProblems.ThreadFull, 0, []);
        }

        if (known.Count + newcomers.Count(person => !known.ContainsKey(person.Subject)) > RangeQuery<ChatParticipant>.TakeMax)
        {
            return new Outcome(ChatProblems.TooManyEver, 0, []);
        }

        var told = ChatMessages.Told(me.Thread, ChatMessageType.ParticipantAdded, me.Person) with { Participants = [.. newcomers.Select(person => person.Subject)] };
        return await call.Home.Store.Commit(
            b =>
            {
                b.Lock(me.Thread, ChatProblems.NoThread).Require<ChatParticipant>([me.Thread, me.Person], ChatProblems.NoLongerIn);
                foreach (var person in people)
                {
                    if (!known.TryGetValue(person.Subject, out var member))
                    {
                        b.Insert(person.In(me.Thread, now, told.SealId));
                    }
                    else if (member.RemovedOn is not null)
                    {
                        b.Put(person.In(me.Thread, now, told.SealId) with { Version = member.Version });
                    }
                    else if (person.Model.DisplayName is not null && person.Model.DisplayName != member.DisplayName)
                    {
                        // Named again while in the thread: only the name changes, nothing of what they see.
                        b.Put(member with { DisplayName = person.Model.DisplayName });
                    }
                }

                if (newcomers.Count > 0)
                {
                    b.Put(thread, ChatProblems.NoThread).Append(told);
                }
            },
            cancel);
    }

    /// <summary>Everyone who is or was in the thread, in the order in which they were added.</summary>
    private static async ValueTask<List<ChatParticipant>> Memberships(Call call, Ref<ChatThread> thread, CancellationToken cancel)
    {
        var all = await call.Home.Store.Range<ChatParticipant>(thread).Open(cancel);
        all.Sort(static (one, other) => (one.AddedOn, one.Person.Value).CompareTo((other.AddedOn, other.Person.Value)));
        return all;
    }
}
