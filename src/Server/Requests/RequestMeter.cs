using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Domicile.Server;

/// <summary>What is measured of requests. Names of operations and classes of status; no ids, and no trace of a client's goes on.</summary>
internal static class RequestMeter
{
    private static readonly Meter Meter = new("Domicile.Requests");
    private static readonly string[] Classes = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

    /// <summary>How long answers took.</summary>
    public static Histogram<double> Duration { get; } = Meter.CreateHistogram<double>("domicile.requests.duration", "s", "Time from a request's first byte to the end of its answer");

    /// <summary>A span for each request, where somebody collects them.</summary>
    public static ActivitySource Spans { get; } = new("Domicile.Requests");

    /// <summary>The class of a status.</summary>
    public static string ClassOf(int status) => Classes[Math.Clamp(status / 100, 0, Classes.Length - 1)];
}
