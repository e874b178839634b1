using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>Failures that every store can answer with.</summary>
public static class StorageProblems
{
    /// <summary>A record with that key exists already.</summary>
    public static readonly Problem Exists = new("/problems/storage/exists", 409, "It exists already.");

    /// <summary>There is no record with that key.</summary>
    public static readonly Problem Missing = new("/problems/storage/missing", 404, "It does not exist.");

    /// <summary>The record was changed since it was read.</summary>
    public static readonly Problem Changed = new("/problems/storage/changed", 409, "It was changed meanwhile. Read it again and repeat the change.");

    /// <summary>The person whose record it would be was erased, or what it belongs to was deleted.</summary>
    public static readonly Problem Gone = new("/problems/storage/gone", 404, "The person or the record that it belongs to was erased.");

    /// <summary>The record names a file that was not completed, or so long ago that it may be collected.</summary>
    public static readonly Problem NoBlob = new("/problems/storage/no-blob", 409, "The file that the record names is not there any more. Send it again.");

    /// <summary>The resource has as many holds as it can.</summary>
    public static readonly Problem TooManyHolds = new("/problems/storage/too-many-holds", 409, $"A resource has at most {Holds.Most} holds. Release those that are no longer needed.");

    /// <summary>The kind's rule cannot be set so.</summary>
    public static readonly Problem NoSuchRule = new("/problems/storage/no-such-rule", 400, "The rule of this kind cannot be set so: see the kinds, their bounds and where they can be set.") { Target = "days" };

    /// <summary>A hold keeps what would be deleted or changed. It is named by its id, so that whoever may ask can ask; why it was placed is not said.</summary>
    public static Problem Held(Guid hold) =>
        new(HeldType, 409, $"It is under a legal hold ({hold:D}): until that is released it can be neither deleted nor changed.") { Code = "UnderHold" };

    /// <summary>Whether a refusal is one for a hold.</summary>
    public static bool IsHeld(Problem? refused) => refused?.Type == HeldType;

    /// <summary>The type of the problem that something is held.</summary>
    public const string HeldType = "/problems/storage/under-hold";

    /// <summary>The store cannot write just now.</summary>
    public static readonly Problem Unavailable =
        new("/problems/storage/unavailable", 503, "The store cannot be written just now; nothing was changed. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) };
}
