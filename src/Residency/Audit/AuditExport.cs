using System.Globalization;
using System.Text.Json;

namespace Domicile.Residency;

/// <summary>
/// Checks an exported log with nothing but the file, checkpoints that somebody else held, and a public key. The file is JSON lines: what the log is, with its
/// checkpoint, then the entries in order. It is read once, in memory that does not grow with it.
/// </summary>
public sealed class AuditExport
{
    /// <summary>The format's name, in the first line.</summary>
    public const string Format = "domicile-audit/1";

    private const int FaultsMax = 20;
    private const int LineCharactersMax = 256 * 1024;
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
    private readonly List<string> _faults = [];
    private readonly Dictionary<string, long> _withheld = new(StringComparer.Ordinal);
    private readonly MerkleEdge _edge = new();
    private readonly SortedDictionary<long, List<(byte[] Root, string Whose)>> _expected = [];

    private AuditExport()
    {
    }

    /// <summary>Everything that is wrong, the first twenty; none when the log is what its checkpoints say.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Entries that were read.</summary>
    public long Entries => _edge.Size;

    /// <summary>Entries whose content is there and is what was committed to.</summary>
    public long Opened { get; private set; }

    /// <summary>Entries without a content, by why.</summary>
    public IReadOnlyDictionary<string, long> Withheld => _withheld;

    /// <summary>The checkpoint of the file.</summary>
    public AuditCheckpoint? Checkpoint { get; private set; }

    /// <summary>Whether the key that checked it came from the file itself, which whoever changes the file changes too.</summary>
    public bool IsKeyFromFile { get; private set; }

    /// <summary><c>self-witnessed</c>, or <c>unwitnessed since</c> an instant.</summary>
    public string Witnessed { get; private set; } = "unwitnessed";

    /// <summary>Checks a file.</summary>
    /// <param name="file">The exported log.</param>
    /// <param name="held">Checkpoints that somebody kept, as they were given: signed notes.</param>
    /// <param name="key">The log's public key, from elsewhere than the file; null to take the one in the file.</param>
    public static AuditExport Verify(TextReader file, IEnumerable<string> held, NoteKey? key)
    {
        var export = new AuditExport();
        if (export.ReadHead(file, key) is { } trusted)
        {
            foreach (var note in held)
            {
                export.Expect(note, trusted);
            }

            export.ReadEntries(file);
            export.Compare();
        }

        return export;
    }

    private NoteKey? ReadHead(TextReader file, NoteKey? given)
    {
        if (Parse(file.ReadLine(), "The first line") is not { } head)
        {
            return null;
        }

        if (Text(head, "format") != Format)
        {
            Fault($"The file does not begin with a line that says it is {Format}.");
            return null;
        }

        if (given is null && !NoteKey.TryParse(Text(head, "publicKey") ?? "", out given))
        {
            Fault("The file has no public key, and none was given.");
            return null;
        }

        IsKeyFromFile = given.ToString() == Text(head, "publicKey");
        if (!SignedNote.TryParse(Text(head, "checkpoint") ?? "", out var note) || !AuditCheckpoint.TryParse(note.Text, out var checkpoint))
        {
            Fault("The file has no checkpoint that can be read.");
            return null;
        }

        if (!given.HasSigned(note))
        {
            Fault("The checkpoint of the file is not signed by the key of the log.");
            return null;
        }

        Checkpoint = checkpoint;
        Expect(checkpoint, "the checkpoint of the file");
        Witnessed = IsWitnessed(head, note) ? "self-witnessed" : $"unwitnessed since {Text(head, "beganOn") ?? "its beginning"}";
        return given;
    }

    private void Expect(string held, NoteKey key)
    {
        if (!SignedNote.TryParse(held, out var note) || !AuditCheckpoint.TryParse(note.Text, out var checkpoint))
        {
            Fault("A checkpoint that was given cannot be read.");
        }
        else if (checkpoint.Origin != Checkpoint!.Origin)
        {
            ExpectBefore(checkpoint);
        }
        else if (!key.HasSigned(note))
        {
            Fault($"The checkpoint of {checkpoint.Size} entries that was given is not signed by the key of the log.");
        }
        else
        {
            Expect(checkpoint, $"the checkpoint of {checkpoint.SignedOn.UtcDateTime:u} that was given");
        }
    }

    private void ExpectBefore(AuditCheckpoint held)
    {
        if (Checkpoint!.Continues is not { } before || before.Origin != held.Origin)
        {
            Fault($"The checkpoint that was given is of another log, {held.Origin}, which this one does not continue.");
        }
        else if (before.Size < held.Size)
        {
            Fault($"This log continues {held.Origin} after {before.Size} entries, but it had {held.Size}: the rest was lost or cut off.");
        }
    }

    private void Expect(AuditCheckpoint checkpoint, string whose)
    {
        if (!_expected.TryGetValue(checkpoint.Size, out var roots))
        {
            _expected.Add(checkpoint.Size, roots = []);
        }

        roots.Add((checkpoint.Root, whose));
        if (checkpoint.Size == 0)
        {
            Compare(0);
        }
    }

    private void ReadEntries(TextReader file)
    {
        while (file.ReadLine() is { } line)
        {
            if (Parse(line, $"Line {Entries + 2}") is not { } entry)
            {
                return;
            }

            if (ReadEntry(entry) is not { } leaf)
            {
                return;
            }

            _edge.Append(leaf);
            Compare(_edge.Size);
        }
    }

    private byte[]? ReadEntry(JsonElement entry)
    {
        var index = Entries;
        if (!entry.TryGetProperty("index", out var number) || !number.TryGetInt64(out var said) || said != index)
        {
            Fault($"Where entry {index} should be is another one: an entry was removed, added or moved.");
            return null;
        }

        if (Bytes(entry, "leaf", MerkleHash.Bytes) is not { } leaf)
        {
            Fault($"Entry {index} has no hash.");
            return null;
        }

        if (!entry.TryGetProperty("commitment", out _))
        {
            Count("expired");
            return leaf;
        }

        if (Bytes(entry, "commitment", MerkleHash.Bytes) is not { } commitment
            || !entry.TryGetProperty("actNumber", out var actNumber) || !actNumber.TryGetInt32(out var act)
            || !DateTimeOffset.TryParseExact(Text(entry, "at"), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at))
        {
            Fault($"Entry {index} cannot be read.");
            return leaf;
        }

        if (!new AuditLeaf(at, act, commitment).Hash().AsSpan().SequenceEqual(leaf) || Text(entry, "act") != AuditedAct.NameOf(act))
        {
            Fault($"Entry {index} was changed: its instant, act and commitment are not those of its hash.");
        }

        if (Text(entry, "content") is not { } content)
        {
            Count(Text(entry, "withheld") is ("erased" or "closed" or "digest") and var why ? why : "withheld");
        }
        else if (Bytes(entry, "salt", AuditLeaf.SaltBytes) is not { } salt || !AuditLeaf.Commit(salt, content).AsSpan().SequenceEqual(commitment))
        {
            Fault($"Entry {index} was changed: its content is not what was committed to.");
        }
        else
        {
            Opened++;
        }

        return leaf;
    }

    private void Compare(long size)
    {
        if (_expected.Remove(size, out var roots))
        {
            foreach (var (root, whose) in roots.Where(expected => !expected.Root.AsSpan().SequenceEqual(_edge.Root)))
            {
                Fault($"The first {size} entries are not those of {whose}: one was changed, removed, added or moved.");
            }
        }
    }

    private void Compare()
    {
        foreach (var (size, roots) in _expected)
        {
            foreach (var (_, whose) in roots)
            {
                Fault($"There are {Entries} entries, and {size} in {whose}: the end was cut off.");
            }
        }

        if (_expected.Count == 0 && Entries > Checkpoint!.Size)
        {
            Fault($"There are {Entries} entries, of which the checkpoint of the file covers {Checkpoint.Size}.");
        }
    }

    private static bool IsWitnessed(JsonElement head, SignedNote note) =>
        head.TryGetProperty("witnesses", out var witnesses)
        && witnesses.ValueKind == JsonValueKind.Array
        && witnesses.EnumerateArray().Any(witness => NoteKey.TryParse(Text(witness, "publicKey") ?? "", out var key) && key.HasSigned(note));

    private JsonElement? Parse(string? line, string which)
    {
        try
        {
            if (line is { Length: > 0 and <= LineCharactersMax } && JsonElement.Parse(line) is { ValueKind: JsonValueKind.Object } read)
            {
                return read;
            }
        }
        catch (JsonException)
        {
            // Said below, in the same words as for any other line that is no entry.
        }

        Fault($"{which} is not a JSON object.");
        return null;
    }

    private void Count(string why) => _withheld[why] = _withheld.GetValueOrDefault(why) + 1;

    private void Fault(string fault)
    {
        if (_faults.Count < FaultsMax)
        {
            _faults.Add(fault);
        }
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[]? Bytes(JsonElement json, string name, int length)
    {
        var bytes = new byte[length + 3];
        return Convert.TryFromBase64String(Text(json, name) ?? "", bytes, out var written) && written == length ? bytes[..length] : null;
    }
}
