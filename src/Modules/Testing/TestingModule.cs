using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Testing;

/// <summary>What the test-suite of an application needs of a development server: a clock that it turns, faults that it asks for, an empty store, and a look at what was answered.</summary>
public sealed class TestingModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue)
    {
        // Keeps nothing.
    }

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<TestBench>()
        .AddSingleton<TestingEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<TestingEndpoints>().Operations();
}
