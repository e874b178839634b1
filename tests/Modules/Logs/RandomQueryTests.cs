using System.Globalization;
using Domicile.Modules.Logs.Query;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>Whatever is asked, there is an answer; and what is asked of random rows is what LINQ finds in them. A failure names its seed.</summary>
public sealed class RandomQueryTests
{
    private static readonly LogQueryLimits Small = LogQueryLimits.Default with { StateBytes = 4 << 20, ValueCharacters = 10_000, ResultRows = 1_000, ResultBytes = 1 << 20 };

    private static readonly string[] Pieces =
    [
        "|", "(", ")", "[", "]", "{", "}", ",", ";", ".", "..", "=", "==", "!=", "=~", "!~", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "!", "~", ":", "where", "project", "extend", "summarize", "by", "count",
        "order", "sort", "asc", "desc", "nulls", "first", "take", "top", "distinct", "union", "join", "kind", "inner", "on", "render", "let", "print", "range", "from", "to", "step", "datatable", "and", "or", "not", "in",
        "between", "has", "has_any", "contains", "startswith", "matches", "regex", "bin", "ago", "now", "iff", "case", "strcat", "sum", "dcount", "percentile", "arg_max", "make_set", "typeof", "long", "null", "true",
        "datetime(", "datetime(2026-11-27)", "dynamic({\"a\":[1]})", "guid(", "1", "0", "-1", "2.5", "1h", "5m", "9223372036854775807", "'x'", "\"", "'", "@'", "```", "$left", "$right", "ACSChatIncomingOperations",
        "ACSAuthIncomingOperations", "UserId", "CallerIpAddress", "DurationMs", "TimeGenerated", "Scopes", "ResultSignature", "project-away", "project-rename", "//", "\n", " ", "é", "\0", "\uD83D", "𝄞",
    ];

    private static readonly string[] Arguments =
    [
        "1", "0", "-1", "3", "9223372036854775807", "-9223372036854775807 - 1", "long(null)", "int(2147483647)", "int(null)", "1.5", "-0.0", "1e308", "real(nan)", "real(+inf)", "real(null)", "true", "bool(null)", "''", "'a'", "'day'",
        "'month'", "'yyyy-MM'", "'(a)|(b)'", "'a-b-c'", "'{\"a\":[1,{\"b\":null}]}'", "datetime(0001-01-01)", "datetime(9999-12-31T23:59:59.9999999)", "datetime(2026-02-28)", "datetime(null)", "1d", "-1tick", "0s",
        "10675199d", "-10675199d", "timespan(null)", "dynamic([1,'a',null,[2],{\"k\":1}])", "dynamic({\"k\":{\"l\":1}})", "dynamic(null)", "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "guid(null)", "n", "r", "s", "t", "d", "p", "typeof(real)", "*",
    ];

    [Fact]
    public async Task Tokens_in_any_order_are_answered()
    {
        var random = new Random(Seed(1));
        for (var number = 0; number < 4_000; number++)
        {
            var text = string.Join(random.Next(3) == 0 ? "" : " ", Enumerable.Range(0, random.Next(1, 30)).Select(_ => Pieces[random.Next(Pieces.Length)]));
            await AssertAnswered(text);
        }
    }

    [Fact]
    public async Task Queries_with_pieces_lost_doubled_and_swapped_are_answered()
    {
        var random = new Random(Seed(2));
        var queries = NamedQuery.All.Values.Select(query => query.Text).ToArray();
        var bound = 0;
        for (var number = 0; number < 4_000; number++)
        {
            var text = queries[random.Next(queries.Length)];
            for (var change = random.Next(1, 3); change > 0; change--)
            {
                var at = random.Next(text.Length);
                var length = Math.Min(random.Next(1, 6), text.Length - at);
                text = random.Next(5) switch
                {
                    0 => text.Remove(at, length),
                    1 => text.Insert(at, text.Substring(at, length)),
                    2 => text.Insert(at, $" {Pieces[random.Next(Pieces.Length)]} "),
                    3 => text[..at] + (char)random.Next(32, 400) + text[(at + 1)..],
                    _ => text.Replace(Word(text, at), Word(text, random.Next(text.Length)), StringComparison.Ordinal),
                };
                text = text.Length == 0 ? " " : text;
            }

            bound += await AssertAnswered(text) ? 1 : 0;
        }

        // Enough of them still mean something, so that more than the parser was shaken.
        Assert.InRange(bound, 150, 4_000);
    }

    [Fact]
    public async Task Every_function_and_aggregate_answers_any_arguments()
    {
        var random = new Random(Seed(3));
        const string Rows = "datatable (n: long, r: real, s: string, t: datetime, d: timespan, p: dynamic) "
            + "[1, 2.5, 'ab', datetime(2026-11-28), 1h, dynamic([1]), long(null), real(null), '', datetime(null), timespan(null), dynamic(null), "
            + "-9223372036854775807, -1e308, 'x/y', datetime(9999-12-31T23:59:59.9999999), -10675199d, dynamic({'a': 'b'})]";
        var answered = 0;
        foreach (var name in Functions.Names)
        {
            for (var time = 0; time < 30; time++)
            {
                var call = $"{name}({string.Join(", ", Enumerable.Range(0, random.Next(0, 5)).Select(_ => Arguments[random.Next(Arguments.Length)]))})";
                answered += await AssertAnswered($"{Rows} | extend x = {call}") ? 1 : 0;
            }
        }

        string[] aggregates =
            ["count", "countif", "sum", "sumif", "avg", "avgif", "min", "max", "minif", "dcount", "dcountif", "count_distinct", "stdev", "variance", "percentile", "percentiles", "make_list", "make_set", "make_set_if", "arg_max", "arg_min", "take_any", "any"];
        foreach (var name in aggregates)
        {
            for (var time = 0; time < 30; time++)
            {
                var call = $"{name}({string.Join(", ", Enumerable.Range(0, random.Next(0, 4)).Select(_ => Arguments[random.Next(Arguments.Length)]))})";
                answered += await AssertAnswered($"{Rows} | summarize {call} by {Arguments[random.Next(Arguments.Length)]}") ? 1 : 0;
            }
        }

        string[] operators = ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "=~", "has", "!contains", "startswith", "in", "matches regex", "and", "or", "hasprefix"];
        for (var time = 0; time < 1_500; time++)
        {
            var name = operators[random.Next(operators.Length)];
            answered += await AssertAnswered($"{Rows} | extend x = ({Arguments[random.Next(Arguments.Length)]}) {name} ({Arguments[random.Next(Arguments.Length)]})") ? 1 : 0;
        }

        Assert.InRange(answered, 500, int.MaxValue);
    }

    [Fact]
    public async Task Filters_groups_and_orders_find_what_linq_finds()
    {
        var random = new Random(Seed(4));
        for (var round = 0; round < 40; round++)
        {
            var rows = Enumerable.Range(0, random.Next(0, 300)).Select(_ => Row.Any(random)).ToList();
            var tables = new MemoryLogTables { IsCoarse = random.Next(2) == 0 }.Add(Row.Table, rows.Select(row => row.Cells));
            var (text, meets) = Condition.Any(random, 3);
            var kept = rows.Where(row => meets(row) == true).ToList();
            var said = $"seed {Seed(4)}, round {round}: {text}";

            var counted = await Rows($"T | where {text} | count", tables);
            Assert.True(counted[0][0].Long == kept.Count, said);

            var listed = await Rows($"T | where {text} | order by Ms asc nulls last, Code desc | project Ms, Code", tables);
            var ordered = kept.OrderBy(row => row.Ms is null).ThenBy(row => row.Ms).ThenByDescending(row => row.Code, StringComparer.Ordinal);
            Assert.True(listed.Select(row => (row[0].IsNull ? null : (long?)row[0].Long, row[1].Text)).SequenceEqual(ordered.Select(row => (row.Ms, row.Code))), said);

            var grouped = await Rows(
                $"T | where {text} | summarize n = count(), sum(Ms), min(Ms), max(Score), avg(Score), dcount(Who), percentile(Ms, 75), countif(Ms > 50) by Code, Hour = bin(TimeGenerated, 1h) | order by Code asc, Hour asc", tables);
            var expected = kept.GroupBy(row => (row.Code, row.At.Ticks / TimeSpan.TicksPerHour)).OrderBy(group => group.Key.Code, StringComparer.Ordinal).ThenBy(group => group.Key.Item2).ToList();
            Assert.True(grouped.Count == expected.Count, said);
            foreach (var (cells, group) in grouped.Zip(expected))
            {
                var ms = group.Where(row => row.Ms is not null).Select(row => row.Ms!.Value).Order().ToList();
                Assert.True(cells[0].Text == group.Key.Code && cells[1].Ticks == group.Key.Item2 * TimeSpan.TicksPerHour && cells[2].Long == group.Count() && cells[3].Long == ms.Sum(), said);
                Assert.True(ms.Count == 0 ? cells[4].IsNull && cells[8].IsNull : cells[4].Long == ms[0] && cells[8].Long == ms[(int)Math.Ceiling(0.75 * ms.Count) - 1], said);
                Assert.True(cells[5].Real == group.Max(row => row.Score) && Math.Abs(cells[6].Real - group.Average(row => row.Score)) < 1e-9, said);
                Assert.True(cells[7].Long == group.Select(row => row.Who).Distinct().Count() && cells[9].Long == group.Count(row => row.Ms > 50), said);
            }

            var top = await Rows($"T | where {text} | top 7 by Score desc, Ms asc | project Score", tables);
            Assert.True(top.Select(row => row[0].Real).SequenceEqual(kept.Select(row => row.Score).OrderDescending().Take(7)), said);

            var joined = await Rows($"T | where {text} | project Code | join kind=inner (T | project Code, Ms) on Code | count", tables);
            Assert.True(joined[0][0].Long == kept.Sum(row => rows.Count(other => other.Code == row.Code)), said);
        }
    }

    private static int Seed(int test) => 20_261_128 + test;

    private static string Word(string text, int at)
    {
        var start = at;
        while (start > 0 && char.IsLetterOrDigit(text[start - 1]))
        {
            start--;
        }

        while (at < text.Length && char.IsLetterOrDigit(text[at]))
        {
            at++;
        }

        return start < at ? text[start..at] : text.Substring(start, 1);
    }

    /// <summary>An answer, whatever it is, that can be written; true when it is a result.</summary>
    private static async Task<bool> AssertAnswered(string text)
    {
        try
        {
            var answer = await LogQueryProbe.Run(text, TownLogs.Tables(), Small);
            Assert.NotEqual(answer.Result is null, answer.Error is null);
            if (answer.Result is { } result)
            {
                LogQueryProbe.Json(result.WriteTables);
                return true;
            }

            Assert.InRange(answer.Error!.Line, 1, text.Count(c => c == '\n') + 1);
            Assert.InRange(answer.Error.Position, 0, text.Length);
            LogQueryProbe.Json(writer => answer.Error.WriteTo(writer, "id"));
            return false;
        }
        catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{text}\n{exception}");
            return false;
        }
    }

    private static async Task<IReadOnlyList<LogValue[]>> Rows(string text, MemoryLogTables tables)
    {
        var answer = await LogQueryProbe.Run(text, tables);
        Assert.True(answer.Error is null, $"{text}: {answer.Error?.Message}");
        return answer.Result!.Table.Rows;
    }

    private sealed record Row(DateTime At, string Code, long? Ms, double Score, string Who)
    {
        public static readonly LogTable Table = new(
            "T", [new("TimeGenerated", LogType.DateTime), new("Code", LogType.String), new("Ms", LogType.Long), new("Score", LogType.Real), new("Who", LogType.String, LogProtection.Person)]);

        public object?[] Cells => [At, Code, Ms, Score, Who];

        public static Row Any(Random random) => new(
            new DateTime(2026, 11, 28, 0, 0, 0, DateTimeKind.Utc).AddMinutes(random.Next(0, 300)),
            (string[])["200", "201", "404", "500", ""] is var codes ? codes[random.Next(codes.Length)] : "",
            random.Next(5) == 0 ? null : random.Next(0, 100),
            random.Next(0, 1_000) / 8.0,
            $"person{random.Next(0, 6)}");
    }

    /// <summary>Conditions as a query has them and as LINQ has them; null is unknown in both.</summary>
    private static class Condition
    {
        public static (string Text, Func<Row, bool?> Meets) Any(Random random, int depth)
        {
            if (depth > 0 && random.Next(3) > 0)
            {
                var (left, right) = (Any(random, depth - 1), Any(random, depth - 1));
                return random.Next(3) switch
                {
                    0 => ($"({left.Text} and {right.Text})", row => left.Meets(row) & right.Meets(row)),
                    1 => ($"({left.Text} or {right.Text})", row => left.Meets(row) | right.Meets(row)),
                    _ => ($"not({left.Text})", row => !left.Meets(row)),
                };
            }

            var number = random.Next(0, 100);
            var minutes = random.Next(0, 300);
            var instant = new DateTime(2026, 11, 28, 0, 0, 0, DateTimeKind.Utc).AddMinutes(minutes);
            var literal = $"datetime({instant.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)})";
            return random.Next(12) switch
            {
                0 => ($"Ms > {number}", row => row.Ms is null ? null : row.Ms > number),
                1 => ($"{number} >= Ms", row => row.Ms is null ? null : number >= row.Ms),
                2 => ($"Ms == {number}", row => row.Ms == number),
                3 => ($"Ms != {number}", row => row.Ms != number),
                4 => ("Code == '404'", row => row.Code == "404"),
                5 => ("Code in ('200', '')", row => row.Code is "200" or ""),
                6 => ("Code startswith '2'", row => row.Code.StartsWith('2')),
                7 => ($"TimeGenerated >= {literal}", row => row.At >= instant),
                8 => ($"TimeGenerated between ({literal} .. 1h)", row => row.At >= instant && row.At <= instant.AddHours(1)),
                9 => ($"Score * 2 < {number}.5", row => row.Score * 2 < number + 0.5),
                10 => ($"Who == 'person{number % 7}'", row => row.Who == $"person{number % 7}"),
                _ => ($"Ms between ({number / 2} .. {number})", row => row.Ms is null ? null : row.Ms >= number / 2 && row.Ms <= number),
            };
        }
    }
}
