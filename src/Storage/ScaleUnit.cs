using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;
using Domicile.Storage.Sqlite;
using Microsoft.Extensions.Logging;

namespace Domicile.Storage;

/// <summary>One store of one geography: database, key store, key provider, erasure ledger. Opened by the host, reached through homes.</summary>
public sealed class ScaleUnit : IAsyncDisposable
{
    private static readonly KeyName IndexKey = new(KeyName.Index, 0);
    private static readonly KeyName SigningKey = new(KeyName.Signing, 1);
    private const int NamesInPiece = 500;
    private readonly FileStream _lock;
    private readonly SqliteKeyStore _keyStore;
    private readonly FileKeyProvider _provider;
    private readonly ErasureLedger _ledger;
    private readonly BoundedCache<Guid, Home> _homes = new(8_192);

    private ScaleUnit(
        ScaleUnitOptions options,
        Catalogue catalogue,
        FileStream directoryLock,
        SqliteKeyStore keyStore,
        FileKeyProvider provider,
        ErasureLedger ledger,
        SqliteStoreEngine engine,
        TimeProvider clock,
        ILogger log)
    {
        Options = options;
        Catalogue = catalogue;
        Clock = clock;
        _lock = directoryLock;
        _keyStore = keyStore;
        _provider = provider;
        _ledger = ledger;
        Keys = new KeyRing(new KeyVault(keyStore, provider, options.Geography, clock));
        Subjects = new SubjectDirectory(keyStore, Keys);
        References = new ReferenceSource(clock);
        Sealer = new Sealer(options.Geography, Keys);
        Engine = engine;
        Blobs = new UnitBlobs(new DirectoryBlobs(Path.GetFullPath(Path.Combine(options.Directory, "blobs")), clock), engine, catalogue, clock);
        Feed = new Feed(Engine, clock);
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

    internal Feed Feed { get; }

    internal KeyRing Keys { get; }

    internal Sealer Sealer { get; }

    internal UnitBlobs Blobs { get; }

    internal SubjectDirectory Subjects { get; }

    internal ReferenceSource References { get; }

    internal Ephemeral Ephemeral { get; } = new();

    internal ScaleUnitAdministration Administration { get; }

    internal IKeyStore KeyStore => _keyStore;

    internal FileKeyProvider Provider => _provider;

    /// <summary>Opens a scale unit, making it when its directory is empty.</summary>
    /// <exception cref="SchemaMismatchException">The databases are not for this program or this geography.</exception>
    /// <exception cref="InvalidDataException">The root key is missing, damaged or another's.</exception>
    /// <exception cref="DirectoryInUseException">Another server uses the directory.</exception>
    public static async Task<ScaleUnit> Open(ScaleUnitOptions options, Catalogue catalogue, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        SecretFile.CreateDirectory(options.Directory);
        var directoryLock = TakeLock(options.Directory);
        var close = new Stack<Func<ValueTask>>([directoryLock.DisposeAsync]);
        try
        {
            var rootKey = options.RootKeyFile ?? Path.Combine(options.Directory, "root.key");
            var (keys, data) = (Path.Combine(options.Directory, "keys.db"), Path.Combine(options.Directory, "data.db"));
            var provider = !File.Exists(keys) && !File.Exists(data) && !File.Exists(rootKey)
                ? FileKeyProvider.Create(rootKey, options.Geography, clock)
                : FileKeyProvider.Open(rootKey, options.Geography, clock);
            close.Push(() => Closed(provider));

            // A first start that was cut off may lack the later files, never an earlier one: root key, keys, data.
            if (!File.Exists(keys) && File.Exists(data))
            {
                throw new InvalidDataException($"The key store {keys} is missing. Without it nothing in {data} can be read; put both back from the same backup.");
            }

            var keyStore = new SqliteKeyStore(keys, options.Geography, provider.CheckValue);
            close.Push(keyStore.DisposeAsync);
            if (!File.Exists(data) && await keyStore.Buckets(cancel) is { Count: > 0 })
            {
                throw new InvalidDataException($"The database {data} is missing, but there are keys for it. Put it back from a backup, or begin with an empty directory.");
            }

            var ledger = ErasureLedger.Open(Path.Combine(options.Directory, "erasure.ledger"));
            close.Push(() => Closed(ledger));
            var engine = new SqliteStoreEngine(data, catalogue, options.Geography, clock);
            close.Push(engine.DisposeAsync);
            var unit = new ScaleUnit(options, catalogue, directoryLock, keyStore, provider, ledger, engine, clock, log);
            await unit.Prepare(cancel);
            return unit;
        }
        catch
        {
            while (close.TryPop(out var part))
            {
                await part();
            }

            throw;
        }
    }

    /// <summary>Stops the background work, finishes what was accepted, closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        await Housekeeping.DisposeAsync();
        await Engine.DisposeAsync();
        await _keyStore.DisposeAsync();
        Keys.Vault.Dispose();
        _provider.Dispose();
        _ledger.Dispose();
        await _lock.DisposeAsync();
    }

    internal HomeStore StoreOf(ResourceRef resource) => new(Catalogue, Engine, Sealer, Blobs, Feed, resource);

    internal ScaleUnitAdministration? AdministrationFor(Home home) => home.ResourceId == Guid.Empty ? Administration : null;

    internal async ValueTask<Home?> FindHome(Guid resource, CancellationToken cancel)
    {
        if (_homes.TryGet(resource, out var known))
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

        await Destroy([KeyName.Of(subject)], CancellationToken.None);
        Subjects.Forget([subject]);
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
                _ledger.Add(existing, Clock.GetUtcNow());
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
        [.. (await _keyStore.Find(names, cancel)).Select(key => key.Name)];

    private static ValueTask Closed(IDisposable part)
    {
        part.Dispose();
        return ValueTask.CompletedTask;
    }

    private static FileStream TakeLock(string directory)
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

        // After a restore of the key store: whoever was erased since stays erased.
        foreach (var names in _ledger.Entries.Chunk(NamesInPiece))
        {
            if (await Existing(names, cancel) is { Count: > 0 } existing)
            {
                await Keys.Vault.Destroy(existing, cancel);
            }
        }

        await EnsureKey(0, IndexKey, cancel);
        await EnsureKey(0, SigningKey, cancel);
        await EnsureKey(0, KeyName.OfResource(0), cancel);
    }
}
