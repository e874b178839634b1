namespace Domicile.Residency;

/// <summary>Where wrapped keys rest: a database of its own, as durable as the data. Everything in it is wrapped; it can read nothing.</summary>
public interface IKeyStore
{
    /// <summary>Whether other nodes may use it at the same time.</summary>
    bool IsShared { get; }

    /// <summary>Every bucket.</summary>
    Task<IReadOnlyList<StoredBucket>> Buckets(CancellationToken cancel);

    /// <summary>The keys that exist among those named; at most 1,000 names.</summary>
    ValueTask<IReadOnlyList<StoredKey>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel);

    /// <summary>Every key of a bucket.</summary>
    Task<IReadOnlyList<StoredKey>> InBucket(long bucket, CancellationToken cancel);

    /// <summary>Keys in the order of their names, after one of them or from the first.</summary>
    ValueTask<IReadOnlyList<StoredKey>> Keys(KeyName? after, int take, CancellationToken cancel);

    /// <summary>Identifiers in the order of resource, purpose and blind index, after one of them or from the first.</summary>
    ValueTask<IReadOnlyList<FiledIdentifier>> Identifiers(FiledIdentifier? after, int take, CancellationToken cancel);

    /// <summary>The person of an identifier, by its blind index.</summary>
    ValueTask<SubjectRef?> FindSubject(long resource, string purpose, byte[] blindIndex, CancellationToken cancel);

    /// <summary>The sealed identifiers of people; at most 1,000 handles.</summary>
    ValueTask<IReadOnlyList<StoredIdentifier>> Identifiers(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel);

    /// <summary>When keys were destroyed, for those named that were.</summary>
    ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel);

    /// <summary>The names of every key of a resource.</summary>
    Task<IReadOnlyList<KeyName>> OfResource(long resource, CancellationToken cancel);

    /// <summary>The highest number of a resource that has a key; 0 when none has.</summary>
    Task<long> LastResource(CancellationToken cancel);

    /// <summary>Changes the store, all or nothing, durable when it returns.</summary>
    /// <exception cref="KeyExistsException">A key or an identifier that is added exists already, or a key of that name was destroyed; nothing was changed.</exception>
    /// <exception cref="BucketMovedException">
    /// The bucket of an added key was re-keyed or fenced off, the keys of a bucket to be re-keyed changed meanwhile, or the epoch of a bucket was retired; nothing was changed.
    /// </exception>
    Task Apply(IReadOnlyList<KeyStoreChange> changes, CancellationToken cancel);
}

/// <summary>A key under which a few thousand others are wrapped.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Epoch">The epoch whose key wraps it.</param>
/// <param name="Wrapped">The wrapped key.</param>
/// <param name="Generation">How often the bucket was re-keyed or fenced off; a key that was wrapped for an older generation is refused.</param>
/// <param name="Keys">How many keys it wraps.</param>
/// <param name="SomeDestroyed">Whether one of them was destroyed since the bucket was last re-keyed.</param>
public sealed record StoredBucket(long Id, int Epoch, byte[] Wrapped, int Generation, int Keys, bool SomeDestroyed);

/// <summary>A wrapped key.</summary>
public sealed record StoredKey(KeyName Name, long Resource, long Bucket, byte[] Wrapped);

/// <summary>A person's identifier, sealed under their own key.</summary>
public sealed record StoredIdentifier(SubjectRef Subject, long Resource, string Purpose, byte[] Sealed);

/// <summary>A sealed identifier and the blind index that it is found by.</summary>
public sealed record FiledIdentifier(StoredIdentifier Identifier, byte[] BlindIndex);

/// <summary>A key that is gone, and since when.</summary>
public sealed record DestroyedKey(KeyName Name, DateTimeOffset At);

/// <summary>One change of the key store.</summary>
public abstract record KeyStoreChange
{
    private KeyStoreChange()
    {
    }

    /// <summary>A new bucket.</summary>
    public sealed record AddBucket(StoredBucket Bucket) : KeyStoreChange;

    /// <summary>
    /// The key of a bucket of this generation is wrapped anew, under the same epoch or a later one. When a key was destroyed in it, it must be re-keyed. When the bucket is re-keyed, each of its keys follows as <see cref="Rewrap"/>; when the
    /// store has another key in it, or one less, nothing is changed and <see cref="BucketMovedException"/> says so.
    /// </summary>
    public sealed record ReplaceBucket(long Id, int Epoch, byte[] Wrapped, int Generation, bool Rekeyed) : KeyStoreChange;

    /// <summary>
    /// The bucket of this generation becomes one of the next with the same key: whoever is about to add keys to it is refused once and takes another, so that
    /// it comes to rest and can be re-keyed.
    /// </summary>
    public sealed record FenceBucket(long Id, int Generation) : KeyStoreChange;

    /// <summary>
    /// From now on no bucket is wrapped under an epoch before this one: an older one is refused with <see cref="BucketMovedException"/>. Whoever ends epochs
    /// says so first, so that no other node puts a bucket under a key that is about to be destroyed. Refused itself when a later epoch was named, or this one
    /// with another key.
    /// </summary>
    /// <param name="Before">The epoch that begins.</param>
    /// <param name="Check">Tells its key from others, see <see cref="IKeyProvider.CheckOf"/>.</param>
    public sealed record RetireEpochs(int Before, string Check) : KeyStoreChange;

    /// <summary>A new key, wrapped for this generation of its bucket.</summary>
    public sealed record AddKey(StoredKey Key, int Generation) : KeyStoreChange;

    /// <summary>A key is wrapped anew in its bucket.</summary>
    public sealed record Rewrap(KeyName Name, byte[] Wrapped) : KeyStoreChange;

    /// <summary>A person's identifier.</summary>
    public sealed record AddIdentifier(StoredIdentifier Identifier, byte[] BlindIndex) : KeyStoreChange;

    /// <summary>A key is destroyed, with every identifier under it. Destroying what is gone changes nothing.</summary>
    public sealed record Destroy(KeyName Name, DateTimeOffset At) : KeyStoreChange;
}

/// <summary>A key or an identifier of that name exists already, or a key of that name was destroyed: a name is never used again.</summary>
public sealed class KeyExistsException() : Exception("A key or an identifier of that name exists already.");

/// <summary>The bucket was re-keyed since the key was wrapped, or its keys changed while it was to be re-keyed.</summary>
public sealed class BucketMovedException() : Exception("The bucket or its keys changed meanwhile.");
