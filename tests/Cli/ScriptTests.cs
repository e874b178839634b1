using System.Diagnostics;
using System.Runtime.Versioning;

namespace Domicile.Tests.Cli;

/// <summary>The script that runs the command from source. <c>./test</c> has built the program, so nothing is built here.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ScriptTests : IDisposable
{
    private static readonly string Script = Path.Combine(Root(), "domicile");

    private readonly string folder = Directory.CreateTempSubdirectory("domicile-script-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task It_works_through_a_link_and_from_anywhere()
    {
        var link = Path.Combine(folder, "my domicile");
        File.CreateSymbolicLink(link, Script);

        var (code, output) = await Run(link, "resource", "--help");

        Assert.Equal(0, code);
        Assert.Contains($"'{link}' resource list", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_starts_at_once_do_not_disturb_each_other()
    {
        var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Run(Script, "--version")));

        Assert.All(runs, run => Assert.Equal(0, run.Code));
        Assert.Single(runs.Select(run => run.Output).Distinct());
    }

    [Fact]
    public async Task Exit_codes_are_passed_on() => Assert.Equal(2, (await Run(Script, "frobnicate")).Code);

    [Theory]
    [InlineData("[suggest:16]", "domicile resourc", "resource")]
    [InlineData("[suggest:22]", "domicile token --role ", "privacy")]
    public async Task Shells_are_told_what_may_follow(string directive, string line, string expected) =>
        Assert.Contains(expected, (await Run(Script, directive, line)).Output, StringComparison.Ordinal);

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Domicile.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("These tests run inside the repository.");
        }

        return folder.FullName;
    }

    private async Task<(int Code, string Output)> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
            Environment = { ["DOMICILE_COMMAND"] = null },
        })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
