using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>The scanner finds what it is there to find, or its silence would mean nothing.</summary>
public sealed class CanaryScannerTests : IDisposable
{
    private static readonly Canary Bird = new("the bird", "Kanarienvogel/+gr\u00fcn \ud83d\udc24 & \"gelb\"");
    private static readonly Guid Id = Guid.Parse("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");

    private readonly string folder = Directory.CreateTempSubdirectory("domicile-canary-").FullName;

    public static TheoryData<string> Disguises => [.. Disguised.Keys];

    public static TheoryData<string> DisguisesOfAnId => [.. DisguisedId.Keys];

    private static Dictionary<string, Func<byte[], byte[]>> Wrappings => new()
    {
        ["plain"] = bytes => bytes,
        ["gzip"] = bytes => Packed(bytes, stream => new GZipStream(stream, CompressionLevel.Optimal)),
        ["zlib"] = bytes => Packed(bytes, stream => new ZLibStream(stream, CompressionLevel.SmallestSize)),
    };

    /// <summary>Written with other means than the scanner's own wherever there are some.</summary>
    private static Dictionary<string, byte[]> Disguised
    {
        get
        {
            var text = Bird.Text;
            var utf8 = Encoding.UTF8.GetBytes(text);
            string Base64(int before, byte[] bytes) => Convert.ToBase64String([.. Noise(before), .. bytes, .. Noise(5)]);
            return new()
            {
                ["UTF-8"] = utf8,
                ["UTF-16LE"] = Encoding.Unicode.GetBytes(text),
                ["UTF-16BE"] = Encoding.BigEndianUnicode.GetBytes(text),
                ["base64, first alignment"] = Ascii(Base64(9, utf8)),
                ["base64, second alignment"] = Ascii(Base64(10, utf8)),
                ["base64, third alignment"] = Ascii(Base64(11, utf8)),
                ["base64 for URLs, first alignment"] = Ascii(Base64(9, utf8).Replace('+', '-').Replace('/', '_')),
                ["base64 for URLs, second alignment"] = Ascii(Base64(10, utf8).Replace('+', '-').Replace('/', '_')),
                ["base64 for URLs, third alignment"] = Ascii(Base64(11, utf8).Replace('+', '-').Replace('/', '_')),
                ["base64 of UTF-16"] = Ascii(Base64(7, Encoding.Unicode.GetBytes(text))),
                ["hex"] = Ascii(string.Concat(utf8.Select(each => each.ToString("x2", null)))),
                ["hex, upper case"] = Ascii(string.Concat(utf8.Select(each => each.ToString("X2", null)))),
                ["percent-encoded"] = Ascii(WebUtility.UrlEncode(text).Replace("+", "%20", StringComparison.Ordinal)),
                ["percent-encoded throughout"] = Ascii(string.Concat(utf8.Select(each => "%" + each.ToString("X2", null)))),
                ["JSON"] = JsonSerializer.SerializeToUtf8Bytes(new { member = text }),
                ["JSON, escaped throughout"] = Ascii(string.Concat(text.Select(each => "\\u" + ((int)each).ToString("x4", null)))),
                ["reversed"] = [.. utf8.Reverse()],
            };
        }
    }

    private static Dictionary<string, byte[]> DisguisedId => new()
    {
        ["text"] = Ascii("8:acs:00000000-0000-0000-0000-000000000000_" + Id),
        ["text, upper case"] = Ascii(Id.ToString().ToUpperInvariant()),
        ["text without dashes"] = Ascii(Id.ToString("N")),
        ["bytes as written"] = Convert.FromHexString("0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        ["bytes of .NET"] = Convert.FromHexString("3c2d1e0f5a4b78698796a5b4c3d2e1f0"),
        ["base64 of the bytes"] = Ascii(Convert.ToBase64String(Convert.FromHexString("0f1e2d3c4b5a69788796a5b4c3d2e1f0"))),
        ["base64 of the text"] = Ascii(Convert.ToBase64String(Ascii("id=" + Id))),
        ["UTF-16"] = Encoding.Unicode.GetBytes(Id.ToString()),
    };

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [MemberData(nameof(Disguises))]
    public void A_planted_text_is_found_in_every_disguise_and_wrapping(string disguise)
    {
        foreach (var (wrapping, wrap) in Wrappings)
        {
            var file = Path.Combine(folder, wrapping);
            File.WriteAllBytes(file, [.. Noise(4096), .. wrap(Disguised[disguise]), .. Noise(4096)]);
        }

        var findings = new CanaryScanner([Bird]).ScanFolder(folder);

        Assert.All(Wrappings.Keys, wrapping => Assert.Contains(findings, finding => finding.StartsWith(wrapping, StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(DisguisesOfAnId))]
    public void A_planted_id_is_found_in_every_disguise(string disguise)
    {
        File.WriteAllBytes(Path.Combine(folder, "data.db"), [.. Noise(100), .. DisguisedId[disguise], .. Noise(100)]);

        Assert.NotEmpty(new CanaryScanner([], [("a user", Id)]).ScanFolder(folder));
    }

    [Fact]
    public void A_bare_deflate_stream_is_looked_into()
    {
        File.WriteAllBytes(
            Path.Combine(folder, "spooled"), Packed(Encoding.UTF8.GetBytes(Bird.Text), stream => new DeflateStream(stream, CompressionLevel.Optimal)));

        Assert.NotEmpty(new CanaryScanner([Bird]).ScanFolder(folder));
    }

    [Fact]
    public void A_stream_within_a_stream_and_one_that_breaks_off_are_looked_into()
    {
        var inner = Packed([.. Noise(2000), .. Encoding.UTF8.GetBytes(Bird.Text), .. Noise(50_000)], stream => new GZipStream(stream, CompressionLevel.Fastest));
        var outer = Packed(inner, stream => new ZLibStream(stream, CompressionLevel.Fastest));
        File.WriteAllBytes(Path.Combine(folder, "nested"), outer);
        File.WriteAllBytes(Path.Combine(folder, "torn"), inner[..(inner.Length / 2)]);

        var findings = new CanaryScanner([Bird]).ScanFolder(folder);

        Assert.Contains(findings, finding => finding.StartsWith("nested", StringComparison.Ordinal));
        Assert.Contains(findings, finding => finding.StartsWith("torn", StringComparison.Ordinal));
    }

    [Fact]
    public void A_name_is_a_place_to_find_something_too()
    {
        Directory.CreateDirectory(Path.Combine(folder, Id.ToString("N")));
        File.WriteAllText(Path.Combine(folder, Id.ToString("N"), "empty"), "");

        Assert.NotEmpty(new CanaryScanner([], [("a user", Id)]).ScanFolder(folder));
    }

    [Fact]
    public void Every_canary_is_told_by_its_name()
    {
        var canaries = Enumerable.Range(1, 20).Select(number => Canary.Plant($"field {number}")).ToArray();
        var bytes = canaries.SelectMany(canary => Encoding.UTF8.GetBytes(canary.Text)).ToArray();

        var findings = new CanaryScanner(canaries).Scan("memory", bytes);

        Assert.All(canaries, canary => Assert.Contains(findings, finding => finding.Contains(canary.Name + " as UTF-8 ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Nothing_is_found_where_nothing_is()
    {
        File.WriteAllBytes(Path.Combine(folder, "noise"), Noise(1_000_000));
        File.WriteAllText(Path.Combine(folder, "text"), "Kanarienvogel gr\u00fcn gelb");

        Assert.Empty(new CanaryScanner([Bird, Canary.Plant("another")], [("a user", Guid.NewGuid())]).ScanFolder(folder));
    }

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Packed(byte[] bytes, Func<Stream, Stream> open)
    {
        using var packed = new MemoryStream();
        using (var stream = open(packed))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }
}
