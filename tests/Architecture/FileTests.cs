using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Architecture;

/// <summary>What is in the repository: nothing of the machine that it was written on, no secrets, and files that end as files do.</summary>
public sealed partial class FileTests
{
    // What is beside the tracked files in a working tree.
    private static readonly string[] NotTracked = [".git", "bin", "obj", "artifacts", "node_modules", "TestResults", ".vs", "data"];

    // Nobody's: tests of the command say it. Written so that this file does not.
    private const string SomeonesHome = "/ho" + "me/someone";

    private static readonly Lazy<IReadOnlyList<TextFile>> Files = new(Read);

    [Fact]
    public void The_repository_is_read_whole()
    {
        Assert.Contains(Files.Value, file => file.Path == "README.md");
        Assert.Contains(Files.Value, file => file.Path == "src/Storage/Home.cs");
        Assert.Contains(Files.Value, file => file.Path == "tests/Conversations/package-lock.json");
    }

    [Fact]
    public void The_licence_is_there() => Assert.StartsWith("MIT License", Files.Value.Single(file => file.Path == "LICENSE").Text, StringComparison.Ordinal);

    [Fact]
    public void No_file_has_anything_that_it_must_not_have() => Assert.Empty(Files.Value.SelectMany(FaultsOf));

    [Theory]
    [InlineData("docs/x.md", "see /wo|rk/main/README.md\n", "path of a machine")]
    [InlineData("src/x.cs", "\"/ho|me/ada/domicile\"\n", "path of a machine")]
    [InlineData("test", "cd /ro|ot/domicile\n", "path of a machine")]
    [InlineData("src/x.cs", "C:\\Us|ers\\Ada\\\n", "path of a machine")]
    [InlineData("tests/package-lock.json", "\"resolved\": \"https://registry.example|.org/x.tgz\"\n", "names where a package was fetched")]
    [InlineData("packages.lock.json", "https://registry.example|.org/v3/index.json\n", "names where a package was fetched")]
    [InlineData("deploy/tls.pem", "-----BEGIN EC PRIVATE| KEY-----\n", "private key")]
    [InlineData("docs/x.md", "-----BEGIN PRIVATE| KEY-----\n", "private key")]
    [InlineData("docs/x.md", "endpoint=https://localhost:8440/;access|key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==\n", "access key")]
    [InlineData("src/x.cs", "no newline at the end", "end with a newline")]
    [InlineData("src/x.cs", "carriage return\r\n", "carriage return")]
    public void What_must_not_be_there_is_found(string path, string text, string fault) =>
        Assert.Contains(FaultsOf(new TextFile(path, text.Replace("|", "", StringComparison.Ordinal))), said => said.Contains(fault, StringComparison.Ordinal));

    [Theory]
    [InlineData("docs/x.md", "/var/lib/domicile, /etc/domicile, ~/.domicile, a /homestead\n")]
    [InlineData("docs/x.md", "endpoint=https://localhost:8440/;accesskey=…\n")]
    [InlineData("docs/x.md", "endpoint=https://localhost:8440/;accesskey=BASE64\n")]
    [InlineData("docs/empty.md", "")]
    public void What_may_be_there_is_left_alone(string path, string text) => Assert.Empty(FaultsOf(new TextFile(path, text)));

    private static IEnumerable<string> FaultsOf(TextFile file)
    {
        var (path, text) = file;
        foreach (var match in MachinePath().Matches(text).Where(match => match.Value != SomeonesHome))
        {
            yield return $"{path} has {match.Value}, a path of a machine.";
        }

        if (Path.GetFileName(path) is "package-lock.json" or "packages.lock.json" or "yarn.lock" or "pnpm-lock.yaml" && FetchedFrom().IsMatch(text))
        {
            yield return $"{path} names where a package was fetched; a lock file names packages, versions and digests.";
        }

        if (PrivateKey().IsMatch(text))
        {
            yield return $"{path} holds a private key.";
        }

        if (AccessKey().IsMatch(text))
        {
            yield return $"{path} holds an access key.";
        }

        if (text.Length > 0 && text[^1] != '\n')
        {
            yield return $"{path} does not end with a newline.";
        }

        if (text.Contains('\r', StringComparison.Ordinal))
        {
            yield return $"{path} has a carriage return.";
        }
    }

    [GeneratedRegex(@"(?<![\w.~-])/(work|home|root|Users)/[\w.-]*|[A-Z]:\\Users\\")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"""resolved""|https?://[^\s""]*\.(tgz|nupkg)|https?://[^\s""]*(registry|index\.json)")]
    private static partial Regex FetchedFrom();

    [GeneratedRegex(@"-----BEGIN [A-Z ]*PRIVATE KEY-----\s")]
    private static partial Regex PrivateKey();

    [GeneratedRegex("accesskey=[A-Za-z0-9+/]{40,}", RegexOptions.IgnoreCase)]
    private static partial Regex AccessKey();

    private static List<TextFile> Read()
    {
        var files = new List<TextFile>();
        foreach (var path in Paths().Where(path => File.Exists(Path.Combine(Repository.Root, path))))
        {
            var bytes = File.ReadAllBytes(Path.Combine(Repository.Root, path));
            if (!bytes.AsSpan().Contains((byte)0))
            {
                files.Add(new TextFile(path, Encoding.UTF8.GetString(bytes)));
            }
        }

        return files;
    }

    /// <summary>What git tracks; where there is no git, as in an unpacked archive, everything but what builds make.</summary>
    private static IEnumerable<string> Paths()
    {
        if (Path.Exists(Path.Combine(Repository.Root, ".git")))
        {
            try
            {
                using var git = Process.Start(new ProcessStartInfo("git", ["-c", "safe.directory=*", "-C", Repository.Root, "ls-files", "-z"]) { RedirectStandardOutput = true })!;
                var tracked = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries);
                git.WaitForExit();
                if (git.ExitCode == 0 && tracked.Length > 0)
                {
                    return tracked;
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // No git on this machine.
            }
        }

        return Directory.EnumerateFiles(Repository.Root, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(NotTracked.Contains));
    }

    private sealed record TextFile(string Path, string Text);
}
