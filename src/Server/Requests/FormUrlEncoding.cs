using System.Text;
using System.Text.Unicode;

namespace Domicile.Server;

/// <summary>
/// Decodes and re-encodes a query as <c>application/x-www-form-urlencoded</c> (WHATWG URL, §5): order kept, a space becomes <c>+</c>, a bare name gets <c>=</c>,
/// and everything but <c>A-Z a-z 0-9 * - . _</c> is percent-encoded UTF-8 with upper-case digits. It is what <c>URLSearchParams.toString()</c> gives.
/// </summary>
internal static class FormUrlEncoding
{
    /// <summary>The most bytes that re-encoding so many characters can give.</summary>
    public static int MaxBytes(int characters) => (4 * characters) + 4;

    /// <summary>Re-encodes a query.</summary>
    /// <param name="query">The query without its question mark; ASCII, as request lines are.</param>
    /// <param name="scratch">At least as long as the query.</param>
    /// <param name="destination">At least <see cref="MaxBytes"/> long.</param>
    /// <returns>Bytes written.</returns>
    public static int Reencode(ReadOnlySpan<char> query, Span<byte> scratch, Span<byte> destination)
    {
        var written = 0;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            if (pair.IsEmpty)
            {
                continue;
            }

            if (written > 0)
            {
                destination[written++] = (byte)'&';
            }

            var equals = pair.IndexOf('=');
            written += Encode(Decode(equals < 0 ? pair : pair[..equals], scratch), destination[written..]);
            destination[written++] = (byte)'=';
            written += Encode(Decode(equals < 0 ? [] : pair[(equals + 1)..], scratch), destination[written..]);
        }

        return written;
    }

    private static ReadOnlySpan<byte> Decode(ReadOnlySpan<char> text, Span<byte> scratch)
    {
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            scratch[length++] = text[i] switch
            {
                '+' => (byte)' ',
                '%' when i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]) => Hex(text, ref i),
                var other => (byte)other,
            };
        }

        var decoded = scratch[..length];
        // Bytes that are no UTF-8 become U+FFFD, as they do in a browser. No honest client sends any, so this may cost.
        return Utf8.IsValid(decoded) ? decoded : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(decoded));
    }

    private static byte Hex(ReadOnlySpan<char> text, ref int i)
    {
        var value = (Digit(text[i + 1]) << 4) | Digit(text[i + 2]);
        i += 2;
        return (byte)value;
    }

    private static int Digit(char hex) => hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10;

    private static int Encode(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        var written = 0;
        foreach (var value in text)
        {
            if (char.IsAsciiLetterOrDigit((char)value) || value is (byte)'*' or (byte)'-' or (byte)'.' or (byte)'_')
            {
                destination[written++] = value;
            }
            else if (value == ' ')
            {
                destination[written++] = (byte)'+';
            }
            else
            {
                destination[written++] = (byte)'%';
                destination[written++] = (byte)"0123456789ABCDEF"[value >> 4];
                destination[written++] = (byte)"0123456789ABCDEF"[value & 15];
            }
        }

        return written;
    }
}
