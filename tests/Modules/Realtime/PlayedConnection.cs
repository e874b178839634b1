using System.Buffers;
using System.Text;
using Domicile.Modules.Realtime;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>A connection without a network.</summary>
internal sealed class PlayedConnection(Endpoint endpoint, TimeProvider clock) : Connection(endpoint, "id", clock)
{
    public Ending? Ended { get; private set; }

    public override void Wake()
    {
    }

    public override void End(Ending ending) => Ended ??= ending;

    public Ending? Hear(string text) => Receive(text);

    public List<string> Take()
    {
        var taken = new List<string>();
        var buffer = new ArrayBufferWriter<byte>();
        while (TryTake(buffer))
        {
            taken.Add(Encoding.UTF8.GetString(buffer.WrittenSpan));
            buffer.ResetWrittenCount();
        }

        return taken;
    }
}
