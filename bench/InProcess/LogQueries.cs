using System.Diagnostics;
using System.Runtime.CompilerServices;
using Domicile.Modules.Logs.Query;

namespace Domicile.Bench.InProcess;

/// <summary>
/// The query language alone: rows that are in memory already, scanned, filtered and aggregated, beside loops written for the one question over records. Processor time, which
/// counts the collector's too, because a loaded machine stretches every clock on the wall.
/// </summary>
internal static class LogQueries
{
    private static readonly string[] Operations = ["Chat_SendMessage", "Chat_ListMessages", "Chat_ListThreads", "Chat_SendReadReceipt", "Chat_SendTyping", "Chat_AddParticipants"];
    private static readonly string[] Results = ["200", "201", "204", "401", "403", "404", "429", "500"];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Log queries, in process", options.Arguments);
        var count = options.Number("rows", 1_000_000);
        var rounds = options.Number("rounds", 5);
        var rows = Enumerable.Range(0, count).Select(Row.Make).ToArray();
        var tables = new Tables(rows);
        (string Query, Func<object>? ByHand)[] questions =
        [
            ("T | count", null),
            ("T | where ResultSignature == '429' | count", () => rows.Count(row => row.ResultSignature == "429")),
            ("T | where TimeGenerated >= datetime(2026-11-15) and toint(ResultSignature) >= 400 | summarize count() by OperationName, ResultSignature", () => Failures(rows)),
            ("T | summarize count(), avg(DurationMs), max(DurationMs) by OperationName, bin(TimeGenerated, 1h)", () => Hours(rows)),
            ("T | summarize percentiles(DurationMs, 50, 95, 99) by OperationName", null),
            ("T | summarize dcount(UserId) by bin(TimeGenerated, 1d)", null),
            ("T | where CorrelationId has '9f3' | count", null),
            ("T | top 100 by DurationMs desc | project TimeGenerated, OperationName, DurationMs", null),
        ];
        var table = new Table("query", "rows a second of processor time", "by hand, rows a second", "of by hand");
        foreach (var (query, byHand) in questions)
        {
            var (ours, theirs) = (new List<double>(), new List<double>());
            for (var round = -1; round < rounds; round++)
            {
                var took = await Cpu(async () =>
                {
                    var answer = await LogQuery.Run(new LogQueryRequest(query, LogTimeRange.All), tables, TimeProvider.System, CancellationToken.None);
                    return answer.Result is { } result ? result : throw new InvalidOperationException(answer.Error!.Message);
                });
                var hand = byHand is null ? double.NaN : await Cpu(() => Task.FromResult(byHand()));
                if (round >= 0)
                {
                    ours.Add(count / took);
                    theirs.Add(count / hand);
                }
            }

            table.Add($"`{query.Replace("|", "\\|", StringComparison.Ordinal)}`", ours.Median().Thousands(), byHand is null ? "" : theirs.Median().Thousands(), byHand is null ? "" : (ours.Median() / theirs.Median()).Of(2));
        }

        table.Print();
    }

    private static async Task<double> Cpu(Func<Task<object>> work)
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        GC.KeepAlive(await work());
        process.Refresh();
        return Math.Max((process.TotalProcessorTime - before).TotalSeconds, 0.001);
    }

    private static Dictionary<(string, string), long> Failures(Row[] rows)
    {
        var from = new DateTime(2026, 11, 15, 0, 0, 0, DateTimeKind.Utc);
        var counts = new Dictionary<(string, string), long>();
        foreach (var row in rows)
        {
            if (row.TimeGenerated >= from && int.Parse(row.ResultSignature, System.Globalization.CultureInfo.InvariantCulture) >= 400)
            {
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(counts, (row.OperationName, row.ResultSignature), out _)++;
            }
        }

        return counts;
    }

    private static Dictionary<(string, long), (long, long, int)> Hours(Row[] rows)
    {
        var groups = new Dictionary<(string, long), (long Count, long Sum, int Max)>();
        foreach (var row in rows)
        {
            ref var group = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(groups, (row.OperationName, row.TimeGenerated.Ticks / TimeSpan.TicksPerHour), out _);
            group = (group.Count + 1, group.Sum + row.DurationMs, Math.Max(group.Max, row.DurationMs));
        }

        return groups;
    }

    private sealed record Row(DateTime TimeGenerated, string OperationName, string ResultSignature, int DurationMs, string CorrelationId, LogSealed User)
    {
        public static Row Make(int number)
        {
            // No dice: the same rows in every run.
            var mixed = (uint)number * 2654435761u;
            return new Row(
                new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(number * 2.4 % (28 * 86_400)),
                Operations[mixed % 6],
                Results[mixed % 97 < 80 ? mixed % 3 : mixed % 8],
                (int)(mixed % 1_000),
                $"{mixed:x8}-{number % 4096:x3}-4000",
                new LogSealed(new LogToken((UInt128)(mixed % 5_000) + 1)));
        }
    }

    /// <summary>Batches made anew for every reading, as storage makes them; conditions are left to the query.</summary>
    private sealed class Tables(Row[] rows) : ILogTables
    {
        private readonly LogTable _table = new(
            "T",
            [
                new("TimeGenerated", LogType.DateTime), new("OperationName", LogType.String), new("ResultSignature", LogType.String), new("DurationMs", LogType.Int), new("CorrelationId", LogType.String),
                new("UserId", LogType.String, LogProtection.Person),
            ]);

        public LogTable? Find(string name) => name == "T" ? _table : null;

        public LogToken TokenOf(string identifier) => default;

        public bool MayOpen(LogTable table, LogColumn column) => false;

        public async IAsyncEnumerable<LogBatch> Read(LogScan scan, [EnumeratorCancellation] CancellationToken cancel)
        {
            await ValueTask.CompletedTask;
            Func<Row, LogValue>[] reads =
            [
                .. scan.Columns.Select(column => column.Name switch
                {
                    "TimeGenerated" => (Func<Row, LogValue>)(row => LogValue.Of(row.TimeGenerated)),
                    "OperationName" => row => LogValue.Of(row.OperationName),
                    "ResultSignature" => row => LogValue.Of(row.ResultSignature),
                    "DurationMs" => row => LogValue.Of((long)row.DurationMs),
                    "CorrelationId" => row => LogValue.Of(row.CorrelationId),
                    _ => row => LogValue.Of(row.User),
                }),
            ];
            for (var from = 0; from < rows.Length; from += LogBatch.UsualRows)
            {
                var batch = new LogBatch(reads.Length, LogBatch.UsualRows);
                foreach (var row in rows.AsSpan(from, Math.Min(LogBatch.UsualRows, rows.Length - from)))
                {
                    var cells = batch.Add();
                    for (var at = 0; at < reads.Length; at++)
                    {
                        cells[at] = reads[at](row);
                    }
                }

                yield return batch;
            }
        }

        public ValueTask Open(IReadOnlyList<LogSealed> cells, CancellationToken cancel) => throw new InvalidOperationException("These queries open nothing.");
    }
}
