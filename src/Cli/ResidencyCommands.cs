using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile residency</c>: whether everything lies where it must.</summary>
internal static class ResidencyCommands
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("residency", "Where data lies, and under whose keys.", "residency verify --geography Europe")
        {
            Verify(options, terminal),
        };

    private static Verb Verify(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb(
            "verify",
            "Reads every record, key and file of a geography and shows that each opens only where it lies. Ends with 1 when one does not.",
            "residency verify",
            "residency verify --geography Europe --json")
        {
            options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var clients = installation.Clients(parsed.GetValue(options.Geography));
            var checks = new List<VerificationReply>();
            foreach (var client in clients)
            {
                checks.Add(await Run(client, terminal, cancel));
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(checks, AdminJson.Readable.IReadOnlyListVerificationReply);
            }
            else
            {
                checks.ForEach(check => Write(check.Report!, terminal));
            }

            return checks.All(check => check is { State: "Ended", Report.ViolationCount: 0 }) ? ExitCode.Ok : ExitCode.Failure;
        });
        return verb;
    }

    private static async Task<VerificationReply> Run(AdminClient client, Terminal terminal, CancellationToken cancel)
    {
        const string Path = "residency/verification";
        var begun = await client.Post(AdminRoles.ForVerifying, Path, AdminJson.Default.VerificationRequest, new VerificationRequest(), AdminJson.Default.VerificationReply, cancel);
        try
        {
            var check = begun;
            var phase = "";
            while (check.State == "Running")
            {
                if (terminal.Interactive && check.Report is { } report && report.Phase != phase)
                {
                    terminal.Error.WriteLine($"{Table.Clean(client.Geography)}: {Table.Clean(phase = report.Phase)} ...");
                }

                await Task.Delay(Between, terminal.Clock, cancel);
                check = await client.Get(AdminRoles.ForLooking, Path, AdminJson.Default.VerificationReply, cancel);
                if (check.Id != begun.Id)
                {
                    throw new CommandFailure($"The check of {client.Geography} is gone: the server was started again, or somebody else began another. Begin it once more.");
                }
            }

            return check.Report is null ? throw new CommandFailure($"The server at {client.Origin.Authority} ({client.Geography}) lost its check. Begin it once more.") : check;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Whoever does not wait for the answer does not want the reading either.
            await client.Delete(AdminRoles.ForVerifying, Path, CancellationToken.None);
            throw;
        }
    }

    private static void Write(ResidencyReply report, Terminal terminal)
    {
        var output = terminal.Output;
        output.WriteLine($"{Table.Clean(report.Geography)}:");
        var table = new Table("  RECORD", "READ", "OPENED", "EMPTY (ERASED)", "ABOUT TO GO", "VIOLATIONS");
        foreach (var kind in report.Kinds)
        {
            table.Add($"  {Table.Clean(kind.Kind)}", $"{kind.Records}", $"{kind.Opened}", $"{kind.Tombstones}", $"{kind.Shredded}", $"{kind.Violations}");
        }

        table.Write(output);
        output.WriteLine($"  and {report.Keys} wrapped keys, {report.Identifiers} identifiers, {report.Files} files{(report.UnclaimedFiles > 0 ? $" ({report.UnclaimedFiles} that no record names yet)" : "")}.");
        foreach (var violation in report.Violations)
        {
            output.WriteLine($"  VIOLATION {Table.Clean(violation.Kind)} {Table.Clean(violation.Key)}{(violation.Resource is { } resource ? $" of resource {Table.Clean(resource)}" : "")}: {Table.Clean(violation.Fault)}");
        }

        if (report.ViolationCount > report.Violations.Count)
        {
            output.WriteLine($"  and {report.ViolationCount - report.Violations.Count} more violations.");
        }

        output.WriteLine(
            report.Failure is { } failure ? $"  Not finished: {Table.Clean(failure)}"
            : report.ViolationCount > 0 ? $"  {report.ViolationCount} violations."
            : "  Everything that was read opens under this geography's keys, in the place that its seal names.");
        foreach (var limit in report.NotShown)
        {
            output.WriteLine($"  Not shown: {Table.Clean(limit)}");
        }

        output.WriteLine();
    }
}
