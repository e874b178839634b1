namespace Domicile.Tests.Conversations;

/// <summary>Someone outside a thread cannot tell whether it exists.</summary>
public sealed class StrangerTests(SharedServer shared)
{
    public static TheoryData<string, string, string?> Operations => new()
    {
        { "GET", "", null },
        { "PATCH", "", """{"topic":"mine"}""" },
        { "PATCH", "", """{"topic":1}""" },
        { "PATCH", "", "not json" },
        { "DELETE", "", null },
        { "GET", "/messages", null },
        { "GET", "/messages?maxPageSize=1", null },
        { "POST", "/messages", """{"content":"hello"}""" },
        { "POST", "/messages", """{"content":""}""" },
        { "POST", "/messages", "not json" },
        { "GET", "/messages/MESSAGE", null },
        { "GET", "/messages/1", null },
        { "PATCH", "/messages/MESSAGE", """{"content":"mine"}""" },
        { "DELETE", "/messages/MESSAGE", null },
        { "GET", "/participants", null },
        { "POST", "/participants/:add", """{"participants":[{"communicationIdentifier":{"communicationUser":{"id":"STRANGER"}}}]}""" },
        { "POST", "/participants/:add", """{"participants":[]}""" },
        { "POST", "/participants/:remove", """{"communicationUser":{"id":"MEMBER"}}""" },
        { "POST", "/participants/:remove", """{"communicationUser":{"id":"STRANGER"}}""" },
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task A_foreign_thread_answers_as_a_missing_one_does(string method, string rest, string? body)
    {
        using var wire = await shared.Wire();
        var (ada, bo, eve) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var foreign = await wire.NewThread(ada, bo);
        var message = await wire.Say(ada, foreign, "between us");
        var deleted = await wire.NewThread(ada, bo);
        (await wire.AsUser(ada.Token, HttpMethod.Delete, Wire.Chat(deleted))).Is(204);
        var missing = foreign[..^"0123456789abcdef@thread.v2".Length] + "0123456789abcdef@thread.v2";
        Assert.Equal(foreign.Length, missing.Length);
        string Filled(string text) => text
            .Replace("MESSAGE", message, StringComparison.Ordinal)
            .Replace("STRANGER", eve.Id, StringComparison.Ordinal)
            .Replace("MEMBER", bo.Id, StringComparison.Ordinal);

        async Task<Answer> Ask(string thread)
        {
            var (path, query) = rest.Split('?') is [var before, var after] ? (before, "&" + after) : (rest, "");
            return await wire.AsUser(
                eve.Token,
                new HttpMethod(method),
                Wire.Chat(thread, Filled(path)) + query,
                body is null ? null : System.Text.Encoding.UTF8.GetBytes(Filled(body)));
        }

        var answers = new[] { await Ask(missing), await Ask(foreign), await Ask(deleted) };
        var told = answers.Select((answer, index) => Told(answer, index switch { 0 => missing, 1 => foreign, _ => deleted })).ToArray();

        Assert.All(answers, answer => answer.IsError(400, 403, 404));
        Assert.Equal(told[0], told[1]);
        Assert.Equal(told[0], told[2]);
    }

    [Fact]
    public async Task A_thread_whose_name_is_no_name_is_missing_too()
    {
        using var wire = await shared.Wire();
        var eve = await wire.NewUser();
        var missing = await wire.AsUser(eve.Token, HttpMethod.Get, Wire.Chat($"19:{Guid.NewGuid():N}@thread.v2"));

        foreach (var name in new[] { "x", "19:@thread.v2", "19:abc@thread.v2", new string('x', 4000), "'; drop table", "19:\u00fc\u0007@thread.v2" })
        {
            var answer = await wire.AsUser(eve.Token, HttpMethod.Get, Wire.Chat(name));
            answer.IsError(400, missing.Status);
        }
    }

    /// <summary>All that a stranger learns: status, body and which headers there are, without what differs in every answer.</summary>
    private static string Told(Answer answer, string thread)
    {
        var headers = answer.Headers
            .Where(header => header.Key is not ("Date" or "x-ms-request-id" or "Content-Length"))
            .OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
            .Select(header => $"{header.Key}: {header.Value}");
        var body = answer.Body
            .Replace(thread, "THREAD", StringComparison.Ordinal)
            .Replace(Uri.EscapeDataString(thread), "THREAD", StringComparison.Ordinal);
        return $"{answer.Status}\n{string.Join('\n', headers)}\n{body}";
    }
}
