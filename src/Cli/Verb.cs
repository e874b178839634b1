using System.CommandLine;

namespace Domicile.Cli;

/// <summary>A command that can show how it is used.</summary>
internal sealed class Verb : Command
{
    /// <summary>A command with its examples.</summary>
    /// <param name="name">As typed.</param>
    /// <param name="description">One or more sentences.</param>
    /// <param name="examples">What follows the program's name, such as <c>resource list --json</c>; at least one.</param>
    public Verb(string name, string description, params string[] examples)
        : base(name, description) => Examples = examples;

    /// <summary>Calls that work, without the program's name.</summary>
    public IReadOnlyList<string> Examples { get; }
}
