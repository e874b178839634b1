namespace Domicile.Modules.Realtime;

/// <summary>What nodes tell each other beside the feed.</summary>
internal static class RealtimeSignals
{
    /// <summary>How far a node has delivered: <see cref="DeliveredSignal"/>.</summary>
    public const string Delivered = "realtime.delivered";

    /// <summary>An endpoint has come to a node: <see cref="ClaimSignal"/>.</summary>
    public const string Claim = "realtime.claim";

    /// <summary>Here it is: <see cref="YieldSignal"/>.</summary>
    public const string Yield = "realtime.yield";

    /// <summary>Somebody has no endpoint on a node any more; has another node one? <see cref="PersonSignal"/>.</summary>
    public const string Left = "realtime.left";

    /// <summary>They have one, or this node tells that they left: <see cref="HereSignal"/>.</summary>
    public const string Here = "realtime.here";

    /// <summary>An id of a socket was used: <see cref="UsedSignal"/>.</summary>
    public const string Used = "realtime.used";
}
