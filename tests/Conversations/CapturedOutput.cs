using System.Buffers;
using System.Text;

namespace Domicile.Tests.Conversations;

/// <summary>The very bytes that a program wrote, so that what hides in another encoding is not lost in decoding.</summary>
internal sealed class CapturedOutput
{
    private readonly ArrayBufferWriter<byte> bytes = new();
    private readonly Lock gate = new();

    public string Text => Encoding.UTF8.GetString(Bytes());

    public byte[] Bytes()
    {
        lock (gate)
        {
            return bytes.WrittenSpan.ToArray();
        }
    }

    /// <summary>Reads the stream to its end.</summary>
    public async Task Drain(Stream stream)
    {
        var buffer = new byte[8192];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
        {
            lock (gate)
            {
                bytes.Write(buffer.AsSpan(0, count));
            }
        }
    }
}
