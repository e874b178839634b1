using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Domicile.Bench.EndToEnd;

/// <summary>A resource, spoken to from outside as applications do.</summary>
internal sealed class AcsClient : IDisposable
{
    public const string ChatVersion = "2025-03-15";

    /// <summary>What a front says before the client's own bytes.</summary>
    public static readonly byte[] FrontLine = "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n"u8.ToArray();

    private const string IdentityVersion = "2023-10-01";
    private const int Concurrency = 16;
    private readonly HttpClient _http;
    private readonly Uri _endpoint;
    private readonly byte[] _key;

    /// <param name="connectionString">The resource's.</param>
    /// <param name="trust">The certificate of the authority that is trusted.</param>
    /// <param name="behindFront">A port of a node behind a front to connect to, whatever the host is; null to connect as the endpoint says.</param>
    public AcsClient(string connectionString, string trust, int? behindFront = null)
    {
        var parts = connectionString.Split(';', 2);
        _endpoint = new Uri(parts[0]["endpoint=".Length..]);
        _key = Convert.FromBase64String(parts[1]["accesskey=".Length..]);
        var policy = LeanConnection.Trust(trust);
        var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = new() { CertificateChainPolicy = policy } };
        if (behindFront is { } port)
        {
            handler.ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
                await socket.SendAsync(FrontLine, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            };
        }

        _http = new HttpClient(handler);
    }

    /// <summary>Authority and port as clients put them into the Host header.</summary>
    public Uri Endpoint => _endpoint;

    public void Dispose() => _http.Dispose();

    /// <summary>What trusts the server, for sockets.</summary>
    public HttpMessageInvoker Invoker => _http;

    /// <summary>Whether it answers.</summary>
    public async Task<bool> Answers()
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri(_endpoint, "/.well-known/jwks.json"));
            answer.EnsureSuccessStatusCode();
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Makes users who have tokens for chat.</summary>
    public async Task<IReadOnlyList<User>> MakeUsers(int count)
    {
        var users = new User[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (i, _) =>
        {
            var answer = await AsApplication($"/identities?api-version={IdentityVersion}", """{"createTokenWithScopes":["chat"]}""");
            users[i] = new User((string)answer["identity"]!["id"]!, (string)answer["accessToken"]!["token"]!);
        });
        return users;
    }

    /// <summary>Makes threads. Each is of the users that follow one another from a different one on.</summary>
    public async Task<IReadOnlyList<MadeThread>> MakeThreads(IReadOnlyList<User> users, int count, int members)
    {
        var threads = new MadeThread[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = Concurrency }, async (i, _) =>
        {
            var people = Enumerable.Range(0, members).Select(member => users[((i * 7) + member) % users.Count]).ToList();
            threads[i] = new MadeThread(await MakeThread(people), people);
        });
        return threads;
    }

    public async Task<string> MakeThread(IReadOnlyList<User> people)
    {
        var body = new JsonObject
        {
            ["topic"] = "A thread",
            ["participants"] = new JsonArray([.. people.Skip(1).Select(person => new JsonObject { ["communicationIdentifier"] = new JsonObject { ["rawId"] = person.Id } })]),
        };
        var answer = await Send(HttpMethod.Post, $"/chat/threads?api-version={ChatVersion}", body.ToJsonString(), people[0]);
        return (string)answer["chatThread"]!["id"]!;
    }

    public async Task<JsonNode> Send(HttpMethod method, string target, string? body, User user)
    {
        using var request = new HttpRequestMessage(method, new Uri(_endpoint, target));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", user.Token);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await Read(request);
    }

    /// <summary>A step on the way to a socket, as the clients take it.</summary>
    public async Task<string> Realtime(HttpMethod method, string target, User user)
    {
        using var request = new HttpRequestMessage(method, new Uri(_endpoint, target));
        request.Headers.TryAddWithoutValidation("X-Skypetoken", user.Token);
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? text : throw new InvalidOperationException($"{request.RequestUri!.AbsolutePath} was answered {(int)answer.StatusCode}: {text}");
    }

    /// <summary>Requests that send a message of so many bytes: for each thread, by some of its members.</summary>
    public IEnumerable<byte[]> SendRequests(IReadOnlyList<MadeThread> threads, int senders, int bodyBytes)
    {
        var text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 1 + (bodyBytes / 45)))[..bodyBytes];
        var body = $$"""{"content":"{{text}}","senderDisplayName":"A person","type":"text"}""";
        return from thread in threads
               from person in thread.People.Take(senders)
               select Encoding.ASCII.GetBytes(
                   $"POST /chat/threads/{Uri.EscapeDataString(thread.Id)}/messages?api-version={ChatVersion} HTTP/1.1\r\nHost: {_endpoint.Authority}\r\n"
                   + $"Authorization: Bearer {person.Token}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                   + $"x-ms-client-request-id: {Guid.NewGuid()}\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    private async Task<JsonNode> AsApplication(string target, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_endpoint, target)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        var date = DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture);
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(body)));
        var signature = Convert.ToBase64String(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"POST\n{target}\n{date};{_endpoint.Authority};{hash}")));
        request.Headers.TryAddWithoutValidation("x-ms-date", date);
        request.Headers.TryAddWithoutValidation("x-ms-content-sha256", hash);
        request.Headers.TryAddWithoutValidation("Authorization", $"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        return await Read(request);
    }

    private async Task<JsonNode> Read(HttpRequestMessage request)
    {
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"{request.RequestUri!.AbsolutePath} was answered {(int)answer.StatusCode}: {text}");
    }
}

internal sealed record User(string Id, string Token);

internal sealed record MadeThread(string Id, IReadOnlyList<User> People);
