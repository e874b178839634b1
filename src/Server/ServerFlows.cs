using Domicile.Residency;

namespace Domicile.Server;

/// <summary>What leaves a server because it is one.</summary>
internal static class ServerFlows
{
    private const string Caller = "whoever asks, by asking";

    /// <summary>The flows.</summary>
    public static IReadOnlyList<EgressFlow> All { get; } =
    [
        new(
            "answers of a resource",
            "what the caller may read there: messages, names, identifiers, tokens; over TLS",
            "the application or user who asked, wherever they are; through a front that passes TLS on unopened",
            "the customer, who gives out keys and tokens; then " + Caller)
        { Crosses = Crossing.Geography, IsByDefault = true, Through = [typeof(Listeners), typeof(ReplyWriter), typeof(ProxyProtocol)] },
        new("the certificate of a resource's host", "the host name, which names resource and geography", "whoever connects and names that host", "the operator, who chooses host names")
        { Crosses = Crossing.Geography, IsByDefault = true },
        new("the refusal of a stranger's host (421)", "nothing but that the host is not served here", Caller, "nobody; it is fixed")
        { Crosses = Crossing.Geography, IsByDefault = true },
        new("what a network sees of a connection", "client address, server name, times and sizes", "every network between client and server, a front included", Caller)
        { Crosses = Crossing.Geography, IsByDefault = true },
        new("what a name service sees", "the host name that a client looks up", "the client's name service and the operator's zone; the server itself looks nothing up", "the client")
        { Crosses = Crossing.Geography, IsByDefault = true },
        new(
            "answers of the administration",
            "resources, their keys, ids of users, inventory, results of checks; over TLS",
            "the administrator who asked; the origin listens on loopback unless configured otherwise",
            "the operator, who configures where it listens and holds the credential")
        { Crosses = Crossing.Machine, IsByDefault = false },
        Telemetry.Flow,
        new("log lines", "names of operations and geographies, counts, times; no identifier, no content, no address", "standard output and error, and what the operator connects to them", "the operator")
        { Crosses = Crossing.Process, IsByDefault = true },
        new("files for the operator", "the credential, the authority of development, connection strings of development", "admin.json, ca.pem and connection-strings.json in the data directory", "the operator")
        { Crosses = Crossing.Process, IsByDefault = true, Through = [typeof(NodeFiles), typeof(ConnectionStringsFile)] },
    ];
}
