using System.Buffers.Binary;
using System.Security.Cryptography;
using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>
/// Follows the change feed of one scale unit from where it was remembered, and writes down for each subscription what it is to be told. What is written twice after a crash is
/// refused as being there already, or told once more, under the same id.
/// </summary>
internal sealed partial class EventIntake(Home own, EventBook book, ChatHappenings chat, EventEnvelope envelope, TimeProvider clock, ILogger log)
{
    private const string Reader = "events";

    /// <summary>Records that one entry of the feed can make for one subscription: 12 bits of their numbers.</summary>
    private const int OrdinalBits = 12;

    /// <summary>Entries of the feed after which the position is written down although nothing was to be told.</summary>
    private const int RememberEvery = 5_000;

    private static readonly TimeSpan RememberAtLeast = TimeSpan.FromHours(1);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan History = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BeyondLife = TimeSpan.FromDays(1);
    private readonly RecordKind[] _first = [own.Administration!.Catalogue.Of<EventSubscriber>()];
    private readonly RecordKind[] _kinds =
    [
        .. own.Administration!.Catalogue.Kinds.Where(kind =>
            kind.ClrType == typeof(EventSubscriber) || kind.ClrType == typeof(EventSubscription) || kind.ClrType == typeof(EventNotice)
            || kind.ClrType == typeof(ChatThread) || kind.ClrType == typeof(ChatParticipant) || kind.ClrType == typeof(ChatMessage) || kind.ClrType == typeof(ChatThreadDeletion)),
    ];

    private Feed Feed => own.Store.Feed;

    /// <summary>Goes on until it is stopped.</summary>
    public async Task Run(WakeUp wake, CancellationToken cancel)
    {
        var at = await Begin(cancel);
        var remembered = (Position: at, On: clock.GetUtcNow());
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var typing = Task.Run(() => Listen(listening.Token), CancellationToken.None);
        try
        {
            while (true)
            {
                cancel.ThrowIfCancellationRequested();
                var next = wake.Next();
                var isIdle = book.IsEmpty;
                if (await Feed.Read(at, isIdle ? _first : _kinds, cancel) is not var (entries, through))
                {
                    at = await Resync(cancel);
                    continue;
                }

                if (isIdle && entries.Count > 0)
                {
                    // From the first subscription on everything counts: what comes after it is read again.
                    entries = [entries[0]];
                    through = at with { Number = entries[0].Position };
                }

                await Take(entries, at.Epoch, cancel);
                if (through != at)
                {
                    // While nobody is told anything, nothing is written. Then also when nothing was to be told: a position that is too old would be taken for a gap.
                    var now = clock.GetUtcNow();
                    if (entries.Count > 0 || (!isIdle && (through.Number - remembered.Position.Number >= RememberEvery || now - remembered.On >= RememberAtLeast)))
                    {
                        await Feed.Remember(Reader, through, cancel);
                        remembered = (through, now);
                    }

                    at = through;
                    continue;
                }

                await next.WaitAsync(LookAgain, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            await listening.CancelAsync();
            await typing;
        }
    }

    private async Task<FeedPosition> Begin(CancellationToken cancel)
    {
        if (await Feed.Recall(Reader, cancel) is { } remembered)
        {
            return remembered;
        }

        // Subscriptions that are there already were made before a position could be remembered: what each is told begins with itself.
        var end = await Feed.End(cancel);
        if (book.IsEmpty)
        {
            // One that was made while the end was looked for would be missed otherwise.
            await book.Load(cancel);
        }

        return book.IsEmpty ? end : end with { Number = 0 };
    }

    /// <summary>Entries were missed. What was published is there as a record; what happened in chat meanwhile is not told.</summary>
    private async Task<FeedPosition> Resync(CancellationToken cancel)
    {
        var end = await Feed.End(cancel);
        chat.Forget();
        await book.Load(cancel);
        LogMissed(own.Geography.Name);
        foreach (var home in book.Homes)
        {
            ColumnValue? after = null;
            while (await home.Store.Range<EventNotice>().After(after).Open(cancel) is { Count: > 0 } notices)
            {
                foreach (var notice in notices)
                {
                    await Take(home, notice, end.Number, cancel);
                }

                after = notices[^1].Key;
            }
        }

        await Feed.Remember(Reader, end, cancel);
        return end;
    }

    private async Task Take(IReadOnlyList<FeedEntry> entries, long epoch, CancellationToken cancel)
    {
        var pending = new List<(EventTarget Target, EventDelivery Delivery)>();
        Home? of = null;
        foreach (var entry in entries)
        {
            var type = entry.Kind.ClrType;
            if (type == typeof(EventSubscriber))
            {
                if (entry.Change == Change.Inserted)
                {
                    await book.Add(GuidOf(entry.Key[0]), cancel);
                }

                continue;
            }

            if (book.HomeOf(entry.Resource) is not { } home)
            {
                continue;
            }

            if (of is not null && of != home)
            {
                await Commit(of, pending, cancel);
                pending.Clear();
            }

            of = home;
            if (type == typeof(EventSubscription))
            {
                await Commit(home, pending, cancel);
                pending.Clear();
                await book.Read(entry.Resource, cancel);
                if (entry.Change == Change.Deleted)
                {
                    await RemoveDeadLetters(home, nameof(DeadLetter.Subscription), entry.Key[0], cancel);
                }
            }
            else if (type == typeof(EventNotice))
            {
                if (entry.Change == Change.Inserted && await home.Store.Get<EventNotice>([entry.Key[0]], cancel) is { } notice)
                {
                    await Commit(home, pending, cancel);
                    pending.Clear();
                    await Take(home, notice, entry.Position, cancel);
                }
            }
            else
            {
                if (type == typeof(ChatThread) && entry.Change == Change.Deleted)
                {
                    await RemoveDeadLetters(home, nameof(DeadLetter.Lane), entry.Key[0], cancel);
                }

                pending.AddRange(await OfChat(home, entry, epoch, cancel));
                if (pending.Count >= EventLimits.Piece)
                {
                    await Commit(home, pending, cancel);
                    pending.Clear();
                }
            }
        }

        if (of is not null)
        {
            await Commit(of, pending, cancel);
        }
    }

    private async Task<List<(EventTarget, EventDelivery)>> OfChat(Home home, FeedEntry entry, long epoch, CancellationToken cancel)
    {
        var made = new List<(EventTarget, EventDelivery)>();
        var targets = book.TargetsOf(entry.Resource);
        if (targets.Count == 0)
        {
            return made;
        }

        IReadOnlyList<ChatHappening> happenings = entry.Kind.ClrType == typeof(ChatThreadDeletion)
            ? entry.Change == Change.Inserted && await ChatHappenings.OfDeletion(home, entry, cancel) is { } deletion ? [deletion] : []
            : await chat.Of(home, entry, _ => true, cancel);
        foreach (var (ordinal, happening) in happenings.Index())
        {
            // To whoever comes into a thread it is new; that it was created is told once. What was moved in is history, which nobody is told of.
            if ((happening is ChatHappening.ThreadCreated && entry.Kind.ClrType != typeof(ChatThread)) || entry.At - happening.At > History)
            {
                continue;
            }

            var isDeletion = happening is ChatHappening.ThreadDeleted;
            if (ChatEvents.MatterOf(happening, isDeletion ? 0 : entry.Key[0].Number) is not var (matter, about))
            {
                continue;
            }

            var content = new EventContent { At = happening.At, Id = IdOf(home, epoch, entry.Position, ordinal), Parts = [], Chat = matter };
            foreach (var target in targets.Where(target => entry.At >= target.Subscription.CreatedOn))
            {
                var parts = await PartsFor(home, target.Subscription, content, happening.By.Subject, about, happening.Audience, cancel);
                foreach (var (piece, some) in parts.Chunk(EventLimits.PartsMax).Index())
                {
                    var number = (entry.Position << OrdinalBits) | (long)((ordinal << (OrdinalBits - 4)) + piece);
                    made.Add((target, DeliveryOf(target, entry.Key[0].Number, number, happening.By.Subject, content with { Parts = some })));
                }
            }
        }

        return made;
    }

    /// <summary>The events that a subscription wants to be told of what happened.</summary>
    private async ValueTask<List<EventPart>> PartsFor(
        Home home, EventSubscription subscription, EventContent content, SubjectRef by, IReadOnlyList<SubjectRef> about, IReadOnlyList<SubjectRef> audience, CancellationToken cancel)
    {
        var (perUser, inThread) = ChatEvents.TypesOf(content.Chat!.Kind);
        var parts = new List<EventPart>();
        foreach (var whom in about.Count == 0 ? [SubjectRef.None] : about)
        {
            if (EventFilter.Wants(subscription, inThread))
            {
                parts.Add(new EventPart(inThread!, SubjectRef.None, whom));
            }

            if (EventFilter.Wants(subscription, perUser))
            {
                parts.AddRange(audience.Select(recipient => new EventPart(perUser!, recipient, whom)));
            }
        }

        if (parts.Count > 0 && EventFilter.LooksAtSubjects(subscription))
        {
            var people = await envelope.People(home, content, by, parts, cancel);
            parts.RemoveAll(part => !EventFilter.WantsSubject(subscription, EventEnvelope.SubjectOf(content, part, people)));
        }

        return parts;
    }

    /// <summary>Hands on what a module published, in the batch that takes it away.</summary>
    private async Task Take(Home home, EventNotice notice, long position, CancellationToken cancel)
    {
        var deliveries = new List<(EventTarget Target, EventDelivery Delivery)>();
        foreach (var target in book.TargetsOf(home.Resource.Number))
        {
            var subscription = target.Subscription;
            var isWanted = notice.Only.Value != 0
                ? notice.Only == subscription.Key
                : notice.At >= subscription.CreatedOn && notice.Content.Parts.All(part => EventFilter.Wants(subscription, part.Type)) && EventFilter.WantsSubject(subscription, notice.Content.Subject ?? "");
            if (isWanted)
            {
                deliveries.Add((target, DeliveryOf(target, notice.Lane, position << OrdinalBits, notice.Person, notice.Content)));
            }
        }

        var accepted = Accepted(deliveries);
        var outcome = await home.Store.Commit(
            b =>
            {
                b.Delete<EventNotice>([notice.Key], StorageProblems.Missing);
                foreach (var (_, delivery) in accepted)
                {
                    b.Insert(delivery);
                }
            },
            cancel);
        if (outcome.Refused is null)
        {
            Offer(accepted);
        }
        else if (outcome.Refused == StorageProblems.Unavailable)
        {
            throw new StoreUnavailableException(outcome.Refused.Title);
        }
        else if (outcome.Refused != StorageProblems.Missing)
        {
            // Whom it is about was erased, or a subscription deleted at this moment: each for itself, then.
            await CommitReserved(home, accepted, cancel);
            await home.Store.Commit(b => b.Delete<EventNotice>([notice.Key]), cancel);
        }
    }

    private EventDelivery DeliveryOf(EventTarget target, long lane, long number, SubjectRef by, EventContent content)
    {
        var now = clock.GetUtcNow();
        return new EventDelivery
        {
            Subscription = target.Subscription.Key,
            Lane = lane,
            Number = number,
            Person = by,
            ExpiresOn = now.AddMinutes(target.Subscription.LifeMinutes) + BeyondLife,
            Content = content,
            QueuedOn = now,
        };
    }

    private static Task Commit(Home home, List<(EventTarget Target, EventDelivery Delivery)> pending, CancellationToken cancel) =>
        CommitReserved(home, Accepted(pending), cancel);

    private static async Task CommitReserved(Home home, List<(EventTarget Target, EventDelivery Delivery)> reserved, CancellationToken cancel)
    {
        foreach (var piece in reserved.Chunk(EventLimits.Piece))
        {
            var outcome = await home.Store.Commit(
                b =>
                {
                    foreach (var (_, delivery) in piece)
                    {
                        b.Insert(delivery);
                    }
                },
                cancel);
            if (outcome.Refused is null)
            {
                Offer(piece);
            }
            else if (outcome.Refused == StorageProblems.Unavailable)
            {
                throw new StoreUnavailableException(outcome.Refused.Title);
            }
            else if (piece.Length > 1)
            {
                // One of them is there already, or of somebody who was erased, or for a subscription that is gone.
                foreach (var one in piece)
                {
                    await CommitReserved(home, [one], cancel);
                }
            }
            else
            {
                piece[0].Target.Release();
            }
        }
    }

    /// <summary>What there is room for; the rest is counted.</summary>
    private static List<(EventTarget Target, EventDelivery Delivery)> Accepted(List<(EventTarget Target, EventDelivery Delivery)> deliveries)
    {
        var accepted = new List<(EventTarget, EventDelivery)>(deliveries.Count);
        foreach (var (target, delivery) in deliveries)
        {
            if (target.TryReserve())
            {
                accepted.Add((target, delivery));
            }
            else
            {
                target.Drop(delivery.Content.Parts.Count);
            }
        }

        return accepted;
    }

    private static void Offer(IEnumerable<(EventTarget Target, EventDelivery Delivery)> committed)
    {
        foreach (var (target, delivery) in committed)
        {
            target.Offer(delivery with { Version = 1 });
        }
    }

    private static async Task RemoveDeadLetters(Home home, string member, ColumnValue value, CancellationToken cancel)
    {
        while (await home.Store.Lookup<DeadLetter>(member, value, EventLimits.Piece, cancel) is { Count: > 0 } letters)
        {
            var outcome = await home.Store.Commit(
                b =>
                {
                    foreach (var letter in letters)
                    {
                        b.Delete<DeadLetter>([letter.Day, ColumnValue.Of(letter.Number)]);
                    }
                },
                cancel);
            if (outcome.Refused == StorageProblems.Unavailable)
            {
                throw new StoreUnavailableException(outcome.Refused.Title);
            }

            if (outcome.Refused is not null)
            {
                // A hold keeps them, until their day goes.
                return;
            }
        }
    }

    /// <summary>What is nowhere at rest, such as that someone is typing, is told while it happens.</summary>
    private async Task Listen(CancellationToken cancel)
    {
        try
        {
            await foreach (var signal in own.Ephemeral.Listen(cancel))
            {
                try
                {
                    await Hear(signal, cancel);
                }
                catch (Exception fault) when (!cancel.IsCancellationRequested)
                {
                    LogFault(fault.GetType().Name, own.Geography.Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async ValueTask Hear(EphemeralSignal signal, CancellationToken cancel)
    {
        var (_, inThread) = ChatEvents.TypesOf(ChatMatterKind.Typing);
        var targets = book.TargetsOf(signal.Resource).Where(target => EventFilter.Wants(target.Subscription, inThread)).ToList();
        if (targets.Count == 0 || book.HomeOf(signal.Resource) is not { } home)
        {
            return;
        }

        foreach (var happening in await chat.Of(home, signal, _ => true, cancel))
        {
            if (happening is not ChatHappening.Typing || ChatEvents.MatterOf(happening, signal.Root) is not var (matter, _))
            {
                continue;
            }

            var content = new EventContent { At = happening.At, Id = RandomPieces.Uuid(), Parts = [new EventPart(inThread!, SubjectRef.None, SubjectRef.None)], Chat = matter };
            foreach (var target in targets)
            {
                if (await PartsFor(home, target.Subscription, content with { Parts = [] }, happening.By.Subject, [], [], cancel) is { Count: > 0 } parts)
                {
                    target.TellPassing(content with { Parts = parts }, happening.By.Subject);
                }
            }
        }
    }

    private static Guid GuidOf(ColumnValue value) => new(value.Bytes!, bigEndian: true);

    /// <summary>The same for the same entry of the same feed, so that an event that is written down twice has one id.</summary>
    private static Guid IdOf(Home home, long epoch, long position, int ordinal)
    {
        Span<byte> bytes = stackalloc byte[36];
        home.ResourceId.TryWriteBytes(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], position);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[32..], ordinal);
        return new Guid(SHA256.HashData(bytes).AsSpan(0, 16));
    }

    [LoggerMessage(3711, LogLevel.Warning, "{Geography}: entries of the change feed were missed; what happened in chat meanwhile is not told to subscriptions")]
    private partial void LogMissed(string geography);

    [LoggerMessage(3712, LogLevel.Warning, "{Geography}: a passing event could not be told ({Fault})")]
    private partial void LogFault(string fault, string geography);
}
