using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// The keys of one scale unit: makes them, unwraps them, destroys them, and turns the epochs. Two levels: a key is wrapped under its bucket's key,
/// a bucket's key under the epoch key that the provider holds. When an epoch ends, the buckets in which a key died are re-keyed, the others only wrapped
/// anew, and the old epoch key is destroyed: from then on no copy of the key store opens what was destroyed. Several nodes may do all of this at once on one
/// key store: what one of them has in memory may be old, so whatever does not open is read again before it counts as broken.
/// </summary>
public sealed class KeyVault(IKeyStore store, IKeyProvider provider, Geography geography, TimeProvider clock) : IDisposable
{
    /// <summary>Keys in one bucket, at most. Re-keying a bucket costs one pass over them.</summary>
    public const int BucketCapacity = 2048;

    /// <summary>Length of every key in bytes (AES-256).</summary>
    public const int KeyBytes = 32;

    private const int NamesMax = 1_000;

    /// <summary>Buckets with room above which a node of several fills one of them instead of making its own.</summary>
    private const int SpareBuckets = 64;

    /// <summary>How often a bucket is tried to be moved while keys are made in it, before it is fenced off.</summary>
    private const int AttemptsUnfenced = 2;

    /// <summary>How often it is tried at all, before what is in the way counts as an error.</summary>
    private const int AttemptsMax = 100;

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
    /// <exception cref="KeyGoneException">It is older than the root key, or newer.</exception>
    public Task Open(CancellationToken cancel) => Open(isAnew: false, cancel);

    private async Task Open(bool isAnew, CancellationToken cancel)
    {
        var stored = await store.Buckets(cancel);
        while (true)
        {
            try
            {
                Open(stored, isAnew);
                return;
            }
            catch (KeyGoneException)
            {
                // Another node may have ended the epoch after the buckets were read: then they have moved.
                var now = await store.Buckets(cancel);
                var epochs = stored.ToDictionary(bucket => bucket.Id, bucket => bucket.Epoch);
                if (!now.Any(bucket => bucket.Epoch != epochs.GetValueOrDefault(bucket.Id, bucket.Epoch)))
                {
                    throw;
                }

                stored = now;
            }
        }
    }

    private void Open(IReadOnlyList<StoredBucket> stored, bool isAnew)
    {
        var (known, opened) = (isAnew ? [] : _buckets, new Dictionary<long, OpenedBucket>(stored.Count));
        foreach (var bucket in stored)
        {
            opened.Add(bucket.Id, known.TryGetValue(bucket.Id, out var same) && same.Generation == bucket.Generation ? same : Unwrap(bucket));
        }

        _buckets = opened;
        var withRoom = stored.Where(bucket => bucket.Keys < BucketCapacity).ToList();
        if (_openBucket == 0 && withRoom.Count > (store.IsShared ? SpareBuckets : 0))
        {
            // Nodes that fill the same bucket wait for each other's commits; so each has its own, unless restarts left many.
            var chosen = withRoom[store.IsShared ? RandomNumberGenerator.GetInt32(withRoom.Count) : 0];
            (_openBucket, _openBucketKeys) = (chosen.Id, chosen.Keys);
        }
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
            var (id, buckets) = await TakeBucket(names.Count, cancel);
            var bucket = buckets[id];
            var changes = names.Select((name, i) => (KeyStoreChange)new KeyStoreChange.AddKey(
                new StoredKey(name, resource, id, KeyWrap.Wrap(bucket.Key, keys[i], KeyContext(name))), bucket.Generation));
            try
            {
                await store.Apply([.. changes, .. identifiers?.Invoke(keys) ?? []], cancel);
                return keys;
            }
            catch (BucketMovedException)
            {
                await Reopen(buckets, cancel);
                if (store.IsShared)
                {
                    // Someone re-keys it, and waits until it is at rest.
                    Interlocked.CompareExchange(ref _openBucket, 0, id);
                }
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
    /// Reads go on meanwhile. After a crash in the middle it is simply done again; when another node does the same, both bring the later epoch to its end.
    /// </summary>
    /// <returns>How many buckets were re-keyed.</returns>
    public async Task<int> TurnEpoch(CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            // Unwrapped anew: a root key that lacks what others began is noticed before it begins something else.
            await Open(isAnew: true, cancel);
            var epoch = await Retire(provider.BeginEpoch(), cancel);
            var rekeyed = 0;
            for (var attempt = 0; ; attempt++)
            {
                var left = (await store.Buckets(cancel)).Where(bucket => bucket.Epoch < epoch).ToList();
                if (left.Count == 0)
                {
                    break;
                }

                foreach (var bucket in left)
                {
                    rekeyed += await MoveBucket(bucket, epoch, attempt, cancel) ? 1 : 0;
                }

                if (provider.CurrentEpoch > epoch)
                {
                    epoch = await Retire(provider.CurrentEpoch, cancel);
                }
            }

            // No bucket needs them any more, and no node can bring one back to them.
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

    /// <summary>Tells every node that nothing is wrapped under an epoch before this one any more.</summary>
    /// <returns>The epoch, or a later one that another node began meanwhile.</returns>
    private async Task<int> Retire(int epoch, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                await store.Apply([new KeyStoreChange.RetireEpochs(epoch, provider.CheckOf(epoch))], cancel);
                return epoch;
            }
            catch (Exception later) when (later is BucketMovedException or KeyGoneException)
            {
                epoch = Later(epoch);
            }
        }
    }

    /// <returns>The epoch that another node began after this one.</returns>
    private int Later(int epoch)
    {
        provider.Refresh();
        return provider.CurrentEpoch > epoch
            ? provider.CurrentEpoch
            : throw new KeyGoneException($"Another node of {Geography} began an epoch that the root key here does not have. All nodes need the same root key.");
    }

    /// <returns>Whether the bucket was re-keyed.</returns>
    private async Task<bool> MoveBucket(StoredBucket bucket, int epoch, int attempt, CancellationToken cancel)
    {
        try
        {
            if (bucket.SomeDestroyed && attempt == AttemptsUnfenced)
            {
                await store.Apply([new KeyStoreChange.FenceBucket(bucket.Id, bucket.Generation)], cancel);
                return false;
            }

            var old = _buckets.TryGetValue(bucket.Id, out var known) && known.Generation == bucket.Generation ? known : Unwrap(bucket);
            var next = bucket.SomeDestroyed ? new OpenedBucket(RandomNumberGenerator.GetBytes(KeyBytes), old.Generation + 1) : old;
            var changes = new List<KeyStoreChange>
            {
                new KeyStoreChange.RetireEpochs(epoch, provider.CheckOf(epoch)),
                new KeyStoreChange.ReplaceBucket(bucket.Id, epoch, provider.Wrap(epoch, next.Key, BucketContext(bucket.Id)), old.Generation, bucket.SomeDestroyed),
            };
            if (bucket.SomeDestroyed)
            {
                foreach (var stored in await store.InBucket(bucket.Id, cancel))
                {
                    var survivor = KeyWrap.Unwrap(old.Key, stored.Wrapped, KeyContext(stored.Name));
                    changes.Add(new KeyStoreChange.Rewrap(stored.Name, KeyWrap.Wrap(next.Key, survivor, KeyContext(stored.Name))));
                    CryptographicOperations.ZeroMemory(survivor);
                }
            }

            await store.Apply(changes, cancel);
            _buckets = new Dictionary<long, OpenedBucket>(_buckets) { [bucket.Id] = next };
            return bucket.SomeDestroyed;
        }
        catch (Exception moved) when (moved is BucketMovedException or SealBrokenException or KeyGoneException && attempt < AttemptsMax)
        {
            // A key was made or destroyed in it meanwhile, or another node moved it: look again, so that none is left behind under the old bucket key.
            provider.Refresh();
            return false;
        }
    }

    private OpenedBucket Unwrap(StoredBucket bucket) => new(provider.Unwrap(bucket.Epoch, bucket.Wrapped, BucketContext(bucket.Id)), bucket.Generation);

    /// <returns>Null when the key was destroyed meanwhile.</returns>
    private async ValueTask<byte[]?> Unwrap(StoredKey stored, CancellationToken cancel)
    {
        while (true)
        {
            var buckets = _buckets;
            var bucket = buckets.GetValueOrDefault(stored.Bucket);
            SealBrokenException broken;
            try
            {
                return bucket is not null
                    ? KeyWrap.Unwrap(bucket.Key, stored.Wrapped, KeyContext(stored.Name))
                    : throw new SealBrokenException("A wrapped key names a bucket that the key store does not have.");
            }
            catch (SealBrokenException fault)
            {
                broken = fault;
            }

            // The epoch turned between reading the row and unwrapping it, or another node made the bucket: read both again, until neither changes.
            var isRead = await Reopen(buckets, cancel);
            if (await store.Find([stored.Name], cancel) is not [var now])
            {
                return null;
            }

            if (isRead && now.Wrapped.AsSpan().SequenceEqual(stored.Wrapped) && _buckets.GetValueOrDefault(now.Bucket)?.Generation == bucket?.Generation)
            {
                throw broken;
            }

            stored = now;
        }
    }

    /// <summary>Reads the buckets again, unless that was done since the caller took those that it has.</summary>
    /// <returns>Whether they were read now.</returns>
    private async Task<bool> Reopen(Dictionary<long, OpenedBucket> seen, CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            if (seen != _buckets)
            {
                return false;
            }

            await Open(cancel);
            return true;
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>A bucket with room, and the buckets as they are known; only every two-thousandth key makes one.</summary>
    private async ValueTask<(long Id, Dictionary<long, OpenedBucket> Buckets)> TakeBucket(int keys, CancellationToken cancel)
    {
        await _changing.WaitAsync(cancel);
        try
        {
            if (_openBucket == 0 || _openBucketKeys + keys > BucketCapacity)
            {
                // The number is random, so that two nodes never open the same bucket.
                var (id, key) = (SubjectRef.Fresh().Value, RandomNumberGenerator.GetBytes(KeyBytes));
                await AddBucket(id, key, cancel);
                _buckets = new Dictionary<long, OpenedBucket>(_buckets) { [id] = new OpenedBucket(key, 0) };
                (_openBucket, _openBucketKeys) = (id, 0);
            }

            _openBucketKeys += keys;
            return (_openBucket, _buckets);
        }
        finally
        {
            _changing.Release();
        }
    }

    private async Task AddBucket(long id, byte[] key, CancellationToken cancel)
    {
        var epoch = provider.CurrentEpoch;
        while (true)
        {
            try
            {
                // Said with it, so that a node whose root key has another key for the epoch is refused.
                await store.Apply(
                    [
                        new KeyStoreChange.RetireEpochs(epoch, provider.CheckOf(epoch)),
                        new KeyStoreChange.AddBucket(new StoredBucket(id, epoch, provider.Wrap(epoch, key, BucketContext(id)), 0, 0, false)),
                    ],
                    cancel);
                return;
            }
            catch (Exception retired) when (retired is BucketMovedException or KeyGoneException)
            {
                // Another node ended the epoch.
                epoch = Later(epoch);
            }
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
