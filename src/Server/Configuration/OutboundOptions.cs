using System.Net;

namespace Domicile.Server;

/// <summary>What a node may call by itself.</summary>
internal sealed record OutboundOptions
{
    [Setting("Networks that are not public and may be called all the same, because systems of the customers are in them. Addresses at which clouds answer with a machine's credentials are never called.", Example = "[\"10.20.0.0/16\"]")]
    public IReadOnlyList<IPNetwork> AllowedNetworks { get; init; } = [];
}
