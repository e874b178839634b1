using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Domicile.Modules.Http;
using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary><c>domicile import</c> and <c>domicile export</c>: a whole resource, moved in or out, and compared.</summary>
internal static class TransferCommands
{
    /// <summary>Where the connection string of the source is looked for: on a command line everyone on the machine could read it.</summary>
    private const string ConnectionStringVariable = "ACS_CONNECTION_STRING";

    private const string Reason = "reconciliation of an import";

    /// <summary>The import commands.</summary>
    public static Command Import(CommonOptions options, Terminal terminal) =>
        new Verb(
            "import",
            "Moves users, threads and messages into a resource, with their ids, times, versions and order, and compares both sides afterwards.",
            "import acs --users users.csv --resource shop",
            "import file shop.jsonl --resource shop")
        {
            ImportAcs(options, terminal),
            ImportFile(options, terminal),
        };

    /// <summary>The export command.</summary>
    public static Command Export(CommonOptions options, Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "The transfer file to write; it must not be there yet. See docs/transfer.schema.json" };
        var resource = ResourceOption();
        var reason = new Option<string>("--reason") { HelpName = "TEXT", Description = "Why everything is read; it is written into the audit log", Required = true };
        var verb = new Verb(
            "export",
            "Writes every user, thread and message of a resource into a transfer file, from which 'import file' makes the same resource elsewhere.",
            "export shop.jsonl --resource shop --reason 'moving to another operator'")
        {
            file, resource, reason, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var target = await TargetOf(parsed, options, resource, installation, terminal, cancel);
            var because = parsed.GetRequiredValue(reason);
            await using var writer = new TransferFileWriter(System.IO.Path.GetFullPath(parsed.GetRequiredValue(file)));
            await writer.Write(new TransferLine { Head = new TransferHead(TransferFile.Format, Guid.Parse(target.Resource.Id), "domicile", terminal.Clock.GetUtcNow()) }, cancel);
            await foreach (var user in target.Identities(cancel))
            {
                await writer.Write(new TransferLine { User = new TransferUser(user.Id, user.CreatedOn) }, cancel);
            }

            await foreach (var thread in target.Threads(because, cancel))
            {
                await writer.Write(new TransferLine { Thread = thread }, cancel);
                await foreach (var message in target.Messages(because, thread.Id, cancel))
                {
                    await writer.Write(new TransferLine { Message = message }, cancel);
                }
            }

            var end = await writer.Complete(cancel);
            terminal.Output.WriteLine($"Wrote {end.Users} users, {end.Threads} threads and {end.Messages} messages. The file holds everything in the clear, readable by you alone: keep it as you would the database.");
        });
        return verb;
    }

    private static Verb ImportAcs(CommonOptions options, Terminal terminal)
    {
        var file = new Option<string?>("--connection-string-file")
        {
            HelpName = "FILE",
            Description = $"A file with the connection string of the ACS resource. Default: the variable {ConnectionStringVariable}. It is never taken from the command line, where others could read it",
        };
        var users = new Option<string>("--users") { HelpName = "FILE|-", Description = "The ids of the users, because ACS lists none: one a line, CSV or JSON lines; - for standard input", Required = true };
        var threads = new Option<string?>("--threads") { HelpName = "FILE", Description = "Ids of threads that no user lists any more, in the same forms" };
        var authority = new Option<string?>("--certificate-authority") { HelpName = "FILE", Description = "The only certificate authority to trust for the source. Default: those of the system" };
        var own = new RunOptions("./import-RESOURCE");
        var verb = new Verb(
            "acs",
            "Moves a whole ACS resource in. It can be stopped and run again at any time: it goes on where it was, and a later run brings what is new since.",
            "import acs --users users.csv --resource shop --dry-run",
            "import acs --users users.csv --resource shop",
            "import acs --connection-string-file acs.txt --users - --threads threads.txt --resource shop --at-once 8")
        {
            file, users, threads, authority,
        };
        own.AddTo(verb, options);
        verb.SetAction(async (parsed, cancel) =>
        {
            var (endpoint, key) = ReadConnectionString(parsed.GetValue(file), terminal);
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var target = await TargetOf(parsed, options, own.Resource, installation, terminal, cancel);
            var ids = await IdList.Read(parsed.GetRequiredValue(users), "8:acs:", terminal, cancel);
            var more = parsed.GetValue(threads) is { } list ? await IdList.Read(list, "19:", terminal, cancel) : [];
            var id = Guid.Parse(target.Resource.Id);
            CheckIds(ids, id, target.Resource, terminal);
            using var client = new AcsClient(endpoint, key, parsed.GetValue(authority) is { } path ? Authorities(path) : null, terminal.Clock);
            var limits = own.Limits(parsed);
            using var source = new AcsSource(client, id, ids, more, limits);
            return await Run(parsed, own, source, endpoint.Authority, target, () => client.Throttled, terminal, cancel);
        });
        return verb;
    }

    private static Verb ImportFile(CommonOptions options, Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "The transfer file. See docs/transfer.schema.json" };
        var own = new RunOptions("./import-RESOURCE");
        var verb = new Verb("file", "Moves in what is in a transfer file. It can be stopped and run again at any time.", "import file shop.jsonl --resource shop", "import file shop.jsonl --resource shop --dry-run")
        {
            file,
        };
        own.AddTo(verb, options);
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var target = await TargetOf(parsed, options, own.Resource, installation, terminal, cancel);
            var path = System.IO.Path.GetFullPath(parsed.GetRequiredValue(file));
            using var source = await TransferFile.Open(path, own.Limits(parsed), cancel);
            if (source.Resource != Guid.Parse(target.Resource.Id))
            {
                throw WrongResource(source.Resource, target.Resource, terminal);
            }

            return await Run(parsed, own, source, path, target, () => 0, terminal, cancel);
        });
        return verb;
    }

    private static async Task<int> Run(
        ParseResult parsed, RunOptions own, ITransferSource source, string name, TransferTarget target, Func<int> throttled, Terminal terminal, CancellationToken cancel)
    {
        var limits = own.Limits(parsed);
        if (parsed.GetValue(own.DryRun))
        {
            DryRun counted;
            await using (var progress = new Progress(terminal, throttled, () => source.ThreadCount))
            {
                using var run = new ImportRun(source, target, null, limits, progress);
                counted = await run.Count(cancel);
            }

            terminal.Output.WriteLine($"{counted.Users} users, {counted.Threads} threads, {counted.Messages} messages would be moved. Nothing was written.");
            if (counted.PhoneNumbers > 0)
            {
                terminal.Output.WriteLine($"{counted.PhoneNumbers} telephone numbers stay where they are: only a carrier can move them.");
            }

            WriteLines(terminal.Error, counted.Unreadable);
            return counted.Unreadable.Count == 0 ? ExitCode.Ok : ExitCode.Failure;
        }

        var directory = System.IO.Path.GetFullPath(parsed.GetValue(own.State) ?? $"import-{target.Resource.Name}");
        using var state = RunState.Open(directory, name, $"{target.Resource.Geography}/{target.Resource.Id}");
        if (state.Continues)
        {
            terminal.Error.WriteLine($"domicile: Going on where the last run was interrupted: {state.Threads.Count} threads are done.");
        }

        Report report;
        await using (var progress = new Progress(terminal, throttled, () => source.ThreadCount))
        {
            using var run = new ImportRun(source, target, state, limits, progress);
            await run.Move(parsed.GetValue(own.IdleDays) ?? 0, cancel);
            report = await run.Compare(Reason, terminal.Clock.GetUtcNow(), cancel);
        }

        report.Write(directory);
        state.Finish(name, $"{target.Resource.Geography}/{target.Resource.Id}");
        var (written, changed) = (state.Threads.Sum(thread => thread.Written), state.Threads.Sum(thread => thread.Changed));
        terminal.Output.WriteLine($"Moved {written} messages that were not here, and changed {changed} that were.");
        terminal.Output.WriteLine(report.Verdict);
        terminal.Output.WriteLine($"The report: {System.IO.Path.Combine(directory, "report.html")} (and report.json).");
        WriteLines(terminal.Error, report.Notes);
        return report.IsSame ? ExitCode.Ok : ExitCode.Failure;
    }

    private static void WriteLines(TextWriter output, IReadOnlyList<string> lines)
    {
        const int most = 20;
        foreach (var line in lines.Take(most))
        {
            output.WriteLine(Table.Clean(line));
        }

        if (lines.Count > most)
        {
            output.WriteLine($"… and {lines.Count - most} more.");
        }
    }

    private static async Task<TransferTarget> TargetOf(
        ParseResult parsed, CommonOptions options, Option<string> resource, Installation installation, Terminal terminal, CancellationToken cancel)
    {
        var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
        return new TransferTarget(client, found, terminal.Clock);
    }

    private static (Uri Endpoint, byte[] Key) ReadConnectionString(string? file, Terminal terminal)
    {
        string? text;
        try
        {
            text = file is not null ? File.ReadAllText(file) : terminal.Variable(ConnectionStringVariable);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"The connection string cannot be read from {file}: {failure.Message}");
        }

        return text is null or { Length: 0 }
            ? throw CommandFailure.Usage($"Where is the source? Put its connection string into the variable {ConnectionStringVariable}, or into a file and name it with --connection-string-file.")
            : AcsClient.ReadConnectionString(text)
                ?? throw CommandFailure.Usage("The connection string of the source is not of the form endpoint=https://NAME.communication.azure.com/;accesskey=BASE64, as the portal of ACS shows it under Keys.");
    }

    private static void CheckIds(IReadOnlyList<string> users, Guid resource, ResourceReply target, Terminal terminal)
    {
        if (users.Count == 0)
        {
            throw CommandFailure.Usage("The list of users is empty.");
        }

        // Everything hangs on it: user ids contain the id of their resource.
        if (users.FirstOrDefault(user => !CommunicationIdentifier.IsUserOf(resource, user)) is { } other)
        {
            throw other.Length > 43 && Guid.TryParseExact(other.AsSpan(6, 36), "D", out var named)
                ? WrongResource(named, target, terminal)
                : CommandFailure.Usage($"'{Table.Clean(other)}' is not the id of a communication user: 8:acs:RESOURCE_USER.");
        }
    }

    private static CommandFailure WrongResource(Guid source, ResourceReply target, Terminal terminal) => CommandFailure.Usage(
        $"The users are of the resource {source:D}, and '{Table.Clean(target.Name)}' is {target.Id}: their ids would not stay valid. "
        + $"Create one with that id: {terminal.Program} resource create NAME --geography {Terminal.Quote(target.Geography)} --id {source:D}");

    private static X509Certificate2Collection Authorities(string path)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw CommandFailure.Usage($"The certificate authority {path} cannot be read: {failure.Message}");
        }

        return authorities.Count > 0 ? authorities : throw CommandFailure.Usage($"{path} holds no certificate.");
    }

    private static Option<string> ResourceOption() => new("--resource") { HelpName = "NAME|ID", Description = "The resource's name or id", Required = true };

    /// <summary>What every import takes.</summary>
    private sealed class RunOptions(string defaultState)
    {
        public Option<string> Resource { get; } = ResourceOption();

        public Option<string?> State { get; } = new("--state") { HelpName = "DIR", Description = $"Where the run remembers how far it is, and writes its report. Default: {defaultState}" };

        public Option<bool> DryRun { get; } = new("--dry-run") { Description = "Read and count everything, and write nothing" };

        public Option<int?> AtOnce { get; } = CommonOptions.Number("--at-once", "N", "Threads that are moved at the same time. Default: 4", 1, 32);

        public Option<int?> LargestThread { get; } = CommonOptions.Number("--largest-thread", "N", "Messages of one thread that are held in memory at most. Default: 250000", 1, 10_000_000);

        public Option<int?> IdleDays { get; } = CommonOptions.Number(
            "--idle-threads-days", "N", "Days without a message or a change of members after which threads of the resource are deleted. Default: 0, never, because what is moved in is often older than any such rule", 0, 3650);

        public void AddTo(Verb verb, CommonOptions options)
        {
            foreach (var option in (Option[])[Resource, options.Geography, State, DryRun, AtOnce, LargestThread, IdleDays, options.Data])
            {
                verb.Add(option);
            }
        }

        public TransferLimitsOfRun Limits(ParseResult parsed)
        {
            var usual = new TransferLimitsOfRun();
            return new TransferLimitsOfRun(parsed.GetValue(AtOnce) ?? usual.AtOnce, parsed.GetValue(LargestThread) ?? usual.MessagesInThread);
        }
    }
}
