using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class ProxyProtocolTests
{
    private const string Magic = "0D0A0D0A000D0A515549540A";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n", "203.0.113.7:56324")]
    [InlineData("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "[2001:db8::7]:56324")]
    [InlineData("PROXY UNKNOWN\r\n", null)]
    [InlineData("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", null)]
    public void Version_1_says_who_the_client_is(string header, string? client)
    {
        var bytes = Encoding.ASCII.GetBytes(header + "rest");
        Assert.Equal(ProxyHeader.Outcome.Whole, Read(bytes, out var found, out var length));
        Assert.Equal(client, found?.ToString());
        Assert.Equal(header.Length, length);
    }

    [Theory]
    [InlineData(Magic + "2111000C" + "CB007107" + "C0000201" + "DC04" + "01BB", "203.0.113.7:56324")]
    [InlineData(Magic + "21110010" + "CB007107" + "C0000201" + "DC04" + "01BB" + "04000100", "203.0.113.7:56324")]
    [InlineData(Magic + "21210024" + "20010DB8000000000000000000000007" + "20010DB8000000000000000000000001" + "DC04" + "01BB", "[2001:db8::7]:56324")]
    [InlineData(Magic + "20000000", null)]
    [InlineData(Magic + "20110004" + "00000000", null)]
    [InlineData(Magic + "21000000", null)]
    public void Version_2_says_who_the_client_is(string hex, string? client)
    {
        var bytes = Convert.FromHexString(hex + "AABB");
        Assert.Equal(ProxyHeader.Outcome.Whole, Read(bytes, out var found, out var length));
        Assert.Equal(client, found?.ToString());
        Assert.Equal(bytes.Length - 2, length);
    }

    [Theory]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n")]
    [InlineData("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n")]
    public void A_header_in_pieces_is_waited_for(string header)
    {
        var bytes = Encoding.ASCII.GetBytes(header);
        for (var i = 0; i < bytes.Length; i++)
        {
            Assert.Equal(ProxyHeader.Outcome.Incomplete, Read(bytes[..i], out _, out _));
        }

        var second = Convert.FromHexString(Magic + "2111000C" + "CB007107" + "C0000201" + "DC04" + "01BB");
        for (var i = 0; i < second.Length; i++)
        {
            Assert.Equal(ProxyHeader.Outcome.Incomplete, Read(second[..i], out _, out _));
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n")]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 9\r\n")]
    [InlineData("PROXY TCP4 2001:db8::7 192.0.2.1 56324 443\r\n")]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 99999 443\r\n")]
    [InlineData("PROXY TCP4 203.0.113.7 192.0.2.1 5x 443\r\n")]
    [InlineData("PROXY TCP4 é 192.0.2.1 56324 443\r\n")]
    [InlineData("PROXY TCP9 203.0.113.7 192.0.2.1 56324 443\r\n")]
    [InlineData("PROXY \r\n")]
    [InlineData("PROXY TCP4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("\u0016\u0003\u0001")]
    public void What_is_no_header_of_version_1_is_bad(string text) =>
        Assert.Equal(ProxyHeader.Outcome.Bad, Read(Encoding.UTF8.GetBytes(text), out _, out _));

    [Theory]
    [InlineData(Magic + "31110000")]
    [InlineData(Magic + "22110000")]
    [InlineData(Magic + "2111FFFF")]
    [InlineData(Magic + "21110004" + "CB007107")]
    [InlineData(Magic + "2121000C" + "CB007107" + "C0000201" + "DC04" + "01BB")]
    [InlineData("0D0A0D0A000D0A515549540B" + "21110000")]
    public void What_is_no_header_of_version_2_is_bad(string hex) =>
        Assert.Equal(ProxyHeader.Outcome.Bad, Read(Convert.FromHexString(hex), out _, out _));

    [Fact]
    public async Task Behind_a_front_the_client_is_the_one_that_the_header_names()
    {
        var seen = "";
        await using var server = await Start("127.0.0.0/8", address => seen = address);
        foreach (var header in new[] { Encoding.ASCII.GetBytes("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"), Convert.FromHexString(Magic + "2111000C" + "CB007107" + "C0000201" + "DC04" + "01BB") })
        {
            seen = "";
            await using var tls = await server.Connect(first: header);
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET /who HTTP/1.1\r\nHost: localhost:{server.Port}\r\nConnection: close\r\n\r\n"), Cancel);
            Assert.StartsWith("HTTP/1.1 200 ", await EdgeServer.ReadToEnd(tls), StringComparison.Ordinal);
            Assert.Equal("203.0.113.7", seen);
        }
    }

    [Fact]
    public async Task Behind_a_front_a_connection_without_a_header_ends()
    {
        await using var server = await Start("127.0.0.0/8", _ => { });
        await Assert.ThrowsAnyAsync<IOException>(() => server.Connect());
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => server.Connect(first: Encoding.ASCII.GetBytes("PROXY TCP4 nobody\r\n")));
        Assert.True(refused is IOException or System.Net.Sockets.SocketException, refused.ToString());
    }

    [Fact]
    public async Task A_header_from_anywhere_but_a_front_is_not_believed()
    {
        await using var server = await Start("10.0.0.0/8", _ => { });

        // The connection is closed with what was sent unread: the other end may see it end or be reset.
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => server.Connect(first: Encoding.ASCII.GetBytes("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n")));
        Assert.True(refused is IOException or System.Net.Sockets.SocketException, refused.ToString());
    }

    [Fact]
    public async Task Without_a_front_a_header_is_not_looked_for()
    {
        await using var server = await EdgeServer.Start();
        await Assert.ThrowsAnyAsync<Exception>(() => server.Connect(first: Encoding.ASCII.GetBytes("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n")));
    }

    [Fact]
    [Trait("length", "full")]
    public async Task A_front_that_sends_half_a_header_is_not_waited_for_long()
    {
        await using var server = await Start("127.0.0.0/8", _ => { });
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        await socket.ConnectAsync(EdgeServer.Loopback(server.Port), Cancel);
        await socket.SendAsync("PROXY TCP4 20"u8.ToArray(), Cancel);
        var watch = Stopwatch.StartNew();
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1], Cancel));
        }
        catch (System.Net.Sockets.SocketException)
        {
            // Reset is as good an end.
        }

        Assert.InRange(watch.Elapsed, ProxyProtocol.Patience - TimeSpan.FromSeconds(1), ProxyProtocol.Patience + TimeSpan.FromSeconds(5));
    }

    private static Task<EdgeServer> Start(string front, Action<string> seen)
    {
        ValueTask<Reply> Who(Call call, CancellationToken cancel)
        {
            seen(call.RemoteAddress!.ToString());
            return new(Reply.Empty(200));
        }

        return EdgeServer.Start(
            (_, parts) => parts with { Operations = [new("GET", "/who", "Who", Access.Open, Who)] },
            new Listener(EdgeServer.Loopback(0)) { Fronts = [IPNetwork.Parse(front)] });
    }

    private static ProxyHeader.Outcome Read(byte[] bytes, out IPEndPoint? client, out int length) =>
        ProxyHeader.Read(new ReadOnlySequence<byte>(bytes), out client, out length);
}
