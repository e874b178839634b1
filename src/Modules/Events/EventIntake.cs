using System.Buffers.Binary;
using System.Security.Cryptography;
using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>
/// Follows the change feed of one scale unit from where it was remembered, and hands to each subscription what it is to be told. The position is remembered as far as everything was told
/// or written down; what was told beyond it is told once more after a crash, under the same id, and what was written down beyond it is there already.
/// </summary>
internal sealed partial class EventIntake
{
    private const string Reader = "events";

    /// <summary>Records that one entry of the feed can make for one subscription: 12 bits of their numbers.</summary>
    private const int OrdinalBits = 12;

    /// <summary>Entries of the feed after which the position is written down although nothing was to be told.</summary>
    private const int RememberEvery = 5_000;

    private static readonly TimeSpan RememberAtLeast = TimeSpan.FromHours(1);
    private static readonly TimeSpan RememberAtMost = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan History = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BeyondLife = TimeSpan.FromDays(1);
    private readonly Home _own;
    private readonly EventBook _book;
    private readonly ChatHappenings _chat;
    private readonly EventEnvelope _envelope;
    private readonly EventWindow _window;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly RecordKind[] _first;
    private readonly RecordKind[] _kinds;
    private readonly Piecework<(Home Home, Ref<EventNotice> Notice, EventWindow.Entry Entry)> _told;
    private (FeedPosition Position, DateTimeOffset On) _remembered;
    private FeedPosition _at;
    private bool _hasNews;
    private CancellationToken _cancel;

    public EventIntake(Home own, EventBook book, ChatHappenings chat, EventEnvelope envelope, EventWindow window, TimeProvider clock, ILogger log)
    {
        (_own, _book, _chat, _envelope, _window, _clock, _log) = (own, book, chat, envelope, window, clock, log);
        var kinds = own.Administration!.Catalogue;
        _first = [kinds.Of<EventSubscriber>()];
        _kinds = [_first[0], kinds.Of<EventSubscription>(), kinds.Of<EventNotice>(), kinds.Of<ChatThread>(), kinds.Of<ChatParticipant>(), kinds.Of<ChatMessage>(), kinds.Of<ChatThreadDeletion>()];
        _told = new(Remove);
    }

    private Feed Feed => _own.Store.Feed;

    /// <summary>The place in the feed of the entry from which a record was made.</summary>
    public static long PositionOf(long number) => number >> OrdinalBits;

    /// <summary>Goes on until it is stopped.</summary>
    public async Task Run(WakeUp wake, CancellationToken cancel)
    {
        _cancel = cancel;
        _at = await Begin(cancel);
        _window.Read = _at.Number;
        _remembered = (_at, _clock.GetUtcNow());
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var typing = Task.Run(() => Listen(listening.Token), CancellationToken.None);
        try
        {
            while (true)
            {
                cancel.ThrowIfCancellationRequested();
                var next = wake.Next();
                var isIdle = _book.IsEmpty;
                if (await Feed.Read(_at, isIdle ? _first : _kinds, cancel) is not var (entries, through))
                {
                    await Resync(cancel);
                    continue;
                }

                if (isIdle && entries.Count > 0)
                {
                    // From the first subscription on everything counts: what comes after it is read again.
                    entries = [entries[0]];
                    through = _at with { Number = entries[0].Position };
                }

                _hasNews |= entries.Count > 0;
                await Take(entries, cancel);
                _window.Read = through.Number;
                var isMore = through != _at;
                _at = through;
                await Remember(cancel);
                if (!isMore)
                {
                    await next.WaitAsync(_hasNews ? RememberAtMost : LookAgain, _clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
        finally
        {
            await listening.CancelAsync();
            await typing;
        }
    }

    /// <summary>Ends, when nothing is told any more.</summary>
    /// <param name="remembers">Whether it is remembered how far everything was told; else another node does.</param>
    public async Task End(bool remembers)
    {
        await _told.Ended;
        if (!remembers || !_hasNews || _window.Through is var through && through <= _remembered.Position.Number)
        {
            return;
        }

        try
        {
            await Feed.Remember(Reader, _at with { Number = through }, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // Told once more, then.
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
        if (_book.IsEmpty)
        {
            // One that was made while the end was looked for would be missed otherwise.
            await _book.Load(cancel);
        }

        return _book.IsEmpty ? end : end with { Number = 0 };
    }

    /// <summary>
    /// Writes down how far everything was told, soon after it was. While nobody is told anything, nothing is written; then also when nothing was to be told, because a position that is
    /// too old would be taken for a gap.
    /// </summary>
    private async Task Remember(CancellationToken cancel)
    {
        var now = _clock.GetUtcNow();
        var (through, since) = (_window.Through, now - _remembered.On);
        var ahead = through - _remembered.Position.Number;
        var isDue = _hasNews ? since >= RememberAtMost || since < TimeSpan.Zero : !_book.IsEmpty && (ahead >= RememberEvery || since >= RememberAtLeast);
        if (ahead <= 0 || !isDue)
        {
            return;
        }

        try
        {
            await Feed.Remember(Reader, _at with { Number = through }, cancel);
            _hasNews &= through != _at.Number || through != _window.Read;
        }
        catch (StoreUnavailableException)
        {
            LogNotRemembered(_own.Geography.Name);
        }

        _remembered = (_at with { Number = through }, now);
    }

    /// <summary>Entries were missed. What was published is there as a record; what happened in chat meanwhile is not told.</summary>
    private async Task Resync(CancellationToken cancel)
    {
        // Positions of another history mean nothing in this one: nothing of the old one may be open.
        await _book.WriteDown();
        await _told.Ended;
        var end = await Feed.End(cancel);
        _chat.Forget();
        await _book.Load(cancel);
        LogMissed(_own.Geography.Name);
        (_at, _window.Read, _hasNews) = (end, end.Number, true);
        var number = end.Number << OrdinalBits;
        foreach (var home in _book.Homes)
        {
            ColumnValue? after = null;
            while (await home.Store.Range<EventNotice>().After(after).Open(cancel) is { Count: > 0 } notices)
            {
                foreach (var notice in notices)
                {
                    await Take(home, notice, end.Number, number++, cancel);
                }

                after = notices[^1].Key;
            }
        }

        await Feed.Remember(Reader, end, cancel);
        _remembered = (end, _clock.GetUtcNow());
    }

    private async Task Take(IReadOnlyList<FeedEntry> entries, CancellationToken cancel)
    {
        var said = new List<FeedEntry>();
        Home? of = null;
        foreach (var entry in entries)
        {
            var type = entry.Kind.ClrType;
            var home = type == typeof(EventSubscriber) ? null : _book.HomeOf(entry.Resource);
            if (said.Count > 0 && (home != of || said.Count == EventLimits.EntriesAtOnce || type == typeof(EventSubscription) || type == typeof(EventNotice)))
            {
                await Take(of!, said, cancel);
                said.Clear();
            }

            of = home;
            if (type == typeof(EventSubscriber))
            {
                if (entry.Change == Change.Inserted)
                {
                    await _book.Add(GuidOf(entry.Key[0]), cancel);
                }
            }
            else if (home is null)
            {
                continue;
            }
            else if (type == typeof(EventSubscription))
            {
                await _book.Read(entry.Resource, cancel);
                if (entry.Change == Change.Deleted)
                {
                    await RemoveDeadLetters(home, nameof(DeadLetter.Subscription), entry.Key[0], cancel);
                }
            }
            else if (type == typeof(EventNotice))
            {
                if (entry.Change == Change.Inserted && await home.Store.Get<EventNotice>([entry.Key[0]], cancel) is { } notice)
                {
                    await Take(home, notice, entry.Position, entry.Position << OrdinalBits, cancel);
                }
            }
            else
            {
                said.Add(entry);
            }
        }

        if (said.Count > 0)
        {
            await Take(of!, said, cancel);
        }
    }

    /// <summary>Hands on what happened in the chat of a resource.</summary>
    private async Task Take(Home home, List<FeedEntry> entries, CancellationToken cancel)
    {
        var targets = _book.TargetsOf(home.Resource.Number);
        foreach (var entry in entries.Where(entry => entry.Kind.ClrType == typeof(ChatThread) && entry.Change == Change.Deleted))
        {
            await RemoveDeadLetters(home, nameof(DeadLetter.Lane), entry.Key[0], cancel);
        }

        if (targets.Count > 0)
        {
            var meanings = await Meanings(home, entries, cancel);
            for (var i = 0; i < entries.Count; i++)
            {
                if (meanings[i].Count > 0)
                {
                    await Take(home, targets, entries[i], meanings[i], cancel);
                }
            }
        }

        _window.Read = entries[^1].Position;
        await Remember(cancel);
    }

    private async ValueTask<IReadOnlyList<IReadOnlyList<ChatHappening>>> Meanings(Home home, List<FeedEntry> entries, CancellationToken cancel)
    {
        try
        {
            return await _chat.Of(home, entries, static _ => true, cancel);
        }
        catch (SealBrokenException) when (entries.Count == 1)
        {
            LogBroken(_own.Geography.Name, entries[0].Kind.Name);
            return [[]];
        }
        catch (SealBrokenException)
        {
            // One of them was altered where it lies. The others are told all the same.
            var each = new List<IReadOnlyList<ChatHappening>>(entries.Count);
            foreach (var entry in entries)
            {
                each.AddRange(await Meanings(home, [entry], cancel));
            }

            return each;
        }
    }

    private async ValueTask Take(Home home, IReadOnlyList<EventTarget> targets, FeedEntry entry, IReadOnlyList<ChatHappening> happenings, CancellationToken cancel)
    {
        var open = await Open(entry.Position, null, cancel);
        for (var ordinal = 0; ordinal < happenings.Count; ordinal++)
        {
            // To whoever comes into a thread it is new; that it was created is told once. What was moved in is history, which nobody is told of.
            var happening = happenings[ordinal];
            if ((happening is ChatHappening.ThreadCreated && entry.Kind.ClrType != typeof(ChatThread)) || entry.At - happening.At > History)
            {
                continue;
            }

            var isDeletion = happening is ChatHappening.ThreadDeleted;
            if (ChatEvents.MatterOf(happening, isDeletion ? 0 : entry.Key[0].Number) is not var (matter, about))
            {
                continue;
            }

            var content = new EventContent { At = happening.At, Id = IdOf(home, _at.Epoch, entry.Position, ordinal), Parts = [], Chat = matter };
            foreach (var target in targets)
            {
                if (entry.At < target.Subscription.CreatedOn)
                {
                    continue;
                }

                var parts = await PartsFor(home, target.Subscription, content, happening.By.Subject, about, happening.Audience, cancel);
                for (var (from, piece) = (0, 0); from < parts.Count; from += EventLimits.PartsMax, piece++)
                {
                    var number = (entry.Position << OrdinalBits) | (long)((ordinal << (OrdinalBits - 4)) + piece);
                    var some = parts.Count <= EventLimits.PartsMax ? parts : parts.GetRange(from, Math.Min(EventLimits.PartsMax, parts.Count - from));
                    await target.Take(DeliveryOf(target, entry.Key[0].Number, number, happening.By.Subject, content with { Parts = some }), open, cancel);
                }
            }
        }

        open.Done();
    }

    /// <summary>An entry begins to be told, once there is room for it.</summary>
    private async ValueTask<EventWindow.Entry> Open(long position, Action<EventWindow.Entry>? last, CancellationToken cancel)
    {
        while (_window.IsFull)
        {
            await Task.Delay(RememberAtMost, TimeProvider.System, cancel);
            await Remember(cancel);
        }

        return _window.Begin(position, last);
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
                parts.Add(new EventPart(inThread, SubjectRef.None, whom));
            }

            if (EventFilter.Wants(subscription, perUser))
            {
                parts.AddRange(audience.Select(recipient => new EventPart(perUser!, recipient, whom)));
            }
        }

        if (parts.Count > 0 && EventFilter.LooksAtSubjects(subscription))
        {
            var people = await _envelope.People(home, content, by, parts, cancel);
            parts.RemoveAll(part => !EventFilter.WantsSubject(subscription, EventEnvelope.SubjectOf(content, part, people)));
        }

        return parts;
    }

    /// <summary>Hands on what a module published. It is taken away when everybody was told.</summary>
    private async Task Take(Home home, EventNotice notice, long position, long number, CancellationToken cancel)
    {
        var open = await Open(position, entry => _told.Add((home, notice.Key, entry)), cancel);
        foreach (var target in _book.TargetsOf(home.Resource.Number))
        {
            var subscription = target.Subscription;
            var isWanted = notice.Only.Value != 0
                ? notice.Only == subscription.Key
                : notice.At >= subscription.CreatedOn && notice.Content.Parts.All(part => EventFilter.Wants(subscription, part.Type)) && EventFilter.WantsSubject(subscription, notice.Content.Subject ?? "");
            if (isWanted)
            {
                await target.Take(DeliveryOf(target, notice.Lane, number, notice.Person, notice.Content), open, cancel);
            }
        }

        open.Done();
        _window.Read = position;
    }

    /// <summary>Takes away what was published and told to everybody; until it has, it is told again after a crash.</summary>
    private async Task<bool> Remove(IReadOnlyList<(Home Home, Ref<EventNotice> Notice, EventWindow.Entry Entry)> told)
    {
        foreach (var some in told.GroupBy(each => each.Home))
        {
            while (await TryCommit(some.Key, b =>
            {
                foreach (var (_, notice, _) in some)
                {
                    b.Delete<EventNotice>([notice]);
                }
            }) == StorageProblems.Unavailable)
            {
                if (_cancel.IsCancellationRequested)
                {
                    return false;
                }

                await Task.Delay(LookAgain, _clock, _cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        foreach (var (_, _, entry) in told)
        {
            entry.Close();
        }

        return true;
    }

    private async ValueTask<Problem?> TryCommit(Home home, Action<Batch> build)
    {
        try
        {
            return (await home.Store.Commit(build, CancellationToken.None)).Refused;
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            LogFault(fault.GetType().Name, home.Geography.Name);
            return StorageProblems.Unavailable;
        }
    }

    private EventDelivery DeliveryOf(EventTarget target, long lane, long number, SubjectRef by, EventContent content)
    {
        var now = _clock.GetUtcNow();
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
            await foreach (var signal in _own.Ephemeral.Listen(cancel))
            {
                try
                {
                    await Hear(signal, cancel);
                }
                catch (Exception fault) when (!cancel.IsCancellationRequested)
                {
                    LogFault(fault.GetType().Name, _own.Geography.Name);
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
        var targets = _book.TargetsOf(signal.Resource).Where(target => EventFilter.Wants(target.Subscription, inThread)).ToList();
        if (targets.Count == 0 || _book.HomeOf(signal.Resource) is not { } home)
        {
            return;
        }

        foreach (var happening in await _chat.Of(home, signal, _ => true, cancel))
        {
            if (happening is not ChatHappening.Typing || ChatEvents.MatterOf(happening, signal.Root) is not var (matter, _))
            {
                continue;
            }

            var content = new EventContent { At = happening.At, Id = RandomPieces.Uuid(), Parts = [new EventPart(inThread, SubjectRef.None, SubjectRef.None)], Chat = matter };
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

    [LoggerMessage(3714, LogLevel.Error, "{Geography}: a {Kind} does not open where it lies, and is not told to subscriptions")]
    private partial void LogBroken(string geography, string kind);

    [LoggerMessage(3713, LogLevel.Warning, "{Geography}: how far events were told could not be remembered; it is tried again")]
    private partial void LogNotRemembered(string geography);

    [LoggerMessage(3712, LogLevel.Warning, "{Geography}: a passing event could not be told ({Fault})")]
    private partial void LogFault(string fault, string geography);
}
