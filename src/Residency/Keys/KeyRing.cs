using System.Collections.Concurrent;

namespace Domicile.Residency;

/// <summary>
/// The keys in use, kept for a while: so that a message costs no look-up in the key store. A destroyed key is dropped here first.
/// </summary>
/// <param name="vault">Where keys come from.</param>
/// <param name="capacity">Derived keys kept at most; each takes about 1.5 KiB with its cipher.</param>
public sealed class KeyRing(KeyVault vault, int capacity = 32_768)
{
    private readonly BoundedCache<KeyName, byte[]> _keys = new(capacity);
    private readonly BoundedCache<(SubjectRef Owner, KeyName Parent), SealKey> _derived = new(capacity);
    private readonly ConcurrentDictionary<(KeyName Name, long Version), Task<byte[]?>> _reading = new();
    private long _broken;

    /// <summary>
    /// Whether this node knows of every key that was destroyed elsewhere. While it does not, nothing that is remembered is used, and each key is asked for.
    /// </summary>
    public Func<bool> IsCurrent { get; init; } = () => true;

    /// <summary>The vault behind it.</summary>
    public KeyVault Vault { get; } = vault;

    /// <summary>Payloads that did not open since the start: tampered with or moved. Exported as a metric.</summary>
    public long SealsBroken => Interlocked.Read(ref _broken);

    /// <summary>The key for sealing and opening what this owner has under this parent.</summary>
    /// <returns>Null when one of the two keys was destroyed or never made.</returns>
    public ValueTask<SealKey?> Find(SubjectRef owner, KeyName parent, CancellationToken cancel) =>
        _derived.TryGet((owner, parent), out var derived) && IsCurrent() ? new ValueTask<SealKey?>(derived) : Derive(owner, parent, cancel);

    /// <summary>Whether <see cref="Find"/> would have the key at hand.</summary>
    public bool Has(SubjectRef owner, KeyName parent) => _derived.TryGet((owner, parent), out _) && IsCurrent();

    /// <summary>Reads keys that a page will need, in one look-up.</summary>
    public async ValueTask Preload(IReadOnlyCollection<KeyName> names, CancellationToken cancel)
    {
        var missing = (IsCurrent() ? names.Where(name => !_keys.TryGet(name, out _)) : names).Distinct().ToList();
        if (missing.Count == 0)
        {
            return;
        }

        var version = _keys.Version;
        foreach (var (name, key) in await Vault.Find(missing, cancel))
        {
            _keys.AddUnlessDropped(name, key, version);
        }
    }

    /// <summary>Reads one key, in one flight however many ask.</summary>
    public ValueTask<byte[]?> Key(KeyName name, CancellationToken cancel) =>
        _keys.TryGet(name, out var key) && IsCurrent() ? new ValueTask<byte[]?>(key) : Read(name, cancel);

    /// <summary>Keeps a key that was just made.</summary>
    public void Remember(KeyName name, byte[] key) => _keys.Add(name, key);

    /// <summary>Drops keys and all that was derived from them.</summary>
    public void Forget(IReadOnlyCollection<KeyName> names)
    {
        foreach (var name in names)
        {
            _keys.Drop(name);
        }

        _derived.DropWhere((pair, _) => names.Contains(pair.Parent) || (!pair.Owner.IsNone && names.Contains(KeyName.Of(pair.Owner))));
    }

    /// <summary>Drops everything: the node may have missed that keys were destroyed.</summary>
    public void ForgetAll()
    {
        _keys.Clear();
        _derived.Clear();
    }

    /// <summary>Counts a payload that did not open.</summary>
    public void CountBroken() => Interlocked.Increment(ref _broken);

    private async ValueTask<SealKey?> Derive(SubjectRef owner, KeyName parent, CancellationToken cancel)
    {
        var version = _derived.Version;
        if (await Key(parent, cancel) is not { } parentKey)
        {
            return null;
        }

        SealKey derived;
        if (owner.IsNone)
        {
            derived = SealKey.Of(parentKey);
        }
        else if (await Key(KeyName.Of(owner), cancel) is { } ownerKey)
        {
            derived = SealKey.Of(ownerKey, parentKey);
        }
        else
        {
            return null;
        }

        _derived.AddUnlessDropped((owner, parent), derived, version);
        return derived;
    }

    private async ValueTask<byte[]?> Read(KeyName name, CancellationToken cancel)
    {
        // Whoever asks after something was dropped does not join a flight from before: it may carry what was destroyed.
        var slot = (name, _keys.Version);
        var mine = new TaskCompletionSource<byte[]?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var flight = _reading.GetOrAdd(slot, mine.Task);
        if (flight == mine.Task)
        {
            // Its place in the table is taken before it begins, so that its end finds it there.
            _ = Fly(slot, mine);
        }

        return await flight.WaitAsync(cancel);
    }

    private async Task Fly((KeyName Name, long Version) slot, TaskCompletionSource<byte[]?> flight)
    {
        try
        {
            var key = await Vault.Find([slot.Name], CancellationToken.None) is [var found] ? found.Key : null;
            if (key is not null)
            {
                _keys.AddUnlessDropped(slot.Name, key, slot.Version);
            }

            _reading.TryRemove(slot, out _);
            flight.SetResult(key);
        }
        catch (Exception fault)
        {
            _reading.TryRemove(slot, out _);
            flight.SetException(fault);
        }
    }
}
