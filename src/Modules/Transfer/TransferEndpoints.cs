using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Transfer;

/// <summary>
/// The routes of a transfer, on the administration origin. Moving in takes the role of an owner or operator; reading everything takes the owner's, who can read the access
/// keys and with them everything anyway, a reason, and an audit entry for every page.
/// </summary>
internal sealed class TransferEndpoints(IResourceHomes homes, TimeProvider clock)
{
    private const int DaysMax = 3_650;
    private const int ReasonMax = 500;
    private const int AtOnce = 8;

    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);
    private static readonly Access Owning = Access.Administrator(AdministratorRole.Owner);

    public IEnumerable<Operation> Operations() =>
    [
        Of("/resources/{nameOrId}/import", "Transfer_BeginImport", Running, Begin, 4 * 1024),
        Of("/resources/{nameOrId}/import/users", "Transfer_ImportUsers", Running, ImportUsers, 256 * 1024),
        Of("/resources/{nameOrId}/import/threads", "Transfer_ImportThread", Running, ImportThread, TransferLimits.BodyBytes),
        Of("/resources/{nameOrId}/export/threads", "Transfer_ExportThreads", Owning, ExportThreads, 4 * 1024),
        Of("/resources/{nameOrId}/export/messages", "Transfer_ExportMessages", Owning, ExportMessages, 4 * 1024),
    ];

    private static Operation Of(string path, string name, Access access, OperationHandler handler, int bodyLimit) =>
        new("POST", path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = bodyLimit };

    private async ValueTask<Reply> Begin(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TransferJson.Default.BeginImportRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var days = request.IdleThreadsDeletedAfterDays ?? 0;
        if (days is < 0 or > DaysMax)
        {
            return TransferProblems.BadDays;
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return TransferProblems.NoResource;
        }

        var note = call.Act(AuditedAct.ImportBegun, resource: home.ResourceId) with { Detail = $"threads without use are deleted after {days} days; 0 is never" };
        return await RetentionRule.Set(home, "chat.thread", days, note, cancel) is { } refused ? refused : Reply.Empty(204);
    }

    /// <summary>Data's way: request → person and keys in the key store → identity.user, sealed under the person and the resource → until deleted.</summary>
    private async ValueTask<Reply> ImportUsers(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TransferJson.Default.ImportUsersRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.Users is not { Count: >= 1 and <= TransferLimits.Users } users || users.Any(user => user is null))
        {
            return TransferProblems.BadUsers;
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return TransferProblems.NoResource;
        }

        var (created, known, refused) = (0, 0, new List<TransferFault>());
        foreach (var some in users.DistinctBy(user => user.Id).Chunk(AtOnce))
        {
            var outcomes = await Task.WhenAll(some.Select(user => Add(home, user, cancel)));
            foreach (var (user, (isNew, fault)) in some.Zip(outcomes))
            {
                if (fault is not null)
                {
                    refused.Add(new TransferFault(user.Id, fault));
                }

                created += fault is null && isNew ? 1 : 0;
                known += fault is null && !isNew ? 1 : 0;
            }
        }

        return Reply.Json(200, new ImportUsersReply(created, known, refused), TransferJson.Default.ImportUsersReply);
    }

    private async ValueTask<Reply> ImportThread(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TransferJson.Default.ImportThreadRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.Thread is not { } thread)
        {
            return TransferProblems.NoThreadNamed;
        }

        var messages = request.Messages ?? [];
        if (thread.Participants?.Any(each => each is null) == true || thread.Receipts?.Any(each => each is null) == true || messages.Any(each => each is null))
        {
            return TransferProblems.Unfit("There is nothing at a place in a list.");
        }

        if ((TransferLimits.FaultOf(thread) ?? TransferLimits.FaultOf(messages)) is { } fault)
        {
            return TransferProblems.Unfit(fault);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return TransferProblems.NoResource;
        }

        if (await RetentionRule.Find(home, "chat.thread", cancel) is null)
        {
            return TransferProblems.NotBegun;
        }

        var (reply, refused) = await ThreadImport.Write(home, thread, messages, cancel);
        return reply is null ? refused! : Reply.Json(200, reply, TransferJson.Default.ImportThreadReply);
    }

    private async ValueTask<Reply> ExportThreads(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TransferJson.Default.ExportThreadsRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var (home, after, bad) = await PageOf(call, request.Reason, request.After, cancel);
        if (home is null)
        {
            return bad!;
        }

        return await Audited(call, home, request.Reason!, "a page of threads", cancel) is { } refused
            ? refused
            : Reply.Json(200, await ThreadExport.Threads(home, request.After is null ? null : after, cancel), TransferJson.Default.ExportThreadsReply);
    }

    private async ValueTask<Reply> ExportMessages(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TransferJson.Default.ExportMessagesRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var (home, after, bad) = await PageOf(call, request.Reason, request.After, cancel);
        if (home is null)
        {
            return bad!;
        }

        if (request.Thread is not { Length: >= 1 and <= TransferLimits.ThreadIdCharacters } named || await ThreadImport.Find(home, named, cancel) is not { } thread)
        {
            return TransferProblems.NoThread;
        }

        return await Audited(call, home, request.Reason!, "a page of messages", cancel) is { } refused
            ? refused
            : Reply.Json(200, await ThreadExport.Messages(home, thread, after, cancel), TransferJson.Default.ExportMessagesReply);
    }

    /// <summary>What both exports are asked for: a page of a resource, with a reason.</summary>
    private async ValueTask<(Home? Home, long After, Problem? Bad)> PageOf(Call call, string? reason, string? from, CancellationToken cancel)
    {
        var after = 0L;
        return reason is not { Length: >= 1 and <= ReasonMax } ? (null, 0, TransferProblems.NoReason)
            : from is not null && !TransferLimits.TryReadId(from, out after) ? (null, 0, TransferProblems.BadAfter)
            : await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is { } home ? (home, after, null)
            : (null, 0, TransferProblems.NoResource);
    }

    private async ValueTask<Problem?> Audited(Call call, Home home, string reason, string what, CancellationToken cancel) =>
        (await homes.Of(call.Geography).Store.Commit(
            b => b.Audit(call.Act(AuditedAct.ResourceExported, resource: home.ResourceId) with { Reason = reason, Detail = what }), cancel)).Refused;

    private async Task<(bool IsNew, string? Fault)> Add(Home home, TransferUser user, CancellationToken cancel)
    {
        if (!CommunicationIdentifier.IsUserOf(home.ResourceId, user.Id) || user.Id.Equals(CommunicationIdentifier.ErasedIdOf(home.ResourceId), StringComparison.OrdinalIgnoreCase))
        {
            return (false, "It is not the id of a communication user of this resource: 8:acs:RESOURCE_USER, with the id of the resource.");
        }

        Identifier[] identifiers = [new(Identifier.CommunicationUser, user.Id)];
        SubjectRef subject;
        try
        {
            subject = await home.FindSubject(identifiers[0], cancel) ?? await home.AddSubject(identifiers, cancel);
        }
        catch (KeyExistsException)
        {
            // Another request filed them at the same moment.
            subject = await home.FindSubject(identifiers[0], cancel) ?? SubjectRef.None;
        }

        if (subject.IsNone)
        {
            return (false, "The user is being added or erased at this moment. Try again.");
        }

        // A crash between the person and the account leaves the one without the other.
        var account = new UserAccount { Subject = subject, CreatedOn = user.CreatedOn ?? clock.GetUtcNow(), Revocations = 0 };
        var outcome = await home.Store.Commit(b => b.Insert(account).AuditWrites(AuditedAct.RecordsImported), cancel);
        return outcome.Refused is null ? (true, null)
            : outcome.Refused == StorageProblems.Exists ? (false, null)
            : (false, outcome.Refused.Title);
    }
}
