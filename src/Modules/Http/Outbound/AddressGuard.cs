using System.Net;
using System.Net.Sockets;

namespace Domicile.Modules.Http.Outbound;

/// <summary>
/// Which addresses an outbound call may reach: those of the public internet, by the special-purpose registries of IANA (RFC 6890 and its successors), and what the operator
/// has named. An address that carries another one within it (mapped, translated, tunnelled) is never public: what it leads to is not for this node to guess.
/// </summary>
/// <param name="rules">What the operator has named.</param>
public sealed class AddressGuard(OutboundRules rules)
{
    private static readonly IPNetwork[] NotPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
            "fe80::/10", "fec0::/10", "ff00::/8",
        }.Select(text => IPNetwork.Parse(text)),
    ];

    /// <summary>Where clouds answer with a machine's own credentials; never reached, whatever was configured.</summary>
    private static readonly IPAddress[] Metadata =
    [
        .. new[] { "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254" }.Select(IPAddress.Parse),
    ];

    /// <summary>Whether a connection to the address is allowed.</summary>
    /// <param name="address">The address, as it was resolved.</param>
    /// <param name="port">The port.</param>
    public bool Allows(IPAddress address, int port)
    {
        // IPNetwork takes a mapped address for the one within it, and a name never leads to one.
        if (Metadata.Contains(address) || (address.IsIPv4MappedToIPv6 && Metadata.Contains(address.MapToIPv4())))
        {
            return false;
        }

        var isNamed = (rules.AllowsLoopback && (address.Equals(IPAddress.Loopback) || address.Equals(IPAddress.IPv6Loopback)))
            || rules.AllowedNetworks.Any(network => network.Contains(address));
        return isNamed
            ? rules.IsOwnPort?.Invoke(port) != true
            : address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6 && address.ScopeIdOrNone() == 0 && !NotPublic.Any(network => network.Contains(address));
    }
}

/// <summary>What the operator has said of outbound calls.</summary>
public sealed record OutboundRules
{
    /// <summary>Whether targets on the loopback addresses are allowed, over plain HTTP too: only in development.</summary>
    public bool AllowsLoopback { get; init; }

    /// <summary>Networks that are not public and are allowed all the same, because the operator's own systems are in them.</summary>
    public IReadOnlyList<IPNetwork> AllowedNetworks { get; init; } = [];

    /// <summary>Whether the node itself listens on a port. Such a port of an address that is not public is never reached: the node does not call itself.</summary>
    public Func<int, bool>? IsOwnPort { get; init; }
}

internal static class ScopedAddresses
{
    /// <summary>The zone of an IPv6 address; 0 for none.</summary>
    public static long ScopeIdOrNone(this IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? address.ScopeId : 0;
}
