using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>Holds: placing, listing, releasing. Not the application's: an access key is no person.</summary>
internal sealed class HoldEndpoints(IResourceHomes homes, TimeProvider clock)
{
    private const int PageUsual = 100;
    private const int PageMax = 1_000;
    private const int NameMax = 512;
    private const int ReviewYearsMax = 10;

    private static readonly Access Holding = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Privacy);

    /// <summary>What a person can be known by, in the order in which it is tried.</summary>
    private static readonly string[] Purposes = [Identifier.CommunicationUser, Identifier.Custom];

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", "/resources/{nameOrId}/holds", "Holds_Place", Place),
        Of("GET", "/resources/{nameOrId}/holds", "Holds_List", List),
        Of("DELETE", "/resources/{nameOrId}/holds/{holdId}", "Holds_Release", Release),
        Of("GET", "/resources/{nameOrId}/restrictedRecords", "Holds_ReadRestricted", ReadRestricted),
    ];

    private static Operation Of(string method, string path, string name, OperationHandler handler) =>
        new(method, path, name, Holding, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 8 * 1024 };

    /// <summary>Data's way: request → storage.hold in the resource's store, its reason and author sealed under the resource → until it is released.</summary>
    private async ValueTask<Reply> Place(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(PrivacyJson.Default.PlaceHoldRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var catalogue = homes.Of(call.Geography).Administration!.Catalogue;
        var root = Holds.NamedRoots(catalogue).FirstOrDefault(kind => kind.Name == request.Covers);
        var now = clock.GetUtcNow();
        var faults = new List<Problem>();
        if (root is null && request.Covers is not (Hold.Resource or Hold.Subject))
        {
            faults.Add(PrivacyProblems.BadCovers(catalogue));
        }

        if (request.Covers == Hold.Resource ? request.Name is not null : request.Name is not { Length: >= 1 and <= NameMax })
        {
            faults.Add(PrivacyProblems.BadHoldName);
        }

        if (string.IsNullOrWhiteSpace(request.Reason) || request.Reason.Length > AuditNote.TextMax)
        {
            faults.Add(PrivacyProblems.NoReason);
        }

        if (request.ReviewOn is not { } reviewOn || reviewOn <= now || reviewOn > now.AddYears(ReviewYearsMax))
        {
            faults.Add(PrivacyProblems.NoReview);
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        var terms = new HoldTerms(request.Reason!, request.ReviewOn!.Value, call.Act(AuditedAct.HoldPlaced, resource: home.ResourceId));
        var (hold, refused) = await Place(home, root, request, terms, cancel);
        return hold is null ? refused! : Reply.Json(201, ReplyOf(hold, request.Name), PrivacyJson.Default.HoldReply);
    }

    private static async ValueTask<(Hold? Hold, Problem? Refused)> Place(Home home, RecordKind? root, PlaceHoldRequest request, HoldTerms terms, CancellationToken cancel)
    {
        if (request.Covers == Hold.Resource)
        {
            return await home.Holds.OnResource(terms, cancel);
        }

        if (root is not null)
        {
            return await home.Holds.FindRoot(root, request.Name!, cancel) is { } key
                ? Explained(await home.Holds.OnRoot(root, key, terms, cancel))
                : (null, PrivacyProblems.NothingOfThatName);
        }

        foreach (var purpose in Purposes)
        {
            if (await home.FindSubject(new Identifier(purpose, request.Name!), cancel) is { } person)
            {
                return Explained(await home.Holds.OnSubject(person, terms, cancel));
            }
        }

        return (null, PrivacyProblems.NothingOfThatName);
    }

    /// <summary>What went between being found and being held was not held.</summary>
    private static (Hold? Hold, Problem? Refused) Explained((Hold? Placed, Problem? Refused) answer) =>
        answer.Refused == StorageProblems.Missing || answer.Refused == StorageProblems.Gone ? (null, PrivacyProblems.NothingOfThatName) : answer;

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (PageSize.Of(call, PageUsual, PageMax) is not { } size)
        {
            return PageSize.Bad(PageMax);
        }

        (string Covers, Guid Id)? after = null;
        if (call.Query("continuation") is { } continuation)
        {
            if (continuation.Split('~') is not [var covers, var last] || !Guid.TryParse(last, out var id))
            {
                return HttpProblems.BadParameter("continuation", "the one of a nextLink");
            }

            after = (covers, id);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        var outcome = await home.Store.Commit(b => b.Audit(call.Act(AuditedAct.HoldsListed, resource: home.ResourceId)), cancel);
        if (outcome.Refused is { } refused)
        {
            return refused;
        }

        var holds = await home.Holds.List(after, size, cancel);
        var names = await Names(home, holds, cancel);
        var next = holds.Count < size ? null : $"/resources/{home.ResourceId:D}/holds?maxPageSize={size}&continuation={Uri.EscapeDataString($"{holds[^1].Covers}~{holds[^1].Id:D}")}";
        return Reply.Json(200, new HoldList([.. holds.Select(hold => ReplyOf(hold, names.GetValueOrDefault(hold.Id)))], next), PrivacyJson.Default.HoldList);
    }

    /// <summary>What only holds keep of people who were erased. Who is shown it is written down before they are.</summary>
    private async ValueTask<Reply> ReadRestricted(Call call, CancellationToken cancel)
    {
        if (PageSize.Of(call, PageUsual, PageMax) is not { } size)
        {
            return PageSize.Bad(PageMax);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        List<RestrictedRecord> page;
        try
        {
            page = await home.Restrictions.Read(call.Query("continuation"), size, cancel);
        }
        catch (FormatException)
        {
            return HttpProblems.BadParameter("continuation", "the one of a nextLink");
        }

        var outcome = await home.Store.Commit(b => b.Audit(call.Act(AuditedAct.RestrictedRead, resource: home.ResourceId) with { Count = page.Count }), cancel);
        if (outcome.Refused is { } refused)
        {
            return refused;
        }

        var fields = new RecordFields(home);
        var records = new List<RestrictedReply>(page.Count);
        foreach (var (record, restriction, _) in page)
        {
            fields.Name(new SubjectRef(restriction.Handle), restriction.Identifiers.FirstOrDefault(identifier => identifier.Purpose == Identifier.CommunicationUser)?.Value);
            records.Add(new RestrictedReply(
                restriction.RestrictedOn,
                [.. restriction.Identifiers.Select(identifier => new SubjectIdentifier(identifier.Purpose, identifier.Value))],
                record.Kind.Name,
                await fields.Of(record, cancel)));
        }

        var next = page.Count < size ? null : $"/resources/{home.ResourceId:D}/restrictedRecords?maxPageSize={size}&continuation={Uri.EscapeDataString(page[^1].Place)}";
        return Reply.Json(200, new RestrictedList(records, next), PrivacyJson.Default.RestrictedList);
    }

    private async ValueTask<Reply> Release(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return PrivacyProblems.NoResource;
        }

        if (!Guid.TryParse(call.Route("holdId"), out var id) || await home.Holds.Find(id, cancel) is not { } hold)
        {
            return PrivacyProblems.NoHold;
        }

        var refused = await home.Holds.Release(hold, call.Act(AuditedAct.HoldReleased, resource: home.ResourceId), cancel);
        return refused is null ? Reply.Empty(204) : refused == StorageProblems.Missing ? PrivacyProblems.NoHold : refused;
    }

    private async ValueTask<Dictionary<Guid, string>> Names(Home home, List<Hold> holds, CancellationToken cancel)
    {
        var catalogue = homes.Of(home.Geography).Administration!.Catalogue;
        var names = new Dictionary<Guid, string>();
        foreach (var hold in holds.Where(hold => hold.Root != 0))
        {
            if (catalogue.Find(hold.Covers) is { } kind && await home.Holds.NameOf(kind, hold.Root, cancel) is { } name)
            {
                names[hold.Id] = name;
            }
        }

        foreach (var purpose in Purposes)
        {
            var people = await home.Resolve(purpose, holds.Where(hold => !names.ContainsKey(hold.Id)).Select(hold => hold.Person), cancel);
            foreach (var hold in holds.Where(hold => people.ContainsKey(hold.Person)))
            {
                names.TryAdd(hold.Id, people[hold.Person]);
            }
        }

        return names;
    }

    private HoldReply ReplyOf(Hold hold, string? name) =>
        new(hold.Id, hold.Covers, name, hold.Reason, hold.PlacedOn, hold.AuthorRole, hold.AuthorCredential, hold.ReviewOn, hold.ReviewOn <= clock.GetUtcNow());
}
