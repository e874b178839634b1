using System.Buffers;
using System.Text;

namespace Domicile.Modules.Realtime;

/// <summary>A connection over long polling, for networks that break WebSockets: a poll waits until there is something to tell, and takes all of it.</summary>
internal sealed class PollConnection(Endpoint endpoint, string id, TimeProvider clock) : Connection(endpoint, id, clock)
{
    private const int PacketsAtOnce = 64;
    private const int BytesAtOnce = 256 * 1024;
    private readonly TimeProvider _clock = clock;
    private readonly Lock _lock = new();
    private TaskCompletionSource? _polling;
    private long _polledAt = clock.GetTimestamp();
    private Ending? _ending;
    private bool _isOver;

    /// <summary>Whether nothing more can come of it.</summary>
    public bool IsOver => Volatile.Read(ref _isOver);

    /// <inheritdoc/>
    public override bool IsSilent
    {
        get
        {
            lock (_lock)
            {
                return _polling is null && _clock.GetElapsedTime(_polledAt) > RealtimeLimits.PollGap;
            }
        }
    }

    /// <summary>What there is to tell; when there is nothing for a while, a packet that says so.</summary>
    /// <returns>Packets, or null when the connection is over and everything was said.</returns>
    public async Task<string?> Poll(CancellationToken cancel)
    {
        var polling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_isOver)
            {
                return null;
            }

            // A second poll takes the place of the first, which is answered with nothing.
            _polling?.TrySetResult();
            _polling = polling;
        }

        try
        {
            var packets = Take();
            if (packets.Count == 0 && _ending is null)
            {
                await polling.Task.WaitAsync(RealtimeLimits.Poll, _clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                packets = IsFirst(polling) && !cancel.IsCancellationRequested ? Take() : packets;
            }

            if (packets.Count == 0 && IsFirst(polling) && Volatile.Read(ref _ending) is { } ending)
            {
                Finish();
                return ending.Packet ?? "0::";
            }

            return packets.Count == 0 ? Packet.Noop : Packet.Join(packets);
        }
        finally
        {
            lock (_lock)
            {
                if (_polling == polling)
                {
                    _polling = null;
                }

                _polledAt = _clock.GetTimestamp();
            }
        }
    }

    /// <summary>Takes what the client posted.</summary>
    /// <returns>Whether it was packets.</returns>
    public bool Post(string body)
    {
        if (Packet.Split(body) is not { } packets)
        {
            return false;
        }

        foreach (var packet in packets)
        {
            if (Receive(packet) is { } ending)
            {
                End(ending);
                return ending != Ending.NoPacket;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override void Wake()
    {
        lock (_lock)
        {
            _polling?.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public override void End(Ending ending)
    {
        Interlocked.CompareExchange(ref _ending, ending, null);
        bool isPolling;
        lock (_lock)
        {
            isPolling = _polling is not null;
        }

        if (isPolling && ending != Ending.Bye)
        {
            Wake();
        }
        else
        {
            Wake();
            Finish();
        }
    }

    private bool IsFirst(TaskCompletionSource polling)
    {
        lock (_lock)
        {
            return _polling == polling;
        }
    }

    private void Finish()
    {
        if (!Interlocked.Exchange(ref _isOver, true))
        {
            Endpoint.Detach(this);
        }
    }

    private List<string> Take()
    {
        var packets = new List<string>();
        var buffer = new ArrayBufferWriter<byte>();
        var bytes = 0;
        while (packets.Count < PacketsAtOnce && bytes < BytesAtOnce && TryTake(buffer))
        {
            packets.Add(Encoding.UTF8.GetString(buffer.WrittenSpan));
            bytes += buffer.WrittenCount;
            buffer.ResetWrittenCount();
        }

        return packets;
    }
}
