namespace Domicile.Residency;

/// <summary>The type of a column, the same on every engine.</summary>
public enum ColumnType
{
    /// <summary>64-bit integer; also instants (milliseconds of the epoch), references, enumerations and truth values.</summary>
    Integer,

    /// <summary>UTF-8 text.</summary>
    Text,

    /// <summary>Bytes; also UUIDs (16, big-endian).</summary>
    Bytes,
}

/// <summary>One value of one column, without boxing for numbers.</summary>
public readonly struct ColumnValue : IEquatable<ColumnValue>
{
    private readonly object? _object;

    private ColumnValue(bool isNull, long number, object? reference)
    {
        IsNull = isNull;
        Number = number;
        _object = reference;
    }

    /// <summary>No value.</summary>
    public static ColumnValue Null { get; } = new(true, 0, null);

    /// <summary>Whether there is no value.</summary>
    public bool IsNull { get; }

    /// <summary>The number, for integer columns.</summary>
    public long Number { get; }

    /// <summary>The text, for text columns.</summary>
    public string? Text => _object as string;

    /// <summary>The bytes, for byte columns.</summary>
    public byte[]? Bytes => _object as byte[];

    /// <summary>Which of the three it is.</summary>
    public ColumnType Type => _object switch
    {
        string => ColumnType.Text,
        byte[] => ColumnType.Bytes,
        _ => ColumnType.Integer,
    };

    /// <summary>A number.</summary>
    public static ColumnValue Of(long number) => new(false, number, null);

    /// <summary>A text; null is no value.</summary>
    public static ColumnValue Of(string? text) => text is null ? Null : new(false, 0, text);

    /// <summary>Bytes; null is no value.</summary>
    public static ColumnValue Of(byte[]? bytes) => bytes is null ? Null : new(false, 0, bytes);

    /// <summary>A number.</summary>
    public static implicit operator ColumnValue(long number) => Of(number);

    /// <summary>A text; without one it fails, because a missing key that is taken for no value finds nothing in silence.</summary>
    public static implicit operator ColumnValue(string text) => Of(text ?? throw new ArgumentNullException(nameof(text)));

    /// <summary>A UUID, as 16 bytes, big-endian.</summary>
    public static implicit operator ColumnValue(Guid id) => Of(id.ToByteArray(bigEndian: true));

    /// <inheritdoc/>
    public bool Equals(ColumnValue other) =>
        IsNull == other.IsNull && Number == other.Number && Text == other.Text
        && (Bytes is null ? other.Bytes is null : other.Bytes is not null && Bytes.AsSpan().SequenceEqual(other.Bytes));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ColumnValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(IsNull);
        hash.Add(Number);
        hash.Add(Text, StringComparer.Ordinal);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>Whether two values are the same.</summary>
    public static bool operator ==(ColumnValue left, ColumnValue right) => left.Equals(right);

    /// <summary>Whether two values differ.</summary>
    public static bool operator !=(ColumnValue left, ColumnValue right) => !left.Equals(right);
}
