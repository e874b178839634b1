using System.Diagnostics;

namespace Domicile.Bench.EndToEnd;

/// <summary>A server in a process of its own, on a data directory of its own that goes with it.</summary>
internal abstract class ServerUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    protected ServerUnderTest(string settings, string program, params string[] arguments)
    {
        Data = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        var start = new ProcessStartInfo("dotnet", [program, .. arguments, "--data", Data]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var setting in settings.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = setting.Split('=', 2);
            start.Environment[parts[0]] = parts[1];
        }

        Process = Process.Start(start)!;
    }

    public Process Process { get; }

    public string Data { get; }

    public abstract int Port { get; }

    /// <summary>Authority and port as clients put them into the Host header.</summary>
    public string Host => $"localhost:{Port}";

    public string Trust => Path.Combine(Data, "ca.pem");

    /// <summary>Connects to it.</summary>
    public Task<LeanConnection> Connect() => LeanConnection.Open(Port, "localhost", LeanConnection.Trust(Trust));

    /// <summary>Runs the load generator against it, in a process of its own.</summary>
    public async Task<LoadResult> Load(string requests, int connections, int seconds, int warm = 2)
    {
        string[] arguments =
        [
            Repository.Bench, "load", "--requests", requests, "--port", $"{Port}", "--trust", Trust, "--server", $"{Process.Id}",
            "--connections", $"{connections}", "--seconds", $"{seconds}", "--warm", $"{warm}",
        ];
        using var load = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        var line = await load.StandardOutput.ReadToEndAsync();
        await load.WaitForExitAsync();
        var result = load.ExitCode == 0
            ? System.Text.Json.JsonSerializer.Deserialize(line, LoadJson.Default.LoadResult)!
            : throw new InvalidOperationException($"The load generator ended with {load.ExitCode}.");
        return result.Errors == 0 ? result : throw new InvalidOperationException($"{result.Errors} answers were not 201.");
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        using var limit = new CancellationTokenSource(StopLimit);
        await Process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!Process.HasExited)
        {
            Process.Kill();
            await Process.WaitForExitAsync();
        }

        Process.Dispose();
        Directory.Delete(Data, recursive: true);
    }

    protected abstract Task Stop();
}

/// <summary>The hand-written server.</summary>
internal sealed class BaselineProcess : ServerUnderTest
{
    private readonly int _port;

    private BaselineProcess(string settings, params string[] arguments)
        : base(settings, Repository.Bench, arguments)
    {
        _port = int.Parse(Process.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    public override int Port => _port;

    /// <summary>Starts it.</summary>
    /// <param name="settings">Variables for it.</param>
    /// <param name="postgres">A file with the connection to an empty database, or null for a file of SQLite.</param>
    public static BaselineProcess Start(string settings, string? postgres = null) => postgres is null ? new(settings, "baseline-server") : new(settings, "baseline-server", "--postgres", postgres);

    /// <summary>Starts the one for customers' acts: <see cref="PlainMixServer"/>.</summary>
    public static BaselineProcess StartMix() => new("", "plain-mix-server");

    protected override Task Stop()
    {
        Process.StandardInput.Close();
        return Task.CompletedTask;
    }
}

/// <summary>Where things lie in the source tree.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Bench { get; } = typeof(Repository).Assembly.Location;

    /// <summary>The built program.</summary>
    public static string Program { get; } = Path.Combine(Root, "src/Cli/bin/Release/net10.0/publish/domicile.dll");

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Domicile.slnx")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new InvalidOperationException("The benchmarks run from their source tree.");
    }
}
