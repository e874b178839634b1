using Domicile.Residency;
using Domicile.Storage.Sqlite;
using Domicile.Tests.Support;

namespace Domicile.Tests.Residency;

/// <summary>A key store and a root key file on disk, opened as often as the test likes, through decorators that can fail.</summary>
internal sealed class KeyVaultFixture : IAsyncDisposable
{
    public static readonly Geography Europe = Geography.Parse("Europe");
    private readonly TemporaryDirectory _directory = new();
    private FileKeyProvider? _file;
    private SqliteKeyStore? _store;

    public ManualClock Clock { get; } = new();

    public string RootKey => _directory["root.key"];

    public string Keys => _directory["keys.db"];

    /// <summary>Fails the next steps.</summary>
    public Failing Failing { get; private set; } = new();

    public KeyVault Vault { get; private set; } = null!;

    public FileKeyProvider File => _file!;

    public IKeyStore Store => _store!;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async Task Open(string? keys = null)
    {
        _file = System.IO.File.Exists(RootKey) ? FileKeyProvider.Open(RootKey, Europe, Clock) : FileKeyProvider.Create(RootKey, Europe, Clock);
        _store = new SqliteKeyStore(keys ?? Keys, Europe, _file.CheckValue);
        Failing = new Failing();
        Vault = new KeyVault(new FailingStore(_store, Failing), new FailingProvider(_file, Failing), Europe, Clock);
        await Vault.Open(Cancel);
    }

    public async Task Close()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
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
        var copy = _directory[$"copy-{Guid.NewGuid():n}.db"];
        System.IO.File.Copy(Keys, copy);
        await Open();
        return copy;
    }

    public Task<IReadOnlyList<byte[]>> Create(params long[] ids) => Vault.Create(1, [.. ids.Select(Name)], null, Cancel);

    public static KeyName Name(long id) => new("test.kind", id);

    public async Task<byte[]?> Find(long id) => await Vault.Find([Name(id)], Cancel) is [var found] ? found.Key : null;

    public async ValueTask DisposeAsync()
    {
        await Close();
        _directory.Dispose();
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

    public Task<IReadOnlyList<StoredBucket>> Buckets(CancellationToken cancel) => failing.Step(() => inner.Buckets(cancel));

    public ValueTask<IReadOnlyList<StoredKey>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel) => inner.Find(names, cancel);

    public Task<IReadOnlyList<StoredKey>> InBucket(long bucket, CancellationToken cancel) => failing.Step(() => inner.InBucket(bucket, cancel));

    public ValueTask<IReadOnlyList<StoredKey>> Keys(KeyName? after, int take, CancellationToken cancel) => inner.Keys(after, take, cancel);

    public ValueTask<IReadOnlyList<FiledIdentifier>> Identifiers(FiledIdentifier? after, int take, CancellationToken cancel) => inner.Identifiers(after, take, cancel);

    public ValueTask<SubjectRef?> FindSubject(long resource, string purpose, byte[] blindIndex, CancellationToken cancel) => inner.FindSubject(resource, purpose, blindIndex, cancel);

    public ValueTask<IReadOnlyList<StoredIdentifier>> Identifiers(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel) => inner.Identifiers(subjects, cancel);

    public ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel) => inner.Destroyed(names, cancel);

    public Task<IReadOnlyList<KeyName>> OfResource(long resource, CancellationToken cancel) => inner.OfResource(resource, cancel);

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
