using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>Speaks HTTP to one resource as no client package can be made to.</summary>
internal sealed class Wire : IDisposable
{
    public const string IdentityVersion = "2023-10-01";
    public const string ChatVersion = "2025-03-15";

    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly string authorityFile;
    private readonly HttpClient http;

    /// <param name="resource">The resource.</param>
    /// <param name="authorityFile">The only authority that is trusted.</param>
    /// <param name="connect">Makes connections when the resource's host is known to no name service.</param>
    public Wire(DemoResource resource, string authorityFile, Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect = null)
    {
        Resource = resource;
        this.authorityFile = authorityFile;
        http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectCallback = connect,
            SslOptions = new() { CertificateChainPolicy = DemoResource.Trusting(authorityFile) },
        })
        {
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    public DemoResource Resource { get; }

    /// <summary>Host and port as a client puts them into the Host header.</summary>
    public string Authority => new Uri(Resource.Endpoint).Authority;

    public void Dispose() => http.Dispose();

    /// <summary>Sends a request without a credential.</summary>
    public Task<Answer> Send(
        HttpMethod method, string target, byte[]? body = null, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(method, new Uri(Resource.Origin + target, AsItIs));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new(
                method == HttpMethod.Patch ? "application/merge-patch+json" : "application/json");
            // What is refused for its length is not written into a connection that the server has closed by then.
            request.Headers.ExpectContinue = body.Length > 64 * 1024;
        }

        change?.Invoke(request);
        return Send(request);
    }

    public async Task<Answer> Send(HttpRequestMessage request)
    {
        using var answer = await http.SendAsync(request, CancellationToken.None);
        var headers = answer.Headers.Concat(answer.Content.Headers)
            .ToDictionary(each => each.Key, each => string.Join(", ", each.Value), StringComparer.OrdinalIgnoreCase);
        var bytes = await answer.Content.ReadAsByteArrayAsync(CancellationToken.None);
        return new((int)answer.StatusCode, System.Text.Encoding.UTF8.GetString(bytes), headers) { Bytes = bytes };
    }

    /// <summary>Sends a request as the application, signed with the access key.</summary>
    public Task<Answer> AsApplication(
        HttpMethod method, string target, object? json = null, Action<HttpRequestMessage>? change = null) =>
        AsApplication(method, target, json is null ? null : Bytes(json), change);

    public Task<Answer> AsApplication(
        HttpMethod method, string target, byte[]? body, Action<HttpRequestMessage>? change = null) =>
        Send(method, target, body ?? (method == HttpMethod.Post ? [] : null), request =>
        {
            var signature = new AccessKeySignature(
                method.Method, target, Authority, AccessKeySignature.At(DateTimeOffset.UtcNow), AccessKeySignature.Hash(body ?? []));
            Sign(request, signature, signature.Authorization(Resource.Key));
            change?.Invoke(request);
        });

    /// <summary>Sends a request as a user.</summary>
    public Task<Answer> AsUser(
        string token, HttpMethod method, string target, object? json = null, Action<HttpRequestMessage>? change = null) =>
        Send(method, target, json is null ? null : json as byte[] ?? Bytes(json), request =>
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
            change?.Invoke(request);
        });

    /// <summary>Puts a signature and what it covers on a request.</summary>
    public static void Sign(HttpRequestMessage request, AccessKeySignature signature, string authorization)
    {
        request.Headers.TryAddWithoutValidation("x-ms-date", signature.Date);
        request.Headers.TryAddWithoutValidation("x-ms-content-sha256", signature.ContentHash);
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
    }

    /// <summary>Opens a socket.</summary>
    public Task Connect(System.Net.WebSockets.ClientWebSocket socket, string target) =>
        socket.ConnectAsync(new Uri($"wss://{Authority}{target}"), http, CancellationToken.None);

    /// <summary>Creates a user with a token.</summary>
    public async Task<WireUser> NewUser(params string[] scopes)
    {
        var answer = (await AsApplication(
            HttpMethod.Post,
            $"/identities?api-version={IdentityVersion}",
            new { createTokenWithScopes = scopes is [] ? ["chat"] : scopes })).Is(201).Json;
        return new(
            answer.GetProperty("identity").GetProperty("id").GetString()!,
            answer.GetProperty("accessToken").GetProperty("token").GetString()!);
    }

    /// <summary>Creates a thread of a user with others in it.</summary>
    public async Task<string> NewThread(WireUser creator, params WireUser[] others)
    {
        var answer = await AsUser(creator.Token, HttpMethod.Post, $"/chat/threads?api-version={ChatVersion}", new
        {
            topic = "A thread",
            participants = others.Select(other => new { communicationIdentifier = other.Identifier }).ToArray(),
        });
        return answer.Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
    }

    /// <summary>Sends a message and returns its id.</summary>
    public async Task<string> Say(WireUser sender, string thread, string text) =>
        (await AsUser(sender.Token, HttpMethod.Post, Chat(thread, "/messages"), new { content = text }))
            .Is(201).Json.GetProperty("id").GetString()!;

    /// <summary>The target of something in a thread.</summary>
    public static string Chat(string thread, string rest = "", string version = ChatVersion) =>
        $"/chat/threads/{Uri.EscapeDataString(thread)}{rest}?api-version={version}";

    /// <summary>Sends bytes as they are and reads until the server closes or has answered whole.</summary>
    /// <returns>The answer; its status is 0 when the connection ended without one.</returns>
    public async Task<Answer> SendBytes(params byte[][] parts)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(Resource.Host, Resource.Port, CancellationToken.None);
        await using var stream = new SslStream(socket.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = Resource.Host,
                CertificateChainPolicy = DemoResource.Trusting(authorityFile),
                ApplicationProtocols = [SslApplicationProtocol.Http11],
            },
            CancellationToken.None);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            foreach (var part in parts)
            {
                await stream.WriteAsync(part, limit.Token);
            }
        }
        catch (IOException)
        {
            // The server may hang up before it has heard everything; it may have answered before that.
        }

        return await ReadAnswer(stream, limit.Token);
    }

    public static byte[] Bytes(object json) => JsonSerializer.SerializeToUtf8Bytes(json);

    private static async Task<Answer> ReadAnswer(Stream stream, CancellationToken cancel)
    {
        var received = new MemoryStream();
        var buffer = new byte[8192];
        try
        {
            while (!IsWhole(received) && await stream.ReadAsync(buffer, cancel) is > 0 and var count)
            {
                received.Write(buffer, 0, count);
            }
        }
        catch (IOException)
        {
            // Closed without the farewell of TLS.
        }

        var text = Encoding.Latin1.GetString(received.ToArray());
        if (text.Length == 0)
        {
            return new(0, "", new Dictionary<string, string>());
        }

        var (head, body) = text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var end
            ? (text[..end], text[(end + 4)..])
            : (text, "");
        var lines = head.Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).Where(pair => pair.Length == 2)
            .GroupBy(pair => pair[0].Trim(), StringComparer.OrdinalIgnoreCase)
            .ToDictionary(group => group.Key, group => group.First()[1].Trim(), StringComparer.OrdinalIgnoreCase);
        return new(int.Parse(lines[0].Split(' ')[1], null), body, headers);
    }

    private static bool IsWhole(MemoryStream received)
    {
        var text = Encoding.Latin1.GetString(received.GetBuffer(), 0, (int)received.Length);
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        var length = text[..end].Split("\r\n")
            .Where(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
            .Select(line => int.Parse(line.Split(':')[1], null))
            .FirstOrDefault(-1);
        return length >= 0
            ? text.Length >= end + 4 + length
            : text.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal);
    }
}

/// <summary>A user with a token.</summary>
internal sealed record WireUser(string Id, string Token)
{
    /// <summary>The user as requests name one.</summary>
    public object Identifier => new { communicationUser = new { id = Id } };

    /// <summary>The part of the id that is this user's alone.</summary>
    public Guid Guid => Guid.Parse(Id[(Id.LastIndexOf('_') + 1)..]);
}
