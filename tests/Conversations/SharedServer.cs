using System.Collections.Concurrent;

[assembly: AssemblyFixture(typeof(Domicile.Tests.Conversations.SharedServer))]

namespace Domicile.Tests.Conversations;

/// <summary>
/// One server for all tests that do not stop it, started by the first that asks. Each test makes its own users, so none
/// minds the others. A script is played once, however many tests look at its scenarios.
/// </summary>
public sealed class SharedServer : IAsyncDisposable
{
    private readonly Lazy<Task<ServerProcess>> server = new(() => Task.Run(() => ServerProcess.Start()));
    private readonly ConcurrentDictionary<string, Lazy<Task<ScriptSummary>>> played = new();

    internal Task<ServerProcess> Server => server.Value;

    public async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully)
        {
            await (await server.Value).DisposeAsync();
        }
    }

    /// <summary>A connection to a resource of the shared server.</summary>
    internal async Task<Wire> Wire(string geography = "Europe")
    {
        var running = await Server;
        return new Wire(running.In(geography), running.CertificateAuthority);
    }

    /// <summary>What became of a script's scenarios; the first to ask has it played.</summary>
    internal Task<ScriptSummary> Play(string script, Func<ServerProcess, Task<IReadOnlyDictionary<string, string>>>? environment = null, bool isBrowser = false) =>
        played.GetOrAdd(script, name => new(() => Task.Run(async () =>
        {
            var running = await Server;
            return await NodeScript.Play(name, running, environment is null ? null : await environment(running), isBrowser);
        }))).Value;
}
