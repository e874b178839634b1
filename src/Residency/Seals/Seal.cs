using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A sealed payload: format (1 byte), case (1: 1 parent, 2 owner and parent), columns vouched for (1), nonce (12), AES-256-GCM ciphertext, tag (16). Its authenticated context
/// names format, geography, resource, kind, row version and every column that is known before the batch, so that a row copied into another
/// geography, resource or row, or one whose columns were changed, does not open. Columns are only ever added at the end of a kind, so an older seal
/// vouches for the first of them.
/// </summary>
public static class Seal
{
    /// <summary>The format written today.</summary>
    public const byte Format = 1;

    /// <summary>Bytes that a seal adds to its content.</summary>
    public const int OverheadBytes = HeaderBytes + TagBytes;

    internal const int TagBytes = 16;
    private const int HeaderBytes = 3 + NonceBytes;
    private const int NonceBytes = 12;
    private const byte ParentOnly = 1;
    private const byte OwnerAndParent = 2;

    /// <summary>Seals content with a fresh random nonce.</summary>
    public static byte[] Close(SealKey key, int columns, ReadOnlySpan<byte> content, ReadOnlySpan<byte> context)
    {
        var payload = new byte[content.Length + OverheadBytes];
        payload[0] = Format;
        payload[1] = key.HasOwner ? OwnerAndParent : ParentOnly;
        payload[2] = checked((byte)columns);
        var nonce = payload.AsSpan(3, NonceBytes);
        RandomPieces.Fill(nonce);
        key.Encrypt(nonce, content, payload.AsSpan(HeaderBytes, content.Length), payload.AsSpan(HeaderBytes + content.Length), context);
        return payload;
    }

    /// <summary>How many columns, from the first, a payload vouches for.</summary>
    public static int ColumnsOf(ReadOnlySpan<byte> payload) => payload.Length < OverheadBytes ? 0 : payload[2];

    /// <summary>Opens a payload into a buffer of at least <c>payload.Length − <see cref="OverheadBytes"/></c> bytes.</summary>
    /// <returns>The length of the content.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public static int Open(SealKey key, ReadOnlySpan<byte> payload, Span<byte> content, ReadOnlySpan<byte> context)
    {
        if (payload.Length < OverheadBytes || payload[0] != Format || payload[1] != (key.HasOwner ? OwnerAndParent : ParentOnly))
        {
            throw new SealBrokenException("A payload is not a seal of a known format.");
        }

        var length = payload.Length - OverheadBytes;
        try
        {
            key.Decrypt(
                payload.Slice(3, NonceBytes), payload.Slice(HeaderBytes, length), payload[(HeaderBytes + length)..], content[..length], context);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SealBrokenException("A payload does not open where it lies.");
        }

        return length;
    }

    /// <summary>Writes the context of a row: where it belongs, and the columns that its seal vouches for.</summary>
    public static void WriteContext(
        IBufferWriter<byte> output, Geography geography, ResourceRef resource, RecordKind kind, ReadOnlySpan<ColumnValue> values, int columnsVouchedFor, long version)
    {
        WriteByte(output, Format);
        WriteText(output, geography.Slug);
        WriteResource(output, resource);
        WriteText(output, kind.Name);
        WriteNumber(output, version);
        WriteByte(output, checked((byte)columnsVouchedFor));
        var columns = kind.Columns;
        for (var i = 0; i < columnsVouchedFor; i++)
        {
            if (!columns[i].IsAllocated)
            {
                WriteValue(output, columns[i].Type, values[i]);
            }
        }
    }

    internal static void WriteResource(IBufferWriter<byte> output, ResourceRef resource)
    {
        resource.Id.TryWriteBytes(output.GetSpan(16), bigEndian: true, out _);
        output.Advance(16);
    }

    internal static void WriteValue(IBufferWriter<byte> output, ColumnType type, ColumnValue value)
    {
        if (value.IsNull)
        {
            WriteByte(output, 0);
            return;
        }

        WriteByte(output, (byte)(1 + (int)type));
        switch (type)
        {
            case ColumnType.Integer:
                WriteNumber(output, value.Number);
                break;
            case ColumnType.Text:
                WriteText(output, value.Text!);
                break;
            default:
                WriteLength(output, value.Bytes!.Length);
                output.Write(value.Bytes);
                break;
        }
    }

    internal static void WriteByte(IBufferWriter<byte> output, byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    private static void WriteNumber(IBufferWriter<byte> output, long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    private static void WriteLength(IBufferWriter<byte> output, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(4), value);
        output.Advance(4);
    }

    internal static void WriteText(IBufferWriter<byte> output, string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        WriteLength(output, length);
        Encoding.UTF8.GetBytes(text, output.GetSpan(length));
        output.Advance(length);
    }
}
