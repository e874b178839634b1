using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Domicile.Cli;

/// <summary>The library's help, followed by examples.</summary>
internal sealed class HelpWithExamples(HelpAction usual, Terminal terminal) : SynchronousCommandLineAction
{
    /// <summary>Whoever asks for help gets it, whatever else is wrong.</summary>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        usual.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        string[] examples = parseResult.CommandResult.Command switch
        {
            Verb verb => [.. verb.Examples],
            _ => ["serve", "resource list", "doctor"],
        };
        output.WriteLine(examples.Length == 1 ? "Example:" : "Examples:");
        foreach (var example in examples)
        {
            output.WriteLine($"  {terminal.Program} {example}");
        }

        return ExitCode.Ok;
    }
}
