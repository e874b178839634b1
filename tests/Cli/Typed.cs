using Domicile.Cli;

namespace Domicile.Tests.Cli;

/// <summary>A command as someone types it, and what came of it.</summary>
internal sealed record Typed(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a command in this process.</summary>
    public static Task<Typed> Run(params string[] arguments) => Run(new Dictionary<string, string>(), null, arguments);

    /// <summary>Runs a command in an environment; <paramref name="answer"/> is typed when it asks, null when nobody is there.</summary>
    public static async Task<Typed> Run(IReadOnlyDictionary<string, string> variables, string? answer, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(new StringReader(answer ?? ""), output, error, name => variables.GetValueOrDefault(name), TimeProvider.System, answer is not null);
        var code = await CommandLine.Run(arguments, terminal, TestContext.Current.CancellationToken);
        return new(code, output.ToString(), error.ToString());
    }

    public static Terminal Nowhere(IReadOnlyDictionary<string, string>? variables = null, TimeProvider? clock = null) =>
        new(TextReader.Null, TextWriter.Null, TextWriter.Null, name => variables?.GetValueOrDefault(name), clock ?? TimeProvider.System, false);
}
