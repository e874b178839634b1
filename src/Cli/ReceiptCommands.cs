using System.CommandLine;
using System.Text.Json;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary><c>domicile receipt</c>: checks the receipt of an erasure, without a server.</summary>
internal static class ReceiptCommands
{
    private const int LargestFileBytes = 4 * 1024 * 1024;

    /// <summary>The commands.</summary>
    public static Command Describe(Terminal terminal) => new Verb("receipt", "Receipts of erasures.", "receipt verify ada.receipt") { Verify(terminal) };

    private static Verb Verify(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "A receipt that 'subject erase --receipt' wrote" };
        var key = new Option<string?>("--public-key") { HelpName = "KEY", Description = "The public key of the geography's audit log, known from elsewhere than the file" };
        var verb = new Verb(
            "verify",
            "Checks a receipt without the server: the statement, whom it is about, the entry in the audit log, the signed checkpoint. Ends with 1 when something does not hold.",
            "receipt verify ada.receipt",
            "receipt verify ada.receipt --public-key KEY")
        {
            file, key,
        };
        verb.SetAction((parsed, cancel) =>
        {
            var (receipt, openings) = Read(parsed.GetRequiredValue(file));
            var faults = receipt.Faults().Concat(FaultsOf(receipt, openings)).ToList();
            if (parsed.GetValue(key) is { } given && receipt.Proof is { } proof && given != proof.PublicKey)
            {
                faults.Add("The checkpoint is signed by another key than the one that was given.");
            }

            if (faults.Count == 0)
            {
                Report(receipt, openings, parsed.GetValue(key) is not null, terminal);
                return Task.FromResult(ExitCode.Ok);
            }

            faults.ForEach(fault => terminal.Output.WriteLine($"NOT VALID: {Table.Clean(fault)}"));
            return Task.FromResult(ExitCode.Failure);
        });
        return verb;
    }

    private static (SubjectReceipt Receipt, IReadOnlyList<ReceiptOpening> Openings) Read(string path)
    {
        try
        {
            var bytes = LocalFile.Read(path, () => new FileInfo(path) is { Exists: true, Length: > LargestFileBytes } ? throw new JsonException() : File.ReadAllBytes(path));
            var kept = JsonSerializer.Deserialize(bytes, AdminJson.Default.KeptReceipt);
            return kept is { Receipt.Statement: not null } ? (kept.Receipt, kept.Openings ?? []) : throw new JsonException();
        }
        catch (JsonException)
        {
            throw new CommandFailure($"{path} is no receipt.");
        }
    }

    /// <summary>The identifiers in the file are those that the statement commits to.</summary>
    private static IEnumerable<string> FaultsOf(SubjectReceipt receipt, IReadOnlyList<ReceiptOpening> openings)
    {
        if (Statement(receipt) is not { } statement)
        {
            yield return "The statement cannot be read.";
            yield break;
        }

        foreach (var opening in openings)
        {
            var salt = new byte[AuditLeaf.SaltBytes + 3];
            if (!Convert.TryFromBase64String(opening.Salt, salt, out var length) || length != AuditLeaf.SaltBytes
                || !statement.People.Any(person => person.Type == opening.Type && person.Commitment == SubjectReceipt.CommitmentOf(salt.AsSpan(0, length), opening.Value)))
            {
                yield return $"The statement is not about a {opening.Type} that the file names.";
            }
        }
    }

    private static ErasureStatement? Statement(SubjectReceipt receipt)
    {
        try
        {
            return JsonSerializer.Deserialize(receipt.Statement, AdminJson.Default.ErasureStatement) is { Format: ErasureStatement.FormatName, People: not null, Kinds: not null } statement ? statement : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Report(SubjectReceipt receipt, IReadOnlyList<ReceiptOpening> openings, bool keyIsKnown, Terminal terminal)
    {
        var (statement, output) = (Statement(receipt)!, terminal.Output);
        output.WriteLine($"The receipt holds: {Table.Clean(statement.Geography)} stated on {Print.Time(statement.CompletedOn)} that request {statement.Request} was carried out.");
        output.WriteLine($"  Of {statement.People.Count} identifiers {statement.People.Count(person => person.Found)} were somebody's; {openings.Count} are opened by this file.");
        foreach (var person in statement.People.Where(person => person.KeyFingerprint is not null))
        {
            output.WriteLine($"  Key {Table.Clean(person.KeyFingerprint!)} was destroyed{(person.KeyDestroyedOn is { } on ? $" on {Print.Time(on)}" : "")}.");
        }

        foreach (var kind in statement.Kinds)
        {
            output.WriteLine($"  {kind.Records} {Table.Clean(kind.Kind)}: {Table.Clean(kind.Rule)}");
        }

        foreach (var remaining in statement.Remains)
        {
            output.WriteLine($"  Remains: {Table.Clean(remaining.What)}. {Table.Clean(remaining.Why)}");
        }

        output.WriteLine($"  Unreadable from {Print.Time(statement.UnreadableOn)}; in every copy of the keys that is made after {Print.Time(statement.UnreadableInNewCopiesOn)}.");
        foreach (var limit in statement.Limits)
        {
            output.WriteLine($"  {Table.Clean(limit)}");
        }

        output.WriteLine($"  Entry {receipt.Proof!.Index} of the audit log, under a checkpoint of {receipt.Proof.Size} entries signed by {Table.Clean(receipt.Proof.PublicKey)}");
        if (!keyIsKnown)
        {
            output.WriteLine("  Compare that key with one that you know from elsewhere, or give it with --public-key.");
        }
    }
}
