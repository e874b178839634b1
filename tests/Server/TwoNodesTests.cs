using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

/// <summary>The example of deploy/two-nodes, of which one node after the other is killed.</summary>
[Trait("needs", "postgres")]
[Trait("needs", "haproxy")]
[Trait("length", "full")]
public sealed class TwoNodesTests(TwoNodes nodes) : IClassFixture<TwoNodes>
{
    private const int Writers = 6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Nodes_that_are_killed_under_load_lose_and_double_nothing_that_was_acknowledged()
    {
        using var front = nodes.ThroughTheFront();
        var (ada, ben) = (await front.NewUser(), await front.NewUser());
        var thread = await front.NewThread(ada, ben);
        using var load = new Load(front, ada, thread);
        await load.More(50);
        foreach (var node in (string[])["a", "b"])
        {
            await nodes.Kill(node);
            await load.More(50);
            await nodes.StartAgain(node);
            await load.More(50);
        }

        var acknowledged = await load.End();
        foreach (var name in (string[])["a", "b"])
        {
            using var node = nodes.At(name);
            var found = await Messages(node, ben, thread);
            Assert.Empty(acknowledged.Except(found));
            Assert.Equal(found.Count, found.Distinct().Count());
        }
    }

    [Fact]
    public async Task A_node_that_is_cut_off_from_its_databases_under_load_loses_nothing_and_answers_nothing_stale()
    {
        using var front = nodes.ThroughTheFront();
        using var b = nodes.At("b");
        var (ada, ben, eve) = (await front.NewUser(), await front.NewUser(), await front.NewUser());
        var thread = await front.NewThread(ada, ben, eve);
        using var load = new Load(front, ada, thread);
        await load.More(50);
        var target = $"/chat/threads?api-version={Wire.ChatVersion}";
        (await b.AsUser(eve.Token, HttpMethod.Get, target)).Is(200);
        for (var cut = 0; cut < 2; cut++)
        {
            try
            {
                await nodes.CutOffB();
                (await front.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(eve.Id)}/:revokeAccessTokens?api-version={Wire.IdentityVersion}")).Is(204);
                await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
                Assert.InRange((await b.AsUser(eve.Token, HttpMethod.Get, target)).Status, 401, 599);
                await load.More(50);
            }
            finally
            {
                await nodes.ConnectB();
            }

            (await b.AsUser(eve.Token, HttpMethod.Get, target)).Is(401);
            await load.More(50);
        }

        var acknowledged = await load.End();
        var found = await Messages(b, ben, thread);
        Assert.Empty(acknowledged.Except(found));
        Assert.Equal(found.Count, found.Distinct().Count());
    }

    [Fact]
    public async Task What_is_done_on_one_node_is_so_on_the_other()
    {
        using var a = nodes.At("a");
        using var b = nodes.At("b");
        var (ada, ben) = (await a.NewUser(), await b.NewUser());
        var thread = await a.NewThread(ada, ben);
        await a.Say(ada, thread, "sent on A");
        Assert.Contains("sent on A", await Messages(b, ben, thread));
        var target = $"/chat/threads?api-version={Wire.ChatVersion}";
        (await b.AsUser(ben.Token, HttpMethod.Get, target)).Is(200);

        (await a.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(ben.Id)}/:revokeAccessTokens?api-version={Wire.IdentityVersion}")).Is(204);
        var since = Stopwatch.StartNew();
        var last = TimeSpan.Zero;
        for (var begun = since.Elapsed; (await b.AsUser(ben.Token, HttpMethod.Get, target)).Status != 401; begun = since.Elapsed)
        {
            last = begun;
            Assert.True(begun < Patience, "It is never refused.");
        }

        // A second is the promise: whoever asks later than that is refused.
        Assert.True(last < TimeSpan.FromSeconds(1), $"It was taken {last} after it was revoked.");
    }

    private static async Task<List<string>> Messages(Wire wire, WireUser reader, string thread)
    {
        var found = new List<string>();
        for (var target = Wire.Chat(thread, "/messages") + "&maxPageSize=200"; target is not null;)
        {
            var page = (await wire.AsUser(reader.Token, HttpMethod.Get, target)).Is(200).Json;
            found.AddRange(page.GetProperty("value").EnumerateArray().Where(message => message.GetProperty("type").GetString() == "text")
                .Select(message => message.GetProperty("content").GetProperty("message").GetString()!));
            target = page.TryGetProperty("nextLink", out var next) ? new Uri(new Uri(wire.Resource.Endpoint), next.GetString()).PathAndQuery : null;
        }

        return found;
    }

    /// <summary>Writers of one user who send to one thread through the front, as fast as they may.</summary>
    private sealed class Load : IDisposable
    {
        private readonly ConcurrentQueue<string> _acknowledged = new();
        private readonly CancellationTokenSource _enough = new();
        private readonly List<Task> _writers;

        public Load(Wire front, WireUser sender, string thread) =>
            _writers = [.. Enumerable.Range(0, Writers).Select(writer => Task.Run(() => Write(front, sender, thread, writer)))];

        public void Dispose()
        {
            _enough.Cancel();
            _enough.Dispose();
        }

        /// <summary>Waits until so many messages more are acknowledged, or a writer fails.</summary>
        public async Task More(int count)
        {
            var wanted = _acknowledged.Count + count;
            await Eventually.Holds(
                async () =>
                {
                    await Task.WhenAll(_writers.Where(writer => writer.IsCompleted));
                    return _acknowledged.Count >= wanted;
                },
                Patience,
                () => $"{_acknowledged.Count} of {wanted} messages are acknowledged.");
        }

        /// <summary>Ends the writers.</summary>
        /// <returns>What was acknowledged.</returns>
        public async Task<IReadOnlyCollection<string>> End()
        {
            await _enough.CancelAsync();
            await Task.WhenAll(_writers);
            return _acknowledged;
        }

        private async Task Write(Wire front, WireUser sender, string thread, int writer)
        {
            for (var said = 0; !_enough.IsCancellationRequested; said++)
            {
                // What was not acknowledged may be there or not, so it is not said again.
                var text = $"{writer} says {said}";
                try
                {
                    var answer = await front.AsUser(sender.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text });
                    if (answer.Status == 201)
                    {
                        _acknowledged.Enqueue(text);
                    }
                    else if (answer.Status == 429)
                    {
                        // A fast machine meets the limit of one user; only this answer says for how long.
                        await Task.Delay(TimeSpan.FromSeconds(int.Parse(answer.Headers["Retry-After"], CultureInfo.InvariantCulture)));
                    }
                    else
                    {
                        Assert.InRange(answer.Status, 500, 599);
                    }
                }
                catch (HttpRequestException)
                {
                    // The node went while it was asked.
                }
            }
        }
    }
}
