using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>Every failure that a privacy officer can meet.</summary>
internal static class PrivacyProblems
{
    /// <summary>No resource of that name or id.</summary>
    public static readonly Problem NoResource = new("/problems/privacy/no-resource", 404, "This geography has no resource of that name or id.");

    /// <summary>Nobody and nothing of that id.</summary>
    public static readonly Problem NothingOfThatName = new("/problems/privacy/nothing-of-that-name", 404, "The resource has nobody and nothing of that id.") { Target = "name" };

    /// <summary>No hold of that id.</summary>
    public static readonly Problem NoHold = new("/problems/privacy/no-hold", 404, "The resource has no hold of that id.");

    /// <summary>A hold has a reason.</summary>
    public static readonly Problem NoReason = new("/problems/privacy/no-reason", 400, $"A hold needs a reason of 1 to {AuditNote.TextMax} characters.") { Target = "reason" };

    /// <summary>A hold is looked at again.</summary>
    public static readonly Problem NoReview = new("/problems/privacy/no-review", 400, "A hold needs the instant of its next review in reviewOn, within ten years from now.") { Target = "reviewOn" };

    /// <summary>What is held is named, and the resource is not.</summary>
    public static readonly Problem BadHoldName =
        new("/problems/privacy/bad-hold-name", 400, "The id of the person or the root is given in name, 1 to 512 characters; a hold on the resource has none.") { Target = "name" };

    /// <summary>What a hold can cover.</summary>
    public static Problem BadCovers(Catalogue catalogue)
    {
        var known = Holds.NamedRoots(catalogue).Select(kind => kind.Name).Prepend(Hold.Subject).Prepend(Hold.Resource);
        return new Problem("/problems/privacy/bad-covers", 400, $"covers is one of: {string.Join(", ", known)}.") { Target = "covers" };
    }
}
