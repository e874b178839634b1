using System.Collections.Concurrent;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Storage;

/// <summary>Two nodes of one scale unit, which meet only in its databases: what one does, the other knows, and neither undoes or doubles the other's work.</summary>
[Trait("needs", "postgres")]
public sealed class PostgresNodesTests : StoreTests
{
    private static readonly Problem NoRoom = new("/problems/test/no-room", 404, "There is no such room.");
    private static readonly Problem NoMember = new("/problems/test/no-member", 403, "You are not in it.");
    private readonly PostgresFixture _fixture;
    private ScaleUnit _other = null!;
    private Home _there = null!;

    public PostgresNodesTests()
        : this(new PostgresFixture())
    {
    }

    private PostgresNodesTests(PostgresFixture fixture)
        : base(fixture)
    {
        _fixture = fixture;
    }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _other = await _fixture.OpenAnother(TestJson.Catalogue());
        _there = (await _other.Administration.Find(Home.ResourceId, Cancel))!;
    }

    protected override async ValueTask Closing() => await _other.DisposeAsync();

    private static ValueTask<Outcome> Send(Home home, Ref<Room> room, SubjectRef writer, string text) =>
        home.Store.Commit(b => b.Lock(room, NoRoom).Require<Member>([room, writer], NoMember).Append(Says(room, writer, text)), Cancel);

    /// <summary>A connection behind the store's back.</summary>
    private async Task<NpgsqlConnection> Behind(string database = "data")
    {
        var connection = new NpgsqlConnection(_fixture.ConnectionTo(database) + ";Pooling=false");
        await connection.OpenAsync(Cancel);
        return connection;
    }

    private static async Task<object?> Run(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // The texts are the test's own.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(Cancel);
    }

    /// <summary>Takes a place in the feed, in a transaction that stays open.</summary>
    private static async Task<long> TakePlace(NpgsqlConnection connection)
    {
        await Run(connection, "BEGIN");
        await Run(connection, "SELECT pg_current_xact_id()");
        return (long)(await Run(connection, "SELECT nextval('engine_feed_position')"))!;
    }

    private static Task<object?> FillPlace(NpgsqlConnection connection, long place, long resource) =>
        Run(
            connection,
            $"INSERT INTO engine_feed SELECT {place}, 0, {resource}, number, 0, decode('0000000000000003e7', 'hex'), 1, -1 FROM engine_kind WHERE name = 'test.letter'");

    /// <summary>Follows the feed in the background.</summary>
    private static (ConcurrentQueue<FeedItem> Items, CancellationTokenSource Stop, Task Task) Follow(Feed feed, FeedPosition from)
    {
        var items = new ConcurrentQueue<FeedItem>();
        var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        return (items, stop, Task.Run(async () =>
        {
            try
            {
                await foreach (var item in feed.Tail(Guid.NewGuid().ToString(), from, stop.Token))
                {
                    items.Enqueue(item);
                }
            }
            catch (OperationCanceledException)
            {
            }
        }));
    }

    private static List<long> Positions(IEnumerable<FeedItem> items) => [.. items.Select(item => Assert.IsType<FeedItem.Changed>(item).Position.Number)];

    [Fact]
    public async Task A_reader_waits_for_a_change_that_commits_late_and_passes_by_one_that_was_undone()
    {
        var end = await Store.Feed.End(Cancel);
        await using var late = await Behind();
        await using var undone = await Behind();
        var latePlace = await TakePlace(late);
        var undonePlace = await TakePlace(undone);
        var (items, stop, task) = Follow(_there.Store.Feed, end);
        var naive = (await Room()).Value;

        // A reader that only asks for what is greater than the last position has passed both by now.
        var last = (long)(await Run(late, "SELECT max(position) FROM engine_feed"))!;
        Assert.True(last > undonePlace && undonePlace > latePlace);
        Assert.Equal(end, await Store.Feed.End(Cancel));
        Assert.Equal(end, await _there.Store.Feed.End(Cancel));
        Assert.Empty(items);

        await FillPlace(late, latePlace, Home.Resource.Number);
        await Run(late, "COMMIT");
        await StoreFixture.Until(() => items.Count == 1);
        Assert.Equal([latePlace], Positions(items));
        await Run(undone, "ROLLBACK");
        await StoreFixture.Until(() => items.Count == 2);
        Assert.Equal([latePlace, last], Positions(items));
        Assert.Equal(naive, Assert.IsType<FeedItem.Changed>(items.Last()).Entry.Key[0].Number);
        Assert.Equal(last, (await Store.Feed.End(Cancel)).Number);
        await stop.CancelAsync();
        await task;
    }

    [Fact]
    public async Task Many_writers_on_two_nodes_are_read_once_each_and_below_a_root_in_order()
    {
        var end = await Store.Feed.End(Cancel);
        var tails = new[] { Follow(Store.Feed, end), Follow(_there.Store.Feed, end), Follow(_there.Store.Feed, end) };
        var rooms = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Room()));
        var person = await Person();
        foreach (var room in rooms)
        {
            await Join(room, person);
        }

        var stop = false;
        var disturbed = Task.Run(async () =>
        {
            // Transactions that take places and keep them for a while, or give them up.
            await using var slow = await Behind();
            for (var i = 0; !Volatile.Read(ref stop); i++)
            {
                await TakePlace(slow);
                await Task.Delay(TimeSpan.FromMilliseconds(7), Cancel);
                await Run(slow, "ROLLBACK");
            }
        }, Cancel);
        var acknowledged = new ConcurrentBag<(long Room, Appended Place, long Position)>();
        await Task.WhenAll(Enumerable.Range(0, 24).Select(producer => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++)
            {
                var (home, room) = (producer % 2 == 0 ? Home : _there, rooms[(producer + i) % rooms.Length]);
                var sent = await Send(home, room, person, $"{producer}/{i}");
                Assert.Null(sent.Refused);
                acknowledged.Add((room.Value, Assert.Single(sent.Appended), sent.Position));
            }
        })));
        Volatile.Write(ref stop, true);
        await disturbed;
        Assert.Equal(960, acknowledged.Count);
        foreach (var room in rooms)
        {
            Assert.Equal(Enumerable.Range(1, 160).Select(i => (long)i), acknowledged.Where(one => one.Room == room.Value).Select(one => one.Place.Sequence).Order());
        }

        foreach (var (items, stopping, task) in tails)
        {
            await StoreFixture.Until(() => items.Count >= 960 + 12);
            await stopping.CancelAsync();
            await task;
            var read = items.Select(item => Assert.IsType<FeedItem.Changed>(item).Entry).ToList();
            Assert.Equal(read.Select(entry => entry.Position).Distinct().Order(), read.Select(entry => entry.Position));
            var lines = read.Where(entry => entry.Kind.Name == "test.line").ToList();
            Assert.Equal(acknowledged.Select(one => one.Position).Order(), lines.Select(entry => entry.Position));
            foreach (var room in rooms)
            {
                var arrivals = lines.Where(entry => entry.Key[0].Number == room.Value).Select(entry => entry.Key[1].Number).ToList();
                Assert.Equal(arrivals.Order(), arrivals);
                Assert.Equal(acknowledged.Where(one => one.Room == room.Value).OrderBy(one => one.Place.Sequence).Select(one => one.Place.Arrival), arrivals);
            }
        }
    }

    [Fact]
    public async Task After_a_membership_ended_on_one_node_nothing_is_said_on_the_other()
    {
        var room = await Room();
        var person = await Join(room);
        for (var round = 0; round < 10; round++)
        {
            var member = (await Store.Get<Member>([room, person], Cancel))!;
            var saying = Enumerable.Range(0, 8).Select(i => Task.Run(() => Send(_there, room, person, $"{i}").AsTask())).ToList();
            var left = await Commit(b => b.Lock(room, NoRoom).Put(member with { LeftOn = Clock.GetUtcNow() }));
            var said = await Task.WhenAll(saying).WaitAsync(Cancel);
            Assert.All(said, one => Assert.True(one.Refused == NoMember || one.Position < left.Position));
            Assert.Equal(NoMember, (await Send(_there, room, person, "late")).Refused);
            await Commit(b => b.Lock(room, NoRoom).Put(member with { LeftOn = null, Version = member.Version + 1 }));
        }
    }

    [Fact]
    public async Task Of_two_nodes_that_want_the_same_one_has_it()
    {
        var name = 0;
        for (var round = 0; round < 15; round++)
        {
            var wanted = $"room {++name}";
            Room New(Home home) => new() { Key = home.References.Next<Room>(), Name = wanted, Topic = "t" };
            var rooms = await Task.WhenAll(new[] { Home, _there, Home, _there }.Select(home => Task.Run(() => home.Store.Commit(b => b.Insert(New(home)), Cancel).AsTask())));
            Assert.Equal([null, StorageProblems.Exists, StorageProblems.Exists, StorageProblems.Exists], rooms.Select(room => room.Refused).OrderBy(refused => refused is not null));

            var settings = await Task.WhenAll(new[] { Home, _there }.Select(home => Task.Run(() => home.Store.Commit(b => b.Insert(new Setting { Name = wanted, Part = 1 }), Cancel).AsTask())));
            Assert.Equal([null, StorageProblems.Exists], settings.Select(one => one.Refused).OrderBy(refused => refused is not null));

            var setting = (await Store.Get<Setting>([Text(wanted), 1], Cancel))!;
            var puts = await Task.WhenAll(new[] { Home, _there }.Select(home => Task.Run(() => home.Store.Commit(b => b.Put(setting with { Number = 2 }), Cancel).AsTask())));
            Assert.Equal([null, StorageProblems.Changed], puts.Select(one => one.Refused).OrderBy(refused => refused is not null));
        }
    }

    [Fact]
    public async Task What_is_said_on_one_node_while_the_room_is_deleted_on_the_other_goes_with_it()
    {
        for (var round = 0; round < 8; round++)
        {
            var room = await Room();
            var person = await Join(room);
            var saying = Enumerable.Range(0, 8).Select(i => Task.Run(() => Send(_there, room, person, $"{i}").AsTask())).ToList();
            await Commit(b => b.Lock(room, NoRoom).Delete<Room>([room]));
            Assert.All(await Task.WhenAll(saying), said => Assert.True(said.Refused is null || said.Refused == NoRoom || said.Refused == StorageProblems.Gone));
            Assert.NotNull((await Send(_there, room, person, "late")).Refused);
        }

        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("test_line") + await Fixture.Rows("test_member") + await Fixture.Rows("test_line_head"));
    }

    [Fact]
    public async Task What_an_erased_person_had_under_way_on_another_node_is_not_written()
    {
        var room = await Room();
        var person = await Join(room);
        await Send(_there, room, person, "the key is at hand there");

        // The other node has sealed its batch and waits for the room.
        await using var holder = await Behind();
        await Run(holder, "BEGIN");
        await Run(holder, $"SELECT 1 FROM test_room WHERE key = {room.Value} FOR UPDATE");
        var underWay = Send(_there, room, person, "sealed before the erasure").AsTask();
        await using var watch = await Behind();
        while ((long)(await Run(watch, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))! == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }

        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        await Run(holder, "ROLLBACK");
        Assert.Equal(StorageProblems.Gone, (await underWay).Refused);
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("test_line", $"writer = {person.Value}") + await Fixture.Rows("test_member", $"person = {person.Value}"));
    }

    [Fact]
    public async Task A_key_that_was_destroyed_on_one_node_opens_nothing_on_the_other()
    {
        var room = await Room();
        var person = await Join(room);
        await Send(Home, room, person, "theirs");
        Assert.Equal("theirs", Assert.Single(await _there.Store.Range<Line>(room).Open(Cancel)).Text);
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        await Eventually(async () => (await _there.Store.Range<Line>(room).Open(Cancel))[0].Text is null);

        var other = await Room();
        Assert.Equal("a topic", (await _there.Store.Get<Room>([other], Cancel))!.Topic);
        await Send(Home, other, await Join(other), "x");
        Assert.Single(await _there.Store.Range<Line>(other).Open(Cancel));
        await Commit(b => b.Delete<Room>([other]));
        await Unit.Housekeeping.Purge(Cancel);
        await Eventually(async () => (await _other.Keys.Key(new KeyName("test.room", other.Value), Cancel)) is null);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task A_node_that_is_cut_off_knows_it_within_a_second_refuses_and_comes_back_by_itself()
    {
        await using var relay = new CuttableRelay((await PostgresCluster.Shared(Cancel)).Port);
        await using var cut = await _fixture.OpenAnother(TestJson.Catalogue(), relay);
        var home = (await cut.Administration.Find(Home.ResourceId, Cancel))!;
        var room = await Room();
        var person = await Join(room);
        Assert.Null((await Send(home, room, person, "before")).Refused);
        Assert.True(home.Store.Feed.IsCurrent);

        relay.IsDown = true;
        relay.CutAll();
        await StoreFixture.Until(() => !home.Store.Feed.IsCurrent);
        Assert.Equal(StorageProblems.Unavailable, (await Send(home, room, person, "meanwhile")).Refused);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await home.Store.Range<Line>(room).Open(Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await cut.Keys.Key(KeyName.Of(person), Cancel));
        Assert.False((await cut.Check(Cancel)).IsReady);
        await Commit(b => b.Delete<Room>([room]));

        relay.IsDown = false;
        await StoreFixture.Until(() => home.Store.Feed.IsCurrent);
        Assert.Equal(NoRoom, (await Send(home, room, person, "after")).Refused);
        Assert.True((await cut.Check(Cancel)).IsReady);
    }

    [Theory]
    [InlineData("40001")]
    [InlineData("40P01")]
    [InlineData("55P03")]
    public async Task What_the_database_undoes_for_the_sake_of_others_is_done_again_and_written_once(string state)
    {
        var room = await Room();
        var person = await Join(room);
        await using var behind = await Behind();

        // A sequence is not undone with the transaction: the first three attempts fail, wherever they were, and the fourth does not.
        await Run(behind, "CREATE SEQUENCE attempts");
        await Run(
            behind,
            $"CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF nextval(''attempts'') < 4 THEN RAISE EXCEPTION USING ERRCODE = ''{state}''; END IF; RETURN NEW; END'");
        await Run(behind, "CREATE TRIGGER collide BEFORE INSERT ON engine_feed FOR EACH STATEMENT EXECUTE FUNCTION collide()");
        var end = (await Store.Feed.End(Cancel)).Number;
        var sent = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => Send(Home, room, person, $"{i}").AsTask())));
        Assert.All(sent, one => Assert.Null(one.Refused));
        Assert.True((long)(await Run(behind, "SELECT last_value FROM attempts"))! >= 4);
        Assert.Equal(Enumerable.Range(1, 8).Select(i => (long)i), sent.Select(one => Assert.Single(one.Appended).Sequence).Order());
        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"{i}"), (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Text).Order());
        Assert.Equal(8, (await Unit.Engine.ReadFeed(end, 1_000, Cancel)).Entries.Count);
    }

    [Fact]
    public async Task A_deadlock_that_a_batch_loses_is_only_a_delay()
    {
        var room = await Room();
        var person = await Join(room);
        await using var other = await Behind();
        await using var watch = await Behind();
        var said = new List<string>();
        while (true)
        {
            await Run(other, "BEGIN");
            await Run(other, "LOCK TABLE engine_feed IN SHARE MODE");
            said.Add($"{said.Count}");
            var sending = Send(Home, room, person, said[^1]).AsTask();
            while ((long)(await Run(watch, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'engine_feed'::regclass"))! == 0)
            {
                Assert.False(sending.IsCompleted);
                await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
            }

            // The batch has the room and waits for the feed. PostgreSQL undoes who looks first, a second after beginning to wait: the batch, unless this comes later than that.
            try
            {
                await Run(other, $"SELECT 1 FROM test_room WHERE key = {room.Value} FOR UPDATE");
            }
            catch (PostgresException lost) when (lost.SqlState == PostgresErrorCodes.DeadlockDetected && said.Count < 10)
            {
                await Run(other, "ROLLBACK");
                Assert.Null((await sending).Refused);
                continue;
            }

            Assert.False(sending.IsCompleted);
            await Run(other, "COMMIT");
            Assert.Null((await sending).Refused);
            break;
        }

        while ((long)(await Run(watch, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))! < said.Count)
        {
            // The server counts a little later.
            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }

        Assert.Equal(said, (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Text).Order());
    }

    [Fact]
    [Trait("length", "full")]
    public async Task While_a_line_stalls_the_node_says_that_it_is_not_ready_and_nothing_is_lost_or_doubled()
    {
        await using var relay = new CuttableRelay((await PostgresCluster.Shared(Cancel)).Port);
        await using var stalled = await _fixture.OpenAnother(TestJson.Catalogue(), relay);
        var home = (await stalled.Administration.Find(Home.ResourceId, Cancel))!;
        var room = await Room();
        var person = await Join(room);
        var acknowledged = new ConcurrentBag<string>();
        var enough = false;
        var writers = Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref enough); i++)
            {
                var text = $"{writer}/{i}";
                var sent = await Send(home, room, person, text);
                Assert.True(sent.Refused is null || sent.Refused == StorageProblems.Unavailable);
                if (sent.Refused is null)
                {
                    acknowledged.Add(text);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(1), Cancel);
            }
        })).ToList();
        await MoreThan(acknowledged.Count + 20);
        relay.Stall();
        await StoreFixture.Until(() => !home.Store.Feed.IsCurrent);
        Assert.False((await stalled.Check(Cancel)).IsReady);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await home.Store.Range<Line>(room).Open(Cancel));
        relay.Flow();
        await StoreFixture.Until(() => home.Store.Feed.IsCurrent);
        await MoreThan(acknowledged.Count + 20);
        Volatile.Write(ref enough, true);
        await Task.WhenAll(writers);
        var found = new List<string>();
        for (List<Line> page = [.. await Store.Range<Line>(room).Open(Cancel)]; page.Count > 0; page = await Store.Range<Line>(room).After(page[^1].Arrival).Open(Cancel))
        {
            found.AddRange(page.Select(line => line.Text!));
        }

        Assert.Empty(acknowledged.Except(found));
        Assert.Equal(found.Count, found.Distinct().Count());

        Task MoreThan(int count) => StoreFixture.Until(() => acknowledged.Count > count || writers.Exists(writer => writer.IsCompleted));
    }

    [Fact]
    public async Task Every_statement_finds_its_rows_by_an_index()
    {
        await using var behind = await Behind();
        await Run(behind, "ANALYZE");
        var person = await Person();
        for (var i = 0; i < 20; i++)
        {
            var room = await Room();
            await Join(room, person);
            for (var line = 0; line < 20; line++)
            {
                Assert.Null((await Send(i % 2 == 0 ? Home : _there, room, person, $"{line}")).Refused);
            }

            Assert.Equal(20, (await _there.Store.Range<Line>(room).Take(50).Open(Cancel)).Count);
            Assert.NotNull(await Store.Get<Member>([room, person], Cancel));
            if (i % 4 == 0)
            {
                await Commit(b => b.Delete<Room>([room]));
            }
        }

        await Unit.Housekeeping.Purge(Cancel);
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        await Unit.Housekeeping.Purge(Cancel);

        // Sessions tell what they counted a little later.
        await Eventually(async () => (bool)(await Run(
            behind,
            "SELECT coalesce((SELECT n_tup_ins >= 400 AND idx_scan >= 20 FROM pg_stat_user_tables WHERE relname = 'test_line') AND (SELECT idx_scan >= 400 FROM pg_stat_user_tables WHERE relname = 'test_member'), false)"))!);
        Assert.Equal("", await Run(behind, "SELECT coalesce(string_agg(relname || ' ' || seq_scan, ', '), '') FROM pg_stat_user_tables WHERE seq_scan > 0 AND seq_tup_read > 100"));
    }

    [Fact]
    public async Task A_commit_whose_answer_was_lost_is_acknowledged_once_and_written_once()
    {
        await using var relay = new CuttableRelay((await PostgresCluster.Shared(Cancel)).Port);
        await using var cut = await _fixture.OpenAnother(TestJson.Catalogue(), relay);
        var home = (await cut.Administration.Find(Home.ResourceId, Cancel))!;
        var room = await Room();
        var person = await Join(room);
        for (var round = 1; round <= 5; round++)
        {
            // The id of the record is in the statement that writes, and in no other before it; so the answer to the commit is the one that is lost.
            var mark = $"CUT-THE-ANSWER-{round}";
            relay.CutAnswersTo(mark);
            var sending = home.Store.Commit(
                b => b.Lock(room, NoRoom).Append(Says(room, person, $"{round}") with { Id = new Guid(System.Text.Encoding.ASCII.GetBytes(mark), bigEndian: true) }), Cancel).AsTask();
            await StoreFixture.Until(() => relay.Cuts >= round);
            relay.CutAnswersTo(null);
            var sent = await sending;
            Assert.Null(sent.Refused);
            Assert.Equal(round, Assert.Single(sent.Appended).Sequence);
            Assert.Equal((await Store.Feed.End(Cancel)).Number, sent.Position);
        }

        Assert.Equal(5, relay.Cuts);
        Assert.Equal(["1", "2", "3", "4", "5"], (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Text));
    }

    [Fact]
    public async Task A_batch_whose_answer_was_lost_is_told_at_its_places_although_those_of_others_lie_between_and_behind()
    {
        await using var relay = new CuttableRelay((await PostgresCluster.Shared(Cancel)).Port);
        await using var cut = await _fixture.OpenAnother(TestJson.Catalogue(), relay);
        var home = (await cut.Administration.Find(Home.ResourceId, Cancel))!;
        var room = await Room();
        var person = await Join(room);
        var told = new List<FeedEntry>();
        home.Store.Feed.Observe(told.AddRange);

        // As if others drew a place each time that this one did.
        await using var behind = await Behind();
        await Run(behind, "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''engine_feed_position''); RETURN NEW; END'");
        await Run(behind, "CREATE TRIGGER skip BEFORE INSERT ON engine_feed FOR EACH ROW EXECUTE FUNCTION skip()");
        const string Mark = "CUT-THE-ANSWER-1";
        Assert.Null((await Send(home, room, person, "while all is well")).Refused);
        relay.CutAnswersTo(Mark);
        relay.IsDown = true;
        var sending = home.Store.Commit(
            b => b.Lock(room, NoRoom).Insert(new Setting { Name = "with it", Part = 1 })
                .Append(Says(room, person, "first")).Append(Says(room, person, "second") with { Id = new Guid(System.Text.Encoding.ASCII.GetBytes(Mark), bigEndian: true) }),
            Cancel).AsTask();
        await StoreFixture.Until(() => relay.Cuts == 1);
        relay.CutAnswersTo(null);
        await Send(Home, room, person, "of another node");
        relay.IsDown = false;
        var sent = await sending;
        Assert.Null(sent.Refused);
        var page = await _other.Engine.ReadFeed(0, 1_000, Cancel);
        while (page.IsHeldUp)
        {
            // The transaction of the line that was cut may still have to find out.
            await Task.Delay(TimeSpan.FromMilliseconds(20), Cancel);
            page = await _other.Engine.ReadFeed(0, 1_000, Cancel);
        }

        var ours = page.Entries.SkipWhile(entry => entry.Kind.Name != "test.setting").Take(3).ToList();
        Assert.Equal(["test.setting", "test.line", "test.line"], ours.Select(entry => entry.Kind.Name));
        Assert.True(ours[2].Position > ours[0].Position + 2);
        Assert.Equal(ours[2].Position, sent.Position);
        Assert.Equal(ours.Select(entry => entry.Position), told.Where(entry => ours.Exists(one => one.Key.SequenceEqual(entry.Key))).Select(entry => entry.Position).Order());
    }

    [Fact]
    public async Task Work_that_one_node_does_at_a_time_goes_to_another_when_its_holder_is_gone()
    {
        Assert.True(await Unit.Engine.Lease("test", TimeSpan.FromSeconds(30), Cancel));
        Assert.True(await Unit.Engine.Lease("test", TimeSpan.FromMilliseconds(200), Cancel));
        Assert.False(await _other.Engine.Lease("test", TimeSpan.FromSeconds(30), Cancel));
        await Eventually(async () => await _other.Engine.Lease("test", TimeSpan.FromSeconds(30), Cancel));
        Assert.False(await Unit.Engine.Lease("test", TimeSpan.FromSeconds(30), Cancel));
        await _other.Engine.Release(Cancel);
        Assert.True(await Unit.Engine.Lease("test", TimeSpan.FromSeconds(30), Cancel));
    }

    [Fact]
    public async Task Nodes_that_start_at_once_on_an_empty_store_agree()
    {
        await using var fresh = new PostgresFixture();
        await fresh.Prepare();
        var units = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => fresh.OpenAnother(TestJson.Catalogue())));
        var resource = Guid.CreateVersion7();
        var homes = await Task.WhenAll(units.Select(unit => unit.Administration.Add(resource, Cancel)));
        Assert.Single(homes.Select(home => home.Resource).Distinct());
        Assert.Null((await homes[0].Store.Commit(b => b.Insert(new Setting { Name = "one", Part = 1, Value = "theirs" }), Cancel)).Refused);
        foreach (var home in homes)
        {
            Assert.Equal("theirs", (await home.Store.Get<Setting>([Text("one"), 1], Cancel))!.Value);
        }

        foreach (var unit in units)
        {
            await unit.DisposeAsync();
        }
    }

    private static async Task Eventually(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), Cancel);
        }
    }
}
