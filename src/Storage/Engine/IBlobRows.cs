using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>
/// What a database does for sealed files: whenever a row with a <see cref="RecordKind.BlobColumn"/> goes, in whatever way, or its column changes, it notes the
/// old value in the same transaction.
/// </summary>
internal interface IBlobRows
{
    /// <summary>Files that are to go, at most so many.</summary>
    ValueTask<IReadOnlyList<BlobRef>> GoneBlobs(int take, CancellationToken cancel);

    /// <summary>These files are gone; durable.</summary>
    Task ForgetBlobs(IReadOnlyCollection<BlobRef> blobs, CancellationToken cancel);
}
