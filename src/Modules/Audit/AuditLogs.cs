using System.Collections.Frozen;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Audit;

/// <summary>The audit logs of the geographies that a node serves, and the background work that takes them further.</summary>
internal sealed partial class AuditLogs(RefusedRequests refused, TimeProvider clock, ILogger<AuditLogs>? log = null) : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly ILogger _log = (ILogger?)log ?? NullLogger.Instance;
    private readonly CancellationTokenSource _stopping = new();
    private FrozenDictionary<(Geography Geography, string ScaleUnit), GeographyAudit> _logs = FrozenDictionary<(Geography, string), GeographyAudit>.Empty;
    private FrozenDictionary<Geography, GeographyAudit> _first = FrozenDictionary<Geography, GeographyAudit>.Empty;
    private Task _running = Task.CompletedTask;

    /// <summary>Takes the scale units by the homes of their own records. Each is the witness of the one before it.</summary>
    public async Task Prepare(IReadOnlyList<Home> scaleUnits, CancellationToken cancel)
    {
        var logs = new List<GeographyAudit>(scaleUnits.Count);
        foreach (var home in scaleUnits)
        {
            logs.Add(await GeographyAudit.Open(home, clock, _log, cancel));
        }

        if (logs.Count > 1)
        {
            for (var i = 0; i < logs.Count; i++)
            {
                logs[i].Witness = logs[(i + 1) % logs.Count].AsWitness;
            }
        }

        _logs = logs.ToFrozenDictionary(audit => (audit.Home.Geography, audit.Home.ScaleUnit));
        _first = logs.DistinctBy(audit => audit.Home.Geography).ToFrozenDictionary(audit => audit.Home.Geography);
    }

    /// <summary>The log of a geography's scale unit, its first when none is named; null when it has none of that name.</summary>
    public GeographyAudit? Of(Geography geography, string? scaleUnit) => scaleUnit is null ? _first[geography] : _logs.GetValueOrDefault((geography, scaleUnit));

    /// <summary>
    /// Begins to work in the background. Several nodes of a geography may do this at once and only cost each other work; where they share a database, a lease taken
    /// here for each geography saves it.
    /// </summary>
    public void Start() => _running = Task.WhenAll(_logs.Values.Select(audit => Task.Run(() => Run(audit, _stopping.Token))));

    /// <summary>Stops, and writes down what was counted and not yet written.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        foreach (var audit in _logs.Values)
        {
            await refused.Write(audit.Home, all: true, CancellationToken.None);
            audit.Dispose();
        }

        _stopping.Dispose();
    }

    private async Task Run(GeographyAudit audit, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            var pause = Pace;
            try
            {
                await refused.Write(audit.Home, all: false, cancel);
                await audit.Advance(now: false, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogFault(fault, audit.Home.Geography.Name);
                pause = RetryAfter;
            }

            await Task.Delay(pause, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(3204, LogLevel.Error, "{Geography}: the audit log could not be taken further and is tried again")]
    private partial void LogFault(Exception fault, string geography);
}
