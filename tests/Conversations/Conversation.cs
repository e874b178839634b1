using System.Reflection;
using System.Runtime.CompilerServices;

namespace Domicile.Tests.Conversations;

/// <summary>A class of tests that are the scenarios of one script: one test for each, of the same name.</summary>
public abstract class Conversation
{
    [Fact]
    public async Task Every_scenario_of_the_script_is_a_test_here()
    {
        var tests = GetType().GetMethods(BindingFlags.Public | BindingFlags.Instance)
            .Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
            .Select(method => method.Name);
        var scenarios = (await Played()).Scenarios.Select(scenario => scenario.MethodName);
        Assert.Empty(scenarios.Except(tests));
    }

    /// <summary>The script, played.</summary>
    private protected abstract Task<ScriptSummary> Played();

    /// <summary>The scenario that the calling test is named for went as it should.</summary>
    private protected async Task<ScenarioOutcome> GoesWell([CallerMemberName] string test = "")
    {
        var scenario = (await Played()).Scenarios.SingleOrDefault(each => each.MethodName == test);
        Assert.True(scenario is not null, $"The script has no scenario called {test}.");
        Assert.True(scenario.Ok, scenario.Error);
        return scenario;
    }
}
