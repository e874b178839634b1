using Domicile.Residency;
using Domicile.Storage.Sqlite;
using Domicile.Storage.Verification;

namespace Domicile.Storage;

/// <summary>What only the geography's own home can do.</summary>
public sealed class ScaleUnitAdministration
{
    private readonly ScaleUnit _unit;

    internal ScaleUnitAdministration(ScaleUnit unit)
    {
        _unit = unit;
    }

    /// <summary>The kinds that the scale unit keeps.</summary>
    public Catalogue Catalogue => _unit.Catalogue;

    /// <summary>Payloads that did not open since the start.</summary>
    public long SealsBroken => _unit.Keys.SealsBroken;

    /// <summary>What a scale unit itself keeps beside the catalogue's tables: files, and tables in them.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> EngineTables =>
    [
        .. SqliteSchema.Describe().Select(table => ($"data.db: {table.Table}", table.Purpose)),
        .. SqliteKeyStore.Describe().Select(table => ($"keys.db: {table.Table}", table.Purpose)),
        ("blobs/", "sealed files, each of a record that names it, under random names in 256 folders; removed with the record"),
        ("root.key", "the geography's root keys, one for each epoch; with it and keys.db everything sealed can be opened, so it is in no backup of the data"),
        ("erasure.ledger", "names of the keys that were destroyed, and when: handles and numbers; kept, so that a restored backup brings nobody back"),
    ];

    /// <summary>The home of a resource, or null when the scale unit has none of that id.</summary>
    public ValueTask<Home?> Find(Guid resource, CancellationToken cancel) => _unit.FindHome(resource, cancel);

    /// <summary>Makes room and a key for a resource; one that exists is given back.</summary>
    public async Task<Home> Add(Guid resource, CancellationToken cancel)
    {
        var number = await _unit.Engine.NumberOf(resource, cancel);
        await _unit.EnsureKey(number, KeyName.OfResource(number), cancel);
        return (await _unit.FindHome(resource, cancel))!;
    }

    /// <summary>
    /// Removes a resource with everything in it: every key of it is destroyed when this returns, so that nothing of it opens; the rows follow in the background.
    /// </summary>
    public async Task Remove(Home home, CancellationToken cancel)
    {
        var resource = home.Resource;
        if (resource == ResourceRef.Geography)
        {
            throw new InvalidOperationException("The geography's own home cannot be removed.");
        }

        await _unit.Engine.BeginPurge(resource.Number, null, 0, _unit.Clock.GetUtcNow(), cancel);
        _unit.ForgetHome(resource.Id);
        await DestroyKeysOf(resource.Number, CancellationToken.None);
        _unit.Housekeeping.Wake();
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
