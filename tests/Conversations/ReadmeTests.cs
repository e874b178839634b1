using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Domicile.Tests.Conversations;

/// <summary>The programs in the README run as they stand there.</summary>
[Trait("needs", "node")]
public sealed partial class ReadmeTests(SharedServer shared)
{
    private static string Readme => File.ReadAllText(Path.Combine(Repository.Root, "README.md"));

    [Fact]
    public void The_README_has_a_first_program()
    {
        var names = Program().Matches(Readme).Select(match => match.Groups["name"].Value);

        Assert.Contains("first-program.mjs", names);
    }

    [Fact]
    public async Task Every_program_of_the_README_runs_as_it_stands_there()
    {
        var server = await shared.Server;
        await NodePackages.Ready();
        var folder = Directory.CreateTempSubdirectory("domicile-readme-").FullName;
        try
        {
            // Where a reader would have run npm install.
            Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), NodePackages.Folder);
            foreach (Match program in Program().Matches(Readme))
            {
                var path = Path.Combine(folder, Path.GetFileName(program.Groups["name"].Value));
                await File.WriteAllTextAsync(path, program.Groups["code"].Value, TestContext.Current.CancellationToken);

                var (exitCode, output) = await NodeScript.Run(path, server);

                Assert.True(exitCode == 0, $"{program.Groups["name"].Value} ended with code {exitCode}:\n{output}");
                Assert.False(string.IsNullOrWhiteSpace(output), $"{program.Groups["name"].Value} shows its reader nothing.");
            }
        }
        finally
        {
            // The link goes, not what it leads to.
            Directory.Delete(Path.Combine(folder, "node_modules"));
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    [Trait("length", "full")]
    public async Task The_samples_of_the_README_run_as_they_are_started_there()
    {
        var server = await shared.Server;
        await NodePackages.Ready();
        var folder = Directory.CreateTempSubdirectory("domicile-readme-").FullName;
        try
        {
            // A reader's home, with the directory of a server that was started there, and their copy of the samples with what npm install would have brought.
            var data = Directory.CreateDirectory(Path.Combine(folder, ".domicile")).FullName;
            File.Copy(server.CertificateAuthority, Path.Combine(data, "ca.pem"));
            Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), NodePackages.Folder);
            Samples.CopyTo(folder);
            var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", Assert.Single(Script().Matches(Readme)).Groups["code"].Value])
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["HOME"] = folder;
            start.Environment["CONNECTION_STRING"] = server.Europe.ConnectionString;
            using var shell = Process.Start(start)!;
            var (output, errors) = (new CapturedOutput(), new CapturedOutput());
            await Task.WhenAll(output.Drain(shell.StandardOutput.BaseStream), errors.Drain(shell.StandardError.BaseStream), shell.WaitForExitAsync(TestContext.Current.CancellationToken));
            Assert.True(shell.ExitCode == 0, output.Text + errors.Text);

            // The same people say the same in each.
            string[] said = ["Lunch at noon?", "I will be there."];
            Assert.Equal([.. said, .. said, .. said], output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(": ")[^1]));
        }
        finally
        {
            Directory.Delete(Path.Combine(folder, "node_modules"));
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex(@"^<!-- run: samples\.sh -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Script();

    /// <summary>A line <c>&lt;!-- run: NAME --&gt;</c> and the fenced block after it.</summary>
    [GeneratedRegex(@"^<!-- run: (?<name>\S+\.mjs) -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Program();
}
