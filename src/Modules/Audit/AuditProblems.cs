using Domicile.Residency;

namespace Domicile.Modules.Audit;

/// <summary>Every failure that a reader of the audit log can meet.</summary>
internal static class AuditProblems
{
    /// <summary>No log of that number, or none yet.</summary>
    public static readonly Problem NoLog = new("/problems/audit/no-log", 404, "This geography has no audit log of that number.");

    /// <summary>Nothing was signed yet.</summary>
    public static readonly Problem NoCheckpoint =
        new("/problems/audit/no-checkpoint", 404, "The audit log has no checkpoint yet. One is signed within a minute of the first entry, or at once with POST /audit/checkpoints.") { RetryAfter = TimeSpan.FromSeconds(30) };

    /// <summary>No such entry, or not in a log yet.</summary>
    public static readonly Problem NoEntry =
        new("/problems/audit/no-entry", 404, "The audit log has no entry of that id, or it has no place yet. A new one gets its place within seconds.") { RetryAfter = TimeSpan.FromSeconds(2) };

    /// <summary>The geography has no scale unit of that name.</summary>
    public static readonly Problem NoStore = new("/problems/audit/no-store", 404, "This geography has no store of that name. Without one, the log of its first store is meant.");
}
