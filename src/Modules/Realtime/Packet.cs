using System.Globalization;
using System.Text;

namespace Domicile.Modules.Realtime;

/// <summary>One packet of socket.io 0.9 (protocol 1): <c>type:id:endpoint:data</c>. Endpoints are not used here and stay empty.</summary>
/// <param name="Type">0 to 8.</param>
/// <param name="Id">The id, a <c>+</c> behind it when it wants an answer; else empty.</param>
/// <param name="Data">What it carries.</param>
internal readonly record struct Packet(char Type, string Id, string Data)
{
    /// <summary>The end of the connection; from a client, of what it wants.</summary>
    public const char Disconnect = '0';

    /// <summary>A sign of life.</summary>
    public const char Heartbeat = '2';

    /// <summary>An envelope: an event on its way out, its answer on its way in.</summary>
    public const char Message = '3';

    /// <summary>Something of the protocol's own.</summary>
    public const char Event = '5';

    /// <summary>The first packet on a connection.</summary>
    public const string Connected = "1::";

    /// <summary>Nothing, so that a poll has an answer.</summary>
    public const string Noop = "8::";

    private const char Frame = '\uFFFD';
    private const int IdCharacters = 16;

    /// <summary>Reads a packet.</summary>
    public static bool TryParse(string text, out Packet packet)
    {
        packet = default;
        if (text.Length < 3 || text[0] is < '0' or > '8' || text[1] != ':')
        {
            return false;
        }

        var idEnd = text.IndexOf(':', 2);
        if (idEnd < 0 || idEnd - 2 > IdCharacters)
        {
            return false;
        }

        // The endpoint, and the colon behind it, may be left out with the data.
        var endpointEnd = text.IndexOf(':', idEnd + 1);
        packet = new Packet(text[0], text[2..idEnd], endpointEnd < 0 ? "" : text[(endpointEnd + 1)..]);
        return true;
    }

    /// <summary>Several packets in one body: each behind U+FFFD, its length in UTF-16 code units and U+FFFD. One alone goes as it is.</summary>
    public static string Join(IReadOnlyList<string> packets)
    {
        if (packets is [var only])
        {
            return only;
        }

        var text = new StringBuilder();
        foreach (var packet in packets)
        {
            text.Append(Frame).Append(CultureInfo.InvariantCulture, $"{packet.Length}").Append(Frame).Append(packet);
        }

        return text.ToString();
    }

    /// <summary>Takes a body apart; null when it is none.</summary>
    public static IReadOnlyList<string>? Split(string body)
    {
        if (body.Length == 0 || body[0] != Frame)
        {
            return [body];
        }

        var packets = new List<string>();
        var at = 0;
        while (at < body.Length)
        {
            var lengthEnd = body[at] == Frame ? body.IndexOf(Frame, at + 1) : -1;
            if (lengthEnd < 0
                || !int.TryParse(body.AsSpan(at + 1, lengthEnd - at - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length > body.Length - lengthEnd - 1)
            {
                return null;
            }

            packets.Add(body.Substring(lengthEnd + 1, length));
            at = lengthEnd + 1 + length;
        }

        return packets;
    }
}
