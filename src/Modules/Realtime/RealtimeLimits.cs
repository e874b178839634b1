namespace Domicile.Modules.Realtime;

/// <summary>What one connection, one endpoint and one user may take.</summary>
internal static class RealtimeLimits
{
    /// <summary>Events that an endpoint may be behind, those that it has not answered included.</summary>
    public const int EventsBehind = 256;

    /// <summary>Bytes that an endpoint may be behind.</summary>
    public const int BytesBehind = 1024 * 1024;

    /// <summary>Bytes of one packet from a client; the largest that a client sends are its answers, of a few hundred.</summary>
    public const int PacketBytes = 16 * 1024;

    /// <summary>Bytes of one body of packets by long polling.</summary>
    public const int PollBody = 64 * 1024;

    /// <summary>Packets of a client in <see cref="PacketsWindow"/> that answer nothing; a client sends two in 40 s.</summary>
    public const int Packets = 2_000;

    /// <summary>Answers of ours that wait for a client to take them.</summary>
    public const int Replies = 64;

    /// <summary>Endpoints of one user.</summary>
    public const int EndpointsOfUser = 64;

    /// <summary>Used and unused ids of sockets that are remembered.</summary>
    public const int Tickets = 200_000;

    /// <summary>Characters of an endpoint's id.</summary>
    public const int EndpointCharacters = 64;

    /// <summary>Seconds that a connection lives.</summary>
    public const int ConnectionSeconds = 86_340;

    /// <summary>Seconds of silence after which a client gives up, as the handshake tells it; it pings every 40.</summary>
    public const int HeartbeatSeconds = 70;

    /// <summary>The window of <see cref="Packets"/>.</summary>
    public static readonly TimeSpan PacketsWindow = TimeSpan.FromSeconds(10);

    /// <summary>From the handshake to the socket.</summary>
    public static readonly TimeSpan TicketLife = TimeSpan.FromSeconds(60);

    /// <summary>How long an endpoint without a connection is remembered, with what it has not answered.</summary>
    public static readonly TimeSpan Away = TimeSpan.FromSeconds(120);

    /// <summary>Silence of a client after which its connection is taken for dead: two of its pings, and some.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(95);

    /// <summary>How long events wait for the answers of the connection before, when an endpoint changes to another.</summary>
    public static readonly TimeSpan Switch = TimeSpan.FromSeconds(1);

    /// <summary>How long a poll waits for something to tell.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromSeconds(25);

    /// <summary>Time without a poll after which a client that polls is taken for gone.</summary>
    public static readonly TimeSpan PollGap = TimeSpan.FromSeconds(30);

    /// <summary>How long a client may take the last words before the connection is cut.</summary>
    public static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);
}
