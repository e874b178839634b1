using System.Diagnostics;

namespace Domicile.Residency;

/// <summary>Writes files that only their owner may read, so that a crash leaves the old file or the new one, never half of either.</summary>
public static class SecretFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Replaces the file: written beside it, flushed to disk, renamed over it. The old content is then overwritten where it lay,
    /// so that a destroyed key does not wait in a free block.
    /// </summary>
    public static void Write(string path, ReadOnlySpan<byte> content) => Write(path, content, isReadable: false);

    /// <summary>The same for what everyone may read, such as a certificate.</summary>
    public static void WriteReadable(string path, ReadOnlySpan<byte> content) => Write(path, content, isReadable: true);

    private static void Write(string path, ReadOnlySpan<byte> content, bool isReadable)
    {
        using var old = File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Write) : null;
        var beside = path + ".new";
        if (File.Exists(beside))
        {
            // A crash left it.
            using var left = new FileStream(beside, FileMode.Open, FileAccess.Write);
            Overwrite(left);
        }

        File.Delete(beside);
        using (var file = Open(beside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            file.Write(content);
            if (isReadable && !OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(beside, path, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (old is not null)
        {
            Overwrite(old);
        }
    }

    /// <summary>Opens a file; when this makes it, only its owner may read it.</summary>
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return new FileStream(path, options);
    }

    /// <summary>
    /// Locks what a path names, by a file beside it, and waits for whoever has the lock for a moment. It is let go by the system when its holder ends, however it ends.
    /// </summary>
    /// <param name="path">A file or a directory; it need not be there yet.</param>
    /// <param name="share"><see cref="FileShare.None"/> for alone, <see cref="FileShare.ReadWrite"/> beside others who say so.</param>
    /// <exception cref="IOException">Somebody has it for longer than a moment, or the file cannot be opened.</exception>
    public static FileStream Lock(string path, FileShare share)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return Open(LockOf(path), FileMode.OpenOrCreate, FileAccess.ReadWrite, share);
            }
            catch (IOException held) when (held.GetType() == typeof(IOException) && Stopwatch.GetElapsedTime(began) < LockLimit)
            {
                // Held for as long as it takes to write a small file.
                Thread.Sleep(5);
            }
        }
    }

    /// <summary>The file whose lock is that of a path.</summary>
    public static string LockOf(string path) => path + ".lock";

    /// <summary>Creates a directory that only its owner may enter.</summary>
    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Makes the names of a file's directory durable, after files were renamed or removed in it.</summary>
    public static void FlushDirectoryOf(string path) => FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

    private static void Overwrite(FileStream file)
    {
        file.Write(new byte[file.Length]);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Makes names in a directory durable: a rename is only as safe as the directory that holds it (POSIX fsync of the directory).</summary>
    public static void FlushDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var handle = NativeDirectory.Open(directory);
        NativeDirectory.Flush(handle);
    }
}
