using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A few bytes on their way, never at rest: sealed under a key of the geography into a text that a URL or a notification can carry. Unpadded base64url of nonce (12),
/// AES-256-GCM ciphertext, tag (16); what it is for is authenticated, so that a text of one use means nothing in another.
/// </summary>
public sealed class SealedText(byte[] key, string purpose) : IDisposable
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private readonly byte[] _purpose = Encoding.UTF8.GetBytes($"domicile/text/1/{purpose}");
    private readonly AesGcm _aes = new(key, TagBytes);
    private readonly Lock _lock = new();

    /// <summary>Seals with a fresh random nonce.</summary>
    public string Close(ReadOnlySpan<byte> content)
    {
        var bytes = new byte[NonceBytes + content.Length + TagBytes];
        var nonce = bytes.AsSpan(0, NonceBytes);
        RandomPieces.Fill(nonce);
        lock (_lock)
        {
            _aes.Encrypt(nonce, content, bytes.AsSpan(NonceBytes, content.Length), bytes.AsSpan(NonceBytes + content.Length), _purpose);
        }

        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>Opens a text that this key sealed for this purpose; false for any other text.</summary>
    public bool TryOpen(string text, [NotNullWhen(true)] out byte[]? content)
    {
        content = null;
        if (!Base64Url.IsValid(text, out var length) || length < NonceBytes + TagBytes)
        {
            return false;
        }

        var bytes = Base64Url.DecodeFromChars(text);
        var opened = new byte[length - NonceBytes - TagBytes];
        try
        {
            lock (_lock)
            {
                _aes.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes, opened.Length), bytes.AsSpan(NonceBytes + opened.Length), opened, _purpose);
            }
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        content = opened;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _aes.Dispose();
}
