using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A leaf of an audit log: when, which act, and a salted commitment to the rest. It stays provable when the rest was erased or has expired, and tells nobody
/// what that was.
/// </summary>
/// <param name="At">When; to the millisecond.</param>
/// <param name="Act">The number of the act.</param>
/// <param name="Commitment">SHA-256 over salt and content.</param>
public sealed record AuditLeaf(DateTimeOffset At, int Act, byte[] Commitment)
{
    /// <summary>Bytes of a salt.</summary>
    public const int SaltBytes = 16;

    private const byte Version = 1;
    private const int Bytes = 1 + 4 + 8 + MerkleHash.Bytes;

    /// <summary>What the tree hashes: format, act and instant, big-endian, then the commitment.</summary>
    public byte[] Data()
    {
        var data = new byte[Bytes];
        data[0] = Version;
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(1), Act);
        BinaryPrimitives.WriteInt64BigEndian(data.AsSpan(5), At.ToUnixTimeMilliseconds());
        Commitment.CopyTo(data, 13);
        return data;
    }

    /// <summary>The leaf's hash in the tree.</summary>
    public byte[] Hash() => MerkleHash.OfLeaf(Data());

    /// <summary>Commits to a content: SHA-256 over the salt, whose length is fixed, and the content's UTF-8.</summary>
    public static byte[] Commit(ReadOnlySpan<byte> salt, string content)
    {
        if (salt.Length != SaltBytes)
        {
            throw new ArgumentException($"A salt has {SaltBytes} bytes.", nameof(salt));
        }

        var committed = new byte[SaltBytes + Encoding.UTF8.GetByteCount(content)];
        salt.CopyTo(committed);
        Encoding.UTF8.GetBytes(content, committed.AsSpan(SaltBytes));
        return SHA256.HashData(committed);
    }
}
