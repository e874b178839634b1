using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Privacy;

/// <summary>What a privacy officer asks: what is kept and by which rules, and whether it lies where it must.</summary>
public sealed class PrivacyModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue
        .Add<SubjectRequest>(PrivacyRecords.Default)
        .Add<SubjectExport>(PrivacyRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<ResidencyVerifications>()
        .AddSingleton<HoldEndpoints>()
        .AddSingleton<SubjectRequests>()
        .AddSingleton<SubjectRequestEndpoints>()
        .AddSingleton<RetentionEndpoints>()
        .AddSingleton<PrivacyEndpoints>()
        .AddSingleton<DescriptionEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) =>
    [
        .. services.GetRequiredService<PrivacyEndpoints>().Operations(),
        .. services.GetRequiredService<HoldEndpoints>().Operations(),
        .. services.GetRequiredService<RetentionEndpoints>().Operations(),
        .. services.GetRequiredService<SubjectRequestEndpoints>().Operations(),
        .. services.GetRequiredService<DescriptionEndpoints>().Operations(),
    ];

    /// <summary>Hands the module the scale units that the node serves, by the homes of their own records.</summary>
    public static void Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits) => services.GetRequiredService<SubjectRequests>().Prepare(scaleUnits);

    /// <summary>Begins to carry out requests in the background. It ends with the services.</summary>
    public static void Start(IServiceProvider services) => services.GetRequiredService<SubjectRequests>().Start();
}
