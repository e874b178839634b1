using System.CommandLine;
using System.Security.Cryptography.X509Certificates;
using Domicile.Cli.Doctor;

namespace Domicile.Cli;

/// <summary><c>domicile doctor</c>: looks at the machine and says what to do. Changes nothing.</summary>
internal static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var port = CommonOptions.Number("--port", "BASE", "Look at the ports from here on instead of those that the data directory remembers", 0, 65535);
        var verb = new Verb(
            "doctor",
            "Looks at ports, clock, disk, certificates, native libraries, core dumps, swap and limits, and says what to do. Ends with 1 when something failed.",
            "doctor",
            "doctor --data /var/lib/domicile --json")
        {
            options.Data, port, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var directory = DataDirectory.Find(parsed.GetValue(options.Data), terminal);
            var findings = await Look(directory, parsed.GetValue(port), new Machine(), terminal, cancel);
            var warnings = findings.Count(finding => finding.Result == Verdict.Warning);
            var failed = findings.Count(finding => finding.Result == Verdict.Failed);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(new DoctorReply(directory.Path, findings, warnings, failed), AdminJson.Readable.DoctorReply);
            }
            else
            {
                Write(findings, warnings, failed, terminal);
            }

            return failed > 0 ? ExitCode.Failure : ExitCode.Ok;
        });
        return verb;
    }

    /// <summary>Every check, in the order in which it is shown.</summary>
    internal static async Task<IReadOnlyList<Finding>> Look(
        DataDirectory directory, int? basePort, Machine machine, Terminal terminal, CancellationToken cancel)
    {
        var (file, authorities, installation) = Credential(directory);
        return
        [
            .. installation,
            .. await PortsCheck.Look(directory, file, authorities, basePort, cancel),
            .. await ClockCheck.Look(machine, directory, terminal.Clock, cancel),
            .. DiskCheck.Look(machine, directory),
            .. await CertificatesCheck.Look(directory, file, authorities, terminal, cancel),
            .. NativeLibrariesCheck.Look(),
            .. CoreDumpsCheck.Look(machine, terminal.Variable),
            .. SwapCheck.Look(machine),
            .. FileLimitsCheck.Look(machine),
        ];
    }

    private static (AdminFile? File, X509Certificate2Collection? Authorities, IReadOnlyList<Finding> Findings) Credential(DataDirectory directory)
    {
        const string Name = "credential";
        if (!File.Exists(directory.AdminFile))
        {
            return (null, null, [Finding.Ok(Name, $"No server has been started in {directory.Path} yet.")]);
        }

        try
        {
            var file = Installation.Read(directory);
            return (file, Installation.Authorities(directory, file), []);
        }
        catch (CommandFailure failure)
        {
            return (null, null, [Finding.Failed(Name, failure.Message, "Until then nothing can be administered from here.")]);
        }
    }

    private static void Write(IReadOnlyList<Finding> findings, int warnings, int failed, Terminal terminal)
    {
        var width = findings.Max(finding => finding.Name.Length);
        foreach (var finding in findings)
        {
            var word = finding.Result switch { Verdict.Ok => "ok", Verdict.Warning => "warning", _ => "FAILED" };
            terminal.Output.WriteLine($"{word,-7}  {finding.Name.PadRight(width)}  {finding.Says}");
            if (finding.Action is { } action)
            {
                terminal.Output.WriteLine($"{"",-7}  {"".PadRight(width)}  -> {action}");
            }
        }

        terminal.Output.WriteLine();
        terminal.Output.WriteLine($"{findings.Count - warnings - failed} ok, {warnings} to look at, {failed} failed.");
    }
}
