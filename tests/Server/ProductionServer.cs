using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>The real program in production mode: two geographies, certificates of an organisation's own authority, a listener for clients and one behind a front.</summary>
public sealed class ProductionServer : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestAuthority _authority;
    private readonly string _more;
    private readonly IReadOnlyDictionary<string, string>? _variables;
    private ProgramRun? _run;

    public ProductionServer()
        : this(_ => "")
    {
    }

    /// <summary>The same with more settings.</summary>
    /// <param name="more">Further members of the configuration, after a comma; they are given <see cref="CollectorPort"/>.</param>
    /// <param name="variables">Variables of the server's environment.</param>
    internal ProductionServer(Func<int, string> more, IReadOnlyDictionary<string, string>? variables = null)
    {
        _authority = new TestAuthority(_directory["authority.pem"]);
        Port = PortRange.Base();
        _more = more(CollectorPort);
        _variables = variables;
    }

    /// <summary>Where clients connect to.</summary>
    public int Port { get; }

    /// <summary>Where connections come from a passthrough front only.</summary>
    public int FrontPort => Port + 1;

    /// <summary>A port for a collector of metrics and traces.</summary>
    public int CollectorPort => Port + 100;

    /// <summary>The certificate of the authority that all certificates are of.</summary>
    public string Authority => _authority.CertificatePath;

    public string Data => _directory["data"];

    private string Configuration => _directory["domicile.json"];

    // The command finds a private authority where every program of the system does.
    private Dictionary<string, string> Trusting => new() { ["SSL_CERT_FILE"] = _authority.CertificatePath };

    public async ValueTask InitializeAsync()
    {
        Issue("europe");
        Issue("india");
        await File.WriteAllTextAsync(Configuration, $$"""
            {
              "data": "data",
              "geographies": {
                "Europe": {
                  "domain": "europe.test",
                  "rootKey": "europe.root.key",
                  "certificates": [ { "certificate": "europe.pem", "key": "europe.key" } ],
                  "administration": { "listen": "127.0.0.1:{{Port + 2}}" }
                },
                "India": {
                  "domain": "india.test",
                  "certificates": [ { "certificate": "india.pem", "key": "india.key" } ],
                  "administration": { "listen": "127.0.0.1:{{Port + 3}}" }
                }
              },
              "listen": [
                { "address": "127.0.0.1:{{Port}}" },
                { "address": "127.0.0.1:{{FrontPort}}", "fronts": [ "127.0.0.1/32" ] }
              ]{{_more}}
            }
            """);
        await Start();
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        _authority.Dispose();
        _directory.Dispose();
    }

    public async Task Start()
    {
        _run = ProgramRun.Start(_variables, "serve", "--config", Configuration);
        await _run.Ready();
    }

    /// <summary>Stops it.</summary>
    /// <returns>What it said.</returns>
    internal async Task<(string Output, string Errors)> StopAndRead()
    {
        var run = _run!;
        _run = null;
        await using (run)
        {
            run.Signal(ProgramRun.Terminate);
            var (code, output, errors) = await run.End();
            Assert.True(code == 0, errors);
            return (output, errors);
        }
    }

    /// <summary>A client of a resource's host.</summary>
    internal Wire Wire(DemoResource resource) => new(resource, Authority, (_, cancel) => Line(Port, cancel));

    /// <summary>A client of Europe's administration origin.</summary>
    internal Wire AdministrationWire() => new(new DemoResource("Europe", "administration", $"https://admin.europe.test:{Port + 2}/", ""), Authority, (_, cancel) => Line(Port + 2, cancel));

    public async Task Stop()
    {
        if (_run is { } run)
        {
            _run = null;
            await run.Stop();
            await run.DisposeAsync();
        }
    }

    /// <summary>Puts a new certificate in the place of a geography's.</summary>
    /// <returns>Its thumbprint.</returns>
    internal string Issue(string geography) => _authority.Issue(TestCertificate.In(_directory.Path, geography), $"*.{geography}.test");

    /// <summary>Tells the server to look at its certificates now.</summary>
    internal void TellOfCertificates() => _run!.Signal(ProgramRun.Hangup);

    internal ProgramRun Run(params string[] arguments) => ProgramRun.Start(Trusting, [.. arguments, "--data", Data]);

    internal Task<string> Command(params string[] arguments) => ProgramRun.Command(Trusting, [.. arguments, "--data", Data]);

    /// <summary>Makes a resource with the command, and asks for its connection string.</summary>
    internal async Task<DemoResource> Create(string name, string geography)
    {
        await Command("resource", "create", name, "--geography", geography);
        using var keys = JsonDocument.Parse(await Command("resource", "keys", "show", name, "--geography", geography, "--json"));
        var connectionString = keys.RootElement.GetProperty("primaryConnectionString").GetString()!;
        return new DemoResource(geography, name, connectionString["endpoint=".Length..connectionString.IndexOf(';', StringComparison.Ordinal)], connectionString);
    }

    private static async ValueTask<Stream> Line(int port, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>A connection as a client with a name service would have made it.</summary>
    /// <param name="name">The host that is asked for in the handshake.</param>
    /// <param name="port">Where to connect to.</param>
    /// <param name="first">What a front says before the client's own bytes.</param>
    internal async Task<SslStream> Connect(string name, int? port = null, string? first = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port ?? Port, TestContext.Current.CancellationToken);
            if (first is not null)
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes(first), TestContext.Current.CancellationToken);
            }

            var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, CertificateChainPolicy = _authority.Trust() }, TestContext.Current.CancellationToken);
            return tls;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request over a connection of its own to the host that the request names.</summary>
    internal async Task<(int Status, string Text)> Send(
        string host, string method, string target, string headers = "", string body = "", string? handshake = null, int? port = null, string? first = null)
    {
        await using var tls = await Connect(handshake ?? host, port, first);
        var content = body.Length > 0 || method == "POST" ? $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n" : "";
        await tls.WriteAsync(Encoding.UTF8.GetBytes($"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}{content}Connection: close\r\n\r\n{body}"), TestContext.Current.CancellationToken);
        var text = await EdgeServer.ReadToEnd(tls);
        return (int.Parse(text.Split(' ')[1], null), text[(text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
    }

    /// <summary>The same, signed with the resource's key.</summary>
    internal Task<(int Status, string Text)> SendSigned(DemoResource resource, string method, string target, string body = "", int? port = null, string? first = null)
    {
        var signature = new Conversations.AccessKeySignature(
            method, target, resource.Host, Conversations.AccessKeySignature.At(DateTimeOffset.UtcNow), Conversations.AccessKeySignature.Hash(Encoding.UTF8.GetBytes(body)));
        var headers = $"x-ms-date: {signature.Date}\r\nx-ms-content-sha256: {signature.ContentHash}\r\nAuthorization: {signature.Authorization(resource.Key)}\r\n";
        return Send(resource.Host, method, target, headers, body, port: port, first: first);
    }
}
