using System.Diagnostics;
using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Modules.Logs;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// The disk of a running server is full: the data directory is a small file system of its own, filled by a file of the test's until nothing more can be
/// written. Where no file system can be mounted, nothing can be filled either, so the tests are skipped; the store's own tests of a full database run there.
/// </summary>
[Collection(nameof(HardnessCollection))]
[Trait("needs", "mount")]
public sealed class DiskFullTests : IAsyncLifetime
{
    private const string NoMount = "No file system can be mounted here.";
    private const string Size = "48m";
    private const int Talkers = 6;
    private const int BalloonChunk = 64 * 1024;
    private const int SaysMax = 5_000;
    private static readonly string Large = new('x', 8_000);
    private ServerProcess _server = null!;
    private bool _isMounted;

    private string Balloon => Path.Combine(_server.Data, "balloon");

    public async ValueTask InitializeAsync()
    {
        _server = await ServerProcess.Start();
        await _server.Stop();
        var aside = _server.Data + ".aside";
        Directory.Move(_server.Data, aside);
        Directory.CreateDirectory(_server.Data);
        _isMounted = OperatingSystem.IsLinux() && await Run("mount", "-t", "tmpfs", "-o", $"size={Size},mode=700", "tmpfs", _server.Data);
        Assert.True(await Run("cp", "-a", aside + "/.", _server.Data));
        await _server.StartAgain();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.KillAtOnce();
        if (_isMounted)
        {
            Assert.True(await Run("umount", _server.Data));
        }

        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_full_disk_is_told_clearly_loses_nothing_and_ends_without_a_restart()
    {
        Assert.SkipUnless(_isMounted, NoMount);
        using var wire = new Wire(_server.Europe, _server.CertificateAuthority);
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        var owner = await new Administration(_server).Token("owner");
        var said = new List<(string Id, string Text)>();
        for (var i = 0; i < 20; i++)
        {
            await Say(wire, ada, thread, said);
        }

        for (var round = 0; round < 3; round++)
        {
            var scrap = await wire.NewThread(ada, bo);
            Fill(leaving: 100_000 + (round * 400_000));
            await SayUntilRefused(wire, ada, thread, said);
            Fill(leaving: 0);
            await EverythingIsRefusedForNowAndReadable(wire, ada, bo, owner, thread, scrap, said);

            // There is room again: the very next request is carried out.
            File.Delete(Balloon);
            await Say(wire, bo, thread, said);
            await Whole(wire, ada, thread, said);
        }

        (await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}")).Is(201);
        await _server.KillAtOnce();
        await _server.StartAgain();
        using var again = new Wire(_server.Europe, _server.CertificateAuthority);
        await Whole(again, ada, thread, said);
        Remark.Say($"{said.Count} messages of 8 kB through three times that the disk was full");
    }

    [Fact]
    public async Task A_server_that_was_killed_while_the_disk_was_full_comes_back_with_everything_acknowledged()
    {
        Assert.SkipUnless(_isMounted, NoMount);
        using var wire = new Wire(_server.Europe, _server.CertificateAuthority);
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);
        var said = new List<(string Id, string Text)>();
        Fill(leaving: 300_000);
        await SayUntilRefused(wire, ada, thread, said);
        await _server.KillAtOnce();
        File.Delete(Balloon);
        await _server.StartAgain();

        using var again = new Wire(_server.Europe, _server.CertificateAuthority);
        await Whole(again, ada, thread, said);
        await Say(again, ada, thread, said);
        await Whole(again, ada, thread, said);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task While_the_disk_is_full_and_in_a_burst_what_is_logged_waits_or_is_dropped_and_counted_and_every_request_is_answered()
    {
        Assert.SkipUnless(_isMounted, NoMount);
        using var wire = new Wire(_server.Europe, _server.CertificateAuthority);
        var owner = await new Administration(_server).Token("owner");
        using var administration = new Administration(_server).Wire();
        (await administration.AsUser(owner, HttpMethod.Put, "/resources/demo/logs/settings/chat", new { categories = new[] { "ChatOperational" } })).Is(200);
        var people = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => wire.NewUser()));
        var thread = await wire.NewThread(people[0], people[1..]);
        var asked = 1L;
        await Logged(asked);

        // More than wait: nothing can be written, everything can be read.
        Fill(leaving: 0);
        asked += await Read(wire, people, thread, LogWriter.QueueMax + (3 * LogWriter.BatchMax));
        var (written, dropped) = await Tally();
        Assert.InRange(dropped, 1, asked - LogWriter.QueueMax);
        Assert.InRange(written, 1, asked - dropped - LogWriter.QueueMax + LogWriter.BatchMax);
        Assert.Contains($"domicile_logs_dropped_total {dropped}\n", (await administration.Send(HttpMethod.Get, "/metrics")).Is(200).Body, StringComparison.Ordinal);

        // There is room again: what waited is written, while a burst comes. Every request is in the log or counted, and none is in both.
        File.Delete(Balloon);
        asked += await Read(wire, people, thread, 4_000);
        await Logged(asked);
        (written, dropped) = await Tally();
        Assert.Equal(asked, written + dropped);
        Assert.Contains($"and dropped {dropped}.", await _server.Command("logs", "show", "demo", "--geography", "Europe", "--data", _server.Data), StringComparison.Ordinal);
        var counted = (await wire.AsUser(owner, HttpMethod.Post, $"/v1/workspaces/{await Workspace()}/query", new { query = "ACSChatIncomingOperations | count" })).Is(200).Json;
        Assert.Equal(written, counted.GetProperty("tables")[0].GetProperty("rows")[0][0].GetInt64());
        Remark.Say($"{asked} requests answered, {written} of them logged and {dropped} counted as dropped, through a full disk and a burst");

        async Task<JsonElement> Status() => (await administration.AsUser(owner, HttpMethod.Get, "/resources/demo/logs")).Is(200).Json;
        async Task<string> Workspace() => (await Status()).GetProperty("workspace").GetString()!;
        async Task<(long Written, long Dropped)> Tally()
        {
            var status = await Status();
            return (status.GetProperty("written").GetInt64(), status.GetProperty("dropped").GetInt64());
        }

        Task Logged(long all) => Eventually.Holds(async () => await Tally() is var (written, dropped) && written + dropped >= all, TimeSpan.FromMinutes(2), () => $"{all} are logged or dropped");
    }

    private static async Task<int> Read(Wire wire, WireUser[] people, string thread, int times)
    {
        var left = times;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(reader => Task.Run(async () =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                (await wire.AsUser(people[reader % people.Length].Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200);
            }
        })));
        return times;
    }

    private static void IsRefusedForNow(Answer answer, ErrorShape shape)
    {
        Assert.True(answer.Status == 503, $"{answer.Status} {answer.Body}");
        Assert.Null(Shape.FaultOf(answer, shape));
        Assert.InRange(int.Parse(answer.Header("Retry-After")!, null), 1, 60);
    }

    private static void IsRefusedForNowOr(int done, Answer answer)
    {
        if (answer.Status != done)
        {
            IsRefusedForNow(answer, ErrorShape.Acs);
        }
    }

    private static async Task Say(Wire wire, WireUser user, string thread, List<(string Id, string Text)> said)
    {
        var text = $"{said.Count} {Large}";
        said.Add((await wire.Say(user, thread, text), text));
    }

    /// <summary>Several say things at the same moment until each of them is refused.</summary>
    private static async Task SayUntilRefused(Wire wire, WireUser user, string thread, List<(string Id, string Text)> said)
    {
        await Task.WhenAll(Enumerable.Range(0, Talkers).Select(talker => Task.Run(async () =>
        {
            for (var i = 0; i < SaysMax; i++)
            {
                var text = $"{talker} {i} {Guid.NewGuid()} {Large}";
                var answer = await wire.AsUser(user.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text });
                if (answer.Status != 201)
                {
                    IsRefusedForNow(answer, ErrorShape.Acs);
                    return;
                }

                lock (said)
                {
                    said.Add((answer.Json.GetProperty("id").GetString()!, text));
                }
            }

            Assert.Fail("The disk never became full.");
        })));
        said.Sort(static (one, other) => long.Parse(one.Id, null).CompareTo(long.Parse(other.Id, null)));
    }

    private async Task EverythingIsRefusedForNowAndReadable(Wire wire, WireUser ada, WireUser bo, string owner, string thread, string scrap, List<(string Id, string Text)> said)
    {
        // Users first: their keys are written to the other database.
        var (created, withId) = (0, 0);
        while (await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}") is { Status: not 503 } made)
        {
            made.Is(201);
            Assert.True(++created < SaysMax);
        }

        while (await wire.AsApplication(HttpMethod.Post, "/identities?api-version=2025-06-30", new { createTokenWithScopes = new[] { "chat" }, customId = $"{Guid.NewGuid()}" }) is { Status: not 503 } made)
        {
            made.Is(201);
            Assert.True(++withId < SaysMax);
        }

        IsRefusedForNow(await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}"), ErrorShape.Acs);
        IsRefusedForNow(await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = Large }), ErrorShape.Acs);
        IsRefusedForNow(await wire.AsUser(ada.Token, HttpMethod.Patch, Wire.Chat(thread, $"/messages/{said[0].Id}"), new { content = Large + Large }), ErrorShape.Acs);
        IsRefusedForNow(await wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new { topic = "one more" }), ErrorShape.Acs);

        // What is small may still fit into the room that the log has from before.
        IsRefusedForNowOr(204, await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(scrap, "/participants/:remove"), bo.Identifier));
        IsRefusedForNowOr(204, await wire.AsUser(ada.Token, HttpMethod.Delete, Wire.Chat(scrap)));
        using (var origin = new Administration(_server).Wire())
        {
            // A credential is not handed out when that cannot be written into the audit log; who has one may go on reading.
            var credential = new Administration(_server).Credential;
            for (var tries = 0; await origin.Send(HttpMethod.Post, "/tokens", Wire.Bytes(new { role = "owner" }), request => request.Headers.TryAddWithoutValidation("Authorization", credential)) is var minted; tries++)
            {
                if (minted.Status != 201)
                {
                    IsRefusedForNow(minted, ErrorShape.ProblemDetails);
                    break;
                }

                Assert.True(tries < SaysMax);
            }

            IsRefusedForNow(await origin.AsUser(owner, HttpMethod.Post, "/resources", new { name = $"r{Guid.NewGuid():N}" }), ErrorShape.ProblemDetails);
            (await origin.AsUser(owner, HttpMethod.Get, "/resources")).Is(200);
        }

        await Whole(wire, ada, thread, said);
        await Whole(wire, bo, thread, said);
    }

    /// <summary>Everything acknowledged is there, once, in order, and nothing else.</summary>
    private static async Task Whole(Wire wire, WireUser user, string thread, List<(string Id, string Text)> said)
    {
        var found = new List<JsonElement>();
        var target = Wire.Chat(thread, "/messages");
        while (true)
        {
            var page = (await wire.AsUser(user.Token, HttpMethod.Get, target)).Is(200).Json;
            found.AddRange(page.GetProperty("value").EnumerateArray());
            if (!page.TryGetProperty("nextLink", out var next))
            {
                break;
            }

            target = next.GetString()!;
        }

        found.Reverse();
        Assert.Equal(Enumerable.Range(1, found.Count).Select(i => i.ToString(null, null)), found.Select(message => message.GetProperty("sequenceId").GetString()));
        Assert.Equal(
            said,
            found.Where(message => message.GetProperty("type").GetString() == "text")
                .Select(message => (message.GetProperty("id").GetString()!, message.GetProperty("content").GetProperty("message").GetString()!)));
    }

    /// <summary>Fills the file system to the last byte, then gives some of it back.</summary>
    private void Fill(int leaving)
    {
        using var balloon = new FileStream(Balloon, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var chunk = new byte[BalloonChunk];
        for (var length = chunk.Length; length >= 1;)
        {
            try
            {
                balloon.Write(chunk.AsSpan(0, length));
            }
            catch (IOException)
            {
                length /= 2;
            }
        }

        balloon.SetLength(balloon.Length - leaving);
    }

    private static async Task<bool> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }
}
