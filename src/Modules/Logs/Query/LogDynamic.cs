using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Domicile.Modules.Logs.Query;

/// <summary>A value of the type dynamic: a scalar, an array or a property bag. Never changes.</summary>
internal sealed class LogDynamic : IEquatable<LogDynamic>
{
    /// <summary>How deeply JSON may nest; deeper text is kept as a text.</summary>
    public const int DepthMax = 32;

    private static readonly JsonReaderOptions Reading = new() { MaxDepth = DepthMax };
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 2 * DepthMax };

    private LogDynamic(LogType type, LogValue scalar, IReadOnlyList<LogDynamic?>? items, IReadOnlyList<KeyValuePair<string, LogDynamic?>>? members) =>
        (Type, Scalar, Items, Members) = (type, scalar, items, members);

    /// <summary>The scalar's type; <see cref="LogType.Dynamic"/> for an array or bag.</summary>
    public LogType Type { get; }

    /// <summary>The scalar; null for an array or bag.</summary>
    public LogValue Scalar { get; }

    /// <summary>What an array holds; null for anything else.</summary>
    public IReadOnlyList<LogDynamic?>? Items { get; }

    /// <summary>What a bag holds, in order; null for anything else.</summary>
    public IReadOnlyList<KeyValuePair<string, LogDynamic?>>? Members { get; }

    /// <summary>Bytes, about, that it takes.</summary>
    public long Footprint
    {
        get
        {
            var size = 56 + Scalar.Footprint;
            foreach (var item in Items ?? [])
            {
                size += 8 + (item?.Footprint ?? 0);
            }

            foreach (var (name, value) in Members ?? [])
            {
                size += 40 + (2L * name.Length) + (value?.Footprint ?? 0);
            }

            return size;
        }
    }

    /// <summary>A scalar of a type other than dynamic; null for null.</summary>
    public static LogDynamic? Of(LogType type, LogValue scalar) =>
        type == LogType.Dynamic ? scalar.Dynamic : scalar.IsNull ? null : new LogDynamic(type, scalar.Sealed is null ? scalar : LogValue.Of(scalar.Text), null, null);

    /// <summary>An array.</summary>
    public static LogDynamic Array(IReadOnlyList<LogDynamic?> items) => new(LogType.Dynamic, default, items, null);

    /// <summary>A property bag.</summary>
    public static LogDynamic Bag(IReadOnlyList<KeyValuePair<string, LogDynamic?>> members) => new(LogType.Dynamic, default, null, members);

    /// <summary>What a text of JSON says; a text that is no JSON is itself, as <c>parse_json</c> has it. Null for the empty text and for <c>null</c>.</summary>
    public static LogDynamic? Parse(string text) => TryParse(text, out var value) ? value : Of(LogType.String, LogValue.Of(text));

    /// <summary>What a text of JSON says; false when it is none, or nests deeper than <see cref="DepthMax"/>.</summary>
    public static bool TryParse(string text, out LogDynamic? value)
    {
        value = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            return true;
        }

        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), Reading);
            if (!reader.Read())
            {
                return false;
            }

            value = Read(ref reader);
            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The member of that name; null when this is no bag or has none.</summary>
    public LogDynamic? Member(string name)
    {
        foreach (var member in Members ?? [])
        {
            if (member.Key == name)
            {
                return member.Value;
            }
        }

        return null;
    }

    /// <summary>The item at that place, from the end when negative; null when this is no array or has none.</summary>
    public LogDynamic? Item(long at)
    {
        if (Items is null)
        {
            return null;
        }

        at = at < 0 ? Items.Count + at : at;
        return at >= 0 && at < Items.Count ? Items[(int)at] : null;
    }

    /// <summary>Writes it as JSON. Datetimes and timespans are texts.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        if (Items is not null)
        {
            writer.WriteStartArray();
            foreach (var item in Items)
            {
                Write(writer, item);
            }

            writer.WriteEndArray();
        }
        else if (Members is not null)
        {
            writer.WriteStartObject();
            foreach (var (name, value) in Members)
            {
                writer.WritePropertyName(name);
                Write(writer, value);
            }

            writer.WriteEndObject();
        }
        else
        {
            LogText.Write(writer, Type, Scalar);
        }
    }

    /// <summary>The JSON; a text is itself, without quotes, as <c>tostring</c> has it.</summary>
    public override string ToString() => Items is null && Members is null ? LogText.Of(Type, Scalar) : ToJson();

    /// <summary>The JSON.</summary>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            WriteTo(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <inheritdoc/>
    public bool Equals(LogDynamic? other)
    {
        if (other is null)
        {
            return false;
        }

        return Items is null && Members is null && other.Items is null && other.Members is null
            ? Type == other.Type && Scalar.Equals(other.Scalar)
            : (Items is null) == (other.Items is null) && (Members is null) == (other.Members is null) && ToJson() == other.ToJson();
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LogDynamic);

    /// <inheritdoc/>
    public override int GetHashCode() => Items is null && Members is null ? Scalar.GetHashCode() : ToJson().GetHashCode(StringComparison.Ordinal);

    private static void Write(Utf8JsonWriter writer, LogDynamic? value)
    {
        if (value is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            value.WriteTo(writer);
        }
    }

    private static LogDynamic? Read(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                var items = new List<LogDynamic?>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(Read(ref reader));
                }

                return Array(items);
            case JsonTokenType.StartObject:
                var members = new List<KeyValuePair<string, LogDynamic?>>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString() ?? "";
                    reader.Read();
                    members.Add(new(name, Read(ref reader)));
                }

                return Bag(members);
            case JsonTokenType.True or JsonTokenType.False:
                return Of(LogType.Bool, LogValue.Of(reader.GetBoolean()));
            case JsonTokenType.Number when reader.TryGetInt64(out var whole):
                return Of(LogType.Long, LogValue.Of(whole));
            case JsonTokenType.Number:
                return Of(LogType.Real, LogValue.Of(reader.GetDouble()));
            case JsonTokenType.String:
                return Of(LogType.String, LogValue.Of(reader.GetString()));
            default:
                return null;
        }
    }
}
