using System.Text;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>Bodies: the empty one that the client really sends, the garbage that it never would.</summary>
public sealed class RequestBodyTests(SharedServer shared)
{
    private const string Create = $"/identities?api-version={Wire.IdentityVersion}";

    public static TheoryData<string> Garbage =>
    [
        "{", "}", "nonsense", "\"text\"", "[]", "[{}]", "null", "1", "true", "{\"scopes\"", "{\"scopes\":}", "{\"scopes\":[\"chat\"]}x",
        "{'scopes':['chat']}", "{scopes:[]}", "{\"scopes\":[\"chat\"],}", "// comment\n{\"scopes\":[\"chat\"]}",
        "{\"scopes\":\"chat\"}", "{\"scopes\":[1]}", "{\"scopes\":[null]}", "{\"scopes\":null}", "{\"scopes\":{}}", "{\"scopes\":[[\"chat\"]]}",
        "{}", "{\"scopes\":[]}", "{\"scopes\":[\"\"]}", "{\"scopes\":[\"CHAT\"]}", "{\"scopes\":[\"admin\"]}",
        "{\"scopes\":[\"chat\"],\"scopes\":[\"voip\"]}",
        "{\"scopes\":[\"chat\"],\"expiresInMinutes\":59}", "{\"scopes\":[\"chat\"],\"expiresInMinutes\":1441}",
        "{\"scopes\":[\"chat\"],\"expiresInMinutes\":0}", "{\"scopes\":[\"chat\"],\"expiresInMinutes\":-60}",
        "{\"scopes\":[\"chat\"],\"expiresInMinutes\":60.5}", "{\"scopes\":[\"chat\"],\"expiresInMinutes\":\"60\"}",
        "{\"scopes\":[\"chat\"],\"expiresInMinutes\":99999999999999999999}", "{\"scopes\":[\"chat\"],\"expiresInMinutes\":[60]}",
    ];

    [Fact]
    public async Task The_empty_body_of_the_client_creates_a_user()
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(HttpMethod.Post, Create, [], request =>
        {
            Assert.Equal(0, request.Content!.Headers.ContentLength);
            Assert.Equal("application/json", request.Content.Headers.ContentType!.MediaType);
        });

        var created = answer.Is(201).Json;
        Assert.False(created.TryGetProperty("accessToken", out _), "Absent members are left out.");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"createTokenWithScopes\":[]}")]
    [InlineData("{\"unknown\":{\"deeply\":[1,2,{\"x\":null}]}}")]
    public async Task A_body_that_asks_for_no_token_creates_a_user(string body)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(HttpMethod.Post, Create, Encoding.UTF8.GetBytes(body));

        Assert.False(answer.Is(201).Json.TryGetProperty("accessToken", out _));
    }

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("APPLICATION/JSON")]
    [InlineData(null)]
    public async Task The_content_type_may_be_written_in_every_usual_way(string? contentType)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(HttpMethod.Post, Create, Wire.Bytes(new { createTokenWithScopes = new[] { "chat" } }), request =>
        {
            request.Content!.Headers.Remove("Content-Type");
            if (contentType is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
            }
        });

        answer.Is(201);
    }

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task A_body_that_says_nothing_sensible_is_refused(string body)
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser();

        var answer = await wire.AsApplication(HttpMethod.Post, Issue(user), Encoding.UTF8.GetBytes(body));

        answer.IsError(400);
    }

    [Theory]
    [InlineData("{\"createTokenWithScopes\":\"chat\"}")]
    [InlineData("{\"createTokenWithScopes\":[\"nothing\"]}")]
    [InlineData("{\"createTokenWithScopes\":[\"chat\"],\"expiresInMinutes\":59}")]
    [InlineData("{\"createTokenWithScopes\":[\"chat\"],\"createTokenWithScopes\":[\"voip\"]}")]
    [InlineData("[")]
    public async Task A_user_is_not_created_from_garbage(string body)
    {
        using var wire = await shared.Wire();

        (await wire.AsApplication(HttpMethod.Post, Create, Encoding.UTF8.GetBytes(body))).IsError(400);
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF_8_are_refused()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);

        (await wire.AsApplication(HttpMethod.Post, Issue(ada), [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])).IsError(400);
        byte[] message = [.. "{\"content\":\""u8, 0xc3, 0x28, 0xed, 0xa0, 0x80, .. "\"}"u8];
        (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), message)).IsError(400);
    }

    [Fact]
    public async Task A_body_of_any_depth_is_refused_and_does_no_harm()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var deep = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000));

        (await wire.AsApplication(HttpMethod.Post, Issue(ada), deep)).IsError(400, 413);
    }

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("a\\u0000b")]
    [InlineData("\\u202e\\u2066")]
    [InlineData("\\uffff\\ufffe")]
    public async Task Strange_characters_are_kept_or_refused_and_break_nothing(string escaped)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);

        var answer = await wire.AsUser(
            ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), Encoding.ASCII.GetBytes($"{{\"content\":\"{escaped}\"}}"));

        if (answer.Status != 400)
        {
            var id = answer.Is(201).Json.GetProperty("id").GetString();
            var kept = (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, $"/messages/{id}"))).Is(200).Json;
            Assert.Equal(JsonElement.Parse($"\"{escaped}\"").GetString(), kept.GetProperty("content").GetProperty("message").GetString());
        }

        (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"content\":null}")]
    [InlineData("{\"content\":\"\"}")]
    [InlineData("{\"content\":1}")]
    [InlineData("{\"content\":\"x\",\"type\":\"video\"}")]
    [InlineData("{\"content\":\"x\",\"type\":\"participantAdded\"}")]
    [InlineData("{\"content\":\"x\",\"type\":\"topicUpdated\"}")]
    [InlineData("{\"content\":\"x\",\"metadata\":[]}")]
    [InlineData("{\"content\":\"x\",\"metadata\":{\"a\":1}}")]
    [InlineData("{\"content\":\"x\",\"content\":\"y\"}")]
    public async Task A_message_that_is_none_is_refused(string body)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);

        var answer = await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), Encoding.UTF8.GetBytes(body));

        answer.IsError(400);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"topic\":null}")]
    [InlineData("{\"topic\":1}")]
    [InlineData("{\"topic\":\"x\",\"participants\":{}}")]
    [InlineData("{\"topic\":\"x\",\"participants\":[1]}")]
    [InlineData("{\"topic\":\"x\",\"retentionPolicy\":{\"kind\":\"whenever\"}}")]
    [InlineData("{\"topic\":\"x\",\"retentionPolicy\":{\"kind\":\"threadCreationDate\",\"deleteThreadAfterDays\":29}}")]
    [InlineData("{\"topic\":\"x\",\"retentionPolicy\":{\"kind\":\"threadCreationDate\",\"deleteThreadAfterDays\":91}}")]
    [InlineData("{\"topic\":\"x\",\"retentionPolicy\":{\"kind\":\"threadCreationDate\"}}")]
    public async Task A_thread_that_is_none_is_refused(string body)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();

        (await wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", Encoding.UTF8.GetBytes(body))).IsError(400);
        Assert.Equal(0, (await wire.AsUser(ada.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}"))
            .Is(200).Json.GetProperty("value").GetArrayLength());
    }

    [Theory]
    [InlineData("maxPageSize=0")]
    [InlineData("maxPageSize=-1")]
    [InlineData("maxPageSize=ten")]
    [InlineData("maxPageSize=99999999999999999999")]
    [InlineData("startTime=yesterday")]
    public async Task A_list_asked_for_in_a_way_that_makes_no_sense_is_refused_or_bounded(string query)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);

        var answer = await wire.AsUser(ada.Token, HttpMethod.Get, $"{Wire.Chat(thread, "/messages")}&{query}");

        answer.IsError(400);
    }

    [Fact]
    public async Task A_body_longer_than_any_request_is_refused_before_it_is_read_whole()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        const int declared = 1_000_000_000;
        var head = Encoding.ASCII.GetBytes(
            $"POST /chat/threads?api-version={Wire.ChatVersion} HTTP/1.1\r\nHost: {wire.Authority}\r\nAuthorization: Bearer {ada.Token}\r\n" +
            $"Content-Type: application/json\r\nContent-Length: {declared}\r\n\r\n{{\"topic\":\"");

        var answer = await wire.SendBytes(head, new byte[64 * 1024]);

        Assert.Equal(413, answer.Status);
    }

    [Fact]
    public async Task A_body_of_unsaid_length_is_refused_when_it_grows_too_long()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var head = Encoding.ASCII.GetBytes(
            $"POST /chat/threads?api-version={Wire.ChatVersion} HTTP/1.1\r\nHost: {wire.Authority}\r\nAuthorization: Bearer {ada.Token}\r\n" +
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        byte[] chunk = [.. "4000\r\n"u8, .. Enumerable.Repeat((byte)' ', 0x4000), .. "\r\n"u8];

        var answer = await wire.SendBytes([head, .. Enumerable.Repeat(chunk, 128)]);

        Assert.Equal(413, answer.Status);
    }

    [Theory]
    [InlineData(2_000_000)]
    [InlineData(200_000)]
    public async Task A_message_that_is_too_long_is_refused(int length)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);

        var answer = await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = new string('x', length) });

        answer.IsError(400, 413);
    }

    private static string Issue(WireUser user) =>
        $"/identities/{Uri.EscapeDataString(user.Id)}/:issueAccessToken?api-version={Wire.IdentityVersion}";
}
