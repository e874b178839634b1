using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>Where sealed files rest: a directory of the geography; one day a bucket of an object store in it. It sees ciphertext and random names, nothing else.</summary>
internal interface IBlobFiles
{
    /// <summary>Begins a file. Nobody sees it under its name before it is published.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be written just now.</exception>
    ValueTask<IBlobDraft> Begin(BlobRef blob, CancellationToken cancel);

    /// <summary>Opens a file; null when there is none of that name. It can be read to its end even when it is removed meanwhile.</summary>
    ValueTask<IBlobFile?> Open(BlobRef blob, CancellationToken cancel);

    /// <summary>When a file was published; null when there is none of that name.</summary>
    ValueTask<DateTimeOffset?> PublishedOn(BlobRef blob, CancellationToken cancel);

    /// <summary>Removes a file so that nothing that is left of it can be opened, not even with every key. Removing what is not there does nothing.</summary>
    ValueTask Remove(BlobRef blob, CancellationToken cancel);

    /// <summary>Whether a backup needs what lies there just now: none may be removed before it is done.</summary>
    bool AreHeld();

    /// <summary>Every published file, in no order.</summary>
    IAsyncEnumerable<(BlobRef Blob, DateTimeOffset PublishedOn)> List(CancellationToken cancel);

    /// <summary>Removes what was begun, never published, and not written to since an instant.</summary>
    /// <returns>How many.</returns>
    ValueTask<int> RemoveDrafts(DateTimeOffset since, CancellationToken cancel);
}

/// <summary>A file that is being written. Disposed without having been published, it leaves nothing.</summary>
internal interface IBlobDraft : IAsyncDisposable
{
    /// <summary>Adds to its end.</summary>
    /// <exception cref="StoreUnavailableException">The disk is full or broken.</exception>
    ValueTask Append(ReadOnlyMemory<byte> bytes, CancellationToken cancel);

    /// <summary>Gives it its name; durable when it returns.</summary>
    /// <exception cref="StoreUnavailableException">The disk is full or broken.</exception>
    ValueTask Publish(CancellationToken cancel);
}

/// <summary>A published file that is being read.</summary>
internal interface IBlobFile : IAsyncDisposable
{
    /// <summary>Its length in bytes.</summary>
    long Length { get; }

    /// <summary>Reads as much as the buffer holds, less only at the end of the file.</summary>
    /// <exception cref="StoreUnavailableException">The disk is broken.</exception>
    ValueTask<int> Read(long offset, Memory<byte> buffer, CancellationToken cancel);
}
