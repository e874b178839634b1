using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Server;

/// <summary>The example of deploy/two-nodes: two real nodes on PostgreSQL behind the real HAProxy.</summary>
public class TwoNodes : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, ProgramRun> _nodes = [];
    private readonly Dictionary<string, string> _databases = [];
    private readonly int _port = PortRange.Base();
    private DeployTests.Haproxy? _front;
    private CuttableRelay? _lineOfB;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What clients are to trust.</summary>
    internal string Authority => _directory["authority.pem"];

    /// <summary>A resource that both nodes serve.</summary>
    internal DemoResource Contoso { get; private set; } = null!;

    /// <summary>The same resource with its other access key.</summary>
    internal string SecondConnectionString { get; private set; } = "";

    /// <summary>Its neighbour.</summary>
    internal DemoResource Fabrikam { get; private set; } = null!;

    private static string Deploy(string name) => Path.Combine(Repository.Root, "deploy", "two-nodes", name);

    public async ValueTask InitializeAsync()
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        foreach (var name in (string[])["data", "keys"])
        {
            _databases[$"DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__POSTGRES__{name.ToUpperInvariant()}"] = await cluster.NewDatabase(name, Cancel);
        }

        _lineOfB = new CuttableRelay(cluster.Port);
        var prepare = new ProcessStartInfo(Deploy("start"), ["--port", $"{_port}", "--prepare", _directory.Path]) { RedirectStandardError = true };
        prepare.Environment["DATA_CONNECTION"] = prepare.Environment["KEYS_CONNECTION"] = "given to the nodes";
        using (var start = Process.Start(prepare)!)
        {
            var errors = await start.StandardError.ReadToEndAsync(Cancel);
            await start.WaitForExitAsync(Cancel);
            Assert.True(start.ExitCode == 0, errors);
        }

        await Start("a");
        await Start("b");
        await File.WriteAllTextAsync(_directory["haproxy.cfg"], Front(await File.ReadAllTextAsync(Deploy("haproxy.cfg"), Cancel)), Cancel);
        _front = await DeployTests.Haproxy.Start(_directory["haproxy.cfg"], new()
        {
            ["FRONT"] = $"127.0.0.1:{_port}",
            ["DOMAIN"] = "europe.localhost",
            ["AUTHORITY"] = Authority,
            ["NODE_A"] = $"127.0.0.1:{_port + 1}",
            ["HEALTH_A"] = $"127.0.0.1:{_port + 11}",
            ["NODE_B"] = $"127.0.0.1:{_port + 2}",
            ["HEALTH_B"] = $"127.0.0.1:{_port + 12}",
        });

        // Made on one node and asked for on the other.
        (Contoso, SecondConnectionString) = await Create("contoso");
        (Fabrikam, _) = await Create("fabrikam");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_front is not null)
        {
            await _front.DisposeAsync();
        }

        foreach (var node in _nodes.Values)
        {
            await node.DisposeAsync();
        }

        if (_lineOfB is not null)
        {
            await _lineOfB.DisposeAsync();
        }

        foreach (var database in _databases.Values)
        {
            await (await PostgresCluster.Shared(CancellationToken.None)).DropDatabase(database, CancellationToken.None);
        }

        _directory.Dispose();
    }

    /// <summary>The configuration of the front, from the one that is deployed.</summary>
    protected virtual string Front(string deployed) => deployed;

    /// <summary>How many nodes the requests of one client go to, in turns.</summary>
    protected virtual int InTurns => 1;

    /// <summary>A way to the resource through the front.</summary>
    internal Wire ThroughTheFront() => new(Contoso, Authority, (_, cancel) => Connect(_port, "", cancel));

    /// <summary>A way to the resource at one node, as the front connects.</summary>
    internal Wire At(string node) => new(Contoso, Authority, (_, cancel) => Connect(_port + (node == "a" ? 1 : 2), "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", cancel));

    /// <summary>Kills a node without a warning, and waits until the front sends everything to the other.</summary>
    internal async Task Kill(string node)
    {
        var before = _front!.Said;
        await _nodes[node].DisposeAsync();
        await _front.Says($"Server nodes/{node} is DOWN", before);
    }

    /// <summary>Asks a node to stop while clients are served, and waits until the front sends everything to the other.</summary>
    internal async Task Stop(string node)
    {
        var before = _front!.Said;
        await _nodes[node].Stop();
        await _front.Says($"Server nodes/{node} is DOWN", before);
    }

    /// <summary>Starts a node again, and waits until the front sends to it.</summary>
    internal async Task StartAgain(string node)
    {
        var before = _front!.Said;
        await Start(node);
        await _front.Says($"Server nodes/{node} is UP", before);
    }

    /// <summary>Cuts node b off from its databases, and waits until the front sends everything to the other.</summary>
    internal async Task CutOffB()
    {
        var before = _front!.Said;
        _lineOfB!.IsDown = true;
        _lineOfB.CutAll();
        await _front.Says("Server nodes/b is DOWN", before);
    }

    /// <summary>Gives node b its line back, and waits until the front sends to it.</summary>
    internal async Task ConnectB()
    {
        var before = _front!.Said;
        _lineOfB!.IsDown = false;
        await _front.Says("Server nodes/b is UP", before);
    }

    /// <summary>Plays a script on the unmodified clients, through the front.</summary>
    /// <returns>What became of its scenarios.</returns>
    internal Task<ScriptSummary> Play(string script, Func<string, Task>? onPause = null) =>
        NodeScript.Play(
            script,
            Authority,
            Contoso,
            [Contoso, Fabrikam],
            new Dictionary<string, string>
            {
                ["SECONDARY_CONNECTION_STRING"] = SecondConnectionString,
                ["FRONT_PORT"] = $"{_port}",
                ["NODES_IN_TURNS"] = $"{InTurns}",
                ["NODE_OPTIONS"] = $"--require={Path.Combine(Repository.Scripts, "loopback.cjs")}",
            },
            onPause: onPause);

    private async Task Start(string node)
    {
        // Node b has a line of its own, which a test can cut.
        var databases = node == "a" ? _databases : _databases.ToDictionary(pair => pair.Key, pair => new NpgsqlConnectionStringBuilder(pair.Value) { Port = _lineOfB!.Port }.ConnectionString);
        var run = _nodes[node] = ProgramRun.Start(databases, "serve", "--config", _directory[$"node-{node}.json"]);
        await run.Ready();
    }

    private async Task<(DemoResource Resource, string Second)> Create(string name)
    {
        var trusting = new Dictionary<string, string> { ["SSL_CERT_FILE"] = Authority };
        await ProgramRun.Command(trusting, "resource", "create", name, "--geography", "Europe", "--data", _directory["node-a"]);
        using var keys = JsonDocument.Parse(await ProgramRun.Command(trusting, "resource", "keys", "show", name, "--data", _directory["node-b"], "--json"));
        var connection = keys.RootElement.GetProperty("primaryConnectionString").GetString()!;
        var endpoint = connection["endpoint=".Length..connection.IndexOf(';', StringComparison.Ordinal)];
        return (new DemoResource("Europe", name, endpoint, connection), keys.RootElement.GetProperty("secondaryConnectionString").GetString()!);
    }

    private static async ValueTask<Stream> Connect(int port, string first, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
            await socket.SendAsync(Encoding.ASCII.GetBytes(first), cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>The same behind a front that keeps no host to a node: connections go to one after the other.</summary>
public sealed class SpreadNodes : TwoNodes
{
    protected override int InTurns => 2;

    protected override string Front(string deployed)
    {
        const string Kept = "balance hash req.ssl_sni\n    hash-type consistent";
        Assert.Contains(Kept, deployed, StringComparison.Ordinal);
        return deployed.Replace(Kept, "balance roundrobin", StringComparison.Ordinal);
    }
}
