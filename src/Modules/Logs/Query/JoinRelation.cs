using System.Runtime.CompilerServices;

namespace Domicile.Modules.Logs.Query;

/// <summary><c>join</c>: the right side is held by its keys, the left flows past it. Null is no key.</summary>
/// <param name="at">Where it stands.</param>
/// <param name="kind">What of both sides is kept, by the name that a query gives.</param>
/// <param name="left">The left side.</param>
/// <param name="right">The right side.</param>
/// <param name="keys">What is compared.</param>
/// <param name="cells">The slots that come out, and whose they were.</param>
internal sealed class JoinRelation(
    int at, string kind, Relation left, Relation right, IReadOnlyList<(Scalar Left, Scalar Right)> keys, IReadOnlyList<(Slot Out, Slot In, bool IsLeft)> cells) : Relation(at)
{
    private readonly bool _keepsLeft = kind is "leftouter" or "fullouter";
    private readonly bool _keepsRight = kind is "rightouter" or "fullouter";

    /// <inheritdoc/>
    public override void Demand()
    {
        foreach (var (output, input, _) in cells)
        {
            input.IsUsed |= output.IsUsed;
        }

        left.Demand();
        right.Demand();
    }

    /// <inheritdoc/>
    public override void Layout()
    {
        left.Layout();
        right.Layout();
        foreach (var (output, _, _) in cells.Where(cell => cell.Out.IsUsed))
        {
            output.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var meter = execution.Meter;
        var table = new GroupTable(keys.Count);
        var rows = new List<LogValue[]>();
        var next = new List<int>();
        var heads = new List<int>();
        var key = new LogValue[keys.Count];
        await foreach (var batch in right.Run(execution, cancel).WithCancellation(cancel))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                var held = batch[row].ToArray();
                meter.Hold(Meter.SizeOf(held) + 16, At);
                rows.Add(held);
                next.Add(-1);
                if (Key(batch[row], isLeft: false, key))
                {
                    var group = table.Add(key, out var isNew);
                    if (isNew)
                    {
                        meter.Hold(Meter.SizeOf(key), At);
                        heads.Add(-1);
                    }

                    next[^1] = heads[group];
                    heads[group] = rows.Count - 1;
                }
            }

            meter.Check(At);
        }

        var met = new bool[rows.Count];
        var seen = kind == "innerunique" ? new GroupTable(keys.Count) : null;
        var result = new LogBatch(Width, LogBatch.UsualRows);
        await foreach (var batch in left.Run(execution, cancel).WithCancellation(cancel))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                var isKey = Key(batch[row], isLeft: true, key);
                if (seen is not null && isKey)
                {
                    seen.Add(key, out var isNew);
                    if (!isNew)
                    {
                        continue;
                    }

                    meter.Hold(Meter.SizeOf(key), At);
                }

                var group = isKey ? table.Find(key) : -1;
                var found = group >= 0 ? heads[group] : -1;
                switch (kind)
                {
                    case "leftsemi" when found >= 0:
                    case "leftanti" when found < 0:
                        Write(result, batch[row], []);
                        break;
                    case "leftsemi" or "leftanti":
                        break;
                    default:
                        if (found < 0 && _keepsLeft)
                        {
                            Write(result, batch[row], []);
                        }

                        for (; found >= 0; found = next[found])
                        {
                            met[found] = true;
                            if (kind is "rightsemi" or "rightanti")
                            {
                                continue;
                            }

                            Write(result, batch[row], rows[found]);
                            if (result.Count >= LogBatch.UsualRows)
                            {
                                meter.Check(At);
                                yield return result;
                                result = new LogBatch(Width, LogBatch.UsualRows);
                            }
                        }

                        break;
                }
            }

            meter.Check(At);
        }

        if (_keepsRight || kind is "rightsemi" or "rightanti")
        {
            for (var row = 0; row < rows.Count; row++)
            {
                if (met[row] == (kind == "rightsemi"))
                {
                    Write(result, [], rows[row]);
                }
            }
        }

        yield return result;
    }

    private bool Key(ReadOnlySpan<LogValue> row, bool isLeft, LogValue[] key)
    {
        for (var at = 0; at < keys.Count; at++)
        {
            key[at] = (isLeft ? keys[at].Left : keys[at].Right).Eval(row);
            if (key[at].IsNull)
            {
                return false;
            }
        }

        return true;
    }

    private void Write(LogBatch result, ReadOnlySpan<LogValue> leftRow, ReadOnlySpan<LogValue> rightRow)
    {
        var to = result.Add();
        foreach (var (output, input, isLeft) in cells)
        {
            if (output.Index >= 0)
            {
                var from = isLeft ? leftRow : rightRow;
                to[output.Index] = from.Length > 0 ? from[input.Index] : output.Type == LogType.String ? LogValue.Empty : LogValue.Null;
            }
        }
    }
}
