using System.Text;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>Takes signals to the other nodes of a store and tells this node of theirs. On the way they are sealed; a text that does not open is nobody's.</summary>
internal sealed class SignalRelay : IDisposable
{
    private readonly SealedText _seal;
    private readonly IStoreEngine _engine;
    private readonly Ephemeral _ephemeral;
    private readonly Guid _node = Guid.NewGuid();

    public SignalRelay(IStoreEngine engine, Ephemeral ephemeral, byte[] key)
    {
        _engine = engine;
        _ephemeral = ephemeral;
        _seal = new SealedText(key, "signals between nodes");
        engine.Signalled = Hear;
        ephemeral.Relay = Send;
    }

    public void Dispose()
    {
        _ephemeral.Relay = null;
        _engine.Signalled = null;
        _seal.Dispose();
    }

    private void Send(EphemeralSignal signal)
    {
        using var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(_node.ToByteArray());
            writer.Write(signal.Resource);
            writer.Write(signal.Root);
            writer.Write(signal.Kind);
            writer.Write(signal.Content.Span);
        }

        _engine.Signal(_seal.Close(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
    }

    private void Hear(string text)
    {
        if (!_seal.TryOpen(text, out var content))
        {
            return;
        }

        using var bytes = new MemoryStream(content);
        using var reader = new BinaryReader(bytes, Encoding.UTF8);
        if (new Guid(reader.ReadBytes(16)) == _node)
        {
            return;
        }

        var (resource, root, kind) = (reader.ReadInt64(), reader.ReadInt64(), reader.ReadString());
        _ephemeral.Tell(new EphemeralSignal(resource, kind, root, content.AsMemory((int)bytes.Position)));
    }
}
