using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>
/// Keeps every sealed file of a store where it lies while a backup copies its database and what that names: the collector leaves its work to a later round. Records go on being
/// deleted meanwhile, and what the collector had found to be nobody's before went before the database was copied.
/// It is the lock of a file beside the directory, so that it ends with the program that holds it.
/// </summary>
internal sealed class BlobHold : IDisposable
{
    /// <summary>A hold counts for this long: a backup that hangs keeps nothing beyond its time for longer.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private readonly FileStream _file;

    private BlobHold(FileStream file) => _file = file;

    /// <summary>Holds what lies in a directory of sealed files, beside whoever else does.</summary>
    /// <param name="directory">The directory of sealed files; it need not be there yet.</param>
    /// <param name="clock">The clock that the collector goes by.</param>
    /// <exception cref="IOException">The file cannot be locked.</exception>
    public static BlobHold Take(string directory, TimeProvider clock)
    {
        var file = SecretFile.Lock(directory, FileShare.ReadWrite);
        File.SetLastWriteTimeUtc(file.SafeFileHandle, clock.GetUtcNow().UtcDateTime);
        return new BlobHold(file);
    }

    /// <summary>Whether anybody holds what lies in a directory of sealed files. What its answer is for must have been found out before it is asked.</summary>
    /// <param name="directory">The directory of sealed files.</param>
    /// <param name="now">The time.</param>
    public static bool IsOn(string directory, DateTimeOffset now)
    {
        var file = new FileInfo(SecretFile.LockOf(directory));
        if (!file.Exists || now - file.LastWriteTimeUtc > Longest)
        {
            return false;
        }

        try
        {
            file.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return false;
        }
        catch (Exception held) when (held is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
