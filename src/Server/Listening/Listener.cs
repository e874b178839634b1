using System.Net;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>An address that is listened on, and what is said there. Every connection accepted on it carries it as a feature.</summary>
/// <param name="Address">Address and port; port 0 takes a free one.</param>
internal sealed record Listener(IPEndPoint Address)
{
    /// <summary>The geography whose administration origin this is; null for an origin of resources.</summary>
    public Geography? Administration { get; init; }

    /// <summary>The name under which the administration origin may be asked for, beside loopback names and addresses.</summary>
    public string? AdministrationName { get; init; }

    /// <summary>The networks of the passthrough fronts, each of whose connections starts with a PROXY protocol header; empty when there is no front.</summary>
    public IReadOnlyList<IPNetwork> Fronts { get; init; } = [];
}
