using Domicile.Residency;

namespace Domicile.Storage.Blobs;

/// <summary>Writes a sealed file piece by piece, with one chunk in memory. Disposed before it was completed, it leaves nothing.</summary>
public sealed class BlobWriter : IAsyncDisposable
{
    private readonly IBlobDraft _draft;
    private readonly BlobCipher _cipher;
    private readonly BlobRef _blob;
    private readonly long _lengthMax;
    private readonly byte[] _content = new byte[BlobSeal.ChunkBytes];
    private readonly byte[] _sealed = new byte[BlobSeal.SealedChunkBytes];
    private int _filled;
    private long _chunks;
    private bool _isOver;

    internal BlobWriter(IBlobDraft draft, BlobCipher cipher, BlobRef blob, long lengthMax)
    {
        _draft = draft;
        _cipher = cipher;
        _blob = blob;
        _lengthMax = lengthMax;
    }

    /// <summary>Bytes of content so far.</summary>
    public long Length => (_chunks * BlobSeal.ChunkBytes) + _filled;

    /// <summary>Adds content.</summary>
    /// <returns>False when the file would become larger than it may; nothing is added then.</returns>
    /// <exception cref="StoreUnavailableException">The disk is full or broken.</exception>
    public async ValueTask<bool> Write(ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        if (content.Length > _lengthMax - Length)
        {
            return false;
        }

        while (!content.IsEmpty)
        {
            // A full chunk waits until more comes: only then is it known not to be the last.
            if (_filled == _content.Length)
            {
                await Append(isLast: false, cancel);
            }

            var some = Math.Min(content.Length, _content.Length - _filled);
            content[..some].CopyTo(_content.AsMemory(_filled));
            _filled += some;
            content = content[some..];
        }

        return true;
    }

    /// <summary>Seals the end; the file is durable when this returns. The record that names it must be written within the hour, or it is collected.</summary>
    /// <returns>What the record is to name.</returns>
    /// <exception cref="StoreUnavailableException">The disk is full or broken.</exception>
    public async ValueTask<BlobRef> Complete(CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        await Append(isLast: true, cancel);
        await _draft.Publish(cancel);
        _isOver = true;
        return _blob;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        Array.Clear(_content);
        _cipher.Dispose();
        await _draft.DisposeAsync();
    }

    private async ValueTask Append(bool isLast, CancellationToken cancel)
    {
        var length = _cipher.Close(_chunks, isLast, _content.AsSpan(0, _filled), _sealed);
        await _draft.Append(_sealed.AsMemory(0, length), cancel);
        _chunks += isLast ? 0 : 1;
        _filled = isLast ? _filled : 0;
    }
}
