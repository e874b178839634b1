using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Domicile.Residency;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class ProductionTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-production-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_configuration_is_served_with_its_certificates_on_its_addresses()
    {
        TestCertificate.In(_directory, "eu").Write(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), "*.europe.example.org");
        var (resources, administration) = (FreePort(), FreePort());
        var options = Read(resources, administration);
        await using var server = await EdgeServer.Start();
        server.Serve("contoso.europe.example.org", "Europe");
        await using var host = await ServerHost.BuildProduction(options, Parts(server, options));
        await host.Start(TestContext.Current.CancellationToken);
        foreach (var (port, name, path, status) in new[]
        {
            (resources, "contoso.europe.example.org", "/open", "200"),
            (resources, "fabrikam.europe.example.org", "/open", "421"),
            (resources, "contoso.europe.example.org", "/health/ready", "404"),
            (administration, "admin.europe.example.org", "/health/ready", "200"),
            (administration, "contoso.europe.example.org", "/health/ready", "421"),
            (administration, "admin.europe.example.org", "/open", "404"),
        })
        {
            await using var tls = await Connect(port, name);
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
            Assert.StartsWith($"HTTP/1.1 {status} ", await EdgeServer.ReadToEnd(tls), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_administration_origin_without_a_certificate_stops_the_start()
    {
        TestCertificate.In(_directory, "eu").Write(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), "contoso.europe.example.org");
        var options = Read(FreePort(), FreePort());
        await using var server = await EdgeServer.Start();
        var fault = await Assert.ThrowsAsync<StartupException>(() => ServerHost.BuildProduction(options, Parts(server, options)));
        Assert.Contains("No certificate of Europe is for admin.europe.example.org", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_in_use_stops_the_start_and_leaves_the_others_free()
    {
        TestCertificate.In(_directory, "eu").Write(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), "*.europe.example.org");
        await using var server = await EdgeServer.Start();
        var free = FreePort();
        var options = Read(free, server.Port);
        var fault = await Assert.ThrowsAsync<StartupException>(() => ServerHost.BuildProduction(options, Parts(server, options)));
        Assert.Contains($"Port {server.Port} of 127.0.0.1 is in use", fault.Message, StringComparison.Ordinal);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, free));
    }

    private static ServerParts Parts(EdgeServer server, ServeOptions options) =>
        server.Parts with { Certificates = ServerCertificates.FromFiles(options.CertificateFiles(), TimeProvider.System, server.Log) };

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task<SslStream> Connect(int port, string name)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true), false, static (_, certificate, _, _) => certificate is not null);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name }, TestContext.Current.CancellationToken);
        return tls;
    }

    private ServeOptions Read(int resources, int administration)
    {
        var path = Path.Combine(_directory, "domicile.json");
        File.WriteAllText(path, $$"""
            {
              "data": "data",
              "geographies": {
                "Europe": {
                  "domain": "europe.example.org",
                  "certificates": [ { "certificate": "eu.pem", "key": "eu.key" } ],
                  "administration": { "listen": "127.0.0.1:{{administration}}" }
                }
              },
              "listen": [ { "address": "127.0.0.1:{{resources}}" } ]
            }
            """);
        var options = OptionsReader.Read(path, []);
        Assert.Equal([Geography.Parse("Europe")], options.Geographies.Keys);
        return options;
    }
}
