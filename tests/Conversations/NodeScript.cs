using System.Diagnostics;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>Runs a script on the unmodified clients against a server.</summary>
internal static class NodeScript
{
    private const string Summary = "#summary ";
    private const string Pause = "#pause ";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    /// <summary>Plays a script of scenarios and returns what became of each.</summary>
    /// <param name="script">The file's name.</param>
    /// <param name="server">The server that the people of the script talk through.</param>
    /// <param name="environment">What the script is to know beyond the connection strings.</param>
    /// <param name="isBrowser">Whether the script is played with the packages' builds for browsers.</param>
    /// <param name="onPause">Called with its name when the script pauses; it goes on when this is done.</param>
    public static Task<ScriptSummary> Play(
        string script, ServerProcess server, IReadOnlyDictionary<string, string>? environment = null, bool isBrowser = false, Func<string, Task>? onPause = null) =>
        Play(script, server.CertificateAuthority, server.Europe, server.Resources, environment, isBrowser, onPause);

    /// <summary>The same against whatever serves some resources.</summary>
    public static async Task<ScriptSummary> Play(
        string script,
        string authority,
        DemoResource here,
        IReadOnlyList<DemoResource> resources,
        IReadOnlyDictionary<string, string>? environment = null,
        bool isBrowser = false,
        Func<string, Task>? onPause = null)
    {
        ScriptSummary? summary = null;
        var (_, output) = await Run(Path.Combine(Repository.Scripts, script), authority, here, resources, environment, isBrowser, async (line, reply) =>
        {
            if (line.StartsWith(Summary, StringComparison.Ordinal))
            {
                summary = JsonSerializer.Deserialize<ScriptSummary>(line[Summary.Length..], Web);
            }
            else if (line.StartsWith(Pause, StringComparison.Ordinal))
            {
                await (onPause ?? throw new InvalidOperationException($"{script} pauses, and nobody waits for it."))(line[Pause.Length..]);
                await reply.WriteLineAsync("go on");
                await reply.FlushAsync();
            }
        });
        return summary ?? throw new InvalidOperationException($"{script} came to no end:\n{output}");
    }

    /// <summary>Runs any script to its end.</summary>
    /// <returns>Its exit code and everything that it printed.</returns>
    public static Task<(int ExitCode, string Output)> Run(string path, ServerProcess server) =>
        Run(path, server.CertificateAuthority, server.Europe, server.Resources, null, isBrowser: false, null);

    private static async Task<(int ExitCode, string Output)> Run(
        string path,
        string authority,
        DemoResource here,
        IReadOnlyList<DemoResource> resources,
        IReadOnlyDictionary<string, string>? environment,
        bool isBrowser,
        Func<string, StreamWriter, Task>? onLine)
    {
        await NodePackages.Ready();
        var start = new ProcessStartInfo("node", isBrowser ? ["--conditions=browser", "--import", "./browser-globals.mjs", path] : [path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(path),
        };
        start.Environment["NODE_EXTRA_CA_CERTS"] = authority;
        start.Environment["CONNECTION_STRING"] = here.ConnectionString;
        start.Environment["CONNECTION_STRINGS"] = JsonSerializer.Serialize(resources, Web);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var node = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        using var stop = limit.Token.Register(() => node.Kill(entireProcessTree: true));
        var lines = new List<string>();
        var errors = new CapturedOutput();
        var draining = errors.Drain(node.StandardError.BaseStream);
        try
        {
            while (await node.StandardOutput.ReadLineAsync(CancellationToken.None) is { } line)
            {
                lines.Add(line);
                if (onLine is not null)
                {
                    await onLine(line, node.StandardInput);
                }
            }

            await node.WaitForExitAsync(CancellationToken.None);
        }
        finally
        {
            node.Kill(entireProcessTree: true);
            await draining;
        }

        var output = string.Join('\n', lines) + '\n' + errors.Text;
        return limit.IsCancellationRequested
            ? throw new TimeoutException($"{Path.GetFileName(path)} took longer than {Limit.TotalSeconds} s:\n{output}")
            : (node.ExitCode, output);
    }
}
