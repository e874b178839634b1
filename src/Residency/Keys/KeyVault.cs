using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// The keys of one scale unit: makes them, unwraps them, destroys them, and turns the epochs. Two levels: a key is wrapped under its bucket's key,
/// a bucket's key under the epoch key that the provider holds. When an epoch ends, the buckets in which a key died are re-keyed, the others only wrapped
/// anew, and the old epoch key is destroyed: from then on no copy of the key store opens what was destroyed.
/// </summary>
public sealed class KeyVault(IKeyStore store, IKeyProvider provider, Geography geography, TimeProvider clock) : IDisposable
{
    /// <summary>Keys in one bucket, at most. Re-keying a bucket costs one pass over them.</summary>
    public const int BucketCapacity = 2048;

    /// <summary>Length of every key in bytes (AES-256).</summary>
    public const int KeyBytes = 32;

    private const int NamesMax = 1_000;
    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile Dictionary<long, OpenedBucket> _buckets = [];
    private long _openBucket;
    private int _openBucketKeys;

    /// <summary>The clock by which keys are dated.</summary>
    public TimeProvider Clock { get; } = clock;

    /// <summary>The geography whose keys these are.</summary>
    public Geography Geography { get; } = geography;

    /// <summary>Unwraps the buckets.</summary>
    /// <exception cref="SealBrokenException">The key store is of another geography or was tampered with.</exception>
    public async Task Open(CancellationToken cancel)
    {
        var opened = new Dictionary<long, OpenedBucket>();
        foreach (var bucket in await store.Buckets(cancel))
        {
            opened.Add(bucket.Id, new OpenedBucket(provider.Unwrap(bucket.Epoch, bucket.Wrapped, BucketContext(bucket.Id)), bucket.Generation));
            if (_openBucket == 0 && bucket.Keys < BucketCapacity)
            {
                (_openBucket, _openBucketKeys) = (bucket.Id, bucket.Keys);
            }
        }

        _buckets = opened;
    }

    /// <summary>Reads keys; those that were destroyed or never made are missing from the answer.</summary>
    public async ValueTask<IReadOnlyList<(KeyName Name, byte[] Key)>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel)
    {
        var found = new List<(KeyName, byte[])>(names.Count);
        foreach (var some in names.Chunk(NamesMax))
        {
            foreach (var stored in await store.Find(some, cancel))
            {
                if (await Unwrap(stored, cancel) is { } key)
                {
                    found.Add((stored.Name, key));
                }
            }
        }

        return found;
    }

    /// <summary>Whether the key of a bucket opens under the epoch that it names, and this vault's keys.</summary>
    public bool Opens(StoredBucket bucket)
    {
        try
        {
            CryptographicOperations.ZeroMemory(provider.Unwrap(bucket.Epoch, bucket.Wrapped, BucketContext(bucket.Id)));
            return true;
        }
        catch (Exception broken) when (broken is SealBrokenException or KeyGoneException)
        {
            return false;
        }
    }

    /// <summary>Opens a key as it was read from the store. Null when it was destroyed meanwhile.</summary>
    /// <exception cref="SealBrokenException">It does not open under its bucket, or there is no such bucket.</exception>
    public async ValueTask<byte[]?> Open(StoredKey stored, CancellationToken cancel)
    {
        try
        {
            return await Unwrap(stored, cancel);
        }
        catch (KeyNotFoundException)
        {
            throw new SealBrokenException("A wrapped key names a bucket that does not exist.");
        }
    }

    /// <summary>Makes a key, durably, before anything is sealed under it. A key that nothing uses does no harm.</summary>
    /// <param name="resource">The resource's number; 0 for the geography's own.</param>
    /// <param name="names">The keys to make.</param>
    /// <param name="identifiers">Given the new keys in order, the identifiers to file with them.</param>
    /// <param name="cancel">Ends the wait, not the change.</param>
    public async Task<IReadOnlyList<byte[]>> Create(
        long resource, IReadOnlyList<KeyName> names, Func<IReadOnlyList<byte[]>, IEnumerable<KeyStoreChange>>? identifiers, CancellationToken cancel)
    {
        var keys = names.Select(_ => RandomNumberGenerator.GetBytes(KeyBytes)).ToList();
        while (true)
        {
            var (id, bucket) = await TakeBucket(names.Count, cancel);
            var changes = names.Select((name, i) => (KeyStoreChange)new KeyStoreChange.AddKey(
                new StoredKey(name, resource, id, KeyWrap.Wrap(bucket.Key, keys[i], KeyContext(name))), bucket.Generation));
            try
            {
                await store.Apply([.. changes, .. identifiers?.Invoke(keys) ?? []], cancel);
                return keys;
            }
            catch (BucketMovedException)
            {
                await Reopen(cancel);
            }
        }
    }

    /// <summary>Destroys keys, durably. What was sealed under them no longer opens; when the epoch has ended, no copy of the key store helps either.</summary>
    public Task Destroy(IEnumerable<KeyName> names, CancellationToken cancel)
    {
        var now = Clock.GetUtcNow();
        return store.Apply([.. names.Select(name => new KeyStoreChange.Destroy(name, now))], cancel);
    }

    /// <summary>When keys were destroyed, for those named that were.</summary>
    public ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel) => store.Destroyed(names, cancel);

    /// <summary>
    /// Ends the epoch: re-keys the buckets in which a key died, wraps all bucket keys under the new epoch's key, and destroys the old epochs.
    /// Reads go on meanwhile. After a crash in the middle it is simply done again.
    /// </summary>
    /// <returns>How many buckets were re-keyed.</returns>
    public async Task<int> TurnEpoch(CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            await Open(cancel);
            var epoch = provider.BeginEpoch();
            var rekeyed = 0;
            foreach (var bucket in await store.Buckets(cancel))
            {
                rekeyed += await MoveBucket(bucket, epoch, cancel) ? 1 : 0;
            }

            foreach (var old in provider.Epochs.Where(old => old < epoch))
            {
                provider.DestroyEpoch(old);
            }

            await Open(cancel);
            return rekeyed;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <returns>Whether the bucket was re-keyed.</returns>
    private async Task<bool> MoveBucket(StoredBucket bucket, int epoch, CancellationToken cancel)
    {
        var old = _buckets[bucket.Id];
        if (!bucket.SomeDestroyed)
        {
            var moved = new KeyStoreChange.ReplaceBucket(bucket.Id, epoch, provider.Wrap(epoch, old.Key, BucketContext(bucket.Id)), old.Generation, Rekeyed: false);
            await store.Apply([moved], cancel);
            return false;
        }

        var fresh = RandomNumberGenerator.GetBytes(KeyBytes);
        var replaced = new KeyStoreChange.ReplaceBucket(bucket.Id, epoch, provider.Wrap(epoch, fresh, BucketContext(bucket.Id)), old.Generation, Rekeyed: true);
        while (true)
        {
            var changes = new List<KeyStoreChange> { replaced };
            foreach (var stored in await store.InBucket(bucket.Id, cancel))
            {
                var survivor = KeyWrap.Unwrap(old.Key, stored.Wrapped, KeyContext(stored.Name));
                changes.Add(new KeyStoreChange.Rewrap(stored.Name, KeyWrap.Wrap(fresh, survivor, KeyContext(stored.Name))));
                CryptographicOperations.ZeroMemory(survivor);
            }

            try
            {
                await store.Apply(changes, cancel);
                _buckets = new Dictionary<long, OpenedBucket>(_buckets) { [bucket.Id] = new OpenedBucket(fresh, old.Generation + 1) };
                return true;
            }
            catch (BucketMovedException)
            {
                // A key was made or destroyed in it meanwhile: look again, so that none is left behind under the old bucket key.
            }
        }
    }

    /// <returns>Null when the key was destroyed meanwhile.</returns>
    private async ValueTask<byte[]?> Unwrap(StoredKey stored, CancellationToken cancel)
    {
        try
        {
            return KeyWrap.Unwrap(_buckets[stored.Bucket].Key, stored.Wrapped, KeyContext(stored.Name));
        }
        catch (Exception stale) when (stale is SealBrokenException or KeyNotFoundException)
        {
            // The epoch turned between reading the row and unwrapping it, here or on another node: read both again, once.
            await Reopen(cancel);
            var again = await store.Find([stored.Name], cancel);
            return again is [var now]
                ? KeyWrap.Unwrap(_buckets[now.Bucket].Key, now.Wrapped, KeyContext(now.Name))
                : null;
        }
    }

    private async Task Reopen(CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            await Open(cancel);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>A bucket with room; only every two-thousandth key makes one.</summary>
    private async ValueTask<(long Id, OpenedBucket Bucket)> TakeBucket(int keys, CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            if (_openBucket == 0 || _openBucketKeys + keys > BucketCapacity)
            {
                // The number is random, so that two nodes never open the same bucket.
                var id = SubjectRef.Fresh().Value;
                var key = RandomNumberGenerator.GetBytes(KeyBytes);
                var epoch = provider.CurrentEpoch;
                await store.Apply([new KeyStoreChange.AddBucket(new StoredBucket(id, epoch, provider.Wrap(epoch, key, BucketContext(id)), 0, 0, false))], cancel);
                _buckets = new Dictionary<long, OpenedBucket>(_buckets) { [id] = new OpenedBucket(key, 0) };
                (_openBucket, _openBucketKeys) = (id, 0);
            }

            _openBucketKeys += keys;
            return (_openBucket, _buckets[_openBucket]);
        }
        finally
        {
            _changing.Release();
        }
    }

    private byte[] BucketContext(long id) => Encoding.UTF8.GetBytes($"domicile/bucket/1/{Geography.Name}/{id:x16}");

    private byte[] KeyContext(KeyName name)
    {
        var scope = Encoding.UTF8.GetByteCount(name.Scope);
        var context = new byte[scope + 8 + Geography.Slug.Length];
        Encoding.UTF8.GetBytes(Geography.Slug, context);
        BinaryPrimitives.WriteInt64BigEndian(context.AsSpan(Geography.Slug.Length), name.Id);
        Encoding.UTF8.GetBytes(name.Scope, context.AsSpan(Geography.Slug.Length + 8));
        return context;
    }

    /// <summary>Forgets the keys of the buckets.</summary>
    public void Dispose()
    {
        foreach (var bucket in _buckets.Values)
        {
            CryptographicOperations.ZeroMemory(bucket.Key);
        }
    }

    private sealed record OpenedBucket(byte[] Key, int Generation);
}
