using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// Two nodes of one geography on the same PostgreSQL and the same cores, beside one of them alone: with hosts kept to nodes, as a front that hashes by host
/// does, and with every host on both. The set-up is that of <c>deploy/two-nodes</c>; connections go to the nodes directly, each with the front's first line.
/// </summary>
internal static class NodesComparison
{
    public static async Task Run(Options options)
    {
        Machine.PrintHead("Two nodes beside one", options.Arguments);
        var (rounds, seconds, connections) = (options.Number("rounds", 3), options.Number("seconds", 6), options.Number("connections", 256));
        await using var cluster = await BenchCluster.Start();
        await using var nodes = await TwoNodes.Start(options.Text("program", Repository.Program), cluster);
        string[] files = [await nodes.Requests("contoso"), await nodes.Requests("fabrikam")];

        // Each host has a load generator of its own with half of the connections, so that the client is the same in all three.
        var ways = new (string Name, int[][] Ports)[]
        {
            ("one node", [[nodes.PortOf(0)], [nodes.PortOf(0)]]),
            ("two nodes, hosts kept", [[nodes.PortOf(0)], [nodes.PortOf(1)]]),
            ("two nodes, every host on both", [[nodes.PortOf(0), nodes.PortOf(1)], [nodes.PortOf(1), nodes.PortOf(0)]]),
        };
        async Task<LoadResult> Load((string Name, int[][] Ports) way, int time)
        {
            var both = await Task.WhenAll(way.Ports.Select((ports, i) => nodes.Load(files[i], ports, connections / 2, time)));
            return new LoadResult(both.Sum(one => one.Messages), both.Max(one => one.Seconds), both.Max(one => one.P50), both.Max(one => one.P99), both.Sum(one => one.ServerCpu), both.Sum(one => one.ClientCpu), 0);
        }

        foreach (var way in ways)
        {
            await Load(way, 3);
        }

        var results = ways.ToDictionary(way => way.Name, _ => new List<LoadResult>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var way in ways)
            {
                results[way.Name].Add(await Load(way, seconds));
                Console.Error.WriteLine($"round {round + 1}, {way.Name}: {results[way.Name][^1].PerSecond.Thousands()}/s");
            }
        }

        var table = new Table($"{connections} connections", "msgs/s", "p50 ms", "p99 ms", "of one node");
        var one = results[ways[0].Name].Select(result => result.PerSecond).Median();
        foreach (var (name, some) in results)
        {
            table.Add(name, some.Select(result => result.PerSecond).Median().Thousands(), some.Select(result => result.P50).Median().Of(2), some.Select(result => result.P99).Median().Of(2), (some.Select(result => result.PerSecond).Median() / one).Of(2));
        }

        table.Print();
    }

    /// <summary>Two real nodes in production mode.</summary>
    private sealed class TwoNodes : IAsyncDisposable
    {
        private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
        private readonly string _directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        private readonly List<Process> _nodes = [];
        private readonly string _program;
        private readonly int _port = FreeRange();

        private TwoNodes(string program) => _program = program;

        private string Authority => Path.Combine(_directory, "authority.pem");

        public static async Task<TwoNodes> Start(string program, BenchCluster cluster)
        {
            var made = new TwoNodes(program);
            var prepare = new ProcessStartInfo(Path.Combine(Repository.Root, "deploy/two-nodes/start"), ["--port", Text(made._port), "--prepare", made._directory]);
            prepare.Environment["DATA_CONNECTION"] = prepare.Environment["KEYS_CONNECTION"] = "given to the nodes";
            await Ran(prepare);
            var (data, keys) = (await cluster.NewDatabase("data"), await cluster.NewDatabase("keys"));
            foreach (var name in (string[])["a", "b"])
            {
                var start = new ProcessStartInfo("dotnet", [program, "serve", "--config", Path.Combine(made._directory, $"node-{name}.json")]) { RedirectStandardOutput = true };
                start.Environment["DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__POSTGRES__DATA"] = data;
                start.Environment["DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__POSTGRES__KEYS"] = keys;
                var node = Process.Start(start)!;
                made._nodes.Add(node);
                using var limit = new CancellationTokenSource(StartLimit);
                while (await node.StandardOutput.ReadLineAsync(limit.Token) is { } line && !line.StartsWith("Domicile is ready", StringComparison.Ordinal))
                {
                    // What comes before it is for people.
                }
            }

            return made;
        }

        public int PortOf(int node) => _port + 1 + node;

        /// <summary>Makes a resource with people and threads.</summary>
        /// <returns>The file of requests that send into them.</returns>
        public async Task<string> Requests(string resource)
        {
            await Command("resource", "create", resource, "--geography", "Europe");
            var keys = System.Text.Json.Nodes.JsonNode.Parse(await Command("resource", "keys", "show", resource, "--json"))!;
            using var client = new AcsClient((string)keys["primaryConnectionString"]!, Authority, PortOf(0));
            var users = await client.MakeUsers(300);
            var file = Path.Combine(_directory, $"{resource}.requests");
            LoadGenerator.WriteRequests(file, client.SendRequests(await client.MakeThreads(users, 250, 20), senders: 4, bodyBytes: 300));
            return file;
        }

        public async Task<LoadResult> Load(string requests, int[] ports, int connections, int seconds)
        {
            var load = new ProcessStartInfo("dotnet",
            [
                Repository.Bench, "load", "--requests", requests, "--port", string.Join(',', ports), "--front", "yes", "--name", "any.europe.localhost", "--trust", Authority,
                "--server", Text(_nodes[0].Id), "--connections", Text(connections), "--seconds", Text(seconds), "--warm", "2",
            ]);
            var result = System.Text.Json.JsonSerializer.Deserialize(await Ran(load), LoadJson.Default.LoadResult)!;
            return result.Errors == 0 ? result : throw new InvalidOperationException($"{result.Errors} answers were not 201.");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var node in _nodes)
            {
                node.Kill();
                await node.WaitForExitAsync();
                node.Dispose();
            }

            Directory.Delete(_directory, recursive: true);
        }

        private Task<string> Command(params string[] arguments)
        {
            var command = new ProcessStartInfo("dotnet", [_program, .. arguments, "--data", Path.Combine(_directory, "node-a")]);
            command.Environment["SSL_CERT_FILE"] = Authority;
            return Ran(command);
        }

        private static async Task<string> Ran(ProcessStartInfo start)
        {
            start.RedirectStandardOutput = true;
            using var process = Process.Start(start)!;
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{start.FileName} {start.ArgumentList[0]} ended with {process.ExitCode}.");
        }

        /// <summary>The example takes a port and the twelve after it.</summary>
        private static int FreeRange()
        {
            for (var port = 20_000; port < 60_000; port += 50)
            {
                if (((int[])[0, 1, 2, 11, 12]).All(offset => IsFree(port + offset)))
                {
                    return port;
                }
            }

            throw new InvalidOperationException("No ports are free.");
        }

        private static bool IsFree(int port)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, port));
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }

        private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
