using System.Text;

namespace Domicile.Cli.Doctor;

/// <summary>Whether the data directory lies on a disk that keeps what it is given, and is its owner's alone.</summary>
internal static class DiskCheck
{
    private const long Gibibyte = 1024L * 1024 * 1024;
    private const long LeastFree = Gibibyte / 4;
    private const long ComfortablyFree = 5 * Gibibyte;

    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>SQLite's write-ahead log needs memory shared between processes, which these do not have.</summary>
    private static readonly string[] Remote =
        ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "drvfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"];

    /// <summary>Looks at space, file system and rights.</summary>
    public static IReadOnlyList<Finding> Look(Machine machine, DataDirectory directory) =>
        [Space(directory.Path), FileSystem(machine, directory.Path), Rights(directory.Path), Secrets(directory.Path)];

    /// <summary>The mount that holds a path: its mount point and type, from <c>/proc/self/mountinfo</c>.</summary>
    internal static (string Point, string Type)? Mount(string? mountinfo, string path)
    {
        (string Point, string Type)? best = null;
        foreach (var line in mountinfo?.Split('\n') ?? [])
        {
            var (fields, rest) = line.Split(" - ", 2) is [var left, var right] ? (left.Split(' '), right.Split(' ')) : ([], []);
            if (fields.Length < 5 || rest.Length == 0)
            {
                continue;
            }

            var point = Unescape(fields[4]);
            var holds = point == "/" || path == point || path.StartsWith(point + "/", StringComparison.Ordinal);

            // Of mounts on the same point the last is the one seen.
            if (holds && (best is null || point.Length >= best.Value.Point.Length))
            {
                best = (point, rest[0]);
            }
        }

        return best;
    }

    private static Finding Space(string path)
    {
        const string Name = "disk space";
        try
        {
            var drive = new DriveInfo(Existing(path));
            var free = drive.AvailableFreeSpace;
            var says = $"{free / (double)Gibibyte:0.0} GiB free of {drive.TotalSize / (double)Gibibyte:0.0} GiB under {path}.";
            return free switch
            {
                < LeastFree => Finding.Failed(Name, says, "Free some space: writes are refused when the disk is full, and nothing acknowledged is lost."),
                < ComfortablyFree => Finding.Warning(Name, says, "Plan for more: logs, backups and key rotation need room for a second copy."),
                _ => Finding.Ok(Name, says),
            };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Finding.Warning(Name, $"The free space under {path} cannot be told.", "Look with: df -h");
        }
    }

    private static Finding FileSystem(Machine machine, string path)
    {
        const string Name = "file system";
        if (Mount(machine.Read("/proc/self/mountinfo"), Real(Existing(path))) is not (var point, var type))
        {
            return Finding.Warning(Name, "The type of file system cannot be told on this system.", "Keep the data directory on a local disk.");
        }

        var says = $"{path} is on {type} (mounted at {point}).";
        return type switch
        {
            _ when Remote.Contains(type, StringComparer.Ordinal) => Finding.Failed(Name, says, "Use a local disk: over a network file system (or a Windows drive under WSL) the databases can be damaged."),
            "tmpfs" or "ramfs" => Finding.Warning(Name, says, "Use a disk for anything but tests: this is memory, and all data is gone after a restart of the machine."),
            "overlay" or "aufs" => Finding.Warning(Name, says, "Mount a volume for the data directory: a container's own layer is deleted with the container."),
            _ when type.StartsWith("fuse", StringComparison.Ordinal) || type == "virtiofs" => Finding.Warning(Name, says, "Make sure that it honours fsync and shared memory maps, or use a local disk."),
            _ => Finding.Ok(Name, says),
        };
    }

    private static Finding Rights(string path)
    {
        const string Name = "data directory";
        if (!Directory.Exists(path))
        {
            return File.Exists(path)
                ? Finding.Failed(Name, $"{path} is a file.", "Name a directory with --data DIR.")
                : Finding.Ok(Name, $"{path} does not exist yet; the first start creates it.");
        }

        try
        {
            // The one way to know is to try: rights, read-only mounts and quotas all have a say.
            using var probe = new FileStream(
                Path.Combine(path, $".doctor-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Finding.Failed(Name, $"{path} cannot be written to by this user.", $"Run as the user who owns it, or: sudo chown -R $USER {Terminal.Quote(path)}");
        }

        return !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0
            ? Finding.Warning(Name, $"Other users of this machine may look into {path}.", $"Run: chmod 700 {Terminal.Quote(path)}")
            : Finding.Ok(Name, $"{path} is its owner's alone.");
    }

    private static Finding Secrets(string path)
    {
        const string Name = "secrets";
        if (OperatingSystem.IsWindows() || !Directory.Exists(path))
        {
            return Finding.Ok(Name, "None here yet.");
        }

        try
        {
            var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1, IgnoreInaccessible = true, AttributesToSkip = 0 };
            var open = new DirectoryInfo(path).EnumerateFiles("*", options)
                .Where(file => IsSecret(file.Name) && (file.UnixFileMode & Others) != 0)
                .Select(file => file.FullName)
                .ToList();
            return open.Count == 0
                ? Finding.Ok(Name, "Credentials and keys are readable by their owner only.")
                : Finding.Failed(Name, $"Others may read {open.Count} secret files, such as {open[0]}.", $"Run: chmod -R go= {Terminal.Quote(path)}, then replace the keys that may have been seen.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Finding.Failed(Name, $"{path} cannot be looked into by this user.", "Run this as the user whom the server runs as.");
        }
    }

    /// <summary>By the layout of a data directory; certificates are public, their keys are not.</summary>
    private static bool IsSecret(string name) =>
        name is "admin.json" or "connection-strings.json"
        || name.EndsWith(".key", StringComparison.Ordinal)
        || name.StartsWith("keys.db", StringComparison.Ordinal)
        || name.EndsWith("-tls.pem", StringComparison.Ordinal)
        || name.EndsWith(".pfx", StringComparison.Ordinal);

    /// <summary>The nearest directory that is there.</summary>
    private static string Existing(string path)
    {
        var directory = path;
        while (!Directory.Exists(directory) && Path.GetDirectoryName(directory) is { } parent)
        {
            directory = parent;
        }

        return directory;
    }

    /// <summary>The path with the links in it followed.</summary>
    private static string Real(string path)
    {
        var real = "/";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var next = Path.Combine(real, part);
            try
            {
                real = Directory.ResolveLinkTarget(next, returnFinalTarget: true)?.FullName ?? next;
            }
            catch (IOException)
            {
                real = next;
            }
        }

        return real;
    }

    /// <summary>The kernel writes space, tab, newline and backslash as three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        var text = new StringBuilder();
        for (var i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                text.Append((char)Convert.ToInt32(field.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }

        return text.ToString();
    }
}
