using System.CommandLine;
using System.Text.Json;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary><c>domicile audit</c>: takes a geography's audit log home, and checks it without the server.</summary>
internal static class AuditCommands
{
    private const int HeldMax = 100;

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("audit", "The audit log of a geography: export it, check an export offline, keep checkpoints of it.", "audit export europe.jsonl --geography Europe")
        {
            Export(options, terminal),
            Verify(terminal),
            Checkpoint(options, terminal),
        };

    private static Verb Export(CommonOptions options, Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "The file to write: JSON lines" };
        var store = Store();
        var closed = new Option<bool>("--closed") { Description = "Leave out who and what; a reader may export that much" };
        var verb = new Verb(
            "export",
            "Writes the log up to a fresh checkpoint. That its entries were opened becomes an entry itself.",
            "audit export europe.jsonl --geography Europe")
        {
            file, closed, store, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var client = installation.Client(parsed.GetValue(options.Geography), "Each geography has a log of its own.");
            var role = parsed.GetValue(closed) ? AdminRoles.ForLooking : AdminRoles.ForAudit;
            var which = StoreQuery(parsed.GetValue(store));
            var log = await Fresh(client, role, which, cancel);
            var path = parsed.GetRequiredValue(file);
            var written = 0L;
            await LocalFile.Write(path, async () =>
            {
                // Who acted is in it: the file is its owner's alone.
                await using var stream = SecretFile.Open(path, FileMode.Create, FileAccess.Write, FileShare.None);
                await using var output = new StreamWriter(stream);
                var head = new AuditHead(AuditExport.Format, log.Geography, log.Origin, log.BeganOn, log.Size, log.PublicKey, log.Witnesses, log.Checkpoint!);
                await output.WriteLineAsync(JsonSerializer.Serialize(head, AuditLines.Default.AuditHead));
                var route = parsed.GetValue(closed) ? "entries" : "openedEntries";
                await foreach (var entry in client.List(role, $"audit/{route}?log={log.Number}&to={log.Size}{which}", AdminJson.Default.PageJsonElement, cancel))
                {
                    await output.WriteLineAsync(JsonSerializer.Serialize(entry, AuditLines.Default.JsonElement));
                    written++;
                }
            });
            terminal.Output.WriteLine($"{written} entries of {Table.Clean(log.Geography)} are in {path}. Check them with: {terminal.Program} audit verify {path}");
        });
        return verb;
    }

    private static Verb Verify(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "An exported log" };
        var held = new Option<string[]>("--checkpoint") { HelpName = "FILE", Description = "A checkpoint that was kept earlier; can be given several times" };
        var key = new Option<string?>("--public-key") { HelpName = "KEY", Description = "The log's public key, known from elsewhere than the file" };
        var verb = new Verb(
            "verify",
            "Checks an exported log without the server: that no entry was changed, removed or moved, and, against checkpoints that you kept, that its end was not cut off.",
            "audit verify europe.jsonl",
            "audit verify europe.jsonl --checkpoint europe.checkpoint")
        {
            file, held, key,
        };
        verb.SetAction((parsed, cancel) =>
        {
            NoteKey? given = null;
            if (parsed.GetValue(key) is { } text && !NoteKey.TryParse(text, out given))
            {
                throw CommandFailure.Usage("--public-key takes a key as GET /audit/log gives it: name+id+base64.");
            }

            var checkpoints = parsed.GetValue(held) ?? [];
            if (checkpoints.Length > HeldMax)
            {
                throw CommandFailure.Usage($"At most {HeldMax} checkpoints are compared at once.");
            }

            var path = parsed.GetRequiredValue(file);
            var export = LocalFile.Read(path, () =>
            {
                using var reader = new StreamReader(path);
                return AuditExport.Verify(reader, [.. checkpoints.Select(each => LocalFile.Read(each, () => CheckpointText(each)))], given);
            });
            Report(export, checkpoints.Length, terminal);
            return Task.FromResult(export.Faults.Count == 0 ? ExitCode.Ok : ExitCode.Failure);
        });
        return verb;
    }

    private static Verb Checkpoint(CommonOptions options, Terminal terminal)
    {
        var file = new Argument<string?>("FILE") { Description = "Where to keep it; printed without one", Arity = ArgumentArity.ZeroOrOne };
        var store = Store();
        var verb = new Verb(
            "checkpoint",
            "Has the log sign how far it has come. Whoever keeps the checkpoint can tell later that nothing before it was changed or cut off.",
            "audit checkpoint europe.checkpoint --geography Europe")
        {
            file, store, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var client = installation.Client(parsed.GetValue(options.Geography), "Each geography has a log of its own.");
            var log = await Fresh(client, AdminRoles.ForLooking, StoreQuery(parsed.GetValue(store)), cancel);
            if (parsed.GetValue(file) is not { } path)
            {
                terminal.Output.Write(log.Checkpoint);
                return;
            }

            await LocalFile.Write(path, () => File.WriteAllTextAsync(path, log.Checkpoint, cancel));
            terminal.Output.WriteLine($"The checkpoint of {log.Size} entries of {Table.Clean(log.Geography)} is in {path}; {log.Witnessed}.");
        });
        return verb;
    }

    private static void Report(AuditExport export, int held, Terminal terminal)
    {
        foreach (var fault in export.Faults)
        {
            terminal.Output.WriteLine($"WRONG: {Table.Clean(fault)}");
        }

        if (export.Checkpoint is { } checkpoint)
        {
            var table = new Table();
            table.Add("Log", checkpoint.Origin);
            table.Add("Checkpoint", $"{checkpoint.Size} entries, {Print.Time(checkpoint.SignedOn)}");
            if (checkpoint.Continues is { } before)
            {
                table.Add("Continues", $"{before.Origin} after {before.Size} entries");
            }

            table.Add("Entries", $"{export.Entries}, {export.Opened} opened{string.Concat(export.Withheld.OrderBy(why => why.Key, StringComparer.Ordinal).Select(why => $", {why.Value} {why.Key}"))}");
            table.Add("Witnessed", export.Witnessed == "self-witnessed" ? "self-witnessed: the witness is run by the same operator" : export.Witnessed);
            table.Add("Held checkpoints", held == 0 ? "none: a log that was made anew from its beginning would not be noticed" : $"{held}");
            table.Add("Key", export.IsKeyFromFile ? "as in the file; compare it with one from elsewhere (--public-key)" : "as given");
            table.Write(terminal.Output);
        }

        terminal.Output.WriteLine(export.Faults.Count == 0 ? "The log is what its checkpoints say." : "The log is NOT what its checkpoints say.");
    }

    private static string CheckpointText(string path)
    {
        using var reader = new StreamReader(path);
        var text = new char[SignedNote.CharactersMax + 1];
        return new string(text, 0, reader.ReadBlock(text));
    }

    private static Option<string?> Store() => new("--store") { HelpName = "NAME", Description = "The store, where the geography has several: each has a log of its own. Without it, the first" };

    private static string StoreQuery(string? store) => store is null ? "" : $"&store={Uri.EscapeDataString(store)}";

    /// <summary>Has the log sign a checkpoint now.</summary>
    internal static async Task<AuditLogReply> Fresh(AdminClient client, string role, string which, CancellationToken cancel)
    {
        var log = await client.Post(role, which.Length == 0 ? "audit/checkpoints" : $"audit/checkpoints?{which[1..]}", AdminJson.Default.JsonElement, JsonElement.Parse("{}"), AdminJson.Default.AuditLogReply, cancel);
        return log.Checkpoint is not null ? log : throw new CommandFailure($"The audit log of {Table.Clean(log.Geography)} has no entries yet.");
    }
}
