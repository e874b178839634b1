using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Administration;

/// <summary>Resources, their keys, and who may administer them.</summary>
public sealed class AdministrationModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue.Add<CommunicationResource>(AdministrationRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<ResourceDirectory>()
        .AddSingleton<IResourceDirectory>(provider => provider.GetRequiredService<ResourceDirectory>())
        .AddSingleton<IResourceHomes>(provider => provider.GetRequiredService<ResourceDirectory>())
        .AddSingleton<ResourceRegistry>()
        .AddSingleton<AdministratorTokens>()
        .AddSingleton<IAdministratorTokens>(provider => provider.GetRequiredService<AdministratorTokens>())
        .AddSingleton<AdministrationEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<AdministrationEndpoints>().Operations();

    /// <summary>Mints a token of the owner's role for whoever started a development server for a test: it lasts a day.</summary>
    public static async Task<string> MintForOwner(IServiceProvider services, Home geography, CancellationToken cancel)
    {
        const int minutes = 1_440;
        var tokens = services.GetRequiredService<AdministratorTokens>();
        var tokenId = Guid.NewGuid().ToString("N");
        var minted = new AuditNote(AuditedAct.AdministratorTokenMinted, "node") { Role = AdministratorRole.Owner, Credential = tokenId, Detail = $"for {minutes} minutes" };
        var outcome = await geography.Store.Commit(b => b.Audit(minted), cancel);
        return outcome.Refused is { } refused
            ? throw new StoreUnavailableException(refused.Title)
            : tokens.Mint(geography.Geography, AdministratorRole.Owner, minutes, tokenId).Token;
    }

    /// <summary>Hands the module the geographies that the node serves, once their stores are open.</summary>
    public static async Task Prepare(IServiceProvider services, IReadOnlyList<Home> geographies, CancellationToken cancel)
    {
        services.GetRequiredService<ResourceDirectory>().Prepare(geographies);
        await services.GetRequiredService<AdministratorTokens>().Prepare(geographies, cancel);
    }
}
