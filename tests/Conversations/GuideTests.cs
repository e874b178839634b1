using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Domicile.Tests.Conversations;

/// <summary>The guides for developers are followed word for word.</summary>
[Trait("needs", "node")]
public sealed partial class GuideTests
{
    /// <summary>For a script that hangs; the first in a fresh copy builds everything.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    [Theory]
    [Trait("length", "full")]
    [InlineData("testing.md", "# pass 3")]
    [InlineData("coming-from-acs.md", "Ada: Lunch at noon?\nBo: I will be there.\nLunch at noon?\nI will be there.\nAda: Lunch at noon?\nBo: I will be there.\n", "\nRefreshed\n")]
    [InlineData("moving-in.md", "2 users, 1 threads, 3 messages would be moved.", "Everything is the same on both sides: 1 threads, 3 messages.", "Wrote 2 users, 1 threads and 3 messages.")]
    public async Task A_guide_does_what_it_says(string guide, params string[] shown)
    {
        await NodePackages.Ready();
        var folder = Directory.CreateTempSubdirectory("domicile-guide-").FullName;
        try
        {
            // The reader's folder: the program, the samples, and what npm install would have brought.
            Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), NodePackages.Folder);
            Samples.CopyTo(folder);
            var program = Path.Combine(folder, "domicile");
            await File.WriteAllTextAsync(program, $"#!/bin/sh\nexec dotnet '{Repository.Program}' \"$@\"\n", TestContext.Current.CancellationToken);
            MakeExecutable(program);
            var output = await Follow(folder, guide, []);
            Assert.All(shown, each => Assert.Contains(each, output, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(Path.Combine(folder, "node_modules"));
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    [Trait("length", "long")]
    public async Task From_a_fresh_copy_of_the_repository_a_new_user_gets_through_every_page()
    {
        await NodePackages.Ready();
        var folder = Directory.CreateTempSubdirectory("domicile-fresh-").FullName;
        try
        {
            // What a clone has, and nothing that was built; a home that nothing was ever done in.
            var clone = Path.Combine(folder, "domicile");
            Copy(new DirectoryInfo(Repository.Root), clone);
            Directory.CreateSymbolicLink(Path.Combine(clone, "node_modules"), NodePackages.Folder);
            var home = Directory.CreateDirectory(Path.Combine(folder, "home")).FullName;
            (string, string)[] variables =
            [
                ("HOME", home), ("DOMICILE_DATA", ""), ("NUGET_PACKAGES", Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")),
            ];

            // The README, but that the ports are free ones, and the connection string is copied by a program.
            var readme = await File.ReadAllTextAsync(Path.Combine(clone, "README.md"), TestContext.Current.CancellationToken);
            var program = Assert.Single(Blocks("run").Matches(readme), block => block.Groups["name"].Value == "first-program.mjs").Groups["code"].Value;
            await File.WriteAllTextAsync(Path.Combine(clone, "first-program.mjs"), program, TestContext.Current.CancellationToken);
            var shown = await Run(
                clone,
                $$"""
                ./domicile serve --port 0 >serve.log & server=$!
                trap 'kill $server' EXIT
                until [ -s ~/.domicile/connection-strings.json ]; do kill -0 $server; sleep 0.2; done
                export CONNECTION_STRING=$(node -p 'JSON.parse(require("fs").readFileSync(process.env.HOME + "/.domicile/connection-strings.json"))[0].connectionString')
                NODE_EXTRA_CA_CERTS=~/.domicile/ca.pem node first-program.mjs
                {{Assert.Single(Blocks("run").Matches(readme), block => block.Groups["name"].Value == "samples.sh").Groups["code"].Value}}
                ./domicile resource list
                """,
                variables);
            Assert.All(["text It works.", "Ada: Lunch at noon?\nBo: I will be there.\n", "demo  Europe"], each => Assert.Contains(each, shown, StringComparison.Ordinal));
            foreach (var (guide, expected) in ((string, string)[])[("testing.md", "# pass 3"), ("coming-from-acs.md", "\nRefreshed\n"), ("moving-in.md", "Everything is the same on both sides")])
            {
                Assert.Contains(expected, await Follow(clone, guide, variables), StringComparison.Ordinal);
            }
        }
        finally
        {
            foreach (var link in Directory.EnumerateDirectories(folder, "node_modules", SearchOption.AllDirectories).Where(link => new DirectoryInfo(link).LinkTarget is not null).ToList())
            {
                Directory.Delete(link);
            }

            Directory.Delete(folder, recursive: true);
        }

        static void Copy(DirectoryInfo from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (var file in from.EnumerateFiles().Where(file => file.Name != ".git"))
            {
                file.CopyTo(Path.Combine(to, file.Name));
            }

            foreach (var inner in from.EnumerateDirectories().Where(inner => inner.Name is not ("bin" or "obj" or "node_modules" or "artifacts" or ".git")))
            {
                Copy(inner, Path.Combine(to, inner.Name));
            }
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

    /// <summary>Writes the files of a guide and runs its scripts, as they stand there but for what npm would bring.</summary>
    private static async Task<string> Follow(string folder, string guide, (string Name, string Value)[] variables)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "guides", guide), TestContext.Current.CancellationToken);
        foreach (Match file in Blocks("file").Matches(text))
        {
            await File.WriteAllTextAsync(Path.Combine(folder, file.Groups["name"].Value), file.Groups["code"].Value, TestContext.Current.CancellationToken);
        }

        var output = "";
        foreach (Match script in Blocks("run").Matches(text))
        {
            output += await Run(folder, string.Join('\n', script.Groups["code"].Value.Split('\n').Where(line => !line.StartsWith("npm install", StringComparison.Ordinal))), variables);
        }

        return output;
    }

    private static async Task<string> Run(string folder, string script, (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var shell = Process.Start(start)!;
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
