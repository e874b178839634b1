using System.Text.Json;

namespace Domicile.Modules.Logs.Query;

/// <summary>A result or an error: one of the two.</summary>
/// <param name="Result">What the query gives.</param>
/// <param name="Error">Why it gives nothing.</param>
internal sealed record LogQueryAnswer(LogQueryResult? Result, LogQueryError? Error);

/// <summary>What a query gives.</summary>
/// <param name="Table">The only table.</param>
/// <param name="Missing">Why rows are left out; null when none are.</param>
/// <param name="Render">The chart that the query asks for; null for a table.</param>
/// <param name="Statistics">What it took.</param>
internal sealed record LogQueryResult(LogResultTable Table, LogQueryPartial? Missing, LogRender? Render, LogQueryStatistics Statistics)
{
    /// <summary>Writes the value of the answer's <c>tables</c>: name, columns and rows.</summary>
    public void WriteTables(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        Table.WriteTo(writer);
        writer.WriteEndArray();
    }
}

/// <summary>A table of a result.</summary>
/// <param name="Name"><c>PrimaryResult</c>.</param>
/// <param name="Columns">Its columns.</param>
/// <param name="Rows">Its rows; of a protected column each cell was opened, or else is shown as null.</param>
internal sealed record LogResultTable(string Name, IReadOnlyList<LogResultColumn> Columns, IReadOnlyList<LogValue[]> Rows)
{
    /// <summary>Writes it as JSON.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", Name);
        writer.WriteStartArray("columns");
        foreach (var column in Columns)
        {
            writer.WriteStartObject();
            writer.WriteString("name", column.Name);
            writer.WriteString("type", LogTypes.NameOf(column.Type));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("rows");
        foreach (var row in Rows)
        {
            writer.WriteStartArray();
            for (var at = 0; at < row.Length; at++)
            {
                LogText.Write(writer, Columns[at].Type, row[at]);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}

/// <summary>A column of a result.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type.</param>
internal sealed record LogResultColumn(string Name, LogType Type);

/// <summary>Why a result lacks rows.</summary>
/// <param name="Message">A sentence with the limit.</param>
internal sealed record LogQueryPartial(string Message)
{
    /// <summary>Writes the value of the answer's <c>error</c>, which stands beside its tables.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("code", "PartialError");
        writer.WriteString("message", "There were some errors when processing your query.");
        writer.WriteStartArray("details");
        writer.WriteStartObject();
        writer.WriteString("code", "EngineError");
        writer.WriteString("message", "The result is not whole.");
        writer.WriteStartObject("innererror");
        writer.WriteString("code", "-2133196797");
        writer.WriteString("message", Message);
        writer.WriteNumber("severity", 2);
        writer.WriteString("severityName", "Error");
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}

/// <summary>What <c>render</c> asks for; the answer repeats it when the request wants it.</summary>
/// <param name="Visualization">The kind of chart.</param>
/// <param name="Properties">What stands behind <c>with</c>, by name.</param>
internal sealed record LogRender(string Visualization, IReadOnlyDictionary<string, string> Properties)
{
    /// <summary>Writes the value of the answer's <c>render</c>.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("visualization", Visualization);
        foreach (var (name, value) in Properties)
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
    }
}

/// <summary>What a query took.</summary>
/// <param name="Took">How long.</param>
/// <param name="RowsRead">Rows that came from the tables.</param>
/// <param name="RowsOpened">Rows in which protected cells were opened.</param>
/// <param name="StateBytes">Bytes, about, that it kept at most.</param>
/// <param name="ResultRows">Rows of the result.</param>
/// <param name="ResultBytes">Bytes of it, about.</param>
internal sealed record LogQueryStatistics(TimeSpan Took, long RowsRead, long RowsOpened, long StateBytes, long ResultRows, long ResultBytes)
{
    /// <summary>Writes the value of the answer's <c>statistics</c>.</summary>
    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("query");
        writer.WriteNumber("executionTime", Took.TotalSeconds);
        writer.WriteStartObject("resourceUsage");
        writer.WriteStartObject("memory");
        writer.WriteNumber("peak_per_node", StateBytes);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteStartObject("inputDatasetStatistics");
        writer.WriteStartObject("rows");
        writer.WriteNumber("total", RowsRead);
        writer.WriteNumber("scanned", RowsRead);
        writer.WriteNumber("opened", RowsOpened);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteStartArray("datasetStatistics");
        writer.WriteStartObject();
        writer.WriteNumber("tableRowCount", ResultRows);
        writer.WriteNumber("tableSize", ResultBytes);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
