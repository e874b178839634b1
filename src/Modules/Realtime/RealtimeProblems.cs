using Domicile.Residency;

namespace Domicile.Modules.Realtime;

/// <summary>Every failure that a client of realtime can meet.</summary>
internal static class RealtimeProblems
{
    /// <summary>The id of a socket is unknown: made up, too old, used, or of another resource.</summary>
    public static readonly Problem NoSocket =
        new("/problems/realtime/no-socket", 401, "The id of this socket is not good, or not any more: it is made by a handshake and used once, within 60 seconds.") { Code = "InvalidSocket" };

    /// <summary>No endpoint is named.</summary>
    public static readonly Problem NoEndpoint =
        new("/problems/realtime/no-endpoint", 400, $"The query parameter epid must be 1 to {RealtimeLimits.EndpointCharacters} letters, digits, - or _.") { Target = "epid" };

    /// <summary>A registration names no endpoint.</summary>
    public static readonly Problem NoRegistration =
        new("/problems/realtime/no-registration", 400, $"registrationId must be 1 to {RealtimeLimits.EndpointCharacters} letters, digits, - or _.") { Target = "registrationId" };

    /// <summary>A body has packets that are none.</summary>
    public static readonly Problem NoPackets = new("/problems/realtime/no-packets", 400, "The body must be packets of socket.io 0.9.") { Code = "InvalidRequestBody" };

    /// <summary>The node has as many sockets under way as it remembers.</summary>
    public static readonly Problem Busy =
        new("/problems/realtime/busy", 503, "Too many connections are being made at this moment. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) };
}
