using System.Diagnostics;

namespace Domicile.Cli.Doctor;

/// <summary>The machine as its own files describe it. Below another root, for a machine that is only imagined.</summary>
/// <param name="root">The directory that stands for <c>/</c>.</param>
internal sealed class Machine(string root = "/")
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>A small file of the system, trimmed; null when it is not there or not for us.</summary>
    public string? Read(string path)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, path.TrimStart('/'))).Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>A limit of this process from <c>/proc/self/limits</c>, soft and hard; null for none (unlimited) and when it cannot be told.</summary>
    public (long? Soft, long? Hard)? Limit(string name)
    {
        var line = Read("/proc/self/limits")?.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        var cells = line?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return cells is [var soft, var hard, ..] ? (Number(soft), Number(hard)) : null;
    }

    /// <summary>What a program of the system prints, trimmed; null when there is no such program or it does not succeed in 3 seconds.</summary>
    public async Task<string?> Run(string program, string[] arguments, CancellationToken cancel)
    {
        if (root != "/")
        {
            return null;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            try
            {
                var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
                await process.WaitForExitAsync(patience.Token);
                return process.ExitCode == 0 ? output.Trim() : null;
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                cancel.ThrowIfCancellationRequested();
                return null;
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static long? Number(string cell) =>
        long.TryParse(cell, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : null;
}
