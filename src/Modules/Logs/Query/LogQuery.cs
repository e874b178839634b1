namespace Domicile.Modules.Logs.Query;

/// <summary>Answers a query over the tables of a resource: parses, binds, runs, within <see cref="LogQueryLimits"/>. Knows nothing of storage and of HTTP.</summary>
internal static class LogQuery
{
    private const int TokenCharacters = 40;

    /// <summary>Answers a query.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="tables">The tables, as this caller may see them.</param>
    /// <param name="clock">What <c>now()</c> asks, and what measures the time that a query may take.</param>
    /// <param name="cancel">When nobody waits for the answer any more.</param>
    public static async Task<LogQueryAnswer> Run(LogQueryRequest request, ILogTables tables, TimeProvider clock, CancellationToken cancel)
    {
        using var timeout = new CancellationTokenSource(request.Limits.Time, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        var meter = new Meter(request.Limits, clock, cancel, both.Token);
        try
        {
            var binder = new Binder(tables, request, clock.GetUtcNow(), meter);
            var flow = binder.Bind(Parser.Parse(request.Text, request.Limits));
            return new LogQueryAnswer(await Collect(flow, binder, request, both.Token), null);
        }
        catch (QueryFault fault)
        {
            return new LogQueryAnswer(null, ErrorOf(fault, request.Text));
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            // Whoever reads the tables was waiting when the time was over.
            return new LogQueryAnswer(null, ErrorOf(meter.OutOfTime(0), request.Text));
        }
    }

    /// <summary>What is wrong with a query's text, without tables: null when it parses.</summary>
    public static LogQueryError? Check(string text, LogQueryLimits limits)
    {
        try
        {
            Parser.Parse(text, limits);
            return null;
        }
        catch (QueryFault fault)
        {
            return ErrorOf(fault, text);
        }
    }

    private static async Task<LogQueryResult> Collect(Flow flow, Binder binder, LogQueryRequest request, CancellationToken cancel)
    {
        var shown = flow.Columns.Select(column => Shows(column, binder.Tables)).ToArray();
        for (var at = 0; at < shown.Length; at++)
        {
            flow.Columns[at].Slot.IsUsed |= shown[at];
        }

        flow.Relation.Demand();
        flow.Relation.Layout();
        var (meter, limits) = (binder.Meter, request.Limits);
        var rows = new List<LogValue[]>();
        var cells = new List<LogSealed>();
        LogQueryPartial? missing = null;
        var bytes = 0L;
        await foreach (var batch in flow.Relation.Run(new Execution(binder.Tables, meter, request.Range), cancel))
        {
            cells.Clear();
            var first = rows.Count;
            for (var row = 0; row < batch.Count && missing is null; row++)
            {
                var result = new LogValue[shown.Length];
                for (var at = 0; at < shown.Length; at++)
                {
                    result[at] = shown[at] ? batch[row][flow.Columns[at].Slot.Index] : LogValue.Null;
                    if (result[at].Sealed is { Text: null } cell)
                    {
                        cells.Add(cell);
                    }
                }

                if (rows.Count == limits.ResultRows)
                {
                    missing = new LogQueryPartial($"The results of this query exceed the set limit of {limits.ResultRows} records, so not all records were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003).");
                    break;
                }

                rows.Add(result);
            }

            if (cells.Count > 0)
            {
                await binder.Tables.Open(cells, cancel);
                meter.RowsOpened += rows.Count - first;
            }

            for (var row = first; row < rows.Count; row++)
            {
                bytes += Meter.SizeOf(rows[row]);
                if (bytes > limits.ResultBytes)
                {
                    rows.RemoveRange(row, rows.Count - row);
                    missing = new LogQueryPartial($"The results of this query exceed the set limit of {limits.ResultBytes} bytes, so not all records were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003).");
                }
            }

            meter.Check(flow.Relation.At);
            if (missing is not null)
            {
                break;
            }
        }

        var table = new LogResultTable("PrimaryResult", [.. flow.Columns.Select(column => new LogResultColumn(column.Name, column.Slot.Type))], rows);
        return new LogQueryResult(table, missing, binder.Render, new LogQueryStatistics(meter.Elapsed, meter.RowsRead, meter.RowsOpened, meter.Peak, rows.Count, bytes));
    }

    /// <summary>Whether a column's cells are shown. Protected ones are when the query names them; what is asked for and may not be opened is a fault.</summary>
    private static bool Shows(Column column, ILogTables tables)
    {
        // The tables are asked only about what would be opened: they may keep a record of it.
        var origins = column.Slot.Origins;
        if (origins.Any(origin => !origin.IsNamed))
        {
            return false;
        }

        foreach (var origin in origins.Where(origin => !tables.MayOpen(origin.Table, origin.Column)))
        {
            return origin.ShownAt < 0 ? false : throw QueryFault.Forbidden(origin.Column.Name, origin.ShownAt);
        }

        return true;
    }

    private static LogQueryError ErrorOf(QueryFault fault, string text)
    {
        var at = Math.Clamp(fault.At, 0, text.Length);
        var before = text.AsSpan(0, at);
        var line = 1 + before.Count('\n');
        var position = at - (before.LastIndexOf('\n') + 1);
        var length = Math.Min(Math.Min(fault.Length, TokenCharacters), text.Length - at);
        var token = length > 0 ? text.Substring(at, length) : null;
        return new LogQueryError(fault.Fault, fault.Code, $"{fault.Message.TrimEnd('.')}, on line [{line},{position}].", line, position, token);
    }
}
