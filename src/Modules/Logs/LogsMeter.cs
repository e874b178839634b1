using System.Diagnostics.Metrics;

namespace Domicile.Modules.Logs;

/// <summary>What is counted. No ids.</summary>
internal static class LogsMeter
{
    private static readonly Meter Meter = new("Domicile.Logs");

    /// <summary>Entries of operation logs that were written.</summary>
    public static Counter<long> Written { get; } = Meter.CreateCounter<long>("domicile.logs.written", "{entry}", "Entries of operation logs written");

    /// <summary>Requests that are in no log although they belong into one: there was no room for them.</summary>
    public static Counter<long> Dropped { get; } = Meter.CreateCounter<long>("domicile.logs.dropped", "{entry}", "Requests that were to be logged, and for which there was no room");

    /// <summary>Requests that alerts did not see, because too many different things were counted in a minute.</summary>
    public static Counter<long> Uncounted { get; } = Meter.CreateCounter<long>("domicile.alerts.uncounted", "{request}", "Requests that alerts did not see: too many different ones in a minute");

    /// <summary>Queries that were answered.</summary>
    public static Counter<long> Queries { get; } = Meter.CreateCounter<long>("domicile.logs.queries", "{query}", "Queries of operation logs answered, errors included");
}
