using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>Some records in the order of their key.</summary>
/// <typeparam name="T">The record.</typeparam>
public sealed class RangeQuery<T>
    where T : class
{
    /// <summary>Records in one answer at most.</summary>
    public const int TakeMax = 1_000;

    private readonly HomeStore _store;
    private readonly RecordKind<T> _kind;
    private RangePlan _plan;

    internal RangeQuery(HomeStore store, RecordKind<T> kind, ColumnValue[] prefix)
    {
        _store = store;
        _kind = kind;
        _plan = new RangePlan(kind, store.Resource.Number, prefix, null, null, false, TakeMax);
    }

    /// <summary>Only records whose next part of the key lies after this.</summary>
    public RangeQuery<T> After(ColumnValue? key) => With(_plan with { After = key });

    /// <summary>Only records whose next part of the key lies before this.</summary>
    public RangeQuery<T> Before(ColumnValue? key) => With(_plan with { Before = key });

    /// <summary>From the last to the first.</summary>
    public RangeQuery<T> Descending() => With(_plan with { Descending = true });

    /// <summary>At most so many, 1–1,000. Fewer may come back when some belong to erased people.</summary>
    public RangeQuery<T> Take(int count) => With(_plan with { Take = Math.Clamp(count, 1, TakeMax) });

    /// <summary>Reads and opens them.</summary>
    public ValueTask<List<T>> Open(CancellationToken cancel) => _store.Read(_kind, _plan, cancel);

    private RangeQuery<T> With(RangePlan plan)
    {
        _plan = plan;
        return this;
    }
}
