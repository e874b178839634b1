using System.Diagnostics;
using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What the test-suite of an application asks of a server of its own.</summary>
[Trait("length", "full")]
[Trait("engine", "embedded")]
public sealed class TestModeTests : IAsyncLifetime
{
    private EphemeralServer _server = null!;
    private Wire _wire = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await EphemeralServer.Start();
        _wire = _server.Wire();
    }

    public async ValueTask DisposeAsync()
    {
        _wire.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Its_directory_is_there_while_it_runs_readable_by_its_owner_alone_and_gone_when_it_has_stopped()
    {
        await _wire.NewUser();
        Assert.True(Directory.Exists(_server.Directory));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, ModeOf(_server.Directory));
        await _server.Stop();
        Assert.False(Directory.Exists(_server.Directory));
    }

    [Fact]
    public async Task The_ready_file_says_what_the_line_says_and_the_geography_is_the_one_that_was_asked_for()
    {
        var folder = Directory.CreateTempSubdirectory("domicile-ready-").FullName;
        try
        {
            var file = Path.Combine(folder, "ready.json");
            await using var india = await EphemeralServer.Start("--ready-file", file, "--geography", "india");
            Assert.Equal(india.Line, await File.ReadAllTextAsync(file, Cancel));
            Assert.Equal("India", india.Geography);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, ModeOf(file));
            using var wire = india.Wire();
            await wire.NewUser();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_ready_file_of_an_earlier_server_is_not_taken_for_that_of_a_later_one()
    {
        var folder = Directory.CreateTempSubdirectory("domicile-ready-").FullName;
        try
        {
            // One that ended without a word left it; who ends as asked takes it along, but not another's.
            var file = Path.Combine(folder, "ready.json");
            await File.WriteAllTextAsync(file, "{\"processId\":1}", Cancel);
            var server = await EphemeralServer.Start("--ready-file", file);
            Assert.Equal(server.Line, await File.ReadAllTextAsync(file, Cancel));
            await server.DisposeAsync();
            Assert.False(File.Exists(file));

            await using var first = await EphemeralServer.Start("--ready-file", file);
            await using (var second = await EphemeralServer.Start("--ready-file", file))
            {
                await first.Stop();
                Assert.Equal(second.Line, await File.ReadAllTextAsync(file, Cancel));
            }

            Assert.False(File.Exists(file));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_token_expires_when_the_clock_is_turned_past_its_end_and_the_access_key_stays_good()
    {
        var user = await _wire.NewUser();
        (await _wire.AsUser(user.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}")).Is(200);
        var before = (await _server.Ask(HttpMethod.Get, "/test/clock")).GetProperty("now").GetDateTimeOffset();
        var turned = await _server.Ask(HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 25 * 3600 });
        Assert.Equal(90_000, turned.GetProperty("aheadSeconds").GetDouble());
        Assert.InRange(turned.GetProperty("now").GetDateTimeOffset() - before, TimeSpan.FromHours(25), TimeSpan.FromHours(25.1));
        var refused = (await _wire.AsUser(user.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}")).IsError(401);
        Assert.Equal("TokenExpired", refused.Json.GetProperty("error").GetProperty("code").GetString());

        // What clients and administrators date by their own clocks is judged by the machine's.
        var (ada, bo) = (await _wire.NewUser(), await _wire.NewUser());
        var thread = await _wire.NewThread(ada, bo);
        var message = (await _wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, $"/messages/{await _wire.Say(ada, thread, "later")}"))).Is(200).Json;
        Assert.InRange(message.GetProperty("createdOn").GetDateTimeOffset() - before, TimeSpan.FromHours(25), TimeSpan.FromHours(25.2));
    }

    [Fact]
    public async Task A_turn_past_a_threads_end_deletes_it_before_it_is_answered()
    {
        var ada = await _wire.NewUser();
        var created = await _wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
        {
            topic = "short",
            participants = Array.Empty<object>(),
            retentionPolicy = new { kind = "threadCreationDate", deleteThreadAfterDays = 30 },
        });
        var thread = created.Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
        Assert.InRange((await _server.Ask(HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 31 * 86_400 })).GetProperty("removed").GetInt32(), 1, int.MaxValue);
        var again = await Again(ada);
        (await _wire.AsUser(again, HttpMethod.Get, Wire.Chat(thread))).IsError(404);
    }

    [Fact]
    public async Task A_clock_is_not_turned_back_nor_beyond_its_bound()
    {
        foreach (var body in (string[])
        [
            """{"forwardSeconds":-1}""",
            """{"forwardSeconds":0}""",
            """{"forwardSeconds":1e18}""",
            """{"forwardSeconds":"1"}""",
            "{}",
        ])
        {
            await _server.Ask(HttpMethod.Post, "/test/clock:turn", JsonSerializer.SerializeToUtf8Bytes(JsonElement.Parse(body)), 400);
            Assert.Equal(0, (await _server.Ask(HttpMethod.Get, "/test/clock")).GetProperty("aheadSeconds").GetDouble());
        }
    }

    [Fact]
    public async Task The_faults_that_were_asked_for_are_met_as_often_as_was_asked_and_by_that_operation_alone()
    {
        var (ada, bo) = (await _wire.NewUser(), await _wire.NewUser());
        var thread = await _wire.NewThread(ada, bo);
        await _server.Fault(new { operation = "ChatThread_SendChatMessage", kind = "tooMany", retryAfterSeconds = 7, times = 1 });
        await _server.Fault(new { operation = "ChatThread_SendChatMessage", kind = "unavailable", retryAfterSeconds = 3, times = 1 });
        (await _wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200);
        var throttled = (await Say(ada, thread, "1")).IsError(429);
        Assert.Equal("7", throttled.Header("Retry-After"));
        Assert.Equal("3", (await Say(ada, thread, "2")).IsError(503).Header("Retry-After"));
        (await Say(ada, thread, "3")).Is(201);
        Assert.Empty((await _server.Ask(HttpMethod.Get, "/test/faults")).GetProperty("value").EnumerateArray());
        Assert.Equal(["3"], await Texts(ada, thread));
    }

    [Fact]
    public async Task A_reset_connection_did_nothing_and_a_lost_answer_did_everything()
    {
        var (ada, bo) = (await _wire.NewUser(), await _wire.NewUser());
        var thread = await _wire.NewThread(ada, bo);
        await _server.Fault(new { operation = "ChatThread_SendChatMessage", kind = "connectionReset", times = 1 });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => Say(ada, thread, "not done"));
        await _server.Fault(new { operation = "ChatThread_SendChatMessage", kind = "answerLost", times = 1 });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => Say(ada, thread, "done"));
        Assert.Equal(["done"], await Texts(ada, thread));
    }

    [Fact]
    public async Task Latency_holds_a_request_up_and_a_percentage_meets_about_so_many()
    {
        var ada = await _wire.NewUser();
        await _server.Fault(new { operation = "Chat_ListChatThreads", kind = "latency", latencyMs = 400, times = 1 });
        var watch = Stopwatch.StartNew();
        (await List(ada)).Is(200);
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(390), TimeSpan.FromSeconds(20));
        await _server.Fault(new { operation = "*", kind = "unavailable", percentOfRequests = 50 });
        var answers = new List<Answer>();
        for (var i = 0; i < 60; i++)
        {
            answers.Add(await List(ada));
        }

        // Both less likely than once in ten million runs.
        Assert.InRange(answers.Count(answer => answer.Status == 503), 9, 51);
        await _server.Ask(HttpMethod.Delete, "/test/faults", expected: 204);
        (await List(ada)).Is(200);
    }

    [Fact]
    public async Task A_fault_that_cannot_be_is_refused_and_nothing_goes_wrong()
    {
        foreach (var body in (string[])
        [
            """{"operation":"ChatThread_SendMessage","kind":"tooMany"}""",
            """{"operation":"*","kind":"explode"}""",
            """{"operation":"*","kind":1}""",
            """{"operation":"*"}""",
            """{"kind":"tooMany"}""",
            """{"operation":"*","kind":"latency","latencyMs":60001}""",
            """{"operation":"*","kind":"tooMany","retryAfterSeconds":-1}""",
            """{"operation":"*","kind":"tooMany","times":0}""",
            """{"operation":"*","kind":"tooMany","percentOfRequests":101}""",
        ])
        {
            await _server.Ask(HttpMethod.Post, "/test/faults", JsonSerializer.SerializeToUtf8Bytes(JsonElement.Parse(body)), 400);
            await _wire.NewUser();
        }
    }

    [Fact]
    public async Task There_are_a_hundred_faults_at_most()
    {
        for (var i = 0; i < 100; i++)
        {
            await _server.Fault(new { operation = "Chat_ListChatThreads", kind = "latency" });
        }

        await _server.Ask(HttpMethod.Post, "/test/faults", new { operation = "Chat_ListChatThreads", kind = "latency" }, 409);
    }

    [Fact]
    public async Task What_was_answered_can_be_read_and_names_nobody()
    {
        var ada = await _wire.NewUser();
        await _server.Fault(new { operation = "Chat_ListChatThreads", kind = "tooMany", times = 1 });
        (await List(ada)).IsError(429);
        (await List(ada)).Is(200);
        var answers = await _server.Ask(HttpMethod.Get, "/test/requests");
        var said = answers.GetProperty("value").EnumerateArray().Select(answer =>
            $"{answer.GetProperty("operation")} {answer.GetProperty("status")} {(answer.TryGetProperty("fault", out var fault) ? fault.GetString() : "-")}");
        Assert.Equal(["CommunicationIdentity_Create 201 -", "Chat_ListChatThreads 429 tooMany", "Chat_ListChatThreads 200 -"], said);
        Assert.DoesNotContain(ada.Guid.ToString(), answers.GetRawText(), StringComparison.OrdinalIgnoreCase);
        var last = answers.GetProperty("last").GetInt64();
        Assert.Equal(3, last);
        (await List(ada)).Is(200);
        Assert.Equal(4, Assert.Single((await _server.Ask(HttpMethod.Get, $"/test/requests?after={last}")).GetProperty("value").EnumerateArray()).GetProperty("number").GetInt64());
    }

    [Fact]
    public async Task A_reset_empties_the_resource_and_keeps_its_origin_and_keys()
    {
        var (ada, bo) = (await _wire.NewUser(), await _wire.NewUser());
        var thread = await _wire.NewThread(ada, bo);
        await _wire.Say(ada, thread, "soon gone");
        await _server.Fault(new { operation = "*", kind = "unavailable" });
        Assert.Equal(1, (await _server.Ask(HttpMethod.Post, "/test/reset", new { })).GetProperty("resources").GetInt32());
        (await _wire.AsApplication(HttpMethod.Get, $"/identities/{Uri.EscapeDataString(ada.Id)}?api-version=2025-06-30")).IsError(404);
        (await List(ada)).IsError(401);
        Assert.Empty((await _server.Ask(HttpMethod.Get, "/test/faults")).GetProperty("value").EnumerateArray());
        var (cleo, dan) = (await _wire.NewUser(), await _wire.NewUser());
        var fresh = await _wire.NewThread(cleo, dan);
        await _wire.Say(cleo, fresh, "anew");
        Assert.Equal(["anew"], await Texts(dan, fresh));
        Assert.Equal(fresh, Assert.Single((await List(dan)).Is(200).Json.GetProperty("value").EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task The_commands_do_the_same()
    {
        var ada = await _wire.NewUser();
        Assert.Contains("aheadSeconds", await _server.Command("test", "turn", "30m"), StringComparison.Ordinal);
        Assert.Equal(1_800, (await _server.Ask(HttpMethod.Get, "/test/clock")).GetProperty("aheadSeconds").GetDouble());
        await _server.Command("test", "fault", "Chat_ListChatThreads", "tooMany", "--retry-after", "9");
        Assert.Equal("9", (await List(ada)).IsError(429).Header("Retry-After"));
        Assert.Contains("Chat_ListChatThreads", await _server.Command("test", "requests"), StringComparison.Ordinal);
        await _server.Command("test", "clear");
        (await List(ada)).Is(200);
        await _server.Command("test", "reset", "--resource", "demo");
        (await List(ada)).IsError(401);
    }

    private static UnixFileMode ModeOf(string path) => OperatingSystem.IsWindows() ? throw new PlatformNotSupportedException() : File.GetUnixFileMode(path);

    private Task<Answer> List(WireUser user) => _wire.AsUser(user.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}");

    private Task<Answer> Say(WireUser user, string thread, string text) => _wire.AsUser(user.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text });

    private async Task<string> Again(WireUser user) =>
        (await _wire.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(user.Id)}/:issueAccessToken?api-version={Wire.IdentityVersion}", new { scopes = new[] { "chat" } }))
            .Is(200).Json.GetProperty("token").GetString()!;

    private async Task<IEnumerable<string?>> Texts(WireUser user, string thread) =>
        (await _wire.AsUser(user.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200).Json.GetProperty("value").EnumerateArray()
            .Where(message => message.GetProperty("type").GetString() == "text").Select(message => message.GetProperty("content").GetProperty("message").GetString());
}
