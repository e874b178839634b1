using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Domicile.Modules.Realtime;

/// <summary>One connection of an endpoint, whatever carries it: understands what the client says, and holds the answers to it.</summary>
internal abstract class Connection(Endpoint endpoint, string id, TimeProvider clock)
{
    private const string Move = """5:::{"name":"trouter.reconnect","args":[{"target":"self"}]}""";
    private static readonly TimeSpan MoveBefore = TimeSpan.FromSeconds(120);
    private readonly Lock _lock = new();
    private readonly long _since = clock.GetTimestamp();
    private readonly string _path = $"/v4/f/{id}/";
    private Queue<string>? _replies;
    private long _heard = clock.GetTimestamp();
    private long _windowSince;
    private int _packets;
    private bool _hasMoved;

    /// <summary>Whose it is.</summary>
    public Endpoint Endpoint { get; } = endpoint;

    /// <summary>Whether nothing was heard for so long that nobody can be there.</summary>
    public virtual bool IsSilent => clock.GetElapsedTime(Volatile.Read(ref _heard)) > RealtimeLimits.Silence;

    /// <summary>The first two packets of every connection.</summary>
    public void Greet()
    {
        Reply(Packet.Connected);
        Reply(string.Create(CultureInfo.InvariantCulture, $$"""5:::{"name":"trouter.connected","args":[{"ttl":"{{RealtimeLimits.ConnectionSeconds}}","dur":"0"}]}"""));
    }

    /// <summary>There is something to send. Never waits.</summary>
    public abstract void Wake();

    /// <summary>Ends the connection; soon, and without waiting for the client.</summary>
    public abstract void End(Ending ending);

    /// <summary>Puts a packet in front of the events.</summary>
    public void Reply(string packet)
    {
        bool isTooMuch;
        lock (_lock)
        {
            isTooMuch = (_replies ??= new Queue<string>(2)).Count >= RealtimeLimits.Replies;
            if (!isTooMuch)
            {
                _replies.Enqueue(packet);
            }
        }

        if (isTooMuch)
        {
            // Who asks without reading the answers.
            End(Ending.Unread);
        }
    }

    /// <summary>When the connection has lived long enough, the client is asked to make another one.</summary>
    public void GrowOld()
    {
        var age = clock.GetElapsedTime(_since);
        if (age > TimeSpan.FromSeconds(RealtimeLimits.ConnectionSeconds))
        {
            End(Ending.Old);
        }
        else if (!_hasMoved && age > TimeSpan.FromSeconds(RealtimeLimits.ConnectionSeconds) - MoveBefore)
        {
            _hasMoved = true;
            Reply(Move);
            Wake();
        }
    }

    /// <summary>Takes what the client sent.</summary>
    /// <returns>Why the connection is to end; null when it goes on.</returns>
    protected Ending? Receive(string text)
    {
        Volatile.Write(ref _heard, clock.GetTimestamp());
        if (!Packet.TryParse(text, out var packet))
        {
            return Ending.NoPacket;
        }

        switch (packet.Type)
        {
            case Packet.Disconnect:
                return Endpoint.Leave(this) ? Ending.Bye : Ending.Superfluous;
            case Packet.Message:
                return TryRead(packet.Data, RealtimeJson.Default.EventAnswer) is { } answer ? Take(answer) : Ending.NoPacket;
            case Packet.Event:
                return TryRead(packet.Data, RealtimeJson.Default.ClientEvent) is { } happening ? Take(packet, happening) ?? Count() : Ending.NoPacket;
            default:
                return Count();
        }
    }

    /// <summary>The next packet to send.</summary>
    protected bool TryTake(IBufferWriter<byte> into)
    {
        string? reply = null;
        lock (_lock)
        {
            if (_replies is { Count: > 0 })
            {
                reply = _replies.Dequeue();
                if (_replies.Count == 0)
                {
                    _replies = null;
                }
            }
        }

        if (reply is not null)
        {
            into.Advance(Encoding.UTF8.GetBytes(reply, into.GetSpan(Encoding.UTF8.GetMaxByteCount(reply.Length))));
            return true;
        }

        if (!Endpoint.TryTake(this, out var number, out var text))
        {
            return false;
        }

        text.Write(into, number, _path, Endpoint.User.RawId);
        return true;
    }

    /// <summary>Whether <see cref="TryTake"/> would give something.</summary>
    protected bool HasMore
    {
        get
        {
            lock (_lock)
            {
                if (_replies is { Count: > 0 })
                {
                    return true;
                }
            }

            return Endpoint.Has(this);
        }
    }

    private Ending? Take(EventAnswer answer)
    {
        if (answer.Status != 200)
        {
            RealtimeMeter.Refused.Add(1);
        }

        return Endpoint.Answered(answer.Id) ? null : Count();
    }

    private Ending? Take(Packet packet, ClientEvent happening)
    {
        if (packet.Id is not [.. var number, '+'] || number.Length == 0 || number.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return packet.Id.Length == 0 ? null : Ending.NoPacket;
        }

        Reply(happening.Name switch
        {
            "ping" => $"6:::{number}+[\"pong\"]",
            "user.activity" => $"6:::{number}+[\"user.activity\",{{}}]",
            _ => $"6:::{number}",
        });
        Wake();
        return null;
    }

    /// <summary>Counts what answers nothing of ours.</summary>
    private Ending? Count()
    {
        if (clock.GetElapsedTime(_windowSince) > RealtimeLimits.PacketsWindow)
        {
            (_windowSince, _packets) = (clock.GetTimestamp(), 0);
        }

        return ++_packets > RealtimeLimits.Packets ? Ending.Flood : null;
    }

    private static T? TryRead<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
