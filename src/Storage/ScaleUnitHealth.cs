namespace Domicile.Storage;

/// <summary>How a scale unit is, as this node sees it just now.</summary>
/// <param name="IsWritable">Whether its databases were reached, and take writes: a standby, a full disk or a read-only database do not.</param>
/// <param name="FeedLag">How far what this node knows is behind what was committed: the age of the oldest change that it has not read. Zero when it has read all.</param>
public sealed record ScaleUnitHealth(bool IsWritable, TimeSpan FeedLag)
{
    /// <summary>Behind by more than this, a node may hold keys, tokens and memberships that are gone, and takes no requests.</summary>
    public static readonly TimeSpan FeedLagMax = TimeSpan.FromSeconds(1);

    /// <summary>Whether the node may answer for this scale unit.</summary>
    public bool IsReady => IsWritable && FeedLag <= FeedLagMax;
}
