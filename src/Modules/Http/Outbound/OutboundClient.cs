using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Microsoft.Extensions.ObjectPool;

namespace Domicile.Modules.Http.Outbound;

/// <summary>
/// The guarded client: the only way in which modules call out. A name is resolved and its addresses are checked as the connection is made, so that no name can change its mind in
/// between; redirects are not followed and proxies not asked; what is answered is read up to a bound; TLS is verified against the authorities of the machine.
/// </summary>
public sealed class OutboundClient : IDisposable
{
    /// <summary>Characters of a target at most.</summary>
    public const int TargetMax = 2_048;

    private const int AddressesMax = 4;
    private const int ConnectionsToOneHost = 64;
    private const int HeaderKilobytes = 16;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private readonly OutboundRules _rules;
    private readonly AddressGuard _guard;
    private readonly HttpMessageInvoker _http;
    private readonly ObjectPool<CancellationTokenSource> _limits = new DefaultObjectPoolProvider { MaximumRetained = ConnectionsToOneHost }.Create(new UnlessCancelled());

    /// <summary>A client by some rules.</summary>
    /// <param name="rules">What the operator has said.</param>
    public OutboundClient(OutboundRules rules)
    {
        _rules = rules;
        _guard = new AddressGuard(rules);

        // This is the guarded client, which is why it may make one.
#pragma warning disable RS0030
        _http = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,
                Credentials = null,
                AutomaticDecompression = DecompressionMethods.None,
                ActivityHeadersPropagator = null,
                ConnectTimeout = ConnectLimit,
                ConnectCallback = Connect,
                MaxConnectionsPerServer = ConnectionsToOneHost,
                MaxResponseHeadersLength = HeaderKilobytes,
                MaxResponseDrainSize = 0,
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            },
            disposeHandler: true);
#pragma warning restore RS0030
    }

    /// <summary>Whether a target can be called at all; where its name leads is looked at with each connection.</summary>
    /// <param name="text">The address, absolute.</param>
    /// <param name="target">The target.</param>
    /// <returns>False for what is no <c>https</c> address, is too long, or carries a credential or a fragment. In development <c>http</c> to loopback names will do.</returns>
    public bool TryTarget(string? text, out Uri target)
    {
        target = null!;
        if (text is not { Length: >= 1 and <= TargetMax } || text.AsSpan().ContainsAnyInRange('\0', ' ') || !Uri.TryCreate(text, UriKind.Absolute, out var parsed))
        {
            return false;
        }

        target = parsed;
        return parsed.UserInfo.Length == 0 && parsed.Fragment.Length == 0 && parsed.Host.Length > 0
            && (parsed.Scheme == Uri.UriSchemeHttps || (parsed.Scheme == Uri.UriSchemeHttp && _rules.AllowsLoopback && parsed.IsLoopback))
            && (!IPAddress.TryParse(parsed.IdnHost, out var address) || _guard.Allows(address, parsed.Port));
    }

    /// <summary>Sends a request and reads the beginning of the answer.</summary>
    /// <param name="request">The request; its target has passed <see cref="TryTarget"/>.</param>
    /// <param name="cancel">Gives up, with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>What came of it. Whatever the other side does is an outcome, never an exception.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<OutboundAnswer> Send(OutboundRequest request, CancellationToken cancel)
    {
        var limit = _limits.Get();
        limit.CancelAfter(request.TimeLimit);
        var stopping = cancel.UnsafeRegister(static limit => ((CancellationTokenSource)limit!).Cancel(), limit);
        try
        {
            using var message = MessageOf(request);
            using var answer = await _http.SendAsync(message, limit.Token);
            var headers = request.ReadHeaders.Count == 0 ? OutboundAnswer.NoHeaders
                : answer.Headers.Where(header => request.ReadHeaders.Contains(header.Key, StringComparer.OrdinalIgnoreCase))
                    .ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
            return new OutboundAnswer(OutboundOutcome.Answered)
            {
                Status = (int)answer.StatusCode,
                Headers = headers,
                Body = await ReadBody(answer, request.AnswerBytesMax, limit.Token),
            };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new OutboundAnswer(OutboundOutcome.TimedOut);
        }
        catch (Exception failed) when (failed is HttpRequestException or IOException or SocketException)
        {
            // One that is stopped meanwhile is stopped, whatever the socket says of it.
            cancel.ThrowIfCancellationRequested();
            return new OutboundAnswer(OutcomeOf(failed));
        }
        finally
        {
            await stopping.DisposeAsync();
            _limits.Return(limit);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        (_limits as IDisposable)?.Dispose();
    }

    private static HttpRequestMessage MessageOf(OutboundRequest request)
    {
        var message = new HttpRequestMessage(request.Method, request.Target) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (request.ContentType is { } type)
        {
            message.Content = new ReadOnlyMemoryContent(request.Body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        foreach (var (name, value) in request.Headers)
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    /// <summary>As much of the body as was asked for. The rest is not waited for.</summary>
    private static async ValueTask<byte[]> ReadBody(HttpResponseMessage answer, int most, CancellationToken cancel)
    {
        if (answer.Content.Headers.ContentLength == 0)
        {
            return [];
        }

        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);

        // One more than is kept: the end of a short answer is met here, and its connection is good for the next.
        var buffer = new byte[(answer.Content.Headers.ContentLength is { } length && length < most ? (int)length : most) + 1];
        var read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
        return buffer[..Math.Min(read, most)];
    }

    private async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var target = context.DnsEndPoint;
        var addresses = IPAddress.TryParse(target.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(target.Host, cancel);
        var allowed = addresses.Where(address => _guard.Allows(address, target.Port)).Take(AddressesMax).ToList();
        if (allowed.Count == 0)
        {
            throw new ForbiddenAddressException();
        }

        for (var i = 0; ; i++)
        {
            var socket = new Socket(allowed[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(allowed[i], target.Port), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException) when (i + 1 < allowed.Count)
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    private static OutboundOutcome OutcomeOf(Exception failed)
    {
        for (var inner = failed; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case ForbiddenAddressException:
                    return OutboundOutcome.NotAllowed;
                case AuthenticationException:
                    return OutboundOutcome.NotTrusted;
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData or SocketError.NoRecovery }:
                    return OutboundOutcome.NotResolved;
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.TimedOut }:
                    return OutboundOutcome.NotConnected;
                case TimeoutException:
                    return OutboundOutcome.TimedOut;
            }
        }

        return OutboundOutcome.Broken;
    }

    /// <summary>Sources that were not cancelled are used again; the others are disposed of.</summary>
    private sealed class UnlessCancelled : PooledObjectPolicy<CancellationTokenSource>
    {
        public override CancellationTokenSource Create() => new();

        public override bool Return(CancellationTokenSource source) => source.TryReset();
    }

    /// <summary>Every address of the name is one that may not be reached.</summary>
    private sealed class ForbiddenAddressException() : IOException("None of the target's addresses may be reached.");
}

/// <summary>A request to somewhere else.</summary>
/// <param name="Method">The method.</param>
/// <param name="Target">Where to.</param>
public sealed record OutboundRequest(HttpMethod Method, Uri Target)
{
    /// <summary>The body, when there is a <see cref="ContentType"/>.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The body's type; null for a request without one.</summary>
    public string? ContentType { get; init; }

    /// <summary>Headers, beside those of the body.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>How long everything may take, from the name's resolution to the answer's last byte.</summary>
    /// <value>30 s.</value>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Bytes of the answer's body that are kept; what comes after is left.</summary>
    /// <value>4 KiB.</value>
    public int AnswerBytesMax { get; init; } = 4 * 1024;

    /// <summary>Headers of the answer that are read.</summary>
    public IReadOnlyList<string> ReadHeaders { get; init; } = [];
}

/// <summary>What came of a request.</summary>
/// <param name="Outcome">Whether there was an answer, or why not.</param>
public sealed record OutboundAnswer(OutboundOutcome Outcome)
{
    internal static readonly IReadOnlyDictionary<string, string> NoHeaders = new Dictionary<string, string>();

    /// <summary>The HTTP status; 0 without an answer.</summary>
    public int Status { get; init; }

    /// <summary>The beginning of the body.</summary>
    public byte[] Body { get; init; } = [];

    /// <summary>The headers that were asked for and answered.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = NoHeaders;
}

/// <summary>Whether there was an answer, or why not.</summary>
public enum OutboundOutcome
{
    /// <summary>There was an answer, of whatever status.</summary>
    Answered,

    /// <summary>It took too long.</summary>
    TimedOut,

    /// <summary>The name has no address.</summary>
    NotResolved,

    /// <summary>Every address of the name is one that may not be reached.</summary>
    NotAllowed,

    /// <summary>Nobody listens there.</summary>
    NotConnected,

    /// <summary>The other side could not prove who it is.</summary>
    NotTrusted,

    /// <summary>The connection ended, or what came was no HTTP.</summary>
    Broken,
}
