using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>Signs notes with a key on P-256 that never leaves it.</summary>
public sealed class NoteSigner : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _lock = new();

    /// <param name="name">The key's name.</param>
    /// <param name="secret">32 bytes; the private scalar on P-256.</param>
    public NoteSigner(string name, byte[] secret)
    {
        if (!NoteKey.IsName(name))
        {
            throw new ArgumentException("The name of a key has no spaces and no plus.", nameof(name));
        }

        _key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = secret });
        Key = new NoteKey(name, _key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The public half.</summary>
    public NoteKey Key { get; }

    /// <summary>Signs a text.</summary>
    public NoteSignature Sign(string text)
    {
        lock (_lock)
        {
            return new NoteSignature(Key.Name, [.. Key.Id, .. _key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
