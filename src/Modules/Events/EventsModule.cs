using Domicile.Modules.Http;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Events;

/// <summary>What happens in a resource, told to the customer's systems: subscriptions, what waits for them, what could not be delivered.</summary>
public sealed class EventsModule : IModule
{
    /// <inheritdoc/>
    public IEnumerable<EgressFlow> Flows { get; } =
    [
        new(
            "events to a customer's system",
            "what happens in a resource, as its subscription asks for it: ids of people and threads, names, what was written; over TLS that is verified",
            "the target of an event subscription, whose host name is looked up; a public address unless outbound.allowedNetworks names its network",
            "whoever owns the resource, who makes the subscription and declares the target's geography; one outside, or nowhere, needs a reason and is audited; the target consents first")
        { Crosses = Crossing.Geography, IsByDefault = false, Through = [typeof(OutboundClient)] },
    ];

    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue
        .Add<EventSubscriber>(EventRecords.Default)
        .Add<EventSubscription>(EventRecords.Default)
        .Add<EventNotice>(EventRecords.Default)
        .Add<EventDelivery>(EventRecords.Default)
        .Add<DeadLetterDay>(EventRecords.Default)
        .Add<DeadLetter>(EventRecords.Default)
        .Add<EventTally>(EventRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services)
    {
        foreach (var type in ChatEvents.Types)
        {
            services.AddSingleton(type);
        }

        services
            .AddSingleton(provider => new OutboundClient(provider.GetService<OutboundRules>() ?? new OutboundRules()))
            .AddSingleton<EventDispatch>()
            .AddSingleton<Handshake>()
            .AddSingleton<SubscriptionEndpoints>()
            .AddSingleton<DeadLetterEndpoints>();
    }

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) =>
    [
        .. services.GetRequiredService<SubscriptionEndpoints>().Operations(),
        .. services.GetRequiredService<DeadLetterEndpoints>().Operations(),
    ];

    /// <summary>Hands the module the scale units that the node serves, by the homes of their own records.</summary>
    public static void Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits) => services.GetRequiredService<EventDispatch>().Prepare(scaleUnits);

    /// <summary>Begins to tell events in the background. It ends with the services.</summary>
    public static void Start(IServiceProvider services) => services.GetRequiredService<EventDispatch>().Start();
}
