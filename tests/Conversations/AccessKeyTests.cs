using System.Text;

namespace Domicile.Tests.Conversations;

/// <summary>Requests signed with an access key, in every form that clients send and in many that they must not.</summary>
public sealed class AccessKeyTests(SharedServer shared)
{
    private const string Create = $"/identities?api-version={Wire.IdentityVersion}";

    /// <summary>A query that the JavaScript signer writes otherwise than it is sent.</summary>
    private const string Quirky = Create + "&note=a%20b!'()~*.-_%C3%BC%2B&bare";

    [Theory]
    [InlineData(
        "POST", "/identities?api-version=2023-10-01", "{\"createTokenWithScopes\":[\"chat\"]}",
        "WTRvgEjjVd+bvyKw3WgXgDkU81aV8FWq+4/BE+he0+A=", "PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=")]
    [InlineData(
        "GET",
        "/availablePhoneNumbers/countries/US/localities?skip=0&maxPageSize=100&administrativeDivision=N%20Y&api-version=2025-06-01",
        "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "W8MypjFLGoWrS9Vn54ZubVI4cCVrpLVgxejF0PladEU=")]
    public void These_tests_sign_as_the_clients_do(string method, string target, string body, string hash, string expected)
    {
        var signature = new AccessKeySignature(
            method, AccessKeySignature.FormEncoded(target), "localhost:8443", "Fri, 01 Mar 2024 00:00:00 GMT",
            AccessKeySignature.Hash(Encoding.UTF8.GetBytes(body)));

        Assert.Equal(hash, signature.ContentHash);
        Assert.Equal(expected, signature.Value(Convert.FromBase64String("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")));
    }

    [Fact]
    public async Task The_form_of_NET_is_accepted()
    {
        using var wire = await shared.Wire();

        var answer = await Send(wire, Quirky, signature => signature, change: request =>
            request.Headers.TryAddWithoutValidation("Date", request.Headers.GetValues("x-ms-date")));

        answer.Is(201);
    }

    [Fact]
    public async Task The_form_of_JavaScript_is_accepted()
    {
        using var wire = await shared.Wire();
        Assert.NotEqual(Quirky, AccessKeySignature.FormEncoded(Quirky));

        var answer = await Send(wire, Quirky, signature => signature with { Target = AccessKeySignature.FormEncoded(Quirky) });

        answer.Is(201);
    }

    [Fact]
    public async Task The_path_is_signed_as_it_is_sent()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser();
        string Issue(string id) => $"/identities/{id}/:issueAccessToken?api-version={Wire.IdentityVersion}";
        var encoded = Issue(Uri.EscapeDataString(user.Id));
        var plain = Issue(user.Id);
        Assert.NotEqual(encoded, plain);

        (await Send(wire, encoded, signature => signature, body: Scopes)).Is(200);
        (await Send(wire, plain, signature => signature, body: Scopes)).Is(200);
        (await Send(wire, encoded, signature => signature with { Target = plain }, body: Scopes)).IsError(401);
        (await Send(wire, plain, signature => signature with { Target = encoded }, body: Scopes)).IsError(401);
    }

    [Theory]
    [InlineData("x-ms-date;host;x-ms-content-sha256", 201)]
    [InlineData("host;x-ms-date;x-ms-content-sha256", 201)]
    [InlineData("x-ms-content-sha256;x-ms-date;host", 201)]
    [InlineData("x-ms-date;host", 401)]
    [InlineData("x-ms-date;x-ms-content-sha256", 401)]
    [InlineData("host;x-ms-content-sha256", 401)]
    [InlineData("host", 401)]
    public async Task The_signature_covers_date_host_and_content_in_the_order_that_it_names(string signedHeaders, int status)
    {
        using var wire = await shared.Wire();

        var answer = await Send(
            wire, Create, signature => signature, authorization: (signature, key) => signature.Authorization(key, signedHeaders));

        Assert.Equal(status, answer.Status);
    }

    [Theory]
    [InlineData(-14, 201)]
    [InlineData(14, 201)]
    [InlineData(-16, 401)]
    [InlineData(16, 401)]
    [InlineData(-60 * 24, 401)]
    public async Task A_date_is_good_for_a_quarter_of_an_hour_to_both_sides(int minutes, int status)
    {
        using var wire = await shared.Wire();

        var answer = await Send(
            wire, Create, signature => signature with { Date = AccessKeySignature.At(DateTimeOffset.UtcNow.AddMinutes(minutes)) });

        Assert.Equal(status, answer.Status);
    }

    [Theory]
    [InlineData("yesterday")]
    [InlineData("")]
    [InlineData("2026-11-21T00:00:00Z")]
    public async Task A_date_that_is_none_is_refused(string date)
    {
        using var wire = await shared.Wire();

        (await Send(wire, Create, signature => signature with { Date = date })).IsError(401);
    }

    [Fact]
    public async Task A_body_other_than_the_signed_one_is_refused()
    {
        using var wire = await shared.Wire();
        var signed = Wire.Bytes(new { createTokenWithScopes = new[] { "chat" } });
        var sent = Wire.Bytes(new { createTokenWithScopes = new[] { "voip" } });

        // The hash is that of the signed body …
        (await Send(wire, Create, signature => signature with { ContentHash = AccessKeySignature.Hash(signed) }, body: sent)).IsError(401);
        // … or that of the sent one, which the signature does not cover.
        var late = await Send(wire, Create, signature => signature, body: sent, authorization: (signature, key) =>
            (signature with { ContentHash = AccessKeySignature.Hash(signed) }).Authorization(key));
        late.IsError(401);
    }

    [Fact]
    public async Task A_signature_for_another_request_is_refused()
    {
        using var wire = await shared.Wire();
        var others = new Func<AccessKeySignature, AccessKeySignature>[]
        {
            signature => signature with { Method = "GET" },
            signature => signature with { Target = signature.Target + "&more=1" },
            signature => signature with { Target = signature.Target.Replace("2023-10-01", "2022-10-01", StringComparison.Ordinal) },
            signature => signature with { Host = "localhost" },
            signature => signature with { Host = signature.Host + "0" },
        };

        foreach (var other in others)
        {
            var answer = await Send(wire, Create, signature => signature, authorization: (signature, key) => other(signature).Authorization(key));
            answer.IsError(401);
        }
    }

    [Fact]
    public async Task The_key_of_another_geography_is_refused()
    {
        using var europe = await shared.Wire();
        using var india = await shared.Wire("India");

        (await Send(india, Create, signature => signature, authorization: (signature, _) => signature.Authorization(europe.Resource.Key)))
            .IsError(401);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("HMAC-SHA256")]
    [InlineData("HMAC-SHA256 ")]
    [InlineData("HMAC-SHA256 Signature=")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=not base64!")]
    [InlineData("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("HMAC-SHA256 SignedHeaders=;;;;&Signature=AAAA&&&=&Signature")]
    [InlineData("HMAC-SHA512 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA")]
    [InlineData("Basic QTpC")]
    [InlineData("Bearer")]
    [InlineData("Bearer not-a-token")]
    public async Task What_is_no_signature_is_refused(string? authorization)
    {
        using var wire = await shared.Wire();

        (await Send(wire, Create, signature => signature, authorization: (_, _) => authorization)).IsError(401);
    }

    [Fact]
    public async Task A_user_token_does_not_open_what_takes_an_access_key()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser("chat", "voip");

        (await wire.AsUser(user.Token, HttpMethod.Post, Create, Array.Empty<byte>())).IsError(401, 403);
        (await wire.AsUser(user.Token, HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(user.Id)}?api-version={Wire.IdentityVersion}"))
            .IsError(401, 403);
    }

    [Fact]
    public async Task An_access_key_does_not_open_what_takes_a_user_token()
    {
        using var wire = await shared.Wire();

        (await wire.AsApplication(HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}")).IsError(401, 403);
        (await wire.AsApplication(HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new { topic = "x" })).IsError(401, 403);
    }

    [Fact]
    public async Task A_request_sent_twice_within_the_window_is_two_requests()
    {
        using var wire = await shared.Wire();
        var date = AccessKeySignature.At(DateTimeOffset.UtcNow);

        var first = (await Send(wire, Create, signature => signature with { Date = date })).Is(201);
        var second = (await Send(wire, Create, signature => signature with { Date = date })).Is(201);

        Assert.NotEqual(first.Body, second.Body);
    }

    private static byte[] Scopes => Wire.Bytes(new { scopes = new[] { "chat" } });

    private static Task<Answer> Send(
        Wire wire,
        string target,
        Func<AccessKeySignature, AccessKeySignature> sign,
        byte[]? body = null,
        Func<AccessKeySignature, byte[], string?>? authorization = null,
        Action<HttpRequestMessage>? change = null)
    {
        body ??= [];
        var signature = sign(new AccessKeySignature(
            "POST", target, wire.Authority, AccessKeySignature.At(DateTimeOffset.UtcNow), AccessKeySignature.Hash(body)));
        return wire.Send(HttpMethod.Post, target, body, request =>
        {
            if ((authorization is null ? signature.Authorization(wire.Resource.Key) : authorization(signature, wire.Resource.Key)) is { } value)
            {
                Wire.Sign(request, signature, value);
            }

            change?.Invoke(request);
        });
    }
}
