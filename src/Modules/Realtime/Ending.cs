namespace Domicile.Modules.Realtime;

/// <summary>Why a connection ends, as its client is told.</summary>
/// <param name="Status">The status of the frame that closes (RFC 6455 §7.4.1).</param>
/// <param name="Reason">The reason in it.</param>
/// <param name="Packet">The last packet before it. On every one but a client's own end, the client connects again; on <c>unauthorized</c> with a fresh token.</param>
internal sealed record Ending(int Status, string Reason, string? Packet = null)
{
    private const string Unauthorized = """0:::{"reason":"unauthorized"}""";

    public static readonly Ending Bye = new(1000, "bye");
    public static readonly Ending Stopping = new(1001, "the server stops", "0::");
    public static readonly Ending Elsewhere = new(1000, "the endpoint is connected to another node");
    public static readonly Ending Superfluous = new(1000, "newer connections of this endpoint are there");
    public static readonly Ending Old = new(1000, "the connection has lived for as long as it was to", "0::");
    public static readonly Ending Silent = new(1001, "nothing was heard of the client");
    public static readonly Ending Expired = new(1008, "the token has expired", Unauthorized);
    public static readonly Ending Revoked = new(1008, "the token is not good any more", Unauthorized);
    public static readonly Ending Behind = new(1013, "more than 256 events or 1 MiB behind", """0:::{"reason":"behind"}""");
    public static readonly Ending Unread = new(1008, "answers are not taken");
    public static readonly Ending Flood = new(1008, "too many packets");
    public static readonly Ending NoPacket = new(1002, "not a packet of socket.io 0.9");
    public static readonly Ending NoText = new(1003, "packets are text");
    public static readonly Ending NotUtf8 = new(1007, "the packet is not UTF-8");
    public static readonly Ending TooLarge = new(1009, "the packet is too large");
}
