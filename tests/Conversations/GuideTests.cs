using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Domicile.Tests.Conversations;

/// <summary>The guides for developers are followed word for word.</summary>
[Trait("needs", "node")]
public sealed partial class GuideTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [Theory]
    [Trait("length", "full")]
    [InlineData("testing.md", "# pass 3")]
    [InlineData("coming-from-acs.md", "Ada: Lunch at noon?\nBo: I will be there.\nLunch at noon?\nI will be there.\nAda: Lunch at noon?\nBo: I will be there.\n", "\nRefreshed\n")]
    [InlineData("moving-in.md", "2 users, 1 threads, 3 messages would be moved.", "Everything is the same on both sides: 1 threads, 3 messages.", "Wrote 2 users, 1 threads and 3 messages.")]
    public async Task A_guide_does_what_it_says(string guide, params string[] shown)
    {
        await NodePackages.Ready();
        var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "guides", guide), TestContext.Current.CancellationToken);
        var folder = Directory.CreateTempSubdirectory("domicile-guide-").FullName;
        try
        {
            // The reader's folder: the program, the samples, and what npm install would have brought.
            Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), NodePackages.Folder);
            Samples.CopyTo(folder);
            var program = Path.Combine(folder, "domicile");
            await File.WriteAllTextAsync(program, $"#!/bin/sh\nexec dotnet '{Repository.Program}' \"$@\"\n", TestContext.Current.CancellationToken);
            MakeExecutable(program);
            foreach (Match file in Blocks("file").Matches(text))
            {
                await File.WriteAllTextAsync(Path.Combine(folder, file.Groups["name"].Value), file.Groups["code"].Value, TestContext.Current.CancellationToken);
            }

            var output = "";
            foreach (Match script in Blocks("run").Matches(text))
            {
                output += await Run(folder, string.Join('\n', script.Groups["code"].Value.Split('\n').Where(line => !line.StartsWith("npm install", StringComparison.Ordinal))));
            }

            Assert.All(shown, each => Assert.Contains(each, output, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(Path.Combine(folder, "node_modules"));
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_workflow_runs_the_commands_that_are_tested()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "guides", "testing.md"));
        var script = Assert.Single(Blocks("run").Matches(text)).Groups["code"].Value;
        var workflow = Assert.Single(Blocks("same").Matches(text)).Groups["code"].Value;
        Assert.Contains(script.Trim(), string.Join('\n', workflow.Split('\n').Select(line => line.Trim())), StringComparison.Ordinal);
    }

    private static Regex Blocks(string what) => what switch
    {
        "file" => FileBlock(),
        "run" => RunBlock(),
        _ => SameBlock(),
    };

    private static async Task<string> Run(string folder, string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var limit = new CancellationTokenSource(Limit);
        using var stop = limit.Token.Register(() => shell.Kill(entireProcessTree: true));
        var (output, errors) = (new CapturedOutput(), new CapturedOutput());
        await Task.WhenAll(output.Drain(shell.StandardOutput.BaseStream), errors.Drain(shell.StandardError.BaseStream), shell.WaitForExitAsync(CancellationToken.None));
        Assert.True(shell.ExitCode == 0, $"It ended with code {shell.ExitCode}:\n{output.Text}{errors.Text}");
        return output.Text;
    }

    private static void MakeExecutable(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [GeneratedRegex(@"^<!-- file: (?<name>\S+) -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex FileBlock();

    [GeneratedRegex(@"^<!-- run: (?<name>\S+) -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex RunBlock();

    [GeneratedRegex(@"^<!-- same: (?<name>\S+) -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex SameBlock();
}
