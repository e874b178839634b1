using Domicile.Modules.Administration;
using Domicile.Modules.Audit;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Modules.Logs;
using Domicile.Modules.Privacy;
using Domicile.Modules.Realtime;
using Domicile.Modules.Testing;
using Domicile.Modules.Transfer;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Server;

/// <summary>The modules of the product, in one visible list. This is the only place that knows every module.</summary>
public static class ProductModules
{
    /// <summary>Every module, in order.</summary>
    public static IReadOnlyList<IModule> All { get; } =
    [
        new AuditModule(),
        new AdministrationModule(),
        new IdentityModule(),
        new ChatModule(),
        new RealtimeModule(),
        new EventsModule(),
        new PrivacyModule(),
        new LogsModule(),
        new TransferModule(),
        new TestingModule(),
    ];

    /// <summary>Everything that leaves a process of the server: what answers, stores and logs carry, and what modules send.</summary>
    public static IReadOnlyList<EgressFlow> Flows { get; } = [.. ServerFlows.All, .. StorageFlows.All, .. All.SelectMany(module => module.Flows)];

    /// <summary>Everything that the product keeps, checked.</summary>
    /// <param name="others">Modules beside those of the product; for tests that add one.</param>
    /// <exception cref="CatalogueException">The declarations do not hold together.</exception>
    public static Catalogue Catalogue(params IModule[] others)
    {
        var catalogue = new Catalogue().Add<RetentionRule>(StorageRecords.Default).Add<RootRetentionRule>(StorageRecords.Default).Add<KnownDefault>(StorageRecords.Default).Add<Ending>(StorageRecords.Default).Add<Hold>(StorageRecords.Default).Add<Restriction>(StorageRecords.Default);
        foreach (var module in All.Concat(others))
        {
            module.Describe(catalogue);
        }

        return catalogue.Close();
    }
}
