using System.Globalization;

namespace Domicile.Modules.Logs.Query;

/// <summary>
/// A cell: a value of a <see cref="LogType"/> that the column knows, or null. Two words without a box, because a query looks at millions. The empty text stands for the null that
/// text does not have.
/// </summary>
internal readonly struct LogValue : IEquatable<LogValue>
{
    private static readonly object Number = new();

    private readonly object? _held;
    private readonly long _bits;

    private LogValue(object? held, long bits)
    {
        _held = held;
        _bits = bits;
    }

    /// <summary>No value.</summary>
    public static LogValue Null => default;

    /// <summary>true.</summary>
    public static LogValue True { get; } = new(Number, 1);

    /// <summary>false.</summary>
    public static LogValue False { get; } = new(Number, 0);

    /// <summary>The empty text.</summary>
    public static LogValue Empty { get; } = new("", 0);

    /// <summary>Whether there is no value.</summary>
    public bool IsNull => _held is null;

    /// <summary>The value of a bool; false when null.</summary>
    public bool Bool => _bits != 0;

    /// <summary>The value of an int or long; 0 when null.</summary>
    public long Long => _bits;

    /// <summary>The value of a real; 0 when null.</summary>
    public double Real => BitConverter.Int64BitsToDouble(_bits);

    /// <summary>The value of a datetime or timespan, in ticks of 100 ns.</summary>
    public long Ticks => _bits;

    /// <summary>The value of a datetime.</summary>
    public DateTime DateTime => new(_bits, DateTimeKind.Utc);

    /// <summary>The value of a timespan.</summary>
    public TimeSpan TimeSpan => new(_bits);

    /// <summary>The value of a text, or the opened text of a sealed cell; else empty.</summary>
    public string Text => _held as string ?? (_held as LogSealed)?.Text ?? "";

    /// <summary>The cell of a protected column; null for any other.</summary>
    public LogSealed? Sealed => _held as LogSealed;

    /// <summary>The value of a guid.</summary>
    public Guid Guid => _held is Guid guid ? guid : default;

    /// <summary>The value of a dynamic; null when null.</summary>
    public LogDynamic? Dynamic => _held as LogDynamic;

    /// <summary>Bytes, about, that it takes beside its two words.</summary>
    public long Footprint => _held switch
    {
        string text => 24 + (2L * text.Length),
        LogSealed cell => 64 + (2L * (cell.Text?.Length ?? 0)),
        LogDynamic json => json.Footprint,
        System.Guid => 32,
        _ => 0,
    };

    /// <summary>A bool.</summary>
    public static LogValue Of(bool value) => value ? True : False;

    /// <summary>An int or long.</summary>
    public static LogValue Of(long value) => new(Number, value);

    /// <summary>A real.</summary>
    public static LogValue Of(double value) => new(Number, BitConverter.DoubleToInt64Bits(value == 0 ? 0 : value));

    /// <summary>An instant; taken as UTC unless it says that it is local.</summary>
    public static LogValue Of(DateTime value) => new(Number, value.Kind == DateTimeKind.Local ? value.ToUniversalTime().Ticks : value.Ticks);

    /// <summary>An instant.</summary>
    public static LogValue Of(DateTimeOffset value) => new(Number, value.UtcTicks);

    /// <summary>A duration.</summary>
    public static LogValue Of(TimeSpan value) => new(Number, value.Ticks);

    /// <summary>A text; null is the empty one.</summary>
    public static LogValue Of(string? value) => new(value ?? "", 0);

    /// <summary>A guid.</summary>
    public static LogValue Of(Guid value) => new(value, 0);

    /// <summary>JSON.</summary>
    public static LogValue Of(LogDynamic? value) => new(value, 0);

    /// <summary>A cell that is not opened.</summary>
    public static LogValue Of(LogSealed value) => new(value, 0);

    /// <summary>Whether both are the same value of one type; null equals null, as groups see it. Sealed cells are compared by their tokens.</summary>
    public bool Equals(LogValue other)
    {
        if (ReferenceEquals(_held, other._held))
        {
            return _bits == other._bits;
        }

        return (_held, other._held) switch
        {
            (string one, string two) => one == two,
            (LogSealed one, LogSealed two) => one.Token == two.Token,
            (Guid one, Guid two) => one == two,
            (LogDynamic one, LogDynamic two) => one.Equals(two),
            _ => false,
        };
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is LogValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _held switch
    {
        null => 0,
        string text => text.GetHashCode(StringComparison.Ordinal),
        LogSealed cell => cell.Token.GetHashCode(),
        Guid guid => guid.GetHashCode(),
        LogDynamic json => json.GetHashCode(),
        _ => _bits.GetHashCode(),
    };

    /// <summary>For a debugger.</summary>
    public override string ToString() => _held switch
    {
        null => "null",
        string text => text,
        LogDynamic json => json.ToString(),
        Guid guid => guid.ToString(),
        LogSealed => "sealed",
        _ => _bits.ToString(CultureInfo.InvariantCulture),
    };
}
