using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A public key that checks notes: signature type 0x02 of c2sp.org/signed-note, ECDSA on P-256 over SHA-256, whose id is the beginning of the hash of the
/// key itself. Written down as <c>name+id+base64(type, key)</c>.
/// </summary>
public sealed class NoteKey
{
    /// <summary>Bytes of a key's id.</summary>
    public const int IdBytes = 4;

    private const byte EcdsaType = 2;
    private const int CharactersMax = 1_024;
    private readonly byte[] _publicKey;

    internal NoteKey(string name, byte[] publicKey)
    {
        Name = name;
        _publicKey = publicKey;
        Id = SHA256.HashData(publicKey)[..IdBytes];
    }

    /// <summary>The key's name.</summary>
    public string Name { get; }

    /// <summary>The key's id.</summary>
    public byte[] Id { get; }

    /// <summary>Whether this key signed the note. A signature by its name and id that does not hold is none.</summary>
    public bool HasSigned(SignedNote note)
    {
        var ours = note.Signatures.Where(signature => signature.Name == Name && signature.Bytes.AsSpan(0, IdBytes).SequenceEqual(Id)).ToList();
        if (ours.Count == 0)
        {
            return false;
        }

        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(_publicKey, out _);
        return ours.All(signature => key.VerifyData(Encoding.UTF8.GetBytes(note.Text), signature.Bytes.AsSpan(IdBytes), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    /// <summary>The key as it is written down.</summary>
    public override string ToString() => $"{Name}+{Convert.ToHexStringLower(Id)}+{Convert.ToBase64String([EcdsaType, .. _publicKey])}";

    /// <summary>Reads a key.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out NoteKey? key)
    {
        key = null;
        var parts = text.Split('+', 3);
        var bytes = new byte[Math.Min(text.Length, CharactersMax)];
        if (text.Length > CharactersMax || parts.Length != 3 || !IsName(parts[0]) || !Convert.TryFromBase64String(parts[2], bytes, out var length) || length < 2 || bytes[0] != EcdsaType)
        {
            return false;
        }

        try
        {
            using var read = ECDsa.Create();
            read.ImportSubjectPublicKeyInfo(bytes.AsSpan(1, length - 1), out var used);
            if (used != length - 1 || read.KeySize != 256)
            {
                return false;
            }
        }
        catch (CryptographicException)
        {
            return false;
        }

        key = new NoteKey(parts[0], bytes[1..length]);
        return parts[1] == Convert.ToHexStringLower(key.Id);
    }

    internal static bool IsName(string name) => name.Length > 0 && !name.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter) || letter == '+');
}
