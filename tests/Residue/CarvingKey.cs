using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Domicile.Tests.Residue;

/// <summary>
/// An AES-256 key in the hands of somebody who carves: it looks at every offset of a heap of bytes whether what lies there was sealed under it. Two ways:
/// by the tag, for wrapped keys of known names (GCM, NIST SP 800-38D, taken apart so that one look serves every name), and without the tag, for content, of which the
/// beginning is known (GCM is a counter mode: whoever has the key reads without any context).
/// </summary>
internal sealed class CarvingKey : IDisposable
{
    public const int NonceBytes = 12;
    public const int TagBytes = 16;
    private const int Block = 16;

    /// <summary>Nonce, a key of 32 bytes, tag.</summary>
    private const int WrappedBytes = NonceBytes + 32 + TagBytes;

    /// <summary>Offsets whose counter blocks are encrypted together.</summary>
    private const int Together = 8_192;

    private readonly Aes _aes = Aes.Create();
    private readonly Lazy<(UInt128[] Squared, UInt128[] Cubed)> _tables;
    private readonly UInt128 _h;

    public CarvingKey(ReadOnlySpan<byte> key)
    {
        _aes.Key = key.ToArray();
        Span<byte> h = stackalloc byte[Block];
        _aes.EncryptEcb(new byte[Block], h, PaddingMode.None);
        _h = BinaryPrimitives.ReadUInt128BigEndian(h);
        _tables = new(() =>
        {
            var squared = Multiply(_h, _h);
            return (TableOf(squared), TableOf(Multiply(squared, _h)));
        });
    }

    public void Dispose() => _aes.Dispose();

    /// <summary>The keys that lie wrapped under this one in the bytes, whatever their place, for those whose contexts are given.</summary>
    public IEnumerable<(T Name, byte[] Key)> Wrapped<T>(byte[] bytes, IReadOnlyDictionary<T, byte[]> contexts)
        where T : notnull
    {
        // tag ^ E(J0) = A·H^… ^ C1·H³ ^ C2·H² ^ L·H: what depends on the name stands on one side, once for each name.
        var expected = new Dictionary<UInt128, T>();
        foreach (var (name, context) in contexts)
        {
            expected[Authenticated(context)] = name;
        }

        var (squared, cubed) = _tables.Value;
        foreach (var (at, start) in Starts(bytes, WrappedBytes, counter: 1))
        {
            var found = start ^ UInt128At(bytes, at + WrappedBytes - TagBytes)
                ^ Multiply(cubed, UInt128At(bytes, at + NonceBytes)) ^ Multiply(squared, UInt128At(bytes, at + NonceBytes + Block));
            if (expected.TryGetValue(found, out var name))
            {
                yield return (name, Decrypt(bytes.AsSpan(at, NonceBytes), bytes.AsSpan(at + NonceBytes, 32)));
            }
        }
    }

    /// <summary>The offsets of nonces behind which something begins that is read under this key and begins so.</summary>
    public IEnumerable<int> Beginnings(byte[] bytes, byte[] beginning)
    {
        foreach (var (at, start) in Starts(bytes, NonceBytes + beginning.Length, counter: 2))
        {
            var plain = start ^ UInt128At(bytes, Math.Min(at + NonceBytes, bytes.Length - Block));
            var matches = at + NonceBytes + Block <= bytes.Length;
            for (var i = 0; matches && i < beginning.Length; i++)
            {
                matches = (byte)(plain >> (8 * (Block - 1 - i))) == beginning[i];
            }

            if (matches)
            {
                yield return at;
            }
        }
    }

    /// <summary>Reads under this key without asking for a tag.</summary>
    public byte[] Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedContent)
    {
        var blocks = (sealedContent.Length + Block - 1) / Block;
        var counters = new byte[blocks * Block];
        for (var i = 0; i < blocks; i++)
        {
            nonce.CopyTo(counters.AsSpan(i * Block));
            BinaryPrimitives.WriteInt32BigEndian(counters.AsSpan((i * Block) + NonceBytes), i + 2);
        }

        var stream = _aes.EncryptEcb(counters, PaddingMode.None);
        var plain = new byte[sealedContent.Length];
        for (var i = 0; i < plain.Length; i++)
        {
            plain[i] = (byte)(sealedContent[i] ^ stream[i]);
        }

        return plain;
    }

    /// <summary>For every offset that can be a nonce, the encrypted counter block of that nonce.</summary>
    private IEnumerable<(int At, UInt128 Start)> Starts(byte[] bytes, int length, int counter)
    {
        var (places, counters, encrypted) = (new List<int>(Together), new byte[Together * Block], new byte[Together * Block]);
        for (var at = 0; at + length <= bytes.Length; at++)
        {
            // Empty pages: no random nonce is zero.
            if (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at)) != 0)
            {
                bytes.AsSpan(at, NonceBytes).CopyTo(counters.AsSpan(places.Count * Block));
                BinaryPrimitives.WriteInt32BigEndian(counters.AsSpan((places.Count * Block) + NonceBytes), counter);
                places.Add(at);
            }

            if (places.Count == Together || (places.Count > 0 && at + length == bytes.Length))
            {
                _aes.EncryptEcb(counters.AsSpan(0, places.Count * Block), encrypted, PaddingMode.None);
                for (var i = 0; i < places.Count; i++)
                {
                    yield return (places[i], UInt128At(encrypted, i * Block));
                }

                places.Clear();
            }
        }
    }

    private UInt128 Authenticated(byte[] context)
    {
        var sum = UInt128.Zero;
        for (var at = 0; at < context.Length; at += Block)
        {
            var block = new byte[Block];
            context.AsSpan(at, Math.Min(Block, context.Length - at)).CopyTo(block);
            sum = Multiply(sum ^ UInt128At(block, 0), _h);
        }

        // The two blocks of the wrapped key come between, with their own powers.
        sum = Multiply(Multiply(sum, _h), _h);
        return Multiply(sum ^ new UInt128((ulong)context.Length * 8, 32 * 8), _h);
    }

    private static UInt128 UInt128At(byte[] bytes, int at) => BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(at));

    /// <summary>In the field of GCM: the first bit is the lowest power.</summary>
    private static UInt128 Multiply(UInt128 a, UInt128 b)
    {
        var product = UInt128.Zero;
        for (var bit = 127; bit >= 0; bit--)
        {
            product ^= ((a >> bit) & 1) == 1 ? b : 0;
            b = Next(b);
        }

        return product;
    }

    private static UInt128 Next(UInt128 value) => (value & 1) == 1 ? (value >> 1) ^ new UInt128(0xe1UL << 56, 0) : value >> 1;

    /// <summary>The products of one factor with every byte in every place.</summary>
    private static UInt128[] TableOf(UInt128 factor)
    {
        var table = new UInt128[16 * 256];
        for (var place = 0; place < 16; place++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                for (var value = 0; value < 256; value++)
                {
                    table[(place * 256) + value] ^= (value & (0x80 >> bit)) != 0 ? factor : 0;
                }

                factor = Next(factor);
            }
        }

        return table;
    }

    private static UInt128 Multiply(UInt128[] table, UInt128 value)
    {
        var product = UInt128.Zero;
        for (var place = 0; place < 16; place++)
        {
            product ^= table[(place * 256) + (byte)(value >> (8 * (15 - place)))];
        }

        return product;
    }
}
