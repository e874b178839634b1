using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// From the command that a test-suite types (<c>./domicile serve --ephemeral</c>, the script included) to the line that says that the server is ready: with the program's
/// and the runtime's files in memory, and after the kernel was told to forget them.
/// </summary>
internal static class Ephemeral
{
    public static async Task Run(Options options)
    {
        Machine.PrintHead("Start of a server for a test-suite", options.Arguments);
        var script = options.Text("script", Path.Combine(Repository.Root, "domicile"));
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] read = [Path.GetDirectoryName(Repository.Program)!, runtime, runtime.Replace("Microsoft.NETCore.App", "Microsoft.AspNetCore.App", StringComparison.Ordinal)];

        // Builds what has to be built, so that none of the starts does.
        await Start(script);
        var (warm, warmCpu, cold) = (new List<double>(), new List<double>(), new List<double>());
        for (var i = 0; i < options.Number("starts", 10); i++)
        {
            var (wall, cpu) = await Start(script);
            warm.Add(wall);
            warmCpu.Add(cpu);
        }

        for (var i = 0; i < options.Number("cold", 5); i++)
        {
            foreach (var file in read.SelectMany(folder => Directory.EnumerateFiles(folder)))
            {
                await Forget(file);
            }

            cold.Add((await Start(script)).Wall);
        }

        var table = new Table("from the command to ready", "median s", "worst s", "CPU s", "goal s");
        table.Add("warm", warm.Median().Of(2), warm.Max().Of(2), warmCpu.Median().Of(2), "2");
        table.Add("its files not in memory, as far as nobody else uses them", cold.Median().Of(2), cold.Max().Of(2), "", "2");
        table.Print();
    }

    private static async Task<(double Wall, double Cpu)> Start(string script)
    {
        var watch = Stopwatch.StartNew();
        using var server = Process.Start(new ProcessStartInfo(script, ["serve", "--ephemeral"]) { RedirectStandardOutput = true })!;
        var line = await server.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The server ended before it was ready.");
        var (wall, cpu) = (watch.Elapsed.TotalSeconds, server.TotalProcessorTime.TotalSeconds);
        using var kill = Process.Start("kill", ["-TERM", JsonElement.Parse(line).GetProperty("processId").GetInt32().ToString(CultureInfo.InvariantCulture)])!;
        await kill.WaitForExitAsync();
        await server.WaitForExitAsync();
        return (wall, cpu);
    }

    /// <summary>Tells the kernel that a file's pages are not needed; those that a running program maps stay.</summary>
    private static async Task Forget(string file)
    {
        using var dd = Process.Start(new ProcessStartInfo("dd", [$"if={file}", "iflag=nocache", "count=0", "status=none"]))!;
        await dd.WaitForExitAsync();
    }
}
