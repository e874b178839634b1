using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Privacy;

/// <summary>What a privacy officer asks: what is kept and by which rules, and whether it lies where it must.</summary>
public sealed class PrivacyModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue)
    {
    }

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<ResidencyVerifications>()
        .AddSingleton<HoldEndpoints>()
        .AddSingleton<PrivacyEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) =>
        [.. services.GetRequiredService<PrivacyEndpoints>().Operations(), .. services.GetRequiredService<HoldEndpoints>().Operations()];
}
