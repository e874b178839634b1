using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>
/// A server as the test-suite of an application starts one: <c>serve --ephemeral</c>, known by the line that it prints. It keeps its records in files; where a test is about
/// the store, <see cref="StartOnEitherEngine"/>.
/// </summary>
internal sealed class EphemeralServer : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);
    private readonly Process? _process;
    private readonly ServerProcess? _development;
    private readonly CapturedOutput _errors = new();
    private readonly Task _drained = Task.CompletedTask;
    private readonly JsonElement _ready;
    private readonly Wire _administration;

    private EphemeralServer(Process process, Task drained, CapturedOutput errors, string line)
        : this(line) => (_process, _drained, _errors) = (process, drained, errors);

    private EphemeralServer(ServerProcess development, string line)
        : this(line) => _development = development;

    private EphemeralServer(string line)
    {
        Line = line;
        _ready = JsonElement.Parse(line);
        var administration = _ready.GetProperty("administration")[0];
        Geography = administration.GetProperty("geography").GetString()!;
        Token = administration.GetProperty("token").GetString()!;
        _administration = new Wire(new DemoResource(Geography, "administration", administration.GetProperty("endpoint").GetString()!, ""), CertificateAuthority);
        var resource = _ready.GetProperty("resources")[0];
        Resource = new DemoResource(Geography, "demo", resource.GetProperty("endpoint").GetString()!, resource.GetProperty("connectionString").GetString()!);
    }

    public string Line { get; }

    public string Geography { get; }

    public string Directory => _ready.GetProperty("directory").GetString()!;

    public string CertificateAuthority => _ready.GetProperty("certificateAuthority").GetString()!;

    public string Token { get; }

    public DemoResource Resource { get; }

    public static async Task<EphemeralServer> Start(params string[] more)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", [Repository.Program, "serve", "--ephemeral", .. more]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = new CapturedOutput();
        var drained = errors.Drain(process.StandardError.BaseStream);
        using var limit = new CancellationTokenSource(StartLimit);
        var line = await process.StandardOutput.ReadLineAsync(limit.Token);
        if (line is null)
        {
            await drained;
            throw new InvalidOperationException($"The server ended before it was ready: {errors.Text}");
        }

        return new EphemeralServer(process, drained, errors, line);
    }

    /// <summary>In the run of the tests on PostgreSQL a server of development mode on that, which can be asked for the same; else one as <see cref="Start"/> starts it.</summary>
    public static async Task<EphemeralServer> StartOnEitherEngine(string geography)
    {
        if (!ServerProcess.OnPostgres)
        {
            return await Start("--geography", geography);
        }

        var server = await ServerProcess.Start();
        try
        {
            var minted = JsonElement.Parse(await server.Command("token", "--role", "owner", "--geography", geography, "--minutes", "600", "--json", "--data", server.Data));
            var (endpoint, token) = (minted.GetProperty("endpoint").GetString(), minted.GetProperty("token").GetString());
            return new EphemeralServer(server, JsonSerializer.Serialize(new
            {
                directory = server.Data,
                certificateAuthority = server.CertificateAuthority,
                resources = new[] { new { endpoint = server.In(geography).Endpoint, connectionString = server.In(geography).ConnectionString } },
                administration = new[] { new { geography, endpoint, token } },
            }));
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks the administration origin, with the token of the line.</summary>
    public async Task<JsonElement> Ask(HttpMethod method, string target, object? body = null, int expected = 200)
    {
        var answer = (await _administration.AsUser(Token, method, target, body)).Is(expected);
        return answer.Body.Length == 0 ? default : answer.Json;
    }

    public Task<JsonElement> Fault(object fault) => Ask(HttpMethod.Post, "/test/faults", fault, 201);

    public Wire Wire() => new(Resource, CertificateAuthority);

    public async Task<string> Command(params string[] arguments)
    {
        using var command = Process.Start(new ProcessStartInfo("dotnet", [Repository.Program, .. arguments, "--data", Directory]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (new CapturedOutput(), new CapturedOutput());
        await Task.WhenAll(output.Drain(command.StandardOutput.BaseStream), errors.Drain(command.StandardError.BaseStream), command.WaitForExitAsync());
        Assert.True(command.ExitCode == 0, $"domicile {string.Join(' ', arguments)} ended with code {command.ExitCode}:\n{output.Text}{errors.Text}");
        return output.Text;
    }

    /// <summary>Asks it to stop.</summary>
    public async Task Stop()
    {
        if (_process is null)
        {
            await _development!.Stop();
            return;
        }

        Assert.Equal(0, Kill(_process.Id, Terminate));
        using var limit = new CancellationTokenSource(StopLimit);
        await _process.WaitForExitAsync(limit.Token);
        await _drained;
        Assert.True(_process.ExitCode == 0, $"The server ended with code {_process.ExitCode}: {_errors.Text}");
    }

    public async ValueTask DisposeAsync()
    {
        _administration.Dispose();
        if (_development is not null)
        {
            await _development.DisposeAsync();
        }

        if (_process is { HasExited: false })
        {
            await Stop();
        }

        _process?.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
