using Domicile.Residency;

namespace Domicile.Tests.Storage;

public sealed class SqliteRangeTests() : RangeTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresRangeTests() : RangeTests(new PostgresFixture());

public abstract class RangeTests(StoreFixture fixture) : StoreTests(fixture)
{
    private async Task<(Ref<Room> Room, List<long> Arrivals)> Conversation(int lines)
    {
        var room = await Room();
        var person = await Join(room);
        var outcome = await Commit(b =>
        {
            b.Lock(room, Refused);
            for (var i = 0; i < lines; i++)
            {
                b.Append(Says(room, person, $"{i}"));
            }
        });
        return (room, [.. outcome.Appended.Select(place => place.Arrival)]);
    }

    private static IEnumerable<string> Texts(IEnumerable<Line> lines) => lines.Select(line => line.Text);

    [Fact]
    public async Task A_range_is_in_the_order_of_the_key_both_ways()
    {
        var (room, arrivals) = await Conversation(5);
        await Conversation(3);
        Assert.Equal(["0", "1", "2", "3", "4"], Texts(await Store.Range<Line>(room).Open(Cancel)));
        Assert.Equal(["4", "3", "2", "1", "0"], Texts(await Store.Range<Line>(room).Descending().Open(Cancel)));
        Assert.Equal(["2", "3", "4"], Texts(await Store.Range<Line>(room).After(arrivals[1]).Open(Cancel)));
        Assert.Equal(["0", "1", "2"], Texts(await Store.Range<Line>(room).Before(arrivals[3]).Open(Cancel)));
        Assert.Equal(["2"], Texts(await Store.Range<Line>(room).After(arrivals[1]).Before(arrivals[3]).Open(Cancel)));
        Assert.Equal(["2", "1"], Texts(await Store.Range<Line>(room).Before(arrivals[3]).Descending().Take(2).Open(Cancel)));
        Assert.Equal(["0", "1"], Texts(await Store.Range<Line>(room).After(null).Before(null).Take(2).Open(Cancel)));
    }

    [Fact]
    public async Task Many_are_read_by_their_keys_at_once_and_who_is_not_there_is_left_out()
    {
        var (room, arrivals) = await Conversation(5);
        var (other, others) = await Conversation(2);
        await Commit(b => b.Insert(new Setting { Name = "a", Part = 1, Value = "one" }).Insert(new Setting { Name = "a", Part = 2, Value = "two" }).Insert(new Setting { Name = "b", Part = 1, Value = "three" }));
        Assert.Equal(["0", "1", "4"], Texts(await Store.GetMany<Line>([[room, arrivals[4]], [other, others[1]], [room, arrivals[0]], [room, arrivals[4] + 1_000]], Cancel)).Order());
        Assert.Equal(["one", "three"], (await Store.GetMany<Setting>([[Text("b"), 1], [Text("b"), 2], [Text("a"), 1]], Cancel)).Select(setting => setting.Value).Order());
        Assert.Empty(await Store.GetMany<Setting>([], Cancel));
        Assert.Empty(await Fixture.Neighbour.Store.GetMany<Setting>([[Text("a"), 1]], Cancel));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Store.GetMany<Setting>([.. Enumerable.Range(0, 1_001).Select(i => (ColumnValue[])[Text("a"), i])], Cancel));
    }

    [Fact]
    public async Task Pages_of_a_range_join_without_a_gap()
    {
        var (room, _) = await Conversation(57);
        var seen = new List<string>();
        ColumnValue? before = null;
        while (await Store.Range<Line>(room).Before(before).Descending().Take(10).Open(Cancel) is { Count: > 0 } page)
        {
            seen.AddRange(Texts(page));
            before = page[^1].Arrival;
        }

        Assert.Equal(Enumerable.Range(0, 57).Reverse().Select(i => $"{i}"), seen);
    }

    [Fact]
    public async Task A_range_takes_a_thousand_at_most()
    {
        var (room, _) = await Conversation(1_005);
        Assert.Equal(1_000, (await Store.Range<Line>(room).Open(Cancel)).Count);
        Assert.Equal(1_000, (await Store.Range<Line>(room).Take(5_000).Open(Cancel)).Count);
        Assert.Single(await Store.Range<Line>(room).Take(0).Open(Cancel));
    }

    [Fact]
    public async Task A_page_of_a_thousand_writers_is_read_in_one_go()
    {
        var room = await Room();
        var people = await Task.WhenAll(Enumerable.Range(0, 1_000).Select(_ => Person()));
        await Task.WhenAll(people.Chunk(100).Select(some => Commit(b =>
        {
            foreach (var person in some)
            {
                b.Append(Says(room, person, $"{person.Value}"));
            }
        })));
        await Fixture.Restart();
        var lines = await Store.Range<Line>(room).Open(Cancel);
        Assert.Equal(1_000, lines.Count);
        Assert.All(lines, line => Assert.Equal($"{line.Writer.Value}", line.Text));
    }

    [Fact]
    public async Task A_range_without_a_beginning_is_all_of_the_resource()
    {
        var rooms = new[] { await Room(), await Room(), await Room() };
        await Room(home: Fixture.Neighbour);
        Assert.Equal(rooms.Select(room => room.Value).Order(), (await Store.Range<Room>().Open(Cancel)).Select(room => room.Key.Value));
        Assert.Equal([rooms.Max(room => room.Value)], (await Store.Range<Room>().Descending().Take(1).Open(Cancel)).Select(room => room.Key.Value));
    }

    [Fact]
    public async Task A_range_by_the_first_of_two_keys_holds_only_what_begins_so()
    {
        await Commit(b => b
            .Insert(new Setting { Name = "a", Part = 2 }).Insert(new Setting { Name = "a", Part = -1 }).Insert(new Setting { Name = "b", Part = 1 })
            .Insert(new Setting { Name = "aa", Part = 1 }));
        Assert.Equal([-1L, 2L], (await Store.Range<Setting>(Text("a")).Open(Cancel)).Select(setting => setting.Part));
        Assert.Equal(["a", "a", "aa", "b"], (await Store.Range<Setting>().Open(Cancel)).Select(setting => setting.Name));
        Assert.Equal(["aa", "b"], (await Store.Range<Setting>().After(Text("a")).Open(Cancel)).Select(setting => setting.Name));
    }

    [Fact]
    public async Task A_lookup_finds_by_an_indexed_member_in_its_own_resource()
    {
        var room = await Room("one");
        await Room("one", home: Fixture.Neighbour);
        Assert.Equal(room, Assert.Single(await Store.Lookup<Room>(nameof(Storage.Room.Name), Text("one"), 10, Cancel)).Key);
        Assert.Empty(await Store.Lookup<Room>(nameof(Storage.Room.Name), Text("two"), 10, Cancel));
        var person = await Person();
        await Commit(b => b.Insert(new Letter { Key = new(1), Writer = person, Text = "a" }).Insert(new Letter { Key = new(2), Writer = person, Text = "b" }));
        Assert.Equal(["a", "b"], (await Store.Lookup<Letter>(nameof(Letter.Writer), person, 10, Cancel)).Select(letter => letter.Text).Order());
        Assert.Single(await Store.Lookup<Letter>(nameof(Letter.Writer), person, 1, Cancel));
    }

    [Fact]
    public async Task A_query_of_a_modules_own_that_fails_leaves_the_store_readable()
    {
        for (var i = 0; i < 40; i++)
        {
            await Assert.ThrowsAsync<InvalidTimeZoneException>(async () => await Store.Query<int>((_, _) => throw new InvalidTimeZoneException(), Cancel));
        }

        Assert.Equal(0, await Fixture.Rows("test_room"));
    }

    [Fact]
    public async Task A_query_of_a_modules_own_cannot_write()
    {
        await Room();
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(async () => await Store.Query(
            async (connection, cancel) =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "DELETE FROM test_room";
                return await command.ExecuteNonQueryAsync(cancel);
            },
            Cancel));
        Assert.Equal(1, await Fixture.Rows("test_room"));
    }
}
