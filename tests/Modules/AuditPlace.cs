using Domicile.Modules.Audit;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules;

/// <summary>Two geographies on real stores, each the witness of the other, with a clock that the test turns. Either can be closed, put back from a copy, opened again.</summary>
internal sealed class AuditPlace : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Guid _resource = Guid.CreateVersion7();
    private ScaleUnit? _unit;
    private ScaleUnit? _other;

    public ManualClock Clock { get; } = new();

    public ScaleUnit Unit => _unit!;

    public Home Own => Unit.Own;

    public Home Home { get; private set; } = null!;

    public GeographyAudit Audit { get; private set; } = null!;

    public GeographyAudit Other { get; private set; } = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<AuditPlace> Open()
    {
        var place = new AuditPlace();
        await place.Reopen();
        return place;
    }

    /// <summary>Closes everything and opens it again.</summary>
    public async Task Reopen(Action<string>? between = null)
    {
        await Close();
        between?.Invoke(_directory["europe"]);
        _unit = await OpenUnit("Europe", "europe");
        _other = await OpenUnit("India", "india");
        Home = await Own.Administration!.Add(_resource, Cancel);
        Audit = await GeographyAudit.Open(Own, Clock, NullLogger.Instance, Cancel);
        Other = await GeographyAudit.Open(_other.Own, Clock, NullLogger.Instance, Cancel);
        Audit.Witness = Other.AsWitness;
    }

    /// <summary>An act of which the log alone tells.</summary>
    public async Task<Outcome> Act(string reason = "because", SubjectRef actor = default) =>
        await Home.Store.Commit(b => b.Audit(new AuditNote(AuditedAct.TokensRevoked, "administrator") { Actor = actor, Reason = reason }), Cancel);

    /// <summary>An act that writes something, audited by its digest.</summary>
    public async Task<Outcome> Write(string kind) =>
        await Home.Store.Commit(b => b.Insert(new RetentionRule { Kind = kind, Days = 7 }).AuditWrites(AuditedAct.RuleChanged), Cancel);

    public async Task<SubjectRef> Person() => await Home.AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{Guid.NewGuid()}")], Cancel);

    /// <summary>Every entry of the current log in its place, opened where it is one of its own.</summary>
    public async Task<List<(byte[] Leaf, EntryKey Key, AuditEntry? Entry)>> Entries()
    {
        var log = (await AuditSequencer.Current(Own, Cancel))!;
        var entries = new List<(byte[], EntryKey, AuditEntry?)>();
        for (var index = 0L; index < log.Size; index++)
        {
            var tile = (await Own.Store.Get<AuditTile>([log.Number, 0, index / MerkleTile.Width], Cancel))!;
            var (hash, key) = (tile.HashOf((int)(index % MerkleTile.Width)), tile.KeyOf((int)(index % MerkleTile.Width)));
            entries.Add((hash, key, key.Ordinal < 0 ? await Own.Store.Get<AuditEntry>([key.Day, key.Entry], Cancel) : null));
        }

        return entries;
    }

    /// <summary>Every entry's inclusion is proved, and the root is that of the entries in order.</summary>
    public async Task AssertProved()
    {
        var log = (await AuditSequencer.Current(Own, Cancel))!;
        var tree = new AuditTree(Own, log.Number);
        var root = await tree.Root(log.Size, Cancel);
        var edge = new MerkleEdge();
        var entries = await Entries();
        foreach (var (leaf, _, _) in entries)
        {
            edge.Append(leaf);
        }

        Assert.Equal(edge.Root, root);
        foreach (var (index, (leaf, key, _)) in entries.Index())
        {
            Assert.True(MerkleProof.IsIncluded(leaf, index, log.Size, await tree.Inclusion(index, log.Size, Cancel), root));
            Assert.Equal((log.Number, (long)index), await AuditTree.Find(Own, key.Entry, key.Ordinal, new Dictionary<TileKey, AuditTile>(), Cancel));
        }

        Assert.Equal(entries.Count, entries.Select(entry => entry.Key).Distinct().Count());
    }

    /// <summary>Changes the database behind the store's back.</summary>
    public void Tamper(string sql)
    {
        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(_directory["europe"], "data.db"), readOnly: false);
        session.Execute(sql);
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        _directory.Dispose();
    }

    private Task<ScaleUnit> OpenUnit(string geography, string directory) =>
        ScaleUnit.Open(new ScaleUnitOptions(Geography.Parse(geography), _directory[directory]), ProductModules.Catalogue(), Clock, NullLogger.Instance, Cancel);

    private async Task Close()
    {
        if (_unit is not null)
        {
            Audit.Dispose();
            Other.Dispose();
            await _unit.DisposeAsync();
            await _other!.DisposeAsync();
        }
    }
}
