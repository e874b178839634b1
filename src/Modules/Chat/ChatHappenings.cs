using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>
/// Says what an entry of the change feed, or a signal beside it, means: the contract by which other modules learn what happens in chat. It opens what a member of
/// the thread could read, and says which of the people who were asked for may know.
/// </summary>
public sealed class ChatHappenings
{
    private readonly ChatStore _store;
    private readonly BoundedCache<(Geography Geography, long Thread), IReadOnlyList<ChatParticipant>> _members = new(4_096);
    private readonly BoundedCache<(Geography Geography, long Thread), ChatThread> _threads = new(4_096);
    private readonly FeedWatch _watch = new();

    internal ChatHappenings(ChatStore store)
    {
        _store = store;
    }

    /// <summary>The kinds of which an entry may mean something.</summary>
    public static IReadOnlyList<Type> Kinds { get; } = [typeof(ChatThread), typeof(ChatParticipant), typeof(ChatMessage), typeof(ChatReceipt), typeof(ChatThreadDeletion)];

    /// <summary>What an entry of the feed means. Entries of one thread are to be asked about in their order.</summary>
    /// <param name="home">The home of the entry's resource.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="isAsked">Whether someone is to be told; who is not asked for is left out of audiences.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>What happened, in order; nothing when nobody is to be told, when it is not there any more, or when a later entry will tell it.</returns>
    /// <exception cref="StoreUnavailableException">The store does not answer; ask again.</exception>
    public ValueTask<IReadOnlyList<ChatHappening>> Of(Home home, FeedEntry entry, Func<SubjectRef, bool> isAsked, CancellationToken cancel) => Of(home, entry, isAsked, null, cancel);

    /// <summary>What entries of one resource mean, each as if it were asked about alone; what they are about is read at once.</summary>
    /// <param name="home">The home of the entries' resource.</param>
    /// <param name="entries">The entries, in their order, 1,000 at most.</param>
    /// <param name="isAsked">Whether someone is to be told; who is not asked for is left out of audiences.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>What each means, in their order.</returns>
    /// <exception cref="StoreUnavailableException">The store does not answer; ask again.</exception>
    public async ValueTask<IReadOnlyList<IReadOnlyList<ChatHappening>>> Of(Home home, IReadOnlyList<FeedEntry> entries, Func<SubjectRef, bool> isAsked, CancellationToken cancel)
    {
        var written = entries.Where(entry => entry.Kind.ClrType == typeof(ChatMessage) && entry.Change != Change.Deleted).Select(entry => (ColumnValue[])[.. entry.Key]).ToList();
        var messages = (await home.Store.GetMany<ChatMessage>(written, cancel)).ToDictionary(message => (message.Thread.Value, message.Id));
        var meanings = new IReadOnlyList<ChatHappening>[entries.Count];
        for (var i = 0; i < meanings.Length; i++)
        {
            meanings[i] = await Of(home, entries[i], isAsked, messages, cancel);
        }

        return meanings;
    }

    private async ValueTask<IReadOnlyList<ChatHappening>> Of(
        Home home, FeedEntry entry, Func<SubjectRef, bool> isAsked, Dictionary<(long Thread, long Id), ChatMessage>? read, CancellationToken cancel)
    {
        // Of another node's change a follower of the feed tells the caches, and may do so later than the reader asks here.
        Drop(home.Geography, entry);
        if (entry.Kind.ClrType == typeof(ChatThreadDeletion))
        {
            // It is written when the thread goes; that it is gone itself a day later tells nothing. That a thread went in which nobody was any more is news to systems alone.
            return entry.Change == Change.Inserted && await OfDeletion(home, entry, cancel) is { } deletion ? [deletion with { Audience = [.. deletion.Audience.Where(isAsked)] }] : [];
        }

        if (!Kinds.Contains(entry.Kind.ClrType) || entry.Kind.ClrType == typeof(ChatParticipant) || entry.Change == Change.Deleted)
        {
            return [];
        }

        var scene = new Scene(home, await Members(home, new Ref<ChatThread>(entry.Key[0].Number), cancel), isAsked);
        if (!scene.Members.Any(member => isAsked(member.Person)) || await Thread(home, new Ref<ChatThread>(entry.Key[0].Number), cancel) is not { } thread)
        {
            return [];
        }

        return entry.Kind.ClrType switch
        {
            var kind when kind == typeof(ChatThread) => await OfThread(scene, thread, entry, cancel),
            var kind when kind == typeof(ChatMessage) => await OfMessage(scene, thread, entry, read, cancel),
            _ => await OfReceipt(scene, thread, entry, cancel),
        };
    }

    /// <summary>What a signal means.</summary>
    /// <inheritdoc cref="Of(Home, FeedEntry, Func{SubjectRef, bool}, CancellationToken)"/>
    public async ValueTask<IReadOnlyList<ChatHappening>> Of(Home home, EphemeralSignal signal, Func<SubjectRef, bool> isAsked, CancellationToken cancel)
    {
        if (ChatSignals.ReadTyping(signal) is { } typing)
        {
            var scene = new Scene(home, await Members(home, new Ref<ChatThread>(signal.Root), cancel), isAsked);
            var audience = scene.Present().Where(person => person.Value != typing.Person).ToList();
            if (audience.Count == 0 || await Thread(home, new Ref<ChatThread>(signal.Root), cancel) is not { } thread)
            {
                return [];
            }

            var by = await scene.Person(new SubjectRef(typing.Person), cancel) with { DisplayName = typing.DisplayName };
            return [new ChatHappening.Typing { ThreadId = thread.PublicId, Version = typing.At, By = by, Audience = audience }];
        }

        return [];
    }

    /// <summary>What an entry of <see cref="ChatThreadDeletion"/> means.</summary>
    /// <returns>What happened; null when it is not there any more.</returns>
    /// <inheritdoc cref="Of(Home, FeedEntry, Func{SubjectRef, bool}, CancellationToken)"/>
    private static async ValueTask<ChatHappening.ThreadDeleted?> OfDeletion(Home home, FeedEntry entry, CancellationToken cancel)
    {
        if (await home.Store.Get<ChatThreadDeletion>([entry.Key[0].Number], cancel) is not { } deletion)
        {
            return null;
        }

        return new ChatHappening.ThreadDeleted
        {
            ThreadId = deletion.PublicId,
            Version = deletion.DeletedOn.ToUnixTimeMilliseconds(),
            By = await new Scene(home, [], _ => true).Person(deletion.By, cancel) with { DisplayName = deletion.DisplayName },
            IsByPolicy = deletion.By.IsNone,
            Audience = deletion.Members,
            CreatedOn = deletion.CreatedOn,
        };
    }

    /// <summary>People by their ids, and by the names under which they take part in a thread, if it is still there; who was erased is left out.</summary>
    /// <param name="home">The home of the thread's resource.</param>
    /// <param name="thread">The key of the thread; 0 when names do not matter.</param>
    /// <param name="people">Who.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<IReadOnlyList<ChatPerson>> PeopleOf(Home home, long thread, IReadOnlyList<SubjectRef> people, CancellationToken cancel) =>
        await new Scene(home, thread == 0 ? [] : await Members(home, new Ref<ChatThread>(thread), cancel), _ => true).People(people, cancel);

    /// <summary>One person by their id alone.</summary>
    /// <returns>Null for nobody, or who was erased.</returns>
    public static async ValueTask<ChatPerson?> PersonOf(Home home, SubjectRef person, CancellationToken cancel) =>
        await home.Resolve(Identifier.CommunicationUser, person, cancel) is { } id ? new ChatPerson(id, null) { Subject = person } : null;

    /// <summary>Entries may have been missed: nothing that is remembered is relied on.</summary>
    public void Forget()
    {
        _members.Clear();
        _threads.Clear();
    }

    private static async ValueTask<IReadOnlyList<ChatHappening>> OfThread(Scene scene, ChatThread thread, FeedEntry entry, CancellationToken cancel)
    {
        if (entry.Change == Change.Inserted)
        {
            return await Created(scene, thread, thread.CreatedBy, thread.CreatedOn.ToUnixTimeMilliseconds(), scene.From(null), cancel);
        }

        // The thread is also put when people come and go, which a message tells; and when its topic changes, which another one does.
        return thread.ExtrasVersion == entry.Version
            ? [await Changed(scene, thread, thread.Topic, thread.ExtrasBy, thread.ExtrasOn!.Value.ToUnixTimeMilliseconds(), cancel)]
            : [];
    }

    private async ValueTask<IReadOnlyList<ChatHappening>> OfMessage(
        Scene scene, ChatThread thread, FeedEntry entry, Dictionary<(long Thread, long Id), ChatMessage>? read, CancellationToken cancel)
    {
        var found = read is null
            ? await scene.Home.Store.Get<ChatMessage>([thread.Key, entry.Key[1].Number], cancel)
            : read.GetValueOrDefault((thread.Key.Value, entry.Key[1].Number));
        if (found is not { ErasedOn: null } message)
        {
            return [];
        }

        if (message.Type is ChatMessageType.Text or ChatMessageType.Html)
        {
            return await OfWritten(scene, thread, entry, message, cancel);
        }

        if (entry.Change != Change.Inserted)
        {
            return [];
        }

        if (message.Type == ChatMessageType.TopicUpdated)
        {
            return [await Changed(scene, thread, message.Topic!, message.Initiator, message.Id, cancel)];
        }

        // What the thread tells first of itself is that it was created.
        if (message.SequenceId == 1)
        {
            return [];
        }

        var people = message.Participants ?? [];
        var by = await scene.Person(message.Initiator, cancel);
        if (message.Type == ChatMessageType.ParticipantRemoved)
        {
            return
            [
                new ChatHappening.ParticipantsRemoved(await scene.People(people, cancel), thread.CreatedOn)
                {
                    ThreadId = thread.PublicId, Version = message.Id, By = by, Audience = [.. scene.Present().Union(people.Where(scene.IsAsked))],
                },
            ];
        }

        var newcomers = people.Where(scene.IsAsked).ToList();
        var created = newcomers.Count == 0 ? [] : await Created(scene, thread, thread.CreatedBy, message.Id, newcomers, cancel);
        return
        [
            .. created,
            new ChatHappening.ParticipantsAdded(await scene.People(people, cancel), thread.CreatedOn)
            {
                ThreadId = thread.PublicId, Version = message.Id, By = by, Audience = await Seeing(scene, message.Id, cancel),
            },
        ];
    }

    private async ValueTask<IReadOnlyList<ChatHappening>> OfWritten(Scene scene, ChatThread thread, FeedEntry entry, ChatMessage message, CancellationToken cancel)
    {
        var isNew = entry.Change == Change.Inserted;
        if (isNew ? message.DeletedOn is not null : entry.Version != message.Version)
        {
            return [];
        }

        var audience = await Seeing(scene, message.Id, cancel);
        if (!isNew)
        {
            audience = [.. audience.Intersect(scene.Present())];
        }

        if (audience.Count == 0)
        {
            return [];
        }

        if (!isNew && message is { DeletedOn: null, EditedOn: null })
        {
            return [];
        }

        var version = isNew ? message.Id : (message.DeletedOn ?? message.EditedOn)!.Value.ToUnixTimeMilliseconds();
        var by = await scene.Person(message.Sender, cancel) with { DisplayName = message.SenderDisplayName };
        ChatHappening.OfMessage happening =
            isNew ? new ChatHappening.MessageReceived(message.Id) { ThreadId = thread.PublicId, Version = version, By = by, Audience = audience }
            : message.DeletedOn is null ? new ChatHappening.MessageEdited(message.Id) { ThreadId = thread.PublicId, Version = version, By = by, Audience = audience }
            : new ChatHappening.MessageDeleted(message.Id) { ThreadId = thread.PublicId, Version = version, By = by, Audience = audience };
        return [happening with { IsHtml = message.Type == ChatMessageType.Html, Content = message.Content ?? "", Metadata = message.Metadata }];
    }

    private async ValueTask<IReadOnlyList<ChatHappening>> OfReceipt(Scene scene, ChatThread thread, FeedEntry entry, CancellationToken cancel)
    {
        var person = new SubjectRef(entry.Key[1].Number);
        if (await scene.Home.Store.Get<ChatReceipt>([thread.Key, person], cancel) is not { } receipt || receipt.Version != entry.Version)
        {
            return [];
        }

        var audience = (await Seeing(scene, receipt.MessageId, cancel)).Intersect(scene.Present()).Where(other => other != person).ToList();
        return audience.Count == 0 ? [] :
        [
            new ChatHappening.Read(receipt.MessageId)
            {
                ThreadId = thread.PublicId, Version = receipt.ReadOn.ToUnixTimeMilliseconds(), By = await scene.Person(person, cancel), Audience = audience,
            },
        ];
    }

    private static async ValueTask<IReadOnlyList<ChatHappening>> Created(
        Scene scene, ChatThread thread, SubjectRef by, long at, IReadOnlyList<SubjectRef> audience, CancellationToken cancel) =>
        audience.Count == 0 ? [] :
        [
            new ChatHappening.ThreadCreated(PropertiesOf(thread, thread.Topic), await scene.People([.. scene.Members.Where(member => member.RemovedOn is null).Select(member => member.Person)], cancel))
            {
                ThreadId = thread.PublicId, Version = at, By = await scene.Person(by, cancel), Audience = audience,
            },
        ];

    private static async ValueTask<ChatHappening> Changed(Scene scene, ChatThread thread, string topic, SubjectRef by, long at, CancellationToken cancel) =>
        new ChatHappening.ThreadChanged(PropertiesOf(thread, topic)) { ThreadId = thread.PublicId, Version = at, By = await scene.Person(by, cancel), Audience = [.. scene.Present()] };

    private static ChatThreadProperties PropertiesOf(ChatThread thread, string topic) => new(topic, thread.CreatedOn, thread.Metadata, thread.DeleteAfterDays);

    /// <summary>Who of those asked for sees a message: who was in the thread when it arrived, or has the history.</summary>
    private async ValueTask<IReadOnlyList<SubjectRef>> Seeing(Scene scene, long messageId, CancellationToken cancel)
    {
        var seeing = new List<SubjectRef>();
        foreach (var member in scene.Members)
        {
            if (scene.IsAsked(member.Person))
            {
                var (first, last) = await _store.VisibleTo(scene.Home, member, cancel);
                if (messageId >= first && messageId <= last)
                {
                    seeing.Add(member.Person);
                }
            }
        }

        return seeing;
    }

    private async ValueTask<IReadOnlyList<ChatParticipant>> Members(Home home, Ref<ChatThread> thread, CancellationToken cancel)
    {
        if (_members.TryGet((home.Geography, thread.Value), out var known) && home.Store.Feed.IsCurrent)
        {
            return known;
        }

        _watch.On(home, Drop, Forget);
        var version = _members.Version;
        var read = await home.Store.Range<ChatParticipant>(thread).Open(cancel);
        _members.AddUnlessDropped((home.Geography, thread.Value), read, version);
        return read;
    }

    private async ValueTask<ChatThread?> Thread(Home home, Ref<ChatThread> thread, CancellationToken cancel)
    {
        if (_threads.TryGet((home.Geography, thread.Value), out var known) && home.Store.Feed.IsCurrent)
        {
            return known;
        }

        _watch.On(home, Drop, Forget);
        var version = _threads.Version;
        if (await home.Store.Get<ChatThread>([thread], cancel) is not { } read)
        {
            return null;
        }

        _threads.AddUnlessDropped((home.Geography, thread.Value), read, version);
        return read;
    }

    private void Drop(Geography geography, FeedEntry entry)
    {
        if (entry.Kind.ClrType == typeof(ChatParticipant))
        {
            _members.Drop((geography, entry.Key[0].Number));
        }
        else if (entry.Kind.ClrType == typeof(ChatThread))
        {
            _members.Drop((geography, entry.Key[0].Number));
            _threads.Drop((geography, entry.Key[0].Number));
        }
    }

    /// <summary>A thread's people, as one happening meets them.</summary>
    private sealed record Scene(Home Home, IReadOnlyList<ChatParticipant> Members, Func<SubjectRef, bool> IsAsked)
    {
        /// <summary>Who of those asked for is in the thread now.</summary>
        public IEnumerable<SubjectRef> Present() => Members.Where(member => member.RemovedOn is null && IsAsked(member.Person)).Select(member => member.Person);

        /// <summary>Who of those asked for came by a message; null is the beginning of the thread.</summary>
        public IReadOnlyList<SubjectRef> From(Guid? coming) => [.. Members.Where(member => member.AddedBy == coming && member.RemovedOn is null && IsAsked(member.Person)).Select(member => member.Person)];

        public async ValueTask<ChatPerson> Person(SubjectRef person, CancellationToken cancel) =>
            await Home.Resolve(Identifier.CommunicationUser, person, cancel) is { } id ? PersonOf(person, id) : new ChatPerson(CommunicationIdentifier.ErasedIdOf(Home.ResourceId), null);

        /// <summary>People by their ids, leaving out who was erased.</summary>
        public async ValueTask<IReadOnlyList<ChatPerson>> People(IReadOnlyList<SubjectRef> people, CancellationToken cancel)
        {
            var ids = await Home.Resolve(Identifier.CommunicationUser, people, cancel);
            var found = new List<ChatPerson>(people.Count);
            foreach (var person in people)
            {
                if (ids.TryGetValue(person, out var id))
                {
                    found.Add(PersonOf(person, id));
                }
            }

            return found;
        }

        private ChatPerson PersonOf(SubjectRef person, string id)
        {
            var member = Members.FirstOrDefault(member => member.Person == person);
            return new ChatPerson(id, member?.DisplayName) { Subject = person, ShareHistoryTime = member?.ShareHistoryTime, Metadata = member?.Metadata };
        }
    }
}
