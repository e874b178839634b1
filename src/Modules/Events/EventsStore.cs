using Dapper;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>The queries of the module that are no look-up by key.</summary>
internal static class EventsStore
{
    /// <summary>Lanes in one answer at most.</summary>
    public const int LanesMax = 5_000;

    /// <summary>Along the primary key.</summary>
    private const string Lanes =
        """
        SELECT lane AS Lane, count(*) AS Waiting FROM events_delivery
        WHERE resource = @resource AND subscription = @subscription AND lane > @after GROUP BY lane ORDER BY lane LIMIT @take
        """;

    /// <summary>Along the primary key.</summary>
    private const string Numbers =
        """
        SELECT number FROM events_delivery
        WHERE resource = @resource AND subscription = @subscription AND lane = @lane AND number > @after ORDER BY number LIMIT @take
        """;

    private const string Waiting = "SELECT count(*) FROM (SELECT 1 FROM events_delivery WHERE resource = @resource AND subscription = @subscription LIMIT @most) AS bounded";

    private const string Dead = "SELECT count(*) FROM (SELECT 1 FROM events_deadletter WHERE resource = @resource AND subscription = @subscription LIMIT @most) AS bounded";

    /// <summary>Along the index by subscription.</summary>
    private const string DeadKeys =
        """
        SELECT day AS Day, number AS Number FROM events_deadletter
        WHERE resource = @resource AND subscription = @subscription AND number > @after ORDER BY number LIMIT @take
        """;

    /// <summary>The lanes in which something waits for a subscription, in order.</summary>
    public static ValueTask<List<LaneRow>> LanesAfter(Home home, Ref<EventSubscription> subscription, long after, CancellationToken cancel) =>
        Query<LaneRow>(home, Lanes, new { resource = home.Resource.Number, subscription = subscription.Value, after, take = LanesMax }, cancel);

    /// <summary>The numbers of what waits in a lane, in order.</summary>
    public static ValueTask<List<long>> NumbersAfter(Home home, Ref<EventSubscription> subscription, long lane, long after, int take, CancellationToken cancel) =>
        Query<long>(home, Numbers, new { resource = home.Resource.Number, subscription = subscription.Value, lane, after, take }, cancel);

    /// <summary>How many records wait for a subscription.</summary>
    public static ValueTask<long> CountWaiting(Home home, Ref<EventSubscription> subscription, CancellationToken cancel) =>
        Count(home, Waiting, subscription, EventLimits.WaitingMax, cancel);

    /// <summary>How many dead letters a subscription has.</summary>
    public static ValueTask<long> CountDead(Home home, Ref<EventSubscription> subscription, CancellationToken cancel) =>
        Count(home, Dead, subscription, EventLimits.DeadLettersMax, cancel);

    /// <summary>The dead letters of a subscription, in the order in which they died.</summary>
    public static ValueTask<List<DeadKey>> DeadAfter(Home home, Ref<EventSubscription> subscription, long after, int take, CancellationToken cancel) =>
        Query<DeadKey>(home, DeadKeys, new { resource = home.Resource.Number, subscription = subscription.Value, after, take }, cancel);

    private static ValueTask<long> Count(Home home, string sql, Ref<EventSubscription> subscription, int most, CancellationToken cancel) =>
        home.Store.Query(
            async (connection, cancel) => await connection.ExecuteScalarAsync<long>(
                new CommandDefinition(sql, new { resource = home.Resource.Number, subscription = subscription.Value, most = most + 1 }, cancellationToken: cancel)),
            cancel);

    private static ValueTask<List<T>> Query<T>(Home home, string sql, object parameters, CancellationToken cancel) =>
        home.Store.Query(async (connection, cancel) => (await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancel))).AsList(), cancel);
}

/// <summary>A lane and how much waits in it.</summary>
internal readonly record struct LaneRow
{
    public long Lane { get; init; }

    public long Waiting { get; init; }
}

/// <summary>Names a dead letter.</summary>
internal readonly record struct DeadKey
{
    public long Day { get; init; }

    public long Number { get; init; }
}
