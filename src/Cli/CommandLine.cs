using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Domicile.Cli.Transfer;

namespace Domicile.Cli;

/// <summary>The <c>domicile</c> command: what it knows, and how it answers a call that it does not understand.</summary>
internal static class CommandLine
{
    /// <summary>How long a command may take to end after SIGINT or SIGTERM before the process ends anyway.</summary>
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(8);

    /// <summary>The server bounds its own stop, by <c>limits.drain</c>, which is 5 minutes at most.</summary>
    private static readonly TimeSpan ServerEndsWithin = TimeSpan.FromMinutes(5.5);

    /// <summary>Runs one command.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> Run(string[] args, Terminal terminal, CancellationToken cancel)
    {
        var root = Describe(terminal);
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var swallowed = Swallowed(args, parsed);
        if ((parsed.Errors.Count > 0 || swallowed is not null) && parsed.Action is not { ClearsParseErrors: true })
        {
            Explain(parsed, swallowed, terminal);
            return ExitCode.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = terminal.Output,
                    Error = terminal.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = parsed.CommandResult.Command.Name == ServeCommand.Name ? ServerEndsWithin : EndsWithin,
                },
                cancel);
        }
        catch (CommandFailure failure)
        {
            await terminal.Error.WriteLineAsync($"domicile: {failure.Message}");
            if (failure.ExitCode == ExitCode.Usage)
            {
                PointToHelp(parsed, terminal);
            }

            return failure.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
    }

    /// <summary>Every command, in the order in which help lists them.</summary>
    internal static RootCommand Describe(Terminal terminal)
    {
        var options = new CommonOptions(terminal);
        var root = new RootCommand(
            "Domicile is a communications platform whose data stays in one geography. 'serve' starts it; the other commands administer a running one.")
        {
            ServeCommand.Describe(options, terminal),
            ResourceCommands.Describe(options, terminal),
            IdentityCommands.Describe(options, terminal),
            TokenCommand.Describe(options, terminal),
            InventoryCommand.Describe(options, terminal),
            AuditCommands.Describe(options, terminal),
            SubjectCommands.Describe(options, terminal),
            ReceiptCommands.Describe(terminal),
            ResidencyCommands.Describe(options, terminal),
            RetentionCommands.Describe(options, terminal),
            HoldCommands.Describe(options, terminal),
            EventCommands.Describe(options, terminal),
            LogsCommands.Describe(options, terminal),
            AlertCommands.Describe(options, terminal),
            StoreCommands.Describe(options, terminal),
            BackupCommands.Backup(options, terminal),
            BackupCommands.Restore(options, terminal),
            TransferCommands.Import(options, terminal),
            TransferCommands.Export(options, terminal),
            TestCommands.Describe(options, terminal),
            DoctorCommand.Describe(options, terminal),
            CompletionCommand.Describe(terminal),
        };
        root.HelpName = "domicile";
        foreach (var help in root.Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExamples((HelpAction)help.Action!, terminal);
        }

        return root;
    }

    /// <summary>
    /// An option that there is not, which the parser took for the file or name that the command is about: nobody means a file of that name, and whoever does writes <c>--</c>
    /// before it.
    /// </summary>
    private static string? Swallowed(string[] args, ParseResult parsed) => args.Contains("--")
        ? null
        : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value).FirstOrDefault(value => value.StartsWith("--", StringComparison.Ordinal));

    private static void Explain(ParseResult parsed, string? swallowed, Terminal terminal)
    {
        var command = parsed.CommandResult.Command;
        var path = Path(parsed.CommandResult);
        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0 && swallowed is null)
        {
            terminal.Error.WriteLine($"domicile: What should be done? '{path}' is followed by one of:");
            var table = new Table();
            foreach (var next in command.Subcommands.Where(next => !next.Hidden))
            {
                table.Add($"  {next.Name}", next.Description ?? "");
            }

            table.Write(terminal.Error);
        }
        else
        {
            // Of words that are not understood the first is the one to correct; those after it may well be right.
            if ((swallowed ?? (parsed.UnmatchedTokens is [var first, ..] ? first : null)) is { } wrong)
            {
                var meant = Spelling.Closest(wrong, Words(command));
                terminal.Error.WriteLine(
                    $"domicile: '{path}' does not know '{Table.Clean(wrong)}'."
                    + (meant is not null ? $" Did you mean '{meant}'?"
                        : command.Subcommands.Count > 0 ? $" It is followed by one of: {string.Join(", ", command.Subcommands.Select(next => next.Name))}."
                        : ""));
            }
            else
            {
                foreach (var message in parsed.Errors.Select(error => error.Message).Distinct(StringComparer.Ordinal).Take(5))
                {
                    terminal.Error.WriteLine($"domicile: {message}");
                }
            }
        }

        PointToHelp(parsed, terminal);
    }

    /// <summary>Ends every answer to a wrong call.</summary>
    private static void PointToHelp(ParseResult parsed, Terminal terminal)
    {
        if (parsed.CommandResult.Command is Verb { Examples: [var example, ..] })
        {
            terminal.Error.WriteLine($"Example: {terminal.Program} {example}");
        }

        terminal.Error.WriteLine($"Help:    {terminal.Program}{Path(parsed.CommandResult)["domicile".Length..]} --help");
    }

    /// <summary>The command as typed, from the program's name on.</summary>
    private static string Path(CommandResult result)
    {
        var names = new List<string>();
        for (SymbolResult? step = result; step is CommandResult command; step = step.Parent)
        {
            names.Insert(0, command.Command is RootCommand ? "domicile" : command.Command.Name);
        }

        return string.Join(' ', names);
    }

    private static IEnumerable<string> Words(Command command) =>
        command.Subcommands.Select(next => next.Name).Concat(command.Options.Where(option => !option.Hidden).Select(option => option.Name));
}
