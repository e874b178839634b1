using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>The routes of the privacy officer and their handlers.</summary>
internal sealed class PrivacyEndpoints(IResourceHomes homes, ResidencyVerifications verifications)
{
    /// <summary>Records that are counted of one kind at most; beyond it the answer says that there are more.</summary>
    private const int CountMax = 100_000;

    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Verifying = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator, AdministratorRole.Privacy);

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", "/residency/verification", "Residency_BeginVerification", Verifying, Begin),
        Of("GET", "/residency/verification", "Residency_GetVerification", Anyone, Find),
        Of("DELETE", "/residency/verification", "Residency_StopVerification", Verifying, Stop),
        Of("GET", "/inventory/article30", "Inventory_GetProcessingRecord", Anyone, GetProcessingRecord),
        Of("GET", "/inventory/changes", "Inventory_ListChanges", Anyone, ListChanges),
        Of("GET", "/privacy/inventory", "Privacy_GetInventory", Anyone, GetDataMap) with { Origin = Origin.Resource },
        Of("GET", "/privacy/inventory/changes", "Privacy_ListInventoryChanges", Anyone, ListChanges) with { Origin = Origin.Resource },
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private ValueTask<Reply> Begin(Call call, CancellationToken cancel) =>
        new(Reply.Json(202, verifications.Begin(homes.Of(call.Geography)), PrivacyJson.Default.VerificationReply));

    private ValueTask<Reply> Find(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, verifications.Find(call.Geography), PrivacyJson.Default.VerificationReply));

    private async ValueTask<Reply> Stop(Call call, CancellationToken cancel)
    {
        await verifications.Stop(call.Geography);
        return Reply.Empty(204);
    }

    private ValueTask<Reply> GetProcessingRecord(Call call, CancellationToken cancel)
    {
        var record = new ProcessingRecord(InventoryOf(call), call.Geography);
        return new((call.Query("format") ?? "md") switch
        {
            "md" => Reply.Plain("text/markdown; charset=utf-8", record.ToMarkdown()),
            "csv" => Reply.Plain("text/csv; charset=utf-8", record.ToCsv()),
            _ => HttpProblems.BadParameter("format", "md or csv"),
        });
    }

    private ValueTask<Reply> ListChanges(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, PublishedInventory.History, PrivacyJson.Default.InventoryHistory));

    private async ValueTask<Reply> GetDataMap(Call call, CancellationToken cancel)
    {
        var (home, catalogue) = (call.Home, CatalogueOf(call));
        var inventory = InventoryOf(call);
        var kinds = new List<MappedKind>();
        foreach (var declared in inventory.Kinds)
        {
            var kind = catalogue.Find(declared.Kind)!;
            var records = await RecordCount.Of(home.Store, kind, CountMax, cancel);
            var own = kind.Idle is null ? null : await RetentionRule.Find(home, kind.Name, cancel);
            kinds.Add(new MappedKind(declared, Math.Min(records, CountMax), records > CountMax, own ?? kind.Idle?.Days, kind.Idle is null ? null : own is not null));
        }

        return Reply.Json(200, new DataMap(call.Geography.Name, home.ResourceId, call.Settings, kinds, inventory.OtherTables), PrivacyJson.Default.DataMap);
    }

    private Catalogue CatalogueOf(Call call) => homes.Of(call.Geography).Administration!.Catalogue;

    private DataInventory InventoryOf(Call call) => DataInventory.Of(CatalogueOf(call), ScaleUnitAdministration.EngineTables);
}
