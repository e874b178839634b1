using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>
/// The way to the collector. It shows what the operator gave for it, and goes where the operator said and nowhere else: no redirect is followed, no proxy is asked, no credential of
/// the machine's is used, and TLS is verified against the authorities of the machine. What fails is counted, and said once.
/// </summary>
internal sealed partial class CollectorLine(string? authorization, ILogger log) : IDisposable
{
    /// <summary>How long one export may take.</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    /// <summary>How long the last exports may take while the node ends.</summary>
    private static readonly TimeSpan LastLimit = TimeSpan.FromMilliseconds(500);
    private static readonly Meter Meter = new("Domicile.Telemetry");
    private static readonly Counter<long> Exports = Meter.CreateCounter<long>("domicile.telemetry.exports", "{export}", "Exports to the collector of metrics and traces, by outcome");
    private readonly CancellationTokenSource _ending = new();
    private readonly SocketsHttpHandler _sockets = new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        Credentials = null,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeLimit,
        MaxConnectionsPerServer = 2,
        MaxResponseHeadersLength = 16,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };
    private int _isFailing;

    /// <summary>A client of its own for metrics and for traces.</summary>
    public HttpClient Client() =>
#pragma warning disable RS0030 // The guarded client is for addresses that customers name; this one is the operator's.
        new(new Watched(this), disposeHandler: false) { Timeout = TimeLimit, MaxResponseContentBufferSize = 1024 * 1024 };
#pragma warning restore RS0030

    /// <summary>From now on nothing takes longer than half a second.</summary>
    public void EndSoon() => _ending.CancelAfter(LastLimit);

    /// <inheritdoc/>
    public void Dispose()
    {
        _sockets.Dispose();
        _ending.Dispose();
    }

    private void Show(HttpRequestMessage request)
    {
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }
    }

    private void Heard(HttpResponseMessage answer)
    {
        // With gRPC the outcome stands behind the answer, and only the exporter reads it.
        Exports.Add(1, new KeyValuePair<string, object?>("outcome", answer.IsSuccessStatusCode ? "answered" : "refused"));
        if (answer.IsSuccessStatusCode)
        {
            if (Interlocked.Exchange(ref _isFailing, 0) == 1)
            {
                LogBack(log);
            }
        }
        else if (Interlocked.Exchange(ref _isFailing, 1) == 0)
        {
            LogRefused(log, (int)answer.StatusCode);
        }
    }

    private void Failed()
    {
        Exports.Add(1, new KeyValuePair<string, object?>("outcome", "failed"));
        if (Interlocked.Exchange(ref _isFailing, 1) == 0)
        {
            LogFailing(log);
        }
    }

    private sealed class Watched(CollectorLine line) : DelegatingHandler(line._sockets)
    {
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, line._ending.Token);
            line.Show(request);
            try
            {
                var answer = base.Send(request, either.Token);
                line.Heard(answer);
                return answer;
            }
            catch
            {
                line.Failed();
                throw;
            }
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, line._ending.Token);
            line.Show(request);
            try
            {
                var answer = await base.SendAsync(request, either.Token);
                line.Heard(answer);
                return answer;
            }
            catch
            {
                line.Failed();
                throw;
            }
        }
    }

    [LoggerMessage(1310, LogLevel.Warning, "The collector of metrics and traces cannot be reached; requests go on, and spans are dropped until it can")]
    private static partial void LogFailing(ILogger log);

    [LoggerMessage(1311, LogLevel.Warning, "The collector of metrics and traces refuses them with status {Status}; requests go on, and spans are dropped")]
    private static partial void LogRefused(ILogger log, int status);

    [LoggerMessage(1312, LogLevel.Warning, "The collector of metrics and traces answers again")]
    private static partial void LogBack(ILogger log);
}
