using System.Diagnostics;

namespace Domicile.Tests.Conversations;

/// <summary>The client packages of the lockfile, put in place once, as their maker publishes them.</summary>
internal static class NodePackages
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private static readonly Lazy<Task> Restored = new(() => Task.Run(Restore));

    public static string Folder { get; } = Path.Combine(Repository.Scripts, "node_modules");

    private static string Lockfile => Path.Combine(Repository.Scripts, "package-lock.json");

    /// <summary>Written by npm when it is done.</summary>
    private static string Receipt => Path.Combine(Folder, ".package-lock.json");

    private static string Turn => Path.Combine(Repository.Root, "tests", "obj", "node-packages.lock");

    private static bool InPlace =>
        File.Exists(Receipt) && File.GetLastWriteTimeUtc(Receipt) >= File.GetLastWriteTimeUtc(Lockfile);

    public static Task Ready() => Restored.Value;

    private static async Task Restore()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Turn)!);
        FileStream? turn = null;
        // Two test runs of one working tree take turns.
        await Eventually.Holds(() => Task.FromResult(TryTakeTurn(out turn)), Limit, () => "another run has restored the packages");
        await using (turn)
        {
            if (!InPlace)
            {
                await Install();
            }
        }
    }

    private static bool TryTakeTurn(out FileStream? turn)
    {
        try
        {
            turn = new FileStream(Turn, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return true;
        }
        catch (IOException)
        {
            turn = null;
            return false;
        }
    }

    private static async Task Install()
    {
        using var npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-progress"])
        {
            WorkingDirectory = Repository.Scripts,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = new CapturedOutput();
        using var limit = new CancellationTokenSource(Limit);
        await Task.WhenAll(
            output.Drain(npm.StandardOutput.BaseStream),
            output.Drain(npm.StandardError.BaseStream),
            npm.WaitForExitAsync(limit.Token));
        if (npm.ExitCode != 0)
        {
            throw new InvalidOperationException($"npm ci in {Repository.Scripts} failed:\n{output.Text}");
        }
    }
}
