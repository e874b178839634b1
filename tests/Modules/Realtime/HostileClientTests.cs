using System.Net.WebSockets;
using System.Text;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Clients that no library of ours or Microsoft's would be, on real sockets of a real server: each is bounded and dropped with a reason, and nobody else notices.</summary>
[Trait("length", "full")]
public sealed class HostileClientTests(SharedServer shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_frame_that_is_too_large_is_not_read_to_its_end()
    {
        using var wire = await shared.Wire();
        using var socket = await Socket.Open(wire, (await wire.NewUser()).Token, "hostile");
        // A message without an end: each piece is small, and the whole would be of any size.
        var piece = new byte[4096];
        piece.AsSpan().Fill((byte)'a');
        try
        {
            for (var sent = 0; sent < 64 * 1024 * 1024; sent += piece.Length)
            {
                await socket.Client.SendAsync(piece, WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
            }

            Assert.Fail("64 MiB were taken.");
        }
        catch (Exception refused) when (refused is WebSocketException or IOException)
        {
            // It was cut off.
        }
    }

    [Fact]
    public async Task A_packet_that_is_too_large_is_refused_with_the_reason()
    {
        using var wire = await shared.Wire();
        using var socket = await Socket.Open(wire, (await wire.NewUser()).Token, "hostile");
        await socket.Say("3:::" + new string(' ', 17 * 1024));
        await socket.Ends((WebSocketCloseStatus)1009);
    }

    [Theory]
    [InlineData("hello", 1002)]
    [InlineData("3:::{", 1002)]
    [InlineData("5:1+::[]", 1002)]
    [InlineData(null, 1003)]
    public async Task Junk_is_refused_with_the_reason(string? text, int status)
    {
        using var wire = await shared.Wire();
        using var socket = await Socket.Open(wire, (await wire.NewUser()).Token, "hostile");
        await socket.Client.SendAsync(Encoding.UTF8.GetBytes(text ?? "2::"), text is null ? WebSocketMessageType.Binary : WebSocketMessageType.Text, true, CancellationToken.None);
        await socket.Ends((WebSocketCloseStatus)status);
    }

    [Fact]
    public async Task Who_answers_nothing_and_who_reads_nothing_are_dropped_and_never_hold_up_who_does()
    {
        using var wire = await shared.Wire();
        var (ada, mute, deaf, good) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, mute, deaf, good);
        using var mutes = await Socket.Open(wire, mute.Token, "mute");
        using var deafs = await Socket.Open(wire, deaf.Token, "deaf");
        using var goods = await Socket.Open(wire, good.Token, "good");
        var mutesEnd = mutes.Ends((WebSocketCloseStatus)1013);

        // Enough for either bound: more than 256 events, and much more than a mebibyte and what the network holds on its own.
        const int Count = 300;
        var text = new string('x', 20_000);
        var told = Task.Run(async () =>
        {
            for (var count = 0; count < Count;)
            {
                if (await goods.Hear() is { } packet && packet.StartsWith("3:::", StringComparison.Ordinal))
                {
                    count++;
                    await goods.Answer(packet);
                }
            }
        }, TestContext.Current.CancellationToken);
        for (var count = 0; count < Count; count++)
        {
            await wire.Say(ada, thread, text);
        }

        await told.WaitAsync(Patience, TestContext.Current.CancellationToken);
        var heard = await mutesEnd;
        Assert.Contains("""0:::{"reason":"behind"}""", heard);
        Assert.InRange(heard.Count(packet => packet.StartsWith("3:::", StringComparison.Ordinal)), 1, 256);
        await deafs.IsCutOff();
    }

    [Fact]
    public async Task One_token_holds_a_bounded_number_of_endpoints_and_the_newest_of_them_live()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser();
        const int Bound = 64;
        var sockets = new List<Socket>();
        try
        {
            for (var count = 0; count < Bound + 6; count++)
            {
                sockets.Add(await Socket.Open(wire, user.Token, $"tab-{count}"));
            }

            foreach (var socket in sockets[..6])
            {
                await socket.Ends(WebSocketCloseStatus.NormalClosure);
            }

            foreach (var socket in sockets[6..])
            {
                await socket.Lives();
            }
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task Who_opens_one_endpoint_again_and_again_holds_two_connections_of_it_at_most()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser();
        var sockets = new List<Socket>();
        try
        {
            for (var count = 0; count < 20; count++)
            {
                sockets.Add(await Socket.Open(wire, user.Token, "tab"));
            }

            foreach (var socket in sockets[..^2])
            {
                await socket.Ends(WebSocketCloseStatus.NormalClosure);
            }

            await sockets[^1].Lives();
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    /// <summary>A socket that says what it is told to.</summary>
    internal sealed class Socket : IDisposable
    {
        private readonly byte[] _buffer = new byte[256 * 1024];

        public ClientWebSocket Client { get; } = new();

        public static async Task<Socket> Open(Wire wire, string token, string endpoint)
        {
            void Sign(HttpRequestMessage request) => request.Headers.TryAddWithoutValidation("X-Skypetoken", token);
            var allocated = (await wire.Send(HttpMethod.Post, $"/v4/a?epid={endpoint}", [], Sign)).Is(200).Json;
            var sr = allocated.GetProperty("connectparams").GetProperty("sr").GetString();
            var greeting = (await wire.Send(HttpMethod.Get, $"/socket.io/1/?epid={endpoint}&sr={sr}", null, Sign)).Is(200).Body;
            var socket = new Socket();
            await wire.Connect(socket.Client, $"/socket.io/1/websocket/{greeting.Split(':')[0]}");
            Assert.Equal("1::", await socket.Hear());
            return socket;
        }

        public void Dispose() => Client.Dispose();

        public Task Say(string packet) => Client.SendAsync(Encoding.UTF8.GetBytes(packet), WebSocketMessageType.Text, true, CancellationToken.None);

        public Task Answer(string packet)
        {
            // 3:::{"id":N,
            var id = packet["3:::{\"id\":".Length..packet.IndexOf(',', StringComparison.Ordinal)];
            return Say($$"""3:::{"id":{{id}},"status":200}""");
        }

        /// <summary>The next packet; null when the server closes.</summary>
        public async Task<string?> Hear()
        {
            using var limit = new CancellationTokenSource(Patience);
            var length = 0;
            while (true)
            {
                var piece = await Client.ReceiveAsync(_buffer.AsMemory(length), limit.Token);
                if (piece.MessageType == WebSocketMessageType.Close)
                {
                    return null;
                }

                length += piece.Count;
                if (piece.EndOfMessage)
                {
                    return Encoding.UTF8.GetString(_buffer, 0, length);
                }
            }
        }

        /// <summary>The server closes with this status and a reason.</summary>
        /// <returns>What it said before.</returns>
        public async Task<List<string>> Ends(WebSocketCloseStatus status)
        {
            var heard = new List<string>();
            while (await Hear() is { } packet)
            {
                heard.Add(packet);
            }

            Assert.Equal(status, Client.CloseStatus);
            Assert.False(string.IsNullOrEmpty(Client.CloseStatusDescription));
            return heard;
        }

        /// <summary>The server has cut it off, without waiting for it to read its way to the end.</summary>
        public async Task IsCutOff()
        {
            await Assert.ThrowsAnyAsync<WebSocketException>(async () =>
            {
                while (await Hear() is not null)
                {
                }

                throw new WebSocketException($"closed: {Client.CloseStatus}");
            });
        }

        public async Task Lives()
        {
            await Say("""5:7+::{"name":"ping"}""");
            while (await Hear() is var packet && packet != "6:::7+[\"pong\"]")
            {
                Assert.NotNull(packet);
            }
        }
    }
}
