using System.Text.Json.Serialization;

namespace Domicile.Modules.Http;

/// <summary>What a customer chooses for a resource.</summary>
public sealed record ResourceSettings
{
    /// <summary>Which table of rate limits holds: <see cref="RateProfile.Generous"/>, or the published limits of ACS.</summary>
    public RateProfile RateProfile { get; init; }

    /// <summary>Participants up to which a thread has read receipts, 0–250. ACS drops receipts above 20 in silence; here they are refused with the reason.</summary>
    /// <value>250.</value>
    public int ReceiptsInThreadsUpTo { get; init; } = 250;

    /// <summary>Participants up to which a thread has typing notifications, 0–250.</summary>
    /// <value>250.</value>
    public int TypingInThreadsUpTo { get; init; } = 250;

    /// <summary>Whether every message that is sent is written into the audit log, by the digest of its record.</summary>
    /// <value>No.</value>
    public bool AuditMessages { get; init; }
}

/// <summary>A table of rate limits.</summary>
public enum RateProfile
{
    /// <summary>Protects the server, and no more.</summary>
    [JsonStringEnumMemberName("generous")]
    Generous = 0,

    /// <summary>The limits that ACS publishes, so that an application meets its throttling before production does.</summary>
    [JsonStringEnumMemberName("acs")]
    Acs = 1,
}
