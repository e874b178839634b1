namespace Domicile.Cli.Doctor;

/// <summary>Whether the clock can be trusted with expiry, signatures and tokens.</summary>
internal static class ClockCheck
{
    private const string Name = "clock";

    /// <summary>Before it, no machine can have run this program.</summary>
    private const int EarliestYear = 2025;

    private const int LatestYear = 2100;

    /// <summary>Signed requests are good for 15 minutes; data from further ahead than this was not written by this clock.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Sample = TimeSpan.FromMilliseconds(100);

    /// <summary>Looks at the clock, at what keeps it right, and at whether the data directory has seen a later time.</summary>
    public static async Task<IReadOnlyList<Finding>> Look(Machine machine, DataDirectory directory, TimeProvider clock, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var stamp = clock.GetTimestamp();
        await Task.Delay(Sample, cancel);
        var wall = clock.GetUtcNow() - now;
        var steady = clock.GetElapsedTime(stamp);
        if (now.Year is < EarliestYear or > LatestYear)
        {
            return [Finding.Failed(Name, $"The clock says {Print.Time(now)}.", "Set it (timedatectl set-time, or let NTP do it) before data is written: retention counts from it.")];
        }

        if (wall < TimeSpan.Zero || (wall - steady).Duration() > Sample * 5)
        {
            return [Finding.Failed(Name, $"The clock moved by {wall.TotalMilliseconds:0} ms while {steady.TotalMilliseconds:0} ms went by.", "Find what sets the clock in jumps (two NTP clients, a virtual machine's tools) and leave one that slews it.")];
        }

        if (Newest(directory.Path) is { } newest && newest > now + Tolerance)
        {
            return [Finding.Failed(Name, $"The clock says {Print.Time(now)}, and the data directory was written at {Print.Time(newest)}.", "Set the clock right before the server starts: data would outlive its retention by the difference.")];
        }

        var synchronised = await machine.Run("timedatectl", ["show", "--property=NTPSynchronized", "--value"], cancel);
        return [synchronised switch
        {
            "yes" => Finding.Ok(Name, $"{Print.Time(now)}, synchronised."),
            "no" => Finding.Warning(Name, $"{Print.Time(now)}, not synchronised with a time server.", "Run an NTP client (timedatectl set-ntp true, or chrony): signed requests are refused when clocks are 15 minutes apart."),
            _ => Finding.Ok(Name, $"{Print.Time(now)}; whether it is synchronised cannot be told here (in a container it is the host's clock)."),
        }];
    }

    private static DateTimeOffset? Newest(string directory)
    {
        try
        {
            var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1, IgnoreInaccessible = true };
            return new DirectoryInfo(directory).EnumerateFiles("*", options)
                .Take(10_000)
                .Select(file => (DateTimeOffset?)new DateTimeOffset(file.LastWriteTimeUtc))
                .Max();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
