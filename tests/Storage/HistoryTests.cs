using System.Collections.Concurrent;
using System.Diagnostics;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteHistoryTests() : HistoryTests(() => new SqliteFixture(), histories: 14);

[Trait("needs", "postgres")]
public sealed class PostgresHistoryTests() : HistoryTests(() => new PostgresFixture(), histories: 6);

/// <summary>Every batch and every look goes to either of two nodes, whichever chance says.</summary>
[Trait("needs", "postgres")]
public sealed class TwoNodesHistoryTests() : HistoryTests(() => new TwoNodesFixture(), histories: 6);

/// <summary>
/// Random histories against a model in memory: several tasks write at once while records expire, people are erased, epochs turn and the store is closed and opened
/// again. What was acknowledged, put in the order of the feed, must be a possible history, and at its end the store must hold what the model holds.
/// </summary>
public abstract class HistoryTests(Func<StoreFixture> fixture, int histories)
{
    [Fact]
    public Task Any_short_history_ends_as_the_model_says() => Run(histories, rounds: 3, batches: 25);

    [Fact]
    [Trait("length", "long")]
    public Task Any_history_ends_as_the_model_says() => Run(histories: 60, rounds: 6, batches: 80);

    private async Task Run(int histories, int rounds, int batches)
    {
        var seed = Environment.GetEnvironmentVariable("DOMICILE_TEST_SEED") is { Length: > 0 } given
            ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        for (var i = 0; i < histories; i++)
        {
            await using var store = fixture();
            var history = new History(store, seed + i);
            try
            {
                await history.Run(rounds, batches);
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"The history of seed {seed + i} failed (DOMICILE_TEST_SEED={seed + i} repeats it): {fault.Message}", fault);
            }
        }
    }
}

/// <summary>One history.</summary>
internal sealed class History(StoreFixture fixture, int seed)
{
    private static readonly Problem No = new("/problems/test/no", 409, "No.");
    private readonly ConcurrentDictionary<long, Written> _acknowledged = new();
    private readonly ConcurrentDictionary<Ref<Room>, bool> _rooms = new();

    /// <summary>Erasures that were asked for; one whose caller was not answered may have begun, and is then finished.</summary>
    private readonly ConcurrentDictionary<long, Written> _begun = new();
    private readonly Random _random = new(seed);
    private readonly List<List<FeedEntry>> _told = [];
    private readonly List<FeedEntry> _followed = [];
    private readonly Dictionary<string, object> _model = [];
    private readonly Dictionary<Ref<Room>, (long Sequence, long Arrival)> _places = [];

    /// <summary>What went with a room or a person, as it was. Until it is removed it may be deleted as well, or come to its time.</summary>
    private readonly Dictionary<string, object> _going = [];
    private readonly HashSet<SubjectRef> _erased = [];

    /// <summary>When it was answered that somebody is erased.</summary>
    private readonly ConcurrentDictionary<SubjectRef, long> _erasedBy = new();
    private SubjectRef[] _people = [];
    private int _counter;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private HomeStore Store => fixture.Home.Store;

    private HomeStore Any(Random random) => fixture.Homes is [var only] ? only.Store : fixture.Homes[random.Next(fixture.Homes.Count)].Store;

    public async Task Run(int rounds, int batches)
    {
        await fixture.Open();
        _people = [.. await Task.WhenAll(Enumerable.Range(0, 6).Select(i => fixture.Home.AddSubject([new Identifier(Identifier.CommunicationUser, $"p{i}")], Cancel)))];
        for (var round = 0; round < rounds; round++)
        {
            Observe();
            var seeds = Enumerable.Range(0, 5).Select(_ => _random.Next()).ToList();
            var writing = seeds.Select(each => Task.Run(() => WriteUntilDone(new Random(each), batches))).ToList();

            // The one that is open now: when it is closed meanwhile, its work ends with it.
            var keeper = new Random(_random.Next());
            var at = keeper.Next(fixture.Nodes.Count);
            var (unit, home) = (fixture.Nodes[at], fixture.Homes[at]);
            var keeping = Task.Run(() => KeepInOrder(keeper, unit, home));
            if (_random.Next(3) == 0)
            {
                // In the middle of it all: what is not acknowledged now was not written.
                await Task.WhenAny(writing);
                await fixture.Close();
            }

            await Task.WhenAll([.. writing, keeping]);
            await fixture.Restart();
            await Follow();
            fixture.Clock.Turn(TimeSpan.FromHours(_random.Next(10)));
        }

        Observe();
        await fixture.Unit.Housekeeping.Sweep(Cancel);
        await fixture.Unit.Housekeeping.Purge(Cancel);
        await Follow();

        // What the store notes for itself at its start is no part of the history.
        _followed.RemoveAll(entry => entry.Kind.Name.StartsWith("storage.", StringComparison.Ordinal));
        AssertTold();
        Spread();
        _followed.ForEach(Replay);
        Assert.Equal(_acknowledged.Count, _followed.Count(entry => _acknowledged.ContainsKey(entry.Position)));
        await Compare();
    }

    private void Observe()
    {
        foreach (var home in fixture.Homes)
        {
            var told = new List<FeedEntry>();
            _told.Add(told);
            home.Store.Feed.Observe(entries =>
            {
                lock (told)
                {
                    told.AddRange(entries);
                }
            });
        }
    }

    /// <summary>
    /// Each change was told by the node that made it, or it is not there. With one node that is all, in the order of the feed; with several each is also told of
    /// the others' changes, once and in their order, for as long as it is there.
    /// </summary>
    private void AssertTold()
    {
        if (fixture.Homes.Count == 1)
        {
            Assert.Equal(_followed.Select(Describe), _told.SelectMany(told => told).Select(Describe));
            return;
        }

        Assert.All(_told, told => Assert.Equal(told.Count, told.DistinctBy(entry => entry.Position).Count()));
        Assert.Equal(_followed.Select(Describe), _told.SelectMany(told => told).DistinctBy(entry => entry.Position).OrderBy(entry => entry.Position).Select(Describe));
    }

    private static string Describe(FeedEntry entry) => $"{entry.Position} {entry.Change} {KeyOf(entry.Kind.Name, [.. entry.Key])} v{entry.Version}";

    private static string KeyOf(string kind, ColumnValue[] key) => $"{kind} {string.Join('/', key.Select(part => part.Text ?? $"{part.Number}"))}";

    private async Task WriteUntilDone(Random random, int batches)
    {
        try
        {
            for (var i = 0; i < batches; i++)
            {
                await WriteOnce(random);
            }
        }
        catch (Exception closed) when (closed is ObjectDisposedException or StoreUnavailableException)
        {
            // The store was closed in the middle of a read.
        }
    }

    private async Task KeepInOrder(Random random, ScaleUnit unit, Home home)
    {
        try
        {
            if (random.Next(2) == 0)
            {
                var person = _people[random.Next(_people.Length)];
                var mark = new Setting { Name = "erased", Part = Interlocked.Increment(ref _counter), Value = $"{person.Value}" };
                var written = new Written([new OneChange("test.setting", Change.Inserted, [ColumnValue.Of(mark.Name), mark.Part], mark with { Version = 1 })], [], Stopwatch.GetTimestamp());
                var end = await Store.Feed.End(Cancel);
                _begun.TryAdd(mark.Part, written);
                Assert.Null(await home.EraseSubject(person, b => b.Insert(mark), Cancel));
                _erasedBy.TryAdd(person, Stopwatch.GetTimestamp());
                Acknowledge(written, await PositionOf(mark, end));
            }

            await unit.Housekeeping.Purge(Cancel);
            fixture.Clock.Turn(TimeSpan.FromHours(random.Next(30)));
            await unit.Housekeeping.Sweep(Cancel);
            await unit.Housekeeping.TurnEpoch(Cancel);
            await unit.Housekeeping.Purge(Cancel);
        }
        catch (Exception closed) when (closed is ObjectDisposedException or StoreUnavailableException)
        {
            // The store was closed; the next start goes on.
        }
    }

    private async Task<long> PositionOf(Setting mark, FeedPosition from)
    {
        await foreach (var item in Store.Feed.Tail("nobody", from, Cancel))
        {
            if (item is FeedItem.Changed { Entry: { Kind.Name: "test.setting", Change: Change.Inserted } entry } && entry.Key[0].Text == "erased" && entry.Key[1].Number == mark.Part)
            {
                return entry.Position;
            }
        }

        return 0;
    }

    private void Acknowledge(Written written, long last) => Assert.True(_acknowledged.TryAdd(last, written), "Two batches were told the same position.");

    /// <summary>
    /// Gives each change of a batch its own place. Their rows stay locked from the first to the last, so going back from the last the next of the same row is
    /// theirs, whatever others wrote between.
    /// </summary>
    private void Spread()
    {
        for (var i = _followed.Count - 1; i >= 0; i--)
        {
            if (!_acknowledged.TryGetValue(_followed[i].Position, out var written) || written.Changes.Count == 1)
            {
                continue;
            }

            var at = i;
            for (var change = written.Changes.Count - 1; change >= 0; at--, change--)
            {
                var expected = (KeyOf(written.Changes[change].Kind, written.Changes[change].Key), written.Changes[change].What);
                while ((KeyOf(_followed[at].Kind.Name, [.. _followed[at].Key]), _followed[at].Change) != expected)
                {
                    at--;
                }

                // The checks of a batch belong to its first change.
                var one = new Written([written.Changes[change]], change == 0 ? written.Members : [], written.Begun);
                Assert.True(at == i || _acknowledged.TryAdd(_followed[at].Position, one), "Two batches have the same position.");
                _acknowledged[_followed[at].Position] = one;
            }
        }
    }

    private async Task WriteOnce(Random random)
    {
        var begun = Stopwatch.GetTimestamp();
        var changes = new List<OneChange>();
        var members = new List<(Ref<Room> Room, SubjectRef Person)>();
        var build = new List<Action<Batch>>();
        await Choose(random, changes, members, build);
        if (random.Next(4) == 0)
        {
            await ChooseSetting(random, changes, build, "extra");
        }

        var spoiled = random.Next(12);
        if (spoiled == 0)
        {
            build.Add(b => b.Require<Setting>([ColumnValue.Of("never"), 0], No));
        }
        else if (spoiled == 1)
        {
            // Found out only by the index, when the group is being written.
            build.Add(b => b.Insert(new Setting { Name = "spoiled", Part = 0 }).Insert(new Setting { Name = "spoiled", Part = 0 }));
        }

        if (build.Count == 0)
        {
            return;
        }

        var outcome = await Any(random).Commit(b => build.ForEach(step => step(b)), Cancel);
        if (outcome.Refused is not null)
        {
            return;
        }

        Assert.True(spoiled > 1, "A batch that must be refused was written.");
        var appended = 0;
        for (var i = 0; i < changes.Count; i++)
        {
            if (changes[i] is { Record: Line line, What: Change.Inserted } said)
            {
                var place = outcome.Appended[appended++];
                changes[i] = said with { Key = [line.Room, place.Arrival], Record = line with { Arrival = place.Arrival, Sequence = place.Sequence } };
            }
        }

        Acknowledge(new Written(changes, members, begun), outcome.Position);
    }

    private async Task Choose(Random random, List<OneChange> changes, List<(Ref<Room> Room, SubjectRef Person)> members, List<Action<Batch>> build)
    {
        var person = _people[random.Next(_people.Length)];
        var rooms = _rooms.Keys.ToList();
        var room = rooms.Count == 0 ? default : rooms[random.Next(rooms.Count)];
        var text = $"text {Interlocked.Increment(ref _counter)}";
        switch (rooms.Count == 0 ? 0 : random.Next(14))
        {
            case 0:
                var made = new Room
                {
                    Key = fixture.Home.References.Next<Room>(),
                    Name = text,
                    Topic = text,
                    ClosesOn = random.Next(3) == 0 ? fixture.Clock.GetUtcNow().AddHours(random.Next(40)) : null,
                };
                _rooms.TryAdd(made.Key, true);
                var first = new Member { Room = made.Key, Person = person, Nickname = text };
                build.Add(b => b.Insert(made).Insert(first));
                changes.Add(new OneChange("test.room", Change.Inserted, [made.Key], made with { Version = 1 }));
                changes.Add(new OneChange("test.member", Change.Inserted, [made.Key, person], first with { Version = 1 }));
                break;
            case 1 or 2 or 4:
                var joins = new Member { Room = room, Person = person, Nickname = text };
                build.Add(b => b.Lock(room, No).Insert(joins));
                changes.Add(new OneChange("test.member", Change.Inserted, [room, person], joins with { Version = 1 }));
                break;
            case 3 when await Any(random).Get<Member>([room, person], Cancel) is { } member:
                var left = member with { LeftOn = member.LeftOn is null ? fixture.Clock.GetUtcNow() : null };
                build.Add(b => b.Put(left));
                changes.Add(new OneChange("test.member", Change.Put, [room, person], left with { Version = left.Version + 1 }));
                break;
            case 5 when random.Next(3) == 0:
                build.Add(b => b.Delete<Room>([room], No));
                changes.Add(new OneChange("test.room", Change.Deleted, [room], null));
                break;
            case 6 when await Any(random).Range<Line>(room).Descending().Take(3).Open(Cancel) is { Count: > 0 } lines:
                var line = lines[random.Next(lines.Count)];
                if (line.ErasedOn is null && random.Next(2) == 0)
                {
                    var edited = line with { Text = text };
                    build.Add(b => b.Put(edited));
                    changes.Add(new OneChange("test.line", Change.Put, [room, line.Arrival], edited with { Version = line.Version + 1 }));
                }
                else
                {
                    build.Add(b => b.Delete<Line>([room, line.Arrival], No));
                    changes.Add(new OneChange("test.line", Change.Deleted, [room, line.Arrival], null));
                }

                break;
            case 7:
                var visit = new Visit { Key = fixture.Home.References.Next<Visit>(), Visitor = person, Host = _people[random.Next(_people.Length)], At = fixture.Clock.GetUtcNow(), Words = text };
                build.Add(b => b.Insert(visit));
                changes.Add(new OneChange("test.visit", Change.Inserted, [visit.Key], visit));
                break;
            case 8:
                await ChooseLetter(random, person, text, changes, build);
                break;
            case 9:
                await ChooseSetting(random, changes, build, "s");
                break;
            default:
                var said = new Line { Room = room, Id = Guid.CreateVersion7(), Writer = person, Text = text, Version = 0 };
                build.Add(b => b.Lock(room, No).Require<Member>([room, person], No).Append(said));
                members.Add((room, person));
                changes.Add(new OneChange("test.line", Change.Inserted, [], said with { Version = 1 }));
                break;
        }
    }

    private async Task ChooseLetter(Random random, SubjectRef person, string text, List<OneChange> changes, List<Action<Batch>> build)
    {
        var key = new Ref<Letter>(random.Next(1, 12));
        var letter = await Any(random).Get<Letter>([key], Cancel);
        if (letter is null)
        {
            letter = new Letter { Key = key, Writer = person, Text = text };
            build.Add(b => b.Insert(letter));
            changes.Add(new OneChange("test.letter", Change.Inserted, [key], letter with { Version = 1 }));
        }
        else if (letter.ErasedOn is null && random.Next(2) == 0)
        {
            var changed = letter with { Text = text, Writer = person };
            build.Add(b => b.Put(changed));
            changes.Add(new OneChange("test.letter", Change.Put, [key], changed with { Version = letter.Version + 1 }));
        }
        else
        {
            build.Add(b => b.Delete<Letter>([key], No));
            changes.Add(new OneChange("test.letter", Change.Deleted, [key], null));
        }
    }

    private async Task ChooseSetting(Random random, List<OneChange> changes, List<Action<Batch>> build, string name)
    {
        ColumnValue[] key = [ColumnValue.Of(name), random.Next(4)];
        var setting = await Any(random).Get<Setting>(key, Cancel);
        if (setting is null)
        {
            var made = new Setting { Name = name, Part = key[1].Number, Number = random.Next(), Value = "made" };
            build.Add(b => b.Insert(made));
            changes.Add(new OneChange("test.setting", Change.Inserted, key, made with { Version = 1 }));
        }
        else if (random.Next(3) > 0)
        {
            var changed = setting with { Number = random.Next(), Value = $"changed {random.Next()}" };
            build.Add(b => b.Put(changed));
            changes.Add(new OneChange("test.setting", Change.Put, key, changed with { Version = setting.Version + 1 }));
        }
        else
        {
            build.Add(b => b.Delete<Setting>(key, No));
            changes.Add(new OneChange("test.setting", Change.Deleted, key, null));
        }
    }

    /// <summary>A reader with a remembered position: whatever it gets, it gets once.</summary>
    private async Task Follow()
    {
        var end = await Store.Feed.End(Cancel);
        if (_followed.Count > 0 && _followed[^1].Position == end.Number)
        {
            return;
        }

        await foreach (var item in Store.Feed.Tail("follower", null, Cancel))
        {
            var changed = Assert.IsType<FeedItem.Changed>(item);
            _followed.Add(changed.Entry);
            if (changed.Position == end)
            {
                await Store.Feed.Remember("follower", changed.Position, Cancel);
                break;
            }
        }
    }

    private void Replay(FeedEntry entry)
    {
        var key = KeyOf(entry.Kind.Name, [.. entry.Key]);
        if (!_acknowledged.TryGetValue(entry.Position, out var written)
            && !(entry.Kind.Name == "test.setting" && entry.Key[0].Text == "erased" && _begun.TryGetValue(entry.Key[1].Number, out written)))
        {
            // Nobody asked for it but time.
            Assert.Equal(Change.Deleted, entry.Change);
            var due = (_model.GetValueOrDefault(key) ?? _going[key]) switch { Room room => room.ClosesOn, Visit visit => visit.At.AddDays(1), var other => throw new InvalidOperationException($"{other} went by itself.") };
            Assert.True(due <= entry.At, $"{key} went too early.");
            Remove(key);
            return;
        }

        var change = Assert.Single(written.Changes);
        Assert.Equal((KeyOf(change.Kind, change.Key), change.What), (key, entry.Change));
        foreach (var (room, person) in written.Members.Where(member => !_erased.Contains(member.Person)))
        {
            Assert.Null(Assert.IsType<Member>(_model[KeyOf("test.member", [room, person])]).LeftOn);
        }

        switch (entry.Change)
        {
            case Change.Inserted:
                Assert.DoesNotContain(key, _model.Keys);
                break;
            case Change.Put:
                // 0: of an erased person; until the row was depersonalised, somebody else may still make it theirs.
                Assert.True(VersionOf(_model[key]) is var version && (version == 0 || version == entry.Version - 1), $"{key} was at {version} before it was put as {entry.Version}.");
                break;
            default:
                Assert.True(_model.ContainsKey(key) || _going.ContainsKey(key), $"{key} was deleted, but was not there.");
                Remove(key);
                return;
        }

        // What another node had under way while a person was erased may come behind the erasure; it is removed with the rest. What began later never comes.
        var late = (change.Record is Visit { Host: var host } ? [PersonOf(change.Record), host] : (SubjectRef[])[PersonOf(change.Record!)]).Where(_erased.Contains).ToList();
        Assert.All(late, gone => Assert.True(
            fixture.Homes.Count > 1 && written.Begun < _erasedBy.GetValueOrDefault(gone, long.MaxValue), $"{key} was written with {gone}, who was erased before."));
        Assert.True(change.Record is OptOut or Visit || VersionOf(change.Record!) == entry.Version);
        if (change.Record is Line { Version: 1 } line)
        {
            var last = _places.GetValueOrDefault(line.Room);
            Assert.Equal(last.Sequence + 1, line.Sequence);
            Assert.True(line.Arrival > last.Arrival);
            _places[line.Room] = (line.Sequence, line.Arrival);
        }

        _model[key] = change.Record!;
        _going.Remove(key);
        late.ForEach(Erase);
        if (change.Record is Setting { Name: "erased" } mark)
        {
            Erase(new SubjectRef(long.Parse(mark.Value!, System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    private void Remove(string key)
    {
        if (_model.Remove(key, out var gone) && gone is Room room)
        {
            foreach (var (below, record) in _model.Where(pair => pair.Value is Line line && line.Room == room.Key || pair.Value is Member member && member.Room == room.Key).ToList())
            {
                _model.Remove(below);
                _going[below] = record;
            }
        }
    }

    private void Erase(SubjectRef person)
    {
        _erased.Add(person);
        foreach (var (key, record) in _model.Where(pair => PersonOf(pair.Value) == person || pair.Value is Visit visit && visit.Host == person).ToList())
        {
            switch (record)
            {
                case Line line:
                    _model[key] = line with { Writer = SubjectRef.None, Text = null!, ErasedOn = DateTimeOffset.UnixEpoch, Version = 0 };
                    break;
                case Letter letter:
                    _model[key] = letter with { Writer = SubjectRef.None, Text = null!, ErasedOn = DateTimeOffset.UnixEpoch, Version = 0 };
                    break;
                default:
                    _model.Remove(key);
                    _going[key] = record;
                    break;
            }
        }
    }

    private static SubjectRef PersonOf(object record) => record switch
    {
        Line line => line.Writer,
        Letter letter => letter.Writer,
        Member member => member.Person,
        Visit visit => visit.Visitor,
        _ => new SubjectRef(-1),
    };

    private static long VersionOf(object record) => record switch
    {
        Line line => line.Version,
        Letter letter => letter.Version,
        Member member => member.Version,
        Setting setting => setting.Version,
        Room room => room.Version,
        _ => 1,
    };

    private async Task Compare()
    {
        var stored = new Dictionary<string, object>();
        void Add(string kind, ColumnValue[] key, object record) => stored.Add(KeyOf(kind, key), record);
        foreach (var room in await Store.Range<Room>().Open(Cancel))
        {
            Add("test.room", [room.Key], room);
            foreach (var member in await Store.Range<Member>(room.Key).Open(Cancel))
            {
                Add("test.member", [member.Room, member.Person], member);
            }

            // The day of an erasure, and the version after it, are the store's own.
            foreach (var line in await Store.Range<Line>(room.Key).Open(Cancel))
            {
                Add("test.line", [line.Room, line.Arrival], line.ErasedOn is null ? line : line with { ErasedOn = DateTimeOffset.UnixEpoch, Version = 0 });
            }
        }

        foreach (var setting in await Store.Range<Setting>().Open(Cancel))
        {
            Add("test.setting", [ColumnValue.Of(setting.Name), setting.Part], setting);
        }

        foreach (var letter in await Store.Range<Letter>().Open(Cancel))
        {
            Add("test.letter", [letter.Key], letter.ErasedOn is null ? letter : letter with { ErasedOn = DateTimeOffset.UnixEpoch, Version = 0 });
        }

        foreach (var visit in await Store.Range<Visit>().Open(Cancel))
        {
            Add("test.visit", [visit.Key], visit);
        }

        Assert.Equal(_model.Keys.Order(StringComparer.Ordinal), stored.Keys.Order(StringComparer.Ordinal));
        foreach (var (key, record) in _model)
        {
            Assert.Equal(record, stored[key]);
        }

        foreach (var (table, kind) in new[] { ("test_room", "test.room "), ("test_member", "test.member "), ("test_line", "test.line "), ("test_letter", "test.letter "), ("test_visit", "test.visit ") })
        {
            Assert.Equal((table, _model.Keys.Count(key => key.StartsWith(kind, StringComparison.Ordinal))), (table, await fixture.Rows(table)));
        }
    }

    /// <summary>One change of a batch, as the model will see it.</summary>
    private sealed record OneChange(string Kind, Change What, ColumnValue[] Key, object? Record);

    /// <summary>What was acknowledged: its changes, the memberships that were required, and when it was asked for.</summary>
    private sealed record Written(IReadOnlyList<OneChange> Changes, IReadOnlyList<(Ref<Room> Room, SubjectRef Person)> Members, long Begun);
}
