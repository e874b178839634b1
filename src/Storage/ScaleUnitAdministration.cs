using Domicile.Residency;
using Domicile.Storage.Postgres;
using Domicile.Storage.Sqlite;
using Domicile.Storage.Verification;

namespace Domicile.Storage;

/// <summary>
/// What only the geography's own home can do: add and remove resources. The first scale unit of a geography keeps the geography's own records; a resource is
/// placed, once, on the scale unit that has the fewest among those that take new ones, the first of equals, and stays there.
/// </summary>
public sealed class ScaleUnitAdministration
{
    private readonly ScaleUnit _unit;
    private IReadOnlyList<ScaleUnit> _all;

    internal ScaleUnitAdministration(ScaleUnit unit)
    {
        _unit = unit;
        _all = [unit];
    }

    /// <summary>The kinds that the scale unit keeps.</summary>
    public Catalogue Catalogue => _unit.Catalogue;

    /// <summary>Payloads that did not open since the start.</summary>
    public long SealsBroken => _all.Sum(unit => unit.Keys.SealsBroken);

    /// <summary>What a scale unit itself keeps beside the catalogue's tables: files, and tables in them.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> EngineTables =>
    [
        .. SqliteSchema.Describe().Select(table => ($"data.db: {table.Table}", table.Purpose)),
        .. PostgresSchema.Describe().ExceptBy(SqliteSchema.Describe().Select(table => table.Table), table => table.Table).Select(table => ($"PostgreSQL, data: {table.Table}", table.Purpose)),
        .. SqliteKeyStore.Describe().Select(table => ($"keys.db: {table.Table}", table.Purpose)),
        .. PostgresKeyStore.Describe().ExceptBy(SqliteKeyStore.Describe().Select(table => table.Table), table => table.Table).Select(table => ($"PostgreSQL, keys: {table.Table}", table.Purpose)),
        ("blobs/", "sealed files, each of a record that names it, under random names in 256 folders; removed with the record"),
        ("blobs.lock", "an empty file, locked while a backup copies sealed files: for so long, an hour at most, none is removed"),
        ("root.key", "the geography's root keys, one for each epoch; with it and keys.db everything sealed can be opened, so it is in no backup of the data"),
        ("erasure.ledger", "names of the keys that were destroyed, and when: handles and numbers; kept, so that a restored backup brings nobody back"),
    ];

    /// <summary>The home of a resource, or null when the geography has none of that id.</summary>
    public async ValueTask<Home?> Find(Guid resource, CancellationToken cancel)
    {
        foreach (var unit in _all)
        {
            if (await unit.FindHome(resource, cancel) is { } home)
            {
                return home;
            }
        }

        return null;
    }

    /// <summary>Makes room and a key for a resource; one that exists is given back.</summary>
    public async Task<Home> Add(Guid resource, CancellationToken cancel)
    {
        var unit = (await Find(resource, cancel))?.Unit ?? await Place(cancel);
        var number = await unit.Engine.NumberOf(resource, cancel);
        await unit.EnsureKey(number, KeyName.OfResource(number), cancel);
        return (await unit.FindHome(resource, cancel))!;
    }

    /// <summary>
    /// Removes a resource with everything in it: every key of it is destroyed when this returns, so that nothing of it opens; the rows follow in the background.
    /// </summary>
    /// <returns>Why it was refused, or null: nothing is removed while anything in it is held.</returns>
    public async Task<Problem?> Remove(Home home, CancellationToken cancel)
    {
        var resource = home.Resource;
        if (resource == ResourceRef.Geography)
        {
            throw new InvalidOperationException("The geography's own home cannot be removed.");
        }

        if (await FindHold(home, cancel) is { } first)
        {
            return StorageProblems.Held(first);
        }

        // Two nodes that added it at the same moment may have made room on two scale units.
        foreach (var unit in _all)
        {
            if (await unit.FindHome(resource.Id, cancel) is not { } here)
            {
                continue;
            }

            var number = here.Resource.Number;
            if (await unit.Engine.BeginRemoval(number, unit.Clock.GetUtcNow(), cancel) is { } hold)
            {
                return StorageProblems.Held(hold);
            }

            unit.ForgetHome(resource.Id);
            await unit.Administration.DestroyKeysOf(number, CancellationToken.None);
            unit.Housekeeping.Wake();
        }

        return null;
    }

    /// <summary>Any hold in a resource, or null: it keeps the resource from being removed.</summary>
    public async ValueTask<Guid?> FindHold(Home home, CancellationToken cancel)
    {
        foreach (var unit in _all)
        {
            if (await unit.FindHome(home.ResourceId, cancel) is { } here && await unit.Engine.HoldIn(here.Resource.Number, cancel) is { } hold)
            {
                return hold;
            }
        }

        return null;
    }

    /// <summary>
    /// The oldest record of each kind that has a rule of time and is not held: when the rule ended it, and the instant from which the rule counts. Over all scale units of the
    /// geography.
    /// </summary>
    public async ValueTask<IReadOnlyList<OldestRecord>> Oldest(CancellationToken cancel)
    {
        var oldest = new List<OldestRecord>();
        foreach (var kind in _unit.Catalogue.Kinds)
        {
            (DateTimeOffset Due, DateTimeOffset Instant)? first = null;
            foreach (var unit in _all)
            {
                if (await unit.Engine.Oldest(kind, unit.Clock.GetUtcNow(), cancel) is { } found && (first is null || found.Due < first.Value.Due))
                {
                    first = found;
                }
            }

            if (first is { } record)
            {
                var late = _unit.Clock.GetUtcNow() - record.Due;
                oldest.Add(new OldestRecord(kind.Name, record.Instant, record.Due, late > TimeSpan.Zero ? late : TimeSpan.Zero));
            }
        }

        return oldest;
    }

    /// <summary>Does now, and to its end, what housekeeping does by the clock: what has expired or was not used for long goes, and what belongs to removed roots, people and resources.</summary>
    /// <returns>How many records, roots, people and resources went.</returns>
    public async Task<int> RemoveDue(CancellationToken cancel)
    {
        var removed = 0;
        foreach (var unit in _all)
        {
            removed += await unit.Housekeeping.Sweep(cancel);
            removed += await unit.Housekeeping.SweepIdle(cancel);
            removed += await unit.Housekeeping.Purge(cancel);
        }

        return removed;
    }

    /// <summary>
    /// When the time of a record of this kind has come, by whatever rule, something is written on this scale unit in the batch that deletes it. When that is refused, the record goes
    /// without it.
    /// </summary>
    /// <typeparam name="T">The kind.</typeparam>
    /// <param name="say">Says what is written; it can still read the record and what lies below it.</param>
    public void SayBeforeTheEnd<T>(Func<Home, T, CancellationToken, ValueTask<Action<Batch>>> say)
        where T : class =>
        _unit.Housekeeping.SayBeforeTheEnd(say);

    /// <summary>Takes the other scale units of the geography, in the order of the configuration.</summary>
    internal void Join(IReadOnlyList<ScaleUnit> all) => _all = all;

    private async ValueTask<ScaleUnit> Place(CancellationToken cancel)
    {
        var open = _all.Where(unit => unit.Options.TakesResources).ToList();
        if (open.Count <= 1)
        {
            return open.Count == 1 ? open[0] : throw new StoreUnavailableException("No scale unit of the geography takes new resources.");
        }

        var (place, fewest) = (open[0], long.MaxValue);
        foreach (var unit in open)
        {
            if (await unit.Engine.CountResources(cancel) is var count && count < fewest)
            {
                (place, fewest) = (unit, count);
            }
        }

        return place;
    }

    /// <summary>A check of everything that the scale unit keeps; it begins when it is run.</summary>
    public ResidencyCheck CheckResidency() => new(_unit);

    internal async Task DestroyKeysOf(long resource, CancellationToken cancel)
    {
        var names = await _unit.KeyStore.OfResource(resource, cancel);
        foreach (var some in names.Chunk(500))
        {
            await _unit.Destroy(some, cancel);
        }

        if (names.Count > 0)
        {
            _unit.Subjects.ForgetAll();
        }
    }
}
