using System.Runtime.CompilerServices;

namespace Domicile.Modules.Logs.Query;

/// <summary>An aggregate of a <c>summarize</c>.</summary>
/// <param name="Names">What the columns of its results are called, when the query does not say.</param>
/// <param name="Results">Where its results go.</param>
/// <param name="New">Begins one for a group.</param>
internal sealed record Aggregate(IReadOnlyList<string> Names, IReadOnlyList<Slot> Results, Func<Meter, Accumulator> New);

/// <summary><c>summarize … by …</c>. Without keys there is one group, rows or not.</summary>
internal sealed class SummarizeRelation(int at, Relation input, IReadOnlyList<(Slot Slot, Scalar Value)> keys, IReadOnlyList<Aggregate> aggregates) : Step(at, input)
{
    // An object and what it holds, about.
    private const long AccumulatorBytes = 56;

    /// <inheritdoc/>
    public override void Layout()
    {
        Input.Layout();
        foreach (var slot in keys.Select(key => key.Slot).Concat(aggregates.SelectMany(aggregate => aggregate.Results)))
        {
            slot.Index = Width++;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<LogBatch> Run(Execution execution, [EnumeratorCancellation] CancellationToken cancel)
    {
        var meter = execution.Meter;
        var groups = new GroupTable(keys.Count);
        var states = new List<Accumulator>();
        var makers = aggregates.Select(aggregate => aggregate.New).ToArray();
        var values = keys.Select(key => key.Value).ToArray();
        var key = new LogValue[keys.Count];
        if (keys.Count == 0)
        {
            groups.Add([], out _);
            states.AddRange(makers.Select(make => make(meter)));
        }

        await foreach (var batch in Input.Run(execution, cancel).WithCancellation(cancel))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                meter.CheckRow(At);
                var cells = batch[row];
                var group = 0;
                if (values.Length > 0)
                {
                    for (var at = 0; at < values.Length; at++)
                    {
                        key[at] = values[at].Eval(cells);
                    }

                    group = groups.Add(key, out var isNew);
                    if (isNew)
                    {
                        meter.Hold(Meter.SizeOf(key) + (AccumulatorBytes * makers.Length), At);
                        foreach (var make in makers)
                        {
                            states.Add(make(meter));
                        }
                    }
                }

                for (var at = 0; at < makers.Length; at++)
                {
                    states[(group * makers.Length) + at].Add(cells);
                }
            }

            meter.Check(At);
        }

        for (var group = 0; group < groups.Count;)
        {
            var batch = new LogBatch(Width, Math.Min(LogBatch.UsualRows, groups.Count - group));
            for (; group < groups.Count && batch.Count < LogBatch.UsualRows; group++)
            {
                var cells = batch.Add();
                groups[group].CopyTo(cells);
                for (var at = 0; at < aggregates.Count; at++)
                {
                    var results = aggregates[at].Results;
                    for (var output = 0; output < results.Count; output++)
                    {
                        cells[results[output].Index] = states[(group * aggregates.Count) + at].Result(output);
                    }
                }
            }

            meter.Check(At);
            yield return batch;
        }
    }
}
