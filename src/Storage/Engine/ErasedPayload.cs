using System.Buffers.Binary;

namespace Domicile.Storage.Engine;

/// <summary>What stands in place of a payload whose owner was erased: format 0 and the day, so that the record can say since when.</summary>
internal static class ErasedPayload
{
    /// <summary>Only the day: the instant would link the records of one person to each other.</summary>
    public static byte[] Write(DateTimeOffset at)
    {
        var payload = new byte[9];
        BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(1), DayOf(at).ToUnixTimeMilliseconds());
        return payload;
    }

    /// <summary>The beginning of the day, in UTC.</summary>
    public static DateTimeOffset DayOf(DateTimeOffset at) => new(at.UtcDateTime.Date, TimeSpan.Zero);

    public static DateTimeOffset? Read(ReadOnlySpan<byte> payload) =>
        payload.Length == 9 && payload[0] == 0 ? DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(payload[1..])) : null;
}
