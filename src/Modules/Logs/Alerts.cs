using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json.Nodes;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Logs;

/// <summary>
/// Writes down each minute what was counted, on every node; and on one node of a scale unit looks at the rules, turns those over whose value crossed their threshold, and tells the
/// customer's systems. A turn is told at least once.
/// </summary>
internal sealed partial class Alerts(IResourceHomes homes, IEnumerable<LogSource> sources, TimeProvider clock, ILogger<Alerts>? log = null) : IFailedDeliveries, IAsyncDisposable
{
    /// <summary>Told when a rule begins to fire.</summary>
    public const string Fired = "Domicile.AlertFired";

    /// <summary>Told when a rule ceases to fire.</summary>
    public const string Resolved = "Domicile.AlertResolved";

    /// <summary>Minutes that a rule over counts looks back at most.</summary>
    public const int WindowMax = 60;

    /// <summary>Rules of a resource at most, beside the ready ones.</summary>
    public const int RulesMax = 50;

    private const string Work = "alerts";
    private const int PageRows = 1_000;
    private static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan QueryTime = TimeSpan.FromSeconds(10);
    private readonly ILogger _log = (ILogger?)log ?? NullLogger.Instance;
    private readonly IReadOnlyList<LogSource> _sources = [.. sources];
    private readonly CallCounts _counts = new();
    private readonly CancellationTokenSource _stopping = new();
    private FrozenDictionary<(Geography Geography, string ScaleUnit), Home> _units = FrozenDictionary<(Geography, string), Home>.Empty;
    private Task _running = Task.CompletedTask;

    /// <summary>Takes the scale units by the homes of their own records.</summary>
    public void Prepare(IReadOnlyList<Home> scaleUnits) => _units = scaleUnits.ToFrozenDictionary(home => (home.Geography, home.ScaleUnit));

    /// <summary>Where the rules of a resource rest.</summary>
    public Home UnitOf(Home resource) => _units[(resource.Geography, resource.ScaleUnit)];

    /// <summary>Counts a request of a resource.</summary>
    public void Count(Home home, string operation, int status) => _counts.Add(new CallCountKey(home.Geography, home.ResourceId, null, operation, status));

    /// <summary>Counts a request about a resource, as the path of an administration origin names it.</summary>
    public void Count(Geography geography, string nameOrId, string operation, int status) =>
        _counts.Add(new CallCountKey(geography, null, nameOrId.Length > 128 ? nameOrId[..128] : nameOrId, operation, status));

    /// <inheritdoc/>
    public void Count(Home home, int events) => _counts.Add(new CallCountKey(home.Geography, home.ResourceId, null, ReadyAlerts.DeliveryFailed, 0), events);

    /// <summary>Begins to work in the background. It ends with the services.</summary>
    public void Start() => _running = Task.Run(() => Run(_stopping.Token));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // It is known under several names, and ends once.
        if (!_stopping.IsCancellationRequested)
        {
            await _stopping.CancelAsync();
            await _running;
        }
    }

    /// <summary>A minute's work: writes down what was counted, then looks at the rules.</summary>
    public async Task Step(CancellationToken cancel)
    {
        await Write(cancel);
        foreach (var unit in _units.Values)
        {
            if (await unit.Lease(Work, LeaseTime, cancel))
            {
                await Look(unit, cancel);
            }
        }
    }

    /// <summary>The rules of a resource: its own, and the ready ones as it set them or as they come.</summary>
    public async ValueTask<List<Alert>> RulesOf(Home resource, CancellationToken cancel)
    {
        var own = await UnitOf(resource).Store.Range<Alert>(resource.ResourceId).Take(RulesMax * 2).Open(cancel);
        return [.. ReadyAlerts.With(own, resource.ResourceId)];
    }

    private async Task Run(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Minute, clock, cancel);
                await Step(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException away)
            {
                LogUnavailable(away.Message);
            }
            catch (Exception fault)
            {
                LogFault(fault);
            }
        }
    }

    private async Task Write(CancellationToken cancel)
    {
        var counted = new Dictionary<(Home Unit, Guid Resource), List<OperationCount>>();
        foreach (var (key, number) in _counts.Take())
        {
            var resource = key.Resource is { } id ? id : await Find(key, cancel);
            if (number > 0 && resource is { } known && await UnitFor(key.Geography, known, cancel) is { } unit)
            {
                if (!counted.TryGetValue((unit, known), out var counts))
                {
                    counted.Add((unit, known), counts = []);
                }

                counts.Add(new OperationCount(key.Operation, key.Status, number));
            }
        }

        var now = clock.GetUtcNow();
        foreach (var unit in counted.GroupBy(pair => pair.Key.Unit))
        {
            foreach (var some in unit.Chunk(200))
            {
                // What cannot be written is not counted: an alert that comes too late is none.
                var outcome = await unit.Key.Store.Commit(
                    b =>
                    {
                        foreach (var ((_, resource), counts) in some)
                        {
                            b.Insert(new CallCount { Minute = MinuteOf(now), Entry = unit.Key.References.Next<CallCount>(), At = now, ResourceId = resource, Counts = counts });
                        }
                    },
                    cancel);
                if (outcome.Refused is { } refused)
                {
                    LogUnavailable(refused.Title);
                }
            }
        }
    }

    private async ValueTask<Guid?> Find(CallCountKey key, CancellationToken cancel) =>
        key.Named is { } name ? (await homes.Find(key.Geography, name, cancel))?.ResourceId : null;

    /// <summary>The scale unit in which a resource is.</summary>
    private async ValueTask<Home?> UnitFor(Geography geography, Guid resource, CancellationToken cancel)
    {
        var units = _units.Where(pair => pair.Key.Geography.Equals(geography)).Select(pair => pair.Value).ToList();
        return units is [var only] ? only : await homes.Find(geography, $"{resource:D}", cancel) is { } home ? UnitOf(home) : null;
    }

    private static long MinuteOf(DateTimeOffset instant) => instant.ToUnixTimeSeconds() / 60;

    private async Task Look(Home unit, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var counts = await Counts(unit, MinuteOf(now) - WindowMax, cancel);
        var rules = new Dictionary<Guid, List<Alert>>();
        for (Alert? last = null; ;)
        {
            var page = last is null ? await unit.Store.Range<Alert>().Take(PageRows).Open(cancel) : await After(unit, last, cancel);
            foreach (var rule in page)
            {
                (rules.TryGetValue(rule.ResourceId, out var own) ? own : rules[rule.ResourceId] = []).Add(rule);
                last = rule;
            }

            if (page.Count == 0)
            {
                break;
            }
        }

        foreach (var resource in counts.Keys.Union(rules.Keys).ToList())
        {
            var own = rules.GetValueOrDefault(resource) ?? [];
            if (await unit.Administration!.Find(resource, cancel) is not { } home)
            {
                await Forget(unit, own, cancel);
                continue;
            }

            foreach (var rule in ReadyAlerts.With(own, resource))
            {
                await Look(unit, home, rule, counts.GetValueOrDefault(resource) ?? [], now, cancel);
            }
        }
    }

    private async Task Look(Home unit, Home home, Alert rule, List<(long Minute, OperationCount Count)> counts, DateTimeOffset now, CancellationToken cancel)
    {
        var (value, obstacle) = !rule.IsEnabled ? (0, null)
            : rule.Query is { } query ? await Ask(home, query, rule.WindowMinutes, now, cancel)
            : (Sum(rule, counts, MinuteOf(now)), null);
        var isFiring = rule.IsEnabled && obstacle is null && value >= rule.Threshold;
        if (isFiring == rule.IsFiring)
        {
            if (obstacle != rule.Obstacle)
            {
                await unit.Store.Commit(b => b.Put(rule with { Obstacle = obstacle }), cancel);
            }

            return;
        }

        // The turn first, then how the rule stands: a node that goes away in between leaves a turn that is told once more, never one that is not told.
        var isSilenced = rule.SilencedUntil > now;
        var turn = new AlertTurn { Key = home.References.Next<AlertTurn>(), At = now, Rule = rule.Name, IsFiring = isFiring, Value = value, Threshold = rule.Threshold, IsSilenced = isSilenced };
        var data = new JsonObject
        {
            ["rule"] = rule.Name,
            ["state"] = isFiring ? "firing" : "resolved",
            ["value"] = value,
            ["threshold"] = rule.Threshold,
            ["windowMinutes"] = rule.WindowMinutes,
            ["at"] = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
        };
        var told = new PublishedEvent(isFiring ? Fired : Resolved, $"alerts/{rule.Name}", data.ToJsonString(), now) { InOrderWith = $"alerts/{rule.Name}" };
        var refused = (await home.Store.Commit(b => _ = isSilenced ? b.Insert(turn) : b.Insert(turn).Publish(home, told), cancel)).Refused;
        if (refused is null)
        {
            var turned = rule with { IsFiring = isFiring, Since = now, Value = value, Obstacle = obstacle };
            refused = (await unit.Store.Commit(b => _ = rule.Version == 0 ? b.Insert(turned) : b.Put(turned), cancel)).Refused;
        }

        if (refused is not null)
        {
            // It was changed meanwhile, or cannot be written: the next minute looks again.
            LogUnavailable(refused.Title);
        }
    }

    private static double Sum(Alert rule, List<(long Minute, OperationCount Count)> counts, long now) =>
        counts.Where(each => each.Minute > now - rule.WindowMinutes
                && each.Count.Status >= rule.StatusFrom
                && each.Count.Status <= rule.StatusTo
                && (rule.Operations is not { Count: > 0 } named || named.Contains(each.Count.Operation)))
            .Sum(each => each.Count.Number);

    private async Task<(double Value, string? Obstacle)> Ask(Home home, string query, int minutes, DateTimeOffset now, CancellationToken cancel)
    {
        var tables = await ResourceLogs.Open(home, _sources, mayOpen: false, (_, _) => Task.CompletedTask, cancel);
        var range = new LogTimeRange(now.UtcDateTime.AddMinutes(-minutes), now.UtcDateTime);
        var limits = LogQueryLimits.Default with { Time = QueryTime, ResultRows = 1_000 };
        var answer = await LogQuery.Run(new LogQueryRequest(query, range) { Limits = limits }, tables, clock, cancel);
        return answer.Result is { } result ? (NumberOf(result.Table), null) : (0, answer.Error!.Code);
    }

    /// <summary>The first number of the first row; of a result without one, how many rows it has.</summary>
    internal static double NumberOf(LogResultTable table)
    {
        for (var at = 0; at < table.Columns.Count && table.Rows.Count > 0; at++)
        {
            if (table.Columns[at].Type.IsNumber())
            {
                var cell = table.Rows[0][at];
                return cell.IsNull ? 0 : table.Columns[at].Type == LogType.Real ? cell.Real : cell.Long;
            }
        }

        return table.Rows.Count;
    }

    private static async Task<Dictionary<Guid, List<(long Minute, OperationCount Count)>>> Counts(Home unit, long after, CancellationToken cancel)
    {
        var counts = new Dictionary<Guid, List<(long, OperationCount)>>();
        for (var minute = after; ;)
        {
            // A minute at a time: its rows have one beginning of the key, so that pages cannot tear it.
            if (await unit.Store.Range<CallCount>().After(minute).Take(1).Open(cancel) is not [var first])
            {
                return counts;
            }

            minute = first.Minute;
            for (var entry = -1L; ;)
            {
                var page = await unit.Store.Range<CallCount>(minute).After(entry).Take(PageRows).Open(cancel);
                if (page.Count == 0)
                {
                    break;
                }

                foreach (var row in page)
                {
                    entry = row.Entry.Value;
                    (counts.TryGetValue(row.ResourceId, out var own) ? own : counts[row.ResourceId] = []).AddRange(row.Counts.Select(count => (minute, count)));
                }
            }
        }
    }

    private static async ValueTask<List<Alert>> After(Home unit, Alert last, CancellationToken cancel)
    {
        var rest = await unit.Store.Range<Alert>(last.ResourceId).After(last.Name).Take(PageRows).Open(cancel);
        return rest.Count > 0 ? rest : await unit.Store.Range<Alert>().After(last.ResourceId).Take(PageRows).Open(cancel);
    }

    private static async Task Forget(Home unit, List<Alert> rules, CancellationToken cancel)
    {
        foreach (var rule in rules)
        {
            await unit.Store.Commit(b => b.Delete<Alert>([rule.ResourceId, rule.Name]), cancel);
        }
    }

    [LoggerMessage(2611, LogLevel.Warning, "Alerts cannot be looked at: {Reason}")]
    private partial void LogUnavailable(string reason);

    [LoggerMessage(2612, LogLevel.Error, "Looking at alerts failed")]
    private partial void LogFault(Exception fault);
}
