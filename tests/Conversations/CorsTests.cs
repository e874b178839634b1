namespace Domicile.Tests.Conversations;

/// <summary>Chat runs in browsers, on pages of other origins.</summary>
public sealed class CorsTests(SharedServer shared)
{
    private const string Page = "https://app.example.org";

    private static readonly string[] SentByTheClients =
    [
        "authorization", "content-type", "accept", "x-ms-client-request-id", "x-ms-useragent", "repeatability-request-id",
        "x-skypetoken", "x-ms-migration", "traceparent",
    ];

    [Theory]
    [InlineData("/chat/threads", "POST")]
    [InlineData("/chat/threads", "GET")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2", "PATCH")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2", "DELETE")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2/messages", "POST")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2/messages/1", "PATCH")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2/participants/%3Aadd", "POST")]
    [InlineData("/chat/threads/19%3Aabc%40thread.v2/participants/:remove", "POST")]
    public async Task A_browser_may_ask_before_it_sends(string path, string method)
    {
        using var wire = await shared.Wire();

        // A preflight carries no credential, and its path no version that must be right.
        var answer = await wire.Send(HttpMethod.Options, $"{path}?api-version={Wire.ChatVersion}", null, request =>
        {
            request.Headers.Add("Origin", Page);
            request.Headers.Add("Access-Control-Request-Method", method);
            request.Headers.Add("Access-Control-Request-Headers", string.Join(',', SentByTheClients));
        });

        Assert.True(answer.Status is 200 or 204, $"{answer.Status} {answer.Body}");
        Assert.True(answer.Header("Access-Control-Allow-Origin") is "*" or Page);
        Assert.Contains(method, Listed(answer, "Access-Control-Allow-Methods"), StringComparer.OrdinalIgnoreCase);
        // A star would not cover authorization.
        Assert.Superset(SentByTheClients.ToHashSet(), Listed(answer, "Access-Control-Allow-Headers").Select(name => name.ToLowerInvariant()).ToHashSet());
    }

    [Fact]
    public async Task A_page_may_read_answers_and_failures()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        void FromPage(HttpRequestMessage request) => request.Headers.Add("Origin", Page);

        foreach (var answer in new[]
        {
            (await wire.AsUser(ada.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}", null, FromPage)).Is(200),
            (await wire.AsUser("x", HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}", null, FromPage)).IsError(401),
            (await wire.AsUser(ada.Token, HttpMethod.Get, "/chat/threads?api-version=1", null, FromPage)).IsError(400),
            (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat("19:missing@thread.v2"), null, FromPage)).IsError(403, 404),
        })
        {
            Assert.True(answer.Header("Access-Control-Allow-Origin") is "*" or Page, $"{answer.Status}");
            Assert.Superset(
                new HashSet<string> { "x-ms-request-id", "x-ms-error-code", "retry-after", "operation-location" },
                Listed(answer, "Access-Control-Expose-Headers").Select(name => name.ToLowerInvariant()).ToHashSet());
            Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
        }
    }

    private static IEnumerable<string> Listed(Answer answer, string header) =>
        (answer.Header(header) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
