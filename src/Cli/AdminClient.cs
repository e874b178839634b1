using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Domicile.Cli;

/// <summary>Speaks the administration API of one geography.</summary>
internal sealed class AdminClient : IDisposable
{
    /// <summary>A token for one command lives no longer than a command can.</summary>
    private const int TokenMinutes = 15;

    /// <summary>No answer of the API is larger; a page of exported messages is the largest.</summary>
    private const int LargestAnswerBytes = 64 * 1024 * 1024;

    /// <summary>At the server's 100 or more a page, ten million entries: beyond it the list is not one for a terminal.</summary>
    private const int MostPages = 100_000;

    /// <summary>A token is minted anew so long before its end.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient http;
    private readonly HttpClient atResources;
    private readonly AdminCredential credential;
    private readonly DataDirectory directory;
    private readonly ConcurrentDictionary<string, TokenReply> tokens = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim minting = new(1, 1);

    /// <summary>A client of one geography.</summary>
    /// <param name="geography">Its name and origin.</param>
    /// <param name="credential">The administrator's.</param>
    /// <param name="authorities">The only certificate authorities to trust; none for those of the system.</param>
    /// <param name="directory">For messages.</param>
    public AdminClient(AdminGeography geography, AdminCredential credential, X509Certificate2Collection? authorities, DataDirectory directory)
    {
        this.credential = credential;
        this.directory = directory;
        Geography = geography.Name;
        Origin = new Uri(geography.Endpoint, UriKind.Absolute);
        var handler = Handler(authorities);
        if (geography.Address is { } address)
        {
            // Only where to connect to: the certificate must be the origin's all the same.
            var target = IPEndPoint.Parse(address);
            handler.ConnectCallback = (_, cancel) => Connect(target, cancel);
        }

        // The guarded client keeps the server away from private addresses. This is the other direction: an administrator's
        // own machine, speaking to exactly the origins of an owner-only file, without redirects and proxies.
#pragma warning disable RS0030
        http = new HttpClient(handler, disposeHandler: true)
        {
            BaseAddress = Origin,
            Timeout = Patience,
            MaxResponseContentBufferSize = LargestAnswerBytes,
        };
        atResources = new HttpClient(Handler(authorities), disposeHandler: true) { Timeout = Patience, MaxResponseContentBufferSize = LargestAnswerBytes };
#pragma warning restore RS0030
    }

    /// <summary>The geography's name.</summary>
    public string Geography { get; }

    /// <summary>Its administration origin.</summary>
    public Uri Origin { get; }

    /// <summary>Trust in exactly these authorities. Development certificates have no revocation list to ask.</summary>
    public static X509ChainPolicy TrustOnly(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    /// <summary>Mints a token.</summary>
    public async Task<TokenReply> Mint(string role, int minutes, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, "tokens", AdminJson.Default.TokenRequest, new TokenRequest(role, minutes));
        var pair = Encoding.UTF8.GetBytes($"{credential.Id}:{credential.Secret}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair));
        using var response = await Send(request, cancel);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            throw new CommandFailure(
                $"The server at {Origin.Authority} does not know the credential in {directory.AdminFile}. It was started with another data directory: name that one with --data.");
        }

        return await Read(response, AdminJson.Default.TokenReply, cancel);
    }

    /// <summary>Reads something.</summary>
    public async Task<T> Get<T>(string role, string path, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using var response = await Ask(role, HttpMethod.Get, path, cancel);
        return await Read(response, type, cancel);
    }

    /// <summary>Reads a file piece by piece.</summary>
    public async Task Download(string role, string path, Stream output, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        await Authorize(request, role, cancel);
        using var response = await Send(request, cancel, HttpCompletionOption.ResponseHeadersRead);
        await Check(response, cancel);
        await response.Content.CopyToAsync(output, cancel);
    }

    /// <summary>Reads a document.</summary>
    public async Task<string> Text(string role, string path, CancellationToken cancel)
    {
        using var response = await Ask(role, HttpMethod.Get, path, cancel);
        await Check(response, cancel);
        return await response.Content.ReadAsStringAsync(cancel);
    }

    /// <summary>Reads something that may not be there.</summary>
    public async Task<T?> Find<T>(string role, string path, JsonTypeInfo<T> type, CancellationToken cancel)
        where T : class
    {
        using var response = await Ask(role, HttpMethod.Get, path, cancel);
        return response.StatusCode == HttpStatusCode.NotFound ? null : await Read(response, type, cancel);
    }

    /// <summary>Sends something and reads the answer.</summary>
    public Task<TReply> Post<TBody, TReply>(
        string role, string path, JsonTypeInfo<TBody> bodyType, TBody body, JsonTypeInfo<TReply> replyType, CancellationToken cancel) =>
        Change(HttpMethod.Post, role, path, bodyType, body, replyType, cancel);

    /// <summary>Sends something that is answered without a body.</summary>
    public async Task Post<TBody>(string role, string path, JsonTypeInfo<TBody> bodyType, TBody body, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, path, bodyType, body);
        await Authorize(request, role, cancel);
        using var response = await Send(request, cancel);
        await Check(response, cancel);
    }

    /// <summary>Puts something where its path says and reads what it is now.</summary>
    public Task<TReply> Put<TBody, TReply>(
        string role, string path, JsonTypeInfo<TBody> bodyType, TBody body, JsonTypeInfo<TReply> replyType, CancellationToken cancel) =>
        Change(HttpMethod.Put, role, path, bodyType, body, replyType, cancel);

    /// <summary>Asks something that is answered with JSON whether it goes well or not.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Answer)> Query<TBody>(string role, string path, JsonTypeInfo<TBody> type, TBody body, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, path, type, body);
        await Authorize(request, role, cancel);
        using var response = await Send(request, cancel);
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.BadRequest or HttpStatusCode.Forbidden or HttpStatusCode.GatewayTimeout))
        {
            await Check(response, cancel);
        }

        using var answer = await response.Content.ReadAsStreamAsync(cancel);
        return (response.StatusCode, await JsonSerializer.DeserializeAsync(answer, AdminJson.Default.JsonElement, cancel));
    }

    /// <summary>Reads a page of text, and from a header where the next one begins.</summary>
    public async Task<(string Text, string? Next)> TextPage(string role, string path, string header, CancellationToken cancel)
    {
        using var response = await Ask(role, HttpMethod.Get, path, cancel);
        await Check(response, cancel);
        return (await response.Content.ReadAsStringAsync(cancel), response.Headers.TryGetValues(header, out var values) ? values.FirstOrDefault() : null);
    }

    /// <summary>Changes something and reads what it is now.</summary>
    public Task<TReply> Patch<TBody, TReply>(
        string role, string path, JsonTypeInfo<TBody> bodyType, TBody body, JsonTypeInfo<TReply> replyType, CancellationToken cancel) =>
        Change(HttpMethod.Patch, role, path, bodyType, body, replyType, cancel);

    private async Task<TReply> Change<TBody, TReply>(
        HttpMethod method, string role, string path, JsonTypeInfo<TBody> bodyType, TBody body, JsonTypeInfo<TReply> replyType, CancellationToken cancel)
    {
        using var request = Request(method, path, bodyType, body);
        await Authorize(request, role, cancel);
        using var response = await Send(request, cancel);
        return await Read(response, replyType, cancel);
    }

    /// <summary>Deletes something.</summary>
    public async Task Delete(string role, string path, CancellationToken cancel)
    {
        using var response = await Ask(role, HttpMethod.Delete, path, cancel);
        await Check(response, cancel);
    }

    /// <summary>Reads a list, page by page.</summary>
    public async IAsyncEnumerable<T> List<T>(
        string role, string path, JsonTypeInfo<Page<T>> type, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        string? next = path;
        for (var pages = 0; next is not null; pages++)
        {
            if (pages == MostPages)
            {
                throw new CommandFailure($"The list at {Origin.Authority} has no end; {MostPages} pages were read.");
            }

            var page = await Get(role, next, type, cancel);
            foreach (var item in page.Value)
            {
                yield return item;
            }

            next = page.NextLink is { Length: > 0 } link ? OnOrigin(link) : null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        http.Dispose();
        atResources.Dispose();
        minting.Dispose();
    }

    private static SocketsHttpHandler Handler(X509Certificate2Collection? authorities)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 32,
        };
        if (authorities is not null)
        {
            handler.SslOptions.CertificateChainPolicy = TrustOnly(authorities);
        }

        return handler;
    }

    private static HttpRequestMessage Request<T>(HttpMethod method, string path, JsonTypeInfo<T> type, T body) => new(method, path)
    {
        Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, type))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        },
    };

    /// <summary>A token goes to its own server only, wherever a link points.</summary>
    private string OnOrigin(string link) =>
        Uri.TryCreate(Origin, link, out var target) && target.Scheme == Origin.Scheme && target.Authority == Origin.Authority
            ? target.PathAndQuery
            : throw new CommandFailure($"The server at {Origin.Authority} continues its list at another origin. That is not followed.");

    private async Task<HttpResponseMessage> Ask(string role, HttpMethod method, string path, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, path);
        await Authorize(request, role, cancel);
        return await Send(request, cancel);
    }

    private async Task Authorize(HttpRequestMessage request, string role, CancellationToken cancel)
    {
        if (!IsGood(role, out var token))
        {
            await minting.WaitAsync(cancel);
            try
            {
                if (!IsGood(role, out token))
                {
                    token = await Mint(role, TokenMinutes, cancel);
                    tokens[role] = token;
                }
            }
            finally
            {
                minting.Release();
            }
        }

        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
    }

    /// <summary>A command can last longer than its token.</summary>
    private bool IsGood(string role, [NotNullWhen(true)] out TokenReply? token) =>
        tokens.TryGetValue(role, out token) && token.ExpiresOn - TimeProvider.System.GetUtcNow() > Renewal;

    /// <summary>To the administration origin; what names another address is at the origin of a resource, as the server told it.</summary>
    private async Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken cancel, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        try
        {
            return await (request.RequestUri!.IsAbsoluteUri ? atResources : http).SendAsync(request, completion, cancel);
        }
        catch (HttpRequestException failure)
        {
            throw Explain(failure);
        }
        catch (TaskCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new CommandFailure($"The server at {Origin.Authority} ({Geography}) did not answer within {Patience.TotalSeconds} seconds. Is it stopping, or its disk full? See its output.") { IsTransient = true };
        }
    }

    private static async ValueTask<Stream> Connect(IPEndPoint target, CancellationToken cancel)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(target, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private CommandFailure Explain(HttpRequestException failure) => failure.HttpRequestError switch
    {
        HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError => new CommandFailure(
            $"No server answers at {Origin.Authority} ({Geography}). Start it: {directory.ServeCommand}")
        { IsTransient = true },
        HttpRequestError.SecureConnectionError => new CommandFailure(
            $"The certificate at {Origin.Authority} ({Geography}) is not one that this command trusts: either another program listens there, or the server runs on another data directory. See: {directory.DoctorCommand}"),
        HttpRequestError.ConfigurationLimitExceeded => new CommandFailure($"The answer of {Origin.Authority} is larger than {LargestAnswerBytes / 1024 / 1024} MiB and was not read."),
        _ => new CommandFailure($"The connection to {Origin.Authority} ({Geography}) broke off: {failure.Message}") { IsTransient = true },
    };

    private async Task<T> Read<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        await Check(response, cancel);
        try
        {
            using var body = await response.Content.ReadAsStreamAsync(cancel);
            return await JsonSerializer.DeserializeAsync(body, type, cancel) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new CommandFailure($"The answer of {Origin.Authority} to {Described(response)} was not understood. Are this command and the server of the same version?");
        }
    }

    private async Task Check(HttpResponseMessage response, CancellationToken cancel)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        ProblemReply? problem = null;
        if (response.Content.Headers.ContentType?.MediaType is "application/problem+json" or "application/json")
        {
            try
            {
                using var body = await response.Content.ReadAsStreamAsync(cancel);
                problem = await JsonSerializer.DeserializeAsync(body, AdminJson.Default.ProblemReply, cancel);
            }
            catch (JsonException)
            {
                // The status says enough.
            }
        }

        string?[] sentences = [problem?.Title, problem?.Detail];
        var said = string.Join(' ', sentences.Where(sentence => !string.IsNullOrWhiteSpace(sentence)));
        throw new CommandFailure(said.Length > 0
            ? Table.Clean(said)
            : $"The server at {Origin.Authority} ({Geography}) answered {(int)response.StatusCode} to {Described(response)}.")
        {
            IsTransient = response.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests,
        };
    }

    private static string Described(HttpResponseMessage response) =>
        $"{response.RequestMessage?.Method} {response.RequestMessage?.RequestUri?.AbsolutePath}";
}
