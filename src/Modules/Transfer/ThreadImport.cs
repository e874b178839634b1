using System.Globalization;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Transfer;

/// <summary>
/// Writes a thread, or the next part of its messages, as it was elsewhere. What is there already stays; what was changed at the source is changed here; nothing is written
/// twice, whatever was interrupted.
/// </summary>
internal static class ThreadImport
{
    private const int Attempts = 10;

    /// <summary>A thread by the id that clients know.</summary>
    public static async ValueTask<ChatThread?> Find(Home home, string id, CancellationToken cancel) =>
        await home.Store.Lookup<ChatThread>(nameof(ChatThread.PublicId), ColumnValue.Of(id), 1, cancel) is [var thread] ? thread : null;

    /// <summary>
    /// Data's way: request → chat.thread under a key of its own, chat.participant, chat.receipt and chat.message for each person under theirs and the thread's → with their
    /// thread, until its date comes or it is deleted.
    /// </summary>
    public static async ValueTask<(ImportThreadReply? Reply, Problem? Refused)> Write(Home home, TransferThread thread, IReadOnlyList<TransferMessage> messages, CancellationToken cancel)
    {
        var people = await Resolve(home, thread, messages, cancel);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var faults = new List<TransferFault>();
            var known = await Find(home, thread.Id, cancel);
            var (key, refused) = known is null
                ? await Create(home, thread, people, faults, cancel)
                : (known.Key, await Update(home, known, thread, people, faults, cancel));
            if (refused is not null)
            {
                if (IsOfAnother(refused))
                {
                    continue;
                }

                return (null, refused);
            }

            var tally = new Tally(faults);
            refused = await Write(home, key, messages, people, tally, cancel);
            if (refused is null)
            {
                return (new ImportThreadReply(known is null, tally.Written, tally.Changed, tally.Same, tally.Faults, tally.Cleaned), null);
            }

            if (!IsOfAnother(refused))
            {
                return (null, refused);
            }
        }

        return (null, TransferProblems.Busy);
    }

    private static bool IsOfAnother(Problem refused) => refused == StorageProblems.Changed || refused == StorageProblems.Exists;

    /// <summary>Everyone who is named, by their id. Who is not here is missing.</summary>
    private static async ValueTask<Dictionary<string, SubjectRef>> Resolve(Home home, TransferThread thread, IReadOnlyList<TransferMessage> messages, CancellationToken cancel)
    {
        var named = (thread.Participants ?? []).Select(participant => participant.User)
            .Concat((thread.Receipts ?? []).Select(receipt => receipt.User))
            .Concat(messages.SelectMany(message => (message.Participants ?? []).Append(message.Sender ?? "").Append(message.Initiator ?? "")))
            .Append(thread.CreatedBy ?? "");
        var people = new Dictionary<string, SubjectRef>(StringComparer.Ordinal);
        foreach (var id in named.Distinct(StringComparer.Ordinal))
        {
            if (CommunicationIdentifier.IsUserOf(home.ResourceId, id) && await home.FindSubject(new Identifier(Identifier.CommunicationUser, id), cancel) is { } person)
            {
                people.Add(id, person);
            }
        }

        return people;
    }

    private static async ValueTask<(Ref<ChatThread> Key, Problem? Refused)> Create(
        Home home, TransferThread thread, Dictionary<string, SubjectRef> people, List<TransferFault> faults, CancellationToken cancel)
    {
        var key = home.References.Next<ChatThread>();
        var record = new ChatThread
        {
            Key = key,
            PublicId = thread.Id,
            CreatedOn = thread.CreatedOn,
            DeleteOn = thread.DeleteAfterDays is { } days ? thread.CreatedOn.AddDays(days) : null,
            Topic = thread.Topic,
            CreatedBy = people.GetValueOrDefault(thread.CreatedBy ?? ""),
            Metadata = Pairs(thread.Metadata),
            DeleteAfterDays = thread.DeleteAfterDays,
        };
        var outcome = await home.Store.Commit(
            b =>
            {
                b.Insert(record).AuditWrites(AuditedAct.RecordsImported);
                foreach (var participant in Known(thread.Participants, each => each.User, people, faults))
                {
                    b.Insert(ParticipantOf(key, participant, people[participant.User]));
                }

                foreach (var receipt in Known(thread.Receipts, each => each.User, people, faults))
                {
                    b.Insert(ReceiptOf(key, receipt, people[receipt.User]));
                }
            },
            cancel);
        return (key, outcome.Refused);
    }

    private static async ValueTask<Problem?> Update(
        Home home, ChatThread known, TransferThread thread, Dictionary<string, SubjectRef> people, List<TransferFault> faults, CancellationToken cancel)
    {
        if (thread.Participants is null && thread.Receipts is null)
        {
            return null;
        }

        var key = known.Key;
        var present = (await home.Store.Range<ChatParticipant>(key).Open(cancel)).ToDictionary(participant => participant.Person);
        var read = (await home.Store.Range<ChatReceipt>(key).Open(cancel)).ToDictionary(receipt => receipt.Person);
        var changed = known with
        {
            Topic = thread.Topic,
            Metadata = Pairs(thread.Metadata),
            DeleteAfterDays = thread.DeleteAfterDays,
            DeleteOn = thread.DeleteAfterDays is { } days ? known.CreatedOn.AddDays(days) : null,
        };
        var writes = new List<Action<Batch>>();
        if (changed.Topic != known.Topic || changed.DeleteAfterDays != known.DeleteAfterDays || !Same(changed.Metadata, known.Metadata))
        {
            writes.Add(b => b.Put(changed));
        }

        foreach (var participant in Known(thread.Participants, each => each.User, people, faults))
        {
            var record = ParticipantOf(key, participant, people[participant.User]);
            if (!present.TryGetValue(record.Person, out var before))
            {
                writes.Add(b => b.Insert(record));
            }
            else if (!Same(before, record))
            {
                writes.Add(b => b.Put(record with { Version = before.Version }));
            }
        }

        foreach (var receipt in Known(thread.Receipts, each => each.User, people, faults))
        {
            var record = ReceiptOf(key, receipt, people[receipt.User]);
            if (!read.TryGetValue(record.Person, out var before))
            {
                writes.Add(b => b.Insert(record));
            }
            else if (before.MessageId < record.MessageId)
            {
                writes.Add(b => b.Put(record with { Version = before.Version }));
            }
        }

        if (present.Count + writes.Count > 2 * TransferLimits.Participants)
        {
            return TransferProblems.Unfit($"A thread has at most {TransferLimits.Participants} people who are or were in it.");
        }

        return writes.Count == 0
            ? null
            : (await home.Store.Commit(
                b =>
                {
                    b.Lock(key, TransferProblems.NoThread).AuditWrites(AuditedAct.RecordsImported);
                    writes.ForEach(write => write(b));
                },
                cancel)).Refused;
    }

    private static async ValueTask<Problem?> Write(
        Home home, Ref<ChatThread> thread, IReadOnlyList<TransferMessage> messages, Dictionary<string, SubjectRef> people, Tally tally, CancellationToken cancel)
    {
        if (messages.Count == 0)
        {
            return null;
        }

        var last = await TransferStore.LastArrival(home, thread, cancel);
        var members = (await home.Store.Range<ChatParticipant>(thread).Open(cancel)).Select(participant => participant.Person).ToHashSet();
        var there = await Between(home, thread, IdOf(messages[0]), Math.Min(IdOf(messages[^1]), last), cancel);
        var (appends, puts) = (new List<ChatMessage>(), new List<ChatMessage>());
        foreach (var message in messages)
        {
            if (RecordOf(home, thread, message, people, members, tally) is not { } record)
            {
                continue;
            }

            if (IdOf(message) > last)
            {
                appends.Add(record);
                tally.Written++;
            }
            else if (!there.TryGetValue(IdOf(message), out var before))
            {
                tally.Faults.Add(new TransferFault(message.Id, "Later messages of the thread are here already, so it cannot have its place any more."));
            }
            else if (before.ErasedOn is not null)
            {
                tally.Faults.Add(new TransferFault(message.Id, "Its writer was erased here, so it stays without content."));
            }
            else if (Same(before, record))
            {
                tally.Same++;
            }
            else if (before.VersionAs is null)
            {
                tally.Faults.Add(new TransferFault(message.Id, "Another message has its place here, or it was changed here since it came."));
            }
            else
            {
                puts.Add(record with { SequenceId = before.SequenceId, SealId = before.SealId, Version = before.Version, Sender = before.Sender });
                tally.Changed++;
            }
        }

        if (appends.Count + puts.Count == 0)
        {
            return null;
        }

        var outcome = await home.Store.Commit(
            b =>
            {
                // What was looked at holds when it is written: every message gets the place that it had.
                b.Lock(thread, TransferProblems.NoThread).RequireLast<ChatMessage>(last).AuditWrites(AuditedAct.RecordsImported);
                puts.ForEach(message => b.Put(message));
                appends.ForEach(message => b.Append(message));
            },
            cancel);
        return outcome.Refused;
    }

    /// <summary>What is here already of the part at hand.</summary>
    private static async ValueTask<Dictionary<long, ChatMessage>> Between(Home home, Ref<ChatThread> thread, long first, long last, CancellationToken cancel)
    {
        var there = new Dictionary<long, ChatMessage>();
        var after = first - 1;
        while (after < last
            && await home.Store.Range<ChatMessage>(thread).After(after).Before(last + 1).Take(RangeQuery<ChatMessage>.TakeMax).Open(cancel) is { Count: > 0 } page)
        {
            page.ForEach(message => there.Add(message.Id, message));
            after = page[^1].Id;
        }

        return there;
    }

    private static ChatMessage? RecordOf(
        Home home, Ref<ChatThread> thread, TransferMessage message, Dictionary<string, SubjectRef> people, HashSet<SubjectRef> members, Tally tally)
    {
        var sender = people.GetValueOrDefault(message.Sender ?? "");
        if (sender.IsNone && message.Sender is not null && CommunicationIdentifier.IsUserOf(home.ResourceId, message.Sender))
        {
            // Without its writer it could never be erased with them.
            tally.Faults.Add(new TransferFault(message.Id, "Its writer is not among the users here: bring them in first, unless they were erased here."));
            return null;
        }

        if (!sender.IsNone && !members.Contains(sender))
        {
            tally.Faults.Add(new TransferFault(message.Id, "Its writer is not among the people who are or were in the thread: name them among its participants."));
            return null;
        }

        var type = TransferLimits.TypeOf(message.Type)!.Value;
        var content = message.Content;
        if (type == ChatMessageType.Html && content is not null)
        {
            (content, var isCleaned) = ChatHtml.Keep(content);
            if (isCleaned)
            {
                tally.Cleaned.Add(message.Id);
            }
        }

        var id = IdOf(message);
        return new ChatMessage
        {
            Thread = thread,
            Id = id,
            SealId = message.Identity,
            Sender = sender,
            Type = type,
            Content = content,
            SenderDisplayName = message.SenderDisplayName,
            Metadata = Pairs(message.Metadata),
            Topic = message.Topic,

            // Whoever is not here any more stays in the count, as nobody.
            Participants = message.Participants?.Select(person => people.GetValueOrDefault(person)).ToList(),
            Initiator = people.GetValueOrDefault(message.Initiator ?? ""),
            EditedOn = message.EditedOn,
            DeletedOn = message.DeletedOn,
            CreatedAs = message.CreatedOn.ToUnixTimeMilliseconds() == id ? null : message.CreatedOn,
            VersionAs = long.Parse(message.Version, CultureInfo.InvariantCulture),
        };
    }

    private static IEnumerable<T> Known<T>(IReadOnlyList<T>? some, Func<T, string> user, Dictionary<string, SubjectRef> people, List<TransferFault> faults)
    {
        var done = new HashSet<SubjectRef>();
        foreach (var one in some ?? [])
        {
            if (!people.TryGetValue(user(one), out var person))
            {
                faults.Add(new TransferFault(user(one), "They are not among the users here: bring them in first, unless they were erased here."));
            }
            else if (done.Add(person))
            {
                yield return one;
            }
        }
    }

    private static ChatParticipant ParticipantOf(Ref<ChatThread> thread, TransferParticipant participant, SubjectRef person) => new()
    {
        Thread = thread,
        Person = person,
        AddedOn = participant.AddedOn,
        RemovedOn = participant.RemovedOn,
        DisplayName = participant.DisplayName,
        ShareHistoryTime = participant.ShareHistoryTime,
        AddedBy = participant.AddedBy,
        RemovedBy = participant.RemovedBy,
        Metadata = Pairs(participant.Metadata),
    };

    private static ChatReceipt ReceiptOf(Ref<ChatThread> thread, TransferReceipt receipt, SubjectRef person) => new()
    {
        Thread = thread,
        Person = person,
        MessageId = TransferLimits.TryReadId(receipt.MessageId, out var id) ? id : 0,
        ReadOn = receipt.ReadOn,
    };

    private static bool Same(ChatParticipant one, ChatParticipant other) =>
        one with { Metadata = null, Version = 0 } == other with { Metadata = null, Version = 0 } && Same(one.Metadata, other.Metadata);

    /// <summary>Whether it is the same as it was moved in: not what only this store knows of it.</summary>
    private static bool Same(ChatMessage one, ChatMessage other) =>
        one.VersionAs == other.VersionAs && one.Type == other.Type && one.Content == other.Content && one.SenderDisplayName == other.SenderDisplayName && one.Topic == other.Topic
        && one.EditedOn == other.EditedOn && one.DeletedOn == other.DeletedOn && one.CreatedOn == other.CreatedOn && one.Sender == other.Sender && Same(one.Metadata, other.Metadata);

    private static bool Same(IReadOnlyDictionary<string, string>? one, IReadOnlyDictionary<string, string>? other) =>
        (one?.Count ?? 0) == (other?.Count ?? 0) && (one is null || one.All(pair => other!.TryGetValue(pair.Key, out var value) && value == pair.Value));

    private static IReadOnlyDictionary<string, string>? Pairs(IReadOnlyDictionary<string, string>? pairs) => pairs is { Count: > 0 } ? pairs : null;

    private static long IdOf(TransferMessage message) => long.Parse(message.Id, CultureInfo.InvariantCulture);

    private sealed class Tally(List<TransferFault> faults)
    {
        public int Written { get; set; }

        public int Changed { get; set; }

        public int Same { get; set; }

        public List<TransferFault> Faults { get; } = faults;

        public List<string> Cleaned { get; } = [];
    }
}
