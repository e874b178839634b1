using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Tests.Server;

/// <summary>The edge in process, over real TLS on free ports, around operations that answer with what they were asked.</summary>
internal sealed class EdgeServer : IResourceDirectory, IUserTokens, IAdministratorTokens, IAsyncDisposable
{
    public const string Version = "2023-10-01";
    public static readonly byte[] Primary = RandomNumberGenerator.GetBytes(64);
    public static readonly byte[] Secondary = RandomNumberGenerator.GetBytes(64);
    private readonly ConcurrentDictionary<int, ServedResource> _byPort = new();
    private readonly ConcurrentDictionary<string, ServedResource> _byHost = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-edge-").FullName;
    private readonly X509Certificate2 _authority;
    private readonly DevelopmentCertificate _certificate;

    private EdgeServer(Func<EdgeServer, ServerParts, ServerParts>? change)
    {
        _certificate = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        _authority = X509CertificateLoader.LoadCertificateFromFile(_certificate.AuthorityPath);
        var parts = new ServerParts
        {
            Operations = Operations(),
            Directory = this,
            UserTokens = this,
            AdministratorTokens = this,
            Certificates = ServerCertificates.ForDevelopment(_certificate, LoggerFactory.Create(_ => { }).CreateLogger("test")),
            IsDevelopment = true,
            Logging = logging => logging.AddProvider(Log),
        };
        Parts = change?.Invoke(this, parts) ?? parts;
        Host = ServerHost.Build(Parts);
    }

    public ServerParts Parts { get; }

    public ServerHost Host { get; }

    public RecordingLog Log { get; } = new();

    public int Port { get; private set; }

    public int AdministrationPort { get; private set; }

    public string AuthorityPath => _certificate.AuthorityPath;

    public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<EdgeServer> Start(Func<EdgeServer, ServerParts, ServerParts>? change = null, Listener? listener = null)
    {
        var server = new EdgeServer(change);
        server.Port = server.Host.Listeners.AddLoopback(listener ?? new Listener(Loopback(0)));
        server.AdministrationPort = server.Host.Listeners.AddLoopback(new Listener(Loopback(0)) { Administration = Geography.Parse("Europe") });
        server.Serve(server.Port);
        await server.Host.Start(TestContext.Current.CancellationToken);
        return server;
    }

    public static IPEndPoint Loopback(int port) => new(IPAddress.Loopback, port);

    public void Serve(int port) => _byPort[port] = Resource("Europe");

    public void Serve(string host, string geography) => _byHost[host] = Resource(geography);

    public HttpClient Client(int? port = null, Version? version = null) => new(Handler())
    {
        BaseAddress = new Uri($"https://localhost:{port ?? Port}"),
        DefaultRequestVersion = version ?? HttpVersion.Version11,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TimeSpan.FromSeconds(20),
    };

    public SocketsHttpHandler Handler() => new()
    {
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = Trust() },
        AutomaticDecompression = DecompressionMethods.None,
        AllowAutoRedirect = false,
        UseProxy = false,
    };

    /// <summary>A TLS connection to say over what no HTTP client would.</summary>
    public async Task<SslStream> Connect(int? port = null, string name = "localhost", byte[]? first = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port ?? Port);
        var raw = new NetworkStream(socket, ownsSocket: true);
        if (first is not null)
        {
            await raw.WriteAsync(first, TestContext.Current.CancellationToken);
        }

        var tls = new SslStream(raw);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = name, CertificateChainPolicy = Trust(), ApplicationProtocols = [SslApplicationProtocol.Http11] },
            TestContext.Current.CancellationToken);
        return tls;
    }

    /// <summary>Sends a request as it stands and reads until the server ends the connection.</summary>
    public async Task<string> Say(string request, int? port = null)
    {
        await using var tls = await Connect(port);
        await tls.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        return await ReadToEnd(tls);
    }

    public static async Task<string> ReadToEnd(Stream stream)
    {
        using var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all, TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // Reset instead of closed: what came before counts.
        }

        return Encoding.UTF8.GetString(all.ToArray());
    }

    /// <summary>A request signed as the JavaScript clients sign.</summary>
    public HttpRequestMessage Signed(HttpMethod method, string target, string? body = null, byte[]? key = null, string? signedHost = null, string? signedBody = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body ?? "");
        var date = DateTimeOffset.UtcNow.ToString("r", CultureInfo.InvariantCulture);
        var hash = Convert.ToBase64String(SHA256.HashData(signedBody is null ? bytes : Encoding.UTF8.GetBytes(signedBody)));
        var text = $"{method.Method}\n{target}\n{date};{signedHost ?? $"localhost:{Port}"};{hash}";
        var signature = Convert.ToBase64String(HMACSHA256.HashData(key ?? Primary, Encoding.UTF8.GetBytes(text)));
        var request = new HttpRequestMessage(method, target);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(bytes) { Headers = { { "Content-Type", "application/json" } } };
        }

        request.Headers.Add("x-ms-date", date);
        request.Headers.Add("x-ms-content-sha256", hash);
        request.Headers.TryAddWithoutValidation("Authorization", $"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        return request;
    }

    public ValueTask<ServedResource?> FindByHost(string host, CancellationToken cancel) => new(_byHost.GetValueOrDefault(host));

    public ValueTask<ServedResource?> FindByPort(int port, CancellationToken cancel) => new(_byPort.GetValueOrDefault(port));

    ValueTask<ServedResource?> IResourceDirectory.FindAgain(ServedResource known, CancellationToken cancel) => new(known);

    ValueTask<Problem?> IUserTokens.CheckAgain(Caller.User user, ServedResource resource, CancellationToken cancel) => default;

    public ValueTask<(Caller.User? User, Problem? Problem)> Check(string token, ServedResource resource, CancellationToken cancel) => new(token switch
    {
        "chatter" => (new Caller.User(new SubjectRef(7), "8:acs:r_u", ["chat"]), null),
        "talker" => (new Caller.User(new SubjectRef(8), "8:acs:r_v", ["voip"]), null),
        _ => (null, new Problem("/problems/test/bad-token", 401, "The token is not good.")),
    });

    (Caller.Administrator? Administrator, Problem? Problem) IAdministratorTokens.Check(string token, Geography geography) =>
        token is "owner" or "reader" ? (new Caller.Administrator(token), null) : (null, new Problem("/problems/test/bad-token", 401, "The token is not good."));

    public bool IsCredential(string id, string secret) => id == "first" && secret == "se:cret";

    public async ValueTask DisposeAsync()
    {
        Release.TrySetResult();
        await Host.Stop(CancellationToken.None);
        await Host.DisposeAsync();
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    // The only place of these tests that knows how a home is made.
    private static ServedResource Resource(string geography) =>
        new(new Home { Geography = Geography.Parse(geography), ResourceId = Guid.NewGuid() }, [Primary, Secondary]);

    private X509ChainPolicy Trust() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { _authority },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    private Operation[] Operations()
    {
        var versions = new[] { Version, "2022-06-01" }.ToFrozenSet();
        return
        [
            new("POST", "/identities", "Create", Access.Application, Echo) { Versions = versions, BodyLimit = 1000 },
            new("GET", "/identities/{id}", "Get", Access.Application, Echo) { Versions = versions },
            new("DELETE", "/identities/{id}", "Delete", Access.Application, (_, _) => new(Reply.Empty(204))) { Versions = versions },
            new("POST", "/identities/{id}/:issueAccessToken", "Issue", Access.Application, Echo) { Versions = versions },
            new("POST", "/calling/callConnections/{id}:play", "Play", Access.Open, Echo),
            new("POST", "/access/entra/:exchangeAccessToken", "Exchange", Access.Open, Echo),
            new("GET", "/chat/threads", "Threads", Access.User("chat", "chat.join"), Echo),
            new("POST", "/open", "Open", Access.Open, Echo) { BodyLimit = 1000 },
            new("GET", "/open", "GetOpen", Access.Open, Echo),
            new("GET", "/slow", "Slow", Access.Open, Slow),
            new("GET", "/fault", "Fault", Access.Open, (_, _) => throw new InvalidOperationException("secret of the fault")),
            new("GET", "/unavailable", "Unavailable", Access.Open, (_, _) => throw new StoreUnavailableException("The disk is full.", new IOException("secret"))),
            new("GET", "/late-fault", "LateFault", Access.Open, (_, _) => new(Reply.Json(200, new Unwritable(), EdgeJson.Default.Unwritable))),
            new("GET", "/busy", "Busy", Access.Open, (_, _) => new(Reply.Of(new Problem("/problems/test/busy", 429, "Later.") { RetryAfter = TimeSpan.FromSeconds(1.5) }))),
            new("GET", "/ours", "Ours", Access.Open, (_, _) => new(Reply.Of(Problem.Of(
                [new("/problems/test/a", 422, "A is wrong.") { Target = "a" }, new("/problems/test/b", 422, "B is wrong.") { Target = "b" }])))) { Errors = ErrorShape.ProblemDetails },
            new("GET", "/admin/things", "Things", Access.Administrator("owner"), AdminEcho) { Errors = ErrorShape.ProblemDetails },
            new("POST", "/admin/tokens", "Tokens", Access.Credential, AdminEcho) { Errors = ErrorShape.ProblemDetails },
        ];
    }

    private static ValueTask<Reply> Echo(Call call, CancellationToken cancel)
    {
        var id = call.Operation.Path.Contains("{id}", StringComparison.Ordinal) ? call.Route("id") : null;
        return new(Reply.Json(200, new Echoed(call.Operation.Name, id, call.Query("q"), Encoding.UTF8.GetString(call.Body.Span), call.ApiVersion, call.Origin), EdgeJson.Default.Echoed));
    }

    private static ValueTask<Reply> AdminEcho(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new Echoed(call.Operation.Name, call.Geography.Name, null, "", call.ApiVersion, call.Origin), EdgeJson.Default.Echoed));

    private async ValueTask<Reply> Slow(Call call, CancellationToken cancel)
    {
        Entered.TrySetResult();
        await Release.Task.WaitAsync(cancel);
        return await Echo(call, cancel);
    }
}
