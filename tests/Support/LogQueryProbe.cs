using System.Buffers;
using System.Text;
using System.Text.Json;
using Domicile.Modules.Logs.Query;

namespace Domicile.Tests.Support;

/// <summary>Runs queries and gives what a client would read.</summary>
internal static class LogQueryProbe
{
    /// <summary>The instant that every query takes as now.</summary>
    public static readonly DateTime Now = new(2026, 11, 28, 12, 0, 0, DateTimeKind.Utc);

    private static readonly JsonWriterOptions Writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Task<LogQueryAnswer> Run(string text, ILogTables? tables = null, LogQueryLimits? limits = null, LogTimeRange? range = null, TimeProvider? clock = null) => LogQuery.Run(
        new LogQueryRequest(text, range ?? LogTimeRange.All) { Limits = limits ?? LogQueryLimits.Default }, tables ?? new MemoryLogTables(), clock ?? new StoppedClock(), TestContext.Current.CancellationToken);

    /// <summary>The rows as JSON, one a line, under a line with the names and types of the columns.</summary>
    public static async Task<string> Table(string text, ILogTables? tables = null, LogTimeRange? range = null)
    {
        var answer = await Run(text, tables, range: range);
        Assert.True(answer.Error is null, answer.Error?.Message);
        return Table(answer.Result!);
    }

    public static string Table(LogQueryResult result)
    {
        using var json = JsonDocument.Parse(Json(result.WriteTables));
        var table = json.RootElement[0];
        return string.Join('\n',
            table.GetProperty("rows").EnumerateArray().Select(row => row.GetRawText())
                .Prepend(string.Join(' ', table.GetProperty("columns").EnumerateArray().Select(column => $"{column.GetProperty("name").GetString()}:{column.GetProperty("type").GetString()}"))));
    }

    /// <summary>The only cell of what a <c>print</c> gives, and its type.</summary>
    public static async Task<(string Type, string Json)> Value(string expression)
    {
        var answer = await Run($"print x = {expression}");
        Assert.True(answer.Error is null, $"{expression}: {answer.Error?.Message}");
        return (LogTypes.NameOf(answer.Result!.Table.Columns[0].Type), Json(writer => LogText.Write(writer, answer.Result.Table.Columns[0].Type, answer.Result.Table.Rows[0][0])));
    }

    public static async Task<LogQueryError> Error(string text, ILogTables? tables = null, LogQueryLimits? limits = null)
    {
        var answer = await Run(text, tables, limits);
        Assert.True(answer.Error is not null, $"No error: {text[..Math.Min(200, text.Length)]}");
        return answer.Error;
    }

    public static string Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(Now);

        public override long GetTimestamp() => 0;
    }
}
