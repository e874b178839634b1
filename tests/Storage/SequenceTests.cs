namespace Domicile.Tests.Storage;

public sealed class SqliteSequenceTests() : SequenceTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresSequenceTests() : SequenceTests(new PostgresFixture());

public abstract class SequenceTests(StoreFixture fixture) : StoreTests(fixture)
{
    [Fact]
    public async Task Sequences_are_gapless_and_arrivals_rise_under_many_producers_and_across_restarts()
    {
        var rooms = new[] { await Room(), await Room(), await Room() };
        var people = new[] { await Join(rooms[0]), await Join(rooms[1]), await Join(rooms[2]) };
        var told = new List<(int Room, long Sequence, long Arrival)>();
        for (var round = 0; round < 3; round++)
        {
            var places = await Task.WhenAll(Enumerable.Range(0, 64).Select(producer => Task.Run(async () =>
            {
                var mine = new List<(int, long, long)>();
                for (var i = 0; i < 6; i++)
                {
                    var room = (producer + i) % rooms.Length;
                    var bad = (producer + i) % 11 == 0;
                    var outcome = await Store.Commit(
                        b =>
                        {
                            b.Lock(rooms[room], Refused).Append(Says(rooms[room], people[room], $"{producer}/{i}"));
                            if (bad)
                            {
                                // Found out only when it is written: the whole group is undone and done again.
                                b.Insert(new Setting { Name = "twice", Part = producer }).Insert(new Setting { Name = "twice", Part = producer });
                            }
                        },
                        Cancel);
                    Assert.Equal(bad, outcome.Refused is not null);
                    if (!bad)
                    {
                        mine.Add((room, outcome.Appended[0].Sequence, outcome.Appended[0].Arrival));
                    }
                }

                return mine;
            })));
            told.AddRange(places.SelectMany(mine => mine));
            Clock.Turn(TimeSpan.FromMilliseconds(round));
            await Fixture.Restart();
        }

        for (var room = 0; room < rooms.Length; room++)
        {
            var lines = await Store.Range<Line>(rooms[room]).Open(Cancel);
            Assert.Equal(Enumerable.Range(1, lines.Count).Select(i => (long)i), lines.Select(line => line.Sequence));
            Assert.All(lines.Zip(lines.Skip(1)), pair => Assert.True(pair.First.Arrival < pair.Second.Arrival));
            Assert.Equal(
                told.Where(place => place.Room == room).Select(place => (place.Sequence, place.Arrival)).Order(), lines.Select(line => (line.Sequence, line.Arrival)));
        }
    }

    [Fact]
    public async Task An_arrival_is_the_instant_of_the_commit_and_still_rises_when_the_clock_stands_or_goes_back()
    {
        var room = await Room();
        var person = await Join(room);
        var now = Clock.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.Equal(now, (await Say(room, person, "a")).Arrival);
        Assert.Equal(now + 1, (await Say(room, person, "b")).Arrival);
        Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Equal(now + 1000, (await Say(room, person, "c")).Arrival);
        Clock.Turn(TimeSpan.FromHours(-1));
        Assert.Equal(now + 1001, (await Say(room, person, "d")).Arrival);
    }

    [Fact]
    public async Task An_arrival_that_was_given_is_kept_while_it_rises()
    {
        var room = await Room();
        var person = await Join(room);
        var given = (await Commit(b => b.Lock(room, Refused).Append(Says(room, person, "imported", 1_600_000_000_000)))).Appended[0];
        Assert.Equal(1_600_000_000_000, given.Arrival);
        var later = (await Commit(b => b.Lock(room, Refused).Append(Says(room, person, "imported", 1_600_000_000_000)))).Appended[0];
        Assert.Equal((2, 1_600_000_000_001), (later.Sequence, later.Arrival));
        var line = await Store.Get<Line>([room, later.Arrival], Cancel);
        Assert.Equal(("imported", 2L, 1_600_000_000_001L), (line!.Text, line.Sequence, line.Arrival));
    }

    [Fact]
    public async Task Several_appends_of_a_batch_follow_each_other()
    {
        var room = await Room();
        var person = await Join(room);
        var outcome = await Commit(b => b.Lock(room, Refused).Append(Says(room, person, "a")).Append(Says(room, person, "b")));
        Assert.Equal([1L, 2L], outcome.Appended.Select(place => place.Sequence));
        Assert.Equal(["a", "b"], (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Text));
    }

    [Fact]
    public async Task A_deleted_place_is_not_given_again()
    {
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "a");
        var last = await Say(room, person, "b");
        await Commit(b => b.Delete<Line>([room, last.Arrival]));
        await Fixture.Restart();
        Assert.Equal(3, (await Say(room, person, "c")).Sequence);
    }

    [Fact]
    public async Task Rooms_of_two_resources_have_sequences_of_their_own()
    {
        var mine = await Room();
        var theirs = await Room(home: Fixture.Neighbour);
        var person = await Person(home: Fixture.Neighbour);
        await Say(mine, await Join(mine), "a");
        var place = (await Commit(b => b.Lock(theirs, Refused).Append(Says(theirs, person, "b")), Fixture.Neighbour)).Appended[0];
        Assert.Equal(1, place.Sequence);
    }
}
