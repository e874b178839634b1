using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Transfer;

/// <summary>Moves the users, threads and messages of a resource in and out, with their ids, times, versions and order.</summary>
public sealed class TransferModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue)
    {
        // Keeps nothing of its own: what comes in are records of Identity and Chat.
    }

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<TransferEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<TransferEndpoints>().Operations();
}
