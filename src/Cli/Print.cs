using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Domicile.Cli;

/// <summary>How answers are written.</summary>
internal static class Print
{
    /// <summary>As JSON, for machines.</summary>
    public static void Json<T>(this Terminal terminal, T value, JsonTypeInfo<T> type) =>
        terminal.Output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>A time, in UTC and to the second.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("u", CultureInfo.InvariantCulture);

    /// <summary>Any JSON as text: lists of objects as tables, objects as lines, deeper ones indented.</summary>
    public static void Text(TextWriter output, JsonElement value, string indent = "")
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                Members(output, value, indent);
                break;
            case JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object && item.EnumerateObject().All(member => IsFlat(member.Value))):
                Rows(output, value, indent);
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Text(output, item, indent);
                    output.WriteLine();
                }

                break;
            default:
                output.WriteLine(indent + Cell(value));
                break;
        }
    }

    private static void Members(TextWriter output, JsonElement value, string indent)
    {
        var table = new Table();
        var flat = value.EnumerateObject().Where(member => IsFlat(member.Value)).ToList();
        foreach (var member in flat)
        {
            table.Add(indent + member.Name, Cell(member.Value));
        }

        table.Write(output);
        foreach (var member in value.EnumerateObject().Where(member => !IsFlat(member.Value)))
        {
            output.WriteLine($"{indent}{Table.Clean(member.Name)}:");
            Text(output, member.Value, indent + "  ");
        }
    }

    private static void Rows(TextWriter output, JsonElement list, string indent)
    {
        var columns = list.EnumerateArray().SelectMany(item => item.EnumerateObject().Select(member => member.Name)).Distinct(StringComparer.Ordinal).ToList();
        if (columns.Count == 0)
        {
            output.WriteLine(indent + "(none)");
            return;
        }

        var table = new Table([.. columns.Select((column, index) => index == 0 ? indent + column : column)]);
        foreach (var item in list.EnumerateArray())
        {
            table.Add([.. columns.Select((column, index) => (index == 0 ? indent : "") + (item.TryGetProperty(column, out var cell) ? Cell(cell) : ""))]);
        }

        table.Write(output);
    }

    private static bool IsFlat(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => false,
        JsonValueKind.Array => value.EnumerateArray().All(item => item.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)),
        _ => true,
    };

    private static string Cell(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => "",
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Cell)),
        _ => value.ToString(),
    };
}
