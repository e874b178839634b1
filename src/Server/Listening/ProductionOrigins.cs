using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>Origins in production: a resource's host is its name below its geography's domain, on 443; the listeners are the configuration's.</summary>
internal sealed class ProductionOrigins(ServeOptions options) : IResourceOrigins
{
    /// <inheritdoc/>
    public (string? Authority, Problem? Problem) Assign(Geography geography, string name)
    {
        var host = $"{name}.{options.Geographies[geography].Domain}";
        return host == options.Geographies[geography].Administration.Name
            ? (null, new Problem("/problems/administration/reserved-name", 400, "That name is the administration origin's. Choose another.") { Target = "name" })
            : (host, null);
    }

    /// <inheritdoc/>
    public void Close(string authority)
    {
        // Nothing listens for one host alone: once its record is gone, the host is answered with 421.
    }
}
