using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Domicile.Residency;

/// <summary>A text with signatures, as c2sp.org/signed-note has it.</summary>
/// <param name="Text">The text; it ends with a newline.</param>
/// <param name="Signatures">Who signed it.</param>
public sealed record SignedNote(string Text, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>Characters of a note at most.</summary>
    public const int CharactersMax = 64 * 1024;

    /// <summary>Signatures of a note at most.</summary>
    public const int SignaturesMax = 32;

    private const string Dash = "— ";

    /// <summary>The note with one more signature.</summary>
    public SignedNote With(NoteSignature signature) => this with { Signatures = [.. Signatures, signature] };

    /// <summary>The note as it is written down.</summary>
    public override string ToString()
    {
        var note = new StringBuilder(Text).Append('\n');
        foreach (var signature in Signatures)
        {
            note.Append(Dash).Append(signature.Name).Append(' ').Append(Convert.ToBase64String(signature.Bytes)).Append('\n');
        }

        return note.ToString();
    }

    /// <summary>Reads a note. Whether a signature holds is for a <see cref="NoteKey"/> to say.</summary>
    public static bool TryParse(string note, [NotNullWhen(true)] out SignedNote? parsed)
    {
        parsed = null;
        if (note.Length > CharactersMax || note.Any(letter => letter < ' ' && letter != '\n'))
        {
            return false;
        }

        var at = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (at < 0 || at + 2 == note.Length || !note.EndsWith('\n'))
        {
            return false;
        }

        var lines = note[(at + 2)..^1].Split('\n');
        var signatures = new List<NoteSignature>();
        foreach (var line in lines)
        {
            var parts = line.StartsWith(Dash, StringComparison.Ordinal) ? line[Dash.Length..].Split(' ') : [];
            if (parts.Length != 2 || parts[0].Length == 0 || signatures.Count == SignaturesMax || Bytes(parts[1]) is not { Length: > NoteKey.IdBytes } bytes)
            {
                return false;
            }

            signatures.Add(new NoteSignature(parts[0], bytes));
        }

        parsed = new SignedNote(note[..(at + 1)], signatures);
        return true;
    }

    private static byte[]? Bytes(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length) ? bytes[..length] : null;
    }
}

/// <summary>One signature of a note.</summary>
/// <param name="Name">The name of the key.</param>
/// <param name="Bytes">The key's id of four bytes, then the signature.</param>
public sealed record NoteSignature(string Name, byte[] Bytes);
