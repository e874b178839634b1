using System.Net;

namespace Domicile.Server;

/// <summary>The administration origin of one geography.</summary>
internal sealed record AdministrationOptions
{
    [Setting("Where it is listened for. Each geography of a node has its own; loopback unless another machine administers.")]
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 8540);

    [Setting("The host name under which it is reached, which one of the geography's certificates has. Without it: admin.DOMAIN.", IsHostName = true, Example = "\"admin.europe.example.org\"")]
    public string? Name { get; init; }
}
