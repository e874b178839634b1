using System.Text.RegularExpressions;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Judges a trace of system calls: whether the process reached out over a socket, started another program, or made, opened for writing, renamed or removed anything
/// outside one directory. Attempts count like successes.
/// </summary>
internal sealed partial class EgressTrace
{
    /// <summary>What is traced: everything that names an address or a path.</summary>
    public const string Calls = "trace=%network,%file";

    /// <summary>What may be written outside the data directory, and why.</summary>
    private static readonly (Regex Path, string Reason)[] Allowed =
    [
        (ThreadName(), "the runtime names its threads; the kernel keeps the names with the threads"),
    ];

    private static readonly HashSet<string> Changing =
    [
        "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat", "truncate", "truncate64",
        "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "removexattr", "lremovexattr", "mount", "umount2",
        "chroot", "pivot_root", "swapon", "swapoff", "acct",
    ];

    private readonly string _directory;
    private bool _started;

    private EgressTrace(string directory)
    {
        _directory = directory;
    }

    /// <summary>What must not be; empty when all is well.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Calls that were judged.</summary>
    public int Judged { get; private set; }

    /// <summary>Changes inside the directory.</summary>
    public int Inside { get; private set; }

    /// <summary>Sockets that were bound to listen.</summary>
    public int Bound { get; private set; }

    /// <summary>Reads a trace that <c>strace -f -y</c> wrote.</summary>
    /// <param name="lines">Its lines.</param>
    /// <param name="directory">The directory in which anything may happen.</param>
    public static EgressTrace Read(IEnumerable<string> lines, string directory)
    {
        var trace = new EgressTrace(directory);
        foreach (var line in lines)
        {
            trace.Judge(line);
        }

        return trace;
    }

    // 123  connect(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, 16) = 0
    // 123  openat(AT_FDCWD</data>, "x", O_RDWR|O_CREAT <unfinished ...>
    [GeneratedRegex(@"^\d+\s+(?<call>\w+)\((?<rest>.*)$")]
    private static partial Regex Line();

    // An argument that is a path: text in quotes that no structure is around, and the directory to which it is relative, which -y names before it.
    [GeneratedRegex(@"(?:(?:AT_FDCWD|\d+)<(?<base>[^>]*)>,\s*)?""(?<path>(?:[^""\\]|\\.)*)""")]
    private static partial Regex PathArgument();

    [GeneratedRegex(@"sa_family=(?<family>AF_\w+)(?:.*?(?:sin_addr=inet_addr\(""(?<address>[^""]*)""\)|inet_pton\(AF_INET6, ""(?<address>[^""]*)""|sun_path=(?<path>@?""[^""]*"")))?")]
    private static partial Regex Address();

    [GeneratedRegex(@"^/proc/(self|\d+)/task/\d+/comm$")]
    private static partial Regex ThreadName();

    private void Judge(string text)
    {
        var line = Line().Match(text);
        if (!line.Success)
        {
            return;
        }

        Judged++;
        var (call, rest) = (line.Groups["call"].Value, line.Groups["rest"].Value);
        var isFault = call switch
        {
            // Nothing is declared that the server connects to in the default set-up, loopback included: a resolver or a proxy may well listen there.
            "connect" => true,
            "sendto" or "sendmsg" or "sendmmsg" => rest.Contains("sa_family=", StringComparison.Ordinal),
            "bind" => !IsLoopback(rest),
            "socket" => !rest.StartsWith("AF_INET", StringComparison.Ordinal) && !rest.StartsWith("AF_UNIX", StringComparison.Ordinal),
            "execve" or "execveat" => _started,
            "open" or "openat" or "openat2" => (rest.Contains("O_WRONLY", StringComparison.Ordinal) || rest.Contains("O_RDWR", StringComparison.Ordinal) || rest.Contains("O_CREAT", StringComparison.Ordinal)
                || rest.Contains("O_TRUNC", StringComparison.Ordinal) || rest.Contains("O_TMPFILE", StringComparison.Ordinal)) && IsOutside(rest),
            _ => Changing.Contains(call) && IsOutside(rest),
        };
        _started |= call is "execve" or "execveat";
        Bound += call == "bind" && !isFault ? 1 : 0;
        if (isFault)
        {
            Faults.Add(text);
        }
    }

    private static bool IsLoopback(string rest)
    {
        var address = Address().Match(rest);
        return address.Groups["family"].Value is "AF_INET" or "AF_INET6"
            && System.Net.IPAddress.TryParse(address.Groups["address"].Value, out var parsed) && System.Net.IPAddress.IsLoopback(parsed);
    }

    private bool IsOutside(string rest)
    {
        var paths = PathArgument().Matches(rest);
        var outside = paths.Count == 0;
        foreach (Match path in paths)
        {
            var full = Path.GetFullPath(Path.Combine(path.Groups["base"].Success ? path.Groups["base"].Value : "/", path.Groups["path"].Value));
            var isInside = full == _directory || full.StartsWith(_directory + "/", StringComparison.Ordinal);
            Inside += isInside ? 1 : 0;
            outside |= !isInside && !Allowed.Any(allowed => allowed.Path.IsMatch(full));
        }

        return outside;
    }
}
