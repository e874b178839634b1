using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>Tokens seen from outside: what anyone can verify, and what nobody can forge.</summary>
public sealed class UserTokenTests(SharedServer shared)
{
    [Fact]
    public async Task Anyone_can_verify_a_token_with_the_published_keys()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser("chat", "voip.join");
        var parts = user.Token.Split('.');
        var header = Read(parts[0]);
        Assert.Equal("ES256", header.GetProperty("alg").GetString());

        var keys = (await wire.Send(HttpMethod.Get, "/.well-known/jwks.json")).Is(200);
        Assert.StartsWith("application/json", keys.Header("Content-Type"), StringComparison.Ordinal);
        var key = keys.Json.GetProperty("keys").EnumerateArray()
            .Single(each => each.GetProperty("kid").GetString() == header.GetProperty("kid").GetString());

        Assert.Equal("EC", key.GetProperty("kty").GetString());
        Assert.Equal("P-256", key.GetProperty("crv").GetString());
        using var verifier = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Coordinate(key, "x"), Y = Coordinate(key, "y") },
        });
        Assert.True(verifier.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256));

        var claims = Read(parts[1]);
        Assert.Equal(user.Id, "8:" + claims.GetProperty("skypeid").GetString());
        Assert.Equal(["chat", "voip.join"], claims.GetProperty("acsScope").GetString()!.Split(',').Order(StringComparer.Ordinal));
        Assert.Equal(user.Id.Split(':', '_')[2], claims.GetProperty("resourceId").GetString());
        Assert.True(claims.GetProperty("iat").GetInt64() <= claims.GetProperty("exp").GetInt64() - (60 * 60));
    }

    [Fact]
    public async Task The_published_keys_hold_nothing_private_and_differ_between_geographies()
    {
        using var europe = await shared.Wire();
        using var india = await shared.Wire("India");

        var ours = (await europe.Send(HttpMethod.Get, "/.well-known/jwks.json")).Is(200);
        var theirs = (await india.Send(HttpMethod.Get, "/.well-known/jwks.json")).Is(200);

        foreach (var key in ours.Json.GetProperty("keys").EnumerateArray())
        {
            Assert.False(key.TryGetProperty("d", out _));
            Assert.False(key.TryGetProperty("k", out _));
        }

        Assert.DoesNotContain(
            theirs.Json.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("x").GetString()),
            x => ours.Body.Contains(x!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_that_was_changed_is_refused()
    {
        using var wire = await shared.Wire();
        var (ada, bo) = (await wire.NewUser("chat.join"), await wire.NewUser());
        var (header, payload, signature) = Parts(ada.Token);
        string Claiming(string from, string to) => Write(Read(payload).GetRawText().Replace(from, to, StringComparison.Ordinal));

        await AreRefused(
            wire,
            $"{header}.{Claiming(ada.Id[2..], bo.Id[2..])}.{signature}",
            $"{header}.{Claiming("chat.join", "chat")}.{signature}",
            $"{header}.{Parts(bo.Token).Payload}.{signature}",
            $"{header}.{payload}.{Parts(bo.Token).Signature}",
            $"{header}.{payload}.{Base64Url.EncodeToString(new byte[64])}",
            $"{header}.{payload}.",
            $"{header}.{payload}",
            $"{header}..{signature}",
            $"{header}.{payload}.{signature}.{signature}",
            $"{header}.{payload}.{signature}AAAA");
    }

    [Fact]
    public async Task A_token_of_ones_own_making_is_refused()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var (header, payload, _) = Parts(ada.Token);
        var kid = Read(header).GetProperty("kid").GetString();
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = own.ExportParameters(false).Q;
        var jwk = $$"""{"kty":"EC","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""";
        var published = (await wire.Send(HttpMethod.Get, "/.well-known/jwks.json")).Body;

        string Signed(string head)
        {
            var text = $"{Write(head)}.{payload}";
            return $"{text}.{Base64Url.EncodeToString(own.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
        }

        string Hashed(byte[] secret)
        {
            var text = $"{Write($$"""{"alg":"HS256","typ":"JWT","kid":"{{kid}}"}""")}.{payload}";
            return $"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(text)))}";
        }

        await AreRefused(
            wire,
            $"{Write("""{"alg":"none","typ":"JWT"}""")}.{payload}.",
            $"{Write($$"""{"alg":"None","typ":"JWT","kid":"{{kid}}"}""")}.{payload}.",
            Signed($$"""{"alg":"ES256","typ":"JWT","kid":"{{kid}}"}"""),
            Signed("""{"alg":"ES256","typ":"JWT","kid":"another"}"""),
            Signed("""{"alg":"ES256","typ":"JWT"}"""),
            Signed($$"""{"alg":"ES256","typ":"JWT","jwk":{{jwk}}}"""),
            Signed($$"""{"alg":"ES256","typ":"JWT","kid":"{{kid}}","jwk":{{jwk}},"jku":"https://localhost/keys"}"""),
            Hashed(Encoding.UTF8.GetBytes(published)),
            Hashed(wire.Resource.Key),
            Hashed([]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("...")]
    [InlineData("a.b.c")]
    [InlineData("e30.e30.e30")]
    [InlineData("bnVsbA.bnVsbA.bnVsbA")]
    [InlineData("W10.W10.W10")]
    [InlineData("%2e%2e%2e")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.e30.AAAA")]
    [InlineData("two words")]
    public async Task What_is_no_token_is_refused(string token)
    {
        using var wire = await shared.Wire();

        await AreRefused(wire, token);
    }

    [Fact]
    public async Task A_token_of_any_length_does_no_harm()
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsUser(new string('a', 20_000), HttpMethod.Get, Threads);

        Assert.True(answer.Status is 401 or 431, $"{answer.Status} {answer.Body}");
    }

    [Fact]
    public async Task A_token_counts_only_as_a_bearers_token()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        Task<Answer> With(string authorization) => wire.Send(
            HttpMethod.Get, Threads, null, request => request.Headers.TryAddWithoutValidation("Authorization", authorization));

        (await With($"Bearer {ada.Token}")).Is(200);
        (await With($"bearer {ada.Token}")).Is(200);
        (await With(ada.Token)).IsError(401);
        (await With($"Basic {ada.Token}")).IsError(401);
        (await wire.Send(HttpMethod.Get, Threads)).IsError(401);
        (await wire.Send(HttpMethod.Get, $"{Threads}&access_token={ada.Token}")).IsError(401);
    }

    private const string Threads = $"/chat/threads?api-version={Wire.ChatVersion}";

    private static async Task AreRefused(Wire wire, params string[] tokens)
    {
        foreach (var token in tokens)
        {
            (await wire.AsUser(token, HttpMethod.Get, Threads)).IsError(401);
        }
    }

    private static (string Header, string Payload, string Signature) Parts(string token) =>
        token.Split('.') is [var header, var payload, var signature]
            ? (header, payload, signature)
            : throw new FormatException("A token has three parts.");

    private static JsonElement Read(string part) => JsonElement.Parse(Base64Url.DecodeFromChars(part));

    private static string Write(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private static byte[] Coordinate(JsonElement key, string name)
    {
        var bytes = Base64Url.DecodeFromChars(key.GetProperty(name).GetString());
        Assert.Equal(32, bytes.Length);
        return bytes;
    }
}
