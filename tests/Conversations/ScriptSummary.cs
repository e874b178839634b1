using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What became of the scenarios of a script.</summary>
internal sealed record ScriptSummary(IReadOnlyList<ScenarioOutcome> Scenarios);

/// <summary>What became of one scenario, and what it had to tell.</summary>
internal sealed record ScenarioOutcome(
    string Name, bool Ok, double Milliseconds, string? Error, IReadOnlyDictionary<string, JsonElement> Told)
{
    /// <summary>The name as a C# method bears it.</summary>
    public string MethodName =>
        string.Concat(Name.Select(each => char.IsAsciiLetterOrDigit(each) ? each : '_')).Replace("__", "_", StringComparison.Ordinal);
}
