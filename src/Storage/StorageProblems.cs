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

    /// <summary>The store cannot write just now.</summary>
    public static readonly Problem Unavailable =
        new("/problems/storage/unavailable", 503, "The store cannot be written just now; nothing was changed. Try again.") { RetryAfter = TimeSpan.FromSeconds(5) };
}
