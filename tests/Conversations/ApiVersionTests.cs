using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>Every published version is answered in its own shape, and no other version is.</summary>
public sealed class ApiVersionTests(SharedServer shared)
{
    private static readonly string[] WithMetadata =
        ["2021-09-07", "2023-11-07", "2024-03-07", "2024-06-05-preview", "2025-03-15"];

    public static TheoryData<string> IdentityVersions =>
        ["2021-03-07", "2021-10-31-preview", "2022-06-01", "2022-10-01", "2023-08-01", "2023-10-01"];

    public static TheoryData<string> ChatVersions =>
        ["2021-03-07", "2021-09-07", "2023-11-07", "2024-03-07", "2024-06-05-preview", "2025-03-15"];

    [Theory]
    [MemberData(nameof(IdentityVersions))]
    public async Task Users_and_tokens_are_served_in_every_version(string version)
    {
        using var wire = await shared.Wire();
        string Target(string rest = "") => $"/identities{rest}?api-version={version}";

        var bare = (await wire.AsApplication(HttpMethod.Post, Target())).Is(201).Json;
        Assert.Equal(["identity"], Members(bare));
        Assert.Equal(["id"], Members(bare.GetProperty("identity")));

        var created = (await wire.AsApplication(HttpMethod.Post, Target(), new { createTokenWithScopes = new[] { "chat", "voip" } })).Is(201).Json;
        Assert.Equal(["accessToken", "identity"], Members(created));
        Assert.Equal(["expiresOn", "token"], Members(created.GetProperty("accessToken")));

        var user = "/" + Uri.EscapeDataString(created.GetProperty("identity").GetProperty("id").GetString()!);
        var issued = (await wire.AsApplication(HttpMethod.Post, Target($"{user}/:issueAccessToken"), new { scopes = new[] { "chat" } })).Is(200).Json;
        Assert.Equal(["expiresOn", "token"], Members(issued));
        Assert.Equal(TimeSpan.Zero, issued.GetProperty("expiresOn").GetDateTimeOffset().Offset);

        (await wire.AsApplication(HttpMethod.Post, Target($"{user}/:revokeAccessTokens"))).Is(204);
        (await wire.AsApplication(HttpMethod.Delete, Target(user))).Is(204);
    }

    [Theory]
    [InlineData("2021-03-07", false)]
    [InlineData("2022-06-01", false)]
    [InlineData("2022-10-01", true)]
    [InlineData("2023-10-01", true)]
    public async Task A_token_has_a_life_of_its_own_since_the_version_that_brought_it(string version, bool known)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(
            HttpMethod.Post, $"/identities?api-version={version}", new { createTokenWithScopes = new[] { "chat" }, expiresInMinutes = 60 });

        // An older version does not know the member, and what is unknown is ignored.
        var expires = answer.Is(201).Json.GetProperty("accessToken").GetProperty("expiresOn").GetDateTimeOffset();
        Assert.Equal(known ? 60 : 1440, (expires - DateTimeOffset.UtcNow).TotalMinutes, 2.0);
    }

    [Theory]
    [MemberData(nameof(ChatVersions))]
    public async Task A_conversation_is_served_in_every_version(string version)
    {
        using var wire = await shared.Wire();
        var (ada, bo, cy) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        Task<Answer> Ada(HttpMethod method, string target, object? json = null) => wire.AsUser(ada.Token, method, target, json);

        var created = (await Ada(HttpMethod.Post, $"/chat/threads?api-version={version}", new
        {
            topic = "Old and new",
            participants = new[] { new { communicationIdentifier = bo.Identifier, displayName = "Bo" } },
        })).Is(201).Json.GetProperty("chatThread");
        AssertIdentifier(created.GetProperty("createdByCommunicationIdentifier"), ada.Id, version);
        var thread = created.GetProperty("id").GetString()!;
        string At(string rest = "") => Wire.Chat(thread, rest, version);

        var message = (await Ada(HttpMethod.Post, At("/messages"), new { content = "hello", type = "text" })).Is(201).Json.GetProperty("id").GetString()!;
        var read = (await Ada(HttpMethod.Get, At($"/messages/{message}"))).Is(200).Json;
        Assert.Equal("hello", read.GetProperty("content").GetProperty("message").GetString());
        Assert.True(read.TryGetProperty("sequenceId", out _) && read.TryGetProperty("version", out _) && read.TryGetProperty("createdOn", out _));
        AssertIdentifier(read.GetProperty("senderCommunicationIdentifier"), ada.Id, version);

        (await Ada(HttpMethod.Patch, At($"/messages/{message}"), new { content = "hello again" })).Is(204);
        (await Ada(HttpMethod.Patch, At(), new { topic = "New and old" })).Is(204);
        (await Ada(HttpMethod.Post, At("/participants/:add"), new { participants = new[] { new { communicationIdentifier = cy.Identifier } } })).Is(201);
        (await Ada(HttpMethod.Post, At("/participants/:remove"), cy.Identifier)).Is(204);
        Assert.Equal(2, (await Ada(HttpMethod.Get, At("/participants"))).Is(200).Json.GetProperty("value").GetArrayLength());
        Assert.Equal("New and old", (await Ada(HttpMethod.Get, At())).Is(200).Json.GetProperty("topic").GetString());
        var messages = (await Ada(HttpMethod.Get, At("/messages"))).Is(200).Json.GetProperty("value");
        Assert.Contains("topicUpdated", messages.EnumerateArray().Select(each => each.GetProperty("type").GetString()));
        foreach (var initiator in messages.EnumerateArray()
            .Select(each => each.TryGetProperty("content", out var content) ? content : default)
            .Where(content => content.ValueKind == JsonValueKind.Object && content.TryGetProperty("initiatorCommunicationIdentifier", out _)))
        {
            AssertIdentifier(initiator.GetProperty("initiatorCommunicationIdentifier"), ada.Id, version);
        }

        Assert.NotEmpty((await Ada(HttpMethod.Get, $"/chat/threads?api-version={version}")).Is(200).Json.GetProperty("value").EnumerateArray());
        (await Ada(HttpMethod.Delete, At($"/messages/{message}"))).Is(204);
        (await Ada(HttpMethod.Delete, At())).Is(204);
    }

    [Theory]
    [MemberData(nameof(ChatVersions))]
    public async Task Members_that_a_version_lacks_are_not_sent_to_it(string version)
    {
        using var wire = await shared.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var metadata = new { colour = "green" };
        var thread = (await wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
        {
            topic = "Everything",
            metadata,
            retentionPolicy = new { kind = "threadCreationDate", deleteThreadAfterDays = 90 },
            participants = new[] { new { communicationIdentifier = bo.Identifier, displayName = "Bo", metadata } },
        })).Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
        var message = (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = "hello", metadata }))
            .Is(201).Json.GetProperty("id").GetString()!;
        async Task<JsonElement> Read(string rest) => (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, rest, version))).Is(200).Json;

        var newest = version is "2024-06-05-preview" or "2025-03-15";
        var properties = await Read("");
        Assert.Equal(newest, properties.TryGetProperty("metadata", out _));
        Assert.Equal(newest, properties.TryGetProperty("retentionPolicy", out _));
        var participants = (await Read("/participants")).GetProperty("value").EnumerateArray();
        Assert.Equal(newest, participants.Any(each => each.TryGetProperty("metadata", out _)));
        var messages = (await Read("/messages")).GetProperty("value").EnumerateArray();
        Assert.Equal(WithMetadata.Contains(version), messages.Any(each => each.TryGetProperty("metadata", out _)));
        Assert.Equal(WithMetadata.Contains(version), (await Read($"/messages/{message}")).TryGetProperty("metadata", out _));
    }

    [Theory]
    [MemberData(nameof(ChatVersions))]
    public async Task The_link_to_the_next_page_is_relative_and_of_the_same_version(string version)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada, await wire.NewUser(), await wire.NewUser());
        await wire.NewThread(ada);
        await wire.NewThread(ada);
        foreach (var text in new[] { "1", "2", "3" })
        {
            await wire.Say(ada, thread, text);
        }

        foreach (var list in new[] { Wire.Chat(thread, "/messages", version), Wire.Chat(thread, "/participants", version), $"/chat/threads?api-version={version}" })
        {
            var links = 0;
            var items = 0;
            for (var next = list + "&maxPageSize=1"; next is not null; links++)
            {
                Assert.StartsWith("/", next, StringComparison.Ordinal);
                Assert.Contains($"api-version={version}", next, StringComparison.Ordinal);
                var page = (await wire.AsUser(ada.Token, HttpMethod.Get, next)).Is(200).Json;
                Assert.InRange(page.GetProperty("value").GetArrayLength(), 0, 1);
                items += page.GetProperty("value").GetArrayLength();
                next = page.TryGetProperty("nextLink", out var link) ? link.GetString() : null;
                Assert.True(links < 20, "The pages come to an end.");
            }

            Assert.True(items >= 3, list);
        }
    }

    [Theory]
    [InlineData("2020-01-01")]
    [InlineData("2023-10-02")]
    [InlineData("2099-12-31")]
    [InlineData("2023-10-01-preview")]
    [InlineData("2025-03-15")]
    [InlineData("newest")]
    [InlineData("")]
    [InlineData("2023-10-01%20")]
    [InlineData("2023-10-01&api-version=2022-10-01")]
    public async Task An_identity_version_that_does_not_exist_is_refused(string version)
    {
        using var wire = await shared.Wire();

        (await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={version}")).IsError(400);
    }

    [Theory]
    [InlineData("2020-01-01")]
    [InlineData("2023-10-01")]
    [InlineData("2021-03-07-preview")]
    [InlineData("2099-12-31")]
    [InlineData("")]
    public async Task A_chat_version_that_does_not_exist_is_refused(string version)
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();

        (await wire.AsUser(ada.Token, HttpMethod.Get, $"/chat/threads?api-version={version}")).IsError(400);
    }

    [Fact]
    public async Task A_request_without_a_version_is_refused()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();

        (await wire.AsApplication(HttpMethod.Post, "/identities")).IsError(400);
        (await wire.AsApplication(HttpMethod.Post, "/identities?other=1")).IsError(400);
        (await wire.AsUser(ada.Token, HttpMethod.Get, "/chat/threads")).IsError(400);
    }

    [Fact]
    public async Task The_version_may_stand_anywhere_in_the_query()
    {
        using var wire = await shared.Wire();

        (await wire.AsApplication(HttpMethod.Post, $"/identities?a=1&api-version={Wire.IdentityVersion}&b=2")).Is(201);
    }

    [Fact]
    public async Task The_exchange_for_Teams_users_begins_with_the_version_that_brought_it()
    {
        using var wire = await shared.Wire();
        Task<Answer> Exchange(string version) => wire.AsApplication(
            HttpMethod.Post, $"/teamsUser/:exchangeAccessToken?api-version={version}", new { token = "a.b.c", appId = "x", userId = "y" });

        (await Exchange("2021-03-07")).IsError(400, 404);
        foreach (var version in new[] { "2022-06-01", "2022-10-01", "2023-08-01", "2023-10-01" })
        {
            (await Exchange(version)).IsError(400, 401, 403);
        }
    }

    private static IEnumerable<string> Members(JsonElement element) =>
        element.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal);

    private static void AssertIdentifier(JsonElement identifier, string id, string version)
    {
        Assert.Equal(id, identifier.GetProperty("rawId").GetString());
        Assert.Equal(id, identifier.GetProperty("communicationUser").GetProperty("id").GetString());
        // The common models have the kind since 2022-07-13, and the clients count on it from 2023-11-15 on.
        var kind = identifier.TryGetProperty("kind", out var said) ? said.GetString() : null;
        switch (version)
        {
            case "2021-03-07" or "2021-09-07":
                Assert.Null(kind);
                break;
            case "2023-11-07":
                Assert.True(kind is null or "communicationUser");
                break;
            default:
                Assert.Equal("communicationUser", kind);
                break;
        }
    }
}
