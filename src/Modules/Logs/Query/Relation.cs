using System.Runtime.CompilerServices;

namespace Domicile.Modules.Logs.Query;

/// <summary>What a running query has at hand.</summary>
/// <param name="Tables">The tables.</param>
/// <param name="Meter">What it has used.</param>
/// <param name="Range">The request's time span.</param>
internal sealed record Execution(ILogTables Tables, Meter Meter, LogTimeRange Range);

/// <summary>A step of a query: rows that come out of it. It is bound first, then asked what it needs, then laid out, then run once.</summary>
/// <param name="at">Where it stands in the text.</param>
internal abstract class Relation(int at)
{
    /// <summary>Where it stands in the text.</summary>
    public int At { get; } = at;

    /// <summary>Cells in a row, once it is laid out.</summary>
    public int Width { get; protected set; }

    /// <summary>Marks the slots of its inputs that are used because those of its own are.</summary>
    public abstract void Demand();

    /// <summary>Gives its slots their places, after its inputs'.</summary>
    public abstract void Layout();

    /// <summary>The rows.</summary>
    public abstract IAsyncEnumerable<LogBatch> Run(Execution execution, CancellationToken cancel);

    /// <summary>Hands down a condition that every row of interest meets: whoever reads may use it to read less. The condition is applied all the same.</summary>
    public virtual void Offer(Pushable pushable)
    {
    }

    /// <summary>Hands down how many rows are enough.</summary>
    public virtual void OfferLimit(long rows)
    {
    }
}

/// <summary>A step that has one input.</summary>
internal abstract class Step(int at, Relation input) : Relation(at)
{
    /// <summary>Where its rows come from.</summary>
    protected Relation Input { get; } = input;

    /// <inheritdoc/>
    public override void Demand() => Input.Demand();

    /// <inheritdoc/>
    public override void Layout()
    {
        Input.Layout();
        Width = Input.Width;
    }
}

/// <summary>What of a condition can be handed to whoever reads a table: a range of time, or values of a column.</summary>
/// <param name="Slot">The column's slot.</param>
/// <param name="Range">A range of instants; null for values.</param>
/// <param name="AnyOf">Values.</param>
/// <param name="AnyToken">Tokens.</param>
internal sealed record Pushable(Slot Slot, LogTimeRange? Range, IReadOnlyList<LogValue> AnyOf, IReadOnlyList<LogToken> AnyToken);

/// <summary>Reads a table.</summary>
internal sealed class ScanRelation : Relation
{
    private readonly LogTable _table;
    private readonly Slot[] _slots;
    private readonly int _time;
    private readonly List<LogCondition> _conditions = [];
    private LogTimeRange _range;
    private long? _atMost;

    public ScanRelation(int at, LogTable table, LogTimeRange range)
        : base(at)
    {
        _table = table;
        _range = range;
        _slots = [.. table.Columns.Select(column => new Slot(column.Type) { Origins = column.Protection == LogProtection.None ? [] : [new SourceColumn(table, column)] })];
        _time = -1;
        for (var index = 0; index < table.Columns.Count; index++)
        {
            _time = table.Columns[index].Name == LogTable.Time ? index : _time;
        }
    }

    /// <summary>All columns of the table.</summary>
    public IEnumerable<Column> Columns => _table.Columns.Select((column, at) => new Column(column.Name, _slots[at]));

    /// <inheritdoc/>
    public override void Offer(Pushable pushable)
    {
        var at = Array.IndexOf(_slots, pushable.Slot);
        if (at < 0)
        {
            return;
        }

        if (pushable.Range is { } range)
        {
            _range = at == _time ? _range.And(range) : _range;
        }
        else
        {
            _conditions.Add(new LogCondition(_table.Columns[at], pushable.AnyOf, pushable.AnyToken));
        }
    }

    /// <inheritdoc/>
    public override void OfferLimit(long rows) => _atMost = Math.Min(_atMost ?? long.MaxValue, rows);

    /// <inheritdoc/>
    public override void Demand()
    {
        if (_time >= 0 && _range != LogTimeRange.All)
        {
            _slots[_time].IsUsed = true;
        }
    }

    /// <inheritdoc/>
    public override void Layout()
    {
        foreach (var slot in _slots.Where(slot => slot.IsUsed))
        {
            slot.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (_range.IsEmpty || _atMost == 0)
        {
            yield break;
        }

        var columns = _table.Columns.Where((_, at) => _slots[at].IsUsed).ToList();
        var scan = new LogScan(_table, _range, _conditions, columns, _atMost);
        var texts = _slots.Where(slot => slot is { IsUsed: true, Type: LogType.String }).Select(slot => slot.Index).ToArray();
        var inRange = _time >= 0 && _range != LogTimeRange.All ? new InRange(_slots[_time], _range) : null;
        await foreach (var batch in execution.Tables.Read(scan, cancel))
        {
            execution.Meter.RowsRead += batch.Count;
            execution.Meter.Check(At);
            if (inRange is not null)
            {
                batch.Keep(inRange, execution.Meter, At);
            }

            FillTexts(batch, texts);
            if (batch.Count > 0)
            {
                yield return batch;
            }
        }
    }

    // Text has no null in this language; storage may have one.
    private static void FillTexts(LogBatch batch, int[] texts)
    {
        for (var row = 0; row < batch.Count; row++)
        {
            var cells = batch[row];
            foreach (var at in texts)
            {
                if (cells[at].IsNull)
                {
                    cells[at] = LogValue.Empty;
                }
            }
        }
    }

    /// <summary>The request's span and the query's own, applied to what storage gave.</summary>
    private sealed class InRange(Slot time, LogTimeRange range) : Scalar(LogType.Bool)
    {
        private readonly long _from = range.From.Ticks;
        private readonly long _before = range.Before.Ticks;

        public override LogValue Eval(ReadOnlySpan<LogValue> row) => row[time.Index] is var value && !value.IsNull && value.Ticks >= _from && value.Ticks < _before ? LogValue.True : LogValue.False;
    }
}

/// <summary>Rows that the query itself has: of <c>print</c> and <c>datatable</c>.</summary>
internal sealed class ValuesRelation(int at, IReadOnlyList<Slot> slots, IReadOnlyList<LogValue[]> rows) : Relation(at)
{
    /// <inheritdoc/>
    public override void Demand()
    {
    }

    /// <inheritdoc/>
    public override void Layout()
    {
        foreach (var slot in slots)
        {
            slot.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        await ValueTask.CompletedTask;
        var batch = new LogBatch(Width, rows.Count);
        foreach (var row in rows)
        {
            row.CopyTo(batch.Add());
        }

        yield return batch;
    }
}

/// <summary><c>range</c>: numbers, instants or durations, one after the other.</summary>
internal sealed class RangeRelation(int at, Slot slot, LogValue from, LogValue to, LogValue step) : Relation(at)
{
    /// <inheritdoc/>
    public override void Demand()
    {
    }

    /// <inheritdoc/>
    public override void Layout() => slot.Index = Width++;

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        await ValueTask.CompletedTask;
        var batch = new LogBatch(1, LogBatch.UsualRows);
        for (long row = 0; ; row++)
        {
            LogValue value;
            bool isIn;
            if (slot.Type == LogType.Real)
            {
                value = LogValue.Of(from.Real + (row * step.Real));
                isIn = step.Real > 0 ? value.Real <= to.Real : value.Real >= to.Real;
            }
            else
            {
                var whole = from.Long + ((Int128)row * step.Long);
                isIn = step.Long > 0 ? whole <= to.Long : whole >= to.Long;
                value = LogValue.Of(isIn ? (long)whole : 0);
            }

            if (!isIn)
            {
                break;
            }

            batch.Add()[0] = value;
            if (batch.Count == LogBatch.UsualRows)
            {
                execution.Meter.Check(At);
                yield return batch;
                batch = new LogBatch(1, LogBatch.UsualRows);
            }
        }

        yield return batch;
    }
}

/// <summary><c>where</c>.</summary>
internal sealed class WhereRelation(int at, Relation input, Scalar condition) : Step(at, input)
{
    /// <inheritdoc/>
    public override void Offer(Pushable pushable) => Input.Offer(pushable);

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            batch.Keep(condition, execution.Meter, At);
            execution.Meter.Check(At);
            if (batch.Count > 0)
            {
                yield return batch;
            }
        }
    }
}

/// <summary>Opens protected cells, because an operator that follows needs their text.</summary>
internal sealed class OpenRelation(int at, Relation input, IReadOnlyList<Slot> slots) : Step(at, input)
{
    /// <inheritdoc/>
    public override void Offer(Pushable pushable) => Input.Offer(pushable);

    /// <inheritdoc/>
    public override void OfferLimit(long rows) => Input.OfferLimit(rows);

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var cells = new List<LogSealed>();
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            var rows = 0;
            cells.Clear();
            for (var row = 0; row < batch.Count; row++)
            {
                var before = cells.Count;
                foreach (var slot in slots)
                {
                    if (batch[row][slot.Index].Sealed is { Text: null } cell)
                    {
                        cells.Add(cell);
                    }
                }

                rows += cells.Count > before ? 1 : 0;
            }

            execution.Meter.Open(rows, At);
            execution.Meter.Check(At);
            if (cells.Count > 0)
            {
                await execution.Tables.Open(cells, cancel);
            }

            yield return batch;
        }
    }
}

/// <summary>Adds cells that are made of a row's others.</summary>
internal sealed class ExtendRelation(int at, Relation input, IReadOnlyList<(Slot Slot, Scalar Value)> items) : Step(at, input)
{
    /// <inheritdoc/>
    public override void Offer(Pushable pushable) => Input.Offer(pushable);

    /// <inheritdoc/>
    public override void OfferLimit(long rows) => Input.OfferLimit(rows);

    /// <inheritdoc/>
    public override void Layout()
    {
        base.Layout();
        foreach (var (slot, _) in items)
        {
            slot.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var held = 0L;
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            execution.Meter.Release(held);
            var before = execution.Meter.Built;
            var wider = new LogBatch(Width, batch.Count);
            for (var row = 0; row < batch.Count; row++)
            {
                execution.Meter.CheckRow(At);

                // What an item says of a name is what the row had before: items see the input, not each other.
                var cells = wider.Add();
                batch[row].CopyTo(cells);
                foreach (var (slot, value) in items)
                {
                    cells[slot.Index] = value.Eval(cells);
                }
            }

            held = execution.Meter.Built - before;
            execution.Meter.Hold(held, At);
            execution.Meter.Check(At);
            yield return wider;
        }
    }
}

/// <summary><c>take</c>.</summary>
internal sealed class TakeRelation(int at, Relation input, long rows) : Step(at, input)
{
    /// <inheritdoc/>
    public override void OfferLimit(long limit) => Input.OfferLimit(Math.Min(rows, limit));

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var left = rows;
        if (left <= 0)
        {
            yield break;
        }

        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            batch.Truncate((int)Math.Min(left, batch.Count));
            left -= batch.Count;
            yield return batch;
            if (left == 0)
            {
                yield break;
            }
        }
    }
}

/// <summary><c>count</c>.</summary>
internal sealed class CountRelation(int at, Relation input, Slot slot) : Step(at, input)
{
    /// <inheritdoc/>
    public override void Layout()
    {
        Input.Layout();
        slot.Index = 0;
        Width = 1;
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var count = 0L;
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            count += batch.Count;
        }

        var result = new LogBatch(1, 1);
        result.Add()[0] = LogValue.Of(count);
        yield return result;
    }
}

/// <summary><c>distinct</c>: the first row of each key.</summary>
internal sealed class DistinctRelation(int at, Relation input, IReadOnlyList<Slot> slots) : Step(at, input)
{
    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var seen = new GroupTable(slots.Count);
        var key = new LogValue[slots.Count];
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            var kept = 0;
            for (var row = 0; row < batch.Count; row++)
            {
                for (var at = 0; at < key.Length; at++)
                {
                    key[at] = batch[row][slots[at].Index];
                }

                seen.Add(key, out var isNew);
                if (isNew)
                {
                    execution.Meter.Hold(Meter.SizeOf(key), At);
                    batch[row].CopyTo(batch[kept++]);
                }
            }

            execution.Meter.Check(At);
            batch.Truncate(kept);
            if (kept > 0)
            {
                yield return batch;
            }
        }
    }
}

/// <summary>A key to sort by.</summary>
/// <param name="Value">The key.</param>
/// <param name="IsDescending">Whether the greatest comes first.</param>
/// <param name="NullsFirst">Where null comes.</param>
internal sealed record SortKey(Scalar Value, bool IsDescending, bool NullsFirst);

/// <summary><c>order by</c> and <c>top</c>. Rows of equal keys stay in their order.</summary>
internal sealed class SortRelation(int at, Relation input, IReadOnlyList<SortKey> keys, long? rows) : Step(at, input)
{
    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var all = new List<Entry>();
        if (rows <= 0)
        {
            yield break;
        }

        // Of the first so many, twice as many are kept at most before the rest goes.
        var most = rows is { } few && few < int.MaxValue / 4 ? (2 * (int)few) + 1024 : int.MaxValue;
        var number = 0L;
        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                execution.Meter.CheckRow(At);
                var cells = batch[row].ToArray();
                var entry = new Entry(new LogValue[keys.Count], cells, number++, Meter.SizeOf(cells) + 48 + (16 * keys.Count));
                for (var at = 0; at < keys.Count; at++)
                {
                    entry.Keys[at] = keys[at].Value.Eval(cells);
                }

                execution.Meter.Hold(entry.Size, At);
                all.Add(entry);
                if (all.Count >= most)
                {
                    Cut(all, execution.Meter);
                }
            }

            execution.Meter.Check(At);
        }

        all.Sort(Compare);
        execution.Meter.Check(At);
        var count = (int)Math.Min(all.Count, rows ?? long.MaxValue);
        for (var at = 0; at < count;)
        {
            var batch = new LogBatch(Width, Math.Min(LogBatch.UsualRows, count - at));
            for (; at < count && batch.Count < LogBatch.UsualRows; at++)
            {
                all[at].Cells.CopyTo(batch.Add());
            }

            yield return batch;
        }
    }

    private void Cut(List<Entry> all, Meter meter)
    {
        all.Sort(Compare);
        foreach (var entry in all.Skip((int)rows!))
        {
            meter.Release(entry.Size);
        }

        all.RemoveRange((int)rows, all.Count - (int)rows);
        meter.Check(At);
    }

    private int Compare(Entry one, Entry two)
    {
        for (var at = 0; at < keys.Count; at++)
        {
            var (a, b) = (one.Keys[at], two.Keys[at]);
            if (a.IsNull || b.IsNull)
            {
                if (a.IsNull != b.IsNull)
                {
                    return a.IsNull == keys[at].NullsFirst ? -1 : 1;
                }

                continue;
            }

            var order = Comparing.Order(keys[at].Value.Type, a, b);
            if (order != 0)
            {
                return keys[at].IsDescending ? -order : order;
            }
        }

        return one.Number.CompareTo(two.Number);
    }

    private sealed record Entry(LogValue[] Keys, LogValue[] Cells, long Number, long Size);
}

/// <summary><c>union</c>: the rows of one input after the other's, in columns that both have been fitted to.</summary>
internal sealed class UnionRelation(int at, IReadOnlyList<(Relation Input, IReadOnlyList<Scalar?> Cells)> inputs, IReadOnlyList<Slot> slots) : Relation(at)
{
    /// <inheritdoc/>
    public override void Demand()
    {
        foreach (var (input, cells) in inputs)
        {
            for (var at = 0; at < slots.Count; at++)
            {
                if (slots[at].IsUsed && cells[at] is SlotScalar { Slot: var slot })
                {
                    slot.IsUsed = true;
                }
            }

            input.Demand();
        }
    }

    /// <inheritdoc/>
    public override void Layout()
    {
        foreach (var (input, _) in inputs)
        {
            input.Layout();
        }

        foreach (var slot in slots.Where(slot => slot.IsUsed))
        {
            slot.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        foreach (var (input, cells) in inputs)
        {
            await foreach (var batch in input.Run(execution, cancel).WithCancellation(cancel))
            {
                var fitted = new LogBatch(Width, batch.Count);
                for (var row = 0; row < batch.Count; row++)
                {
                    var to = fitted.Add();
                    for (var at = 0; at < slots.Count; at++)
                    {
                        if (slots[at].Index >= 0)
                        {
                            to[slots[at].Index] = cells[at]?.Eval(batch[row]) ?? (slots[at].Type == LogType.String ? LogValue.Empty : LogValue.Null);
                        }
                    }
                }

                execution.Meter.Check(At);
                yield return fitted;
            }
        }
    }
}
