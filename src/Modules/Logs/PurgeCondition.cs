using System.Globalization;
using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;

namespace Domicile.Modules.Logs;

/// <summary>A filter of a purge, understood. Filters are tried on entries as they are, so a person's column is compared by its token and nothing is shown to anybody.</summary>
internal sealed class PurgeCondition
{
    private const int ValuesMax = 1_000;
    private const int TextMax = 1_024;
    private readonly string _operator;
    private readonly IReadOnlyList<LogValue> _values;
    private readonly IReadOnlyList<string> _texts;

    private PurgeCondition(LogColumn column, string @operator, IReadOnlyList<LogValue> values, IReadOnlyList<string> texts) =>
        (Column, _operator, _values, _texts) = (column, @operator, values, texts);

    public LogColumn Column { get; }

    /// <summary>What a filter means; null when it means nothing.</summary>
    public static PurgeCondition? Of(LogTable table, PurgeFilter? filter)
    {
        if (filter is null || table.Columns.FirstOrDefault(column => column.Name == filter.Column) is not { } column || column.Type == LogType.Dynamic)
        {
            return null;
        }

        var isText = column.Type == LogType.String;
        var takesMany = filter.Operator is "in" or "in~" or "between";
        var known = filter.Operator is "==" or "in" || (isText ? filter.Operator is "=~" or "in~" : filter.Operator is ">" or ">=" or "<" or "<=" or "between");
        if (!known || (filter.Value.ValueKind == JsonValueKind.Array) != takesMany)
        {
            return null;
        }

        var elements = takesMany ? filter.Value.EnumerateArray().Take(ValuesMax + 1).ToList() : [filter.Value];
        if (elements.Count is 0 or > ValuesMax || (filter.Operator == "between" && elements.Count != 2))
        {
            return null;
        }

        var (values, texts) = (new List<LogValue>(), new List<string>());
        foreach (var element in elements)
        {
            if (Read(column, element) is not { } value)
            {
                return null;
            }

            values.Add(value);
            texts.Add(isText ? value.Text : "");
        }

        return new PurgeCondition(column, filter.Operator!, values, texts);
    }

    /// <summary>Whether a cell of the column meets it.</summary>
    public bool Holds(LogValue cell, ResourceLogs tables)
    {
        if (Column.Protection == LogProtection.Person)
        {
            // Nobody is nobody in particular; identifiers of people are compared as they are written.
            return cell.Sealed is { } person && person.Token != default && _texts.Any(text => tables.HashOf(text) == person.Token);
        }

        if (Column.Type == LogType.String)
        {
            (cell.Sealed as SealedCell)?.Open();
            var comparison = _operator is "=~" or "in~" ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
            return _texts.Any(text => string.Equals(text, cell.Text, comparison));
        }

        if (cell.IsNull)
        {
            return false;
        }

        return _operator switch
        {
            "==" or "in" => _values.Any(value => Compare(cell, value) == 0),
            ">" => Compare(cell, _values[0]) > 0,
            ">=" => Compare(cell, _values[0]) >= 0,
            "<" => Compare(cell, _values[0]) < 0,
            "<=" => Compare(cell, _values[0]) <= 0,
            _ => Compare(cell, _values[0]) >= 0 && Compare(cell, _values[1]) <= 0,
        };
    }

    private int Compare(LogValue one, LogValue other) => Column.Type == LogType.Real ? one.Real.CompareTo(other.Real) : one.Ticks.CompareTo(other.Ticks);

    /// <summary>A text; null when it has half a character, which JSON can say and nothing here holds.</summary>
    private static string? TextOf(JsonElement element)
    {
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static LogValue? Read(LogColumn column, JsonElement element) => (column.Type, element.ValueKind) switch
    {
        (LogType.String, JsonValueKind.String) when TextOf(element) is { Length: > 0 and <= TextMax } text => LogValue.Of(text),
        (LogType.DateTime, JsonValueKind.String) when WireTime.TryParse(TextOf(element), out var instant) => LogValue.Of(instant),
        (LogType.Int or LogType.Long, JsonValueKind.Number) when element.TryGetInt64(out var whole) => LogValue.Of(whole),
        (LogType.Int or LogType.Long, JsonValueKind.String) when long.TryParse(TextOf(element), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => LogValue.Of(whole),
        (LogType.Real, JsonValueKind.Number) when element.TryGetDouble(out var real) && double.IsFinite(real) => LogValue.Of(real),
        _ => null,
    };
}
