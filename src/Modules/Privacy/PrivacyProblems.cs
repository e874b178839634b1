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

    /// <summary>A grace is 0 to 365 days.</summary>
    public static readonly Problem BadGrace = new("/problems/privacy/bad-grace", 400, "graceDays is 0 to 365.") { Target = "graceDays" };

    /// <summary>Which kinds have a rule that can be set.</summary>
    public static Problem BadKind(IEnumerable<string> kinds) => new("/problems/privacy/bad-kind", 400, $"kind is one of: {string.Join(", ", kinds)}.") { Target = "kind" };

    /// <summary>Within which days.</summary>
    public static Problem BadDays(RetentionChoice choice) =>
        new("/problems/privacy/bad-days", 400, $"days is {choice.Least} to {choice.Most}{(choice.MayBeUnlimited ? ", or 0 for no limit" : "")}.") { Target = "days" };

    /// <summary>The kind's rule is for the whole resource.</summary>
    public static readonly Problem NotPerRoot = new("/problems/privacy/not-per-root", 400, "The rule of this kind is set for the whole resource, so there is no name.") { Target = "name" };

    /// <summary>No hold of that id.</summary>
    public static readonly Problem NoHold = new("/problems/privacy/no-hold", 404, "The resource has no hold of that id.");

    /// <summary>A hold has a reason.</summary>
    public static readonly Problem NoReason = new("/problems/privacy/no-reason", 400, $"A hold needs a reason of 1 to {AuditNote.TextMax} characters.") { Target = "reason" };

    /// <summary>A hold is looked at again.</summary>
    public static readonly Problem NoReview = new("/problems/privacy/no-review", 400, "A hold needs the instant of its next review in reviewOn, within ten years from now.") { Target = "reviewOn" };

    /// <summary>What is held is named, and the resource is not.</summary>
    public static readonly Problem BadHoldName =
        new("/problems/privacy/bad-hold-name", 400, "The id of the person or the root is given in name, 1 to 512 characters; a hold on the resource has none.") { Target = "name" };

    /// <summary>No such request.</summary>
    public static readonly Problem NoRequest = new("/problems/privacy/no-request", 404, "The resource has no subject request of that id.");

    /// <summary>What is asked cannot be understood.</summary>
    public static readonly Problem BadRequest = new("/problems/privacy/bad-request", 400, "The subject request cannot be carried out as it stands.");

    /// <summary>The id was used for something else.</summary>
    public static readonly Problem OtherRequest = new("/problems/privacy/other-request", 409, "There is a subject request of that id that asks something else. A new request needs a new id.");

    /// <summary>It has begun or is over.</summary>
    public static readonly Problem Begun = new("/problems/privacy/request-begun", 409, "The subject request has begun or is over, so it cannot be cancelled any more.");

    /// <summary>Too many wait.</summary>
    public static readonly Problem TooMany = new("/problems/privacy/too-many-requests", 429, $"{SubjectRequests.WaitingMax} subject requests wait already.") { RetryAfter = TimeSpan.FromSeconds(30) };

    /// <summary>There is nothing of that kind to hand out.</summary>
    public static readonly Problem NoResult = new("/problems/privacy/no-result", 404, "The subject request has no such result: it is not over, asked for something else, or its archive is gone.");

    /// <summary>The archive would be too large.</summary>
    public static readonly Problem TooLarge = new("/problems/privacy/archive-too-large", 422, "What is kept about the person is more than an archive may have.");

    /// <summary>A fault of what was asked.</summary>
    public static Problem Bad(string target, string text) => BadRequest with { Title = text, Target = target };

    /// <summary>What a hold can cover.</summary>
    public static Problem BadCovers(Catalogue catalogue)
    {
        var known = Holds.NamedRoots(catalogue).Select(kind => kind.Name).Prepend(Hold.Subject).Prepend(Hold.Resource);
        return new Problem("/problems/privacy/bad-covers", 400, $"covers is one of: {string.Join(", ", known)}.") { Target = "covers" };
    }
}
