using System.Globalization;
using System.Runtime.InteropServices;
using Domicile.Storage.Sqlite;

namespace Domicile.Bench;

/// <summary>What the figures were measured on, and what Linux knows of a process.</summary>
internal static class Machine
{
    private const double TicksPerSecond = 100;

    public static void PrintHead(string name, IEnumerable<string> arguments)
    {
        var model = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        var load = File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "?";
        Console.WriteLine($"### {name}");
        Console.WriteLine();
        Console.WriteLine($"`dotnet run -c Release --project bench -- {string.Join(' ', arguments)}`");
        Console.WriteLine();
        Console.WriteLine(
            $"{DateTimeOffset.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC, {Environment.ProcessorCount} cores ({model ?? "?"}), "
            + $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, "
            + $"SQLite {SqliteLibrary.Describe().Version}, load average before {load}");
        Console.WriteLine();
    }

    /// <summary>CPU seconds of a process so far, user and system.</summary>
    public static double CpuSeconds(int process)
    {
        // The name in parentheses may hold spaces; the fields are counted behind it. 14 and 15 are utime and stime.
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Read(fields[11]) + Read(fields[12])) / TicksPerSecond;

        static long Read(string field) => long.Parse(field, CultureInfo.InvariantCulture);
    }

    /// <summary>Resident memory of a process in MiB.</summary>
    public static double ResidentMiB(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }
}
