using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Domicile.Modules.Http.Outbound;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules;

/// <summary>Where the guarded client goes, and where not.</summary>
public sealed class OutboundClientTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.8.8.8")]
    [InlineData("10.1.2.3")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.1.1")]
    [InlineData("100.64.0.1")]
    [InlineData("100.100.100.200")]
    [InlineData("168.63.129.16")]
    [InlineData("0.0.0.0")]
    [InlineData("192.0.2.1")]
    [InlineData("198.18.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::8.8.8.8")]
    [InlineData("64:ff9b::a00:1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("2001::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    [InlineData("fe80::1%1")]
    [InlineData("ff02::1")]
    public void What_is_not_public_is_not_reached(string address) => Assert.False(new AddressGuard(new OutboundRules()).Allows(IPAddress.Parse(address), 443));

    [Theory]
    [InlineData("8.8.8.8")]
    [InlineData("172.32.0.1")]
    [InlineData("100.128.0.1")]
    [InlineData("2001:4860:4860::8888")]
    [InlineData("2606:4700::1111")]
    public void What_is_public_is_reached(string address) => Assert.True(new AddressGuard(new OutboundRules()).Allows(IPAddress.Parse(address), 443));

    [Fact]
    public void What_the_operator_names_is_reached_but_never_where_clouds_give_credentials_nor_the_nodes_own_ports()
    {
        var guard = new AddressGuard(new OutboundRules { AllowedNetworks = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("169.254.0.0/16")], IsOwnPort = port => port == 8443 });
        Assert.True(guard.Allows(IPAddress.Parse("10.1.2.3"), 443));
        Assert.False(guard.Allows(IPAddress.Parse("10.1.2.3"), 8443));
        Assert.False(guard.Allows(IPAddress.Parse("192.168.1.1"), 443));
        Assert.False(guard.Allows(IPAddress.Parse("169.254.169.254"), 80));
        Assert.False(guard.Allows(IPAddress.Loopback, 443));
        Assert.True(new AddressGuard(new OutboundRules { AllowsLoopback = true }).Allows(IPAddress.Loopback, 443));
        Assert.False(new AddressGuard(new OutboundRules { AllowsLoopback = true }).Allows(IPAddress.Parse("127.0.0.2"), 443));
    }

    [Theory]
    [InlineData("http://example.com/")]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user@example.com/")]
    [InlineData("https://user:password@example.com/")]
    [InlineData("https://example.com/#part")]
    [InlineData("https://127.0.0.1/")]
    [InlineData("https://0x7f000001/")]
    [InlineData("https://[::1]/")]
    [InlineData("https://[::ffff:10.0.0.1]/")]
    [InlineData("https:///path")]
    [InlineData("/path")]
    [InlineData("https://exa mple.com/")]
    [InlineData("")]
    [InlineData(null)]
    public void What_is_no_target_is_refused_before_it_is_called(string? target)
    {
        using var client = new OutboundClient(new OutboundRules());
        Assert.False(client.TryTarget(target, out _));
        Assert.True(client.TryTarget("https://example.com/events?code=x", out _));
    }

    [Fact]
    public async Task A_name_that_leads_to_loopback_is_not_called()
    {
        await using var receiver = await EventReceiver.Start();
        using var client = new OutboundClient(new OutboundRules());
        var answer = await client.Send(new OutboundRequest(HttpMethod.Get, new Uri(receiver.Url)), Cancel);
        Assert.Equal(OutboundOutcome.NotAllowed, answer.Outcome);
        Assert.Empty(receiver.Received);
    }

    [Fact]
    public async Task A_target_that_vouches_for_itself_is_not_trusted_and_told_nothing()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256) { CertificateExtensions = { names.Build() } };
        using var made = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = Task.Run(
            async () =>
            {
                using var socket = await listener.AcceptSocketAsync(Cancel);
                await using var tls = new SslStream(new NetworkStream(socket));
                try
                {
                    await tls.AuthenticateAsServerAsync(certificate);
                    return await tls.ReadAsync(new byte[1], Cancel);
                }
                catch (Exception refused) when (refused is AuthenticationException or IOException)
                {
                    return 0;
                }
            },
            Cancel);
        using var client = Loopback();
        var answer = await client.Send(
            new OutboundRequest(HttpMethod.Post, new Uri($"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/events")) { Body = "[]"u8.ToArray(), ContentType = "application/json" }, Cancel);
        Assert.Equal((OutboundOutcome.NotTrusted, 0), (answer.Outcome, answer.Status));
        Assert.Equal(0, await heard);
    }

    [Fact]
    public async Task A_redirect_is_an_answer_and_is_not_followed()
    {
        await using var elsewhere = await EventReceiver.Start();
        await using var receiver = await EventReceiver.Start();
        receiver.Answer = (_, http) =>
        {
            http.Response.Headers.Location = elsewhere.Url;
            return Task.FromResult(307);
        };
        using var client = Loopback();
        Assert.Equal(307, (await client.Send(new OutboundRequest(HttpMethod.Get, new Uri(receiver.Url)), Cancel)).Status);
        Assert.Empty(elsewhere.Received);
    }

    [Fact]
    public async Task Who_does_not_answer_in_time_is_left()
    {
        await using var receiver = await EventReceiver.Start();
        receiver.Answer = async (_, http) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted);
            return 200;
        };
        using var client = Loopback();
        Assert.Equal(OutboundOutcome.TimedOut, (await client.Send(new OutboundRequest(HttpMethod.Get, new Uri(receiver.Url)) { TimeLimit = TimeSpan.FromMilliseconds(200) }, Cancel)).Outcome);
    }

    [Fact]
    public async Task Of_an_answer_without_end_the_beginning_is_kept()
    {
        await using var receiver = await EventReceiver.Start();
        receiver.Answer = async (_, http) =>
        {
            var piece = new byte[64 * 1024];
            while (!http.RequestAborted.IsCancellationRequested)
            {
                await http.Response.Body.WriteAsync(piece, http.RequestAborted);
            }

            return 0;
        };
        using var client = Loopback();
        var answer = await client.Send(new OutboundRequest(HttpMethod.Get, new Uri(receiver.Url)) { AnswerBytesMax = 1_000 }, Cancel);
        Assert.Equal((OutboundOutcome.Answered, 1_000), (answer.Outcome, answer.Body.Length));
    }

    [Fact]
    public async Task What_is_no_HTTP_and_who_is_not_there_are_outcomes()
    {
        using var garbage = new TcpListener(IPAddress.Loopback, 0);
        garbage.Start();
        var port = ((IPEndPoint)garbage.LocalEndpoint).Port;
        var talking = Task.Run(
            async () =>
            {
                using var socket = await garbage.AcceptSocketAsync(Cancel);
                await socket.SendAsync(Encoding.ASCII.GetBytes("220 mail.example.com ESMTP\r\n\r\n"), Cancel);
            },
            Cancel);
        using var client = Loopback();
        Assert.Equal(OutboundOutcome.Broken, (await client.Send(new OutboundRequest(HttpMethod.Get, new Uri($"http://127.0.0.1:{port}/")), Cancel)).Outcome);
        await talking;
        garbage.Stop();
        Assert.Equal(OutboundOutcome.NotConnected, (await client.Send(new OutboundRequest(HttpMethod.Get, new Uri($"http://127.0.0.1:{port}/")), Cancel)).Outcome);
    }

    private static OutboundClient Loopback() => new(new OutboundRules { AllowsLoopback = true });
}
