using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Hardness;

/// <summary>
/// The real program is killed at random moments under load, again and again on one directory. A kill keeps what the kernel has in its memory, so this shows
/// that batches are whole and that nothing is answered before it is handed over; that it is flushed by then is shown in FlushTests.
/// </summary>
[Collection(nameof(HardnessCollection))]
public sealed class KillTests
{
    private const int FeedPage = 1_000;

    [Fact]
    public Task What_was_acknowledged_is_there_after_the_server_was_killed() => Kill(rounds: 5);

    [Fact]
    [Trait("length", "long")]
    public Task What_was_acknowledged_is_there_after_thirty_kills_on_one_directory() => Kill(rounds: 30);

    private static async Task Kill(int rounds)
    {
        var seed = Seed.Take();
        var chance = seed.For(-1);
        var town = new KilledTown(seed);
        await using var server = await ServerProcess.Start();
        using (var wire = new Wire(server.Europe, server.CertificateAuthority))
        {
            await town.Settle(wire);
        }

        var slowest = TimeSpan.Zero;
        for (var round = 0; round < rounds; round++)
        {
            using (var wire = new Wire(server.Europe, server.CertificateAuthority))
            {
                await town.Talk(wire, chance.Next(1, 250), server.KillAtOnce);
            }

            var watch = Stopwatch.StartNew();
            await server.StartAgain();
            slowest = watch.Elapsed > slowest ? watch.Elapsed : slowest;
            using var again = new Wire(server.Europe, server.CertificateAuthority);
            await town.Check(again);
        }

        await server.Stop();
        await CheckStore(server, town);
        Assert.True(town.InDoubt > 0 || rounds < 30, $"{seed}: no kill met a message under way.");
        Remark.Say($"{rounds} kills, {town.Acknowledged} acknowledgements, {town.InDoubt} messages in doubt, slowest restart {slowest.TotalSeconds:0.00} s");
    }

    /// <summary>Opens the stopped server's store: every message opens, and the feed tells of each row exactly what happened to it, in order.</summary>
    private static async Task CheckStore(ServerProcess server, KilledTown town)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var unit = await ScaleUnit.Open(
            new ScaleUnitOptions(Geography.Parse("Europe"), Path.Combine(server.Data, "europe")), ProductModules.Catalogue(), TimeProvider.System, NullLogger.Instance, cancel);
        await unit.Housekeeping.Purge(cancel);
        var home = (await unit.Administration.Find(Guid.Parse(town.Halls[0].Owner.Id.Split(':', '_')[2]), cancel))!;
        var versions = await VersionsInFeed(unit, cancel);
        var rows = 0;
        foreach (var hall in town.Halls)
        {
            var thread = Assert.Single(await home.Store.Lookup<ChatThread>(nameof(ChatThread.PublicId), ColumnValue.Of(hall.Id), 1, cancel));
            var order = new List<long>();
            await foreach (var message in MessagesOf(home, thread.Key, cancel))
            {
                rows++;
                order.Add(message.Id);
                Assert.Equal(order.Count, message.SequenceId);
                Assert.Equal(message.Version, versions[("chat.message", thread.Key.Value, message.Id)]);
            }

            Assert.Equal(order, versions.Order.Where(each => each.Thread == thread.Key.Value).Select(each => each.Id));
        }

        Assert.Equal(town.Halls.Sum(hall => hall.ById.Count + hall.Told), rows);
        Assert.Equal(0, unit.Administration.SealsBroken);
    }

    private static async IAsyncEnumerable<ChatMessage> MessagesOf(Home home, Ref<ChatThread> thread, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        ColumnValue? after = null;
        while (await home.Store.Range<ChatMessage>(thread).After(after).Open(cancel) is { Count: > 0 } page)
        {
            foreach (var message in page)
            {
                yield return message;
            }

            after = ColumnValue.Of(page[^1].Id);
        }
    }

    private static async Task<FeedVersions> VersionsInFeed(ScaleUnit unit, CancellationToken cancel)
    {
        var versions = new FeedVersions();
        var at = 0L;
        while (await unit.Engine.ReadFeed(at, FeedPage, cancel) is { Entries.Count: > 0 } page)
        {
            foreach (var entry in page.Entries)
            {
                Assert.True(entry.Position > at);
                at = entry.Position;
                versions.Add(entry);
            }
        }

        return versions;
    }

    /// <summary>The last version that the feed tells of each row.</summary>
    private sealed class FeedVersions
    {
        private readonly Dictionary<(string Kind, long First, long Second), long> _versions = [];

        /// <summary>New messages in the order of the feed.</summary>
        public List<(long Thread, long Id)> Order { get; } = [];

        public long this[(string Kind, long First, long Second) key] => _versions[key];

        public void Add(FeedEntry entry)
        {
            if (entry.Change == Change.Deleted || entry.Kind.Name is not ("chat.message" or "chat.participant" or "chat.thread"))
            {
                return;
            }

            var key = (entry.Kind.Name, entry.Key[0].Number, entry.Key.Count > 1 ? entry.Key[1].Number : 0);
            var isNew = !_versions.TryGetValue(key, out var last);
            Assert.Equal(isNew ? Change.Inserted : Change.Put, entry.Change);
            Assert.Equal(last + 1, entry.Version);
            _versions[key] = entry.Version;
            if (isNew && entry.Kind.Name == "chat.message")
            {
                Order.Add((key.Item2, key.Item3));
            }
        }
    }
}
