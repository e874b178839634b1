using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>The example of deploy/two-nodes: two real nodes on PostgreSQL behind the real HAProxy, of which one after the other is killed.</summary>
[Trait("needs", "postgres")]
[Trait("needs", "haproxy")]
[Trait("length", "full")]
public sealed class TwoNodesTests : IAsyncLifetime
{
    private const int Writers = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, ProgramRun> _nodes = [];
    private readonly Dictionary<string, string> _databases = [];
    private readonly int _port = PortRange.Base();
    private DeployTests.Haproxy? _front;
    private DemoResource _resource = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Deploy(string name) => Path.Combine(Repository.Root, "deploy", "two-nodes", name);

    private string Authority => _directory["authority.pem"];

    public async ValueTask InitializeAsync()
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        foreach (var name in (string[])["data", "keys"])
        {
            _databases[$"DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__POSTGRES__{name.ToUpperInvariant()}"] = await cluster.NewDatabase(name, Cancel);
        }

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
        _front = await DeployTests.Haproxy.Start(Deploy("haproxy.cfg"), new()
        {
            ["FRONT"] = $"127.0.0.1:{_port}",
            ["DOMAIN"] = "europe.localhost",
            ["AUTHORITY"] = Authority,
            ["NODE_A"] = $"127.0.0.1:{_port + 1}",
            ["HEALTH_A"] = $"127.0.0.1:{_port + 11}",
            ["NODE_B"] = $"127.0.0.1:{_port + 2}",
            ["HEALTH_B"] = $"127.0.0.1:{_port + 12}",
        });
        var trusting = new Dictionary<string, string> { ["SSL_CERT_FILE"] = Authority };
        await ProgramRun.Command(trusting, "resource", "create", "contoso", "--geography", "Europe", "--data", _directory["node-a"]);
        using var keys = JsonDocument.Parse(await ProgramRun.Command(trusting, "resource", "keys", "show", "contoso", "--data", _directory["node-b"], "--json"));
        var connection = keys.RootElement.GetProperty("primaryConnectionString").GetString()!;
        _resource = new DemoResource("Europe", "contoso", connection["endpoint=".Length..connection.IndexOf(';', StringComparison.Ordinal)], connection);
    }

    public async ValueTask DisposeAsync()
    {
        if (_front is not null)
        {
            await _front.DisposeAsync();
        }

        foreach (var node in _nodes.Values)
        {
            await node.DisposeAsync();
        }

        foreach (var database in _databases.Values)
        {
            await (await PostgresCluster.Shared(CancellationToken.None)).DropDatabase(database, CancellationToken.None);
        }

        _directory.Dispose();
    }

    [Fact]
    public async Task Nodes_that_are_killed_under_load_lose_and_double_nothing_that_was_acknowledged()
    {
        using var front = new Wire(_resource, Authority, Through(_port));
        var (ada, ben) = (await front.NewUser(), await front.NewUser());
        var thread = await front.NewThread(ada, ben);
        var acknowledged = new ConcurrentQueue<string>();
        using var enough = new CancellationTokenSource();
        var writers = Enumerable.Range(0, Writers).Select(writer => Task.Run(() => Write(front, ada, thread, writer, acknowledged, enough.Token))).ToList();
        await More(acknowledged, 50);
        foreach (var node in (string[])["a", "b"])
        {
            await _nodes[node].DisposeAsync();

            // The front finds out, and sends everything to the other one.
            await _front!.Says($"Server nodes/{node} is DOWN");
            await More(acknowledged, 50);
            await Start(node);
            await _front.Says($"Server nodes/{node} is UP");
            await More(acknowledged, 50);
        }

        await enough.CancelAsync();
        await Task.WhenAll(writers);
        foreach (var port in (int[])[_port + 1, _port + 2])
        {
            using var node = new Wire(_resource, Authority, AsTheFront(port));
            var found = await Messages(node, ben, thread);
            Assert.Empty(acknowledged.Except(found));
            Assert.Equal(found.Count, found.Distinct().Count());
        }
    }

    [Fact]
    public async Task What_is_done_on_one_node_is_so_on_the_other()
    {
        using var a = new Wire(_resource, Authority, AsTheFront(_port + 1));
        using var b = new Wire(_resource, Authority, AsTheFront(_port + 2));
        var (ada, ben) = (await a.NewUser(), await b.NewUser());
        var thread = await a.NewThread(ada, ben);
        await a.Say(ada, thread, "sent on A");
        Assert.Contains("sent on A", await Messages(b, ben, thread));
        var target = $"/chat/threads?api-version={Wire.ChatVersion}";
        (await b.AsUser(ben.Token, HttpMethod.Get, target)).Is(200);

        (await a.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(ben.Id)}/:revokeAccessTokens?api-version={Wire.IdentityVersion}")).Is(204);
        var since = Stopwatch.StartNew();
        var last = TimeSpan.Zero;
        for (var begun = since.Elapsed; (await b.AsUser(ben.Token, HttpMethod.Get, target)).Status != 401; begun = since.Elapsed)
        {
            last = begun;
            Assert.True(begun < Patience, "It is never refused.");
        }

        // A second is the promise: whoever asks later than that is refused.
        Assert.True(last < TimeSpan.FromSeconds(1), $"It was taken {last} after it was revoked.");
    }

    private static async Task Write(Wire front, WireUser sender, string thread, int writer, ConcurrentQueue<string> acknowledged, CancellationToken enough)
    {
        for (var said = 0; !enough.IsCancellationRequested; said++)
        {
            // What was not acknowledged may be there or not, so it is not said again.
            var text = $"{writer} says {said}";
            try
            {
                var answer = await front.AsUser(sender.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text });
                if (answer.Status == 201)
                {
                    acknowledged.Enqueue(text);
                }
                else
                {
                    Assert.InRange(answer.Status, 500, 599);
                }
            }
            catch (HttpRequestException)
            {
                // The node went while it was asked.
            }
        }
    }

    private static Task More(ConcurrentQueue<string> acknowledged, int count)
    {
        var wanted = acknowledged.Count + count;
        return Eventually.Holds(() => Task.FromResult(acknowledged.Count >= wanted), Patience, () => $"{acknowledged.Count} of {wanted} messages are acknowledged.");
    }

    private static async Task<List<string>> Messages(Wire wire, WireUser reader, string thread)
    {
        var found = new List<string>();
        for (var target = Wire.Chat(thread, "/messages") + "&maxPageSize=200"; target is not null;)
        {
            var page = (await wire.AsUser(reader.Token, HttpMethod.Get, target)).Is(200).Json;
            found.AddRange(page.GetProperty("value").EnumerateArray().Where(message => message.GetProperty("type").GetString() == "text")
                .Select(message => message.GetProperty("content").GetProperty("message").GetString()!));
            target = page.TryGetProperty("nextLink", out var next) ? new Uri(new Uri(wire.Resource.Endpoint), next.GetString()).PathAndQuery : null;
        }

        return found;
    }

    private async Task Start(string node)
    {
        var run = _nodes[node] = ProgramRun.Start(_databases, "serve", "--config", _directory[$"node-{node}.json"]);
        await run.Ready();
    }

    private static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> Through(int port) => (_, cancel) => Connect(port, "", cancel);

    /// <summary>A node takes connections from the front only, which says who the client is.</summary>
    private static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> AsTheFront(int port) =>
        (_, cancel) => Connect(port, "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", cancel);

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
