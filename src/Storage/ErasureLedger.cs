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

    private ErasureLedger(FileStream file, IReadOnlyList<KeyName> entries)
    {
        _file = file;
        Entries = entries;
    }

    /// <summary>The keys that were destroyed according to the ledger as it was opened.</summary>
    public IReadOnlyList<KeyName> Entries { get; }

    public static ErasureLedger Open(string path)
    {
        var entries = new List<KeyName>();
        var whole = 0L;
        if (File.Exists(path))
        {
            var text = File.ReadAllText(path);

            // A line without its end was cut off by a crash: its key was not destroyed yet, or will be again.
            var end = text.LastIndexOf('\n') + 1;
            whole = Encoding.UTF8.GetByteCount(text.AsSpan(0, end));
            entries.AddRange(text[..end].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse));
        }

        var file = SecretFile.Open(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        file.SetLength(whole);
        file.Seek(0, SeekOrigin.End);
        return new ErasureLedger(file, entries);
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

    private static KeyName Parse(string line)
    {
        var parts = line.Split(' ');
        return parts.Length == 3 && long.TryParse(parts[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id)
            ? new KeyName(parts[1], id)
            : throw new InvalidDataException("The erasure ledger is damaged. Put it back from where it is kept; without it a restore could bring erased people back.");
    }
}
