namespace Domicile.Cli;

/// <summary>What a command sees of the world around it.</summary>
/// <param name="Input">Where answers to questions come from.</param>
/// <param name="Output">For what was asked for.</param>
/// <param name="Error">For what was not: failures, notes.</param>
/// <param name="Variable">An environment variable, by name.</param>
/// <param name="Clock">The time.</param>
/// <param name="Interactive">Whether a person sits at both ends, so that a question makes sense.</param>
internal sealed record Terminal(
    TextReader Input, TextWriter Output, TextWriter Error, Func<string, string?> Variable, TimeProvider Clock, bool Interactive)
{
    /// <summary>How messages name this program: as it was typed, when it was started by its script.</summary>
    public string Program => Variable("DOMICILE_COMMAND") is { Length: > 0 } typed ? Quote(typed) : "domicile";

    /// <summary>The terminal of the running process.</summary>
    public static Terminal OfThisProcess() => new(
        Console.In, Console.Out, Console.Error, Environment.GetEnvironmentVariable, TimeProvider.System,
        !Console.IsInputRedirected && !Console.IsOutputRedirected);

    /// <summary>A word as a shell takes it, for commands in messages that are there to be copied.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./:@%+=,~".Contains(letter, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
