using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A statement about a whole log: so many entries, this root. As a text it is a checkpoint of c2sp.org/tlog-checkpoint, with the instant, and the log that it
/// continues after a restore, as extension lines.
/// </summary>
/// <param name="Origin">Names the log.</param>
/// <param name="Size">Entries.</param>
/// <param name="Root">The root of the tree over them.</param>
/// <param name="SignedOn">When it was signed, to the second.</param>
public sealed record AuditCheckpoint(string Origin, long Size, byte[] Root, DateTimeOffset SignedOn)
{
    private const string SignedLine = "signed ";
    private const string ContinuesLine = "continues ";
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ssZ";

    /// <summary>The last checkpoint of the log that this one continues; null for a first log.</summary>
    public AuditPredecessor? Continues { get; init; }

    /// <summary>The text that is signed.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n{SignedLine}{SignedOn.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}\n");
        if (Continues is { } before)
        {
            text.Append(CultureInfo.InvariantCulture, $"{ContinuesLine}{before.Origin} {before.Size} {Convert.ToBase64String(before.Root)}\n");
        }

        return text.ToString();
    }

    /// <summary>Reads a text. Whose it is, is for the signature to say.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out AuditCheckpoint? checkpoint)
    {
        checkpoint = null;
        var lines = text.Split('\n');
        if (lines.Length < 5
            || lines[0].Length == 0
            || !long.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            || !TryRoot(lines[2], out var root)
            || !lines[3].StartsWith(SignedLine, StringComparison.Ordinal)
            || !DateTimeOffset.TryParseExact(
                lines[3].AsSpan(SignedLine.Length), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var signedOn))
        {
            return false;
        }

        AuditPredecessor? continues = null;
        if (lines[4].StartsWith(ContinuesLine, StringComparison.Ordinal))
        {
            var parts = lines[4][ContinuesLine.Length..].Split(' ');
            if (parts.Length != 3 || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var before) || !TryRoot(parts[2], out var rootBefore))
            {
                return false;
            }

            continues = new AuditPredecessor(parts[0], before, rootBefore);
        }

        checkpoint = new AuditCheckpoint(lines[0], size, root, signedOn) { Continues = continues };
        return checkpoint.ToText() == text;
    }

    private static bool TryRoot(string text, out byte[] root)
    {
        root = new byte[MerkleHash.Bytes];
        return Convert.TryFromBase64String(text, root, out var length) && length == MerkleHash.Bytes;
    }
}

/// <summary>The end of a log that another continues.</summary>
/// <param name="Origin">Its name.</param>
/// <param name="Size">Its last known size.</param>
/// <param name="Root">The root at that size.</param>
public sealed record AuditPredecessor(string Origin, long Size, byte[] Root);
