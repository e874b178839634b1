using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>Alert rules of a resource, how they stand, and how they stood, on the administration origin.</summary>
internal sealed class AlertEndpoints(Alerts alerts, IResourceHomes homes, TimeProvider clock)
{
    private const int OperationsMax = 50;
    private const int OperationMax = 128;
    private const int SilenceMinutesMax = 30 * 24 * 60;
    private const int HistoryMax = 1_000;
    private const int QueryWindowMax = 24 * 60;

    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/resources/{nameOrId}/alerts", "Alerts_List", Anyone, List),
        Of("PUT", "/resources/{nameOrId}/alerts/{alert}", "Alerts_Set", Running, Set) with { BodyLimit = 128 * 1024 },
        Of("DELETE", "/resources/{nameOrId}/alerts/{alert}", "Alerts_Delete", Running, Delete),
        Of("POST", "/resources/{nameOrId}/alerts/{alert}/silence", "Alerts_Silence", Running, Silence),
        Of("GET", "/resources/{nameOrId}/alertHistory", "Alerts_ListHistory", Anyone, ListHistory),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private async ValueTask<Reply> List(Call call, CancellationToken cancel) =>
        await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is { } home
            ? Reply.Json(200, new AlertList([.. (await alerts.RulesOf(home, cancel)).OrderBy(rule => rule.Name, StringComparer.Ordinal).Select(Describe)]), AlertsJson.Default.AlertList)
            : LogsProblems.NoResource;

    /// <summary>Data's way: request → logs.alert among the scale unit's own records, sealed under their key, with an entry of the audit log in the same batch → until it is deleted.</summary>
    private async ValueTask<Reply> Set(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AlertsJson.Default.AlertRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var name = call.Route("alert");
        var ready = ReadyAlerts.All.FirstOrDefault(rule => rule.Name == name);
        var faults = Faults(name, request, ready).ToList();
        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        return await Change(call, name, "set", (known, before) =>
            before is null && ready is null && known >= Alerts.RulesMax ? (null, LogsProblems.TooManyAlerts)
            : ((before ?? ready ?? Empty(name)) with
            {
                IsEnabled = request.IsEnabled ?? true,
                Threshold = request.Threshold ?? ready!.Threshold,
                WindowMinutes = request.WindowMinutes ?? ready!.WindowMinutes,
                Operations = ready is not null ? ready.Operations : request.Query is null ? request.Operations ?? [] : null,
                StatusFrom = ready?.StatusFrom ?? request.StatusFrom ?? 0,
                StatusTo = ready?.StatusTo ?? request.StatusTo ?? 999,
                Query = ready is not null ? null : request.Query,
                Obstacle = null,
            }, null), cancel);
    }

    private async ValueTask<Reply> Silence(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AlertsJson.Default.SilenceRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.Minutes is not (>= 0 and <= SilenceMinutesMax))
        {
            return LogsProblems.BadAlert("minutes", $"minutes is 0 to {SilenceMinutesMax}; 0 ends a silence.");
        }

        var name = call.Route("alert");
        var ready = ReadyAlerts.All.FirstOrDefault(rule => rule.Name == name);
        return await Change(call, name, "silenced", (_, before) =>
            (before ?? ready) is { } rule
                ? (rule with { SilencedUntil = request.Minutes == 0 ? null : clock.GetUtcNow().AddMinutes(request.Minutes.Value) }, null)
                : (null, LogsProblems.NoAlert), cancel);
    }

    private async ValueTask<Reply> Delete(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        var name = call.Route("alert");
        if (!LogNames.IsName(name))
        {
            return LogsProblems.NoAlert;
        }

        var note = call.Act(AuditedAct.AlertChanged, resource: home.ResourceId) with { Detail = $"{name}: deleted" };
        return (await alerts.UnitOf(home).Store.Commit(b => b.Delete<Alert>([home.ResourceId, name], LogsProblems.NoAlert).Audit(note), cancel)).Refused is { } refused ? refused : Reply.Empty(204);
    }

    private async ValueTask<Reply> ListHistory(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        var turns = await home.Store.Range<AlertTurn>().Descending().Take(HistoryMax).Open(cancel);
        return Reply.Json(
            200,
            new AlertHistory([.. turns.Select(turn => new AlertTurnReply(turn.At, turn.Rule, turn.IsFiring ? "firing" : "resolved", turn.Value, turn.Threshold, turn.IsSilenced))]),
            AlertsJson.Default.AlertHistory);
    }

    private async ValueTask<Reply> Change(Call call, string name, string what, Func<int, Alert?, (Alert? Rule, Problem? Problem)> change, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        if (!LogNames.IsName(name))
        {
            return LogsProblems.NoAlert;
        }

        var unit = alerts.UnitOf(home);
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var known = await unit.Store.Range<Alert>(home.ResourceId).Take(Alerts.RulesMax * 2).Open(cancel);
            var before = known.Find(rule => rule.Name == name);
            var (rule, problem) = change(known.Count, before);
            if (rule is null)
            {
                return problem!;
            }

            rule = rule with { ResourceId = home.ResourceId };
            var note = call.Act(AuditedAct.AlertChanged, resource: home.ResourceId) with { Detail = $"{name}: {what}" };
            var refused = (await unit.Store.Commit(b => _ = before is null ? b.Insert(rule).Audit(note) : b.Put(rule).Audit(note), cancel)).Refused;
            if (refused is null)
            {
                return Reply.Json(200, Describe(rule), AlertsJson.Default.AlertReply);
            }

            if (refused != StorageProblems.Exists && refused != StorageProblems.Changed && refused != StorageProblems.Missing)
            {
                return refused;
            }
        }

        return LogsProblems.Busy;
    }

    private static IEnumerable<Problem> Faults(string name, AlertRequest request, Alert? ready)
    {
        if (!LogNames.IsName(name))
        {
            yield return LogsProblems.BadName;
        }

        if (request.Threshold is null ? ready is null : !double.IsFinite(request.Threshold.Value) || request.Threshold <= 0)
        {
            yield return LogsProblems.BadAlert("threshold", "threshold is a number above 0: the rule fires at this value and above.");
        }

        var window = request.Query is null ? Alerts.WindowMax : QueryWindowMax;
        if (request.WindowMinutes is null ? ready is null : request.WindowMinutes < 1 || request.WindowMinutes > window)
        {
            yield return LogsProblems.BadAlert("windowMinutes", $"windowMinutes is 1 to {Alerts.WindowMax}, for a query 1 to {QueryWindowMax}.");
        }

        if (ready is not null && (request.Query is not null || request.Operations is not null || request.StatusFrom is not null || request.StatusTo is not null))
        {
            yield return LogsProblems.BadAlert("operations", "Of a ready rule, threshold, windowMinutes and isEnabled can be set. For another thing to look at, take another name.");
        }

        if (request.Query is not null && (request.Operations is { Count: > 0 } || request.StatusFrom is not (null or 0) || request.StatusTo is not (null or 999)))
        {
            yield return LogsProblems.BadAlert("query", "A rule has a query, or operations and statuses, not both.");
        }

        if (request.Operations is { } operations && (operations.Count > OperationsMax || operations.Any(operation => operation is not { Length: >= 1 and <= OperationMax })))
        {
            yield return LogsProblems.BadAlert("operations", $"operations has up to {OperationsMax} names of operations.");
        }

        if (request.StatusFrom is < 0 or > 999 || request.StatusTo is < 0 or > 999 || request.StatusFrom > request.StatusTo)
        {
            yield return LogsProblems.BadAlert("statusFrom", "statusFrom and statusTo are 0 to 999, the first not above the second.");
        }

        if (request.Query is { } query && LogQuery.Check(query, LogQueryLimits.Default) is { } error)
        {
            yield return LogsProblems.BadAlert("query", $"The query is none: {error.Code} in line {error.Line}, character {error.Position}.");
        }
    }

    private static Alert Empty(string name) => new() { ResourceId = default, Name = name, IsEnabled = true, Threshold = 1, WindowMinutes = 1 };

    private static AlertReply Describe(Alert rule) => new(
        rule.Name,
        ReadyAlerts.All.Any(ready => ready.Name == rule.Name),
        rule.IsEnabled,
        rule.Threshold,
        rule.WindowMinutes,
        rule.Operations,
        rule.Query is null ? rule.StatusFrom : null,
        rule.Query is null ? rule.StatusTo : null,
        rule.Query,
        rule.IsFiring ? "firing" : "quiet",
        rule.Since,
        rule.Value,
        rule.SilencedUntil,
        rule.Obstacle);
}
