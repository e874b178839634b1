using System.Reflection;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Sqlite;

namespace Domicile.Modules.Administration;

/// <summary>The routes of a geography's administration origin and their handlers.</summary>
internal sealed partial class AdministrationEndpoints(
    ResourceDirectory directory, AdministratorTokens tokens, ResourceRegistry registry, AdministrationMode mode)
{
    private const int DefaultMinutes = 15;
    private const int MinutesMax = 1440;
    private const int PageMax = 1_000;
    private const int Attempts = 5;

    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);
    private static readonly Access Owning = Access.Administrator(AdministratorRole.Owner);

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", "/tokens", "Administration_MintToken", Access.Credential, Mint),
        Of("GET", "/geography", "Administration_GetGeography", Anyone, GetGeography),
        Of("GET", "/inventory", "Administration_GetInventory", Anyone, GetInventory),
        Of("GET", "/resources", "Administration_ListResources", Anyone, List),
        Of("POST", "/resources", "Administration_CreateResource", Running, Create),
        Of("GET", "/resources/{nameOrId}", "Administration_GetResource", Anyone, Get),
        Of("DELETE", "/resources/{nameOrId}", "Administration_DeleteResource", Owning, Delete),
        Of("GET", "/resources/{nameOrId}/keys", "Administration_ListKeys", Owning, ListKeys),
        Of("POST", "/resources/{nameOrId}/keys:regenerate", "Administration_RegenerateKey", Owning, Regenerate),
        Of("GET", "/resources/{nameOrId}/settings", "Administration_GetSettings", Anyone, GetSettings),
        Of("PATCH", "/resources/{nameOrId}/settings", "Administration_UpdateSettings", Running, UpdateSettings),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private async ValueTask<Reply> Mint(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AdministrationJson.Default.MintTokenRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var problems = new List<Problem>();
        if (request.Role is null || !AdministratorRole.All.Contains(request.Role))
        {
            problems.Add(AdministrationProblems.BadRole);
        }

        var minutes = request.ExpiresInMinutes ?? DefaultMinutes;
        if (minutes is < 1 or > MinutesMax)
        {
            problems.Add(AdministrationProblems.BadLife);
        }

        if (problems.Count > 0)
        {
            return Problem.Of(problems);
        }

        // Known to the log before it exists, by the id that everything done with it will name.
        var tokenId = Guid.NewGuid().ToString("N");
        var minted = call.Act(AuditedAct.AdministratorTokenMinted) with { By = "administrator", Actor = tokens.Administrator(call.Geography), Role = request.Role, Credential = tokenId };
        var outcome = await directory.Of(call.Geography).Store.Commit(b => b.Audit(minted with { Detail = $"for {minutes} minutes" }), cancel);
        return outcome.Refused is { } refused
            ? refused
            : Reply.Json(201, tokens.Mint(call.Geography, request.Role!, minutes, tokenId), AdministrationJson.Default.MintedTokenReply);
    }

    private async ValueTask<Reply> GetGeography(Call call, CancellationToken cancel)
    {
        var home = directory.Of(call.Geography);
        var resources = await home.Store.Range<CommunicationResource>().Take(PageMax).Open(cancel);
        var sqlite = SqliteLibrary.Describe();
        var reply = new GeographyReply(
            call.Geography.Name,
            mode.IsDevelopment ? "development" : "production",
            resources.Count,
            resources.Count == PageMax,
            $"{sqlite.Version} ({sqlite.Source})",
            home.Administration!.SealsBroken,
            typeof(AdministrationEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "");
        return Reply.Json(200, reply, AdministrationJson.Default.GeographyReply);
    }

    private ValueTask<Reply> GetInventory(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, DataInventory.Of(directory.Of(call.Geography).Administration!.Catalogue, ScaleUnitAdministration.EngineTables), AdministrationJson.Default.DataInventory));

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (PageSize.Of(call, PageMax, PageMax) is not { } size)
        {
            return PageSize.Bad(PageMax);
        }

        var query = directory.Of(call.Geography).Store.Range<CommunicationResource>().Take(size);
        if (call.Query("continuation") is { } continuation)
        {
            if (!Guid.TryParse(continuation, out var after))
            {
                return HttpProblems.BadParameter("continuation", "the one of a nextLink");
            }

            query.After(after);
        }

        var resources = await query.Open(cancel);
        var next = resources.Count < size ? null : $"/resources?maxPageSize={size}&continuation={resources[^1].Id:D}";
        return Reply.Json(200, new ResourceList([.. resources.Select(resource => ReplyOf(call, resource))], next), AdministrationJson.Default.ResourceList);
    }

    private async ValueTask<Reply> Create(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AdministrationJson.Default.CreateResourceRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var problems = new List<Problem>();
        if (request.Name is null || !ResourceName().IsMatch(request.Name))
        {
            problems.Add(AdministrationProblems.BadName);
        }

        var id = Guid.NewGuid();
        if (request.Id is not null && (!Guid.TryParse(request.Id, out id) || id == Guid.Empty))
        {
            problems.Add(AdministrationProblems.BadId);
        }

        if (problems.Count > 0)
        {
            return Problem.Of(problems);
        }

        var (resource, refused) = await registry.Create(directory.Of(call.Geography), request.Name!, call.Act(AuditedAct.ResourceCreated, resource: id), id, cancel);
        return resource is null ? refused! : Reply.Json(201, ReplyOf(call, resource), AdministrationJson.Default.ResourceReply);
    }

    private async ValueTask<Reply> Get(Call call, CancellationToken cancel) =>
        await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is { } resource
            ? Reply.Json(200, ReplyOf(call, resource), AdministrationJson.Default.ResourceReply)
            : AdministrationProblems.NoResource;

    private async ValueTask<Reply> Delete(Call call, CancellationToken cancel)
    {
        if (await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is not { } resource)
        {
            return AdministrationProblems.NoResource;
        }

        var deleted = call.Act(AuditedAct.ResourceDeleted, resource: resource.Id);
        return await registry.Delete(directory.Of(call.Geography), resource, deleted, cancel) is { } refused ? refused : Reply.Empty(204);
    }

    private async ValueTask<Reply> ListKeys(Call call, CancellationToken cancel)
    {
        if (await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is not { } resource)
        {
            return AdministrationProblems.NoResource;
        }

        var outcome = await directory.Of(call.Geography).Store.Commit(b => b.Audit(call.Act(AuditedAct.KeysShown, resource: resource.Id)), cancel);
        return outcome.Refused is { } refused ? refused : Reply.Json(200, KeysOf(resource), AdministrationJson.Default.KeysReply);
    }

    private async ValueTask<Reply> Regenerate(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AdministrationJson.Default.RegenerateKeyRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.KeyType is not ("Primary" or "Secondary"))
        {
            return AdministrationProblems.BadKeyType;
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is not { } resource)
            {
                return AdministrationProblems.NoResource;
            }

            var fresh = RandomNumberGenerator.GetBytes(AccessKey.Bytes);
            var changed = request.KeyType == "Primary" ? resource with { PrimaryKey = fresh } : resource with { SecondaryKey = fresh };
            var regenerated = call.Act(AuditedAct.KeyRegenerated, resource: resource.Id) with { Detail = request.KeyType };
            var outcome = await directory.Of(call.Geography).Store.Commit(b => b.Put(changed, AdministrationProblems.NoResource).Audit(regenerated), cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Json(200, KeysOf(changed), AdministrationJson.Default.KeysReply);
            }
        }

        return AdministrationProblems.Busy;
    }

    private async ValueTask<Reply> GetSettings(Call call, CancellationToken cancel) =>
        await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is { } resource
            ? Reply.Json(200, await SettingsOf(call, resource, cancel), AdministrationJson.Default.SettingsModel)
            : AdministrationProblems.NoResource;

    /// <summary>The idle time of threads is a retention rule of the resource's own; the rest is part of its record.</summary>
    private async ValueTask<Reply> UpdateSettings(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(AdministrationJson.Default.SettingsModel, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.ReceiptsInThreadsUpTo is < 0 or > 250 || request.TypingInThreadsUpTo is < 0 or > 250 || request.IdleThreadsDeletedAfterDays is < 0 or > 3650)
        {
            return AdministrationProblems.BadSettings;
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await directory.FindResource(call.Geography, call.Route("nameOrId"), cancel) is not { } resource
                || await directory.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
            {
                return AdministrationProblems.NoResource;
            }

            var now = resource.Settings ?? new ResourceSettings();
            var changed = resource with
            {
                Settings = new ResourceSettings
                {
                    RateProfile = request.RateProfile ?? now.RateProfile,
                    ReceiptsInThreadsUpTo = request.ReceiptsInThreadsUpTo ?? now.ReceiptsInThreadsUpTo,
                    TypingInThreadsUpTo = request.TypingInThreadsUpTo ?? now.TypingInThreadsUpTo,
                    AuditMessages = request.AuditMessages ?? now.AuditMessages,
                },
            };
            var settings = call.Act(AuditedAct.SettingsChanged, resource: resource.Id) with { Detail = Describe(changed.Settings) };
            var outcome = await directory.Of(call.Geography).Store.Commit(b => b.Put(changed, AdministrationProblems.NoResource).Audit(settings), cancel);
            if (outcome.Refused == StorageProblems.Changed)
            {
                continue;
            }

            var rule = call.Act(AuditedAct.RuleChanged, resource: resource.Id) with { Detail = $"chat.thread: {request.IdleThreadsDeletedAfterDays} days without use" };
            if (outcome.Refused is null && request.IdleThreadsDeletedAfterDays is { } days && await RetentionRule.Set(home, "chat.thread", days, rule, cancel) is { } refused)
            {
                return refused;
            }

            return outcome.Refused is { } notSaved ? notSaved : Reply.Json(200, await SettingsOf(call, changed, cancel), AdministrationJson.Default.SettingsModel);
        }

        return AdministrationProblems.Busy;
    }

    private async ValueTask<SettingsModel> SettingsOf(Call call, CommunicationResource resource, CancellationToken cancel)
    {
        var settings = resource.Settings ?? new ResourceSettings();
        var home = await directory.Of(call.Geography).Administration!.Find(resource.Id, cancel);
        var days = home is null ? null : await RetentionRule.Find(home, "chat.thread", cancel);
        var idle = directory.Of(call.Geography).Administration!.Catalogue.Find("chat.thread")!.Idle!;
        return new SettingsModel(settings.RateProfile, settings.ReceiptsInThreadsUpTo, settings.TypingInThreadsUpTo, settings.AuditMessages, days ?? idle.Days);
    }

    private static string Describe(ResourceSettings settings) =>
        $"rate profile {settings.RateProfile}, receipts in threads up to {settings.ReceiptsInThreadsUpTo}, typing in threads up to {settings.TypingInThreadsUpTo}, messages audited: {(settings.AuditMessages ? "yes" : "no")}";

    private static ResourceReply ReplyOf(Call call, CommunicationResource resource) =>
        new(resource.Id, resource.Name, call.Geography.Name, ResourceRegistry.EndpointOf(resource), resource.CreatedOn);

    private static KeysReply KeysOf(CommunicationResource resource) => new(
        Convert.ToBase64String(resource.PrimaryKey),
        Convert.ToBase64String(resource.SecondaryKey),
        ResourceRegistry.ConnectionStringOf(resource, resource.PrimaryKey),
        ResourceRegistry.ConnectionStringOf(resource, resource.SecondaryKey));

    [GeneratedRegex(@"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z")]
    private static partial Regex ResourceName();
}

/// <summary>Whether the node is in development mode.</summary>
public sealed record AdministrationMode(bool IsDevelopment);
