using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>Rules of retention: what can be set, setting it, what that would delete, and whether it is obeyed.</summary>
internal sealed class RetentionEndpoints(IResourceHomes homes, TimeProvider clock)
{
    private const int GraceDaysMax = 365;

    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Ruling = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Privacy);

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/resources/{nameOrId}/retention", "Retention_ListRules", Anyone, List),
        Of("POST", "/resources/{nameOrId}/retention", "Retention_SetRule", Ruling, Set),
        Of("GET", "/retention", "Retention_ListOldest", Anyone, ListOldest),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        var rules = new List<KindRule>();
        foreach (var kind in Settable(call))
        {
            var own = await home.Rules.Find(kind.Name, root: null, cancel);
            var pending = own is not null && own.DaysAt(clock.GetUtcNow()) != own.Days;
            rules.Add(new KindRule(
                kind.Name, kind.Choice!, own?.DaysAt(clock.GetUtcNow()) ?? kind.Choice!.DefaultDays, own is not null, pending ? own!.Days : null, pending ? own!.EffectiveOn : null));
        }

        return Reply.Json(200, new RuleList(rules), PrivacyJson.Default.RuleList);
    }

    /// <summary>Data's way: request → storage.retention or storage.rootRetention in the resource's store → until it is set anew.</summary>
    private async ValueTask<Reply> Set(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(PrivacyJson.Default.SetRuleRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var faults = new List<Problem>();
        var kind = Settable(call).FirstOrDefault(kind => kind.Name == request.Kind);
        if (kind is null)
        {
            faults.Add(PrivacyProblems.BadKind(Settable(call).Select(kind => kind.Name)));
        }
        else
        {
            if (request.Days is not { } wanted || !kind.Choice!.Allows(wanted))
            {
                faults.Add(PrivacyProblems.BadDays(kind.Choice!));
            }

            if (request.Name is not null && !kind.Choice!.PerRoot)
            {
                faults.Add(PrivacyProblems.NotPerRoot);
            }
        }

        if (request.GraceDays is < 0 or > GraceDaysMax)
        {
            faults.Add(PrivacyProblems.BadGrace);
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        long? root = null;
        if (request.Name is { } name)
        {
            root = await home.Holds.FindRoot(kind!.Idle is null ? kind.Parent! : kind, name, cancel);
            if (root is null)
            {
                return PrivacyProblems.NothingOfThatName;
            }
        }

        var days = request.Days!.Value;
        var wouldDelete = await home.Rules.Try(kind!.Name, root, days, cancel);
        if (request.DryRun is true)
        {
            return Reply.Json(200, new RuleReply(kind.Name, request.Name, days, null, DryRun: true, wouldDelete), PrivacyJson.Default.RuleReply);
        }

        var grace = request.GraceDays is { } graceDays ? TimeSpan.FromDays(graceDays) : RetentionRules.GraceDefault;
        var set = await home.Rules.Set(kind.Name, root, days, grace, call.Act(AuditedAct.RuleChanged, resource: home.ResourceId), cancel);
        return set.Rule is { } rule
            ? Reply.Json(200, new RuleReply(kind.Name, request.Name, rule.Days, rule.EffectiveOn, DryRun: false, wouldDelete), PrivacyJson.Default.RuleReply)
            : set.Refused!;
    }

    private async ValueTask<Reply> ListOldest(Call call, CancellationToken cancel)
    {
        var oldest = await homes.Of(call.Geography).Administration!.Oldest(cancel);
        return Reply.Json(
            200, new OldestList([.. oldest.Select(record => new OldestReply(record.Kind, record.Instant, record.Due, (long)record.Overdue.TotalSeconds))]), PrivacyJson.Default.OldestList);
    }

    /// <summary>The kinds whose rule a resource may set.</summary>
    private IEnumerable<RecordKind> Settable(Call call) => homes.Of(call.Geography).Administration!.Catalogue.Kinds.Where(kind => kind.Choice is not null);
}
