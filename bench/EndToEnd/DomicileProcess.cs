using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Domicile.Bench.EndToEnd;

/// <summary>The real program, spoken to from outside as applications do.</summary>
internal sealed class DomicileProcess : ServerUnderTest
{
    private readonly string _program;
    private AcsClient? _client;

    private DomicileProcess(string program, string settings, string? postgres)
        : base(settings, program, postgres is null ? ["serve", "--port", "0"] : ["serve", "--port", "0", "--postgres", postgres])
    {
        _program = program;
    }

    public override int Port => Client.Endpoint.Port;

    public AcsClient Client => _client!;

    /// <summary>From the start of the process to its first answer.</summary>
    public TimeSpan FirstAnswer { get; private set; }

    /// <summary>Starts the program and waits for its first answer.</summary>
    /// <param name="program">The built program.</param>
    /// <param name="settings">Variables for it.</param>
    /// <param name="postgres">A file with the connection after which its databases are named, or null for SQLite.</param>
    public static async Task<DomicileProcess> Start(string program, string settings = "", string? postgres = null)
    {
        var watch = Stopwatch.StartNew();
        var server = new DomicileProcess(program, settings, postgres);
        await server.Open(watch);
        return server;
    }

    /// <summary>Changes settings of the resource, as an administrator does.</summary>
    public Task Settings(params string[] change) => Command(["resource", "settings", "set", "demo", .. change]);

    /// <summary>Runs a command against it.</summary>
    public async Task Command(params string[] words)
    {
        string[] command = [_program, .. words, "--geography", "Europe", "--data", Data];
        using var setting = Process.Start(new ProcessStartInfo("dotnet", command) { RedirectStandardOutput = true })!;
        await setting.StandardOutput.ReadToEndAsync();
        await setting.WaitForExitAsync();
        if (setting.ExitCode != 0)
        {
            throw new InvalidOperationException($"The settings were not changed: {setting.ExitCode}.");
        }
    }

    /// <inheritdoc cref="AcsClient.MakeUsers"/>
    public Task<IReadOnlyList<User>> MakeUsers(int count) => Client.MakeUsers(count);

    /// <inheritdoc cref="AcsClient.MakeThreads"/>
    public Task<IReadOnlyList<MadeThread>> MakeThreads(IReadOnlyList<User> users, int count, int members) => Client.MakeThreads(users, count, members);

    /// <inheritdoc cref="AcsClient.SendRequests"/>
    public IEnumerable<byte[]> SendRequests(IReadOnlyList<MadeThread> threads, int senders, int bodyBytes) => Client.SendRequests(threads, senders, bodyBytes);

    protected override async Task Stop()
    {
        _client?.Dispose();
        using var kill = Process.Start("kill", ["-TERM", Process.Id.ToString(CultureInfo.InvariantCulture)])!;
        await kill.WaitForExitAsync();
    }

    private async Task Open(Stopwatch watch)
    {
        var file = Path.Combine(Data, "connection-strings.json");
        var connection = "";
        while (connection.Length == 0 && !Process.HasExited)
        {
            try
            {
                connection = (string)JsonNode.Parse(await File.ReadAllTextAsync(file))!.AsArray().First(entry => (string)entry!["geography"]! == "Europe")!["connectionString"]!;
            }
            catch (Exception notYet) when (notYet is IOException or System.Text.Json.JsonException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5));
            }
        }

        _client = new AcsClient(connection, Trust);
        while (!await _client.Answers())
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(30))
            {
                throw new InvalidOperationException("The server does not answer.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        FirstAnswer = watch.Elapsed;
    }
}
