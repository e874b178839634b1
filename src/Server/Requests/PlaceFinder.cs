using System.Net;
using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.AspNetCore.Http;

namespace Domicile.Server;

/// <summary>Finds where a request is for: the resource of its host, or the administration origin of the port that it came to.</summary>
/// <param name="directory">Knows the resources that this node serves.</param>
/// <param name="isDevelopment">Whether every resource has its own loopback port, instead of its host name.</param>
internal sealed class PlaceFinder(IResourceDirectory directory, bool isDevelopment)
{
    /// <summary>Whether the request came to an administration origin.</summary>
    public static bool IsAdministration(HttpContext context) => context.Features.Get<Listener>() is { Administration: not null };

    /// <summary>Finds the place; one without a geography when there is none, which is answered with 421.</summary>
    public ValueTask<Place> Find(HttpContext context, CancellationToken cancel)
    {
        var host = context.Request.Host.Host;
        if (context.Features.Get<Listener>() is { Administration: { } administered } listener)
        {
            var isNamed = IsLoopbackName(host) || IPAddress.TryParse(host, out _) || host.Equals(listener.AdministrationName, StringComparison.OrdinalIgnoreCase);
            return new(isNamed && IsOfHandshake(context, administered) ? new Place(administered, null) : default);
        }

        if (isDevelopment)
        {
            // Another name for this machine is how a web page elsewhere would get its visitor's browser to talk to us (DNS rebinding).
            return IsLoopbackName(host) || IsLoopbackAddress(host)
                ? Found(directory.FindByPort(context.Connection.LocalPort, cancel), context)
                : default;
        }

        return host.Length == 0 ? default : Found(directory.FindByHost(host.ToLowerInvariant(), cancel), context);
    }

    private static async ValueTask<Place> Found(ValueTask<ServedResource?> finding, HttpContext context) =>
        await finding is { } resource && IsOfHandshake(context, resource.Home.Geography) ? new Place(resource.Home.Geography, resource) : default;

    // A connection that was opened for one geography's name carries no request for another's (RFC 9110 §7.4).
    private static bool IsOfHandshake(HttpContext context, Geography geography) =>
        context.Features.Get<ServedName>() is not { } served || served.Geography.Equals(geography);

    private static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    private static bool IsLoopbackAddress(string host) => IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);
}
