using Domicile.Residency;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Http;

/// <summary>A module: what it keeps, what it needs, what it serves. The host lists its modules; nothing is found by scanning.</summary>
public interface IModule
{
    /// <summary>Declares the kinds of record that the module keeps.</summary>
    void Describe(Catalogue catalogue);

    /// <summary>Adds what the module's handlers need.</summary>
    void AddServices(IServiceCollection services);

    /// <summary>What leaves the process because of the module. The default is nothing.</summary>
    IEnumerable<EgressFlow> Flows => [];

    /// <summary>The operations that the module serves.</summary>
    IEnumerable<Operation> Operations(IServiceProvider services);
}
