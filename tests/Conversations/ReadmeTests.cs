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

    /// <summary>A line <c>&lt;!-- run: NAME --&gt;</c> and the fenced block after it.</summary>
    [GeneratedRegex(@"^<!-- run: (?<name>\S+\.mjs) -->\s*\n```\w*\n(?<code>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Program();
}
