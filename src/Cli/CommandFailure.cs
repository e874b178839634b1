namespace Domicile.Cli;

/// <summary>
/// A command cannot go on, and whoever typed it can do something about it. An exception, unlike the server's problems:
/// a command has one way out, from any depth, and that is its message.
/// </summary>
internal sealed class CommandFailure : Exception
{
    /// <summary>A failure with what is wrong and what to do.</summary>
    /// <param name="message">Whole sentences; printed as they are. Never a secret.</param>
    /// <param name="exitCode">One of <see cref="Cli.ExitCode"/>.</param>
    public CommandFailure(string message, int exitCode = Cli.ExitCode.Failure)
        : base(message) => ExitCode = exitCode;

    /// <summary>Whether the same may succeed a little later: the server was busy, or did not answer.</summary>
    public bool IsTransient { get; init; }

    /// <summary>What the process ends with.</summary>
    public int ExitCode { get; }

    /// <summary>The call was not clear enough.</summary>
    public static CommandFailure Usage(string message) => new(message, Cli.ExitCode.Usage);
}
