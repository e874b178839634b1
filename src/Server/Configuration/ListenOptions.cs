using System.Net;

namespace Domicile.Server;

/// <summary>One address that resources are listened for on.</summary>
internal sealed record ListenOptions
{
    [Setting("Address and port.", Example = "\"0.0.0.0:443\"")]
    public required IPEndPoint Address { get; init; }

    [Setting("The networks of the fronts that pass TLS through to this address. When given, each connection must come from one of them and start with a PROXY protocol header (version 1 or 2); without, such a header is not understood.", Example = "[\"10.20.0.0/24\"]")]
    public IReadOnlyList<IPNetwork> Fronts { get; init; } = [];
}
