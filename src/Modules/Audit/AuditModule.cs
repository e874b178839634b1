using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Audit;

/// <summary>The audit log of each geography: its tree, its checkpoints, and how it is read.</summary>
public sealed class AuditModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue
        .Add<AuditDay>(StorageRecords.Default)
        .Add<AuditEntry>(StorageRecords.Default)
        .Add<AuditGroup>(StorageRecords.Default)
        .Add<AuditLog>(AuditRecords.Default)
        .Add<AuditTile>(AuditRecords.Default)
        .Add<StoredCheckpoint>(AuditRecords.Default)
        .Add<WitnessedLog>(AuditRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<RefusedRequests>()
        .AddSingleton<IRefusals>(provider => provider.GetRequiredService<RefusedRequests>())
        .AddSingleton<AuditLogs>()
        .AddSingleton(provider => new AuditProofs(provider.GetRequiredService<AuditLogs>()))
        .AddSingleton<AuditEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<AuditEndpoints>().Operations();

    /// <summary>Hands the module the scale units that the node serves, once they are open, by the homes of their own records: each has a log of its own.</summary>
    public static Task Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits, CancellationToken cancel) =>
        services.GetRequiredService<AuditLogs>().Prepare(scaleUnits, cancel);

    /// <summary>Begins to take the logs further in the background. It ends with the services.</summary>
    public static void Start(IServiceProvider services) => services.GetRequiredService<AuditLogs>().Start();
}
