using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Realtime;

/// <summary>What happens in chat, told to those who are looking, by the protocol of the ACS clients. It keeps nothing.</summary>
public sealed class RealtimeModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue)
    {
        // Nothing is at rest.
    }

    /// <inheritdoc/>
    public IEnumerable<EgressFlow> Flows =>
    [
        new(
            "realtime events",
            "what happens in the threads of the user who is connected: messages, names, ids, topics; over TLS",
            "the client of a user with a token, for as long as the token is good",
            "the customer, who gives out tokens; then the user, who connects")
        { Crosses = Crossing.Geography, IsByDefault = true, Through = [typeof(SocketConnection), typeof(PollConnection)] },
    ];

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton(Departures.Disconnected)
        .AddSingleton<Tickets>()
        .AddSingleton<RealtimeConnections>()
        .AddSingleton<RealtimeEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<RealtimeEndpoints>().Operations();

    /// <summary>Hands the module the scale units that the node serves, once they are open, by the homes of their own records.</summary>
    public static Task Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits, CancellationToken cancel) =>
        services.GetRequiredService<RealtimeConnections>().Prepare(scaleUnits, cancel);

    /// <summary>Begins to look after connections. When the node stops, they are ended in order.</summary>
    public static void Start(IServiceProvider services, CancellationToken stopping) => services.GetRequiredService<RealtimeConnections>().Start(stopping);
}
