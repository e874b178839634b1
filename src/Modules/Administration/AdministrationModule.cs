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

    /// <summary>Hands the module the geographies that the node serves, once their stores are open.</summary>
    public static async Task Prepare(IServiceProvider services, IReadOnlyList<Home> geographies, CancellationToken cancel)
    {
        services.GetRequiredService<ResourceDirectory>().Prepare(geographies);
        await services.GetRequiredService<AdministratorTokens>().Prepare(geographies, cancel);
    }
}
