using System.Globalization;
using Domicile.Cli;
using Domicile.Cli.Transfer;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Cli.Transfer;

/// <summary>How a source of ACS's kind is read, where a Domicile would not answer so: what cannot be moved, what is seen in part only, and how long is waited.</summary>
public sealed class AcsSourceTests : IAsyncLifetime
{
    private const string Thread = "19:one@thread.v2";
    private const string Path = $"/chat/threads/{Thread}";
    private static readonly string Ada = FakeAcs.User(1);
    private static readonly string Bo = FakeAcs.User(2);
    private static readonly string Erased = Domicile.Modules.Http.CommunicationIdentifier.ErasedIdOf(FakeAcs.Resource);
    private FakeAcs _acs = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _acs = await FakeAcs.Start();

    public ValueTask DisposeAsync() => _acs.DisposeAsync();

    [Fact]
    public async Task People_who_are_no_users_of_the_resource_become_nobody_and_are_counted_and_their_messages_stay()
    {
        Say(Ada, Text(1, 1000, Ada), Text(2, 2000, "8:orgid:teams"), Text(3, 3000, "4:+4930123"), Text(4, 4000, "8:orgid:teams"), Text(5, 5000, Erased));
        var read = await ReadThread(Ada);
        Assert.Equal([Ada, null, null, null, null], read.Messages.Select(message => message.Sender));
        Assert.Equal("text 4", read.Messages[3].Content);
        Assert.Equal(2, read.Unmapped.Count);
        Assert.Equal((2, 1), (read.Unmapped["8:orgid:teams"], read.Unmapped["4:+4930123"]));

        // A move that left an author out is not the same on both sides, however equal what was written is.
        var result = new ThreadResult(Thread) { Source = ManifestOf(read), Unmapped = read.Unmapped };
        Assert.False(ThreadComparison.Of(result, ManifestOf(read)).IsSame);
        Assert.True(ThreadComparison.Of(result with { Unmapped = new Dictionary<string, int>() }, ManifestOf(read)).IsSame);
    }

    [Fact]
    public async Task Attachments_are_told_of_by_their_address_and_are_no_difference()
    {
        Say(Ada, Text(1, 1000, Ada, """{"id":"a","attachmentType":"image","url":"https://store.example/a","previewUrl":"https://store.example/a/small"},{"id":"b","attachmentType":"file","url":"https://store.example/b"}"""));
        var read = await ReadThread(Ada);
        Assert.Equal(["https://store.example/a", "https://store.example/b"], read.Attachments);
        var compared = ThreadComparison.Of(new ThreadResult(Thread) { Source = ManifestOf(read), Attachments = read.Attachments }, ManifestOf(read));
        Assert.True(compared.IsSame);
        var folder = Directory.CreateTempSubdirectory("domicile-report-").FullName;
        try
        {
            new Report(DateTimeOffset.UnixEpoch, "acs", "shop", "Europe", [compared], [], 0).Write(folder);
            Assert.Contains("Attachment, not moved: https://store.example/a<", await File.ReadAllTextAsync(System.IO.Path.Combine(folder, "report.html"), Cancel), StringComparison.Ordinal);
            Assert.Contains("https://store.example/b", await File.ReadAllTextAsync(System.IO.Path.Combine(folder, "report.json"), Cancel), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Telephone_numbers_are_listed_page_by_page_and_told_of_as_not_moved()
    {
        _acs.Instead = async context =>
        {
            if (context.Request.Path != "/phoneNumbers" || !context.Request.Headers.Authorization.ToString().StartsWith("HMAC-SHA256 ", StringComparison.Ordinal))
            {
                return false;
            }

            await FakeAcs.Json(
                context,
                context.Request.Query["skip"] == "0"
                    ? """{"phoneNumbers":[{"id":"493012345","phoneNumber":"+493012345"}],"nextLink":"/phoneNumbers?skip=1&top=100&api-version=2022-12-01"}"""
                    : """{"phoneNumbers":[{"id":"493067890","phoneNumber":"+493067890"}]}""");
            return true;
        };
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, [Ada], [], new TransferLimitsOfRun());
        var numbers = await source.PhoneNumbers(Cancel);
        Assert.Equal(["+493012345", "+493067890"], numbers);
        Assert.Empty(source.Notes);
        using var folder = new TemporaryDirectory();
        var report = new Report(DateTimeOffset.UnixEpoch, "acs", "shop", "Europe", [], [], 0) { PhoneNumbers = numbers };
        Assert.True(report.IsSame);
        report.Write(folder.Path);
        Assert.Contains("<li>+493067890</li>", (await File.ReadAllTextAsync(folder["report.html"], Cancel)).Replace("&#43;", "+", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("493012345", await File.ReadAllTextAsync(folder["report.json"], Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_without_telephone_numbers_has_none_and_one_that_refuses_them_is_told_of()
    {
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, [Ada], [], new TransferLimitsOfRun());
        _acs.Instead = Answer(404);
        Assert.Empty(await source.PhoneNumbers(Cancel));
        Assert.Empty(source.Notes);
        _acs.Instead = Answer(403);
        Assert.Empty(await source.PhoneNumbers(Cancel));
        Assert.StartsWith("The telephone numbers could not be listed: 403", Assert.Single(source.Notes), StringComparison.Ordinal);

        static Func<Microsoft.AspNetCore.Http.HttpContext, Task<bool>> Answer(int status) => async context =>
        {
            context.Response.StatusCode = status;
            await FakeAcs.Json(context, """{"error":{"code":"No","message":"No."}}""");
            return true;
        };
    }

    [Fact]
    public async Task What_is_of_no_known_type_or_has_no_number_is_named_and_the_rest_is_read()
    {
        Say(Ada, Text(1, 1000, Ada), Text(2, 2000, Ada).Replace("\"type\":\"text\"", "\"type\":\"sticker\"", StringComparison.Ordinal), Text(3, 3000, Ada).Replace("\"id\":\"3000\"", "\"id\":\"x-1\"", StringComparison.Ordinal));
        var read = await ReadThread(Ada);
        Assert.Equal("1000", Assert.Single(read.Messages).Id);
        Assert.Contains(read.Unreadable, line => line.Contains("Message 2000 is of the type 'sticker'", StringComparison.Ordinal));
        Assert.Contains(read.Unreadable, line => line.Contains("'x-1'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_sees_a_part_only_is_followed_by_others_until_there_is_no_gap()
    {
        Say(Ada, Text(3, 3000, Ada), Text(4, 4000, Ada));
        Say(Bo, Text(1, 1000, Bo), Text(2, 2000, Bo), Text(3, 3000, Ada), Text(4, 4000, Ada));
        var read = await ReadThread(Ada, Bo);
        Assert.Equal(["1000", "2000", "3000", "4000"], read.Messages.Select(message => message.Id));
        Assert.Empty(read.Unreadable);
    }

    [Fact]
    public async Task What_nobody_sees_is_named_by_its_sequence_ids()
    {
        Say(Ada, Text(1, 1000, Ada), Text(4, 4000, Ada), Text(6, 6000, Ada));
        var read = await ReadThread(Ada);
        Assert.Collection(
            read.Unreadable,
            line => Assert.StartsWith("Messages with the sequence ids 2 to 3 cannot be read", line, StringComparison.Ordinal),
            line => Assert.StartsWith("Messages with the sequence ids 5 cannot be read", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("120")]
    [InlineData("Sun, 01 Mar 2026 08:02:00 GMT")]
    public async Task Whoever_is_asked_to_wait_waits_as_long_as_that(string retryAfter)
    {
        Say(Ada, Text(1, 1000, Ada));
        var clock = new ManualClock();
        var refusals = 1;
        _acs.Instead = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/messages", StringComparison.Ordinal) || Interlocked.Decrement(ref refusals) < 0)
            {
                return false;
            }

            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = retryAfter;
            await FakeAcs.Json(context, """{"error":{"code":"TooManyRequests","message":"Wait."}}""");
            return true;
        };
        using var client = new AcsClient(_acs.Endpoint, FakeAcs.Key, _acs.Authorities, clock);
        using var source = new AcsSource(client, FakeAcs.Resource, [Ada], [], new TransferLimitsOfRun());
        var reading = First(source);
        await Eventually.Holds(() => Task.FromResult(clock.Waiting > 0), TimeSpan.FromSeconds(30), () => "it waits");
        clock.Turn(TimeSpan.FromSeconds(119));
        Assert.Equal(1, _acs.CountOf($"GET {Path}/messages"));
        Assert.False(reading.IsCompleted);
        clock.Turn(TimeSpan.FromSeconds(2));
        Assert.Single((await reading).Messages);
        Assert.Equal(2, _acs.CountOf($"GET {Path}/messages"));
        Assert.Equal(1, client.Throttled);
    }

    [Fact]
    public async Task No_more_is_asked_at_the_same_time_than_was_said()
    {
        var all = Enumerable.Range(1, 30).Select(FakeAcs.User).ToList();
        using var three = new SemaphoreSlim(0);
        var waiting = 0;
        _acs.Instead = async context =>
        {
            // The first three wait for each other, so that there are three.
            if (context.Request.Path == "/chat/threads" && Interlocked.Increment(ref waiting) <= 3)
            {
                if (waiting == 3)
                {
                    three.Release(3);
                }

                await three.WaitAsync(context.RequestAborted);
            }

            return false;
        };
        all.ForEach(user => _acs.Answers[(user, "/chat/threads")] = """{"value":[]}""");
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, all, [], new TransferLimitsOfRun(AtOnce: 3));
        Assert.Null(source.ThreadCount);
        Assert.Empty(await source.Threads(Cancel).ToListAsync(Cancel));
        Assert.Equal(0, source.ThreadCount);
        Assert.Empty(source.Notes);
        Assert.Equal(30, _acs.CountOf("GET /chat/threads"));
        Assert.Equal(3, _acs.MostAtOnce);
    }

    [Fact]
    public async Task A_token_that_is_refused_is_renewed_once()
    {
        Say(Ada, Text(1, 1000, Ada));
        var refusals = 1;
        _acs.Instead = context =>
        {
            var isRefused = context.Request.Method == "GET" && Interlocked.Decrement(ref refusals) >= 0;
            context.Response.StatusCode = isRefused ? 401 : 200;
            return Task.FromResult(isRefused);
        };
        Assert.Single((await ReadThread(Ada)).Messages);
        Assert.Equal(2, _acs.Asked.Count(asked => asked.StartsWith("POST ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_list_that_goes_on_at_another_origin_is_not_followed()
    {
        Say(Ada, Text(1, 1000, Ada));
        _acs.Answers[(Ada, $"{Path}/messages")] = """{"value":[],"nextLink":"https://elsewhere.example/chat/threads?x=1"}""";
        var failure = await Assert.ThrowsAsync<CommandFailure>(() => ReadThread(Ada));
        Assert.Contains("another origin", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_whose_certificate_nobody_vouches_for_is_told_what_to_name()
    {
        using var client = new AcsClient(_acs.Endpoint, FakeAcs.Key, null, TimeProvider.System);
        var failure = await Assert.ThrowsAsync<CommandFailure>(() => client.Read(Ada, "/chat/threads", Cancel));
        Assert.Contains("--certificate-authority FILE", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_is_not_there_any_more_is_a_note_and_the_others_are_read()
    {
        Say(Bo, Text(1, 1000, Bo));
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, [Ada, Bo], [], new TransferLimitsOfRun());
        Assert.Single(await source.Threads(Cancel).ToListAsync(Cancel));
        Assert.Contains(Ada, Assert.Single(source.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thread_that_no_user_lists_any_more_is_read_when_it_is_named_by_whoever_can()
    {
        Say(Bo, Text(1, 1000, Bo));
        _acs.Answers[(Ada, "/chat/threads")] = _acs.Answers[(Bo, "/chat/threads")] = """{"value":[]}""";
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, [Ada, Bo], [Thread, "19:lost@thread.v2"], new TransferLimitsOfRun());
        var threads = await source.Threads(Cancel).ToListAsync(Cancel);
        Assert.Equal(["19:lost@thread.v2", Thread], threads.Select(thread => thread.Id));
        Assert.Equal("1000", Assert.Single((await threads[1].Read(Cancel)).Messages).Id);
        var refused = await Assert.ThrowsAsync<AcsRefused>(() => threads[0].Read(Cancel));
        Assert.Contains("none of the users named can read it", refused.Message, StringComparison.Ordinal);
    }

    private static ThreadManifest ManifestOf(ReadThread read)
    {
        using var draft = ThreadManifest.Of(read.Thread);
        foreach (var message in read.Messages)
        {
            draft.Add(message);
        }

        return draft.End();
    }

    private AcsClient Client() => new(_acs.Endpoint, FakeAcs.Key, _acs.Authorities, TimeProvider.System);

    private async Task<ReadThread> ReadThread(params string[] users)
    {
        using var client = Client();
        using var source = new AcsSource(client, FakeAcs.Resource, users, [], new TransferLimitsOfRun());
        return await First(source);
    }

    private static async Task<ReadThread> First(AcsSource source)
    {
        await foreach (var thread in source.Threads(Cancel))
        {
            return await thread.Read(Cancel);
        }

        throw new InvalidOperationException($"There is no thread: {string.Join(' ', source.Notes)}");
    }

    /// <summary>What a user is told of the thread; messages as they are listed, the newest first.</summary>
    private void Say(string user, params string[] messages)
    {
        _acs.Answers[(user, "/chat/threads")] = $$"""{"value":[{"id":"{{Thread}}","topic":"One"}]}""";
        _acs.Answers[(user, Path)] = $$"""{"id":"{{Thread}}","topic":"One","createdOn":"1970-01-01T00:00:01Z","createdByCommunicationIdentifier":{{Identifier(Ada)}}}""";
        _acs.Answers[(user, $"{Path}/participants")] = $$"""{"value":[{"communicationIdentifier":{{Identifier(Ada)}}},{"communicationIdentifier":{{Identifier(Bo)}}}]}""";
        _acs.Answers[(user, $"{Path}/readReceipts")] = """{"value":[]}""";
        _acs.Answers[(user, $"{Path}/messages")] = $$"""{"value":[{{string.Join(',', messages.Reverse())}}]}""";
    }

    private static string Text(int sequence, long id, string sender, string attachments = "") =>
        $$"""
        {"id":"{{id.ToString(CultureInfo.InvariantCulture)}}","type":"text","sequenceId":"{{sequence}}","version":"{{id}}","createdOn":"{{DateTimeOffset.FromUnixTimeMilliseconds(id):o}}",
        "content":{"message":"text {{sequence}}","attachments":[{{attachments}}]},"senderCommunicationIdentifier":{{Identifier(sender)}}}
        """;

    private static string Identifier(string id) => $$"""{"rawId":"{{id}}"}""";
}
