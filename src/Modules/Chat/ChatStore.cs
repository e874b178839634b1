using Dapper;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Finds threads, and runs the one query of Chat that is not a look-up by key.</summary>
internal sealed class ChatStore
{
    /// <summary>A person's threads by last activity. Memberships by person, joined with the heads, sorted: bounded by how many threads one person is in.</summary>
    private const string ThreadsOfPerson =
        """
        SELECT p.thread AS Thread, coalesce(h.arrival, 0) AS LastArrival
        FROM chat_participant p LEFT JOIN chat_message_head h ON h.parent = p.thread
        WHERE p.person = @person AND p.resource = @resource AND p.removed_on IS NULL
          AND coalesce(h.arrival, 0) >= @since
          AND (coalesce(h.arrival, 0), p.thread) < (@beforeArrival, @beforeThread)
        ORDER BY coalesce(h.arrival, 0) DESC, p.thread DESC
        LIMIT @take
        """;

    private readonly BoundedCache<(ResourceRef Resource, string PublicId), Ref<ChatThread>> _threads = new(32_768);
    private readonly BoundedCache<(Geography Geography, Ref<ChatThread> Thread), bool> _deleted = new(65_536);
    private readonly BoundedCache<Guid, long> _arrivals = new(16_384);
    private readonly FeedWatch _watch = new();

    /// <summary>A thread by the id that requests name; null when the resource has none such.</summary>
    public async ValueTask<Ref<ChatThread>?> Find(Home home, string publicId, CancellationToken cancel)
    {
        if (_threads.TryGet((home.Resource, publicId), out var known) && home.Store.Feed.IsCurrent)
        {
            return _deleted.TryGet((home.Geography, known), out _) ? null : known;
        }

        _watch.On(home, Changed, _threads.Clear);
        if (await home.Store.Lookup<ChatThread>(nameof(ChatThread.PublicId), ColumnValue.Of(publicId), 1, cancel) is not [var thread])
        {
            return null;
        }

        // Added even when it is being deleted at this moment: the tombstone is looked at first.
        _threads.Add((home.Resource, publicId), thread.Key);
        return _deleted.TryGet((home.Geography, thread.Key), out _) ? null : thread.Key;
    }

    /// <summary>The threads that a person is in, by last activity, from the latest.</summary>
    /// <param name="home">The resource.</param>
    /// <param name="person">The person.</param>
    /// <param name="since">Only threads with activity from this instant on.</param>
    /// <param name="before">Only what comes after this one in the list.</param>
    /// <param name="take">Threads at most.</param>
    /// <param name="cancel">Gives up.</param>
    public static ValueTask<List<ThreadActivity>> ThreadsOf(
        Home home, SubjectRef person, DateTimeOffset? since, ThreadActivity? before, int take, CancellationToken cancel) =>
        home.Store.Query(
            async (connection, cancel) => (await connection.QueryAsync<ThreadActivity>(new CommandDefinition(
                ThreadsOfPerson,
                new
                {
                    person = person.Value,
                    resource = home.Resource.Number,
                    since = since?.ToUnixTimeMilliseconds() ?? 0,
                    beforeArrival = before?.LastArrival ?? long.MaxValue,
                    beforeThread = before?.Thread ?? long.MaxValue,
                    take,
                },
                cancellationToken: cancel))).AsList(),
            cancel);

    /// <summary>
    /// Which messages of a thread someone sees: the first and last instant of arrival. Coming and going are placed among the messages by the message that
    /// tells of them, not by a clock, because in a burst arrivals run ahead of it.
    /// </summary>
    public async ValueTask<(long First, long Last)> VisibleTo(Home home, ChatParticipant person, CancellationToken cancel)
    {
        var first = person.ShareHistoryTime is { } shared ? shared.ToUnixTimeMilliseconds()
            : person.AddedBy is { } coming ? await ArrivalOf(home, person.Thread, coming, person.AddedOn, cancel)
            : 0;
        var last = person is { RemovedOn: { } left, RemovedBy: { } going } ? await ArrivalOf(home, person.Thread, going, left, cancel) - 1 : long.MaxValue;
        return (first, last);
    }

    /// <summary>Where a message lies that arrived at or soon after an instant. It never moves, so it is remembered.</summary>
    private async ValueTask<long> ArrivalOf(Home home, Ref<ChatThread> thread, Guid sealId, DateTimeOffset from, CancellationToken cancel)
    {
        if (_arrivals.TryGet(sealId, out var known))
        {
            return known;
        }

        var after = from.ToUnixTimeMilliseconds() - 1;
        while (await home.Store.Range<ChatMessage>(thread).After(after).Take(ChatLimits.Page).Open(cancel) is { Count: > 0 } page)
        {
            if (page.Find(message => message.SealId == sealId) is { } found)
            {
                _arrivals.Add(sealId, found.Id);
                return found.Id;
            }

            after = page[^1].Id;
        }

        return from.ToUnixTimeMilliseconds();
    }

    private void Changed(Geography geography, FeedEntry entry)
    {
        if (entry.Change == Change.Deleted && entry.Kind.ClrType == typeof(ChatThread))
        {
            _deleted.Add((geography, new Ref<ChatThread>(entry.Key[0].Number)), true);
        }
    }
}

/// <summary>A thread and its last message.</summary>
internal sealed record ThreadActivity
{
    /// <summary>The thread's key.</summary>
    public long Thread { get; init; }

    /// <summary>The id of its last message; 0 when it has none.</summary>
    public long LastArrival { get; init; }
}
