using System.Globalization;
using System.Reflection;

namespace Domicile.Residency;

/// <summary>How a property's type rests in a column.</summary>
/// <typeparam name="T">The property's type.</typeparam>
internal sealed record ColumnCodec<T>(ColumnType Type, bool Nullable, Func<T, ColumnValue> Write, Func<ColumnValue, T> Read);

/// <summary>The types that a column can have. A type that is not here stays in the sealed part.</summary>
internal static class ColumnCodecs
{
    private static readonly Dictionary<Type, object> Simple = new()
    {
        [typeof(long)] = new ColumnCodec<long>(ColumnType.Integer, false, ColumnValue.Of, value => value.Number),
        [typeof(int)] = new ColumnCodec<int>(ColumnType.Integer, false, value => ColumnValue.Of(value), value => checked((int)value.Number)),
        [typeof(bool)] = new ColumnCodec<bool>(ColumnType.Integer, false, value => ColumnValue.Of(value ? 1 : 0), value => value.Number != 0),
        [typeof(string)] = new ColumnCodec<string?>(ColumnType.Text, true, ColumnValue.Of, value => value.Text),
        [typeof(byte[])] = new ColumnCodec<byte[]?>(ColumnType.Bytes, true, ColumnValue.Of, value => value.Bytes),
        [typeof(Guid)] = new ColumnCodec<Guid>(
            ColumnType.Bytes, false, value => ColumnValue.Of(value.ToByteArray(bigEndian: true)), value => new Guid(value.Bytes!, bigEndian: true)),
        [typeof(DateTimeOffset)] = new ColumnCodec<DateTimeOffset>(
            ColumnType.Integer, false, value => ColumnValue.Of(value.ToUnixTimeMilliseconds()), value => DateTimeOffset.FromUnixTimeMilliseconds(value.Number)),
        [typeof(DateTimeOffset?)] = new ColumnCodec<DateTimeOffset?>(
            ColumnType.Integer,
            true,
            value => value is { } time ? ColumnValue.Of(time.ToUnixTimeMilliseconds()) : ColumnValue.Null,
            value => value.IsNull ? null : DateTimeOffset.FromUnixTimeMilliseconds(value.Number)),
        [typeof(BlobRef?)] = new ColumnCodec<BlobRef?>(
            ColumnType.Bytes,
            true,
            value => value is { } blob ? ColumnValue.Of(blob.Id.ToByteArray(bigEndian: true)) : ColumnValue.Null,
            value => value.IsNull ? null : new BlobRef(new Guid(value.Bytes!, bigEndian: true))),
        [typeof(long?)] = new ColumnCodec<long?>(
            ColumnType.Integer, true, value => value is { } number ? ColumnValue.Of(number) : ColumnValue.Null, value => value.IsNull ? null : value.Number),
    };

    /// <summary>The codec of a property's type, or null when no column can hold it.</summary>
    public static object? For(Type type)
    {
        if (Simple.TryGetValue(type, out var codec))
        {
            return codec;
        }

        if (type.IsEnum)
        {
            return Invoke(nameof(Enumeration), type);
        }

        return type.GetInterfaces().Any(face => face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IReference<>))
            ? Invoke(nameof(Reference), type)
            : null;
    }

    private static object Invoke(string method, Type type) =>
        typeof(ColumnCodecs).GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(type).Invoke(null, null)!;

    private static ColumnCodec<T> Reference<T>()
        where T : struct, IReference<T> =>
        new(ColumnType.Integer, false, value => ColumnValue.Of(value.Value), value => T.From(value.Number));

    private static ColumnCodec<T> Enumeration<T>()
        where T : struct, Enum =>
        new(
            ColumnType.Integer,
            false,
            value => ColumnValue.Of(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
            value => (T)Enum.ToObject(typeof(T), value.Number));
}
