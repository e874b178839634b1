using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Domicile.Bench.EndToEnd;

/// <summary>What an idle socket costs beside one of a bare Kestrel, and how long a message takes to everyone of a large thread.</summary>
internal static class Sockets
{
    private const int PerUser = 50;
    private const int Members = 250;
    private const int AtOnce = 200;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Sockets", options.Arguments);
        var count = options.Number("sockets", 5_000);
        var idle = new Table("idle sockets over TLS", "sockets", "MiB before", "MiB with them", "KiB a socket", "of (a)");
        var bare = 0.0;
        await using (var server = BaselineProcess.Start(""))
        {
            var uri = new Uri($"wss://{server.Host}/socket");
            var policy = LeanConnection.Trust(server.Trust);
            using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, SslOptions = new() { CertificateChainPolicy = policy } });
            bare = await Idle(idle, "(a) bare Kestrel", server.Process.Id, count, _ => Connect(uri, invoker), 0);
        }

        await using (var server = await DomicileProcess.Start(options.Text("program", Repository.Program)))
        {
            var users = await server.MakeUsers((count / PerUser) + 4);
            await Idle(idle, "(b) Domicile", server.Process.Id, count, i => Open(server.Client, users[i / PerUser], $"tab-{i}"), bare);
        }

        idle.Print();
        await using (var server = await DomicileProcess.Start(options.Text("program", Repository.Program)))
        {
            await Tell(server, options.Number("messages", 200));
        }
    }

    private static async Task<double> Idle(Table table, string name, int process, int count, Func<int, Task<ClientWebSocket>> open, double bare)
    {
        // What the first connections load and compile is not theirs.
        await Close(await Many(count, 100, open));
        await Task.Delay(Settle);
        var before = Machine.ResidentMiB(process);
        var sockets = await Many(0, count, open);
        await Task.Delay(Settle);
        var with = Machine.ResidentMiB(process);
        var each = (with - before) * 1024 / count;
        table.Add(name, count, before.Of(0), with.Of(0), each.Of(1), bare == 0 ? "1.00" : (each / bare).Of(2));
        var alive = sockets.Count(socket => socket.State == WebSocketState.Open);
        await Close(sockets);
        return alive == count ? each : throw new InvalidOperationException($"{count - alive} sockets were closed.");
    }

    private static async Task Tell(DomicileProcess server, int messages)
    {
        var users = await server.MakeUsers(Members);
        // As many as one request may name, and then the others.
        var thread = await server.Client.MakeThread([.. users.Take(AtOnce)]);
        var others = new JsonArray([.. users.Skip(AtOnce).Select(user => new JsonObject { ["communicationIdentifier"] = new JsonObject { ["rawId"] = user.Id } })]);
        await server.Client.Send(
            HttpMethod.Post,
            $"/chat/threads/{Uri.EscapeDataString(thread)}/participants/:add?api-version={AcsClient.ChatVersion}",
            new JsonObject { ["participants"] = others }.ToJsonString(),
            users[0]);
        var sentAt = new ConcurrentDictionary<string, long>();
        var (each, all) = (new Histogram(), new Histogram());
        var heard = new int[messages];
        var done = new TaskCompletionSource();
        var open = messages;
        var sockets = new ClientWebSocket[Members];
        await Parallel.ForAsync(0, Members, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => sockets[i] = await Open(server.Client, users[i], "tab"));
        foreach (var socket in sockets)
        {
            _ = Task.Run(async () =>
            {
                var buffer = new byte[16 * 1024];
                while (socket.State == WebSocketState.Open)
                {
                    var length = (await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).Count;
                    var now = Stopwatch.GetTimestamp();
                    var packet = Encoding.UTF8.GetString(buffer, 0, length);
                    if (!packet.StartsWith("3:::", StringComparison.Ordinal))
                    {
                        continue;
                    }

                    var number = (long)JsonNode.Parse(packet[4..])!["id"]!;
                    await socket.SendAsync(Encoding.UTF8.GetBytes($$"""3:::{"id":{{number}},"status":200}"""), WebSocketMessageType.Text, true, CancellationToken.None);
                    if (packet.IndexOf("number-", StringComparison.Ordinal) is var at && at < 0)
                    {
                        continue;
                    }

                    var which = packet.Substring(at, 12);
                    lock (all)
                    {
                        var took = now - sentAt[which];
                        each.Add(took);
                        if (++heard[int.Parse(which[7..], System.Globalization.CultureInfo.InvariantCulture)] == Members)
                        {
                            all.Add(took);
                            if (--open == 0)
                            {
                                done.SetResult();
                            }
                        }
                    }
                }
            });
        }

        for (var i = 0; i < messages; i++)
        {
            var which = $"number-{i:D5}";
            sentAt[which] = Stopwatch.GetTimestamp();
            await server.Client.Send(HttpMethod.Post, $"/chat/threads/{Uri.EscapeDataString(thread)}/messages?api-version={AcsClient.ChatVersion}", $$"""{"content":"{{which}}"}""", users[i % Members]);
            await Task.Delay(Pace);
        }

        await done.Task.WaitAsync(TimeSpan.FromSeconds(60));
        var table = new Table($"a message to {Members} connected participants, {messages} of them", "p50 ms", "p99 ms");
        table.Add("from the request to each", each.Percentile(0.5).Of(1), each.Percentile(0.99).Of(1));
        table.Add("from the request to the last", all.Percentile(0.5).Of(1), all.Percentile(0.99).Of(1));
        table.Print();
        foreach (var socket in sockets)
        {
            socket.Abort();
        }
    }

    private static async Task<IReadOnlyList<ClientWebSocket>> Many(int from, int count, Func<int, Task<ClientWebSocket>> open)
    {
        var sockets = new ClientWebSocket[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => sockets[i] = await open(from + i));
        return sockets;
    }

    private static async Task Close(IReadOnlyList<ClientWebSocket> sockets)
    {
        await Parallel.ForEachAsync(sockets, async (socket, _) =>
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            socket.Dispose();
        });
    }

    private static async Task<ClientWebSocket> Open(AcsClient client, User user, string endpoint)
    {
        var allocated = await client.Realtime(HttpMethod.Post, $"/v4/a?epid={endpoint}", user);
        var parameters = (string)JsonNode.Parse(allocated)!["connectparams"]!["sr"]!;
        var greeting = await client.Realtime(HttpMethod.Get, $"/socket.io/1/?epid={endpoint}&sr={parameters}", user);
        return await Connect(new Uri($"wss://{client.Endpoint.Authority}/socket.io/1/websocket/{greeting.Split(':')[0]}"), client.Invoker);
    }

    private static async Task<ClientWebSocket> Connect(Uri uri, HttpMessageInvoker invoker)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        await socket.ConnectAsync(uri, invoker, CancellationToken.None);
        return socket;
    }
}
