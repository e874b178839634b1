using System.Buffers;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>Seals records on their way to a store and opens them on their way back: the only place where content and rows meet.</summary>
internal sealed class Sealer(Geography geography, KeyRing ring)
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_content;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_context;

    /// <summary>The key that a record of this kind is sealed under, next to its owner's.</summary>
    public static KeyName ParentOf(RecordKind kind, ReadOnlySpan<ColumnValue> values, ResourceRef resource) =>
        kind.Root is { } root ? new KeyName(root.Name, values[kind.RootColumn].Number) : KeyName.OfResource(resource.Number);

    /// <summary>
    /// Makes the key of a new parent, durably, before the batch that uses it. It may have one already: the record exists, which the batch finds out, or
    /// an earlier batch with it was refused. The key of a deleted parent is not made again.
    /// </summary>
    public async ValueTask EnsureKey(RecordKind kind, ColumnValue[] values, ResourceRef resource, CancellationToken cancel)
    {
        var name = ParentOf(kind, values, resource);
        try
        {
            var keys = await ring.Vault.Create(resource.Number, [name], null, cancel);
            ring.Remember(name, keys[0]);
        }
        catch (KeyExistsException)
        {
            // Whether it still exists is found when the record is sealed under it.
        }
    }

    /// <summary>
    /// Whether everybody is still there whom the record mentions and with whom it goes: it is not sealed under them, so nothing else would show that they were erased.
    /// </summary>
    public async ValueTask<bool> KnowsMentioned(RecordKind kind, ColumnValue[] values, CancellationToken cancel)
    {
        if (kind.Erasure != ErasureRule.Delete)
        {
            return true;
        }

        for (var i = 0; i < values.Length; i++)
        {
            if (kind.Columns[i].Role.HasFlag(ColumnRole.Subject) && values[i].Number != 0 && await ring.Key(KeyName.Of(new SubjectRef(values[i].Number)), cancel) is null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Seals a record.</summary>
    /// <returns>Null when its owner or parent was erased.</returns>
    public ValueTask<byte[]?> Close<T>(RecordKind<T> kind, T record, ColumnValue[] values, long version, ResourceRef resource, CancellationToken cancel)
        where T : class
    {
        var found = ring.Find(OwnerOf(kind, values), ParentOf(kind, values, resource), cancel);
        return found.IsCompletedSuccessfully
            ? new ValueTask<byte[]?>(found.Result is { } key ? Close(key, kind, record, values, version, resource) : null)
            : CloseLater(found, kind, record, values, version, resource);
    }

    /// <summary>Opens one row.</summary>
    /// <returns>Null when what it belongs to was deleted, or its owner was erased and the kind goes with its owner.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public async ValueTask<T?> Open<T>(RecordKind<T> kind, StoredRow row, ResourceRef resource, CancellationToken cancel)
        where T : class
    {
        if (kind.Erasure == ErasureRule.Depersonalise && row.Payload is { } marker && ErasedPayload.Read(marker) is { } since)
        {
            return kind.Read([], row.Values, row.Version, since);
        }

        var owner = OwnerOf(kind, row.Values);
        var parent = ParentOf(kind, row.Values, resource);
        if (!IsRestricted(row) && await ring.Find(owner, parent, cancel) is { } key)
        {
            return Open(key, kind, row, resource);
        }

        // Which of the two keys is gone decides: without the parent there is nothing left to show.
        if (owner.IsNone || kind.Erasure != ErasureRule.Depersonalise || await ring.Key(parent, cancel) is null)
        {
            return null;
        }

        var erased = await ring.Vault.Destroyed([KeyName.Of(owner)], cancel);
        return kind.Read([], row.Values, row.Version, ErasedPayload.DayOf(erased is [var gone] ? gone.At : ring.Vault.Clock.GetUtcNow()));
    }

    /// <summary>Opens the rows of a page, with one look-up for the keys that are not at hand. Rows whose owner or parent went are left out.</summary>
    public async ValueTask<List<T>> Open<T>(RecordKind<T> kind, List<StoredRow> rows, ResourceRef resource, CancellationToken cancel)
        where T : class
    {
        HashSet<KeyName>? names = null;
        foreach (var row in rows)
        {
            var (owner, parent) = (OwnerOf(kind, row.Values), ParentOf(kind, row.Values, resource));
            if (ring.Has(owner, parent))
            {
                continue;
            }

            (names ??= []).Add(parent);
            if (!owner.IsNone)
            {
                names.Add(KeyName.Of(owner));
            }
        }

        if (names is not null)
        {
            await ring.Preload(names, cancel);
        }

        var records = new List<T>(rows.Count);
        foreach (var row in rows)
        {
            if (await Open(kind, row, resource, cancel) is { } record)
            {
                records.Add(record);
            }
        }

        return records;
    }

    /// <summary>Opens the sealed part of a row of any kind: the JSON that was written.</summary>
    /// <returns>Null when its owner or parent was erased, or nothing is left in it.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public async ValueTask<byte[]?> OpenContent(RecordKind kind, StoredRow row, ResourceRef resource, CancellationToken cancel)
    {
        if (kind.Erasure == ErasureRule.Depersonalise && row.Payload is { } marker && ErasedPayload.Read(marker) is not null)
        {
            return null;
        }

        return !IsRestricted(row) && await ring.Find(OwnerOf(kind, row.Values), ParentOf(kind, row.Values, resource), cancel) is { } key ? OpenContent(key, kind, row, resource) : null;
    }

    /// <summary>Opens the sealed part of a row that only a hold keeps: its owner was erased, and somebody stands in.</summary>
    /// <returns>Null when nobody stands in, or whoever does is erased as well.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, or of another geography.</exception>
    public async ValueTask<byte[]?> OpenRestricted(RecordKind kind, StoredRow row, ResourceRef resource, CancellationToken cancel) =>
        row.Payload is { } payload && Seal.StandInOf(payload) is { IsNone: false } standIn && await ring.Find(standIn, ParentOf(kind, row.Values, resource), cancel) is { } key
            ? OpenContent(key, kind, row, resource)
            : null;

    /// <summary>Seals a content that only a hold keeps under somebody who stands in for its owner.</summary>
    /// <returns>Null when the parent was deleted.</returns>
    public async ValueTask<byte[]?> CloseRestricted(RecordKind kind, ReadOnlyMemory<byte> content, ColumnValue[] values, long version, SubjectRef standIn, ResourceRef resource, CancellationToken cancel)
    {
        if (await ring.Find(standIn, ParentOf(kind, values, resource), cancel) is not { } key)
        {
            return null;
        }

        var context = Empty(ref t_context);
        Seal.WriteContext(context, geography, resource, kind, values, values.Length, version);
        return Seal.Close(key, standIn, values.Length, content.Span, context.WrittenSpan);
    }

    /// <summary>Whether only a hold keeps a row: to everybody else its owner is erased.</summary>
    public static bool IsRestricted(StoredRow row) => row.Payload is { } payload && !Seal.StandInOf(payload).IsNone;

    /// <summary>Seals another content for a row that was read.</summary>
    /// <returns>Null when its owner or parent was erased.</returns>
    public async ValueTask<byte[]?> CloseContent(RecordKind kind, ReadOnlyMemory<byte> content, ColumnValue[] values, long version, ResourceRef resource, CancellationToken cancel)
    {
        if (await ring.Find(OwnerOf(kind, values), ParentOf(kind, values, resource), cancel) is not { } key)
        {
            return null;
        }

        var context = Empty(ref t_context);
        Seal.WriteContext(context, geography, resource, kind, values, values.Length, version);
        return Seal.Close(key, values.Length, content.Span, context.WrittenSpan);
    }

    /// <summary>The person under whose key a row is sealed, or nobody: its owner, or who stands in for them.</summary>
    public static SubjectRef OwnerOf(RecordKind kind, StoredRow row) =>
        row.Payload is { } payload && Seal.StandInOf(payload) is { IsNone: false } standIn ? standIn : OwnerOf(kind, row.Values);

    /// <summary>The person under whose key a record of this kind is sealed, or nobody.</summary>
    public static SubjectRef OwnerOf(RecordKind kind, ReadOnlySpan<ColumnValue> values) =>
        kind.OwnerColumn < 0 ? SubjectRef.None : new SubjectRef(values[kind.OwnerColumn].Number);

    private async ValueTask<byte[]?> CloseLater<T>(
        ValueTask<SealKey?> found, RecordKind<T> kind, T record, ColumnValue[] values, long version, ResourceRef resource)
        where T : class =>
        await found is { } key ? Close(key, kind, record, values, version, resource) : null;

    private byte[] Close<T>(SealKey key, RecordKind<T> kind, T record, ColumnValue[] values, long version, ResourceRef resource)
        where T : class
    {
        var content = Empty(ref t_content);
        kind.WriteContent(record, content);
        var context = Empty(ref t_context);
        Seal.WriteContext(context, geography, resource, kind, values, values.Length, version);
        return Seal.Close(key, values.Length, content.WrittenSpan, context.WrittenSpan);
    }

    private T Open<T>(SealKey key, RecordKind<T> kind, StoredRow row, ResourceRef resource)
        where T : class =>
        Opened(key, kind, row, resource, (Kind: kind, Row: row), static (content, read) => read.Kind.Read(content, read.Row.Values, read.Row.Version, null));

    private byte[] OpenContent(SealKey key, RecordKind kind, StoredRow row, ResourceRef resource) =>
        Opened(key, kind, row, resource, 0, static (content, _) => content.ToArray());

    private TRead Opened<TState, TRead>(SealKey key, RecordKind kind, StoredRow row, ResourceRef resource, TState state, Func<ReadOnlySpan<byte>, TState, TRead> read)
    {
        var payload = row.Payload ?? throw Broken(kind, "has no payload");
        var columns = Seal.ColumnsOf(payload);
        if (columns > row.Values.Length)
        {
            throw Broken(kind, "vouches for columns that it does not have");
        }

        var context = Empty(ref t_context);
        Seal.WriteContext(context, geography, resource, kind, row.Values, columns, row.Version);
        var content = ArrayPool<byte>.Shared.Rent(payload.Length);
        try
        {
            var length = Seal.Open(key, payload, content, context.WrittenSpan);
            return read(content.AsSpan(0, length), state);
        }
        catch (SealBrokenException)
        {
            throw Broken(kind, "does not open where it lies");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content, clearArray: true);
        }
    }

    private SealBrokenException Broken(RecordKind kind, string how)
    {
        ring.CountBroken();
        return new SealBrokenException($"A {kind.Name} in {geography} {how}.");
    }

    private static ArrayBufferWriter<byte> Empty(ref ArrayBufferWriter<byte>? writer)
    {
        // A rare large record does not keep its buffer for the life of the thread.
        if (writer is null || writer.Capacity > 256 * 1024)
        {
            writer = new ArrayBufferWriter<byte>(1024);
        }

        writer.ResetWrittenCount();
        return writer;
    }
}
