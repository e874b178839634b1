using System.Text;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Storage;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Residue;

/// <summary>
/// After an erasure, and after the epoch's end, whoever has the current root key and every byte that is left, free pages, logs, files and backups from before
/// among them, reads nothing of the person: neither their key nor anything sealed under it opens. Everyone else's still does, and with a root key from before so does the
/// person's: so the scan would have found it.
/// </summary>
public abstract class ResidueTests(StoreFixture fixture) : StoreTests(fixture)
{
    private readonly Dictionary<string, List<string>> _canaries = new() { ["ada"] = [], ["bo"] = [], ["doomed"] = [], ["held"] = [] };
    private readonly HashSet<long> _buckets = [];
    private readonly HashSet<KeyName> _names = [];

    /// <summary>The homes of the nodes that are open, the first first.</summary>
    protected abstract IReadOnlyList<(ScaleUnit Unit, Home Home)> Nodes { get; }

    private string RootKey => Path.Combine(Fixture.Directory, "root.key");

    private string Blobs => Path.Combine(Fixture.Directory, "blobs");

    public override async ValueTask InitializeAsync() => await Fixture.Open(BlobJson.Catalogue());

    /// <summary>Takes a backup by the means of the engine, and returns every byte of it.</summary>
    protected abstract Task<IReadOnlyList<byte[]>> Backup();

    /// <summary>Every byte of the databases and their logs, as they lie there now.</summary>
    protected abstract Task<IReadOnlyList<byte[]>> Databases();

    [Fact]
    public async Task Nothing_of_an_erased_person_opens_under_any_key_that_is_left()
    {
        var (adaId, boId) = ($"8:acs:{Canary("ada")}", $"8:acs:{Canary("bo")}");
        var ada = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, adaId)], Cancel);
        var bo = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, boId)], Cancel);
        var (room, doomed, album) = (await Room(), Home.References.Next<Room>(), new Ref<Album>(1));
        await Commit(b => b.Insert(new Room { Key = doomed, Name = "doomed", Topic = Canary("doomed") }).Insert(new Album { Key = album, Title = Canary("bo") }));
        foreach (var (who, person) in new[] { ("ada", ada), ("bo", bo) })
        {
            await Commit(b => b.Lock(room, Refused).Insert(new Member { Room = room, Person = person, Nickname = Canary(who) }));
            await Commit(b => b.Lock(doomed, Refused).Insert(new Member { Room = doomed, Person = person, Nickname = Canary("doomed") }));
            await Commit(b => b.Insert(new Letter { Key = new(person.Value), Writer = person, Text = Canary(who) }));
            await File(album, person, Canary(who));
        }

        var held = await Room();
        var hold = (await Home.Holds.OnRoot(Unit.Catalogue.Of<Room>(), held.Value, new HoldTerms("r", Clock.GetUtcNow().AddDays(9), new AuditNote(AuditedAct.HoldPlaced, "node")), Cancel)).Placed!;
        await Commit(b => b.Lock(held, Refused).Insert(new Member { Room = held, Person = ada, Nickname = Canary("held") }));
        await Commit(b => b.Lock(held, Refused).Append(Says(held, ada, Canary("held"))));

        // Every node has all of it at hand, and both of them write for both.
        for (var i = 0; i < 8; i++)
        {
            foreach (var (_, home) in Nodes)
            {
                await Commit(b => b.Lock(room, Refused).Append(Says(room, ada, Canary("ada"))), home);
                await Commit(b => b.Lock(room, Refused).Append(Says(room, bo, Canary("bo"))), home);
                await Commit(b => b.Lock(doomed, Refused).Append(Says(doomed, bo, Canary("doomed"))), home);
                await home.Store.Range<Line>(room).Open(Cancel);
                await home.Resolve(Identifier.CommunicationUser, [ada, bo], Cancel);
            }
        }

        // What was replaced and what was deleted lies in free pages and logs.
        foreach (var (who, person) in new[] { ("ada", ada), ("bo", bo) })
        {
            var letter = (await Store.Get<Letter>([person.Value], Cancel))!;
            await Commit(b => b.Put(letter with { Text = Canary(who) }));
            await Commit(b => b.Insert(new Letter { Key = new(person.Value ^ 1), Writer = person, Text = Canary(who) }));
        }

        await NoteNames();
        var rootBefore = await System.IO.File.ReadAllBytesAsync(RootKey, Cancel);
        var before = new List<byte[]>([.. await Databases(), .. Sealed(), .. await Backup()]);
        var all = Scan(before, rootBefore);
        Assert.All(_canaries.Values.SelectMany(texts => texts), canary => Assert.True(all.Count(canary) > 0, $"{canary} is there and is not found."));
        Assert.Empty(new[] { KeyName.Of(ada), KeyName.Of(bo), new KeyName("test.room", doomed.Value) }.Except(all.Keys));

        foreach (var person in new[] { ada, bo })
        {
            await Commit(b => b.Delete<Letter>([person.Value ^ 1]));
        }

        Assert.Null(await Home.EraseSubject(ada, _ => { }, Cancel));
        await Commit(b => b.Delete<Room>([doomed]));
        await Unit.Housekeeping.Purge(Cancel);

        // What a hold keeps is sealed under keys of its own, which are there to be found until the hold is released.
        Assert.Equal(2, (await Home.Restrictions.Read(null, 10, Cancel)).Count);
        await NoteNames();
        List<byte[]> during = [.. await Databases(), .. await Backup()];
        var kept = Scan(during, rootBefore);
        Assert.All(_canaries["held"], canary => Assert.True(kept.Count(canary) > 0, $"{canary} is held and is not found."));
        Assert.Null(await Home.Holds.Release(hold, new AuditNote(AuditedAct.HoldReleased, "node"), Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        before.AddRange(during);
        await Unit.Blobs.CollectGone(Cancel);

        // The epoch ends on one node, while others still have what they remember, write on, and make keys.
        await Unit.Housekeeping.TurnEpoch(Cancel);
        foreach (var (_, home) in Nodes.Reverse())
        {
            Assert.NotNull((await home.Store.Commit(b => b.Lock(room, Refused).Append(Says(room, ada, Canary("ada"))), Cancel)).Refused);
            await Commit(b => b.Lock(room, Refused).Append(Says(room, bo, Canary("bo"))), home);
            await Person("late", home);
            await home.Store.Range<Line>(room).Open(Cancel);
        }

        // What was refused was nowhere.
        _canaries["ada"].RemoveRange(_canaries["ada"].Count - Nodes.Count, Nodes.Count);
        await NoteNames();
        var rootNow = await System.IO.File.ReadAllBytesAsync(RootKey, Cancel);
        var left = new List<byte[]>([.. before, .. await Databases(), .. Sealed(), .. await Backup()]);
        var found = Scan(left, rootNow);
        Assert.DoesNotContain(KeyName.Of(ada), found.Keys);
        Assert.DoesNotContain(new KeyName("test.room", doomed.Value), found.Keys);
        Assert.All(_canaries["ada"].Concat(_canaries["doomed"]).Concat(_canaries["held"]), canary => Assert.Equal(0, found.Count(canary)));
        Assert.All(_canaries["bo"], canary => Assert.True(found.Count(canary) > 0, $"{canary} is somebody else's and does not open any more."));

        // It is all there; only the key of the epoch is not.
        var had = Scan(left, rootBefore);
        Assert.Contains(KeyName.Of(ada), had.Keys);
        Assert.All(_canaries["ada"].Concat(_canaries["doomed"]), canary => Assert.True(had.Count(canary) > 0));

        // And that one lies nowhere, nor does any text in the clear.
        var gone = ResidueScan.EpochKeys(rootBefore).Where(old => !ResidueScan.EpochKeys(rootNow).Any(now => now.AsSpan().SequenceEqual(old))).ToList();
        Assert.Single(gone);
        foreach (var bytes in left.Concat(OtherFiles()))
        {
            Assert.True(bytes.AsSpan().IndexOf(gone[0]) < 0 && bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Convert.ToBase64String(gone[0]))) < 0);
            Assert.True(bytes.AsSpan().IndexOf("-canary-"u8) < 0);
        }
    }

    protected static IEnumerable<byte[]> FilesIn(string directory) =>
        System.IO.Directory.Exists(directory) ? System.IO.Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Select(System.IO.File.ReadAllBytes) : [];

    /// <summary>A text that nobody else ever writes.</summary>
    private string Canary(string who)
    {
        var canary = $"{who}-canary-{Guid.NewGuid():N}";
        _canaries[who].Add(canary);
        return canary;
    }

    private async Task File(Ref<Album> album, SubjectRef sender, string content)
    {
        var attachment = new Attachment { Album = album, Number = sender.Value, Sender = sender, Name = content };
        await using var writer = (await Home.Blobs.Create(attachment, 1 << 20, Cancel))!;
        Assert.True(await writer.Write(Encoding.ASCII.GetBytes(content), Cancel));
        attachment = attachment with { File = await writer.Complete(Cancel) };
        await Commit(b => b.Insert(attachment));
    }

    private IEnumerable<byte[]> Sealed() => FilesIn(Blobs);

    /// <summary>Everything else that nodes keep: ledgers, locks, what lies beside the root key.</summary>
    private IEnumerable<byte[]> OtherFiles() =>
        System.IO.Directory.EnumerateFiles(Fixture.Directory, "*", SearchOption.AllDirectories).Where(path => path != RootKey && !path.EndsWith(".lock", StringComparison.Ordinal)
            && !Path.GetFileName(path).Equals("lock", StringComparison.Ordinal)).Select(ReadShared);

    /// <summary>The bytes of a file in use; what is cut off it meanwhile was moved to another.</summary>
    protected static byte[] ReadShared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[file.Length];
        return bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }

    private async Task NoteNames()
    {
        _buckets.UnionWith((await Unit.KeyStore.Buckets(Cancel)).Select(bucket => bucket.Id));
        _names.UnionWith((await Unit.KeyStore.Keys(null, 1_000, Cancel)).Select(key => key.Name));
    }

    private ResidueScan Scan(IReadOnlyList<byte[]> media, byte[] rootKey) => ResidueScan.Of(StoreFixture.Europe, media, rootKey, _buckets, _names);
}

/// <summary>One node on files: databases, their logs, the product's own backup.</summary>
public sealed class SqliteResidueTests() : ResidueTests(new SqliteFixture())
{
    private readonly TemporaryDirectory _targets = new();

    protected override IReadOnlyList<(ScaleUnit Unit, Home Home)> Nodes => [(Unit, Home)];

    protected override Task<IReadOnlyList<byte[]>> Backup()
    {
        Clock.Turn(TimeSpan.FromSeconds(1));
        var taken = StoreBackup.Take([new ScaleUnitOptions(StoreFixture.Europe, Fixture.Directory)], _targets["records"], _targets["keys"], BlobJson.Catalogue(), Clock, Cancel);
        return Task.FromResult<IReadOnlyList<byte[]>>([.. taken.SelectMany(one => FilesIn(one.Directory))]);
    }

    /// <summary>Logs before the databases to which their pages are moved, so that no page is missed on its way.</summary>
    protected override Task<IReadOnlyList<byte[]>> Databases() => Task.FromResult<IReadOnlyList<byte[]>>(
        [.. System.IO.Directory.GetFiles(Fixture.Directory, "*.db*").OrderDescending(StringComparer.Ordinal).Select(ReadShared)]);
}

/// <summary>Two nodes with warm caches on a cluster of their own: heaps with their dead rows, indexes, and the whole log that is written ahead.</summary>
[Trait("needs", "postgres")]
public sealed class PostgresResidueTests : ResidueTests
{
    private const int WalPageBytes = 8_192;
    private const int WalPageHeaderBytes = 24;
    private const int WalFirstPageHeaderBytes = 40;

    /// <summary>Relations of the system have lower numbers.</summary>
    private const uint FirstOwnRelation = 16_384;

    private readonly PostgresFixture _fixture;
    private PostgresCluster _cluster = null!;
    private ScaleUnit _other = null!;
    private Home _there = null!;
    private string _firstSegment = "";

    public PostgresResidueTests()
        : this(new PostgresFixture())
    {
    }

    private PostgresResidueTests(PostgresFixture fixture)
        : base(fixture)
    {
        _fixture = fixture;
    }

    protected override IReadOnlyList<(ScaleUnit Unit, Home Home)> Nodes => [(Unit, Home), (_other, _there)];

    public override async ValueTask InitializeAsync()
    {
        // Nothing of the log is used again or removed before the test has read it.
        _cluster = await PostgresCluster.Start(["wal_recycle=off", "wal_keep_size=1GB"], Cancel);
        _fixture.Cluster = _cluster;
        await _fixture.Prepare();
        await Run("SELECT pg_switch_wal()");
        _firstSegment = (string)(await Run("SELECT pg_walfile_name(pg_current_wal_insert_lsn() + 1)"))!;
        await base.InitializeAsync();
        _other = await _fixture.OpenAnother(BlobJson.Catalogue());
        _there = (await _other.Administration.Find(Home.ResourceId, Cancel))!;
    }

    protected override async ValueTask Closing()
    {
        await _other.DisposeAsync();
        await Fixture.Close();
        await _cluster.DisposeAsync();
    }

    /// <summary>A copy of the whole cluster has what lies on the disk at that moment, and that is kept already.</summary>
    protected override Task<IReadOnlyList<byte[]>> Backup() => Task.FromResult<IReadOnlyList<byte[]>>([]);

    protected override async Task<IReadOnlyList<byte[]>> Databases()
    {
        await Run("CHECKPOINT");
        var media = new List<byte[]>();
        foreach (var database in new[] { "data", "keys" })
        {
            var name = new NpgsqlConnectionStringBuilder(_fixture.ConnectionTo(database)).Database;
            var number = await Run($"SELECT oid::bigint FROM pg_database WHERE datname = '{name}'");
            media.AddRange(System.IO.Directory.EnumerateFiles(Path.Combine(_cluster.Data, "base", $"{number}"))
                .Where(path => uint.TryParse(Path.GetFileName(path).Split('.', '_')[0], out var relation) && relation >= FirstOwnRelation).Select(ReadShared).Where(bytes => bytes.Length > 0));
        }

        media.Add(Log());
        return media;
    }

    /// <summary>The log without the headers of its pages, which would cut what lies across two of them.</summary>
    private byte[] Log()
    {
        using var log = new MemoryStream();
        foreach (var segment in System.IO.Directory.EnumerateFiles(Path.Combine(_cluster.Data, "pg_wal")).Where(path => Path.GetFileName(path).Length == 24
            && string.CompareOrdinal(Path.GetFileName(path), _firstSegment) >= 0).Order(StringComparer.Ordinal))
        {
            var bytes = ReadShared(segment);
            for (var page = 0; page < bytes.Length; page += WalPageBytes)
            {
                var header = page == 0 ? WalFirstPageHeaderBytes : WalPageHeaderBytes;
                log.Write(bytes, page + header, WalPageBytes - header);
            }
        }

        return log.ToArray();
    }

    private async Task<object?> Run(string statement)
    {
        await using var connection = new NpgsqlConnection(_cluster.AsSuperuser(_fixture.ConnectionTo("data")) + ";Pooling=false");
        await connection.OpenAsync(Cancel);
#pragma warning disable CA2100 // The texts are the test's own.
        await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(Cancel);
    }
}
