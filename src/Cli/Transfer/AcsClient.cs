using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Domicile.Cli.Transfer;

/// <summary>
/// Speaks to an ACS resource: as the application with the access key, and as its users with tokens that it issues for them. It speaks to the endpoint of the connection
/// string and to nothing else.
/// </summary>
internal sealed class AcsClient : IDisposable
{
    private const string ChatVersion = "2025-03-15";
    private const string IdentityVersion = "2023-10-01";
    private const string NumbersVersion = "2022-12-01";

    /// <summary>A page of 200 messages of 28 KiB, each byte escaped as six, is 33 MiB; none is near it.</summary>
    private const int LargestAnswerBytes = 64 * 1024 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);
    private static readonly TimeSpan Renewal = TimeSpan.FromMinutes(10);
    private static readonly HttpRequestOptionsKey<bool> AsApplication = new("as application");

    private readonly HttpClient http;
    private readonly byte[] key;
    private readonly TimeProvider clock;
    private readonly ConcurrentDictionary<string, UserToken> tokens = new(StringComparer.Ordinal);

    /// <summary>A client of one resource.</summary>
    /// <param name="endpoint">Its endpoint.</param>
    /// <param name="key">One of its access keys.</param>
    /// <param name="authorities">The only certificate authorities to trust; none for those of the system.</param>
    /// <param name="clock">The time.</param>
    public AcsClient(Uri endpoint, byte[] key, X509Certificate2Collection? authorities, TimeProvider clock)
    {
        (Endpoint, this.key, this.clock) = (endpoint, key, clock);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 64,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        if (authorities is not null)
        {
            handler.SslOptions.CertificateChainPolicy = AdminClient.TrustOnly(authorities);
        }

        // As with the administration: a person's own machine, speaking to exactly the endpoint that they named, without redirects and proxies.
#pragma warning disable RS0030
        http = new HttpClient(handler, disposeHandler: true) { BaseAddress = endpoint, Timeout = Patience, MaxResponseContentBufferSize = LargestAnswerBytes };
#pragma warning restore RS0030
    }

    /// <summary>The endpoint.</summary>
    public Uri Endpoint { get; }

    /// <summary>Requests that were answered with 429 so far, and tried again.</summary>
    public int Throttled => throttled;

    private int throttled;

    /// <summary>Reads a connection string, as the clients of ACS do.</summary>
    /// <returns>Null when it is none.</returns>
    public static (Uri Endpoint, byte[] Key)? ReadConnectionString(string text)
    {
        var parts = text.Trim().Split(';', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2)).Where(pair => pair.Length == 2)
            .ToLookup(pair => pair[0].Trim().ToLowerInvariant(), pair => pair[1].Trim());
        var buffer = new byte[512];
        return parts["endpoint"].ToList() is [var endpoint] && parts["accesskey"].ToList() is [var accessKey]
            && Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps && uri.AbsolutePath == "/"
            && Convert.TryFromBase64String(accessKey, buffer, out var length) && length > 0
            ? (uri, buffer[..length])
            : null;
    }

    /// <summary>Reads pages of a list as a user, from the first to the last.</summary>
    public async IAsyncEnumerable<JsonElement> Pages(string user, string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        const int pagesMax = 100_000;
        var next = $"{path}?api-version={ChatVersion}&maxPageSize=200";
        for (var pages = 0; next is not null; pages++)
        {
            if (pages == pagesMax)
            {
                throw new AcsRefused(HttpStatusCode.OK, "EndlessList", "The list has no end.");
            }

            var page = await Get(user, next, cancel);
            foreach (var item in page.GetProperty("value").EnumerateArray())
            {
                yield return item;
            }

            next = page.TryGetProperty("nextLink", out var link) && link.GetString() is { Length: > 0 } text ? OnEndpoint(text) : null;
        }
    }

    /// <summary>Reads something as a user.</summary>
    public Task<JsonElement> Read(string user, string path, CancellationToken cancel) => Get(user, $"{path}?api-version={ChatVersion}", cancel);

    /// <summary>The telephone numbers of the resource; none when the source knows no numbers.</summary>
    public async Task<IReadOnlyList<string>> PhoneNumbers(CancellationToken cancel)
    {
        const int pagesMax = 1_000;
        var numbers = new List<string>();
        var next = $"/phoneNumbers?skip=0&top=100&api-version={NumbersVersion}";
        for (var pages = 0; next is not null && pages < pagesMax; pages++)
        {
            var target = next;
            JsonElement page;
            try
            {
                page = await Send(
                    () =>
                    {
                        var request = new HttpRequestMessage(HttpMethod.Get, target);
                        request.Options.Set(AsApplication, true);
                        return request;
                    },
                    cancel);
            }
            catch (AcsRefused none) when (none.Status == HttpStatusCode.NotFound)
            {
                return numbers;
            }

            numbers.AddRange(page.GetProperty("phoneNumbers").EnumerateArray().Select(number => number.GetProperty("phoneNumber").GetString()).OfType<string>());
            next = page.TryGetProperty("nextLink", out var link) && link.GetString() is { Length: > 0 } text ? OnEndpoint(text) : null;
        }

        return numbers;
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private async Task<JsonElement> Get(string user, string target, CancellationToken cancel)
    {
        for (var isRenewed = false; ; isRenewed = true)
        {
            var token = await TokenOf(user, cancel);
            try
            {
                return await Send(
                    () =>
                    {
                        var request = new HttpRequestMessage(HttpMethod.Get, target);
                        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
                        return request;
                    },
                    cancel);
            }
            catch (AcsRefused refused) when (refused.Status == HttpStatusCode.Unauthorized && !isRenewed)
            {
                tokens.TryRemove(KeyValuePair.Create(user, token));
            }
        }
    }

    private async Task<UserToken> TokenOf(string user, CancellationToken cancel)
    {
        if (tokens.TryGetValue(user, out var known) && known.ExpiresOn - Renewal > clock.GetUtcNow())
        {
            return known;
        }

        var target = $"/identities/{Uri.EscapeDataString(user)}/:issueAccessToken?api-version={IdentityVersion}";
        var body = """{"scopes":["chat"]}"""u8.ToArray();
        var issued = await Send(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } } };
                request.Options.Set(AsApplication, true);
                return request;
            },
            cancel);
        var token = new UserToken(issued.GetProperty("token").GetString()!, issued.GetProperty("expiresOn").GetDateTimeOffset());
        tokens[user] = token;
        return token;
    }

    private async Task<JsonElement> Send(Func<HttpRequestMessage> make, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            RetryConditionHeaderValue? asked = null;
            string why;
            using (var request = make())
            {
                if (request.Options.TryGetValue(AsApplication, out _))
                {
                    await Sign(request, cancel);
                }

                try
                {
                    using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, cancel);
                    if (answer.IsSuccessStatusCode)
                    {
                        return await Read(answer, cancel);
                    }

                    if (!Retry.IsWorthwhile(answer.StatusCode) || attempt == Retry.Attempts)
                    {
                        throw await Refusal(answer, cancel);
                    }

                    if (answer.StatusCode == HttpStatusCode.TooManyRequests)
                    {
                        Interlocked.Increment(ref throttled);
                    }

                    asked = answer.Headers.RetryAfter;
                    why = $"it answers {(int)answer.StatusCode}";
                }
                catch (HttpRequestException broken) when (broken.HttpRequestError == HttpRequestError.SecureConnectionError)
                {
                    throw new CommandFailure(
                        $"The certificate of {Endpoint.Authority} is not one that this machine trusts. For a source with an authority of its own: --certificate-authority FILE.");
                }
                catch (HttpRequestException broken)
                {
                    why = broken.Message;
                }
                catch (TaskCanceledException) when (!cancel.IsCancellationRequested)
                {
                    why = $"it did not answer within {Patience.TotalSeconds} s";
                }
            }

            if (attempt == Retry.Attempts)
            {
                throw new CommandFailure($"The source {Endpoint.Authority} cannot be read: {why}. What was moved is kept; run the same command again to go on.");
            }

            await Task.Delay(Retry.Wait(attempt, asked, clock), clock, cancel);
        }
    }

    // What the clients of ACS sign: method, path and query; date, host, and the hash of the body.
    private async Task Sign(HttpRequestMessage request, CancellationToken cancel)
    {
        var content = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancel);
        var hash = Convert.ToBase64String(SHA256.HashData(content));
        var date = clock.GetUtcNow().ToString("R", CultureInfo.InvariantCulture);
        var target = new Uri(Endpoint, request.RequestUri!).PathAndQuery;
        var signed = $"{request.Method.Method}\n{target}\n{date};{Endpoint.Authority};{hash}";
        var signature = Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(signed)));
        request.Headers.TryAddWithoutValidation("x-ms-date", date);
        request.Headers.TryAddWithoutValidation("x-ms-content-sha256", hash);
        request.Headers.TryAddWithoutValidation("Authorization", $"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
    }

    /// <summary>A token goes to its own server only, wherever a link points.</summary>
    private string OnEndpoint(string link) =>
        Uri.TryCreate(Endpoint, link, out var target) && target.Scheme == Endpoint.Scheme && target.Authority == Endpoint.Authority
            ? target.PathAndQuery
            : throw new CommandFailure($"The source {Endpoint.Authority} continues a list at another origin. That is not followed.");

    private static async Task<JsonElement> Read(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            return JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(cancel));
        }
        catch (JsonException)
        {
            throw new AcsRefused(answer.StatusCode, "NotJson", "The answer is not JSON.");
        }
    }

    private static async Task<AcsRefused> Refusal(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            var error = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(cancel)).GetProperty("error");
            return new AcsRefused(answer.StatusCode, error.GetProperty("code").GetString() ?? "", error.GetProperty("message").GetString() ?? "");
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new AcsRefused(answer.StatusCode, "", "");
        }
    }

    private sealed record UserToken(string Token, DateTimeOffset ExpiresOn);
}

/// <summary>The source will not, whatever is done.</summary>
internal sealed class AcsRefused(HttpStatusCode status, string code, string text) : Exception($"{(int)status} {code} {text}".Trim())
{
    /// <summary>Its status.</summary>
    public HttpStatusCode Status => status;
}
