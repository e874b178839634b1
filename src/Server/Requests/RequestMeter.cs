using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Domicile.Server;

/// <summary>What is measured of requests. Names of operations and classes of status; no ids, and no trace of a client's goes on.</summary>
internal static class RequestMeter
{
    private static readonly Meter Meter = new("Domicile.Requests");
    private static readonly string[] Classes = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// <summary>How long answers took. The edges are those of the text form of the metrics; what exports them would else take edges that are meant for milliseconds.</summary>
    public static Histogram<double> Duration { get; } = Meter.CreateHistogram(
        "domicile.requests.duration",
        "s",
        "Time from a request's first byte to the end of its answer",
        tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });

    /// <summary>A span for each request, where somebody collects them.</summary>
    public static ActivitySource Spans { get; } = new("Domicile.Requests");

    /// <summary>The class of a status.</summary>
    public static string ClassOf(int status) => Classes[Math.Clamp(status / 100, 0, Classes.Length - 1)];
}
