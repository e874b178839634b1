using Domicile.Residency;

namespace Domicile.Modules.Transfer;

/// <summary>Every failure that whoever moves data can meet.</summary>
internal static class TransferProblems
{
    /// <summary>No resource of that name or id.</summary>
    public static readonly Problem NoResource = new("/problems/transfer/no-resource", 404, "This geography has no resource of that name or id.");

    /// <summary>No thread of that id.</summary>
    public static readonly Problem NoThread = new("/problems/transfer/no-thread", 404, "The resource has no thread of that id.") { Target = "thread" };

    /// <summary>Threads would be deleted for their age as soon as they came.</summary>
    public static readonly Problem NotBegun = new(
        "/problems/transfer/not-begun", 409, "Begin with POST /resources/{nameOrId}/import: it says how long threads without use are kept, by which old ones would be deleted as soon as they came.");

    /// <summary>The idle time.</summary>
    public static readonly Problem BadDays = new("/problems/transfer/bad-days", 400, "idleThreadsDeletedAfterDays is 0 (never) to 3650.") { Target = "idleThreadsDeletedAfterDays" };

    /// <summary>Too few or too many users.</summary>
    public static readonly Problem BadUsers = new("/problems/transfer/bad-users", 400, $"users names 1 to {TransferLimits.Users} users.") { Target = "users" };

    /// <summary>No thread.</summary>
    public static readonly Problem NoThreadNamed = new("/problems/transfer/no-thread-named", 400, "The request needs a thread.") { Target = "thread" };

    /// <summary>Everything is read for a reason.</summary>
    public static readonly Problem NoReason = new(
        "/problems/transfer/no-reason", 400, "reason says in 1 to 500 characters why everything of the resource is read. It is written into the audit log.")
    { Target = "reason" };

    /// <summary>Where a page begins.</summary>
    public static readonly Problem BadAfter = new("/problems/transfer/bad-after", 400, "after is the next of the page before.") { Target = "after" };

    /// <summary>The thread is being changed by others.</summary>
    public static readonly Problem Busy = new("/problems/transfer/busy", 503, "The thread is being changed by others at this moment. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    /// <summary>Something in the thread or its messages cannot be.</summary>
    public static Problem Unfit(string why) => new("/problems/transfer/unfit", 400, why);
}
