using Domicile.Modules.Http;
using Domicile.Modules.Http.Rates;
using Domicile.Server;
using Domicile.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Tests.Modules;

public sealed class RateMeterTests
{
    [Fact]
    public async Task Every_row_of_both_tables_names_operations_that_exist_and_fits_its_scope()
    {
        await using var services = Services();
        var names = ProductModules.All.SelectMany(module => module.Operations(services)).ToDictionary(operation => operation.Name);
        foreach (var limit in RateTable.Acs.Concat(RateTable.Generous))
        {
            Assert.True(limit.Requests > 0 && limit.Window > TimeSpan.Zero);
            foreach (var name in limit.Operations)
            {
                var operation = names[name];
                Assert.True(limit.Scope is not (RateScope.Thread or RateScope.UserInThread) || operation.Path.Contains("{threadId}", StringComparison.Ordinal), name);
                Assert.True(limit.Scope is RateScope.Resource or RateScope.Thread || operation.Access.Kind == AccessKind.User, name);
            }
        }
    }

    [Fact]
    public async Task Every_operation_of_chat_has_a_row_among_the_published_limits()
    {
        await using var services = Services();
        var limited = RateTable.Acs.SelectMany(limit => limit.Operations).ToHashSet();
        Assert.Empty(ProductModules.All.SelectMany(module => module.Operations(services)).Where(operation => operation.Name.StartsWith("Chat", StringComparison.Ordinal)).Select(operation => operation.Name).Except(limited));
    }

    private static ServiceProvider Services()
    {
        var services = new ServiceCollection()
            .AddSingleton<TimeProvider>(new ManualClock())
            .AddSingleton<IResourceOrigins>(new NoOrigins())
            .AddSingleton(new Domicile.Modules.Administration.AdministratorCredential("a", "b"))
            .AddSingleton(new Domicile.Modules.Administration.AdministrationMode(true));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        return services.BuildServiceProvider();
    }

    private sealed class NoOrigins : IResourceOrigins
    {
        public (string? Authority, Domicile.Residency.Problem? Problem) Assign(Domicile.Residency.Geography geography, string name) => (null, null);

        public void Close(string authority)
        {
        }
    }
}
