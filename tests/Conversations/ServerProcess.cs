using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Domicile.Tests.Server;

namespace Domicile.Tests.Conversations;

/// <summary>The real program in a process of its own, on a data directory of its own.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>More than a stop takes, by far: its requests have four seconds, and the machine is busy with others.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    private readonly string folder = Directory.CreateTempSubdirectory("domicile-conversations-").FullName;
    private string? tracedCalls;
    private bool withDiagnostics;
    private Process? process;
    private Task drained = Task.CompletedTask;
    private ProcessDatabases? databases;

    private ServerProcess()
    {
        Directory.CreateDirectory(Temporary);
    }

    /// <summary>Whether servers keep their records in PostgreSQL: a second run of the same tests (<c>DOMICILE_TEST_STORE=postgres</c>).</summary>
    public static bool OnPostgres => Environment.GetEnvironmentVariable("DOMICILE_TEST_STORE") == "postgres";

    /// <summary>The data directory.</summary>
    public string Data => Path.Combine(folder, "data");

    /// <summary>Where everything lies that the program may have written: its data and its temporary files, and the files of its databases.</summary>
    public IReadOnlyList<string> Everything => databases is null ? [folder] : [folder, databases.Folder];

    /// <summary>What clients are to trust.</summary>
    public string CertificateAuthority => Path.Combine(Data, "ca.pem");

    /// <summary>The ready resources, read when the server first stood.</summary>
    public IReadOnlyList<DemoResource> Resources { get; private set; } = [];

    /// <summary>The resource that a test uses when it does not matter which.</summary>
    public DemoResource Europe => In("Europe");

    /// <summary>Standard output and error of every run so far.</summary>
    public CapturedOutput Output { get; } = new();

    private string Temporary => Path.Combine(folder, "tmp");

    private string ConnectionStringsFile => Path.Combine(Data, "connection-strings.json");

    /// <summary>
    /// Starts a server on a new data directory, and waits until it is ready. Its ports are not those that the kernel gives to connections: while it is down between two starts, somebody's
    /// connection would have one of them now and then.
    /// </summary>
    /// <param name="manyResources">Whether it gets more resources than have room above a base port; the kernel chooses its ports then.</param>
    public static async Task<ServerProcess> Start(bool manyResources = false)
    {
        var server = new ServerProcess();
        try
        {
            if (OnPostgres)
            {
                server.databases = await ProcessDatabases.Make(Path.Combine(server.folder, "postgres"));
            }

            await server.Run("--port", manyResources ? "0" : PortRange.Base().ToString(CultureInfo.InvariantCulture));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Starts a server whose system calls are written down from its first on. The tracer stands beside it (<c>-D</c>), so that it is stopped and judged like any other.
    /// </summary>
    /// <param name="calls">Which calls, as strace names them.</param>
    /// <param name="withDiagnostics">Whether the runtime opens its diagnostics port, which the launcher turns off.</param>
    public static async Task<ServerProcess> StartTraced(string calls, bool withDiagnostics)
    {
        var server = new ServerProcess { tracedCalls = calls, withDiagnostics = withDiagnostics };
        try
        {
            await server.Run("--port", "0");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The trace of a server that was stopped, once the tracer has written its end.</summary>
    public async Task<IReadOnlyList<string>> Trace()
    {
        var file = Path.Combine(folder, "trace");
        await Eventually.Holds(
            () => Task.FromResult(File.ReadLines(file).LastOrDefault()?.Contains("+++ exited", StringComparison.Ordinal) == true), StartLimit, () => "the trace is whole.");
        return await File.ReadAllLinesAsync(file);
    }

    public DemoResource In(string geography) => Resources.Single(resource => resource.Geography == geography);

    /// <summary>Starts again on the same directory; the ports are those that the directory remembers.</summary>
    public Task StartAgain() => Run();

    /// <summary>Asks the server to stop, as an operating system does, and insists on a clean end.</summary>
    public async Task Stop()
    {
        var stopping = process ?? throw new InvalidOperationException("The server does not run.");
        Assert.Equal(0, Kill(stopping.Id, Terminate));
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await stopping.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The server did not stop. It said:\n{Output.Text}");
        }

        await drained;
        Assert.True(stopping.ExitCode == 0, $"The server ended with code {stopping.ExitCode}. It said:\n{Output.Text}");
        Forget();
    }

    /// <summary>Copies a row of one geography into another behind the back of the server, which is stopped.</summary>
    public async Task CopyRow(string table, string from, string to)
    {
        if (databases is not null)
        {
            await databases.CopyRow(table, from, to);
            return;
        }

        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Data, to, "data.db"), readOnly: false);
        session.Execute($"ATTACH '{Path.Combine(Data, from, "data.db")}' AS source");
        session.Execute($"INSERT INTO main.{table} SELECT * FROM source.{table} LIMIT 1");
    }

    /// <summary>Ends the server without a warning, as a power cut would.</summary>
    public async Task KillAtOnce()
    {
        if (process is { } running)
        {
            running.Kill();
            await running.WaitForExitAsync();
            await drained;
            Forget();
        }
    }

    /// <summary>Runs another command of the program and returns what it printed.</summary>
    public async Task<string> Command(params string[] arguments)
    {
        var (exitCode, output, errors) = await Try(arguments);
        Assert.True(exitCode == 0, $"domicile {string.Join(' ', arguments)} ended with code {exitCode}:\n{output}{errors}");
        return output;
    }

    /// <summary>Runs another command of the program, which may fail, and returns what it ended with and printed.</summary>
    public async Task<(int ExitCode, string Output)> TryCommand(params string[] arguments)
    {
        var (exitCode, output, errors) = await Try(arguments);
        return (exitCode, output + errors);
    }

    /// <summary>Runs another command of the program, which may fail.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> Try(params string[] arguments)
    {
        using var command = Process.Start(Describe(arguments))!;
        var output = new CapturedOutput();
        var errors = new CapturedOutput();
        await Task.WhenAll(
            output.Drain(command.StandardOutput.BaseStream),
            errors.Drain(command.StandardError.BaseStream),
            command.WaitForExitAsync());
        return (command.ExitCode, output.Text, errors.Text);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAtOnce();
        if (databases is not null)
        {
            await databases.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);

    private async Task Run(params string[] more)
    {
        var start = Describe(["serve", "--data", Data, .. databases?.Arguments ?? [], .. more]);
        if (tracedCalls is not null)
        {
            string[] tracer = ["-D", "-f", "-y", "-s", "256", "-e", "signal=none", "-e", tracedCalls, "-o", Path.Combine(folder, "trace"), start.FileName];
            foreach (var (at, argument) in tracer.Index())
            {
                start.ArgumentList.Insert(at, argument);
            }

            start.FileName = "strace";
            start.Environment["DOTNET_EnableDiagnostics"] = withDiagnostics ? "1" : "0";
        }

        process = Process.Start(start)!;
        drained = Task.WhenAll(
            Output.Drain(process.StandardOutput.BaseStream),
            Output.Drain(process.StandardError.BaseStream));
        await Eventually.Holds(IsReady, StartLimit, () => $"the server is ready. It said:\n{Output.Text}");
    }

    private ProcessStartInfo Describe(IEnumerable<string> arguments)
    {
        Assert.True(File.Exists(Repository.Program), $"{Repository.Program} has not been built.");
        var start = new ProcessStartInfo("dotnet", [Repository.Program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        // What the program might put aside is looked through like its data.
        start.Environment["TMPDIR"] = Temporary;
        return start;
    }

    private async Task<bool> IsReady()
    {
        if (process!.HasExited)
        {
            await drained;
            Assert.Fail($"The server ended with code {process.ExitCode} before it was ready. It said:\n{Output.Text}");
        }

        if (Resources.Count == 0)
        {
            Resources = ReadConnectionStrings();
        }

        return Resources.Count > 0 && (await Task.WhenAll(Resources.Select(Answers))).All(answers => answers);
    }

    private async Task<bool> Answers(DemoResource resource)
    {
        try
        {
            using var wire = new Wire(resource, CertificateAuthority);
            return (await wire.Send(HttpMethod.Get, "/.well-known/jwks.json")).Status == 200;
        }
        catch (Exception notYet) when (notYet is HttpRequestException or IOException or SocketException)
        {
            return false;
        }
    }

    private IReadOnlyList<DemoResource> ReadConnectionStrings()
    {
        try
        {
            return JsonSerializer.Deserialize<DemoResource[]>(File.ReadAllBytes(ConnectionStringsFile), Web) ?? [];
        }
        catch (Exception notYet) when (notYet is IOException or JsonException)
        {
            return [];
        }
    }

    private void Forget()
    {
        process?.Dispose();
        process = null;
    }
}
