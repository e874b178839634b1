using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;
using Domicile.Storage.Postgres;
using Domicile.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace Domicile.Storage;

/// <summary>One store of one geography: database, key store, key provider, erasure ledger. Opened by the host, reached through homes.</summary>
public sealed class ScaleUnit : IAsyncDisposable
{
    private static readonly KeyName IndexKey = new(KeyName.Index, 0);
    private static readonly KeyName SigningKey = new(KeyName.Signing, 1);
    private const int NamesInPiece = 500;
    private readonly Parts _parts;
    private readonly AuditScribe _scribe;
    private readonly BoundedCache<Guid, Home> _homes = new(8_192);
    private SignalRelay? _relay;

    private ScaleUnit(ScaleUnitOptions options, Catalogue catalogue, Parts parts, TimeProvider clock, ILogger log)
    {
        Options = options;
        Catalogue = catalogue;
        Clock = clock;
        _parts = parts;
        Engine = parts.Engine;
        HoldSql = HoldSql.For(catalogue.Kinds);
        Retention = new RetentionSql(catalogue.Kinds, HoldSql);
        SubjectSearches = new SubjectSearches(catalogue.Kinds);
        Feed = new Feed(Engine, clock);
        Keys = new KeyRing(new KeyVault(parts.KeyStore, parts.Provider, options.Geography, clock)) { IsCurrent = () => Feed.IsCurrent };
        Subjects = new SubjectDirectory(parts.KeyStore, Keys);
        References = new ReferenceSource(clock, parts.Start);
        Sealer = new Sealer(options.Geography, Keys);
        _scribe = new AuditScribe(catalogue, Engine, Sealer, options.Geography, parts.Start, clock);
        Blobs = new UnitBlobs(new DirectoryBlobs(Path.GetFullPath(BlobsOf(options)), clock), Engine, catalogue, clock);
        Feed.Observe(ForgetDeleted, ForgetAll);
        if (Engine.IsShared)
        {
            Feed.Follower = new FeedFollower(Feed, Engine, ForgetGoing, log);
        }

        Housekeeping = new Housekeeping(this, log);
        Own = new Home { Geography = options.Geography, ResourceId = Guid.Empty, Unit = this, StoredAs = ResourceRef.Geography };
        Administration = new ScaleUnitAdministration(this);
    }

    /// <summary>How it was opened.</summary>
    public ScaleUnitOptions Options { get; }

    /// <summary>The kinds that it keeps.</summary>
    public Catalogue Catalogue { get; }

    /// <summary>The home of the geography's own records.</summary>
    public Home Own { get; }

    /// <summary>What keeps it in order in the background.</summary>
    public Housekeeping Housekeeping { get; }

    internal TimeProvider Clock { get; }

    internal IStoreEngine Engine { get; }

    internal RetentionSql Retention { get; }

    internal SubjectSearches SubjectSearches { get; }

    internal HoldSql? HoldSql { get; }

    internal Feed Feed { get; }

    internal KeyRing Keys { get; }

    internal Sealer Sealer { get; }

    internal UnitBlobs Blobs { get; }

    internal SubjectDirectory Subjects { get; }

    internal ReferenceSource References { get; }

    internal Ephemeral Ephemeral { get; } = new();

    internal ScaleUnitAdministration Administration { get; }

    internal IKeyStore KeyStore => _parts.KeyStore;

    internal FileKeyProvider Provider => _parts.Provider;

    /// <summary>Opens a scale unit, making it when there is nothing yet.</summary>
    /// <exception cref="SchemaMismatchException">The databases are not for this program or this geography.</exception>
    /// <exception cref="InvalidDataException">The root key is missing, damaged or another's.</exception>
    /// <exception cref="DirectoryInUseException">Another server uses the directory.</exception>
    /// <exception cref="StoreUnavailableException">A database does not answer.</exception>
    public static async Task<ScaleUnit> Open(ScaleUnitOptions options, Catalogue catalogue, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        SecretFile.CreateDirectory(options.Directory);
        var parts = new Parts();
        try
        {
            parts.Keep(TakeLock(options.Directory));
            await (options.Postgres is { } postgres ? OpenPostgres(parts, options, postgres, catalogue, clock, cancel) : OpenSqlite(parts, options, catalogue, clock, cancel));
            var unit = new ScaleUnit(options, catalogue, parts, clock, log);
            if (unit.Feed.Follower is { } follower)
            {
                parts.Keep(follower);
                await follower.Start(cancel);
            }

            await unit.Prepare(cancel);
            return unit;
        }
        catch
        {
            await parts.DisposeAsync();
            throw;
        }
    }

    /// <summary>How it is just now, as this node sees it.</summary>
    public async ValueTask<ScaleUnitHealth> Check(CancellationToken cancel)
    {
        try
        {
            await Engine.Probe(cancel);
            await KeyStore.Buckets(cancel);
            return new ScaleUnitHealth(IsWritable: true, Feed.Follower?.Lag ?? TimeSpan.Zero);
        }
        catch (StoreUnavailableException)
        {
            return new ScaleUnitHealth(IsWritable: false, Feed.Follower?.Lag ?? TimeSpan.Zero);
        }
    }

    /// <summary>Takes the scale units of one geography together: the first keeps the geography's own records.</summary>
    public static void Join(IReadOnlyList<ScaleUnit> units)
    {
        foreach (var unit in units)
        {
            unit.Administration.Join(units);
        }
    }

    /// <summary>Stops the background work, finishes what was accepted, closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        await Housekeeping.DisposeAsync();
        await _parts.DisposeAsync();
        _relay?.Dispose();

        // Last: whoever still wants a key finds the key store closed, not the keys wiped.
        Keys.Vault.Dispose();
    }

    internal long NextAuditEntry() => _scribe.NextEntry();

    internal HomeStore StoreOf(ResourceRef resource) => new(Catalogue, Engine, Sealer, _scribe, Blobs, Feed, resource);

    internal ScaleUnitAdministration? AdministrationFor(Home home) => home.ResourceId == Guid.Empty ? Administration : null;

    internal async ValueTask<Home?> FindHome(Guid resource, CancellationToken cancel)
    {
        if (_homes.TryGet(resource, out var known) && Feed.IsCurrent)
        {
            return known;
        }

        var version = _homes.Version;
        if (await Engine.FindNumber(resource, cancel) is not { } number)
        {
            return null;
        }

        var home = new Home { Geography = Options.Geography, ResourceId = resource, Unit = this, StoredAs = new ResourceRef(number, resource) };
        _homes.AddUnlessDropped(resource, home, version);
        return home;
    }

    internal void ForgetHome(Guid resource) => _homes.Drop(resource);

    internal async Task EnsureKey(long resource, KeyName name, CancellationToken cancel)
    {
        if (await Keys.Key(name, cancel) is not null)
        {
            return;
        }

        try
        {
            await Keys.Vault.Create(resource, [name], null, cancel);
        }
        catch (KeyExistsException)
        {
            // Someone else made it first, which is as good.
        }
    }

    internal async Task<Problem?> EraseSubject(HomeStore store, SubjectRef subject, Action<Batch> with, CancellationToken cancel)
    {
        // The intent first: after a crash the housekeeping goes on from here.
        var begun = await store.Commit(batch => with(batch.Erase(subject)), cancel);
        if (begun.Refused is not null)
        {
            return begun.Refused;
        }

        var restrictions = new Restrictions(this, store.Resource);
        if (!await restrictions.AnyHold(CancellationToken.None) || await Engine.AtRest(subject, CancellationToken.None))
        {
            await restrictions.HoldBack(subject, CancellationToken.None);
            await Destroy([KeyName.Of(subject)], CancellationToken.None);
            Subjects.Forget([subject]);
        }

        // Where another node has something of theirs under way for long that is to be held back as well, the housekeeping goes on when that is over.
        Housekeeping.Wake();
        return null;
    }

    /// <summary>Writes keys into the ledger, then destroys them, then drops what was derived from them.</summary>
    internal async Task Destroy(IReadOnlyList<KeyName> names, CancellationToken cancel)
    {
        foreach (var some in names.Chunk(NamesInPiece))
        {
            if (await Existing(some, cancel) is { Count: > 0 } existing)
            {
                _parts.Ledger.Add(existing, Clock.GetUtcNow());
                await Keys.Vault.Destroy(existing, cancel);
            }
        }

        Keys.Forget(names);
    }

    internal async ValueTask<byte[]> Secret(string purpose, CancellationToken cancel)
    {
        var key = await Keys.Key(SigningKey, cancel) ?? throw new KeyGoneException("The signing key is missing.");
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, key, KeyVault.KeyBytes, salt: [], info: Encoding.UTF8.GetBytes($"domicile/secret/1/{purpose}"));
    }

    private async ValueTask<List<KeyName>> Existing(KeyName[] names, CancellationToken cancel) =>
        [.. (await KeyStore.Find(names, cancel)).Select(key => key.Name)];

    private static async Task OpenSqlite(Parts parts, ScaleUnitOptions options, Catalogue catalogue, TimeProvider clock, CancellationToken cancel)
    {
        var rootKey = RootKeyOf(options);
        var (keys, data) = (Path.Combine(options.Directory, "keys.db"), Path.Combine(options.Directory, "data.db"));
        parts.Provider = parts.Keep(!File.Exists(keys) && !File.Exists(data) && !File.Exists(rootKey)
            ? FileKeyProvider.Create(rootKey, options.Geography, clock)
            : FileKeyProvider.Open(rootKey, options.Geography, clock));

        // A first start that was cut off may lack the later files, never an earlier one: root key, keys, data.
        if (!File.Exists(keys) && File.Exists(data))
        {
            throw new InvalidDataException($"The key store {keys} is missing. Without it nothing in {data} can be read; put both back from the same backup.");
        }

        var keyStore = parts.Keep(new SqliteKeyStore(keys, options.Geography, parts.Provider.CheckValue));
        parts.KeyStore = keyStore;
        if (!File.Exists(data) && await keyStore.Buckets(cancel) is { Count: > 0 })
        {
            throw new InvalidDataException($"The database {data} is missing, but there are keys for it. Put it back from a backup, or begin with an empty directory.");
        }

        parts.Ledger = parts.Keep(ErasureLedger.Open(LedgerOf(options)));
        parts.Engine = parts.Keep(new SqliteStoreEngine(data, catalogue, options.Geography, clock));
    }

    private static async Task OpenPostgres(Parts parts, ScaleUnitOptions options, PostgresStore postgres, Catalogue catalogue, TimeProvider clock, CancellationToken cancel)
    {
        var keys = parts.Keep(PostgresDatabase.Of(postgres.Keys, postgres.Connections));
        (parts.Provider, var keyStore) = await OpenPostgresKeys(keys, options, clock, cancel);
        parts.Keep(parts.Provider);
        parts.KeyStore = parts.Keep(keyStore);
        parts.Ledger = parts.Keep(ErasureLedger.OpenShared(postgres.ErasureLedger, NodeName(options.Directory)));
        var engine = parts.Keep(await PostgresStoreEngine.Open(postgres.Data, postgres.Connections, catalogue, options.Geography, clock, cancel));
        parts.Engine = engine;
        parts.Start = engine.Start;
    }

    /// <summary>The first node of an empty geography makes the root key; the others are given the same file. One after the other, so that no two make one.</summary>
    private static async Task<(FileKeyProvider Provider, PostgresKeyStore Keys)> OpenPostgresKeys(PostgresDatabase keys, ScaleUnitOptions options, TimeProvider clock, CancellationToken cancel)
    {
        var rootKey = RootKeyOf(options);
        return await keys.Use(
            (keys, cancel) => keys.Exclusive(
                PostgresLocks.RootKey,
                async cancel =>
                {
                    var provider = !File.Exists(rootKey) && await PostgresKeyStore.IsUnclaimed(keys.Source, cancel)
                        ? FileKeyProvider.Create(rootKey, options.Geography, clock)
                        : FileKeyProvider.Open(rootKey, options.Geography, clock);
                    try
                    {
                        return (provider, await PostgresKeyStore.Open(keys.Source, options.Geography, provider.CheckValue, TimeProvider.System, cancel));
                    }
                    catch
                    {
                        provider.Dispose();
                        throw;
                    }
                },
                cancel),
            cancel);
    }

    /// <summary>Brings the databases to the catalogue, as a start does, without being a node.</summary>
    internal static async Task PreparePostgres(ScaleUnitOptions options, PostgresStore postgres, Catalogue catalogue, CancellationToken cancel)
    {
        await using var keys = PostgresDatabase.Of(postgres.Keys, postgres.Connections);
        var (provider, keyStore) = await OpenPostgresKeys(keys, options, TimeProvider.System, cancel);
        provider.Dispose();
        await keyStore.DisposeAsync();
        await using var data = PostgresDatabase.Of(postgres.Data, postgres.Connections);
        await data.Use((data, cancel) => PostgresSchema.Prepare(data, catalogue, options.Geography, cancel), cancel);
    }

    internal static string RootKeyOf(ScaleUnitOptions options) => options.RootKeyFile ?? Path.Combine(options.Directory, "root.key");

    internal static string BlobsOf(ScaleUnitOptions options) => options.Postgres?.Blobs ?? Path.Combine(options.Directory, "blobs");

    internal static string LedgerOf(ScaleUnitOptions options) => Path.Combine(options.Directory, "erasure.ledger");

    /// <summary>The node's name, made at its first start and kept in its directory: no other node has it, ever.</summary>
    private static string NodeName(string directory)
    {
        var path = Path.Combine(directory, "node");
        if (!File.Exists(path))
        {
            SecretFile.Write(path, Encoding.ASCII.GetBytes($"{Guid.NewGuid():n}"));
        }

        return Guid.TryParseExact(File.ReadAllText(path).Trim(), "n", out var name)
            ? $"{name:n}"
            : throw new InvalidDataException($"{path} is damaged. Remove it: the node then gets a new name.");
    }

    private void ForgetDeleted(IReadOnlyList<FeedEntry> entries)
    {
        // Of its own deletions a node drops the keys as it destroys them.
        if (!Engine.IsShared)
        {
            return;
        }

        foreach (var entry in entries)
        {
            if (entry.Change == Change.Deleted && entry.Kind.Children.Count > 0)
            {
                Keys.Forget([new KeyName(entry.Kind.Name, entry.Key[0].Number)]);
            }
        }
    }

    private void ForgetGoing(Going going)
    {
        if (going.Person != 0)
        {
            Subjects.Forget([new SubjectRef(going.Person)]);
        }
        else
        {
            _homes.DropWhere((_, home) => home.Resource.Number == going.Resource);
            Subjects.ForgetAll();
        }
    }

    private void ForgetAll()
    {
        _homes.Clear();
        Subjects.ForgetAll();
    }

    internal static FileStream TakeLock(string directory)
    {
        try
        {
            return SecretFile.Open(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DirectoryInUseException(directory);
        }
    }

    /// <summary>What a scale unit is made of, closed in the reverse order of its opening.</summary>
    private sealed class Parts : IAsyncDisposable
    {
        private readonly Stack<object> _open = [];

        public IKeyStore KeyStore { get; set; } = null!;

        public FileKeyProvider Provider { get; set; } = null!;

        public ErasureLedger Ledger { get; set; } = null!;

        public IStoreEngine Engine { get; set; } = null!;

        /// <summary>The number of this start among those of all nodes; 0 where there is one node.</summary>
        public long Start { get; set; }

        public T Keep<T>(T part)
            where T : notnull
        {
            _open.Push(part);
            return part;
        }

        public async ValueTask DisposeAsync()
        {
            while (_open.TryPop(out var part))
            {
                if (part is IAsyncDisposable later)
                {
                    await later.DisposeAsync();
                }
                else
                {
                    ((IDisposable)part).Dispose();
                }
            }
        }
    }

    private async Task Prepare(CancellationToken cancel)
    {
        try
        {
            await Keys.Vault.Open(cancel);
        }
        catch (Exception stranger) when (stranger is SealBrokenException or KeyGoneException)
        {
            throw new InvalidDataException($"The key store in {Options.Directory} does not open under the root key. Put back the root key file and the key store that belong together.", stranger);
        }

        // After a restore of the key store: whoever was erased since stays erased. After one of the data: what is left of them goes again.
        foreach (var names in _parts.Ledger.Entries.Chunk(NamesInPiece))
        {
            if (await Existing(names, cancel) is { Count: > 0 } existing)
            {
                await Keys.Vault.Destroy(existing, cancel);
            }
        }

        await TakeLedger(cancel);
        await EnsureKey(0, IndexKey, cancel);
        await EnsureKey(0, SigningKey, cancel);
        await EnsureKey(0, KeyName.OfResource(0), cancel);
        await KnownDefault.Keep(this, cancel);
        if (Engine.IsShared)
        {
            _relay = new SignalRelay(Engine, Ephemeral, await Secret("signals between nodes", cancel));
        }
    }

    /// <summary>
    /// The data knows how far it has read the ledger, and a backup knows less: so what was erased since is found whoever restored it, and a start that
    /// follows on a stop reads only what came last.
    /// </summary>
    private async Task TakeLedger(CancellationToken cancel)
    {
        foreach (var file in _parts.Ledger.Files)
        {
            var seen = await Engine.LedgerSeen(file.Name, cancel);

            // Of a file that is shorter than it was, an older copy was put back.
            foreach (var lines in file.Lines.Skip(seen > file.Lines.Count ? 0 : (int)seen).Chunk(NamesInPiece))
            {
                seen = seen > file.Lines.Count ? lines.Length : seen + lines.Length;
                await Engine.TakeLedger(file.Name, lines, seen, cancel);
            }
        }

        await Engine.ReserveNumbers(await KeyStore.LastResource(cancel), cancel);
    }
}
