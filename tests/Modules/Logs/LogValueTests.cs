using System.Buffers;
using System.Text;
using System.Text.Json;
using Domicile.Modules.Logs.Query;

namespace Domicile.Tests.Modules.Logs;

/// <summary>Cells: what they equal, and how they read as text and as JSON.</summary>
public sealed class LogValueTests
{
    [Fact]
    public void Values_equal_values_and_null_equals_null()
    {
        Assert.Equal(LogValue.Of(5L), LogValue.Of(5L));
        Assert.NotEqual(LogValue.Of(5L), LogValue.Null);
        Assert.Equal(LogValue.Null, default);
        Assert.Equal(LogValue.Of(0.0), LogValue.Of(-0.0));
        Assert.Equal(LogValue.Of("a"), LogValue.Of(new string(['a'])));
        Assert.NotEqual(LogValue.Of("a"), LogValue.Of("A"));
        Assert.Equal(LogValue.Empty, LogValue.Of((string?)null));
    }

    [Fact]
    public void A_sealed_cell_equals_another_of_the_same_token_and_no_text()
    {
        var one = LogValue.Of(new LogSealed(new LogToken(7)));
        Assert.Equal(one, LogValue.Of(new LogSealed(new LogToken(7)) { Text = "opened" }));
        Assert.Equal(one.GetHashCode(), LogValue.Of(new LogSealed(new LogToken(7))).GetHashCode());
        Assert.NotEqual(one, LogValue.Of(new LogSealed(new LogToken(8))));
        Assert.NotEqual(one, LogValue.Empty);
    }

    [Theory]
    [InlineData("{\"a\":[1,2.5,\"x\",null,true]}", "{\"a\":[1,2.5,\"x\",null,true]}")]
    [InlineData("\"text\"", "text")]
    [InlineData("12", "12")]
    [InlineData("no json {", "no json {")]
    [InlineData("[1,2", "[1,2")]
    [InlineData("1 2", "1 2")]
    public void A_dynamic_reads_as_its_json_and_a_text_that_is_none_is_itself(string text, string read) => Assert.Equal(read, LogDynamic.Parse(text)!.ToString());

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    public void Nothing_is_null(string text) => Assert.Null(LogDynamic.Parse(text));

    [Fact]
    public void Json_that_nests_too_deeply_stays_a_text()
    {
        var deep = new string('[', 10_000) + new string(']', 10_000);
        Assert.False(LogDynamic.TryParse(deep, out _));
        Assert.Equal(LogType.String, LogDynamic.Parse(deep)!.Type);
    }

    [Fact]
    public void Members_and_items_are_found_and_what_is_not_there_is_null()
    {
        var bag = LogDynamic.Parse("""{"a":{"b":[10,20,30]}}""")!;
        var items = bag.Member("a")!.Member("b")!;
        Assert.Equal(30, items.Item(2)!.Scalar.Long);
        Assert.Equal(30, items.Item(-1)!.Scalar.Long);
        Assert.Null(items.Item(3));
        Assert.Null(items.Item(-4));
        Assert.Null(bag.Member("A"));
        Assert.Null(items.Member("a"));
    }

    [Fact]
    public void Values_are_written_as_results_have_them()
    {
        Assert.Equal("2026-11-28T12:00:00Z", Json(LogType.DateTime, LogValue.Of(new DateTime(2026, 11, 28, 12, 0, 0, DateTimeKind.Utc))).Trim('"'));
        Assert.Equal("2026-11-28T12:00:00.0000001Z", Json(LogType.DateTime, LogValue.Of(new DateTime(2026, 11, 28, 12, 0, 0, DateTimeKind.Utc).AddTicks(1))).Trim('"'));
        Assert.Equal("\"-1.01:00:00\"", Json(LogType.TimeSpan, LogValue.Of(TimeSpan.FromHours(-25))));
        Assert.Equal("\"00:00:00.5000000\"", Json(LogType.TimeSpan, LogValue.Of(TimeSpan.FromMilliseconds(500))));
        Assert.Equal("\"NaN\"", Json(LogType.Real, LogValue.Of(double.NaN)));
        Assert.Equal("2.5", Json(LogType.Real, LogValue.Of(2.5)));
        Assert.Equal("null", Json(LogType.Long, LogValue.Null));
        Assert.Equal("null", Json(LogType.String, LogValue.Of(new LogSealed(default))));
        Assert.Equal("true", Json(LogType.Bool, LogValue.True));
        Assert.Equal("2.0", LogText.Of(LogType.Real, LogValue.Of(2.0)));
        Assert.Equal("2026-11-28T12:00:00.0000000Z", LogText.Of(LogType.DateTime, LogValue.Of(new DateTime(2026, 11, 28, 12, 0, 0, DateTimeKind.Utc))));
        Assert.Equal("", LogText.Of(LogType.Long, LogValue.Null));
    }

    [Fact]
    public void A_batch_grows_and_its_rows_stay()
    {
        var batch = new LogBatch(2, 1);
        for (var at = 0; at < 5; at++)
        {
            batch.Add()[1] = LogValue.Of((long)at);
        }

        batch.RemoveLast();
        Assert.Equal(4, batch.Count);
        Assert.Equal([0L, 1, 2, 3], Enumerable.Range(0, 4).Select(row => batch[row][1].Long));
        Assert.True(batch.Add()[1].IsNull);
    }

    private static string Json(LogType type, LogValue value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            LogText.Write(writer, type, value);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
