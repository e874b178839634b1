using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>
/// Reads a sealed file, from its beginning or from any place, with one chunk in memory. What is given out was authenticated. When the owner or the parent is erased
/// meanwhile, the next piece is refused; when only the record is deleted, whoever is reading may read to the end.
/// </summary>
public sealed class BlobReader : IAsyncDisposable
{
    private readonly IBlobFile _file;
    private readonly BlobCipher _cipher;
    private readonly Func<CancellationToken, ValueTask<bool>> _isAlive;
    private readonly byte[] _content = new byte[BlobSeal.ChunkBytes];
    private readonly byte[] _sealed = new byte[BlobSeal.SealedChunkBytes];
    private readonly long _chunks;
    private long _chunk = -1;
    private int _filled;

    internal BlobReader(IBlobFile file, BlobCipher cipher, Func<CancellationToken, ValueTask<bool>> isAlive)
    {
        _file = file;
        _cipher = cipher;
        _isAlive = isAlive;
        _chunks = BlobSeal.ChunksOf(file.Length);
        Length = BlobSeal.ContentLength(file.Length);
    }

    /// <summary>Bytes of content. Vouched for: the end was opened before the reader was given out.</summary>
    public long Length { get; }

    /// <summary>Told of every part that does not open.</summary>
    internal Action? Broken { get; set; }

    /// <summary>Reads from a place.</summary>
    /// <returns>Bytes read, at most to the end of a chunk; 0 at the end.</returns>
    /// <exception cref="SealBrokenException">Tampered with.</exception>
    /// <exception cref="BlobGoneException">The owner or the parent was erased meanwhile.</exception>
    /// <exception cref="StoreUnavailableException">The disk is broken.</exception>
    public async ValueTask<int> Read(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (offset >= Length)
        {
            return 0;
        }

        var chunk = offset / BlobSeal.ChunkBytes;
        if (chunk != _chunk)
        {
            await Load(chunk, cancel);
        }

        var at = (int)(offset % BlobSeal.ChunkBytes);
        var some = Math.Min(buffer.Length, _filled - at);
        _content.AsMemory(at, some).CopyTo(buffer);
        return some;
    }

    /// <summary>Copies a part of the content.</summary>
    public async Task CopyTo(Stream output, long offset, long length, CancellationToken cancel)
    {
        var buffer = new byte[BlobSeal.ChunkBytes];
        for (var end = Math.Min(Length, offset + length); offset < end;)
        {
            var some = await Read(offset, buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - offset)), cancel);
            await output.WriteAsync(buffer.AsMemory(0, some), cancel);
            offset += some;
        }

        Array.Clear(buffer);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Array.Clear(_content);
        _cipher.Dispose();
        await _file.DisposeAsync();
    }

    /// <summary>Opens the last chunk, which vouches for the length of the whole.</summary>
    internal ValueTask CheckEnd(CancellationToken cancel) => Load(_chunks - 1, cancel);

    /// <summary>Opens every chunk.</summary>
    internal async Task Check(CancellationToken cancel)
    {
        for (var chunk = 0L; chunk < _chunks; chunk++)
        {
            await Load(chunk, cancel);
        }
    }

    private async ValueTask Load(long chunk, CancellationToken cancel)
    {
        if (!await _isAlive(cancel))
        {
            throw new BlobGoneException();
        }

        _chunk = -1;
        var isLast = chunk == _chunks - 1;
        var length = isLast ? (int)(_file.Length - BlobSeal.HeaderBytes - (chunk * BlobSeal.SealedChunkBytes)) : BlobSeal.SealedChunkBytes;
        var read = await _file.Read(BlobSeal.HeaderBytes + (chunk * BlobSeal.SealedChunkBytes), _sealed.AsMemory(0, length), cancel);
        try
        {
            _filled = _cipher.Open(chunk, isLast, _sealed.AsSpan(0, read), _content);
        }
        catch (SealBrokenException)
        {
            Broken?.Invoke();
            throw;
        }

        _chunk = chunk;
    }
}

/// <summary>The person whose file it is, or what it belonged to, was erased while it was read.</summary>
public sealed class BlobGoneException() : Exception("The file was erased while it was read.");
