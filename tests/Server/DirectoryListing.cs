using System.Security.Cryptography;

namespace Domicile.Tests.Server;

/// <summary>Everything in a directory: names, rights, sizes and contents, so that two listings are equal only when nothing was changed.</summary>
internal static class DirectoryListing
{
    public static IReadOnlyList<string> Of(string directory) => Directory.Exists(directory)
        ?
        [
            .. new DirectoryInfo(directory).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
                .Select(entry => $"{Path.GetRelativePath(directory, entry.FullName)} {entry.UnixFileMode} {Content(entry)}")
                .Order(StringComparer.Ordinal),
        ]
        : ["not there"];

    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var directory in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, directory)));
        }

        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }

    private static string Content(FileSystemInfo entry)
    {
        if (entry is not FileInfo file)
        {
            return "directory";
        }

        // SQLite's index of its log, which a running server changes by reading; and the file whose lock is all that it is for.
        if (file.Name.EndsWith("-shm", StringComparison.Ordinal) || file.Name == "lock")
        {
            return $"{file.Length}";
        }

        using var stream = new FileStream(file.FullName, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return $"{file.Length} {Convert.ToHexStringLower(SHA256.HashData(stream))}";
    }
}
