using System.Security.Cryptography;
using System.Text.Json.Serialization;

namespace Domicile.Residency;

/// <summary>A typed 64-bit reference that a column can hold.</summary>
/// <typeparam name="TSelf">The reference's own type.</typeparam>
public interface IReference<TSelf>
    where TSelf : struct, IReference<TSelf>
{
    /// <summary>The number at rest.</summary>
    long Value { get; }

    /// <summary>The reference that a number at rest stands for.</summary>
    static abstract TSelf From(long value);
}

/// <summary>
/// A person as records know one: a random handle. Only the key store can turn it into an identifier; without it the handle means nothing.
/// </summary>
/// <param name="Value">The handle; 0 stands for nobody.</param>
[JsonConverter(typeof(ReferenceJson))]
public readonly record struct SubjectRef(long Value) : IReference<SubjectRef>
{
    /// <summary>Nobody: the record has no owner, or its owner was erased and the reference cut.</summary>
    public static readonly SubjectRef None;

    /// <summary>Whether there is no such person.</summary>
    public bool IsNone => Value == 0;

    /// <inheritdoc/>
    public static SubjectRef From(long value) => new(value);

    /// <summary>The handle as a column holds it.</summary>
    public static implicit operator ColumnValue(SubjectRef subject) => ColumnValue.Of(subject.Value);

    /// <summary>A fresh handle: 63 random bits.</summary>
    public static SubjectRef Fresh() => new(RandomNumberGenerator.GetInt64());

    /// <summary>The handle in hexadecimal; it identifies nobody without the key store.</summary>
    public override string ToString() => $"subject:{Value:x16}";
}

/// <summary>A reference to a record by its 64-bit key; the public id lives once, on the record.</summary>
/// <typeparam name="T">The kind of record.</typeparam>
/// <param name="Value">The key.</param>
[JsonConverter(typeof(ReferenceJson))]
public readonly record struct Ref<T>(long Value) : IReference<Ref<T>>
{
    /// <inheritdoc/>
    public static Ref<T> From(long value) => new(value);

    /// <summary>The key as a column holds it.</summary>
    public static implicit operator ColumnValue(Ref<T> reference) => ColumnValue.Of(reference.Value);

    /// <summary>The key in hexadecimal.</summary>
    public override string ToString() => $"{typeof(T).Name}:{Value:x16}";
}

/// <summary>
/// Gives out 64-bit keys that rise with time, so that new rows lie together: 42 bits of milliseconds since 2020, 21 random bits.
/// Two keys of one process never meet; two processes meet once in two million keys of the same millisecond, which the primary key then refuses.
/// </summary>
/// <param name="clock">The clock; keys rise with it.</param>
/// <param name="start">The number of the node's start where several nodes give out keys for one store, else 0: two of the last 255 starts never give out the same.</param>
public sealed class ReferenceSource(TimeProvider clock, long start = 0)
{
    private const int RandomBits = 21;
    private const int CountedBits = 13;
    private static readonly long Origin = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
    private long _last;

    /// <summary>The least key that can be given out from an instant on.</summary>
    public static long FirstFrom(DateTimeOffset instant) => Math.Max(0, instant.ToUnixTimeMilliseconds() - Origin) << RandomBits;

    /// <summary>A fresh key.</summary>
    public Ref<T> Next<T>()
    {
        var time = (clock.GetUtcNow().ToUnixTimeMilliseconds() - Origin) << RandomBits;
        var wanted = time | (start == 0 ? (uint)RandomNumberGenerator.GetInt32(1 << RandomBits) : (start % 255) << CountedBits);
        while (true)
        {
            var last = Interlocked.Read(ref _last);
            var next = Math.Max(wanted, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
            {
                return new Ref<T>(next);
            }
        }
    }
}

internal static class RandomNumbers
{
    extension(RandomNumberGenerator)
    {
        /// <summary>A positive number of 63 random bits, never 0.</summary>
        public static long GetInt64()
        {
            Span<byte> bytes = stackalloc byte[8];
            while (true)
            {
                RandomNumberGenerator.Fill(bytes);
                var value = BitConverter.ToInt64(bytes) & long.MaxValue;
                if (value != 0)
                {
                    return value;
                }
            }
        }
    }
}
