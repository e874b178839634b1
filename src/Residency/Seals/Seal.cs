using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// A sealed payload: format (1 byte), case (1: 1 parent, 2 owner and parent, 3 stand-in and parent), columns vouched for (1), in case 3 the handle of the stand-in (8), nonce (12),
/// AES-256-GCM ciphertext, tag (16). A stand-in takes the place of an owner who was erased while a hold keeps the record (<see cref="StandInOf"/>). Its authenticated context
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
    private const int FixedBytes = 3;
    private const int HeaderBytes = FixedBytes + NonceBytes;
    private const int NonceBytes = 12;
    private const byte ParentOnly = 1;
    private const byte OwnerAndParent = 2;
    private const byte StandInAndParent = 3;
    private const int HandleBytes = 8;

    /// <summary>The beginning of every payload that is sealed under a stand-in, from its second byte on; databases look for it.</summary>
    public static ReadOnlySpan<byte> StandInMark => [StandInAndParent];

    /// <summary>Seals content with a fresh random nonce.</summary>
    public static byte[] Close(SealKey key, int columns, ReadOnlySpan<byte> content, ReadOnlySpan<byte> context) =>
        Close(key, columns, content, context, key.HasOwner ? OwnerAndParent : ParentOnly, SubjectRef.None);

    /// <summary>Seals content under a stand-in for its owner.</summary>
    /// <param name="key">The key of the stand-in and the parent.</param>
    /// <param name="standIn">The stand-in, which the payload names.</param>
    /// <param name="columns">How many columns are vouched for.</param>
    /// <param name="content">The content.</param>
    /// <param name="context">What the seal vouches for.</param>
    public static byte[] Close(SealKey key, SubjectRef standIn, int columns, ReadOnlySpan<byte> content, ReadOnlySpan<byte> context) =>
        Close(key, columns, content, context, StandInAndParent, standIn);

    /// <summary>Who stands in for the owner of a payload; nobody in all but those that a hold keeps beyond their owner's erasure.</summary>
    public static SubjectRef StandInOf(ReadOnlySpan<byte> payload) =>
        payload.Length >= OverheadBytes + HandleBytes && payload[0] == Format && payload[1] == StandInAndParent
            ? new SubjectRef(BinaryPrimitives.ReadInt64BigEndian(payload[FixedBytes..]))
            : SubjectRef.None;

    /// <summary>How many columns, from the first, a payload vouches for.</summary>
    public static int ColumnsOf(ReadOnlySpan<byte> payload) => payload.Length < OverheadBytes ? 0 : payload[2];

    /// <summary>Opens a payload into a buffer of at least <c>payload.Length − <see cref="OverheadBytes"/></c> bytes.</summary>
    /// <returns>The length of the content.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public static int Open(SealKey key, ReadOnlySpan<byte> payload, Span<byte> content, ReadOnlySpan<byte> context)
    {
        var header = HeaderBytes + (StandInOf(payload).IsNone ? 0 : HandleBytes);
        var isKnown = payload.Length >= header + TagBytes && payload[0] == Format
            && payload[1] == (!key.HasOwner ? ParentOnly : header > HeaderBytes ? StandInAndParent : OwnerAndParent);
        if (!isKnown)
        {
            throw new SealBrokenException("A payload is not a seal of a known format.");
        }

        var length = payload.Length - header - TagBytes;
        try
        {
            key.Decrypt(
                payload.Slice(header - NonceBytes, NonceBytes), payload.Slice(header, length), payload[(header + length)..], content[..length], context);
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

    private static byte[] Close(SealKey key, int columns, ReadOnlySpan<byte> content, ReadOnlySpan<byte> context, byte sort, SubjectRef standIn)
    {
        var header = HeaderBytes + (standIn.IsNone ? 0 : HandleBytes);
        var payload = new byte[header + content.Length + TagBytes];
        payload[0] = Format;
        payload[1] = sort;
        payload[2] = checked((byte)columns);
        if (!standIn.IsNone)
        {
            BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(FixedBytes), standIn.Value);
        }

        var nonce = payload.AsSpan(header - NonceBytes, NonceBytes);
        RandomPieces.Fill(nonce);

        key.Encrypt(nonce, content, payload.AsSpan(header, content.Length), payload.AsSpan(header + content.Length), context);
        return payload;
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
