using System.Buffers;
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>
/// Looks for texts in bytes, in every disguise in which software stores them by carelessness: character sets, base64, hex,
/// escapes, reversal, and all of these inside compressed streams. It does not see through encryption; nothing should.
/// </summary>
internal sealed class CanaryScanner
{
    /// <summary>Streams within streams are followed this far.</summary>
    private const int DepthLimit = 3;

    /// <summary>No more than this is taken out of one compressed stream.</summary>
    private const int UnpackedLimitBytes = 16 * 1024 * 1024;

    private readonly Dictionary<string, string> meanings = [];
    private readonly SearchValues<string> needles;

    public CanaryScanner(IEnumerable<Canary> canaries, IEnumerable<(string Name, Guid Id)>? ids = null)
    {
        foreach (var canary in canaries)
        {
            Assert.True(canary.Text.Length >= 12, "A shorter text is met by chance.");
            foreach (var (disguise, bytes) in Disguises(canary.Text))
            {
                Add($"{canary.Name} as {disguise}", bytes);
            }
        }

        foreach (var (name, id) in ids ?? [])
        {
            foreach (var (disguise, bytes) in Disguises(id))
            {
                Add($"{name} as {disguise}", bytes);
            }
        }

        needles = SearchValues.Create([.. meanings.Keys], StringComparison.Ordinal);
    }

    /// <summary>Looks through every file of a folder, as it is on disk now, its name included.</summary>
    public IReadOnlyList<string> ScanFolder(string folder)
    {
        var findings = new List<string>();
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var name = Path.GetRelativePath(folder, path);
            findings.AddRange(Scan($"the name of {name}", Encoding.UTF8.GetBytes(name)));
            if (Read(path) is { } bytes)
            {
                findings.AddRange(Scan(name, bytes));
            }
        }

        return findings;
    }

    /// <summary>Looks through bytes.</summary>
    /// <returns>What was found, in words; nothing when nothing was.</returns>
    public IReadOnlyList<string> Scan(string name, byte[] bytes)
    {
        var findings = new SortedSet<string>(StringComparer.Ordinal);
        Scan(name, bytes, 0, findings);
        return [.. findings];
    }

    private void Scan(string name, byte[] bytes, int depth, SortedSet<string> findings)
    {
        // Latin-1 maps every byte to the character of the same number, so text search is byte search.
        var text = Encoding.Latin1.GetString(bytes).AsSpan();
        for (var start = 0; start < text.Length && text[start..].IndexOfAny(needles) is >= 0 and var offset; start += offset + 1)
        {
            var here = text[(start + offset)..].ToString();
            foreach (var (needle, meaning) in meanings.Where(each => here.StartsWith(each.Key, StringComparison.Ordinal)))
            {
                findings.Add($"{name}: {meaning} at {start + offset}");
            }
        }

        if (depth < DepthLimit)
        {
            foreach (var (offset, unpacked) in Unpack(bytes))
            {
                Scan($"{name}, unpacked at {offset}", unpacked, depth + 1, findings);
            }
        }
    }

    private void Add(string meaning, byte[] bytes) => meanings.TryAdd(Encoding.Latin1.GetString(bytes), meaning);

    private static IEnumerable<(string Disguise, byte[] Bytes)> Disguises(string text)
    {
        foreach (var (charset, encoding) in new (string, Encoding)[]
        {
            ("UTF-8", Encoding.UTF8), ("UTF-16LE", Encoding.Unicode), ("UTF-16BE", Encoding.BigEndianUnicode),
        })
        {
            var bytes = encoding.GetBytes(text);
            yield return (charset, bytes);
            yield return ($"{charset} reversed", [.. bytes.Reverse()]);
            foreach (var (disguise, spelled) in Spelled(bytes))
            {
                yield return ($"{charset} in {disguise}", Encoding.ASCII.GetBytes(spelled));
            }
        }

        foreach (var (disguise, escaped) in new[]
        {
            ("percent-encoded", Uri.EscapeDataString(text)),
            ("percent-encoded throughout", string.Concat(Encoding.UTF8.GetBytes(text).Select(each => $"%{each:X2}"))),
            ("percent-encoded throughout, lower case", string.Concat(Encoding.UTF8.GetBytes(text).Select(each => $"%{each:x2}"))),
            ("JSON", JsonSerializer.Serialize(text)[1..^1]),
            ("JSON, escaped as little as may be", JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)),
            ("JSON, escaped throughout", string.Concat(text.Select(each => $"\\u{(int)each:x4}"))),
            ("JSON, escaped throughout, upper case", string.Concat(text.Select(each => $"\\u{(int)each:X4}"))),
            ("HTML", HtmlEncoder.Default.Encode(text)),
        })
        {
            yield return (disguise, Encoding.UTF8.GetBytes(escaped));
        }
    }

    private static IEnumerable<(string Disguise, byte[] Bytes)> Disguises(Guid id)
    {
        foreach (var (order, bytes) in new[] { ("big-endian", id.ToByteArray(bigEndian: true)), ("mixed-endian", id.ToByteArray()) })
        {
            yield return ($"16 bytes, {order}", bytes);
            yield return ($"16 bytes, {order}, reversed", [.. bytes.Reverse()]);
            foreach (var (disguise, spelled) in Spelled(bytes))
            {
                yield return ($"16 bytes, {order}, in {disguise}", Encoding.ASCII.GetBytes(spelled));
            }
        }

        foreach (var format in new[] { "D", "N" })
        {
            foreach (var text in new[] { id.ToString(format), id.ToString(format).ToUpperInvariant() })
            {
                foreach (var (disguise, bytes) in Disguises(text))
                {
                    yield return ($"text ({format}) in {disguise}", bytes);
                }
            }
        }
    }

    private static IEnumerable<(string Disguise, string Spelled)> Spelled(byte[] bytes)
    {
        yield return ("hex", Convert.ToHexStringLower(bytes));
        yield return ("hex, upper case", Convert.ToHexString(bytes));
        for (var shift = 0; shift < 3; shift++)
        {
            // What stands before and after decides the first and last letters; only those between are the text's own.
            var encoded = Convert.ToBase64String([.. new byte[shift], .. bytes]);
            var first = shift == 0 ? 0 : shift + 1;
            var own = encoded[first..(first + (((shift + bytes.Length) * 8 / 6) - first))];
            yield return ($"base64, shifted by {shift}", own);
            yield return ($"base64 for URLs, shifted by {shift}", own.Replace('+', '-').Replace('/', '_'));
        }
    }

    private static IEnumerable<(int Offset, byte[] Unpacked)> Unpack(byte[] bytes)
    {
        for (var offset = 0; offset + 8 < bytes.Length; offset++)
        {
            var (first, second) = (bytes[offset], bytes[offset + 1]);
            Func<Stream, Stream>? open = null;
            if (first == 0x1f && second == 0x8b && bytes[offset + 2] == 8)
            {
                open = stream => new GZipStream(stream, CompressionMode.Decompress);
            }
            else if ((first & 0x0f) == 8 && first >> 4 <= 7 && ((first << 8) + second) % 31 == 0 && (second & 0x20) == 0)
            {
                open = stream => new ZLibStream(stream, CompressionMode.Decompress);
            }
            else if (offset == 0)
            {
                // A bare deflate stream has no mark; it is looked for only where a file begins.
                open = stream => new DeflateStream(stream, CompressionMode.Decompress);
            }

            if (open is not null && Unpack(open, bytes, offset) is { Length: > 8 } unpacked)
            {
                yield return (offset, unpacked);
            }
        }
    }

    private static byte[] Unpack(Func<Stream, Stream> open, byte[] bytes, int offset)
    {
        using var unpacked = new MemoryStream();
        try
        {
            using var stream = open(new MemoryStream(bytes, offset, bytes.Length - offset));
            var buffer = new byte[8192];
            while (unpacked.Length < UnpackedLimitBytes && stream.Read(buffer) is > 0 and var count)
            {
                unpacked.Write(buffer, 0, count);
            }
        }
        catch (InvalidDataException)
        {
            // It only looked like a stream, or its end is missing; what came out of it counts.
        }

        return unpacked.ToArray();
    }

    private static byte[]? Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length == 0)
            {
                // Nothing in it, or a pipe that nobody would ever write into.
                return null;
            }

            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            file.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (IOException)
        {
            // Gone meanwhile, or a socket: nothing at rest.
            return null;
        }
    }
}
