using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Domicile.Modules.Administration;
using Domicile.Modules.Audit;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>Subject requests at a resource, for whoever answers for its people.</summary>
internal sealed class SubjectRequestEndpoints(SubjectRequests requests, AuditProofs proofs, TimeProvider clock)
{
    internal const string Path = "/privacy/subjectRequests";
    internal const int IdentifiersMax = 20;
    internal const int IdentifierMax = 512;
    internal const int ChangesMax = 20;
    private const int TextMax = 256;
    private const int NamesMax = 32;
    internal const int PageMax = 100;
    private const int ValueMax = 1_024;

    private static readonly Access Officers = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Privacy);
    private static readonly IReadOnlyList<string> Types = Identifier.OfPeople;

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", Path, "Privacy_MakeSubjectRequest", Make) with { BodyLimit = 64 * 1024 },
        Of("GET", Path, "Privacy_ListSubjectRequests", List),
        Of("GET", $"{Path}/{{requestId}}", "Privacy_GetSubjectRequest", Get),
        Of("DELETE", $"{Path}/{{requestId}}", "Privacy_CancelSubjectRequest", Cancel),
        Of("GET", $"{Path}/{{requestId}}/result", "Privacy_GetSubjectResult", GetResult),
        Of("GET", $"{Path}/{{requestId}}/files/{{number}}", "Privacy_GetSubjectFile", GetFile),
        Of("GET", $"{Path}/{{requestId}}/receipt", "Privacy_GetReceipt", GetReceipt),
    ];

    private static Operation Of(string method, string path, string name, OperationHandler handler) =>
        new(method, path, name, Officers, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024, Origin = Origin.Resource };

    /// <summary>
    /// Data's way: identifiers → handles and commitments; the request → privacy.request, among the geography's own records, 400 days, with an entry of the audit log in the same batch;
    /// then the work in the background. Identifiers themselves are not kept.
    /// </summary>
    private async ValueTask<Reply> Make(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(SubjectJson.Default.MakeSubjectRequest, out var asked, out var unreadable))
        {
            return unreadable;
        }

        var catalogue = requests.Of(call.Home).Administration!.Catalogue;
        var faults = Faults(asked, catalogue).ToList();
        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        var id = asked.RequestId!.Value;
        var secret = await call.Home.Secret("subject requests", cancel);
        var digest = Convert.ToBase64String(HMACSHA256.HashData(secret, JsonSerializer.SerializeToUtf8Bytes(asked, SubjectJson.Default.MakeSubjectRequest)));
        if (await requests.Find(call.Home, id, cancel) is { } known)
        {
            return known.Digest == digest ? Reply.Json(200, ReplyOf(known, asked, secret), SubjectJson.Default.SubjectRequestReply) : PrivacyProblems.OtherRequest;
        }

        if (await requests.Waiting(call.Home, cancel) >= SubjectRequests.WaitingMax)
        {
            return PrivacyProblems.TooMany;
        }

        var people = new List<RequestedPerson>();
        foreach (var identifier in asked.Identifiers!)
        {
            var person = await call.Home.FindSubject(new Identifier(identifier.Type!, identifier.Value!), cancel) ?? SubjectRef.None;
            people.Add(new RequestedPerson(identifier.Type!, SubjectReceipt.CommitmentOf(SaltOf(secret, id, identifier), identifier.Value!), person));
        }

        var unit = requests.Of(call.Home);
        var request = new SubjectRequest
        {
            ResourceId = call.Home.ResourceId,
            Number = unit.References.Next<SubjectRequest>().Value,
            Id = id,
            State = SubjectRequestState.Pending,
            CreatedOn = clock.GetUtcNow(),
            Kind = Enum.Parse<SubjectRequestKind>(asked.Kind!, ignoreCase: true),
            Reason = asked.Reason!,
            Role = ((Caller.Administrator)call.Caller).Role,
            Digest = digest,
            People = people,
            Changes = [.. (asked.Changes ?? []).Select(change => new RequestedChange(change.Kind!, MemberOf(catalogue, change)!.Name, change.Value.GetRawText()))],
        };
        var note = call.Act(AuditedAct.SubjectRequestMade, people.FirstOrDefault(person => !person.Handle.IsNone)?.Handle ?? SubjectRef.None) with
        {
            Reason = asked.Reason,
            Detail = $"{request.Kind} {id}, {people.Count} identifiers",
        };
        var outcome = await unit.Store.Commit(b => b.Insert(request).Audit(note), cancel);
        if (outcome.Refused == StorageProblems.Exists && await requests.Find(call.Home, id, cancel) is { } first)
        {
            // Sent twice at the same moment.
            return first.Digest == digest ? Reply.Json(200, ReplyOf(first, asked, secret), SubjectJson.Default.SubjectRequestReply) : PrivacyProblems.OtherRequest;
        }

        return outcome.Refused is { } refused ? refused : Reply.Json(202, ReplyOf(request, asked, secret), SubjectJson.Default.SubjectRequestReply);
    }

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (PageSize.Of(call, PageMax, PageMax) is not { } size)
        {
            return PageSize.Bad(PageMax);
        }

        ColumnValue? before = null;
        if (call.Query("continuation") is { } continuation)
        {
            if (!long.TryParse(continuation, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number))
            {
                return HttpProblems.BadParameter("continuation", "the one of a nextLink");
            }

            before = ColumnValue.Of(number);
        }

        var page = await requests.Of(call.Home).Store.Range<SubjectRequest>(ColumnValue.Of(call.Home.ResourceId.ToByteArray(bigEndian: true)))
            .Before(before).Descending().Take(size + 1).Open(cancel);
        var next = page.Count > size ? $"{Path}?maxPageSize={size.ToString(CultureInfo.InvariantCulture)}&continuation={page[size - 1].Number.ToString("x", CultureInfo.InvariantCulture)}" : null;
        return Reply.Json(200, new SubjectRequestList([.. page.Take(size).Select(request => ReplyOf(request))], next), SubjectJson.Default.SubjectRequestList);
    }

    private async ValueTask<Reply> Get(Call call, CancellationToken cancel) =>
        await Find(call, cancel) is { } request ? Reply.Json(200, ReplyOf(request), SubjectJson.Default.SubjectRequestReply) : PrivacyProblems.NoRequest;

    private async ValueTask<Reply> Cancel(Call call, CancellationToken cancel)
    {
        if (await Find(call, cancel) is not { } request)
        {
            return PrivacyProblems.NoRequest;
        }

        if (request.State == SubjectRequestState.Cancelled)
        {
            return Reply.Empty(204);
        }

        if (request.State != SubjectRequestState.Pending)
        {
            return PrivacyProblems.Begun;
        }

        var note = call.Act(AuditedAct.SubjectRequestCancelled) with { Detail = $"{request.Kind} {request.Id}" };
        var outcome = await requests.Of(call.Home).Store.Commit(b => b.Put(request with { State = SubjectRequestState.Cancelled, CompletedOn = clock.GetUtcNow(), Changes = [] }).Audit(note), cancel);
        return outcome.Refused == StorageProblems.Changed ? PrivacyProblems.Begun
            : outcome.Refused is { } refused ? refused
            : Reply.Empty(204);
    }

    private async ValueTask<Reply> GetResult(Call call, CancellationToken cancel)
    {
        if (await Find(call, cancel) is not { } request)
        {
            return PrivacyProblems.NoRequest;
        }

        if (request.State != SubjectRequestState.Completed || request.Kind == SubjectRequestKind.Erase)
        {
            return PrivacyProblems.NoResult;
        }

        var declared = DataInventory.Of(requests.Of(call.Home).Administration!.Catalogue, []).Kinds.ToDictionary(kind => kind.Kind);
        var kinds = request.Tally.Select(tally => (Tally: tally, Declared: declared[tally.Kind]))
            .Select(each => new SubjectKindReply(each.Tally.Kind, each.Tally.Filing, each.Tally.Records, each.Declared.Category, each.Declared.Retention, each.Declared.Erasure));
        var files = request.People.Index().Where(person => person.Item.ArchiveBytes is not null)
            .Select(person => new SubjectFileReply(person.Index + 1, person.Item.Type, person.Item.ArchiveBytes!.Value, request.CompletedOn!.Value + SubjectExport.Life));
        return Reply.Json(200, new SubjectResult([.. kinds], [.. files], SubjectArchive.Rules), SubjectJson.Default.SubjectResult);
    }

    private async ValueTask<Reply> GetFile(Call call, CancellationToken cancel)
    {
        if (await Find(call, cancel) is not { } request)
        {
            return PrivacyProblems.NoRequest;
        }

        if (!int.TryParse(call.Route("number"), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number < 1 || number > request.People.Count || request.Kind != SubjectRequestKind.Export
            || await call.Home.Store.Get<SubjectExport>([ColumnValue.Of(request.Id.ToByteArray(bigEndian: true)), request.People[number - 1].Handle], cancel) is not { } export
            || export.ExpiresOn <= clock.GetUtcNow()
            || await call.Home.Blobs.Open(export, cancel) is not { } file)
        {
            return PrivacyProblems.NoResult;
        }

        // Who is given what is kept about somebody is written down before they have it.
        var note = call.Act(AuditedAct.SubjectExportRead, export.Person) with { Detail = $"{request.Id}, file {number}" };
        var outcome = await requests.Of(call.Home).Store.Commit(b => b.Audit(note), cancel);
        if (outcome.Refused is { } refused)
        {
            await file.DisposeAsync();
            return refused;
        }

        return Reply.File(
            "application/zip",
            $"export-{request.Id:n}-{number.ToString(CultureInfo.InvariantCulture)}.zip",
            file.Length,
            async (output, cancel) =>
            {
                await using (file)
                {
                    await file.CopyTo(output, 0, file.Length, cancel);
                }
            });
    }

    private async ValueTask<Reply> GetReceipt(Call call, CancellationToken cancel)
    {
        if (await Find(call, cancel) is not { } request)
        {
            return PrivacyProblems.NoRequest;
        }

        if (request is not { State: SubjectRequestState.Completed, Statement: { } statement, Entry: { } entry, CompletedOn: { } on })
        {
            return PrivacyProblems.NoResult;
        }

        var unit = requests.Of(call.Home);
        var proof = await proofs.Of(unit.Geography, unit.ScaleUnit, on, entry, cancel) ?? await proofs.Of(unit.Geography, unit.ScaleUnit, on.AddDays(1), entry, cancel);
        return Reply.Json(200, new SubjectReceipt(proof is null ? SubjectReceipt.Pending : SubjectReceipt.Complete, statement, proof), SubjectJson.Default.SubjectReceipt);
    }

    private async ValueTask<SubjectRequest?> Find(Call call, CancellationToken cancel) =>
        Guid.TryParseExact(call.Route("requestId"), "D", out var id) ? await requests.Find(call.Home, id, cancel) : null;

    private static IEnumerable<Problem> Faults(MakeSubjectRequest asked, Catalogue catalogue)
    {
        if (asked.RequestId is null || asked.RequestId == Guid.Empty)
        {
            yield return PrivacyProblems.Bad("requestId", "requestId must be a UUID that the caller chose for this request.");
        }

        var isKind = Enum.GetNames<SubjectRequestKind>().Contains(asked.Kind, StringComparer.OrdinalIgnoreCase);
        if (!isKind)
        {
            yield return PrivacyProblems.Bad("kind", "kind must be one of access, export, rectify, erase.");
        }

        if (asked.Reason is not { Length: >= 1 and <= AuditNote.TextMax })
        {
            yield return PrivacyProblems.Bad("reason", $"reason must say why, in 1 to {AuditNote.TextMax} characters.");
        }

        if (asked.Identifiers is not { Count: >= 1 and <= IdentifiersMax })
        {
            yield return PrivacyProblems.Bad("identifiers", $"identifiers must name one person by 1 to {IdentifiersMax} identifiers.");
        }
        else if (asked.Identifiers.Any(identifier => identifier is null || !Types.Contains(identifier.Type) || identifier.Value is not { Length: >= 1 and <= IdentifierMax }))
        {
            yield return PrivacyProblems.Bad("identifiers", $"Each of identifiers must have a type ({string.Join(", ", Types)}) and a value of 1 to {IdentifierMax} characters.");
        }

        var isRectify = isKind && asked.Kind!.Equals(nameof(SubjectRequestKind.Rectify), StringComparison.OrdinalIgnoreCase);
        if (isRectify != asked.Changes is { Count: >= 1 and <= ChangesMax })
        {
            yield return PrivacyProblems.Bad("changes", $"changes must have 1 to {ChangesMax} corrections for rectify, and be absent otherwise.");
        }
        else if (isRectify && asked.Changes!.Any(change => change is null || !IsCorrection(catalogue, change)))
        {
            yield return PrivacyProblems.Bad(
                "changes",
                $"Each of changes must name a kind and a member that may be corrected ({string.Join(", ", Rectifiable(catalogue))}), and a value: a text of up to {TextMax} characters, or an object of up to {NamesMax} texts of up to {ValueMax} characters, as the member has, or null.");
        }
    }

    private static IEnumerable<string> Rectifiable(Catalogue catalogue) =>
        from kind in catalogue.Kinds
        from member in kind.SealedMembers
        where member.Rectifiable is not null
        select $"{kind.Name} {char.ToLowerInvariant(member.Name[0])}{member.Name[1..]}";

    private static SealedMember? MemberOf(Catalogue catalogue, SubjectChange change) =>
        catalogue.Find(change.Kind ?? "")?.SealedMembers.FirstOrDefault(member => member.Rectifiable is not null && member.Name.Equals(change.Member, StringComparison.OrdinalIgnoreCase));

    private static bool IsCorrection(Catalogue catalogue, SubjectChange change)
    {
        try
        {
            return MemberOf(catalogue, change) is { } member && IsValueOf(member, change);
        }
        catch (InvalidOperationException)
        {
            // A text with an escape of half a character, which no text has: of a value that may be anything, it is only met when it is read.
            return false;
        }
    }

    private static bool IsValueOf(SealedMember member, SubjectChange change) => change.Value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => member.Rectifiable == typeof(string) && change.Value.GetString()!.Length <= TextMax,
        JsonValueKind.Object => member.Rectifiable != typeof(string) && change.Value.EnumerateObject().ToList() is { Count: <= NamesMax } pairs
            && pairs.All(pair => pair.Name.Length is >= 1 and <= TextMax && pair.Value.ValueKind == JsonValueKind.String && pair.Value.GetString()!.Length <= ValueMax),
        _ => false,
    };

    /// <summary>The salt of a commitment: random to everybody who does not have the geography's secret, and the same when the request is sent again.</summary>
    private static byte[] SaltOf(byte[] secret, Guid request, SubjectIdentifier identifier) =>
        HMACSHA256.HashData(secret, (byte[])[.. request.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes($"{identifier.Type}\n{identifier.Value}")])[..AuditLeaf.SaltBytes];

    private static SubjectRequestReply ReplyOf(SubjectRequest request, MakeSubjectRequest? asked = null, byte[]? secret = null) => new(
        request.Id,
        request.Kind.ToString().ToLowerInvariant(),
        request.State.ToString().ToLowerInvariant(),
        request.CreatedOn,
        request.StartedOn,
        request.CompletedOn,
        request.Reason,
        request.Role,
        new SubjectProgress(request.People.Count, request.PeopleDone, request.Tally.Sum(tally => tally.Records)),
        [.. request.People.Select((person, i) => new CommittedIdentifier(
            person.Type,
            person.Commitment,
            !person.Handle.IsNone,
            asked is null ? null : Convert.ToBase64String(SaltOf(secret!, request.Id, asked.Identifiers![i])),
            person.ErasedOn,
            person.Obstacle,
            person.Held?.Select(tally => new HeldKindReply(tally.Kind, tally.Records)).ToList()))],
        request.Obstacle);
}
