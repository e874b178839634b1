using System.Buffers;
using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>
/// The sealed files of one resource. A file is written first, for a record that is about to be; the record then names it in its <see cref="BlobAttribute"/>
/// member and is committed. From then on it is the record's: it dies with it, in whatever way the record goes.
/// </summary>
public sealed class HomeBlobs
{
    private readonly ScaleUnit _unit;
    private readonly ResourceRef _resource;

    internal HomeBlobs(ScaleUnit unit, ResourceRef resource)
    {
        _unit = unit;
        _resource = resource;
    }

    /// <summary>Begins a file for a record: its key, its owner and its parent must be set, its <see cref="BlobAttribute"/> member need not.</summary>
    /// <param name="record">The record that will own the file.</param>
    /// <param name="lengthMax">Bytes of content at most.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Null when the owner or the parent was erased.</returns>
    /// <exception cref="StoreUnavailableException">The disk is full or broken.</exception>
    public async ValueTask<BlobWriter?> Create<T>(T record, long lengthMax, CancellationToken cancel)
        where T : class
    {
        var kind = KindOf<T>();
        var values = kind.Values(record);
        if (kind.Children.Count > 0)
        {
            await _unit.Sealer.EnsureKey(kind, values, _resource, cancel);
        }

        return await Create(kind, values, Sealer.OwnerOf(kind, values), lengthMax, cancel);
    }

    /// <summary>Opens the file of a record that was read.</summary>
    /// <returns>Null when the record has none, was deleted meanwhile, or its owner or parent was erased.</returns>
    /// <exception cref="SealBrokenException">Tampered with, moved, of another geography, or missing.</exception>
    public async ValueTask<BlobReader?> Open<T>(T record, CancellationToken cancel)
        where T : class
    {
        var kind = KindOf<T>();
        var values = kind.Values(record);
        return values[kind.BlobColumn].IsNull ? null : await Open(kind, values, Sealer.OwnerOf(kind, values), cancel);
    }

    /// <summary>Writes the file of a row once more, under another owner.</summary>
    /// <returns>What the row is to name; null when there is no file, or one of the keys is gone.</returns>
    internal async ValueTask<BlobRef?> Copy(RecordKind kind, ColumnValue[] values, SubjectRef owner, CancellationToken cancel)
    {
        if (await Open(kind, values, Sealer.OwnerOf(kind, values), cancel) is not { } from)
        {
            return null;
        }

        await using (from)
        {
            await using var to = await Create(kind, values, owner, from.Length, cancel);
            if (to is null)
            {
                return null;
            }

            var piece = new byte[BlobSeal.ChunkBytes];
            for (var at = 0L; at < from.Length;)
            {
                var some = await from.Read(at, piece, cancel);
                await to.Write(piece.AsMemory(0, some), cancel);
                at += some;
            }

            Array.Clear(piece);
            return await to.Complete(cancel);
        }
    }

    internal async ValueTask<BlobReader?> Open(RecordKind kind, ColumnValue[] values, SubjectRef owner, CancellationToken cancel)
    {
        var blob = new BlobRef(new Guid(values[kind.BlobColumn].Bytes!, bigEndian: true));
        if (await KeyOf(kind, values, owner, cancel) is not { } key)
        {
            return null;
        }

        if (await _unit.Blobs.Files.Open(blob, cancel) is not { } file)
        {
            return await _unit.Blobs.IsNamed(blob, cancel) ? throw Broken($"The file of a {kind.Name} in {_unit.Options.Geography} is missing.") : null;
        }

        BlobReader? reader = null;
        try
        {
            var header = new byte[BlobSeal.HeaderBytes];
            await file.Read(0, header, cancel);
            if (header.AsSpan().IndexOfAnyExcept((byte)0) < 0 && !await _unit.Blobs.IsNamed(blob, cancel))
            {
                // Being removed at this moment.
                await file.DisposeAsync();
                return null;
            }

            reader = new BlobReader(file, BlobSeal.Open(key, header, Context(kind, values, blob)), async cancel => await KeyOf(kind, values, owner, cancel) is not null);
            await reader.CheckEnd(cancel);
            reader.Broken = _unit.Keys.CountBroken;
            return reader;
        }
        catch (BlobGoneException)
        {
            await reader!.DisposeAsync();
            return null;
        }
        catch (SealBrokenException)
        {
            await (reader?.DisposeAsync() ?? file.DisposeAsync());
            throw Broken($"The file of a {kind.Name} in {_unit.Options.Geography} does not open where it lies.");
        }
        catch
        {
            await (reader?.DisposeAsync() ?? file.DisposeAsync());
            throw;
        }
    }

    private async ValueTask<BlobWriter?> Create(RecordKind kind, ColumnValue[] values, SubjectRef owner, long lengthMax, CancellationToken cancel)
    {
        if (await KeyOf(kind, values, owner, cancel) is not { } key)
        {
            return null;
        }

        var blob = BlobRef.Fresh();
        var header = new byte[BlobSeal.HeaderBytes];
        var cipher = BlobSeal.Begin(key, Context(kind, values, blob), header);
        IBlobDraft? draft = null;
        try
        {
            draft = await _unit.Blobs.Files.Begin(blob, cancel);
            await draft.Append(header, cancel);
            return new BlobWriter(draft, cipher, blob, lengthMax);
        }
        catch
        {
            cipher.Dispose();
            if (draft is not null)
            {
                await draft.DisposeAsync();
            }

            throw;
        }
    }

    private RecordKind<T> KindOf<T>()
        where T : class =>
        _unit.Catalogue.Of<T>() is { BlobColumn: >= 0 } kind ? kind : throw new InvalidOperationException($"{typeof(T).Name} has no [Blob].");

    private ValueTask<SealKey?> KeyOf(RecordKind kind, ColumnValue[] values, SubjectRef owner, CancellationToken cancel) =>
        _unit.Keys.Find(owner, Sealer.ParentOf(kind, values, _resource), cancel);

    private byte[] Context(RecordKind kind, ColumnValue[] values, BlobRef blob)
    {
        var context = new ArrayBufferWriter<byte>(256);
        BlobSeal.WriteContext(context, _unit.Options.Geography, _resource, kind, values, blob);
        return context.WrittenSpan.ToArray();
    }

    private SealBrokenException Broken(string how)
    {
        _unit.Keys.CountBroken();
        return new SealBrokenException(how);
    }
}
