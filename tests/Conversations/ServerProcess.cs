using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>The real program in a process of its own, on a data directory of its own.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    private readonly string folder = Directory.CreateTempSubdirectory("domicile-conversations-").FullName;
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

    /// <summary>Starts a server on a new data directory, on free ports, and waits until it is ready.</summary>
    public static async Task<ServerProcess> Start()
    {
        var server = new ServerProcess();
        try
        {
            if (OnPostgres)
            {
                server.databases = await ProcessDatabases.Make(Path.Combine(server.folder, "postgres"));
            }

            await server.Run("--port", "0");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public DemoResource In(string geography) => Resources.Single(resource => resource.Geography == geography);

    /// <summary>Starts again on the same directory; the ports are those that the directory remembers.</summary>
    public Task StartAgain() => Run();

    /// <summary>Asks the server to stop, as an operating system does, and insists on a clean end within 5 s.</summary>
    public async Task Stop()
    {
        var stopping = process ?? throw new InvalidOperationException("The server does not run.");
        var watch = Stopwatch.StartNew();
        Assert.Equal(0, Kill(stopping.Id, Terminate));
        using var limit = new CancellationTokenSource(StopLimit + StopLimit);
        try
        {
            await stopping.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The server did not stop. It said:\n{Output.Text}");
        }

        Assert.True(watch.Elapsed <= StopLimit, $"The server took {watch.Elapsed} to stop.");
        await drained;
        Assert.True(stopping.ExitCode == 0, $"The server ended with code {stopping.ExitCode}. It said:\n{Output.Text}");
        Forget();
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
        using var command = Process.Start(Describe(arguments))!;
        var output = new CapturedOutput();
        var errors = new CapturedOutput();
        await Task.WhenAll(
            output.Drain(command.StandardOutput.BaseStream),
            errors.Drain(command.StandardError.BaseStream),
            command.WaitForExitAsync());
        Assert.True(
            command.ExitCode == 0,
            $"domicile {string.Join(' ', arguments)} ended with code {command.ExitCode}:\n{output.Text}{errors.Text}");
        return output.Text;
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
        process = Process.Start(Describe(["serve", "--data", Data, .. databases?.Arguments ?? [], .. more]))!;
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
