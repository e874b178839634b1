using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Server;
using Microsoft.AspNetCore.Http;

namespace Domicile.Tests.Server;

public sealed class AccessKeySignatureTests
{
    private const string Date = "Fri, 01 Mar 2024 00:00:00 GMT";
    private const string Body = """{"createTokenWithScopes":["chat"]}""";
    private const string BodyHash = "WTRvgEjjVd+bvyKw3WgXgDkU81aV8FWq+4/BE+he0+A=";
    private const string EmptyHash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    private const string Signed = "x-ms-date;host;x-ms-content-sha256";
    private static readonly byte[] Key = Convert.FromBase64String("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    private static readonly byte[] OtherKey = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];
    private static readonly DateTimeOffset SignedAt = new(2024, 3, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_signature_over_the_raw_target_is_accepted()
    {
        var headers = Headers("localhost:8443", BodyHash, "PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=");
        Assert.Null(Check("POST", "/identities?api-version=2023-10-01", headers));
        Assert.Null(AccessKeySignature.CheckBody(headers, Encoding.UTF8.GetBytes(Body)));
    }

    [Fact]
    public void A_signature_over_the_form_encoded_query_is_accepted()
    {
        var headers = Headers("localhost:8443", EmptyHash, "W8MypjFLGoWrS9Vn54ZubVI4cCVrpLVgxejF0PladEU=");
        Assert.Null(Check("GET",
            "/availablePhoneNumbers/countries/US/localities?skip=0&maxPageSize=100&administrativeDivision=N%20Y&api-version=2025-06-01", headers));
        Assert.Null(AccessKeySignature.CheckBody(headers, []));
    }

    [Theory]
    [InlineData("/x?a", "/x?a=")]
    [InlineData("/x?q=it's(!)~", "/x?q=it%27s%28%21%29%7E")]
    [InlineData("/x?q=%c3%a9&z=%2b", "/x?q=%C3%A9&z=%2B")]
    [InlineData("/x?b=2&a=1&b=3", "/x?b=2&a=1&b=3")]
    [InlineData("/x?", "/x")]
    [InlineData("/x?&a=1&&b=2&", "/x?a=1&b=2")]
    [InlineData("/x?a=b=c", "/x?a=b%3Dc")]
    [InlineData("/x?a=%zz%4", "/x?a=%25zz%254")]
    [InlineData("/x?a=%ff%20", "/x?a=%EF%BF%BD+")]
    [InlineData("/x?a=*-._", "/x?a=*-._")]
    public void What_a_JavaScript_client_signs_for_a_query_is_accepted(string sent, string signed) =>
        Assert.Null(Check("GET", sent, Sign("GET", signed, "localhost:8443", EmptyHash)));

    [Theory]
    [InlineData("/x?a=1&b=2", "/x?b=2&a=1")]
    [InlineData("/x?a=1", "/x?a=2")]
    [InlineData("/x%20y?a=1", "/x+y?a=1")]
    [InlineData("/identities/8%3Aacs%3Aa_b", "/identities/8:acs:a_b")]
    [InlineData("/x", "/x?")]
    [InlineData("/x", "/y")]
    [InlineData("/x", "")]
    public void A_signature_over_another_target_is_refused(string sent, string signed) =>
        Assert.Equal(HttpProblems.WrongSignature, Check("GET", sent, Sign("GET", signed, "localhost:8443", EmptyHash)));

    [Fact]
    public void A_signature_over_another_method_is_refused() =>
        Assert.Equal(HttpProblems.WrongSignature, Check("DELETE", "/x", Sign("GET", "/x", "localhost:8443", EmptyHash)));

    [Fact]
    public void Either_key_is_good_and_a_third_is_not()
    {
        var signature = new AccessKeySignature(new TestClock(SignedAt));
        Assert.Null(signature.Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash), [Key, OtherKey], out var first));
        Assert.Null(signature.Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash, OtherKey), [Key, OtherKey], out var second));
        Assert.Equal(HttpProblems.WrongSignature, signature.Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash, new byte[32]), [Key, OtherKey], out var none));
        Assert.Equal((0, 1, -1), (first, second, none));
    }

    [Fact]
    public void A_resource_without_keys_accepts_nothing() =>
        Assert.Equal(HttpProblems.WrongSignature,
            new AccessKeySignature(new TestClock(SignedAt)).Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash), [], out _));

    [Theory]
    [InlineData("LOCALHOST:8443", "localhost:8443")]
    [InlineData("contoso.europe.example.org:443", "contoso.europe.example.org")]
    [InlineData("[::1]:8443", "[::1]:8443")]
    public void The_host_is_signed_in_lower_case_without_the_default_port(string sent, string signed)
    {
        var headers = Sign("GET", "/x", signed, EmptyHash);
        headers.Host = sent;
        Assert.Null(Check("GET", "/x", headers));
    }

    [Theory]
    [InlineData("localhost:8444")]
    [InlineData("localhost")]
    [InlineData("evil.example")]
    public void A_signature_over_another_host_is_refused(string sent)
    {
        var headers = Sign("GET", "/x", "localhost:8443", EmptyHash);
        headers.Host = sent;
        Assert.Equal(HttpProblems.WrongSignature, Check("GET", "/x", headers));
    }

    [Theory]
    [InlineData(-15)]
    [InlineData(0)]
    [InlineData(15)]
    public void A_date_within_fifteen_minutes_is_accepted(int minutes) =>
        Assert.Null(Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash), SignedAt.AddMinutes(minutes)));

    [Theory]
    [InlineData(-901)]
    [InlineData(901)]
    [InlineData(86_400_000)]
    public void A_date_further_off_is_refused(int seconds) =>
        Assert.Equal(HttpProblems.SignatureDate, Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash), SignedAt.AddSeconds(seconds)));

    [Theory]
    [InlineData("")]
    [InlineData("2024-03-01T00:00:00Z")]
    [InlineData("Fri, 01 Mar 2024 00:00:00 +0200")]
    [InlineData("Mon, 01 Mar 2024 00:00:00 GMT")]
    [InlineData("now")]
    public void A_date_of_another_form_is_refused(string date)
    {
        var headers = Sign("GET", "/x", "localhost", EmptyHash);
        headers["x-ms-date"] = date;
        Assert.Equal(HttpProblems.SignatureDate, Check("GET", "/x", headers));
    }

    [Theory]
    [InlineData("x-ms-date")]
    [InlineData("x-ms-content-sha256")]
    [InlineData("host")]
    public void A_signed_header_that_is_missing_or_doubled_is_refused(string name)
    {
        var headers = Sign("GET", "/x", "localhost", EmptyHash);
        var value = headers[name].ToString();
        headers.Remove(name);
        Assert.Equal(HttpProblems.MissingSignedHeader, Check("GET", "/x", headers));
        headers[name] = new[] { value, value };
        Assert.Equal(HttpProblems.MissingSignedHeader, Check("GET", "/x", headers));
    }

    [Fact]
    public void Two_Authorization_headers_are_refused()
    {
        var headers = Sign("GET", "/x", "localhost", EmptyHash);
        headers.Authorization = new[] { headers.Authorization[0], headers.Authorization[0] };
        Assert.Equal(HttpProblems.NoAccessKeySignature, Check("GET", "/x", headers));
        Assert.False(AccessKeySignature.IsPresented(headers));
    }

    [Theory]
    [InlineData("x-ms-date;host")]
    [InlineData("host;x-ms-content-sha256")]
    [InlineData("x-ms-date;x-ms-content-sha256")]
    [InlineData("accept;accept")]
    [InlineData("x-ms-date;host;x-ms-content-sha256;host")]
    public void A_signature_that_leaves_something_out_is_refused(string names)
    {
        var headers = Sign("GET", "/x", "localhost", EmptyHash, names: names);
        Assert.Equal(HttpProblems.UnsignedHeader, Check("GET", "/x", headers));
    }

    [Fact]
    public void More_headers_may_be_signed_in_any_order()
    {
        const string Names = "Accept;X-MS-Content-SHA256;Host;x-ms-client-request-id;X-MS-Date";
        Assert.Null(Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash, names: Names)));
        var changed = Sign("GET", "/x", "localhost", EmptyHash, names: Names);
        changed.Accept = "text/html";
        Assert.Equal(HttpProblems.WrongSignature, Check("GET", "/x", changed));
    }

    [Fact]
    public void An_empty_signed_header_keeps_its_place()
    {
        var headers = Sign("GET", "/x", "localhost", EmptyHash, names: "empty;" + Signed);
        Assert.Null(Check("GET", "/x", headers));
    }

    [Fact]
    public void Long_targets_are_accepted_whole()
    {
        var target = "/x?a=" + string.Concat(Enumerable.Repeat("%20", 2000));
        Assert.Null(Check("GET", target, Sign("GET", target, "localhost", EmptyHash)));
        var form = "/x?a=" + new string('+', 2000);
        Assert.Null(Check("GET", target, Sign("GET", form, "localhost", EmptyHash)));
        Assert.Null(Check("GET", "/x?" + new string('!', 4000), Sign("GET", "/x?" + string.Concat(Enumerable.Repeat("%21", 4000)) + "=", "localhost", EmptyHash)));
        Assert.Null(Check("GET", "/x?" + string.Join('&', Enumerable.Repeat('!', 2000)), Sign("GET", "/x?" + string.Join('&', Enumerable.Repeat("%21=", 2000)), "localhost", EmptyHash)));
    }

    [Theory]
    [InlineData("HMAC-SHA256")]
    [InlineData("HMAC-SHA256 ")]
    [InlineData("HMAC-SHA256 garbage")]
    [InlineData("HMAC-SHA256 &&&=;=;")]
    [InlineData("HMAC-SHA256 SignedHeaders=&Signature=")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256")]
    [InlineData("HMAC-SHA256 Signature=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=not base64!")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=&Signature=x")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;;host;x-ms-content-sha256&Signature=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=")]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("")]
    public void Garbage_is_refused(string authorization)
    {
        var headers = Headers("localhost:8443", BodyHash, "");
        headers.Authorization = authorization;
        Assert.Equal(401, Check("POST", "/identities?api-version=2023-10-01", headers)?.Status);
    }

    [Fact]
    public void Too_many_signed_headers_are_refused()
    {
        var names = string.Join(';', Enumerable.Repeat("accept", 17)) + ";" + Signed;
        Assert.Equal(HttpProblems.MalformedSignature, Check("GET", "/x", Sign("GET", "/x", "localhost", EmptyHash, names: names)));
    }

    [Theory]
    [InlineData(BodyHash, "{}")]
    [InlineData(EmptyHash, "{}")]
    [InlineData("", "")]
    [InlineData("AAAA", "")]
    [InlineData("not base64", "")]
    public void A_body_that_is_not_the_signed_one_is_refused(string hash, string body) =>
        Assert.Equal(HttpProblems.WrongContentHash, AccessKeySignature.CheckBody(Headers("localhost", hash, ""), Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Checking_a_signature_allocates_nothing()
    {
        var signature = new AccessKeySignature(new TestClock(SignedAt));
        var headers = Headers("localhost:8443", BodyHash, "PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=");
        byte[][] keys = [OtherKey, Key];
        for (var i = 0; i < 100; i++)
        {
            Assert.Null(signature.Check("POST", "/identities?api-version=2023-10-01", headers, keys, out _));
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            signature.Check("POST", "/identities?api-version=2023-10-01", headers, keys, out _);
        }

        // Header dictionaries of tests box a little; a string or array for every check would be far above.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1000);
    }

    private static Problem? Check(string method, string target, IHeaderDictionary headers, DateTimeOffset? now = null) =>
        new AccessKeySignature(new TestClock(now ?? SignedAt)).Check(method, target, headers, [Key, OtherKey], out _);

    private static IHeaderDictionary Headers(string host, string hash, string signature) => new HeaderDictionary
    {
        ["x-ms-date"] = Date,
        ["x-ms-content-sha256"] = hash,
        ["host"] = host,
        ["accept"] = "application/json",
        ["x-ms-client-request-id"] = "7",
        ["empty"] = "",
        ["Authorization"] = $"HMAC-SHA256 SignedHeaders={Signed}&Signature={signature}",
    };

    private static IHeaderDictionary Sign(string method, string target, string host, string hash, byte[]? key = null, string names = Signed)
    {
        var headers = Headers(host, hash, "");
        var values = string.Join(';', names.Split(';').Select(name => headers[name].ToString()));
        var signature = Convert.ToBase64String(HMACSHA256.HashData(key ?? Key, Encoding.UTF8.GetBytes($"{method}\n{target}\n{values}")));
        headers.Authorization = $"HMAC-SHA256 SignedHeaders={names}&Signature={signature}";
        return headers;
    }
}
