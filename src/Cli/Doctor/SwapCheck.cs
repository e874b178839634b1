namespace Domicile.Cli.Doctor;

/// <summary>Whether memory, with keys and messages in it, can come to rest on a disk.</summary>
internal static class SwapCheck
{
    /// <summary>Looks at swap areas and at hibernation.</summary>
    public static IReadOnlyList<Finding> Look(Machine machine) => [Swap(machine), Hibernation(machine)];

    private static Finding Swap(Machine machine)
    {
        const string Name = "swap";
        const string Action = "Turn it off (swapoff -a and its line in /etc/fstab), or encrypt it (cryptswap in /etc/crypttab).";
        if (machine.Read("/proc/swaps") is not { } swaps)
        {
            return Finding.Warning(Name, "Whether memory is swapped to a disk cannot be told on this system.", "Turn swap off, or encrypt it.");
        }

        var areas = swaps.Split('\n').Skip(1).Select(line => line.Split((char[])[' ', '\t'], 2)[0]).Where(area => area.Length > 0).ToList();
        var open = areas.Where(area => !InMemory(machine, area) && !Encrypted(machine, area)).ToList();
        return areas.Count == 0 ? Finding.Ok(Name, "None.")
            : open.Count == 0 ? Finding.Ok(Name, $"{string.Join(", ", areas)}: encrypted or in memory.")
            : open.Any(area => area.StartsWith("/dev/", StringComparison.Ordinal)) ? Finding.Warning(Name, $"Memory may be written to {string.Join(", ", open)}, which is not encrypted as far as can be told.", Action)
            : Finding.Warning(Name, $"Memory may be written to the file {string.Join(", ", open)}; whether its disk is encrypted cannot be told.", Action);
    }

    private static Finding Hibernation(Machine machine)
    {
        const string Name = "hibernation";
        var states = machine.Read("/sys/power/state")?.Split(' ') ?? [];
        var modes = machine.Read("/sys/power/disk") ?? "";
        var possible = states.Contains("disk") && !modes.Contains("[disabled]", StringComparison.Ordinal);
        var target = machine.Read("/sys/power/resume");
        return possible && target is not (null or "0:0")
            ? Finding.Warning(Name, "This machine can hibernate, which writes all memory to its disk.", "Run: sudo systemctl mask hibernate.target hybrid-sleep.target suspend-then-hibernate.target")
            : Finding.Ok(Name, possible ? "No place to write memory to is set." : "Not possible here.");
    }

    /// <summary>zram is memory, unless it has been given a disk to put pages on.</summary>
    private static bool InMemory(Machine machine, string area)
    {
        var device = Path.GetFileName(area);
        return device.StartsWith("zram", StringComparison.Ordinal) && machine.Read($"/sys/block/{device}/backing_dev") is (null or "none");
    }

    private static bool Encrypted(Machine machine, string area) =>
        machine.Read($"/sys/block/{Path.GetFileName(area)}/dm/uuid")?.StartsWith("CRYPT-", StringComparison.Ordinal) == true;
}
