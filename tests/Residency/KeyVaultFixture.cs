using Domicile.Residency;
using Domicile.Storage.Postgres;
using Domicile.Storage.Sqlite;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Residency;

/// <summary>A key store and a root key file on disk, opened as often as the test likes, through decorators that can fail.</summary>
internal abstract class KeyVaultFixture : IAsyncDisposable
{
    public static readonly Geography Europe = Geography.Parse("Europe");
    private FileKeyProvider? _file;
    private IKeyStore? _store;

    public ManualClock Clock { get; } = new();

    public string RootKey => Directory["root.key"];

    /// <summary>Fails the next steps.</summary>
    public Failing Failing { get; private set; } = new();

    public KeyVault Vault { get; private set; } = null!;

    public FileKeyProvider File => _file!;

    public IKeyStore Store => _store!;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected TemporaryDirectory Directory { get; } = new();

    public async Task Open()
    {
        _file = System.IO.File.Exists(RootKey) ? FileKeyProvider.Open(RootKey, Europe, Clock) : FileKeyProvider.Create(RootKey, Europe, Clock);
        _store = await OpenStore(null, Europe, _file.CheckValue);
        Failing = new Failing();
        Vault = new KeyVault(new FailingStore(_store, Failing), new FailingProvider(_file, Failing), Europe, Clock);
        await Vault.Open(Cancel);
    }

    public async Task Close()
    {
        if (_store is not null)
        {
            await CloseStore(_store);
            Vault.Dispose();
            _file!.Dispose();
            _store = null;
        }
    }

    public async Task Reopen()
    {
        await Close();
        await Open();
    }

    /// <summary>A copy of the key store as a thief or a backup has it.</summary>
    public async Task<string> CopyOfKeys()
    {
        await Close();
        var copy = await Copy();
        await Open();
        return copy;
    }

    /// <summary>Opens the key store, or a copy of it.</summary>
    public abstract Task<IKeyStore> OpenStore(string? copy, Geography geography, string rootCheck);

    public abstract ValueTask CloseStore(IKeyStore store);

    /// <summary>Runs a statement in the open key store, behind its back.</summary>
    public abstract Task Tamper(string statement);

    public Task<IReadOnlyList<byte[]>> Create(params long[] ids) => Vault.Create(1, [.. ids.Select(Name)], null, Cancel);

    public static KeyName Name(long id) => new("test.kind", id);

    public async Task<byte[]?> Find(long id) => await Vault.Find([Name(id)], Cancel) is [var found] ? found.Key : null;

    public async ValueTask DisposeAsync()
    {
        await Close();
        await Remove();
        Directory.Dispose();
    }

    /// <summary>Copies the closed key store.</summary>
    protected abstract Task<string> Copy();

    protected virtual Task Remove() => Task.CompletedTask;
}

/// <summary>The key store on SQLite.</summary>
internal sealed class SqliteKeyVaultFixture : KeyVaultFixture
{
    private string Keys => Directory["keys.db"];

    public override Task<IKeyStore> OpenStore(string? copy, Geography geography, string rootCheck) =>
        Task.FromResult<IKeyStore>(new SqliteKeyStore(copy ?? Keys, geography, rootCheck));

    public override ValueTask CloseStore(IKeyStore store) => ((SqliteKeyStore)store).DisposeAsync();

    public override Task Tamper(string statement) => ((SqliteKeyStore)Store).OnWriter(session => session.Prepare(statement).Run(), Cancel);

    protected override Task<string> Copy()
    {
        var copy = Directory[$"copy-{Guid.NewGuid():n}.db"];
        System.IO.File.Copy(Keys, copy);
        return Task.FromResult(copy);
    }
}

/// <summary>The key store on PostgreSQL, in a database of its own.</summary>
internal sealed class PostgresKeyVaultFixture : KeyVaultFixture
{
    private readonly Dictionary<IKeyStore, NpgsqlDataSource> _sources = [];
    private readonly List<string> _databases = [];

    /// <summary>The connection string of the database; null before the first opening.</summary>
    public string? Database => _databases.FirstOrDefault();

    public override async Task<IKeyStore> OpenStore(string? copy, Geography geography, string rootCheck)
    {
        if (_databases.Count == 0)
        {
            _databases.Add(await (await PostgresCluster.Shared(Cancel)).NewDatabase("keys", Cancel));
        }

        var source = NpgsqlDataSource.Create(copy ?? _databases[0]);
        try
        {
            var store = await PostgresKeyStore.Open(source, geography, rootCheck, TimeProvider.System, Cancel);
            _sources.Add(store, source);
            return store;
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask CloseStore(IKeyStore store)
    {
        await ((PostgresKeyStore)store).DisposeAsync();
        if (_sources.Remove(store, out var source))
        {
            await source.DisposeAsync();
        }
    }

    public override async Task Tamper(string statement)
    {
#pragma warning disable CA2100 // The texts are the tests' own.
        await using var command = _sources[Store].CreateCommand(statement);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Cancel);
    }

    protected override async Task<string> Copy()
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        _databases.Add(await cluster.NewDatabase("copy", Cancel, _databases[0]));
        return _databases[^1];
    }

    protected override async Task Remove()
    {
        var cluster = await PostgresCluster.Shared(CancellationToken.None);
        foreach (var database in _databases)
        {
            await cluster.DropDatabase(database, CancellationToken.None);
        }
    }
}

/// <summary>Counts steps, and fails at one of them: before it is done, or after it was done but before anyone is told.</summary>
internal sealed class Failing
{
    private int _steps;

    public int? At { get; set; }

    public bool AfterIt { get; set; }

    public int Steps => _steps;

    public void Reset() => _steps = 0;

    public async Task Step(Func<Task> step) => await Step(async () =>
    {
        await step();
        return 0;
    });

    public async Task<T> Step<T>(Func<Task<T>> step)
    {
        var number = Interlocked.Increment(ref _steps);
        if (number == At && !AfterIt)
        {
            throw new PowerCutException();
        }

        var result = await step();
        return number == At ? throw new PowerCutException() : result;
    }

    public T Step<T>(Func<T> step) => Step(() => Task.FromResult(step())).GetAwaiter().GetResult();
}

internal sealed class PowerCutException : Exception;

internal sealed class FailingStore(IKeyStore inner, Failing failing) : IKeyStore
{
    public Func<Task>? BeforeApply { get; set; }

    public bool IsShared => inner.IsShared;

    public Task<IReadOnlyList<StoredBucket>> Buckets(CancellationToken cancel) => failing.Step(() => inner.Buckets(cancel));

    public ValueTask<IReadOnlyList<StoredKey>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel) => inner.Find(names, cancel);

    public Task<IReadOnlyList<StoredKey>> InBucket(long bucket, CancellationToken cancel) => failing.Step(() => inner.InBucket(bucket, cancel));

    public ValueTask<IReadOnlyList<StoredKey>> Keys(KeyName? after, int take, CancellationToken cancel) => inner.Keys(after, take, cancel);

    public ValueTask<IReadOnlyList<FiledIdentifier>> Identifiers(FiledIdentifier? after, int take, CancellationToken cancel) => inner.Identifiers(after, take, cancel);

    public ValueTask<SubjectRef?> FindSubject(long resource, string purpose, byte[] blindIndex, CancellationToken cancel) => inner.FindSubject(resource, purpose, blindIndex, cancel);

    public ValueTask<IReadOnlyList<StoredIdentifier>> Identifiers(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel) => inner.Identifiers(subjects, cancel);

    public ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel) => inner.Destroyed(names, cancel);

    public Task<IReadOnlyList<KeyName>> OfResource(long resource, CancellationToken cancel) => inner.OfResource(resource, cancel);

    public Task<long> LastResource(CancellationToken cancel) => inner.LastResource(cancel);

    public async Task Apply(IReadOnlyList<KeyStoreChange> changes, CancellationToken cancel)
    {
        if (BeforeApply is { } before)
        {
            await before();
        }

        await failing.Step(() => inner.Apply(changes, cancel));
    }
}

internal sealed class FailingProvider(IKeyProvider inner, Failing failing) : IKeyProvider
{
    public int CurrentEpoch => inner.CurrentEpoch;

    public IReadOnlyList<int> Epochs => inner.Epochs;

    public string CheckValue => inner.CheckValue;

    public string CheckOf(int epoch) => inner.CheckOf(epoch);

    public void Refresh() => inner.Refresh();

    public byte[] Wrap(int epoch, ReadOnlySpan<byte> key, ReadOnlySpan<byte> context)
    {
        var (copy, place) = (key.ToArray(), context.ToArray());
        return failing.Step(() => inner.Wrap(epoch, copy, place));
    }

    public byte[] Unwrap(int epoch, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> context)
    {
        var (copy, place) = (wrapped.ToArray(), context.ToArray());
        return failing.Step(() => inner.Unwrap(epoch, copy, place));
    }

    public int BeginEpoch() => failing.Step(inner.BeginEpoch);

    public void DestroyEpoch(int epoch) => failing.Step(() =>
    {
        inner.DestroyEpoch(epoch);
        return 0;
    });
}
