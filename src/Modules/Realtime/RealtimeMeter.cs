using System.Diagnostics.Metrics;

namespace Domicile.Modules.Realtime;

/// <summary>What is counted. No ids.</summary>
internal static class RealtimeMeter
{
    private static readonly Meter Meter = new("Domicile.Realtime");

    /// <summary>Endpoints that were dropped because they were too far behind.</summary>
    public static Counter<long> Dropped { get; } = Meter.CreateCounter<long>("domicile.realtime.dropped", "{endpoint}", "Endpoints dropped for being more than 256 events or 1 MiB behind");

    /// <summary>Entries of the feed that could not be told and were left out.</summary>
    public static Counter<long> Skipped { get; } = Meter.CreateCounter<long>("domicile.realtime.skipped", "{entry}", "Entries of the change feed that could not be told, however often tried, and were left out");

    /// <summary>Connections that are open.</summary>
    public static UpDownCounter<long> Connections { get; } = Meter.CreateUpDownCounter<long>("domicile.realtime.connections", "{connection}", "Connections open");

    /// <summary>Events that a client could not take: its answer was not 200.</summary>
    public static Counter<long> Refused { get; } = Meter.CreateCounter<long>("domicile.realtime.refused", "{event}", "Events that clients answered with another status than 200");
}
