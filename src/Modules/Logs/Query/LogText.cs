using System.Globalization;
using System.Text.Json;

namespace Domicile.Modules.Logs.Query;

/// <summary>Values as text and as JSON, in the shapes of the query language.</summary>
internal static class LogText
{
    /// <summary>What <c>tostring</c> gives; the empty text for null.</summary>
    public static string Of(LogType type, LogValue value)
    {
        if (value.IsNull)
        {
            return "";
        }

        return type switch
        {
            LogType.Bool => value.Bool ? "true" : "false",
            LogType.Int or LogType.Long => value.Long.ToString(CultureInfo.InvariantCulture),
            LogType.Real => OfReal(value.Real),
            LogType.DateTime => value.DateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture),
            LogType.TimeSpan => OfTimeSpan(value.TimeSpan),
            LogType.Guid => value.Guid.ToString(),
            LogType.Dynamic => value.Dynamic?.ToString() ?? "",
            _ => value.Text,
        };
    }

    /// <summary>Writes a value as results do: numbers and truth values as such, an instant without needless zeros, what no JSON number can be (NaN) as a text.</summary>
    public static void Write(Utf8JsonWriter writer, LogType type, LogValue value)
    {
        if (value.IsNull)
        {
            writer.WriteNullValue();
            return;
        }

        switch (type)
        {
            case LogType.Bool:
                writer.WriteBooleanValue(value.Bool);
                break;
            case LogType.Int or LogType.Long:
                writer.WriteNumberValue(value.Long);
                break;
            case LogType.Real when double.IsFinite(value.Real):
                writer.WriteNumberValue(value.Real);
                break;
            case LogType.Real:
                writer.WriteStringValue(double.IsNaN(value.Real) ? "NaN" : value.Real > 0 ? "Infinity" : "-Infinity");
                break;
            case LogType.DateTime:
                writer.WriteStringValue(value.DateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture));
                break;
            case LogType.Dynamic:
                value.Dynamic!.WriteTo(writer);
                break;
            case LogType.String when value.Sealed is { Text: null }:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue(Of(type, value));
                break;
        }
    }

    private static string OfReal(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        }

        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny(".E") ? text : $"{text}.0";
    }

    private static string OfTimeSpan(TimeSpan value)
    {
        var clock = value.ToString(value.Ticks % TimeSpan.TicksPerSecond == 0 ? @"hh\:mm\:ss" : @"hh\:mm\:ss\.fffffff", CultureInfo.InvariantCulture);
        var days = value.Days == 0 ? "" : $"{Math.Abs((long)value.Days)}.";
        return $"{(value < TimeSpan.Zero ? "-" : "")}{days}{clock}";
    }
}
