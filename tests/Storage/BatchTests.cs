using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteBatchTests() : BatchTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresBatchTests() : BatchTests(new PostgresFixture());

public abstract class BatchTests(StoreFixture fixture) : StoreTests(fixture)
{
    private static Setting Setting(string name, string? value = "v", long part = 0) => new() { Name = name, Part = part, Value = value, Number = 7 };

    [Fact]
    public async Task A_record_comes_back_as_it_was_inserted()
    {
        var closes = Clock.GetUtcNow().AddDays(3);
        var key = Home.References.Next<Room>();
        await Commit(b => b.Insert(new Room { Key = key, Name = "naïve \u0001 ☃", Topic = "“quoted” & <b>\n", ClosesOn = closes }));
        var room = await Store.Get<Room>([key], Cancel);
        Assert.Equal(new Room { Key = key, Name = "naïve \u0001 ☃", Topic = "“quoted” & <b>\n", ClosesOn = closes, Version = 1 }, room);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    [InlineData("\ud83d\ude00")]
    public async Task A_text_key_of_any_characters_finds_its_record(string name)
    {
        await Commit(b => b.Insert(Setting(name)));
        Assert.Equal(name, (await Store.Get<Setting>([Text(name), 0], Cancel))?.Name);
        Assert.Equal(name, Assert.Single(await Store.Range<Setting>(Text(name)).Open(Cancel)).Name);
    }

    [Fact]
    public async Task A_missing_record_is_null() => Assert.Null(await Store.Get<Setting>([Text("nothing"), 0], Cancel));

    [Fact]
    public async Task A_put_replaces_columns_and_content_and_raises_the_version()
    {
        await Commit(b => b.Insert(Setting("a")));
        var read = await Store.Get<Setting>([Text("a"), 0], Cancel);
        await Commit(b => b.Put(read! with { Number = 8, Value = "w" }));
        Assert.Equal(new Setting { Name = "a", Part = 0, Number = 8, Value = "w", Version = 2 }, await Store.Get<Setting>([Text("a"), 0], Cancel));
    }

    [Fact]
    public async Task Every_column_of_a_put_goes_where_it_belongs()
    {
        var room = await Room();
        var person = await Join(room);
        var member = await Store.Get<Member>([room, person], Cancel);
        var left = Clock.GetUtcNow();
        await Commit(b => b.Put(member! with { LeftOn = left, Nickname = "other" }));
        Assert.Equal(new Member { Room = room, Person = person, LeftOn = left, Nickname = "other", Version = 2 }, await Store.Get<Member>([room, person], Cancel));

        var was = await Store.Get<Room>([room], Cancel);
        await Commit(b => b.Put(was! with { Name = "renamed", ClosesOn = left }));
        var now = await Store.Get<Room>([room], Cancel);
        Assert.Equal(("renamed", left, 2), (now!.Name, now.ClosesOn, now.Version));

        var place = await Say(room, person, "first");
        var line = await Store.Get<Line>([room, place.Arrival], Cancel);
        await Commit(b => b.Put(line! with { Text = "edited" }));
        Assert.Equal(line! with { Text = "edited", Version = 2 }, await Store.Get<Line>([room, place.Arrival], Cancel));
    }

    [Fact]
    public async Task A_put_of_what_was_changed_since_is_refused()
    {
        await Commit(b => b.Insert(Setting("a")));
        var first = await Store.Get<Setting>([Text("a"), 0], Cancel);
        await Commit(b => b.Put(first! with { Value = "second" }));
        Assert.Equal(StorageProblems.Changed, await Refuse(b => b.Put(first! with { Value = "third" })));
        Assert.Equal("second", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
    }

    [Fact]
    public async Task A_put_of_what_is_gone_is_refused_as_the_caller_says()
    {
        await Commit(b => b.Insert(Setting("a")));
        var read = await Store.Get<Setting>([Text("a"), 0], Cancel);
        await Commit(b => b.Delete<Setting>([Text("a"), 0]));
        Assert.Equal(StorageProblems.Missing, await Refuse(b => b.Put(read!)));
        Assert.Equal(Refused, await Refuse(b => b.Put(read!, Refused)));
    }

    [Fact]
    public async Task A_taken_key_refuses_an_insert_as_the_caller_says()
    {
        await Commit(b => b.Insert(Setting("a")));
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(Setting("a", "other"))));
        Assert.Equal(Refused, await Refuse(b => b.Insert(Setting("a", "other"), Refused)));
        Assert.Equal("v", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
    }

    [Fact]
    public async Task A_root_whose_key_is_taken_is_refused_and_stays_readable()
    {
        var room = await Room("one");
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(new Room { Key = room, Name = "two", Topic = "usurper" })));
        Assert.Equal("a topic", (await Store.Get<Room>([room], Cancel))!.Topic);
    }

    [Fact]
    public async Task A_root_that_was_refused_can_be_inserted_again()
    {
        var key = Home.References.Next<Room>();
        await Refuse(b => b.Require<Setting>([Text("absent"), 0], Refused).Insert(new Room { Key = key, Name = "n", Topic = "again" }));
        await Commit(b => b.Insert(new Room { Key = key, Name = "n", Topic = "again" }));
        Assert.Equal("again", (await Store.Get<Room>([key], Cancel))!.Topic);
    }

    [Fact]
    public async Task A_delete_that_finds_nothing_is_fine_unless_the_caller_minds()
    {
        await Commit(b => b.Delete<Setting>([Text("a"), 0]));
        Assert.Equal(Refused, await Refuse(b => b.Delete<Setting>([Text("a"), 0], Refused)));
    }

    [Fact]
    public async Task A_deleted_record_can_be_inserted_again()
    {
        await Commit(b => b.Insert(Setting("a", "one")));
        await Commit(b => b.Delete<Setting>([Text("a"), 0]));
        await Commit(b => b.Insert(Setting("a", "two")));
        Assert.Equal("two", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
    }

    [Fact]
    public async Task A_batch_is_applied_whole_or_not_at_all()
    {
        await Commit(b => b.Insert(Setting("taken")));
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(Setting("new")).Delete<Setting>([Text("taken"), 0]).Insert(Setting("taken"))));
        Assert.Null(await Store.Get<Setting>([Text("new"), 0], Cancel));
        Assert.NotNull(await Store.Get<Setting>([Text("taken"), 0], Cancel));
        await Commit(b => b.Insert(Setting("x")).Insert(Setting("y")).Delete<Setting>([Text("taken"), 0]));
        Assert.Equal(["x", "y"], (await Store.Range<Setting>().Open(Cancel)).Select(setting => setting.Name));
    }

    [Fact]
    public async Task Two_inserts_of_one_key_in_a_batch_are_refused()
    {
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(Setting("twice")).Insert(Setting("twice"))));
        Assert.Null(await Store.Get<Setting>([Text("twice"), 0], Cancel));
    }

    [Fact]
    public async Task A_required_record_must_be_there_and_must_not_have_ended()
    {
        var room = await Room();
        var person = await Join(room);
        await Commit(b => b.Require<Member>([room, person], Refused).Insert(Setting("in")));
        var member = await Store.Get<Member>([room, person], Cancel);
        await Commit(b => b.Put(member! with { LeftOn = Clock.GetUtcNow() }));
        Assert.Equal(Refused, await Refuse(b => b.Require<Member>([room, person], Refused).Insert(Setting("out"))));
        Assert.NotNull(await Store.Get<Member>([room, person], Cancel));
        Assert.Equal(Refused, await Refuse(b => b.Require<Member>([room, new SubjectRef(1)], Refused)));
    }

    [Fact]
    public async Task A_forbidden_record_must_not_be_there_even_if_it_has_ended()
    {
        var room = await Room();
        var person = await Person();
        await Commit(b => b.Forbid<Member>([room, person], Refused).Insert(new Member { Room = room, Person = person, LeftOn = Clock.GetUtcNow() }));
        Assert.Equal(Refused, await Refuse(b => b.Forbid<Member>([room, person], Refused)));
    }

    [Fact]
    public async Task Checks_see_what_was_there_before_the_batch()
    {
        Assert.Equal(Refused, await Refuse(b => b.Insert(Setting("self")).Require<Setting>([Text("self"), 0], Refused)));
        await Commit(b => b.Forbid<Setting>([Text("self"), 0], Refused).Insert(Setting("self")));
    }

    [Fact]
    public async Task The_lock_of_a_missing_root_refuses_as_the_caller_says()
    {
        var room = await Room();
        await Commit(b => b.Lock(room, Refused).Insert(Setting("a")));
        Assert.Equal(Refused, await Refuse(b => b.Lock(new Ref<Room>(room.Value + 1), Refused).Insert(Setting("b"))));
        await Commit(b => b.Delete<Room>([room]));
        Assert.Equal(Refused, await Refuse(b => b.Lock(room, Refused).Insert(Setting("b"))));
    }

    [Fact]
    public async Task A_lock_names_the_resources_own_root()
    {
        var room = await Room();
        Assert.Equal(Refused, await Refuse(b => b.Lock(room, Refused).Insert(Setting("a")), Fixture.Neighbour));
        await Commit(b => b.Lock(room, Refused).Insert(Setting("a")));
        Assert.Equal(Refused, await Refuse(b => b.Lock(room, Refused).Insert(Setting("b")), Fixture.Neighbour));
    }

    [Fact]
    public async Task Nothing_is_written_below_a_root_that_is_missing_or_elsewhere()
    {
        var person = await Person();
        var room = await Room();
        var stranger = await Person(home: Fixture.Neighbour);
        await Refuse(b => b.Insert(new Member { Room = new Ref<Room>(99), Person = person }));
        await Refuse(b => b.Append(Says(room, stranger, "from next door")), Fixture.Neighbour);
        await Refuse(b => b.Insert(new Member { Room = room, Person = stranger }), Fixture.Neighbour);
        Assert.Equal(0, await Fixture.Rows("test_member") + await Fixture.Rows("test_line"));
    }

    [Fact]
    public async Task A_root_and_what_is_below_it_can_come_in_one_batch()
    {
        var person = await Person();
        var room = Home.References.Next<Room>();
        var outcome = await Commit(b => b
            .Insert(new Room { Key = room, Name = "n", Topic = "t" })
            .Insert(new Member { Room = room, Person = person })
            .Append(Says(room, person, "hello")));
        Assert.Equal(1, Assert.Single(outcome.Appended).Sequence);
        Assert.Equal("hello", Assert.Single(await Store.Range<Line>(room).Open(Cancel)).Text);
    }

    [Fact]
    public async Task What_an_index_says_is_unique_is_refused_within_a_resource_only()
    {
        var room = await Room("same");
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(new Room { Key = Home.References.Next<Room>(), Name = "same", Topic = "t" })));
        await Room("same", home: Fixture.Neighbour);
        var other = await Room("different");
        var read = await Store.Get<Room>([other], Cancel);
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Put(read! with { Name = "same" })));
        await Commit(b => b.Put(read! with { Topic = "its own name is no conflict" }));
        await Commit(b => b.Delete<Room>([room]));
        await Room("same");
    }

    [Fact]
    public async Task A_bad_batch_does_not_fail_its_neighbours_in_the_group()
    {
        await Room("taken");
        var conflicting = Enumerable.Range(0, 200).Select(i => i % 10 == 3).ToList();
        var outcomes = await Task.WhenAll(conflicting.Select((bad, i) => Task.Run(async () =>
        {
            var (one, two) = (Home.References.Next<Room>(), Home.References.Next<Room>());
            return await Store.Commit(
                b => b.Insert(Setting($"s{i}"))
                    .Insert(new Room { Key = one, Name = bad ? $"twice {i}" : $"once {i}", Topic = "t" })
                    .Insert(new Room { Key = two, Name = bad ? $"twice {i}" : $"again {i}", Topic = "t" }),
                Cancel);
        })));
        Assert.Equal(conflicting, outcomes.Select(outcome => outcome.Refused == StorageProblems.Exists));
        Assert.Equal(180, await Fixture.Rows("test_setting"));
        Assert.Equal(1 + 360, await Fixture.Rows("test_room"));
        Assert.Equal(0, await Fixture.Rows("test_room", "name LIKE 'twice%'"));
    }

    [Fact]
    public async Task Resources_with_the_same_keys_do_not_meet()
    {
        await Commit(b => b.Insert(Setting("a", "mine")));
        Assert.Null(await Fixture.Neighbour.Store.Get<Setting>([Text("a"), 0], Cancel));
        Assert.Empty(await Fixture.Neighbour.Store.Range<Setting>().Open(Cancel));
        await Commit(b => b.Insert(Setting("a", "theirs")), Fixture.Neighbour);
        Assert.Equal("mine", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
        await Commit(b => b.Delete<Setting>([Text("a"), 0]), Fixture.Neighbour);
        Assert.Equal("mine", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
        var mine = await Store.Get<Setting>([Text("a"), 0], Cancel);
        await Refuse(b => b.Put(mine!), Fixture.Neighbour);

        var room = await Room();
        Assert.Null(await Fixture.Neighbour.Store.Get<Room>([room], Cancel));
        await Refuse(b => b.Delete<Room>([room], Refused), Fixture.Neighbour);
        Assert.NotNull(await Store.Get<Room>([room], Cancel));
    }

    [Fact]
    public async Task A_record_below_a_person_who_was_erased_is_refused()
    {
        var room = await Room();
        var person = await Join(room);
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Lock(room, Refused).Append(Says(room, person, "too late"))));
    }

    [Fact]
    public async Task Appends_get_the_arrivals_that_they_name_when_nothing_came_between_and_are_refused_when_something_did()
    {
        var room = await Room();
        var person = await Join(room);
        var first = await Store.Commit(b => b.Lock(room, Refused).RequireLast<Line>(0).Append(Says(room, person, "1", 1_000)).Append(Says(room, person, "2", 5_000)), Cancel);
        Assert.Null(first.Refused);
        Assert.Equal([(1L, 1_000L), (2L, 5_000L)], first.Appended.Select(each => (each.Sequence, each.Arrival)));
        Assert.Equal(StorageProblems.Changed, await Refuse(b => b.Lock(room, Refused).RequireLast<Line>(1_000).Append(Says(room, person, "3", 6_000))));
        var second = await Store.Commit(b => b.Lock(room, Refused).RequireLast<Line>(5_000).Append(Says(room, person, "3", 6_000)), Cancel);
        Assert.Equal((3L, 6_000L), (second.Appended[0].Sequence, second.Appended[0].Arrival));
        Assert.Equal([1_000L, 5_000L, 6_000L], (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Arrival));
    }

    [Fact]
    public void What_a_kind_does_not_allow_is_refused_when_the_batch_is_built()
    {
        var batch = new Batch(Unit.Catalogue, 1);
        Assert.Throws<InvalidOperationException>(() => batch.Insert(Says(new Ref<Room>(1), new SubjectRef(1), "x")));
        Assert.Throws<InvalidOperationException>(() => batch.Append(Setting("x")));
        Assert.Throws<InvalidOperationException>(() => batch.Delete<Member>([1, 1]));
        Assert.Throws<InvalidOperationException>(() => batch.Put(new OptOut { Person = new SubjectRef(1), At = Clock.GetUtcNow() }));
        Assert.Throws<InvalidOperationException>(() => batch.Lock(new Ref<Room>(1), Refused).Lock(new Ref<Room>(2), Refused));
    }

    [Fact]
    public async Task A_closed_store_answers_that_it_is_unavailable()
    {
        var store = Store;
        var reading = Enumerable.Range(0, 100).Select(_ => Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    await store.Range<Setting>().Open(Cancel);
                }
            }
            catch (StoreUnavailableException)
            {
                // Nobody is left waiting for a connection.
            }
        })).ToList();
        await Fixture.Close();
        await Task.WhenAll(reading);
        Assert.Equal(StorageProblems.Unavailable, (await store.Commit(b => b.Delete<Setting>([Text("a"), 0]), Cancel)).Refused);
        await Fixture.Open();
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_restart()
    {
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Commit(b => b.Insert(Setting("n", $"{i}", i)))));
        await Fixture.Restart();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), (await Store.Range<Setting>(Text("n")).Open(Cancel)).Select(setting => setting.Value));
    }
}
