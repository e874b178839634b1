using System.Reflection;
using Domicile.Residency;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Domicile.Server;

/// <summary>
/// Sends what the product's meters measure, and a span for each request, to a collector of the operator's. Only when configured. Requests never wait for it: sums are kept and sent
/// by a thread of their own, and spans wait in a queue of 2,048, beyond which they are dropped.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private readonly CollectorLine _line;
    private readonly MeterProvider _meters;
    private readonly TracerProvider? _spans;

    private Telemetry(CollectorLine line, MeterProvider meters, TracerProvider? spans) => (_line, _meters, _spans) = (line, meters, spans);

    /// <summary>What is sent.</summary>
    public static EgressFlow Flow { get; } = new(
        "metrics and traces",
        "counts and durations by operation, state, kind of record, store and geography; for some or all requests the operation, the status, the instant and the duration; the version, and a name of chance for the process; no identifier, hashed or not, no content, no address; over TLS that is verified unless it is this machine",
        "the collector that telemetry.collector names (OTLP), whose host name is looked up",
        "the operator, who configures it and where it is")
    { Crosses = Crossing.Geography, IsByDefault = false, Through = [typeof(Telemetry), typeof(CollectorLine)] };

    /// <summary>Begins to send; null when there is nowhere to.</summary>
    /// <param name="options">What is configured.</param>
    /// <param name="log">Hears when the collector cannot be reached, and when it can again.</param>
    /// <exception cref="StartupException">What the collector is to be shown cannot be read.</exception>
    public static Telemetry? Start(TelemetryOptions options, ILogger log)
    {
        if (options.Collector is not { } origin)
        {
            return null;
        }

        var line = new CollectorLine(options.Authorization("telemetry"), log);
        var collector = new Uri(origin);

        // A name of chance for each process, because collectors add up what several nodes send by it. It is about nobody.
        var version = typeof(Telemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        var process = ResourceBuilder.CreateEmpty().AddService("domicile", serviceVersion: version, autoGenerateServiceInstanceId: true);
        var meters = Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(WithoutVariables)
            .SetResourceBuilder(process)
            .AddMeter("Domicile.*")
            .AddOtlpExporter((exporter, reader) =>
            {
                Set(exporter, options.Protocol, collector, "v1/metrics", line);
                reader.TemporalityPreference = MetricReaderTemporalityPreference.Cumulative;
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)options.Interval.TotalMilliseconds;
            })
            .Build();
        var spans = options.TracePercent == 0
            ? null
            : Sdk.CreateTracerProviderBuilder()
                .ConfigureServices(WithoutVariables)
                .SetResourceBuilder(process)
                .SetSampler(new TraceIdRatioBasedSampler(options.TracePercent / 100.0))
                .AddSource(RequestMeter.Spans.Name)
                .AddOtlpExporter(exporter => Set(exporter, options.Protocol, collector, "v1/traces", line))
                .Build();
        return new Telemetry(line, meters, spans);
    }

    /// <summary>Sends what is left, for half a second at most, and ends.</summary>
    public void Dispose()
    {
        _line.EndSoon();
        _spans?.Dispose();
        _meters.Dispose();
        _line.Dispose();
    }

    /// <summary>Everything is said by the configuration file: no variable of OpenTelemetry's adds a header, an attribute, or a file on the disk for what could not be sent.</summary>
    private static void WithoutVariables(IServiceCollection services) => services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());

    private static void Set(OtlpExporterOptions exporter, string protocol, Uri collector, string path, CollectorLine line)
    {
        var isGrpc = protocol == TelemetryOptions.Grpc;
        exporter.Protocol = isGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        exporter.Endpoint = isGrpc ? collector : new Uri(collector, path);
        exporter.TimeoutMilliseconds = (int)CollectorLine.TimeLimit.TotalMilliseconds;
        exporter.ExportProcessorType = ExportProcessorType.Batch;
        exporter.HttpClientFactory = line.Client;
    }
}
