using System.Buffers;
using System.Net.WebSockets;
using System.Text;

namespace Domicile.Modules.Realtime;

/// <summary>
/// A connection over a WebSocket. One sender at a time takes what is there; between packets neither a buffer nor a task is held but the one that waits for the client.
/// </summary>
internal sealed class SocketConnection(Endpoint endpoint, string id, WebSocket socket, TimeProvider clock) : Connection(endpoint, id, clock), IThreadPoolWorkItem
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly TimeProvider _clock = clock;
    private int _isPumping;
    private LastWords? _last;

    /// <summary>Hears the client until the connection ends, whoever ends it.</summary>
    public async Task Hear()
    {
        RealtimeMeter.Connections.Add(1);
        try
        {
            while (await Next() is { } text)
            {
                if (Receive(text) is { } ending)
                {
                    End(ending);
                    return;
                }
            }
        }
        catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The client is gone, or was cut off.
        }
        finally
        {
            RealtimeMeter.Connections.Add(-1);
            Endpoint.Detach(this);
            await Finish();
        }
    }

    /// <inheritdoc/>
    public override void Wake()
    {
        if (Interlocked.Exchange(ref _isPumping, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <inheritdoc/>
    public override void End(Ending ending)
    {
        if (Interlocked.CompareExchange(ref _last, new LastWords(ending), null) is null)
        {
            Wake();
            _ = CutOff();
        }
    }

    /// <inheritdoc/>
    public void Execute() => _ = Pump();

    private async Task Pump()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        try
        {
            do
            {
                while (_last is null && TryTake(buffer))
                {
                    await socket.SendAsync(buffer.WrittenMemory, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, CancellationToken.None);
                    buffer.ResetWrittenCount();
                }

                if (_last is { } last)
                {
                    // Stays the pump for ever: nothing comes after this.
                    await Say(last.Ending);
                    last.Said.TrySetResult();
                    return;
                }

                Volatile.Write(ref _isPumping, 0);
            }
            while ((_last is not null || HasMore) && Interlocked.Exchange(ref _isPumping, 1) == 0);
        }
        catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // Whoever hears the client finds the same, and tells the endpoint.
            socket.Abort();
            _last?.Said.TrySetResult();
        }
    }

    private async Task Say(Ending ending)
    {
        if (ending.Packet is { } packet)
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(packet), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        }

        await socket.CloseOutputAsync((WebSocketCloseStatus)ending.Status, ending.Reason, CancellationToken.None);
    }

    /// <summary>A client that does not take its last words, or does not close in turn, is cut off.</summary>
    private async Task CutOff()
    {
        await Task.Delay(RealtimeLimits.LastWords, _clock);
        socket.Abort();
    }

    /// <summary>Ends with the client's own end, when it said one.</summary>
    private async Task Finish()
    {
        if (socket.State == WebSocketState.CloseReceived && Interlocked.CompareExchange(ref _last, new LastWords(Ending.Bye), null) is null)
        {
            try
            {
                using var patience = new CancellationTokenSource(RealtimeLimits.LastWords, _clock);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, patience.Token);
            }
            catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
            {
                socket.Abort();
            }
        }
        else if (_last is { } last)
        {
            // Until the last words are said or cut off, the socket is not taken from under them.
            await last.Said.Task.WaitAsync(RealtimeLimits.LastWords, _clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<string?> Next()
    {
        // An empty read waits without a buffer.
        if ((await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None)).MessageType == WebSocketMessageType.Close)
        {
            return null;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(RealtimeLimits.PacketBytes);
        var length = 0;
        try
        {
            while (true)
            {
                var piece = await socket.ReceiveAsync(buffer.AsMemory(length, RealtimeLimits.PacketBytes - length), CancellationToken.None);
                if (piece.MessageType == WebSocketMessageType.Close)
                {
                    return null;
                }

                length += piece.Count;
                if (piece.MessageType == WebSocketMessageType.Binary)
                {
                    End(Ending.NoText);
                    return null;
                }

                if (piece.EndOfMessage)
                {
                    return Strict.GetString(buffer, 0, length);
                }

                if (length == RealtimeLimits.PacketBytes)
                {
                    End(Ending.TooLarge);
                    return null;
                }
            }
        }
        catch (DecoderFallbackException)
        {
            End(Ending.NotUtf8);
            return null;
        }
        finally
        {
            buffer.AsSpan(0, length).Clear();
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private sealed record LastWords(Ending Ending)
    {
        public TaskCompletionSource Said { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
