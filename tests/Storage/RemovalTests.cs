using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteRemovalTests() : RemovalTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresRemovalTests() : RemovalTests(new PostgresFixture());

/// <summary>Deleting roots, erasing people, removing resources: unreadable at once, rows gone soon after, nothing else touched.</summary>
public abstract class RemovalTests(StoreFixture fixture) : StoreTests(fixture)
{
    private async Task<bool> HasKey(KeyName name) => (await Unit.KeyStore.Find([name], Cancel)).Count > 0;

    private async Task Erase(SubjectRef person) => Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));

    [Fact]
    public async Task With_a_root_goes_everything_below_it_and_its_key()
    {
        var (kept, gone) = (await Room(), await Room());
        var person = await Join(kept);
        await Join(gone, person);
        await Say(kept, person, "stays");
        await Commit(b =>
        {
            for (var i = 0; i < 1_200; i++)
            {
                b.Append(Says(gone, person, "goes"));
            }
        });
        await Commit(b => b.Delete<Room>([gone]));
        Assert.Null(await Store.Get<Room>([gone], Cancel));
        Assert.Equal(1, await Unit.Housekeeping.Purge(Cancel));
        Assert.False(await HasKey(new KeyName("test.room", gone.Value)));
        Assert.True(await HasKey(new KeyName("test.room", kept.Value)));
        Assert.Equal((1, 1, 1, 1), (await Fixture.Rows("test_room"), await Fixture.Rows("test_member"), await Fixture.Rows("test_line"), await Fixture.Rows("test_line_head")));
        Assert.Equal(0, await Fixture.Rows("engine_purge"));
        Assert.Equal("stays", Assert.Single(await Store.Range<Line>(kept).Open(Cancel)).Text);
        Assert.Equal(2, (await Say(kept, person, "goes on")).Sequence);
    }

    [Fact]
    public async Task With_a_root_go_the_roots_below_it()
    {
        var person = await Person();
        var (diary, chapter) = (Home.References.Next<Diary>(), Home.References.Next<Chapter>());
        await Commit(b => b.Insert(new Diary { Key = diary, Writer = person, Title = "d" }).Insert(new Chapter { Key = chapter, Diary = diary, Title = "c" }));
        await Commit(b => b.Insert(new Page { Chapter = chapter, Number = 1, Text = "p" }));
        Assert.Equal("p", (await Store.Get<Page>([chapter, 1], Cancel))!.Text);
        await Commit(b => b.Delete<Diary>([diary]));
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("test_diary") + await Fixture.Rows("test_chapter") + await Fixture.Rows("test_page") + await Fixture.Rows("engine_purge"));
        Assert.False(await HasKey(new KeyName("test.diary", diary.Value)) || await HasKey(new KeyName("test.chapter", chapter.Value)));
    }

    [Fact]
    public async Task The_key_of_a_deleted_root_is_never_used_again()
    {
        var room = await Room();
        await Commit(b => b.Delete<Room>([room]));
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Insert(new Room { Key = room, Name = "again", Topic = "t" })));
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Insert(new Room { Key = room, Name = "again", Topic = "t" })));
        await Fixture.Restart();
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Insert(new Room { Key = room, Name = "again", Topic = "t" })));
    }

    [Fact]
    public async Task A_removal_goes_on_after_a_restart()
    {
        var room = await Room();
        var person = await Join(room);
        await Commit(b =>
        {
            for (var i = 0; i < 700; i++)
            {
                b.Append(Says(room, person, "x"));
            }
        });
        await Commit(b => b.Delete<Room>([room]));
        var purge = Assert.Single(await Unit.Engine.Purges(10, Cancel));
        Assert.False(await Unit.Engine.ContinuePurge(purge, 300, Cancel));
        await Fixture.Restart();
        Assert.Equal(1, await Unit.Housekeeping.Purge(Cancel));
        Assert.Equal(0, await Fixture.Rows("test_line") + await Fixture.Rows("test_member") + await Fixture.Rows("test_line_head"));
    }

    [Fact]
    public async Task What_is_appended_to_a_room_while_another_is_removed_stays()
    {
        var (kept, gone) = (await Room(), await Room());
        var person = await Join(kept);
        await Say(gone, person, "x");
        await Commit(b => b.Delete<Room>([gone]));
        var said = Enumerable.Range(0, 200).Select(i => Task.Run(() => Say(kept, person, $"{i}"))).ToList();
        await Unit.Housekeeping.Purge(Cancel);
        await Task.WhenAll(said);
        Assert.Equal(Enumerable.Range(1, 200).Select(i => (long)i), (await Store.Range<Line>(kept).Open(Cancel)).Select(line => line.Sequence));
        Assert.Equal(1, await Fixture.Rows("test_line_head"));
    }

    [Fact]
    public async Task An_erased_persons_messages_keep_their_place()
    {
        var room = await Room();
        var (gone, stays) = (await Join(room), await Join(room));
        await Say(room, gone, "one");
        await Say(room, stays, "two");
        await Say(room, gone, "three");
        await Erase(gone);

        async Task Look(bool rowsDone)
        {
            var lines = await Store.Range<Line>(room).Open(Cancel);
            Assert.Equal([1L, 2L, 3L], lines.Select(line => line.Sequence));
            Assert.Equal([null, "two", null], lines.Select(line => line.Text));
            var day = new DateTimeOffset(Clock.GetUtcNow().Date, TimeSpan.Zero);
            Assert.Equal([day, null, day], lines.Select(line => line.ErasedOn));
            Assert.Equal(rowsDone ? 0 : 2, await Fixture.Rows("test_line", $"writer = {gone.Value}"));
        }

        await Look(rowsDone: false);
        await Unit.Housekeeping.Purge(Cancel);
        await Look(rowsDone: true);
        Assert.All(await Store.Range<Line>(room).Open(Cancel), line => Assert.Equal(line.Sequence == 2 ? stays : SubjectRef.None, line.Writer));
        await Fixture.Restart();
        await Look(rowsDone: true);
        Assert.Equal(4, (await Say(room, stays, "four")).Sequence);
        Assert.Equal(stays, Assert.Single(await Store.Range<Member>(room).Open(Cancel)).Person);
    }

    [Fact]
    public async Task An_erased_person_is_found_in_every_room_they_were_in_even_with_more_than_one_piece()
    {
        var rooms = new[] { await Room(), await Room(), await Room() };
        var (gone, stays) = (await Person(), await Person());
        foreach (var room in rooms)
        {
            await Join(room, gone);
            await Join(room, stays);
            await Commit(b =>
            {
                for (var i = 0; i < 600; i++)
                {
                    b.Append(Says(room, i % 3 == 0 ? stays : gone, $"{i}"));
                }
            });
        }

        var member = await Store.Get<Member>([rooms[1], gone], Cancel);
        await Commit(b => b.Put(member! with { LeftOn = Clock.GetUtcNow() }));
        await Erase(gone);
        Assert.Equal(1, await Unit.Housekeeping.Purge(Cancel));
        Assert.Equal(0, await Fixture.Rows("test_line", $"writer = {gone.Value}"));
        Assert.Equal(1_200, await Fixture.Rows("test_line", "writer = 0"));
        Assert.Equal(0, await Fixture.Rows("test_member", $"person = {gone.Value}"));
        Assert.Equal(3, await Fixture.Rows("test_member"));
        var lines = await Store.Range<Line>(rooms[2]).Open(Cancel);
        Assert.Equal(Enumerable.Range(0, 600).Select(i => i % 3 == 0 ? $"{i}" : null), lines.Select(line => line.Text));
    }

    [Fact]
    public async Task Each_kind_of_an_erased_person_goes_by_its_rule()
    {
        var (gone, other) = (await Person(), await Person());
        await Commit(b => b
            .Insert(new Letter { Key = new(1), Writer = gone, Text = "theirs" }).Insert(new Letter { Key = new(2), Writer = other, Text = "another's" })
            .Insert(new OptOut { Person = gone, At = Clock.GetUtcNow(), Words = "do not write" })
            .Insert(new Visit { Key = new(1), Visitor = gone, At = Clock.GetUtcNow() })
            .Insert(new Visit { Key = new(2), Visitor = other, Host = gone, At = Clock.GetUtcNow() })
            .Insert(new Visit { Key = new(3), Visitor = other, At = Clock.GetUtcNow() }));
        await Erase(gone);
        Assert.Null(await Store.Get<Visit>([1], Cancel));
        Assert.Null((await Store.Get<Letter>([1], Cancel))!.Text);
        await Unit.Housekeeping.Purge(Cancel);
        var letter = await Store.Get<Letter>([1], Cancel);
        Assert.Equal((SubjectRef.None, null, 2L), (letter!.Writer, letter.Text, letter.Version));
        Assert.NotNull(letter.ErasedOn);
        Assert.Equal("another's", (await Store.Get<Letter>([2], Cancel))!.Text);
        Assert.Equal("do not write", (await Store.Get<OptOut>([gone], Cancel))!.Words);
        Assert.Equal([3L], (await Store.Range<Visit>().Open(Cancel)).Select(visit => visit.Key.Value));
    }

    [Fact]
    public async Task With_an_erased_person_goes_everything_below_what_was_theirs()
    {
        var (gone, other) = (await Person(), await Person());
        foreach (var person in new[] { gone, other })
        {
            var (diary, chapter) = (Home.References.Next<Diary>(), Home.References.Next<Chapter>());
            await Commit(b => b.Insert(new Diary { Key = diary, Writer = person, Title = "d" }).Insert(new Chapter { Key = chapter, Diary = diary, Title = "c" }));
            await Commit(b => b.Insert(new Page { Chapter = chapter, Number = 1, Text = "p" }));
        }

        await Erase(gone);
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal((1, 1, 1, 0), (await Fixture.Rows("test_diary"), await Fixture.Rows("test_chapter"), await Fixture.Rows("test_page"), await Fixture.Rows("engine_purge")));
        Assert.Equal(other, Assert.Single(await Store.Range<Diary>().Open(Cancel)).Writer);
        var keys = await Unit.KeyStore.OfResource(Home.Resource.Number, Cancel);
        Assert.Equal((1, 1), (keys.Count(key => key.Scope == "test.diary"), keys.Count(key => key.Scope == "test.chapter")));
    }

    [Fact]
    public async Task An_erasure_that_began_with_a_batch_is_refused_with_it_and_told_with_it()
    {
        var person = await Person();
        var problem = await Home.EraseSubject(person, b => b.Require<Setting>([Text("absent"), 0], Refused), Cancel);
        Assert.Equal(Refused, problem);
        Assert.True(await HasKey(KeyName.Of(person)));
        Assert.Equal(0, await Fixture.Rows("engine_purge"));
        await Commit(b => b.Insert(new Letter { Key = new(1), Writer = person, Text = "still there" }));
        Assert.Equal("still there", (await Store.Get<Letter>([1], Cancel))!.Text);

        var told = new List<FeedEntry>();
        Store.Feed.Observe(told.AddRange);
        await Commit(b => b.Insert(new Setting { Name = "account", Part = 0 }));
        Assert.Null(await Home.EraseSubject(person, b => b.Delete<Setting>([Text("account"), 0], Refused), Cancel));
        Assert.Equal(Change.Deleted, told[^1].Change);
        Assert.False(await HasKey(KeyName.Of(person)));
    }

    [Fact]
    public async Task Nothing_of_a_person_is_written_once_their_erasure_has_begun()
    {
        var room = await Room();
        var person = await Join(room);
        var writing = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var kept = 0;
            while (await Store.Commit(b => b.Append(Says(room, person, "racing")), Cancel) is { Refused: null })
            {
                kept++;
            }

            return kept;
        })).ToList();
        await Say(room, person, "first");
        await Erase(person);
        await Unit.Housekeeping.Purge(Cancel);
        await Task.WhenAll(writing);
        Assert.Equal(0, await Fixture.Rows("test_line", "writer <> 0"));
        Assert.Equal(await Fixture.Rows("test_line"), (await Store.Range<Line>(room).Descending().Take(1).Open(Cancel))[0].Sequence);
    }

    [Fact]
    public async Task With_a_resource_goes_every_row_and_key_of_it_and_nothing_of_its_neighbour()
    {
        var keysBefore = (await Unit.KeyStore.OfResource(Fixture.Neighbour.Resource.Number, Cancel)).Count;
        var theirs = await Room("theirs", home: Fixture.Neighbour);
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "x");
        await Commit(b => b.Insert(new Setting { Name = "a", Part = 0 }).Insert(new Letter { Key = new(1), Writer = person, Text = "l" })
            .Insert(new OptOut { Person = person, At = Clock.GetUtcNow() }).Insert(new Visit { Key = new(1), Visitor = person, At = Clock.GetUtcNow() }));
        await Commit(b => b.Insert(new Setting { Name = "a", Part = 0, Value = "kept" }), Fixture.Neighbour);
        var (home, number) = (Home, Home.Resource.Number);

        await Unit.Administration.Remove(home, Cancel);
        Assert.Null(await Unit.Administration.Find(home.ResourceId, Cancel));
        Assert.Null(await home.Store.Get<Setting>([Text("a"), 0], Cancel));
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Insert(new Setting { Name = "late", Part = 0 }), home));
        Assert.Empty(await Unit.KeyStore.OfResource(number, Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        foreach (var kind in Unit.Catalogue.Kinds)
        {
            Assert.Equal(0, await Fixture.Rows(kind.Table, $"resource = {number}"));
        }

        Assert.Equal(0, await Fixture.Rows("test_line_head") + await Fixture.Rows("engine_purge"));
        Assert.Equal("kept", (await Fixture.Neighbour.Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
        Assert.NotNull(await Fixture.Neighbour.Store.Get<Room>([theirs], Cancel));
        Assert.Equal(keysBefore + 1, (await Unit.KeyStore.OfResource(Fixture.Neighbour.Resource.Number, Cancel)).Count);
    }

    [Fact]
    public async Task A_resource_that_is_made_again_before_the_old_one_is_gone_is_a_new_one()
    {
        await Commit(b => b.Insert(new Setting { Name = "a", Part = 0, Value = "old" }));
        var old = Home;
        await Unit.Administration.Remove(old, Cancel);
        var fresh = await Unit.Administration.Add(old.ResourceId, Cancel);
        Assert.NotEqual(old.Resource.Number, fresh.Resource.Number);
        await Commit(b => b.Insert(new Setting { Name = "a", Part = 0, Value = "new" }), fresh);
        await Unit.Housekeeping.Purge(Cancel);
        await Fixture.Restart();
        Assert.Equal(fresh.Resource, Home.Resource);
        Assert.Equal("new", (await Store.Get<Setting>([Text("a"), 0], Cancel))!.Value);
        Assert.Equal(1, await Fixture.Rows("test_setting"));
    }

    [Fact]
    public async Task Every_home_of_a_removed_resource_is_shut_at_once()
    {
        await Commit(b => b.Insert(new Setting { Name = "seen", Part = 0 }));
        var home = Home;
        var writing = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; await home.Store.Commit(b => b.Insert(new Setting { Name = $"w{writer}", Part = i }), Cancel) is { Refused: null }; i++)
            {
            }
        })).ToList();
        await Unit.Administration.Remove(home, Cancel);
        await Unit.Housekeeping.Purge(Cancel);
        await Task.WhenAll(writing);
        Assert.Equal(0, await Fixture.Rows("test_setting"));
    }

    [Fact]
    public async Task The_geographys_own_home_cannot_be_removed() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => Unit.Administration.Remove(Unit.Own, Cancel));
}
