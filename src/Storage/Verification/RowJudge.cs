using System.Buffers;
using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Verification;

/// <summary>In what state a row is.</summary>
internal enum RowState
{
    /// <summary>It opens where it lies.</summary>
    Opened,

    /// <summary>Its person was erased; it holds nothing.</summary>
    Tombstone,

    /// <summary>Its key was destroyed; it is about to go.</summary>
    Shredded,

    /// <summary>Something is wrong with it.</summary>
    Broken,
}

/// <summary>What is said of a row.</summary>
internal readonly record struct Verdict(RowState State, string? Fault);

/// <summary>
/// Judges the rows of one page, with keys read from the key store for it: what the node remembers could be right while what rests is wrong.
/// </summary>
internal sealed class RowJudge(
    ScaleUnit unit, Func<long, CancellationToken, ValueTask<ResourceRef?>> resourceOf, Func<long, CancellationToken, ValueTask<bool>> isGoing) : IDisposable
{
    private readonly Dictionary<KeyName, byte[]> _keys = [];
    private readonly HashSet<KeyName> _broken = [];
    private readonly Dictionary<(SubjectRef Owner, KeyName Parent), SealKey> _derived = [];

    /// <summary>Reads the keys that the rows need.</summary>
    public async Task Prepare(RecordKind kind, IReadOnlyList<ScannedRow> rows, CancellationToken cancel)
    {
        var names = new HashSet<KeyName>();
        foreach (var scanned in rows)
        {
            names.Add(Sealer.ParentOf(kind, scanned.Row.Values, new ResourceRef(scanned.Resource, Guid.Empty)));
            if (Sealer.OwnerOf(kind, scanned.Row) is { IsNone: false } owner)
            {
                names.Add(KeyName.Of(owner));
            }
        }

        names.ExceptWith(_keys.Keys);
        foreach (var stored in names.Count == 0 ? [] : await unit.KeyStore.Find(names, cancel))
        {
            try
            {
                if (await unit.Keys.Vault.Open(stored, cancel) is { } key)
                {
                    _keys[stored.Name] = key;
                }
            }
            catch (SealBrokenException)
            {
                _broken.Add(stored.Name);
            }
        }
    }

    /// <summary>Judges a row.</summary>
    public async ValueTask<Verdict> Of(RecordKind kind, long resourceNumber, StoredRow row, CancellationToken cancel)
    {
        if (await resourceOf(resourceNumber, cancel) is not { } resource)
        {
            return await isGoing(resourceNumber, cancel) ? new(RowState.Shredded, null) : Broken("is of a resource that does not exist");
        }

        var (owner, parent) = (Sealer.OwnerOf(kind, row), Sealer.ParentOf(kind, row.Values, resource));
        if (kind.Erasure == ErasureRule.Depersonalise && row.Payload is { } marker && ErasedPayload.Read(marker) is not null)
        {
            return !owner.IsNone ? Broken("says that its owner was erased, and names one")
                : kind.BlobColumn >= 0 && !row.Values[kind.BlobColumn].IsNull ? Broken("says that its owner was erased, and names a file")
                : new(RowState.Tombstone, null);
        }

        KeyName[] needed = owner.IsNone ? [parent] : [parent, KeyName.Of(owner)];
        if (needed.Any(_broken.Contains))
        {
            return Broken("needs a key that does not open");
        }

        var missing = needed.Where(name => !_keys.ContainsKey(name)).ToList();
        if (missing.Count > 0)
        {
            return (await unit.Keys.Vault.Destroyed(missing, cancel)).Count > 0
                ? new(RowState.Shredded, null)
                : Broken("needs a key that does not exist and was never destroyed here");
        }

        return FaultOf(kind, row, resource, KeyOf(owner, parent)) is { } fault ? Broken(fault) : new(RowState.Opened, null);
    }

    public void Dispose()
    {
        foreach (var key in _derived.Values)
        {
            key.Dispose();
        }

        foreach (var key in _keys.Values)
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private string? FaultOf(RecordKind kind, StoredRow row, ResourceRef resource, SealKey key)
    {
        if (row.Payload is not { } payload)
        {
            return "has no sealed part";
        }

        var columns = Seal.ColumnsOf(payload);
        if (columns > row.Values.Length)
        {
            return "vouches for columns that it does not have";
        }

        var context = new ArrayBufferWriter<byte>(256);
        Seal.WriteContext(context, unit.Options.Geography, resource, kind, row.Values, columns, row.Version);
        var content = ArrayPool<byte>.Shared.Rent(Math.Max(1, payload.Length));
        try
        {
            Seal.Open(key, payload, content, context.WrittenSpan);
            return null;
        }
        catch (SealBrokenException)
        {
            return "does not open where it lies: it was moved here, edited, or sealed for another geography, resource, parent or person";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content, clearArray: true);
        }
    }

    private SealKey KeyOf(SubjectRef owner, KeyName parent)
    {
        if (!_derived.TryGetValue((owner, parent), out var key))
        {
            key = owner.IsNone ? SealKey.Of(_keys[parent]) : SealKey.Of(_keys[KeyName.Of(owner)], _keys[parent]);
            _derived.Add((owner, parent), key);
        }

        return key;
    }

    private static Verdict Broken(string fault) => new(RowState.Broken, fault);
}
