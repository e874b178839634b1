using System.Diagnostics;

namespace Domicile.Tests.Conversations;

/// <summary>The sample with Microsoft's own chat component, driven in a real browser. Its packages are large, so it is not part of every run.</summary>
[Trait("needs", "node")]
[Trait("needs", "chromium")]
[Trait("length", "long")]
public sealed class TwoWindowsTests(SharedServer shared) : Conversation
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);
    private static readonly Lazy<Task> Packages = new(Install);

    [Fact]
    public Task Two_people_see_each_other_type_and_write_each_message_once() => GoesWell();

    private protected override async Task<ScriptSummary> Played()
    {
        await Packages.Value;
        return await shared.Play("two-windows.mjs");
    }

    private static async Task Install()
    {
        var sample = Path.Combine(Repository.Root, "samples", "two-windows");
        var receipt = new FileInfo(Path.Combine(sample, "node_modules", ".package-lock.json"));
        if (receipt.Exists && receipt.LastWriteTimeUtc >= File.GetLastWriteTimeUtc(Path.Combine(sample, "package-lock.json")))
        {
            return;
        }

        using var npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-progress", "--no-audit", "--no-fund"])
        {
            WorkingDirectory = sample,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = new CapturedOutput();
        using var limit = new CancellationTokenSource(Limit);
        await Task.WhenAll(output.Drain(npm.StandardOutput.BaseStream), output.Drain(npm.StandardError.BaseStream), npm.WaitForExitAsync(limit.Token));
        Assert.True(npm.ExitCode == 0, output.Text);
    }
}
