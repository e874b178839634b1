namespace Domicile.Modules.Logs.Query;

/// <summary>What an aggregate has seen of one group. Nulls count for nothing, in all but <c>count</c>.</summary>
internal abstract class Accumulator
{
    /// <summary>Takes a row.</summary>
    public abstract void Add(ReadOnlySpan<LogValue> row);

    /// <summary>One of its results.</summary>
    public abstract LogValue Result(int output);
}

/// <summary><c>count()</c>.</summary>
internal sealed class CountAccumulator : Accumulator
{
    private long _count;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row) => _count++;

    /// <inheritdoc/>
    public override LogValue Result(int output) => LogValue.Of(_count);
}

/// <summary>The aggregates whose name ends with <c>if</c>.</summary>
internal sealed class IfAccumulator(Scalar condition, Accumulator inner) : Accumulator
{
    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        if (condition.Eval(row).Bool)
        {
            inner.Add(row);
        }
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => inner.Result(output);
}

/// <summary><c>sum</c> of whole numbers and durations.</summary>
internal sealed class SumAccumulator(Scalar of) : Accumulator
{
    private long _sum;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row) => _sum = unchecked(_sum + of.Eval(row).Long);

    /// <inheritdoc/>
    public override LogValue Result(int output) => LogValue.Of(_sum);
}

/// <summary><c>sum</c> of reals.</summary>
internal sealed class RealSumAccumulator(Scalar of) : Accumulator
{
    private double _sum;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row) => _sum += of.Eval(row) is { IsNull: false } value ? value.Real : 0;

    /// <inheritdoc/>
    public override LogValue Result(int output) => LogValue.Of(_sum);
}

/// <summary><c>avg</c>, <c>stdev</c> and <c>variance</c>, the last two of a sample.</summary>
internal sealed class MomentAccumulator(Scalar of, MomentKind kind) : Accumulator
{
    private long _count;
    private double _mean;
    private double _squares;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        var value = of.Eval(row);
        if (value.IsNull)
        {
            return;
        }

        // Welford's way: no sum of squares that grows beyond what a double holds exactly.
        var number = of.Type == LogType.Real ? value.Real : value.Long;
        var delta = number - _mean;
        _mean += delta / ++_count;
        _squares += delta * (number - _mean);
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => kind switch
    {
        MomentKind.Average when of.Type is LogType.TimeSpan or LogType.DateTime => _count == 0 ? LogValue.Null : LogValue.Of((long)Math.Round(_mean)),
        MomentKind.Average => LogValue.Of(_count == 0 ? double.NaN : _mean),
        MomentKind.Variance => LogValue.Of(_count < 2 ? 0.0 : _squares / (_count - 1)),
        _ => LogValue.Of(_count < 2 ? 0.0 : Math.Sqrt(_squares / (_count - 1))),
    };
}

/// <summary>What of the values <see cref="MomentAccumulator"/> tells.</summary>
internal enum MomentKind
{
    /// <summary>The mean.</summary>
    Average,

    /// <summary>The variance.</summary>
    Variance,

    /// <summary>The standard deviation.</summary>
    Deviation,
}

/// <summary><c>min</c>, <c>max</c>, <c>arg_min</c> and <c>arg_max</c>: the least or greatest value, and other cells of the first row that has it.</summary>
internal sealed class ExtremeAccumulator(Scalar of, bool greatest, IReadOnlyList<Scalar> others) : Accumulator
{
    private readonly LogValue[] _others = new LogValue[others.Count];
    private LogValue _best;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        var value = of.Eval(row);
        if (value.IsNull)
        {
            return;
        }

        if (!_best.IsNull)
        {
            var order = Comparing.Order(of.Type, value, _best);
            if (greatest ? order <= 0 : order >= 0)
            {
                return;
            }
        }

        _best = value;
        for (var at = 0; at < _others.Length; at++)
        {
            _others[at] = others[at].Eval(row);
        }
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => output == 0 ? OrEmpty(_best, of.Type) : OrEmpty(_others[output - 1], others[output - 1].Type);

    private static LogValue OrEmpty(LogValue value, LogType type) => value.IsNull && type == LogType.String ? LogValue.Empty : value;
}

/// <summary><c>take_any</c>: the cells of a row whose first is not null or empty, if there is one.</summary>
internal sealed class AnyAccumulator(IReadOnlyList<Scalar> of) : Accumulator
{
    private readonly LogValue[] _cells = new LogValue[of.Count];
    private bool _isSure;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        if (_isSure)
        {
            return;
        }

        for (var at = 0; at < _cells.Length; at++)
        {
            _cells[at] = of[at].Eval(row);
        }

        _isSure = !_cells[0].IsNull && (_cells[0].Sealed is not null || of[0].Type != LogType.String || _cells[0].Text.Length > 0);
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => _cells[output].IsNull && of[output].Type == LogType.String ? LogValue.Empty : _cells[output];
}

/// <summary><c>dcount</c>, exact.</summary>
internal sealed class DistinctAccumulator(Scalar of, Meter meter, int at) : Accumulator
{
    private readonly GroupTable _seen = new(1);

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        var value = of.Eval(row);
        if (value.IsNull)
        {
            return;
        }

        _seen.Add([value], out var isNew);
        if (isNew)
        {
            meter.Hold(24 + value.Footprint, at);
        }
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => LogValue.Of((long)_seen.Count);
}

/// <summary><c>make_list</c> and <c>make_set</c>, up to so many items.</summary>
internal sealed class ListAccumulator(Scalar of, bool distinct, long most, Meter meter, int at) : Accumulator
{
    private readonly List<LogDynamic?> _items = [];
    private readonly GroupTable? _seen = distinct ? new GroupTable(1) : null;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        var value = of.Eval(row);
        if (value.IsNull || _items.Count >= most)
        {
            return;
        }

        if (_seen is not null)
        {
            _seen.Add([value], out var isNew);
            if (!isNew)
            {
                return;
            }
        }

        var item = LogDynamic.Of(of.Type, value);
        meter.Hold(16 + (item?.Footprint ?? 0), at);
        _items.Add(item);
    }

    /// <inheritdoc/>
    public override LogValue Result(int output) => LogValue.Of(LogDynamic.Array(_items));
}

/// <summary><c>percentile</c> and <c>percentiles</c>, exact, by the nearest rank.</summary>
internal sealed class PercentileAccumulator(Scalar of, IReadOnlyList<double> ranks, Meter meter, int at) : Accumulator
{
    private readonly List<LogValue> _values = [];
    private bool _isSorted;

    /// <inheritdoc/>
    public override void Add(ReadOnlySpan<LogValue> row)
    {
        var value = of.Eval(row);
        if (value.IsNull)
        {
            return;
        }

        if (_values.Count == _values.Capacity)
        {
            meter.Hold(16L * Math.Max(4, _values.Count), at);
        }

        _values.Add(value);
    }

    /// <inheritdoc/>
    public override LogValue Result(int output)
    {
        if (_values.Count == 0)
        {
            return LogValue.Null;
        }

        if (!_isSorted)
        {
            _values.Sort((one, two) => Comparing.Order(of.Type, one, two));
            _isSorted = true;
        }

        var rank = (int)Math.Ceiling(ranks[output] / 100 * _values.Count);
        return _values[Math.Clamp(rank - 1, 0, _values.Count - 1)];
    }
}
