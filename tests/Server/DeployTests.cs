using System.Diagnostics;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>What is in deploy/ does what it says: with the real HAProxy, in front of the real program.</summary>
[Trait("needs", "haproxy")]
public sealed class DeployTests(ProductionServer server) : IClassFixture<ProductionServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Deploy(string name) => Path.Combine(Repository.Root, "deploy", "two-nodes", name);

    [Fact]
    public async Task The_front_passes_a_host_to_the_node_that_is_ready_and_leaves_out_those_that_are_not()
    {
        // The second front asks the same node how it is at an origin of another geography, which does not answer for this one.
        await using var front = await Haproxy.Start(Deploy("haproxy.cfg"), Variables(health: server.Port + 2, out var port));
        await using var wrong = await Haproxy.Start(Deploy("haproxy.cfg"), Variables(health: server.Port + 3, out var wrongPort));
        await front.Says("Server nodes/a is DOWN");
        await wrong.Says("Server nodes/b is DOWN");

        // Both have asked as often.
        foreach (var name in (string[])["contoso.europe.test", "fabrikam.europe.test", "tailspin.europe.test", "wingtip.europe.test"])
        {
            Assert.InRange((await server.Send(name, "GET", "/", port: port)).Status, 200, 499);
            await Assert.ThrowsAnyAsync<Exception>(() => server.Send(name, "GET", "/", port: wrongPort));
        }

        // Another geography's host ends at the front, before any node sees it.
        await Assert.ThrowsAnyAsync<Exception>(() => server.Send("contoso.india.test", "GET", "/", port: port));
    }

    private Dictionary<string, string> Variables(int health, out int front)
    {
        front = PortRange.Base();
        return new()
        {
            ["FRONT"] = $"127.0.0.1:{front}",
            ["DOMAIN"] = "europe.test",
            ["AUTHORITY"] = server.Authority,
            ["NODE_A"] = $"127.0.0.1:{front + 1}",
            ["HEALTH_A"] = $"127.0.0.1:{front + 2}",
            ["NODE_B"] = $"127.0.0.1:{server.FrontPort}",
            ["HEALTH_B"] = $"127.0.0.1:{health}",
        };
    }

    [Fact]
    public async Task The_example_of_two_nodes_writes_configurations_that_are_read()
    {
        using var directory = new TemporaryDirectory();
        using var start = Process.Start(new ProcessStartInfo(Deploy("start"), ["--port", "9000", "--prepare", directory.Path]) { RedirectStandardError = true })!;
        var errors = await start.StandardError.ReadToEndAsync(Cancel);
        await start.WaitForExitAsync(Cancel);
        Assert.True(start.ExitCode == 0, errors);
        var (a, b) = (OptionsReader.Read(directory["node-a.json"], []), OptionsReader.Read(directory["node-b.json"], []));
        var europe = Geography.Parse("Europe");
        Assert.NotEqual(a.Data, b.Data);
        Assert.Equal(a.Geographies[europe].RootKey, b.Geographies[europe].RootKey);
        Assert.Equal(a.Geographies[europe].Stores, b.Geographies[europe].Stores);
        Assert.True(a.Geographies[europe].Stores[0].Postgres!.Store("a").Keys.HasPassword);
        Assert.Equal([9001, 9011], a.Listeners().Select(listener => listener.Address.Port));
        Assert.Equal([9002, 9012], b.Listeners().Select(listener => listener.Address.Port));
        using var certificates = ServerCertificates.FromFiles(a.CertificateFiles(), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ServerCertificates>.Instance);
        ServerHost.CheckProduction(a, certificates);
    }

    /// <summary>The real HAProxy, which ends when the pipe to its guard does.</summary>
    internal sealed class Haproxy : IAsyncDisposable
    {
        private const string Guard = """
            "$@" </dev/null & proxy=$!
            read -r _
            kill -KILL "$proxy"
            """;

        private readonly Process _guard;
        private readonly CapturedOutput _said = new();
        private readonly Task _hearing;

        private Haproxy(Process guard) => (_guard, _hearing) = (guard, _said.Drain(guard.StandardError.BaseStream));

        public static async Task<Haproxy> Start(string configuration, Dictionary<string, string> variables)
        {
            var program = File.Exists("/usr/sbin/haproxy") ? "/usr/sbin/haproxy" : "haproxy";
            using (var check = Launch(program, "-c", "-q", "-f", configuration))
            {
                var said = await check.StandardError.ReadToEndAsync(Cancel);
                await check.WaitForExitAsync(Cancel);
                Assert.True(check.ExitCode == 0, said);
            }

            return new Haproxy(Launch("/bin/sh", "-c", Guard, "guard", program, "-db", "-f", configuration));

            Process Launch(string name, params string[] arguments)
            {
                var start = new ProcessStartInfo(name, arguments) { RedirectStandardError = true, RedirectStandardInput = true };
                foreach (var (variable, value) in variables)
                {
                    start.Environment[variable] = value;
                }

                return Process.Start(start)!;
            }
        }

        /// <summary>How much it has said.</summary>
        public int Said => _said.Text.Length;

        /// <summary>Waits until it says something.</summary>
        /// <param name="text">That.</param>
        /// <param name="after">How much it had said before: there it is not looked for.</param>
        public Task Says(string text, int after = 0) => Eventually.Holds(
            () => Task.FromResult(_said.Text.IndexOf(text, after, StringComparison.Ordinal) >= 0), TimeSpan.FromSeconds(60), () => $"HAProxy says '{text}'. It said:\n{_said.Text[after..]}");

        public async ValueTask DisposeAsync()
        {
            _guard.StandardInput.Close();
            await _guard.WaitForExitAsync(CancellationToken.None);
            await _hearing;
            _guard.Dispose();
        }
    }
}
