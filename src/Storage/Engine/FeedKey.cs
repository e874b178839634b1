using System.Buffers.Binary;
using System.Text;
using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>A record's key as the feed holds it: for each part one byte of type, then 8 bytes, or a 2-byte length and the text or bytes.</summary>
internal static class FeedKey
{
    public static byte[] Write(ReadOnlySpan<ColumnValue> key)
    {
        var length = 0;
        foreach (var part in key)
        {
            length += 1 + (part.Type == ColumnType.Integer ? 8 : 2 + BytesOf(part).Length);
        }

        var written = new byte[length];
        var at = 0;
        foreach (var part in key)
        {
            written[at++] = (byte)part.Type;
            if (part.Type == ColumnType.Integer)
            {
                BinaryPrimitives.WriteInt64BigEndian(written.AsSpan(at), part.Number);
                at += 8;
            }
            else
            {
                var bytes = BytesOf(part);
                BinaryPrimitives.WriteUInt16BigEndian(written.AsSpan(at), checked((ushort)bytes.Length));
                bytes.CopyTo(written, at + 2);
                at += 2 + bytes.Length;
            }
        }

        return written;
    }

    public static IReadOnlyList<ColumnValue> Read(ReadOnlySpan<byte> written)
    {
        var key = new List<ColumnValue>(2);
        while (!written.IsEmpty)
        {
            var type = (ColumnType)written[0];
            if (type == ColumnType.Integer)
            {
                key.Add(BinaryPrimitives.ReadInt64BigEndian(written[1..]));
                written = written[9..];
                continue;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(written[1..]);
            var bytes = written.Slice(3, length);
            key.Add(type == ColumnType.Text ? ColumnValue.Of(Encoding.UTF8.GetString(bytes)) : ColumnValue.Of(bytes.ToArray()));
            written = written[(3 + length)..];
        }

        return key;
    }

    private static byte[] BytesOf(ColumnValue part) => part.Type == ColumnType.Text ? Encoding.UTF8.GetBytes(part.Text!) : part.Bytes!;
}
