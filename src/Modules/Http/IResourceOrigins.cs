using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>
/// Gives resources their origins: in development a port of their own on loopback, in production a host name under their geography's domain.
/// </summary>
public interface IResourceOrigins
{
    /// <summary>Finds an authority (host, with the port unless it is 443) for a new resource, and begins to listen on it.</summary>
    /// <returns>The authority, or the problem that there is none.</returns>
    (string? Authority, Problem? Problem) Assign(Geography geography, string name);

    /// <summary>Stops to listen for a resource that is gone.</summary>
    void Close(string authority);
}
