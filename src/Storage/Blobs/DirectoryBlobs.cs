using System.Globalization;
using System.Runtime.CompilerServices;
using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>
/// Sealed files in a directory: 256 folders by the first byte of the random name, made when they are first needed. A file is written under a name of its own,
/// flushed, renamed, and its folder flushed, so that a published file is whole and survives a crash.
/// </summary>
/// <param name="directory">The geography's <c>blobs</c> directory.</param>
/// <param name="clock">Dates the files: what is collected is judged by it.</param>
internal sealed class DirectoryBlobs(string directory, TimeProvider clock) : IBlobFiles
{
    /// <summary>What the name of a file has behind it while it is written.</summary>
    internal const string DraftSuffix = ".part";

    public ValueTask<IBlobDraft> Begin(BlobRef blob, CancellationToken cancel) => Guarded<IBlobDraft>(() =>
    {
        MakeFolder(Path.GetDirectoryName(directory)!, directory);
        var path = PathOf(blob);
        MakeFolder(directory, Path.GetDirectoryName(path)!);
        var draft = path + DraftSuffix;
        var file = SecretFile.Open(draft, FileMode.CreateNew, FileAccess.Write, FileShare.Read | FileShare.Delete);
        File.SetLastWriteTimeUtc(file.SafeFileHandle, clock.GetUtcNow().UtcDateTime);
        return new Draft(file, draft, path, clock);
    });

    public ValueTask<IBlobFile?> Open(BlobRef blob, CancellationToken cancel) => Guarded<IBlobFile?>(() =>
    {
        try
        {
            return new Published(File.OpenHandle(PathOf(blob), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous));
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    public ValueTask<DateTimeOffset?> PublishedOn(BlobRef blob, CancellationToken cancel) => Guarded<DateTimeOffset?>(() =>
    {
        var file = new FileInfo(PathOf(blob));
        return file.Exists ? new DateTimeOffset(file.LastWriteTimeUtc) : null;
    });

    public ValueTask Remove(BlobRef blob, CancellationToken cancel)
    {
        Remove(PathOf(blob));
        return ValueTask.CompletedTask;
    }

    public bool AreHeld() => BlobHold.IsOn(directory, clock.GetUtcNow());

    public async IAsyncEnumerable<(BlobRef Blob, DateTimeOffset PublishedOn)> List([EnumeratorCancellation] CancellationToken cancel)
    {
        foreach (var file in FilesIn(directory))
        {
            cancel.ThrowIfCancellationRequested();
            if (IdOf(file) is { } id)
            {
                yield return (new BlobRef(id), new DateTimeOffset(file.LastWriteTimeUtc));
            }
        }

        await Task.CompletedTask;
    }

    public async ValueTask<int> RemoveDrafts(DateTimeOffset since, CancellationToken cancel)
    {
        var removed = 0;
        foreach (var file in FilesIn(directory).Where(file => file.Name.EndsWith(DraftSuffix, StringComparison.Ordinal) && file.LastWriteTimeUtc < since.UtcDateTime))
        {
            cancel.ThrowIfCancellationRequested();
            Remove(file.FullName);
            removed++;
        }

        await Task.CompletedTask;
        return removed;
    }

    /// <summary>All files below a directory of sealed files, those that are being written too.</summary>
    internal static IEnumerable<FileInfo> FilesIn(string directory) =>
        Directory.Exists(directory) ? new DirectoryInfo(directory).EnumerateDirectories().SelectMany(folder => folder.EnumerateFiles()) : [];

    /// <summary>Where a file lies below a directory of sealed files, a backup's too: in one of 256 folders.</summary>
    internal static string PathOf(string directory, Guid id)
    {
        var name = id.ToString("N", CultureInfo.InvariantCulture);
        return Path.Combine(directory, name[..2], name[2..]);
    }

    /// <summary>Which file it is; null for one that is being written.</summary>
    internal static Guid? IdOf(FileInfo file) => Guid.TryParseExact(file.Directory!.Name + file.Name, "N", out var id) ? id : null;

    private string PathOf(BlobRef blob) => PathOf(directory, blob.Id);

    private static void MakeFolder(string above, string folder)
    {
        if (!Directory.Exists(folder))
        {
            SecretFile.CreateDirectory(folder);
            SecretFile.FlushDirectory(above);
        }
    }

    /// <summary>
    /// The header goes first, and with it the only copy of the file's key: what remains in free blocks of the disk then opens under nothing. (On a file system that never
    /// writes in place the old header remains as well, until its block is used again; for an erased person the destroyed key answers for that.)
    /// </summary>
    private static void Remove(string path)
    {
        try
        {
            Overwrite(path);
            File.Delete(path);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            // Removed already, before a crash or by another node.
        }
        catch (Exception broken) when (broken is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException("A sealed file could not be removed.", broken);
        }
    }

    private static void Overwrite(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        try
        {
            file.Write(new byte[Math.Min(BlobSeal.HeaderBytes, file.Length)]);
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (!OperatingSystem.IsWindows())
        {
            // A full disk that never writes in place has no room even for this. To keep the file for that would keep the disk full as well.
        }
    }

    private static ValueTask<T> Guarded<T>(Func<T> act)
    {
        try
        {
            return new(act());
        }
        catch (Exception broken) when (broken is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            return ValueTask.FromException<T>(new StoreUnavailableException("The directory of sealed files cannot be used.", broken));
        }
    }

    private sealed class Draft(FileStream file, string draft, string path, TimeProvider clock) : IBlobDraft
    {
        private bool _isPublished;

        public async ValueTask Append(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
        {
            try
            {
                await file.WriteAsync(bytes, cancel);
                await file.FlushAsync(cancel);

                // By the clock that the collector goes by, so that a slow writer is not taken for a dead one.
                Date();
            }
            catch (IOException broken)
            {
                throw new StoreUnavailableException("A sealed file cannot be written: the disk is full or broken.", broken);
            }
        }

        public async ValueTask Publish(CancellationToken cancel) => _isPublished = await Guarded(() =>
        {
            Date();
            file.Flush(flushToDisk: true);
            file.Dispose();
            File.Move(draft, path, overwrite: false);
            SecretFile.FlushDirectory(Path.GetDirectoryName(path)!);
            return true;
        });

        public async ValueTask DisposeAsync()
        {
            await file.DisposeAsync();
            if (!_isPublished)
            {
                Remove(draft);
            }
        }

        private void Date() => File.SetLastWriteTimeUtc(file.SafeFileHandle, clock.GetUtcNow().UtcDateTime);
    }

    private sealed class Published(Microsoft.Win32.SafeHandles.SafeFileHandle file) : IBlobFile
    {
        public long Length { get; } = RandomAccess.GetLength(file);

        public async ValueTask<int> Read(long offset, Memory<byte> buffer, CancellationToken cancel)
        {
            var read = 0;
            try
            {
                while (read < buffer.Length && await RandomAccess.ReadAsync(file, buffer[read..], offset + read, cancel) is > 0 and var some)
                {
                    read += some;
                }
            }
            catch (IOException broken)
            {
                throw new StoreUnavailableException("A sealed file cannot be read: the disk is broken.", broken);
            }

            return read;
        }

        public ValueTask DisposeAsync()
        {
            file.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
