using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Domicile.Residency;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class ServerCertificatesTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-tls-").FullName;
    private readonly TestClock _clock = new(Now);
    private readonly RecordingLog _log = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_certificate_of_a_name_is_found_exactly_or_by_one_label()
    {
        var europe = Pair("Europe", "europe.example.org", "*.europe.example.org", "admin.europe.example.org");
        var india = Pair("India", "india.example.org", "*.india.example.org");
        using var certificates = ServerCertificates.FromFiles([europe.Files, india.Files], _clock, _log);
        Assert.Equal(europe.Thumbprint, certificates.CertificateFor("contoso.europe.example.org")?.Thumbprint);
        Assert.Equal(europe.Thumbprint, certificates.CertificateFor("CONTOSO.Europe.example.org")?.Thumbprint);
        Assert.Equal(india.Thumbprint, certificates.CertificateFor("contoso.india.example.org")?.Thumbprint);
        Assert.Null(certificates.CertificateFor("a.b.europe.example.org"));
        Assert.Null(certificates.CertificateFor("europe.example.org"));
        Assert.Null(certificates.CertificateFor("contoso.africa.example.org"));
        Assert.Null(certificates.CertificateFor("localhost"));
        Assert.Null(certificates.CertificateFor(""));
    }

    [Fact]
    public void Changed_files_are_taken_up_without_a_restart()
    {
        var pair = Pair("Europe", "europe.example.org", "*.europe.example.org");
        using var certificates = ServerCertificates.FromFiles([pair.Files], _clock, _log);
        var renewed = pair.Pem.Write(Now, Now.AddDays(90), "*.europe.example.org");
        Assert.Equal(pair.Thumbprint, certificates.CertificateFor("a.europe.example.org")?.Thumbprint);
        _clock.Turn(ServerCertificates.ReloadPeriod);
        Assert.Equal(renewed, certificates.CertificateFor("a.europe.example.org")?.Thumbprint);
        Assert.Contains(_log.Lines, line => line.StartsWith("Information 1101", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("missing")]
    [InlineData("expired")]
    [InlineData("foreign")]
    [InlineData("half")]
    public void A_changed_file_that_is_no_good_leaves_the_old_certificate_and_is_logged_once(string fault)
    {
        var pair = Pair("Europe", "europe.example.org", "*.europe.example.org");
        using var certificates = ServerCertificates.FromFiles([pair.Files], _clock, _log);
        var key = File.ReadAllText(pair.Pem.KeyPath);
        switch (fault)
        {
            case "garbage":
                File.WriteAllText(pair.Pem.CertificatePath, "garbage");
                break;
            case "missing":
                File.Delete(pair.Pem.KeyPath);
                break;
            case "expired":
                pair.Pem.Write(Now.AddDays(-2), Now.AddDays(-1), "*.europe.example.org");
                break;
            case "foreign":
                pair.Pem.Write(Now, Now.AddDays(9), "*.india.example.org");
                break;
            case "half":
                pair.Pem.Write(Now, Now.AddDays(9), "*.europe.example.org");
                File.WriteAllText(pair.Pem.KeyPath, key);
                break;
        }

        _clock.Turn(ServerCertificates.ReloadPeriod);
        _clock.Turn(ServerCertificates.ReloadPeriod);
        Assert.Equal(pair.Thumbprint, certificates.CertificateFor("a.europe.example.org")?.Thumbprint);
        Assert.Single(_log.Lines, line => line.StartsWith("Error 1102", StringComparison.Ordinal));

        var mended = pair.Pem.Write(Now, Now.AddDays(90), "*.europe.example.org");
        _clock.Turn(ServerCertificates.ReloadPeriod);
        Assert.Equal(mended, certificates.CertificateFor("a.europe.example.org")?.Thumbprint);
    }

    [Fact]
    public void A_start_with_files_that_are_no_good_names_each_of_them()
    {
        var spanning = Pair("Europe", "europe.example.org", "*.europe.example.org", "*.india.example.org");
        var wide = Pair("India", "india.example.org", "*.example.org");
        var nameless = Pair("France", "france.example.org");
        var expired = TestCertificate.In(_directory, "expired");
        expired.Write(Now.AddDays(-2), Now.AddDays(-1), "*.norway.example.org");
        var missing = TestCertificate.In(_directory, "missing");
        var fault = Assert.Throws<StartupException>(() => ServerCertificates.FromFiles(
            [
                spanning.Files, wide.Files, nameless.Files,
                new(Geography.Parse("Norway"), "norway.example.org", expired.CertificatePath, expired.KeyPath),
                new(Geography.Parse("Japan"), "japan.example.org", missing.CertificatePath, missing.KeyPath),
            ], _clock, _log));
        Assert.Equal(5, fault.Message.Split('\n').Length);
        Assert.Contains("*.india.example.org", fault.Message, StringComparison.Ordinal);
        Assert.Contains("*.example.org, which is not india.example.org", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_is_not_served_ends_the_handshake()
    {
        var pair = Pair("Europe", "europe.example.org", "*.europe.example.org");
        await using var server = await Production([pair.Files], new Listener(EdgeServer.Loopback(0)));
        await using var served = await Connect(server.Port, "contoso.europe.example.org");
        Assert.True(served.IsAuthenticated);
        foreach (var name in new[] { "contoso.india.example.org", "localhost", "127.0.0.1" })
        {
            await Assert.ThrowsAnyAsync<Exception>(() => Connect(server.Port, name));
        }
    }

    [Fact]
    public async Task A_connection_for_one_geography_carries_no_request_for_another()
    {
        var europe = Pair("Europe", "europe.example.org", "*.europe.example.org");
        var india = Pair("India", "india.example.org", "*.india.example.org");
        await using var server = await Production([europe.Files, india.Files], new Listener(EdgeServer.Loopback(0)));
        server.Serve("contoso.europe.example.org", "Europe");
        server.Serve("contoso.india.example.org", "India");
        foreach (var (host, status) in new[] { ("contoso.europe.example.org", "200"), ("CONTOSO.europe.example.org:443", "200"), ("contoso.india.example.org", "421"), ("other.europe.example.org", "421"), ("localhost", "421") })
        {
            await using var tls = await Connect(server.Port, "contoso.europe.example.org");
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET /open HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
            Assert.StartsWith($"HTTP/1.1 {status} ", await EdgeServer.ReadToEnd(tls), StringComparison.Ordinal);
        }
    }

    private static async Task<SslStream> Connect(int port, string name)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true), false, static (_, certificate, _, _) => certificate is not null);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, EnabledSslProtocols = SslProtocols.None }, TestContext.Current.CancellationToken);
        return tls;
    }

    private Task<EdgeServer> Production(IReadOnlyList<CertificateFiles> files, Listener listener) =>
        EdgeServer.Start((_, parts) => parts with { IsDevelopment = false, Certificates = ServerCertificates.FromFiles(files, _clock, _log) }, listener);

    private (CertificateFiles Files, TestCertificate Pem, string Thumbprint) Pair(string geography, string domain, params string[] names)
    {
        var pem = TestCertificate.In(_directory, domain);
        var thumbprint = pem.Write(Now.AddDays(-1), Now.AddDays(30), names);
        return (new CertificateFiles(Geography.Parse(geography), domain, pem.CertificatePath, pem.KeyPath), pem, thumbprint);
    }
}
