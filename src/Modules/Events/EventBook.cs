using System.Collections.Concurrent;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Events;

/// <summary>The subscriptions of one scale unit, as whoever leads it knows them.</summary>
internal sealed class EventBook(Home own, EventEnvelope envelope, EventWindow window, OutboundClient client, TimeProvider clock, int waitingMax, ILogger log)
{
    private readonly ConcurrentDictionary<long, Page> _pages = new();

    /// <summary>Whether no resource has subscriptions: then only the first one matters.</summary>
    public bool IsEmpty => _pages.IsEmpty;

    /// <summary>Whether an entry of the feed may be something to tell. What is written down to be told is not.</summary>
    public bool Concerns(FeedEntry entry)
    {
        var type = entry.Kind.ClrType;
        return IsEmpty ? type == typeof(EventSubscriber) : type != typeof(EventDelivery) && type != typeof(EventTally);
    }

    /// <summary>Reads everything.</summary>
    public async Task Load(CancellationToken cancel)
    {
        ColumnValue? after = null;
        while (await own.Store.Range<EventSubscriber>().After(after).Open(cancel) is { Count: > 0 } subscribers)
        {
            foreach (var subscriber in subscribers)
            {
                await Add(subscriber.ResourceId, cancel);
            }

            after = subscribers[^1].ResourceId;
        }
    }

    /// <summary>A resource has subscriptions.</summary>
    public async Task Add(Guid resource, CancellationToken cancel)
    {
        if (await own.Administration!.Find(resource, cancel) is not { } home)
        {
            // The resource was removed, with everything in it.
            await own.Store.Commit(b => b.Delete<EventSubscriber>([resource]), cancel);
            return;
        }

        _pages.TryAdd(home.Resource.Number, new Page(home, []));
        await Read(home.Resource.Number, cancel);
    }

    /// <summary>The subscriptions of a resource changed.</summary>
    public async Task Read(long resource, CancellationToken cancel)
    {
        if (!_pages.TryGetValue(resource, out var page))
        {
            return;
        }

        var subscriptions = await page.Home.Store.Range<EventSubscription>().Take(EventLimits.SubscriptionsPerResource).Open(cancel);
        var targets = new List<EventTarget>();
        foreach (var target in page.Targets)
        {
            if (subscriptions.Any(subscription => subscription.Key == target.Subscription.Key && subscription.Version == target.Subscription.Version))
            {
                targets.Add(target);
            }
            else
            {
                // What it has in memory, the next one of the subscription finds as records.
                await target.Stop(writesDown: true);
                target.Dispose();
            }
        }

        foreach (var subscription in subscriptions.Where(subscription => subscription.State == SubscriptionState.Active && targets.All(target => target.Subscription.Key != subscription.Key)))
        {
            var target = new EventTarget(page.Home, subscription, envelope, window, client, clock, waitingMax, log);
            await target.Start(cancel);
            targets.Add(target);
        }

        _pages[resource] = page with { Targets = targets };
    }

    /// <summary>The home of a resource that has subscriptions; null for any other.</summary>
    public Home? HomeOf(long resource) => _pages.GetValueOrDefault(resource)?.Home;

    /// <summary>The subscriptions of a resource that are told.</summary>
    public IReadOnlyList<EventTarget> TargetsOf(long resource) => _pages.GetValueOrDefault(resource)?.Targets ?? [];

    /// <summary>The resources that have subscriptions.</summary>
    public IReadOnlyList<Home> Homes => [.. _pages.Values.Select(page => page.Home)];

    /// <summary>Writes down whatever is in memory, and waits until that is done.</summary>
    public Task WriteDown() => Task.WhenAll(Targets.Select(target => target.WriteDown()));

    /// <summary>Stops telling.</summary>
    /// <param name="writesDown">Whether what is in memory is written down.</param>
    public async Task Stop(bool writesDown)
    {
        await Task.WhenAll(Targets.Select(target => target.Stop(writesDown)));
        foreach (var target in Targets)
        {
            target.Dispose();
        }

        _pages.Clear();
    }

    private IEnumerable<EventTarget> Targets => _pages.Values.SelectMany(page => page.Targets);

    private sealed record Page(Home Home, IReadOnlyList<EventTarget> Targets);
}
