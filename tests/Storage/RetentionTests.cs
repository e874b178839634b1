using System.Globalization;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;
using Domicile.Tests.Hardness;

namespace Domicile.Tests.Storage;

[Trait("length", "full")]
public sealed class SqliteRetentionTests() : RetentionTests(new SqliteFixture(), usually: 2);

[Trait("needs", "postgres")]
public sealed class PostgresRetentionTests() : RetentionTests(new PostgresFixture(), usually: 1);

/// <summary>What is kept how long, by the rules of kinds, resources and rooms; and that it is neither longer nor shorter.</summary>
public abstract class RetentionTests(StoreFixture fixture, int usually) : StoreTests(fixture)
{
    private const string Lines = "test.line";
    private const string Visits = "test.visit";
    private static readonly AuditNote Note = new(AuditedAct.RuleChanged, "node");

    [Fact]
    public async Task What_is_said_goes_at_the_age_that_the_resource_sets_and_sooner_where_the_room_says_so()
    {
        var (room, strict) = (await Room(), await Room());
        var person = await Join(room);
        await Join(strict, person);
        await Say(room, person, "old");
        await Say(strict, person, "old");
        Clock.Turn(TimeSpan.FromDays(4000));
        await Say(room, person, "new");
        await Say(strict, person, "new");
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));

        await Set(Lines, null, 1000, TimeSpan.Zero);
        await Set(Lines, strict.Value, 5, TimeSpan.Zero);
        Assert.Equal(2, await Unit.Housekeeping.Sweep(Cancel));
        Clock.Turn(TimeSpan.FromDays(5));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal(["new"], (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Text));
        Assert.Empty(await Store.Range<Line>(strict).Open(Cancel));

        // A room can but shorten; and what is said goes on in its place.
        await Set(Lines, strict.Value, 0, TimeSpan.Zero);
        Assert.Equal(3, (await Say(strict, person, "again")).Sequence);
        Clock.Turn(TimeSpan.FromDays(995));
        await Unit.Housekeeping.Sweep(Cancel);
        Assert.Empty(await Store.Range<Line>(room).Open(Cancel));
        Assert.Equal(["again"], (await Store.Range<Line>(strict).Open(Cancel)).Select(line => line.Text));
    }

    [Fact]
    public async Task A_rule_that_became_shorter_deletes_nothing_before_its_grace_is_over_and_a_longer_one_holds_at_once()
    {
        var person = await Person();
        await Commit(b => b.Insert(new Visit { Key = new(1), Visitor = person, At = Clock.GetUtcNow() }));
        var longer = await Set(Visits, null, 20, RetentionRules.GraceDefault);
        Assert.Null(longer.EffectiveOn);
        Clock.Turn(TimeSpan.FromDays(8));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));

        var shorter = await Set(Visits, null, 3, RetentionRules.GraceDefault);
        Assert.Equal((20, Clock.GetUtcNow().AddDays(7)), (shorter.PreviousDays, shorter.EffectiveOn));
        Clock.Turn(TimeSpan.FromDays(7) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        Clock.Turn(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));

        // Made longer before it came into force, it never does.
        await Commit(b => b.Insert(new Visit { Key = new(2), Visitor = person, At = Clock.GetUtcNow() }));
        await Set(Visits, null, 30, RetentionRules.GraceDefault);
        await Set(Visits, null, 1, RetentionRules.GraceDefault);
        await Set(Visits, null, 30, RetentionRules.GraceDefault);
        Clock.Turn(TimeSpan.FromDays(29));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
    }

    [Fact]
    public async Task A_dry_run_counts_what_the_rule_then_deletes_and_leaves_out_what_is_held()
    {
        var (room, held) = (await Room(), await Room());
        var person = await Join(room);
        await Join(held, person);
        for (var i = 0; i < 7; i++)
        {
            await Say(room, person, "x");
            await Say(held, person, "x");
        }

        await Commit(b => b.Insert(new Visit { Key = new(1), Visitor = SubjectRef.None, At = Clock.GetUtcNow() }));
        Clock.Turn(TimeSpan.FromDays(10));
        await Say(room, person, "young");
        Assert.NotNull((await Home.Holds.OnRoot(Unit.Catalogue.Of<Room>(), held.Value, new HoldTerms("r", Clock.GetUtcNow().AddDays(1), Note), Cancel)).Placed);
        Assert.Equal(new Dictionary<string, long> { [Lines] = 7 }, await Home.Rules.Try(Lines, null, 5, Cancel));
        Assert.Equal(new Dictionary<string, long> { [Lines] = 7 }, await Home.Rules.Try(Lines, room.Value, 5, Cancel));
        Assert.Equal(new Dictionary<string, long> { [Lines] = 0 }, await Home.Rules.Try(Lines, held.Value, 5, Cancel));
        Assert.Equal(new Dictionary<string, long> { [Lines] = 0 }, await Home.Rules.Try(Lines, null, 0, Cancel));
        Assert.Equal(new Dictionary<string, long> { [Visits] = 1 }, await Home.Rules.Try(Visits, null, 10, Cancel));
        Assert.Equal(new Dictionary<string, long> { [Lines] = 0 }, await Fixture.Neighbour.Rules.Try(Lines, null, 5, Cancel));
        Assert.Equal(15, await Fixture.Rows("test_line"));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        await Set(Lines, null, 5, TimeSpan.Zero);
        Assert.Equal(7, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal(7, (await Store.Range<Line>(held).Open(Cancel)).Count);
    }

    [Theory]
    [InlineData(Lines, 1001, false)]
    [InlineData(Lines, -1, false)]
    [InlineData(Visits, 0, false)]
    [InlineData(Visits, 31, false)]
    [InlineData(Visits, 5, true)]
    [InlineData("test.letter", 5, false)]
    [InlineData("no.kind", 5, false)]
    public async Task A_rule_outside_its_bounds_is_refused(string kind, int days, bool ofRoom)
    {
        var room = await Room();
        var set = await Home.Rules.Set(kind, ofRoom ? room.Value : null, days, TimeSpan.Zero, Note, Cancel);
        Assert.Equal((null, StorageProblems.NoSuchRule), (set.Rule, set.Refused));
    }

    [Fact]
    public async Task The_rule_of_a_room_needs_the_room_and_goes_after_it()
    {
        var (room, elsewhere) = (await Room(), await Room(home: Fixture.Neighbour));
        await Set(Lines, room.Value, 5, TimeSpan.Zero);
        Assert.Equal(StorageProblems.Missing, (await Home.Rules.Set(Lines, elsewhere.Value, 5, TimeSpan.Zero, Note, Cancel)).Refused);
        await Commit(b => b.Delete<Room>([room]));
        Assert.Equal(1, await Unit.Engine.RemoveLooseRules(Unit.Catalogue.Of<Line>(), Unit.Catalogue.Of<Room>(), Cancel));
        Assert.Equal(0, await Fixture.Rows("storage_rootretention"));
    }

    [Fact]
    public async Task What_names_something_that_ended_goes_so_many_days_later_even_when_it_was_written_after()
    {
        await Commit(b => b.Insert(new HouseKey { Number = 1, House = 7 }).Insert(new HouseKey { Number = 2, House = 8 }));
        await Commit(b => b.Insert(new HouseKey { Number = 3, House = 7 }), Fixture.Neighbour);
        Clock.Turn(TimeSpan.FromDays(1000));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        await Commit(b => b.Insert(new Ending { Event = "house.left", Target = 7, At = Clock.GetUtcNow() }));
        Clock.Turn(TimeSpan.FromDays(2) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        Clock.Turn(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal([2L], (await Store.Range<HouseKey>().Open(Cancel)).Select(key => key.Number));
        Assert.Equal(1, await Fixture.Rows("test_key", $"resource = {Fixture.Neighbour.Resource.Number}"));
        await Commit(b => b.Insert(new HouseKey { Number = 4, House = 7 }));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
    }

    [Fact]
    public async Task A_version_with_another_default_leaves_resources_of_before_the_one_that_they_had()
    {
        await Set(Visits, null, 5, TimeSpan.Zero);
        var known = (await Unit.Own.Store.Get<KnownDefault>([Text(Visits)], Cancel))!;
        Assert.Equal(1, known.Days);

        // As if the version before had kept them for 20 days.
        Assert.Null((await Unit.Own.Store.Commit(b => b.Put(known with { Days = 20 }), Cancel)).Refused);
        await Fixture.Restart();
        Assert.Equal((5, 20), (await RetentionRule.Find(Home, Visits, Cancel), await RetentionRule.Find(Fixture.Neighbour, Visits, Cancel)));
        Assert.Equal(1, (await Unit.Own.Store.Get<KnownDefault>([Text(Visits)], Cancel))!.Days);
        var later = await Unit.Administration.Add(Guid.NewGuid(), Cancel);
        Assert.Null(await RetentionRule.Find(later, Visits, Cancel));
        await Fixture.Restart();
        Assert.Null(await RetentionRule.Find((await Unit.Administration.Find(later.ResourceId, Cancel))!, Visits, Cancel));
    }

    [Fact]
    public async Task The_oldest_record_of_each_kind_is_told_against_its_rule()
    {
        Assert.Empty(await Unit.Administration.Oldest(Cancel));
        var (person, room) = (await Person(), await Room(closesOn: Clock.GetUtcNow().AddDays(3)));
        var begun = Clock.GetUtcNow();
        await Join(room, person);
        await Say(room, person, "x");
        await Commit(b => b.Insert(new Visit { Key = new(1), Visitor = person, At = begun }).Insert(new HouseKey { Number = 1, House = 7 }).Insert(new Ending { Event = "house.left", Target = 7, At = begun }));
        await Set(Lines, null, 4, TimeSpan.Zero);
        Clock.Turn(TimeSpan.FromDays(2));
        var oldest = (await Unit.Administration.Oldest(Cancel)).ToDictionary(record => record.Kind);
        Assert.Equal((begun, begun.AddDays(1), TimeSpan.FromDays(1)), (oldest[Visits].Instant, oldest[Visits].Due, oldest[Visits].Overdue));
        Assert.Equal((begun.AddDays(4), TimeSpan.Zero), (oldest[Lines].Due, oldest[Lines].Overdue));
        Assert.Equal(begun.AddDays(3), oldest["test.room"].Due);
        Assert.Equal((begun.AddDays(2), TimeSpan.Zero), (oldest["test.key"].Due, oldest["test.key"].Overdue));
        await Unit.Housekeeping.Sweep(Cancel);
        Assert.DoesNotContain(await Unit.Administration.Oldest(Cancel), record => record.Kind == Visits);
    }

    [Fact]
    public async Task A_row_that_was_copied_before_its_room_went_opens_nowhere_after()
    {
        var (room, person) = (await Room(closesOn: Clock.GetUtcNow().AddDays(1)), await Person());
        await Join(room, person);
        await Say(room, person, "what a page of the database, its log or a backup may still hold");
        var kind = Unit.Catalogue.Of<Line>();
        var copied = Assert.Single(await Unit.Engine.Range(new RangePlan(kind, Home.Resource.Number, [room], null, null, false, 10), Cancel));
        Assert.NotNull(await Unit.Sealer.Open(kind, copied, Home.Resource, Cancel));
        Clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Null(await Unit.Sealer.Open(kind, copied, Home.Resource, Cancel));
        await Fixture.Restart();
        Assert.Null(await Unit.Sealer.Open(Unit.Catalogue.Of<Line>(), copied, Home.Resource, Cancel));
    }

    /// <summary>
    /// Random histories side by side, each in a resource of its own, under one clock: people say things, visit, take back, delete rooms; rules are set with and without grace; holds come and
    /// go, and so do people. After each sweep exactly that is there which a model says: nothing longer than its rule, nothing held missing, nothing gone early.
    /// </summary>
    [Fact]
    public async Task Whatever_happens_nothing_outlives_its_rule_and_nothing_held_goes_missing()
    {
        var seed = Seed.Take();
        var groups = int.TryParse(Environment.GetEnvironmentVariable("DOMICILE_HISTORIES"), CultureInfo.InvariantCulture, out var asked) ? Math.Max(1, asked / 100) : usually;
        var (kept, swept, held) = (0, 0, 0);
        for (var group = 0; group < groups; group++)
        {
            var worlds = new List<World>();
            for (var i = 0; i < 100; i++)
            {
                worlds.Add(await World.Begin(this, seed.For((group * 1000) + i)));
            }

            for (var round = 0; round < 10; round++)
            {
                await Task.WhenAll(worlds.Select(world => world.Act()));
                Clock.Turn(TimeSpan.FromHours(seed.For((group * 1000) + 500 + round).Next(1, 24 * 6)));
                await Unit.Housekeeping.Sweep(Cancel);
                await Unit.Housekeeping.Purge(Cancel);
                foreach (var world in worlds)
                {
                    var (there, gone, covered) = await world.Check(seed);
                    (kept, swept, held) = (kept + there, swept + gone, held + covered);
                }
            }

            await Task.WhenAll(worlds.Select(world => world.End()));
            await Unit.Housekeeping.Purge(Cancel);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{groups * 100} histories: {kept} looks at what stays, {swept} went in sweeps, {held} were due and held"));
        Assert.True(swept > groups * 100 && held > groups, $"{swept} went, {held} were held: too few to say anything.");
    }

    private async Task<IRetentionRule> Set(string kind, long? root, int days, TimeSpan grace)
    {
        var set = await Home.Rules.Set(kind, root, days, grace, Note, Cancel);
        Assert.Null(set.Refused);
        return set.Rule!;
    }

    /// <summary>One history, with the model of what must be there.</summary>
    private sealed class World(RetentionTests test, Random chance, Home home)
    {
        private readonly List<Place> _rooms = [];
        private readonly List<SubjectRef> _people = [];
        private readonly List<(Ref<Visit> Key, SubjectRef Visitor, SubjectRef Host, DateTimeOffset At)> _visits = [];
        private readonly List<Hold> _holds = [];
        private readonly List<Erasure> _erasures = [];

        /// <summary>Visits by people who were erased, which a hold on the host keeps.</summary>
        private readonly List<(Ref<Visit> Key, SubjectRef Visitor, SubjectRef Host, DateTimeOffset At)> _restricted = [];
        private Rule _lineRule = new(0, 0, null);
        private Rule _visitRule = new(1, 1, null);

        private DateTimeOffset Now => test.Clock.GetUtcNow();

        public static async Task<World> Begin(RetentionTests test, Random chance)
        {
            var world = new World(test, chance, await test.Unit.Administration.Add(Guid.NewGuid(), Cancel));
            for (var i = 0; i < 3; i++)
            {
                world._people.Add(await test.Person(home: world.Home));
            }

            for (var i = 0; i < 2; i++)
            {
                var closes = chance.Next(3) == 0 ? test.Clock.GetUtcNow().AddDays(chance.Next(1, 40)) : (DateTimeOffset?)null;
                var room = new Place(await test.Room(closesOn: closes, home: world.Home), closes);
                world._rooms.Add(room);
                foreach (var person in world._people.Take(i + 1))
                {
                    await test.Commit(b => b.Insert(new Member { Room = room.Key, Person = person }), world.Home);
                    room.Members.Add(person);
                }
            }

            return world;
        }

        private Home Home { get; } = home;

        public async Task Act()
        {
            for (var i = 0; i < 6; i++)
            {
                await Step();
            }
        }

        /// <summary>Does in the model what the sweep must have done, and compares.</summary>
        public async Task<(int There, int Gone, int Held)> Check(Seed seed)
        {
            var (there, gone, held) = (0, 0, 0);
            EndErasures();
            foreach (var room in _rooms.ToList())
            {
                if (room.ClosesOn <= Now)
                {
                    held += IsHeld(room) ? 1 : 0;
                    if (!IsHeld(room))
                    {
                        gone += 1 + room.Lines.Count;
                        _rooms.Remove(room);
                        Assert.Null(await Home.Store.Get<Room>([room.Key], Cancel));
                        continue;
                    }
                }

                var days = Math.Min(Length(_lineRule.At(Now)), Length(room.Rule.At(Now)));
                gone += room.Lines.RemoveAll(line =>
                {
                    var isDue = days < int.MaxValue && line.Arrival <= Now.ToUnixTimeMilliseconds() - (days * 86_400_000L);
                    held += isDue && IsHeld(line, room) ? 1 : 0;
                    return isDue && !IsHeld(line, room);
                });
                var lines = await Home.Store.Range<Line>(room.Key).Open(Cancel);
                Assert.True(room.Lines.Select(line => line.Arrival).SequenceEqual(lines.Select(line => line.Arrival)), $"{seed}: {lines.Count} lines, and {room.Lines.Count} expected.");
                Assert.True(lines.All(line => (line.ErasedOn is not null) == room.Lines.Single(known => known.Arrival == line.Arrival).IsErased), $"{seed}: a line of somebody who is erased can be read, or one of somebody else cannot.");
                there += lines.Count;
            }

            gone += _visits.RemoveAll(visit =>
            {
                var isDue = visit.At <= Now.AddDays(-_visitRule.At(Now));
                held += isDue && IsHeld(visit.Visitor, visit.Host) ? 1 : 0;
                return isDue && !IsHeld(visit.Visitor, visit.Host);
            });
            _restricted.RemoveAll(visit => !IsHeld(visit.Host));
            _visits.RemoveAll(visit => _erasures.Exists(erasure => erasure.Person == visit.Host) && !IsHeld(visit.Visitor));
            await CheckRestricted(seed);
            var visits = await Home.Store.Range<Visit>().Open(Cancel);
            Assert.True(_visits.Select(visit => visit.Key.Value).Order().SequenceEqual(visits.Select(visit => visit.Key.Value)), $"{seed}: {visits.Count} visits, and {_visits.Count} expected.");
            return (there + visits.Count, gone, held);
        }

        public async Task End()
        {
            foreach (var hold in _holds)
            {
                Assert.True(StorageProblems.IsHeld(await test.Unit.Administration.Remove(Home, Cancel)));
                Assert.Null(await Home.Holds.Release(hold, Note, Cancel));
            }

            Assert.Null(await test.Unit.Administration.Remove(Home, Cancel));
        }

        /// <summary>What a hold keeps of people who were erased, and nothing else of them, is there for whoever reads restricted records; as it was.</summary>
        private async Task CheckRestricted(Seed seed)
        {
            var expected = _rooms.SelectMany(room => room.Lines.Where(line => line.IsRestricted).Select(line => $"test.line {room.Key.Value} {line.Arrival}"))
                .Concat(_restricted.Select(visit => $"test.visit {visit.Key.Value}"));
            var read = new List<RestrictedRecord>();
            while (await Home.Restrictions.Read(read is [.., var last] ? last.Place : null, 3, Cancel) is { Count: > 0 } page)
            {
                read.AddRange(page);
            }

            // Of whom lines are kept, that they were there is as well.
            var records = read.Where(kept => kept.Record.Kind.Name != "test.member").ToList();
            var found = records.Select(kept => $"{kept.Record.Kind.Name} {string.Join(' ', kept.Record.Kind.KeyColumns.Select(column => kept.Record.Values[column].Number))}");
            Assert.True(expected.Order(StringComparer.Ordinal).SequenceEqual(found.Order(StringComparer.Ordinal)), $"{seed}: restricted are {string.Join(", ", found.Order())}; expected {string.Join(", ", expected.Order())}.");
            Assert.All(records.Where(kept => kept.Record.Kind.Name == "test.line"), kept => Assert.Equal("x", kept.Record.Content!["text"]!.GetValue<string>()));
            Assert.All(read, kept => Assert.Single(kept.Restriction.Identifiers));
        }

        private async Task Erase(SubjectRef person)
        {
            var refused = await Home.EraseSubject(person, _ => { }, Cancel);
            Assert.Equal(IsHeld(person), StorageProblems.IsHeld(refused));
            if (refused is not null)
            {
                return;
            }

            // Where others were busy for long, the housekeeping decides later.
            _erasures.Add(new Erasure(person, await Home.Subjects.FingerprintOf(person, Cancel) is null ? Covered(person) : null));
            var next = await test.Person(home: Home);
            _people[_people.IndexOf(person)] = next;
            foreach (var room in _rooms.Where(room => room.Members.Remove(person)))
            {
                await test.Commit(b => b.Insert(new Member { Room = room.Key, Person = next }), Home);
                room.Members.Add(next);
            }
        }

        /// <summary>What was held back when the erasure was decided stays while it is covered.</summary>
        private void EndErasures()
        {
            foreach (var erasure in _erasures.Where(erasure => !erasure.IsOver))
            {
                var (lines, visits) = erasure.Covered ?? Covered(erasure.Person);
                foreach (var room in _rooms)
                {
                    foreach (var line in room.Lines.Where(line => line.Writer == erasure.Person))
                    {
                        line.IsErased = true;
                        line.IsRestricted = lines.Contains(line);
                    }
                }

                _restricted.AddRange(_visits.Where(visit => visit.Visitor == erasure.Person && visits.Contains(visit.Key)));
                _visits.RemoveAll(visit => visit.Visitor == erasure.Person);
                erasure.IsOver = true;
            }

            foreach (var room in _rooms.Where(room => !IsHeld(room.Key)))
            {
                room.Lines.ForEach(line => line.IsRestricted = false);
            }
        }

        private (HashSet<Said> Lines, HashSet<Ref<Visit>> Visits) Covered(SubjectRef person) =>
            ([.. _rooms.Where(room => IsHeld(room.Key)).SelectMany(room => room.Lines).Where(line => line.Writer == person)],
             [.. _visits.Where(visit => visit.Visitor == person && IsHeld(visit.Host)).Select(visit => visit.Key)]);

        private async Task Step()
        {
            var room = _rooms.Count > 0 ? _rooms[chance.Next(_rooms.Count)] : null;
            switch (chance.Next(21))
            {
                case 20 when chance.Next(2) == 0:
                    await Erase(_people[chance.Next(3)]);
                    break;
                case < 7 when room is not null:
                    var writer = room.Members[chance.Next(room.Members.Count)];
                    var said = await test.Commit(b => b.Append(Says(room.Key, writer, "x")), Home);
                    room.Lines.Add(new Said(said.Appended[0].Arrival, writer));
                    break;
                case < 10:
                    var visit = (Key: Home.References.Next<Visit>(), Visitor: _people[chance.Next(3)], Host: chance.Next(2) == 0 ? SubjectRef.None : _people[chance.Next(3)], At: Now);
                    await test.Commit(b => b.Insert(new Visit { Key = visit.Key, Visitor = visit.Visitor, Host = visit.Host, At = visit.At }), Home);
                    _visits.Add(visit);
                    break;
                case < 12 when room is { Lines.Count: > 0 }:
                    var line = room.Lines[chance.Next(room.Lines.Count)];
                    var taken = (await Home.Store.Commit(b => b.Delete<Line>([room.Key, line.Arrival], Refused), Cancel)).Refused;
                    Assert.Equal(IsHeld(line, room), StorageProblems.IsHeld(taken));
                    if (taken is null)
                    {
                        room.Lines.Remove(line);
                    }

                    break;
                case 12 when room is not null && chance.Next(3) == 0:
                    var removed = (await Home.Store.Commit(b => b.Delete<Room>([room.Key], Refused), Cancel)).Refused;
                    Assert.Equal(IsHeld(room), StorageProblems.IsHeld(removed));
                    if (removed is null)
                    {
                        _rooms.Remove(room);
                    }

                    break;
                case 13:
                    _lineRule = await Set(Lines, null, chance.Next(4) == 0 ? 0 : chance.Next(1, 15), _lineRule);
                    break;
                case 14 when room is not null:
                    room.Rule = await Set(Lines, room.Key.Value, chance.Next(4) == 0 ? 0 : chance.Next(1, 15), room.Rule);
                    break;
                case 15:
                    _visitRule = await Set(Visits, null, chance.Next(1, 15), _visitRule);
                    break;
                case < 18 when _holds.Count < 3:
                    var terms = new HoldTerms("r", Now.AddDays(1), Note);
                    var (hold, refused) = chance.Next(5) == 0 ? await Home.Holds.OnResource(terms, Cancel)
                        : room is not null && chance.Next(2) == 0 ? await Home.Holds.OnRoot(test.Unit.Catalogue.Of<Room>(), room.Key.Value, terms, Cancel)
                        : await Home.Holds.OnSubject(_people[chance.Next(3)], terms, Cancel);
                    Assert.Null(refused);
                    _holds.Add(hold!);
                    break;
                case 18 or 19 when _holds.Count > 0:
                    var released = _holds[chance.Next(_holds.Count)];
                    Assert.Null(await Home.Holds.Release(released, Note, Cancel));
                    _holds.Remove(released);
                    break;
            }
        }

        private async Task<Rule> Set(string kind, long? root, int days, Rule before)
        {
            var grace = chance.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromDays(7);
            Assert.Null((await Home.Rules.Set(kind, root, days, grace, Note, Cancel)).Refused);
            var held = before.At(Now);
            return new Rule(days, held, Length(days) < Length(held) ? Now + grace : null);
        }

        private bool IsHeld(params SubjectRef[] people) => _holds.Exists(hold => hold.Covers == Hold.Resource || (!hold.Person.IsNone && people.Contains(hold.Person)));

        private bool IsHeld(Said line, Place room) => IsHeld(line.Writer) || IsHeld(room.Key);

        private bool IsHeld(Place room) => IsHeld([.. room.Members]) || IsHeld(room.Key);

        private bool IsHeld(Ref<Room> room) => _holds.Exists(hold => hold.Covers == Hold.Resource || hold.Root == room.Value);

        private static int Length(int days) => days == 0 ? int.MaxValue : days;

        private sealed record Rule(int Days, int Previous, DateTimeOffset? EffectiveOn)
        {
            public int At(DateTimeOffset now) => EffectiveOn > now ? Previous : Days;
        }

        private sealed class Said(long arrival, SubjectRef writer)
        {
            public long Arrival => arrival;

            public SubjectRef Writer => writer;

            public bool IsErased { get; set; }

            public bool IsRestricted { get; set; }
        }

        /// <summary>Somebody's erasure, and what was covered of them when that was decided; null while it is not.</summary>
        private sealed class Erasure(SubjectRef person, (HashSet<Said> Lines, HashSet<Ref<Visit>> Visits)? covered)
        {
            public SubjectRef Person => person;

            public (HashSet<Said> Lines, HashSet<Ref<Visit>> Visits)? Covered => covered;

            public bool IsOver { get; set; }
        }

        private sealed class Place(Ref<Room> key, DateTimeOffset? closesOn)
        {
            public Ref<Room> Key => key;

            public DateTimeOffset? ClosesOn => closesOn;

            public List<SubjectRef> Members { get; } = [];

            public List<Said> Lines { get; } = [];

            public Rule Rule { get; set; } = new(0, 0, null);
        }
    }
}
