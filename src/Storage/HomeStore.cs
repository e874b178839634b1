using System.Data.Common;
using System.Runtime.CompilerServices;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// The store of one resource. It gets by key, reads ranges of a key, and commits batches; any other query is a module's own SQL, run by <see cref="Query"/>.
/// </summary>
public sealed class HomeStore
{
    private readonly Catalogue _catalogue;
    private readonly IStoreEngine _engine;
    private readonly Sealer _sealer;
    private readonly AuditScribe _scribe;
    private readonly UnitBlobs _blobs;

    internal HomeStore(Catalogue catalogue, IStoreEngine engine, Sealer sealer, AuditScribe scribe, UnitBlobs blobs, Feed feed, ResourceRef resource)
    {
        _catalogue = catalogue;
        _engine = engine;
        _sealer = sealer;
        _scribe = scribe;
        _blobs = blobs;
        Feed = feed;
        Resource = resource;
    }

    /// <summary>The resource whose records these are.</summary>
    public ResourceRef Resource { get; }

    /// <summary>What changes in the scale unit.</summary>
    public Feed Feed { get; }

    /// <summary>Applies a batch: all or nothing, durable when it returns.</summary>
    /// <param name="build">Names the checks and writes.</param>
    /// <param name="cancel">Gives up waiting for a place in the queue; a batch that has one is carried out.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome> Commit(Action<Batch> build, CancellationToken cancel)
    {
        var batch = new Batch(_catalogue, Resource.Number);
        build(batch);
        try
        {
            var count = batch.Writes.Count;
            var writes = new Write[count + batch.Notes.Count];
            for (var i = 0; i < writes.Length; i++)
            {
                var closing = i < count ? batch.Writes[i].Close(_sealer, Resource, cancel) : _scribe.Write(batch.Notes[i - count], cancel);
                if (await closing is not { } write)
                {
                    return new Outcome(StorageProblems.Gone, 0, []);
                }

                if (write.Kind.BlobColumn >= 0 && !await _blobs.MayWrite(write, cancel))
                {
                    return new Outcome(StorageProblems.NoBlob, 0, []);
                }

                writes[i] = write;
            }

            var audited = batch.AuditedWrites is { } act ? await _scribe.Digest(act, writes, cancel) : null;
            var plan = new Plan(Resource.Number, batch.RootLock, batch.Checks, writes) { Erased = batch.Erased, Audited = audited, Unused = batch.Unused };
            var outcome = await _engine.Commit(plan, cancel);
            return new Outcome(outcome.Refused, outcome.Position, outcome.Appended);
        }
        catch (StoreUnavailableException)
        {
            return new Outcome(StorageProblems.Unavailable, 0, []);
        }
    }

    /// <summary>Reads one record, or null.</summary>
    public async ValueTask<T?> Get<T>(ColumnValue[] key, CancellationToken cancel)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        return await _engine.Get(kind, Resource.Number, key, cancel) is { } row ? await _sealer.Open(kind, row, Resource, cancel) : null;
    }

    /// <summary>Reads records by their keys, at once and in no order; those that are not there, or do not open any more, are left out.</summary>
    /// <param name="keys">The keys, 1,000 at most.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<List<T>> GetMany<T>(IReadOnlyList<ColumnValue[]> keys, CancellationToken cancel)
        where T : class
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keys.Count, RangeQuery<T>.TakeMax, nameof(keys));
        var kind = _catalogue.Of<T>();
        return keys.Count == 0 ? [] : await _sealer.Open(kind, await _engine.Get(kind, Resource.Number, keys, cancel), Resource, cancel);
    }

    /// <summary>Records whose key begins so, in the order of the key; without a beginning, all of the resource.</summary>
    public RangeQuery<T> Range<T>(params ColumnValue[] prefix)
        where T : class =>
        new(this, _catalogue.Of<T>(), prefix);

    /// <summary>Records whose indexed member has a value, at most so many, in no order.</summary>
    /// <param name="member">The member's name; it must be indexed.</param>
    /// <param name="value">The value.</param>
    /// <param name="take">Records at most, 1–1,000.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<List<T>> Lookup<T>(string member, ColumnValue value, int take, CancellationToken cancel)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        var column = kind.Columns.TakeWhile(column => column.Member != member).Count();
        return await _sealer.Open(kind, await _engine.Lookup(kind, Resource.Number, column, value, take, cancel), Resource, cancel);
    }

    /// <summary>Runs a query of a module's own over the catalogue's tables. It reads only, and must bound its rows and name the resource's number.</summary>
    public ValueTask<T> Query<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancel) => _engine.Query(query, cancel);

    internal async ValueTask<List<T>> Read<T>(RecordKind<T> kind, RangePlan plan, CancellationToken cancel)
        where T : class =>
        await _sealer.Open(kind, await _engine.Range(plan, cancel), Resource, cancel);
}

/// <summary>What became of a batch.</summary>
/// <param name="Refused">Why nothing was written; null when all of it was.</param>
/// <param name="Position">The feed position of its last change.</param>
/// <param name="Appended">What the store allocated, for each append in order.</param>
public readonly record struct Outcome(Problem? Refused, long Position, IReadOnlyList<Appended> Appended);
