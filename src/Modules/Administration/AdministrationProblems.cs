using Domicile.Residency;

namespace Domicile.Modules.Administration;

/// <summary>Every failure that an administrator can meet.</summary>
internal static class AdministrationProblems
{
    /// <summary>No resource of that name or id.</summary>
    public static readonly Problem NoResource = new("/problems/administration/no-resource", 404, "This geography has no resource of that name or id.");

    /// <summary>A resource's name.</summary>
    public static readonly Problem BadName =
        new("/problems/administration/bad-name", 400, "A resource's name is 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit.") { Target = "name" };

    /// <summary>A resource's id.</summary>
    public static readonly Problem BadId = new("/problems/administration/bad-id", 400, "A resource's id is a GUID, other than the one of zeros.") { Target = "id" };

    /// <summary>A resource of that name or id exists.</summary>
    public static readonly Problem ResourceExists = new("/problems/administration/resource-exists", 409, "This geography has a resource of that name or id already.");

    /// <summary>A resource of that id is still being removed.</summary>
    public static readonly Problem BeingRemoved =
        new("/problems/administration/being-removed", 409, "A resource of that id is still being removed. Try again in a moment.") { RetryAfter = TimeSpan.FromSeconds(2) };

    /// <summary>A role that does not exist.</summary>
    public static readonly Problem BadRole = new("/problems/administration/bad-role", 400, $"A role is one of: {string.Join(", ", AdministratorRole.All)}.") { Target = "role" };

    /// <summary>An administrator token lives 1 to 1440 minutes.</summary>
    public static readonly Problem BadLife = new("/problems/administration/bad-life", 400, "expiresInMinutes must be 1 to 1440.") { Target = "expiresInMinutes" };

    /// <summary>Which key.</summary>
    public static readonly Problem BadKeyType = new("/problems/administration/bad-key-type", 400, "keyType is Primary or Secondary.") { Target = "keyType" };

    /// <summary>Settings out of range.</summary>
    public static readonly Problem BadSettings = new(
        "/problems/administration/bad-settings",
        400,
        "rateProfile is generous or acs; receiptsInThreadsUpTo and typingInThreadsUpTo are 0 to 250; idleThreadsDeletedAfterDays is 0 (never) to 3650.");

    /// <summary>Someone else changes the same resource.</summary>
    public static readonly Problem Busy = new("/problems/administration/busy", 503, "The resource is being changed by others at this moment. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    /// <summary>The token is not one of this geography's, or has expired.</summary>
    public static readonly Problem BadToken =
        new("/problems/administration/bad-token", 401, "The administrator token is not one of this geography's, or has expired. Mint one with `domicile token --role ROLE`.");
}
