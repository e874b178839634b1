namespace Domicile.Cli.Doctor;

/// <summary>Whether a crash would write the server's memory, with keys and messages in it, to a disk.</summary>
internal static class CoreDumpsCheck
{
    private const string Name = "core dumps";

    /// <summary>Looks at the limit, at where the kernel sends dumps, and at the runtime's own.</summary>
    public static IReadOnlyList<Finding> Look(Machine machine, Func<string, string?> variable)
    {
        foreach (var name in new[] { "DOTNET_DbgEnableMiniDump", "COMPlus_DbgEnableMiniDump" })
        {
            if (variable(name) is { Length: > 0 } value && value != "0")
            {
                return [Finding.Failed(Name, $"{name} is set: a crash writes the server's memory, keys included, to a file.", $"Run: unset {name}")];
            }
        }

        var limit = machine.Limit("Max core file size");
        if (limit is null)
        {
            return [Finding.Warning(Name, "Whether a crash would leave a core dump cannot be told on this system.", "Turn core dumps off for the server's user.")];
        }

        var pattern = machine.Read("/proc/sys/kernel/core_pattern") ?? "core";
        if (pattern.StartsWith('|'))
        {
            // The kernel does not apply the limit to a program; whether that program does is its own affair.
            var collector = Path.GetFileName(pattern[1..].TrimStart().Split(' ')[0]);
            return collector is "systemd-coredump" or "apport" && limit.Value.Soft == 0
                ? [Finding.Ok(Name, $"The limit is 0, which {collector} respects.")]
                : [Finding.Warning(Name, $"The kernel hands core dumps to {collector}.", "Keep it from storing this server's memory: for systemd-coredump Storage=none in /etc/systemd/coredump.conf, and LimitCORE=0 for the service.")];
        }

        if (limit.Value.Soft == 0)
        {
            return [Finding.Ok(Name, "Off: the limit is 0.")];
        }

        var file = machine.Read("/proc/sys/kernel/core_uses_pid") == "1" && !pattern.Contains("%p", StringComparison.Ordinal) ? $"{pattern}.PID" : pattern;
        return [Finding.Warning(Name, $"A crash may write the server's memory, keys included, to '{file}'.", "Run: ulimit -c 0 before the start, or LimitCORE=0 in the service.")];
    }
}
