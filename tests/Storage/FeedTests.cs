using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteFeedTests() : FeedTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresFeedTests() : FeedTests(new PostgresFixture());

public abstract class FeedTests(StoreFixture fixture) : StoreTests(fixture)
{
    private Task<Outcome> Set(string name, long part = 0) => Commit(b => b.Insert(new Setting { Name = name, Part = part }));

    /// <summary>Follows the feed until the condition holds.</summary>
    private async Task<List<FeedItem>> Tail(string reader, FeedPosition? from, Func<List<FeedItem>, bool> enough)
    {
        var items = new List<FeedItem>();
        await foreach (var item in Store.Feed.Tail(reader, from, Cancel))
        {
            items.Add(item);
            if (enough(items))
            {
                break;
            }
        }

        return items;
    }

    private async Task<List<FeedEntry>> Entries(int count, FeedPosition? from = null) =>
        [.. (await Tail("nobody", from, items => items.Count == count)).Select(item => Assert.IsType<FeedItem.Changed>(item).Entry)];

    [Fact]
    public async Task Every_change_is_told_once_in_order_with_kind_key_and_version()
    {
        var end = await Store.Feed.End(Cancel);
        var room = await Room();
        var person = await Join(room);
        var place = await Say(room, person, "hello");
        var member = await Store.Get<Member>([room, person], Cancel);
        await Commit(b => b.Put(member! with { Nickname = "new" }));
        await Set("☃", long.MinValue);
        await Commit(b => b.Delete<Room>([room]));
        Clock.Turn(TimeSpan.FromSeconds(1));
        await Commit(b => b.Delete<Setting>([Text("absent"), 0]));
        await Commit(b => b.Insert(new Setting { Name = "next door", Part = 1 }), Fixture.Neighbour);

        var entries = await Entries(7, end);
        Assert.Equal(
            [
                ("test.room", Change.Inserted, [room.Value], 1),
                ("test.member", Change.Inserted, [room.Value, person.Value], 1),
                ("test.line", Change.Inserted, [room.Value, place.Arrival], 1),
                ("test.member", Change.Put, [room.Value, person.Value], 2),
                ("test.setting", Change.Inserted, [Text("☃"), long.MinValue], 1),
                ("test.room", Change.Deleted, [room.Value], 0),
                ("test.setting", Change.Inserted, [Text("next door"), 1], 1),
            ],
            entries.Select(entry => (entry.Kind.Name, entry.Change, entry.Key.ToArray(), entry.Version)),
            SameEntry);
        Assert.Equal(Enumerable.Repeat(Home.Resource.Number, 6).Append(Fixture.Neighbour.Resource.Number), entries.Select(entry => entry.Resource));
        Assert.Equal(Enumerable.Range(1, 7).Select(i => end.Number + i), entries.Select(entry => entry.Position));
        Assert.Equal(Clock.GetUtcNow(), entries[^1].At);
    }

    private static bool SameEntry((string Kind, Change Change, ColumnValue[] Key, long Version) one, (string Kind, Change Change, ColumnValue[] Key, long Version) other) =>
        one.Kind == other.Kind && one.Change == other.Change && one.Key.SequenceEqual(other.Key) && one.Version == other.Version;

    [Fact]
    public async Task A_refused_batch_leaves_no_entry()
    {
        await Set("taken");
        var end = await Store.Feed.End(Cancel);
        await Refuse(b => b.Insert(new Setting { Name = "new", Part = 0 }).Insert(new Setting { Name = "taken", Part = 0 }));
        await Refuse(b => b.Insert(new Setting { Name = "twice", Part = 0 }).Insert(new Setting { Name = "twice", Part = 0 }));
        Assert.Equal(end, await Store.Feed.End(Cancel));
        var told = new List<FeedEntry>();
        Store.Feed.Observe(told.AddRange);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () => await Store.Commit(
            b =>
            {
                b.Insert(new Setting { Name = $"n{i}", Part = 0 });
                if (i % 5 == 0)
                {
                    b.Insert(new Setting { Name = $"n{i}", Part = 0 });
                }
            },
            Cancel))));
        Assert.Equal(40, told.Count);
        Assert.Equal(told.Select(entry => entry.Position), (await Entries(40, end)).Select(entry => entry.Position));
    }

    [Fact]
    public async Task The_outcome_names_the_position_of_its_last_change()
    {
        var outcome = await Commit(b => b.Insert(new Setting { Name = "a", Part = 0 }).Insert(new Setting { Name = "b", Part = 0 }));
        Assert.Equal((await Store.Feed.End(Cancel)).Number, outcome.Position);
    }

    [Fact]
    public async Task Observers_are_told_before_the_caller_and_after_it_is_durable()
    {
        var told = new HashSet<long>();
        Store.Feed.Observe(entries =>
        {
            lock (told)
            {
                told.UnionWith(entries.Select(entry => entry.Position));
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(async () =>
        {
            var outcome = await Set($"{i}");
            lock (told)
            {
                Assert.Contains(outcome.Position, told);
            }
        })));
    }

    [Fact]
    public async Task Observers_hear_of_each_change_once_and_in_order()
    {
        var told = new List<long>();
        Store.Feed.Observe(entries => told.AddRange(entries.Select(entry => entry.Position)));
        var end = await Store.Feed.End(Cancel);
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(() => Set($"{i}"))));
        Assert.Equal(Enumerable.Range(1, 300).Select(i => end.Number + i), told);
    }

    [Fact]
    public async Task A_reader_who_remembers_neither_skips_nor_repeats_across_restarts()
    {
        var start = await Store.Feed.End(Cancel);
        var seen = new List<long>();
        for (var round = 0; round < 4; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => Set($"{round}", i))));
            var items = await Tail("reader", start, items => items.Count == 30);
            seen.AddRange(items.Cast<FeedItem.Changed>().Select(item => item.Entry.Position));
            await Store.Feed.Remember("reader", ((FeedItem.Changed)items[^1]).Position, Cancel);
            await Fixture.Restart();
        }

        Assert.Equal(Enumerable.Range(1, 120).Select(i => start.Number + i), seen);
        Assert.Equal(start.Number + 1, ((FeedItem.Changed)(await Tail("another", start, _ => true))[0]).Entry.Position);
    }

    [Fact]
    public async Task A_waiting_reader_is_woken_by_a_change()
    {
        var end = await Store.Feed.End(Cancel);
        var next = Entries(1, end);
        await Set("wakes");
        Assert.Equal("wakes", Assert.Single(await next).Key[0].Text);
    }

    [Fact]
    public async Task Many_readers_follow_while_many_write()
    {
        var end = await Store.Feed.End(Cancel);
        var readers = Enumerable.Range(0, 4).Select(_ => Task.Run(() => Entries(400, end))).ToList();
        await Task.WhenAll(Enumerable.Range(0, 400).Select(i => Task.Run(() => Set($"{i}"))));
        foreach (var entries in await Task.WhenAll(readers))
        {
            Assert.Equal(Enumerable.Range(1, 400).Select(i => end.Number + i), entries.Select(entry => entry.Position));
        }
    }

    [Fact]
    public async Task A_reader_ends_when_it_is_cancelled()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var end = await Store.Feed.End(Cancel);
        var tail = Task.Run(
            async () =>
            {
                await foreach (var _ in Store.Feed.Tail("r", end, stop.Token))
                {
                }
            },
            Cancel);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tail);
    }

    [Fact]
    public async Task A_reader_from_before_the_horizon_must_resync_and_then_goes_on()
    {
        var start = await Store.Feed.End(Cancel);
        await Set("old 1");
        await Set("old 2");
        await Store.Feed.Remember("away", start with { Number = start.Number + 1 }, Cancel);
        await Store.Feed.Remember("at the horizon", start with { Number = start.Number + 2 }, Cancel);
        Clock.Turn(Feed.Horizon + TimeSpan.FromMilliseconds(1));
        await Set("young");
        while (await Unit.Engine.TrimFeed(Clock.GetUtcNow() - Feed.Horizon, 1, Cancel) == 1)
        {
        }

        // The reader may find the end before the next change or after it; only in the first case there is something to go on with.
        var end = await Store.Feed.End(Cancel);
        var next = Tail("away", null, items => items.Count == 2 || (items[0] is FeedItem.Resync missed && missed.Position.Number > end.Number));
        await Set("after");
        var items = await next;
        var resync = Assert.IsType<FeedItem.Resync>(items[0]);
        Assert.InRange(resync.Position.Number, end.Number, end.Number + 1);
        if (resync.Position == end)
        {
            Assert.Equal("after", Assert.IsType<FeedItem.Changed>(items[1]).Entry.Key[0].Text);
        }

        Assert.Equal("young", Assert.IsType<FeedItem.Changed>((await Tail("at the horizon", null, _ => true))[0]).Entry.Key[0].Text);
        Assert.Equal("young", Assert.IsType<FeedItem.Changed>((await Tail("a new one", null, _ => true))[0]).Entry.Key[0].Text);
    }

    [Fact]
    public async Task Trimming_everything_keeps_the_position()
    {
        await Set("a");
        var end = await Store.Feed.End(Cancel);
        Clock.Turn(TimeSpan.FromDays(30));
        Assert.NotEqual(0, await Unit.Engine.TrimFeed(Clock.GetUtcNow(), 100, Cancel));
        Assert.Equal(end, await Store.Feed.End(Cancel));
        await Fixture.Restart();
        Assert.Equal(end, await Store.Feed.End(Cancel));
        await Set("b");
        Assert.Equal("b", Assert.Single(await Entries(1, end)).Key[0].Text);
    }

    [Fact]
    public async Task A_position_of_another_epoch_or_from_the_future_must_resync()
    {
        await Set("a");
        var end = await Store.Feed.End(Cancel);
        Assert.Equal(end, Assert.IsType<FeedItem.Resync>((await Tail("r", end with { Epoch = end.Epoch + 1 }, _ => true))[0]).Position);
        Assert.Equal(end, Assert.IsType<FeedItem.Resync>((await Tail("r", end with { Number = end.Number + 1 }, _ => true))[0]).Position);
    }

    [Fact]
    public async Task A_failing_observer_stops_the_writer_rather_than_leave_caches_stale()
    {
        Store.Feed.Observe(_ => throw new InvalidTimeZoneException());
        await Set("durable before anyone is told");
        Assert.Equal(StorageProblems.Unavailable, (await Store.Commit(b => b.Insert(new Setting { Name = "b", Part = 0 }), Cancel)).Refused);
        await Fixture.Restart();
        Assert.Equal(["durable before anyone is told"], (await Store.Range<Setting>().Open(Cancel)).Select(setting => setting.Name));
    }
}
