namespace Domicile.Modules.Logs.Query;

/// <summary>An expression that is bound to its columns: gives a value for a row. One query on one thread uses it.</summary>
/// <param name="type">What it gives.</param>
internal abstract class Scalar(LogType type)
{
    /// <summary>What it gives.</summary>
    public LogType Type { get; } = type;

    /// <summary>What of it, as a condition, can be handed to whoever reads a table.</summary>
    public Pushable? Pushable { get; init; }

    /// <summary>The value for a row.</summary>
    public abstract LogValue Eval(ReadOnlySpan<LogValue> row);
}

/// <summary>A value that is the same for every row.</summary>
internal sealed class ConstantScalar(LogType type, LogValue value) : Scalar(type)
{
    /// <summary>The value.</summary>
    public LogValue Value { get; } = value;

    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row) => Value;
}

/// <summary>A cell as it is. Of a protected column it is what was read, not its text.</summary>
internal sealed class SlotScalar(Slot slot) : Scalar(slot.Type)
{
    /// <summary>The cell's place.</summary>
    public Slot Slot { get; } = slot;

    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row) => row[Slot.Index];
}

/// <summary>The text of a protected cell, which an <see cref="OpenRelation"/> has opened before.</summary>
internal sealed class OpenedScalar(Slot slot) : Scalar(LogType.String)
{
    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row) => LogValue.Of(row[slot.Index].Text);
}

/// <summary>A function of one value.</summary>
internal sealed class UnaryScalar(LogType type, Scalar of, Func<LogValue, LogValue> function) : Scalar(type)
{
    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row) => function(of.Eval(row));
}

/// <summary>A function of two values.</summary>
internal sealed class BinaryScalar(LogType type, Scalar left, Scalar right, Func<LogValue, LogValue, LogValue> function) : Scalar(type)
{
    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row) => function(left.Eval(row), right.Eval(row));
}

/// <summary>A function of several values.</summary>
internal sealed class ManyScalar(LogType type, IReadOnlyList<Scalar> of, Func<LogValue[], LogValue> function) : Scalar(type)
{
    private readonly Scalar[] _of = [.. of];
    private readonly LogValue[] _values = new LogValue[of.Count];

    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row)
    {
        for (var at = 0; at < _of.Length; at++)
        {
            _values[at] = _of[at].Eval(row);
        }

        return function(_values);
    }
}

/// <summary>Conditions with <c>and</c> or <c>or</c> between them; what decides ends it. Null is unknown: it decides nothing.</summary>
internal sealed class LogicScalar(bool isAnd, IReadOnlyList<Scalar> terms) : Scalar(LogType.Bool)
{
    private readonly Scalar[] _terms = [.. terms];

    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row)
    {
        var result = LogValue.Of(isAnd);
        foreach (var term in _terms)
        {
            var value = term.Eval(row);
            if (value.IsNull)
            {
                result = LogValue.Null;
            }
            else if (value.Bool != isAnd)
            {
                return LogValue.Of(!isAnd);
            }
        }

        return result;
    }
}

/// <summary><c>case</c> and <c>iff</c>: conditions, each with its value, and the value when none is true.</summary>
internal sealed class ChoiceScalar(LogType type, IReadOnlyList<(Scalar Condition, Scalar Value)> choices, Scalar otherwise) : Scalar(type)
{
    private readonly (Scalar Condition, Scalar Value)[] _choices = [.. choices];

    /// <inheritdoc/>
    public override LogValue Eval(ReadOnlySpan<LogValue> row)
    {
        foreach (var (condition, value) in _choices)
        {
            if (condition.Eval(row).Bool)
            {
                return value.Eval(row);
            }
        }

        return otherwise.Eval(row);
    }
}
