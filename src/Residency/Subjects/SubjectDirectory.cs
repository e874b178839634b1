using System.Security.Cryptography;
using System.Text;

namespace Domicile.Residency;

/// <summary>
/// Who is behind a handle, and which handle an identifier has: the only way between the two. Both directions rest in the key store, the identifier sealed
/// under the person's own key and found by a blind index, so that they die with the key.
/// </summary>
/// <param name="store">The key store.</param>
/// <param name="ring">The keys in use.</param>
/// <param name="capacity">People remembered at most, in each direction.</param>
public sealed class SubjectDirectory(IKeyStore store, KeyRing ring, int capacity = 32_768)
{
    private const int BlindIndexBytes = 16;
    private const int SubjectsMax = 1_000;
    private readonly BoundedCache<(long Resource, Identifier Identifier), SubjectRef> _handles = new(capacity);
    private readonly BoundedCache<(SubjectRef Subject, long Resource, string Purpose), string> _identifiers = new(capacity);
    private readonly BoundedCache<(long Resource, string Purpose), byte[]> _indexKeys = new(4_096);

    /// <summary>The person who has this identifier in this resource, or null.</summary>
    public async ValueTask<SubjectRef?> Find(ResourceRef resource, Identifier identifier, CancellationToken cancel)
    {
        if (_handles.TryGet((resource.Number, identifier), out var known) && ring.IsCurrent())
        {
            return known;
        }

        var version = _handles.Version;
        var blind = await BlindIndex(resource, identifier, cancel);
        if (await store.FindSubject(resource.Number, identifier.Purpose, blind, cancel) is not { } found)
        {
            return null;
        }

        _handles.AddUnlessDropped((resource.Number, identifier), found, version);
        return found;
    }

    /// <summary>Files a new person under one or more identifiers, durably.</summary>
    /// <exception cref="KeyExistsException">One of the identifiers is somebody's already.</exception>
    public async Task<SubjectRef> Add(ResourceRef resource, IReadOnlyList<Identifier> identifiers, CancellationToken cancel)
    {
        var subject = SubjectRef.Fresh();
        var name = KeyName.Of(subject);
        var blind = new byte[identifiers.Count][];
        for (var i = 0; i < blind.Length; i++)
        {
            blind[i] = await BlindIndex(resource, identifiers[i], cancel);
        }

        var (handles, values) = (_handles.Version, _identifiers.Version);
        var keys = await ring.Vault.Create(
            resource.Number,
            [name],
            keys => identifiers.Select((identifier, i) => new KeyStoreChange.AddIdentifier(
                new StoredIdentifier(subject, resource.Number, identifier.Purpose, Close(keys[0], resource, subject, identifier)), blind[i])),
            cancel);
        ring.Remember(name, keys[0]);
        foreach (var identifier in identifiers)
        {
            _handles.AddUnlessDropped((resource.Number, identifier), subject, handles);
            _identifiers.AddUnlessDropped((subject, resource.Number, identifier.Purpose), identifier.Value, values);
        }

        return subject;
    }

    /// <summary>What one person is known by; null for nobody, or who was erased.</summary>
    public ValueTask<string?> Resolve(ResourceRef resource, string purpose, SubjectRef subject, CancellationToken cancel)
    {
        return !subject.IsNone && _identifiers.TryGet((subject, resource.Number, purpose), out var known) && ring.IsCurrent() ? new(known) : Look();

        async ValueTask<string?> Look() => (await Resolve(resource, purpose, [subject], cancel)).GetValueOrDefault(subject);
    }

    /// <summary>The identifiers of people, by purpose. Whoever was erased is missing from the answer.</summary>
    public async ValueTask<IReadOnlyDictionary<SubjectRef, string>> Resolve(
        ResourceRef resource, string purpose, IEnumerable<SubjectRef> subjects, CancellationToken cancel)
    {
        var resolved = new Dictionary<SubjectRef, string>();
        var isCurrent = ring.IsCurrent();
        HashSet<SubjectRef>? missing = null;
        foreach (var subject in subjects)
        {
            if (subject.IsNone)
            {
                continue;
            }

            if (isCurrent && _identifiers.TryGet((subject, resource.Number, purpose), out var known))
            {
                resolved[subject] = known;
            }
            else
            {
                (missing ??= []).Add(subject);
            }
        }

        if (missing is null)
        {
            return resolved;
        }

        var version = _identifiers.Version;
        await ring.Preload([.. missing.Select(KeyName.Of)], cancel);
        foreach (var some in missing.Chunk(SubjectsMax))
        {
            foreach (var stored in await store.Identifiers(some, cancel))
            {
                if (stored.Purpose == purpose && stored.Resource == resource.Number && await ring.Key(KeyName.Of(stored.Subject), cancel) is { } key)
                {
                    var value = Open(key, resource, stored);
                    resolved[stored.Subject] = value;
                    _identifiers.AddUnlessDropped((stored.Subject, resource.Number, purpose), value, version);
                }
            }
        }

        return resolved;
    }

    /// <summary>What a person is known by; nothing once they are erased.</summary>
    public async ValueTask<IReadOnlyList<Identifier>> IdentifiersOf(ResourceRef resource, SubjectRef person, CancellationToken cancel)
    {
        var identifiers = new List<Identifier>();
        foreach (var purpose in Identifier.OfPeople)
        {
            if (await Resolve(resource, purpose, person, cancel) is { } value)
            {
                identifiers.Add(new Identifier(purpose, value));
            }
        }

        return identifiers;
    }

    /// <summary>Looks whether an identifier opens under its person's key, and is found by no other blind index than its own.</summary>
    /// <returns>What is wrong, or null. The identifier itself is not told.</returns>
    public async ValueTask<string?> FaultOf(FiledIdentifier filed, ResourceRef resource, byte[] key, CancellationToken cancel)
    {
        var identifier = filed.Identifier;
        try
        {
            var value = KeyWrap.Unwrap(IdentifierKey(key), identifier.Sealed, IdentifierContext(resource, identifier.Subject, identifier.Purpose));
            var blind = await BlindIndex(resource, new Identifier(identifier.Purpose, Encoding.UTF8.GetString(value)), cancel);
            CryptographicOperations.ZeroMemory(value);
            return blind.AsSpan().SequenceEqual(filed.BlindIndex) ? null : "is filed under a blind index that is not its own";
        }
        catch (SealBrokenException)
        {
            return "does not open where it lies";
        }
    }

    /// <summary>Destroys people's keys, and with them who they were. Durable; can be repeated.</summary>
    public async Task Erase(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel)
    {
        var names = subjects.Select(KeyName.Of).ToList();
        await ring.Vault.Destroy(names, cancel);
        Forget(subjects);
    }

    /// <summary>Drops what is remembered of people, keys included.</summary>
    public void Forget(IReadOnlyCollection<SubjectRef> subjects)
    {
        var gone = subjects.ToHashSet();
        ring.Forget([.. gone.Select(KeyName.Of)]);
        _identifiers.DropWhere((known, _) => gone.Contains(known.Subject));
        _handles.DropWhere((_, subject) => gone.Contains(subject));
    }

    /// <summary>Drops everything that is remembered.</summary>
    public void ForgetAll()
    {
        _handles.Clear();
        _identifiers.Clear();
        _indexKeys.Clear();
        ring.ForgetAll();
    }

    private async ValueTask<byte[]> BlindIndex(ResourceRef resource, Identifier identifier, CancellationToken cancel)
    {
        if (!_indexKeys.TryGet((resource.Number, identifier.Purpose), out var key))
        {
            var root = await ring.Key(new KeyName(KeyName.Index, 0), cancel)
                ?? throw new KeyGoneException("The key of the blind indexes is missing.");
            key = HKDF.DeriveKey(
                HashAlgorithmName.SHA256, root, KeyVault.KeyBytes, salt: [], info: Encoding.UTF8.GetBytes($"domicile/index/1/{resource.Id:n}/{identifier.Purpose}"));
            _indexKeys.Add((resource.Number, identifier.Purpose), key);
        }

        return HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(identifier.Value))[..BlindIndexBytes];
    }

    private byte[] Close(byte[] key, ResourceRef resource, SubjectRef subject, Identifier identifier) =>
        KeyWrap.Wrap(IdentifierKey(key), Encoding.UTF8.GetBytes(identifier.Value), IdentifierContext(resource, subject, identifier.Purpose));

    private string Open(byte[] key, ResourceRef resource, StoredIdentifier stored)
    {
        try
        {
            return Encoding.UTF8.GetString(KeyWrap.Unwrap(IdentifierKey(key), stored.Sealed, IdentifierContext(resource, stored.Subject, stored.Purpose)));
        }
        catch (SealBrokenException)
        {
            ring.CountBroken();
            throw;
        }
    }

    private static byte[] IdentifierKey(byte[] subjectKey) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, subjectKey, KeyVault.KeyBytes, salt: [], info: "domicile/identifier/1"u8.ToArray());

    private byte[] IdentifierContext(ResourceRef resource, SubjectRef subject, string purpose) =>
        Encoding.UTF8.GetBytes($"{ring.Vault.Geography.Slug}/{resource.Id:n}/{subject.Value:x16}/{purpose}");
}
