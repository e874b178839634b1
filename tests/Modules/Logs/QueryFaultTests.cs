using System.Text.Json;
using Domicile.Modules.Logs.Query;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>What is no query, asks for what is not there, or asks for too much: an error that says where, and nothing else.</summary>
public sealed class QueryFaultTests
{
    private static readonly MemoryLogTables Tables = new MemoryLogTables().Add(
        new LogTable("Calls", [new("TimeGenerated", LogType.DateTime), new("Name", LogType.String), new("Ms", LogType.Int), new("Scopes", LogType.Dynamic)]), []);

    [Theory]
    // What does not parse.
    [InlineData("", "SYN0002", 1, 0)]
    [InlineData("Calls |", "SYN0002", 1, 7)]
    [InlineData("Calls | whre Ms > 1", "SYN0002", 1, 8)]
    [InlineData("Calls\n| where Ms >", "SYN0002", 2, 12)]
    [InlineData("Calls\r\n| where Ms = 1", "SYN0002", 2, 11)]
    [InlineData("Calls | where (Ms > 1", "SYN0002", 1, 21)]
    [InlineData("Calls | where Name == 'x", "SYN0002", 1, 22)]
    [InlineData("Calls | where Name == 'a\\q'", "SYN0002", 1, 24)]
    [InlineData("Calls | project", "SYN0002", 1, 15)]
    [InlineData("Calls | where Ms > 1x", "SYN0002", 1, 19)]
    [InlineData("Calls | where Ms > 99999999999999999999", "SYN0002", 1, 19)]
    [InlineData("Calls | where TimeGenerated > datetime(not a date)", "SYN0002", 1, 30)]
    [InlineData("Calls | where TimeGenerated > datetime(2026", "SYN0002", 1, 30)]
    [InlineData("Calls | order Ms", "SYN0002", 1, 14)]
    [InlineData("Calls ; Calls", "SYN0002", 1, 8)]
    [InlineData("Calls | where Ms in 1", "SYN0002", 1, 20)]
    [InlineData("Calls § count", "SYN0002", 1, 6)]
    [InlineData("let x = ; Calls", "SYN0002", 1, 8)]
    [InlineData("Calls | join kind=sideways Calls on Ms", "SYN0002", 1, 18)]
    [InlineData("completely invalid syntax", "SYN0002", 1, 11)]
    // What parses and is not there.
    [InlineData("Cals | count", "SEM0100", 1, 0)]
    [InlineData("calls | count", "SEM0100", 1, 0)]
    [InlineData("Calls\n| where Nme == 1", "SEM0100", 2, 8)]
    [InlineData("Calls | project ms", "SEM0100", 1, 16)]
    [InlineData("Calls | project-away Nme", "SEM0100", 1, 21)]
    [InlineData("Calls | project-rename a = b", "SEM0100", 1, 27)]
    [InlineData("Calls | extend x = nosuch(1)", "SEM0260", 1, 19)]
    [InlineData("Calls | summarize count() by Nme", "SEM0100", 1, 29)]
    [InlineData("Calls | join Calls on Nme", "SEM0100", 1, 22)]
    // What is there and does not fit.
    [InlineData("Calls | where Ms", "SEM0001", 1, 14)]
    [InlineData("Calls | where Name > 5", "SEM0001", 1, 19)]
    [InlineData("Calls | where TimeGenerated > '2026-01-01'", "SEM0001", 1, 28)]
    [InlineData("Calls | where Ms has 'x'", "SEM0001", 1, 14)]
    [InlineData("Calls | extend x = Name + 1", "SEM0001", 1, 24)]
    [InlineData("Calls | extend x = strlen()", "SEM0001", 1, 19)]
    [InlineData("Calls | extend x = strlen(5)", "SEM0001", 1, 26)]
    [InlineData("Calls | extend x = sum(Ms)", "SEM0001", 1, 19)]
    [InlineData("Calls | summarize Ms", "SEM0001", 1, 18)]
    [InlineData("Calls | summarize sum(sum(Ms))", "SEM0001", 1, 22)]
    [InlineData("Calls | summarize sum(Name)", "SEM0001", 1, 22)]
    [InlineData("Calls | summarize percentile(Ms, 101)", "SEM0001", 1, 33)]
    [InlineData("Calls | summarize percentile(Ms, Ms)", "SEM0001", 1, 33)]
    [InlineData("Calls | take -1", "SEM0001", 1, 13)]
    [InlineData("Calls | take Ms", "SEM0100", 1, 13)]
    [InlineData("Calls | where Name.x == 1", "SEM0001", 1, 19)]
    [InlineData("Calls | where Name matches regex '['", "SEM0001", 1, 33)]
    [InlineData("Calls | where Name matches regex '(?=a)b'", "SEM0001", 1, 33)]
    [InlineData("Calls | where Name matches regex Name", "SEM0001", 1, 33)]
    [InlineData("Calls | extend a = 1, a = 2", "SEM0001", 1, 22)]
    [InlineData("let x = 5; x | count", "SEM0001", 1, 11)]
    [InlineData("let x = x; print x", "SEM0100", 1, 8)]
    [InlineData("print format_datetime(now(), 'yyyyQ')", "SEM0001", 1, 29)]
    [InlineData("print datetime_add('eon', 1, now())", "SEM0001", 1, 19)]
    [InlineData("range x from 1 to 5 step 0", "SEM0001", 1, 0)]
    // What the language has and is not here.
    [InlineData("Calls | mv-expand Scopes", "SEM0002", 1, 8)]
    [InlineData("Calls | where Name in (Calls | project Name)", "SEM0002", 1, 29)]
    [InlineData("let f = (x: long) { x }; print f(1)", "SEM0002", 1, 8)]
    [InlineData("union Ca*", "SEM0002", 1, 6)]
    [InlineData("workspace('x') | count", "SEM0002", 1, 0)]
    [InlineData("print toscalar(1)", "SEM0002", 1, 6)]
    public async Task A_fault_is_told_with_its_place(string query, string code, int line, int position)
    {
        var error = await LogQueryProbe.Error(query, Tables);
        Assert.Equal((code, line, position), (error.Code, error.Line, error.Position));
        Assert.EndsWith($", on line [{line},{position}].", error.Message, StringComparison.Ordinal);
        Assert.Equal(400, error.Status);
    }

    [Fact]
    public async Task An_error_is_written_as_the_query_api_does()
    {
        var error = await LogQueryProbe.Error("Calls\n| where Nme == 1", Tables);
        using var json = JsonDocument.Parse(LogQueryProbe.Json(writer => error.WriteTo(writer, "correlation")));
        Assert.Equal("BadArgumentError", json.RootElement.GetProperty("code").GetString());
        var inner = json.RootElement.GetProperty("innererror");
        Assert.Equal("SemanticError", inner.GetProperty("code").GetString());
        var place = inner.GetProperty("innererror");
        Assert.Equal(("SEM0100", 2, 8, "Nme"), (place.GetProperty("code").GetString(), place.GetProperty("line").GetInt32(), place.GetProperty("pos").GetInt32(), place.GetProperty("token").GetString()));
    }

    [Fact]
    public async Task Text_that_is_too_long_is_not_read() =>
        Assert.Equal("LIM0001", (await LogQueryProbe.Error("print " + new string('1', 1 << 20))).Code);

    [Theory]
    [InlineData("(", "1", ")")]
    [InlineData("not(", "true", ")")]
    [InlineData("-", "1", "")]
    [InlineData("1 + ", "1", "")]
    [InlineData("", "1", " + 1")]
    [InlineData("", "dynamic({})", ".a")]
    [InlineData("", "dynamic({})", "['a']")]
    [InlineData("case(true, 1, ", "1", ")")]
    [InlineData("1 in (", "1", ")")]
    public async Task Nesting_has_an_end(string open, string middle, string close)
    {
        string Nested(int depth) => $"print x = {string.Concat(Enumerable.Repeat(open, depth))}{middle}{string.Concat(Enumerable.Repeat(close, depth))}";
        Assert.Equal("LIM0002", (await LogQueryProbe.Error(Nested(4_000))).Code);
        Assert.True((await LogQueryProbe.Run(Nested(3))).Error is null or { Code: "SEM0001" });
    }

    [Fact]
    public async Task Subqueries_and_steps_have_an_end()
    {
        Assert.Equal("LIM0002", (await LogQueryProbe.Error(string.Concat(Enumerable.Repeat("(", 5_000)) + "print 1" + string.Concat(Enumerable.Repeat(")", 5_000)))).Code);
        Assert.Equal("LIM0002", (await LogQueryProbe.Error("print x = 1" + string.Concat(Enumerable.Repeat(" | where x == 1", 1_000)))).Code);
        Assert.Equal("LIM0002", (await LogQueryProbe.Error("print x = 1" + string.Concat(Enumerable.Repeat(" | union (print x = 1", 200)) + new string(')', 200))).Code);

        // Each name stands for twice what the one before does.
        var doubling = string.Concat(Enumerable.Range(1, 40).Select(number => $"let t{number} = union t{number - 1}, t{number - 1}; "));
        Assert.Equal("LIM0002", (await LogQueryProbe.Error($"let t0 = print x = 1; {doubling} t40 | count")).Code);
    }

    [Fact]
    public async Task A_long_list_and_a_long_chain_of_conditions_are_no_nesting()
    {
        Assert.Null((await LogQueryProbe.Run($"print x = 5 in ({string.Join(", ", Enumerable.Range(0, 5_000))})")).Error);
        Assert.Null((await LogQueryProbe.Run($"print x = {string.Join(" or ", Enumerable.Range(0, 1_000).Select(number => $"1 == {number}"))}")).Error);
        Assert.Equal("LIM0002", (await LogQueryProbe.Error($"print x = 5 in ({string.Join(",", Enumerable.Range(0, 12_000))})")).Code);
    }

    [Fact]
    public async Task Time_has_an_end_where_the_query_stands()
    {
        var clock = new SteppingClock();
        var error = await RunOn(clock, "range x from 1 to 1000000000000 step 1\n| where x % 2 == 3\n| count");
        Assert.Equal((504, LogQueryError.OutOfTime), (error.Status, error.Code));
        var cross = await RunOn(clock, "range x from 1 to 10000 step 1 | extend k = 1 | join kind=inner (range y from 1 to 10000 step 1 | extend k = 1) on k | count");
        Assert.Equal((504, LogQueryError.OutOfTime), (cross.Status, cross.Code));
        Assert.Equal(48, cross.Position);
    }

    [Fact]
    public async Task Time_has_an_end_while_storage_is_waited_for()
    {
        var tables = new MemoryLogTables { Waits = cancel => Task.Delay(Timeout.Infinite, cancel) }.Add(new LogTable("Calls", [new("TimeGenerated", LogType.DateTime)]), []);
        var answer = await LogQueryProbe.Run("Calls | count", tables, LogQueryLimits.Default with { Time = TimeSpan.FromMilliseconds(20) }, clock: TimeProvider.System);
        Assert.Equal(LogQueryError.OutOfTime, answer.Error?.Code);
    }

    [Fact]
    public async Task Whoever_waits_no_more_ends_the_query()
    {
        using var cancel = new CancellationTokenSource();
        var tables = new MemoryLogTables { Waits = token => cancel.CancelAsync() }.Add(new LogTable("Calls", [new("TimeGenerated", LogType.DateTime)]), []);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => LogQuery.Run(new LogQueryRequest("Calls | count", LogTimeRange.All), tables, TimeProvider.System, cancel.Token));
    }

    [Fact]
    public void Time_has_an_end_within_a_batch()
    {
        using var timeout = new CancellationTokenSource();
        var meter = new Meter(LogQueryLimits.Default, TimeProvider.System, TestContext.Current.CancellationToken, timeout.Token);
        var batch = new LogBatch(1);
        for (var row = 0; row < 100; row++)
        {
            batch.Add();
        }

        var slow = new Slow(timeout);
        Assert.Equal(LogQueryError.OutOfTime, Assert.Throws<QueryFault>(() => batch.Keep(slow, meter, 7)).Code);
        Assert.Equal(3, slow.Asked);
    }

    [Theory]
    [InlineData("range x from 1 to 100000000 step 1 | summarize count() by x", 1, 37)]
    [InlineData("range x from 1 to 100000000 step 1 | distinct x", 1, 37)]
    [InlineData("range x from 1 to 100000000 step 1 | order by x", 1, 37)]
    [InlineData("range x from 1 to 100000000 step 1 | summarize dcount(x)", 1, 47)]
    [InlineData("range x from 1 to 100000000 step 1 | summarize make_set(tostring(x), 900000)", 1, 47)]
    [InlineData("range x from 1 to 100000000 step 1 | summarize percentile(x, 50)", 1, 47)]
    [InlineData("print k = 1 | join (range k from 1 to 100000000 step 1) on k", 1, 14)]
    [InlineData("range x from 1 to 100000000 step 1 | extend s = strrep(tostring(x), 1024) | extend t = strcat(s, s, s, s, s, s) | count", 1, 48)]
    public async Task Memory_has_an_end_where_the_query_needs_it(string query, int line, int position)
    {
        var error = await LogQueryProbe.Error(query, limits: LogQueryLimits.Default with { StateBytes = 4 << 20 });
        Assert.Equal((LogQueryFault.Limit, "LIM0004", line, position), (error.Fault, error.Code, error.Line, error.Position));
    }

    [Fact]
    public async Task What_is_built_and_let_go_again_is_not_counted_twice() => Assert.Equal(
        "Count:long\n[20000]",
        LogQueryProbe.Table((await LogQueryProbe.Run("range x from 1 to 20000 step 1 | extend s = strrep(tostring(x), 100) | where s != '' | count", limits: LogQueryLimits.Default with { StateBytes = 4 << 20 })).Result!));

    [Fact]
    public async Task One_value_has_an_end() =>
        Assert.Equal("LIM0006", (await LogQueryProbe.Error("print x = strrep(strrep('0123456789', 1024), 1024)")).Code);

    [Theory]
    [InlineData("(a|a)*b")]
    [InlineData("(a+)+$")]
    [InlineData("^(([a-z])+.)+[A-Z]([a-z])+$")]
    [InlineData("(.*)*(.*)*(.*)*x")]
    public async Task A_regular_expression_that_would_explode_elsewhere_ends_at_once(string pattern)
    {
        var answer = await LogQueryProbe.Run($"range x from 1 to 10 step 1 | where strrep('a', 1000) matches regex @'{pattern}' | count");
        Assert.True(answer.Error is null or { Code: LogQueryError.OutOfTime });
    }

    [Theory]
    [InlineData("a{100000}")]
    [InlineData("((a{100}){100}){100}")]
    [InlineData("(((((a{9}){9}){9}){9}){9}){9}")]
    [InlineData("a{99999999999999999999}")]
    public async Task A_regular_expression_that_would_need_too_many_states_is_refused(string pattern) =>
        Assert.Equal("LIM0007", (await LogQueryProbe.Error($"print 'a' matches regex @'{pattern}'")).Code);

    [Fact]
    public async Task A_result_with_too_many_rows_or_bytes_is_cut_and_says_so()
    {
        var rows = (await LogQueryProbe.Run("range x from 1 to 100 step 1", limits: LogQueryLimits.Default with { ResultRows = 10 })).Result!;
        Assert.Equal(10, rows.Table.Rows.Count);
        Assert.Contains("10 records", rows.Missing!.Message, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(LogQueryProbe.Json(rows.Missing.WriteTo));
        Assert.Equal("PartialError", json.RootElement.GetProperty("code").GetString());
        var bytes = (await LogQueryProbe.Run("range x from 1 to 100 step 1 | extend s = strrep('a', 1000)", limits: LogQueryLimits.Default with { ResultBytes = 20_000 })).Result!;
        Assert.InRange(bytes.Table.Rows.Count, 5, 10);
        Assert.NotNull(bytes.Missing);
        Assert.Null((await LogQueryProbe.Run("range x from 1 to 10 step 1", limits: LogQueryLimits.Default with { ResultRows = 10 })).Result!.Missing);
    }

    private static async Task<LogQueryError> RunOn(TimeProvider clock, string query)
    {
        var answer = await LogQueryProbe.Run(query, clock: clock);
        return answer.Error ?? throw new InvalidOperationException("The query came to an end.");
    }

    /// <summary>A condition during which the time is over.</summary>
    private sealed class Slow(CancellationTokenSource timeout) : Scalar(LogType.Bool)
    {
        public int Asked { get; private set; }

        public override LogValue Eval(ReadOnlySpan<LogValue> row)
        {
            if (++Asked == 3)
            {
                timeout.Cancel();
            }

            return LogValue.True;
        }
    }

    /// <summary>A clock on which each look is a second after the one before.</summary>
    private sealed class SteppingClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks += TimeSpan.TicksPerSecond;
    }
}
