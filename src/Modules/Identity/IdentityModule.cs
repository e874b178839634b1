using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Identity;

/// <summary>Users and their tokens.</summary>
public sealed class IdentityModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue.Add<UserAccount>(IdentityRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<UserTokens>()
        .AddSingleton<IUserTokens>(provider => provider.GetRequiredService<UserTokens>())
        .AddSingleton<IdentityEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<IdentityEndpoints>().Operations();
}
