using System.Globalization;
using System.Text;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// Which keys were destroyed and when, kept outside both databases: key ids and dates, nothing else. A restore of either database replays it before it
/// serves, so that a backup brings no one back. A line is durable before its key is destroyed.
/// </summary>
internal sealed class ErasureLedger : IDisposable
{
    private readonly Lock _lock = new();
    private readonly FileStream _file;

    private ErasureLedger(FileStream file, IReadOnlyList<LedgerFile> files)
    {
        _file = file;
        Files = files;
    }

    /// <summary>What each file held as the ledger was opened.</summary>
    public IReadOnlyList<LedgerFile> Files { get; }

    /// <summary>The keys that were destroyed according to the ledger as it was opened.</summary>
    public IReadOnlyList<KeyName> Entries => [.. Files.SelectMany(file => file.Lines).Select(line => line.Name)];

    /// <summary>Opens the ledger that one node writes.</summary>
    public static ErasureLedger Open(string path)
    {
        var (lines, whole) = Read(path);
        return new ErasureLedger(Append(path, whole), [new LedgerFile(Path.GetFileName(path), lines)]);
    }

    /// <summary>
    /// Opens the ledger of several nodes: a directory that they share, in which each has a file of its own. So no node waits for another, and ledgers that
    /// could not be shared are brought together by copying files.
    /// </summary>
    /// <param name="directory">The directory, made when it is not there.</param>
    /// <param name="node">A name that no other node has, ever; its data directory is locked by it, so that no other process writes as this node.</param>
    /// <exception cref="InvalidDataException">A file of any node is damaged.</exception>
    /// <exception cref="IOException">The directory cannot be reached.</exception>
    public static ErasureLedger OpenShared(string directory, string node)
    {
        SecretFile.CreateDirectory(directory);
        var own = Path.Combine(directory, node + ".ledger");
        var file = Append(own, Read(own).Whole);
        try
        {
            return new ErasureLedger(file, [.. Directory.EnumerateFiles(directory, "*.ledger").Order(StringComparer.Ordinal).Select(path => new LedgerFile(Path.GetFileName(path), Read(path).Lines))]);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static FileStream Append(string path, long whole)
    {
        var file = SecretFile.Open(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        file.SetLength(whole);
        file.Seek(0, SeekOrigin.End);
        return file;
    }

    private static (List<LedgerLine> Lines, long Whole) Read(string path)
    {
        if (!File.Exists(path))
        {
            return ([], 0);
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();

        // A line without its end was cut off by a crash, or is being written: its key was not destroyed yet, or will be again.
        var end = text.LastIndexOf('\n') + 1;
        return ([.. text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)], Encoding.UTF8.GetByteCount(text.AsSpan(0, end)));
    }

    /// <summary>Writes keys down, durably.</summary>
    public void Add(IEnumerable<KeyName> names, DateTimeOffset at)
    {
        var lines = string.Concat(names.Select(name => $"{at.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ} {name.Scope} {name.Id:x16}\n"));
        lock (_lock)
        {
            _file.Write(Encoding.UTF8.GetBytes(lines));
            _file.Flush(flushToDisk: true);
        }
    }

    public void Dispose() => _file.Dispose();

    private static LedgerLine Parse(string line)
    {
        var parts = line.Split(' ');
        return parts.Length == 3
            && DateTimeOffset.TryParseExact(parts[0], "yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && long.TryParse(parts[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id)
            ? new LedgerLine(new KeyName(parts[1], id), at)
            : throw new InvalidDataException("The erasure ledger is damaged. Put it back from where it is kept; without it a restore could bring erased people back.");
    }
}

/// <summary>A file of the erasure ledger, as it was read.</summary>
/// <param name="Name">The file's name; no other file ever has it.</param>
/// <param name="Lines">Its lines; it only ever grows at its end.</param>
internal sealed record LedgerFile(string Name, IReadOnlyList<LedgerLine> Lines);

/// <summary>A key that was destroyed, and when.</summary>
internal readonly record struct LedgerLine(KeyName Name, DateTimeOffset At);
