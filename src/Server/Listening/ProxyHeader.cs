using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net;
using System.Text;

namespace Domicile.Server;

/// <summary>
/// The header of the PROXY protocol (HAProxy's specification, versions 1 and 2), which a front that passes TLS through sends ahead of the client's bytes
/// to say who the client is.
/// </summary>
internal static class ProxyHeader
{
    /// <summary>The longest header that is read: version 1 has at most 107 bytes, version 2 is allowed 16 and this much less 16 of addresses and extensions.</summary>
    public const int MaxBytes = 2048;

    private const int Version1Max = 107;
    private const int Version2Fixed = 16;

    private static ReadOnlySpan<byte> Version2Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    private static ReadOnlySpan<byte> Version1Signature => "PROXY "u8;

    /// <summary>What the bytes so far amount to.</summary>
    public enum Outcome
    {
        /// <summary>More bytes are needed.</summary>
        Incomplete,

        /// <summary>No PROXY header, or a damaged one.</summary>
        Bad,

        /// <summary>The header is whole.</summary>
        Whole,
    }

    /// <summary>Reads a header from the start of a stream.</summary>
    /// <param name="bytes">What has arrived.</param>
    /// <param name="client">The client; null when the front speaks for itself or does not know.</param>
    /// <param name="length">Bytes that the header takes.</param>
    public static Outcome Read(ReadOnlySequence<byte> bytes, out IPEndPoint? client, out int length)
    {
        // The header is short and arrives in one segment, almost always; a copy makes it always.
        Span<byte> head = stackalloc byte[(int)Math.Min(bytes.Length, MaxBytes)];
        bytes.Slice(0, head.Length).CopyTo(head);
        client = null;
        length = 0;
        if (Matches(head, Version2Signature))
        {
            return ReadVersion2(head, out client, out length);
        }

        return Matches(head, Version1Signature) ? ReadVersion1(head, out client, out length) : Outcome.Bad;
    }

    private static bool Matches(ReadOnlySpan<byte> head, ReadOnlySpan<byte> signature)
    {
        var common = Math.Min(head.Length, signature.Length);
        return head[..common].SequenceEqual(signature[..common]);
    }

    private static Outcome ReadVersion2(ReadOnlySpan<byte> head, out IPEndPoint? client, out int length)
    {
        client = null;
        length = 0;
        if (head.Length < Version2Fixed)
        {
            return Outcome.Incomplete;
        }

        var command = head[12];
        var family = head[13];
        var size = BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
        if (command is not (0x20 or 0x21) || Version2Fixed + size > MaxBytes)
        {
            return Outcome.Bad;
        }

        if (head.Length < Version2Fixed + size)
        {
            return Outcome.Incomplete;
        }

        length = Version2Fixed + size;
        var addresses = head.Slice(Version2Fixed, size);
        switch (command, family)
        {
            case (0x21, 0x11) when size >= 12:
                client = new IPEndPoint(new IPAddress(addresses[..4]), BinaryPrimitives.ReadUInt16BigEndian(addresses[8..]));
                return Outcome.Whole;
            case (0x21, 0x21) when size >= 36:
                client = new IPEndPoint(new IPAddress(addresses[..16]), BinaryPrimitives.ReadUInt16BigEndian(addresses[32..]));
                return Outcome.Whole;
            case (0x21, 0x11) or (0x21, 0x21):
                return Outcome.Bad;
            default:
                // LOCAL (a health check), or a family that is not TCP over IP: the connection's own addresses stand.
                return Outcome.Whole;
        }
    }

    private static Outcome ReadVersion1(ReadOnlySpan<byte> head, out IPEndPoint? client, out int length)
    {
        client = null;
        length = 0;
        var line = head[..Math.Min(head.Length, Version1Max)];
        var end = line.IndexOf("\r\n"u8);
        if (end < 0)
        {
            return head.Length >= Version1Max ? Outcome.Bad : Outcome.Incomplete;
        }

        length = end + 2;
        if (!Ascii.IsValid(line[..end]))
        {
            return Outcome.Bad;
        }

        Span<Range> parts = stackalloc Range[7];
        var text = line[..end];
        var count = Split(text, parts);
        if (count >= 2 && text[parts[1]].SequenceEqual("UNKNOWN"u8))
        {
            return Outcome.Whole;
        }

        var wanted = count == 6 && text[parts[1]].SequenceEqual("TCP4"u8) ? System.Net.Sockets.AddressFamily.InterNetwork
            : count == 6 && text[parts[1]].SequenceEqual("TCP6"u8) ? System.Net.Sockets.AddressFamily.InterNetworkV6
            : System.Net.Sockets.AddressFamily.Unspecified;
        if (IPAddress.TryParse(Encoding.ASCII.GetString(text[parts[2]]), out var address) && address.AddressFamily == wanted
            && Utf8Parser.TryParse(text[parts[4]], out ushort port, out var used) && used == text[parts[4]].Length)
        {
            client = new IPEndPoint(address, port);
            return Outcome.Whole;
        }

        return Outcome.Bad;
    }

    private static int Split(ReadOnlySpan<byte> text, Span<Range> parts)
    {
        var count = 0;
        foreach (var part in text.Split((byte)' '))
        {
            if (count == parts.Length)
            {
                return count;
            }

            parts[count++] = part;
        }

        return count;
    }
}
