using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteSubjectTests() : SubjectTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresSubjectTests() : SubjectTests(new PostgresFixture());

public abstract class SubjectTests(StoreFixture fixture) : StoreTests(fixture)
{
    private static readonly Identifier Alice = new(Identifier.CommunicationUser, "8:acs:alice");
    private static readonly Identifier AlicesOwn = new(Identifier.Custom, "alice@contoso");

    private async Task<string?> NameOf(SubjectRef person, string purpose = Identifier.CommunicationUser, Home? home = null) =>
        (await (home ?? Home).Resolve(purpose, [person], Cancel)).GetValueOrDefault(person);

    [Fact]
    public async Task A_person_is_found_by_each_identifier_and_resolved_by_each_purpose()
    {
        var person = await Home.AddSubject([Alice, AlicesOwn], Cancel);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(person, await Home.FindSubject(Alice, Cancel));
            Assert.Equal(person, await Home.FindSubject(AlicesOwn, Cancel));
            Assert.Null(await Home.FindSubject(Alice with { Purpose = Identifier.Custom }, Cancel));
            Assert.Null(await Home.FindSubject(Alice with { Value = "8:acs:bob" }, Cancel));
            Assert.Equal("8:acs:alice", await NameOf(person));
            Assert.Equal("alice@contoso", await NameOf(person, Identifier.Custom));
            Assert.Null(await NameOf(person, "phoneNumber"));
            await Fixture.Restart();
        }
    }

    [Fact]
    public async Task Many_people_resolve_at_once_and_nobody_is_left_out()
    {
        var people = await Task.WhenAll(Enumerable.Range(0, 1_100).Select(i => Person($"{i}-")));
        await Fixture.Restart();
        var names = await Home.Resolve(Identifier.CommunicationUser, [.. people, SubjectRef.None, new SubjectRef(1), people[0]], Cancel);
        Assert.Equal(1_100, names.Count);
        Assert.All(people.Select((person, i) => (person, i)), one => Assert.StartsWith($"8:acs:{one.i}-", names[one.person], StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("a\u0001\u0002b")]
    [InlineData("“ünï” 😀")]
    public async Task What_is_kept_about_a_person_is_read_as_it_was_written_whole_and_in_order(string title)
    {
        var (person, other) = (await Person("p"), await Person("o"));
        var (room, letters) = (await Room(), new List<Letter>());
        await Join(room, person);

        // More than what is read in one piece, and none of it somebody else's.
        for (var i = 0; i < 450; i++)
        {
            letters.Add(new Letter { Key = Home.References.Next<Letter>(), Writer = i % 9 == 0 ? other : person, Title = $"{title}{i}", Text = $"{i}" });
        }

        foreach (var some in letters.Chunk(50))
        {
            await Commit(b => some.ToList().ForEach(letter => b.Insert(letter)));
        }

        var read = new List<SubjectRecord>();
        await foreach (var record in Home.Subjects.Of(person, Cancel))
        {
            read.Add(record);
        }

        var kind = Unit.Catalogue.Of<Letter>();
        var titleAt = kind.Columns.TakeWhile(column => column.Member != nameof(Letter.Title)).Count();
        var expected = letters.Where(letter => letter.Writer == person).OrderBy(letter => letter.Key.Value).Select(letter => (letter.Title, letter.Text));
        Assert.Equal(expected, read.Where(record => record.Kind == kind).Select(record => (record.Values[titleAt].Text!, (string)record.Content!["text"]!)));
        Assert.Equal("test.member", Assert.Single(read, record => record.Kind != kind).Kind.Name);
        Assert.Equal(new Dictionary<string, long> { ["test.letter"] = 400, ["test.member"] = 1 }, (await Home.Subjects.Count(person, Cancel)).ToDictionary(count => count.Kind.Name, count => count.Records));
    }

    [Fact]
    public async Task An_identifier_is_one_persons_within_a_resource_only()
    {
        var person = await Home.AddSubject([Alice], Cancel);
        await Assert.ThrowsAsync<KeyExistsException>(() => Home.AddSubject([AlicesOwn, Alice], Cancel));
        await Assert.ThrowsAsync<KeyExistsException>(() => Home.AddSubject([AlicesOwn, AlicesOwn], Cancel));
        Assert.Null(await Home.FindSubject(AlicesOwn, Cancel));
        var other = await Fixture.Neighbour.AddSubject([Alice], Cancel);
        Assert.NotEqual(person, other);
        Assert.Equal(other, await Fixture.Neighbour.FindSubject(Alice, Cancel));
        Assert.Null(await NameOf(person, home: Fixture.Neighbour));
    }

    [Fact]
    public async Task Of_many_who_add_the_same_identifier_one_does()
    {
        var added = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await Home.AddSubject([Alice], Cancel);
            }
            catch (KeyExistsException)
            {
                return SubjectRef.None;
            }
        })));
        Assert.Equal(await Home.FindSubject(Alice, Cancel), Assert.Single(added, person => !person.IsNone));
    }

    [Fact]
    public async Task Blind_indexes_of_two_resources_or_purposes_have_nothing_in_common()
    {
        var person = await Home.AddSubject([Alice, Alice with { Purpose = Identifier.Custom }], Cancel);
        await Fixture.Neighbour.AddSubject([Alice], Cancel);
        await Fixture.Close();
        Assert.Equal(3, Fixture.KeyNumber("SELECT count(*) FROM identifier"));
        Assert.Equal(3, Fixture.KeyNumber("SELECT count(DISTINCT blind) FROM identifier"));
        Assert.Equal(3, Fixture.KeyNumber("SELECT count(DISTINCT sealed) FROM identifier"));
        Assert.Equal(0, Fixture.KeyNumber("SELECT count(*) FROM identifier WHERE instr(sealed, 'alice') > 0 OR instr(blind, 'alice') > 0"));
        Assert.Equal(2, Fixture.KeyNumber($"SELECT count(*) FROM identifier WHERE subject = {person.Value}"));
    }

    [Fact]
    public async Task An_erased_person_is_neither_found_nor_resolved_and_the_identifier_is_free()
    {
        var person = await Home.AddSubject([Alice, AlicesOwn], Cancel);
        Assert.Equal("8:acs:alice", await NameOf(person));
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        for (var round = 0; round < 2; round++)
        {
            Assert.Null(await Home.FindSubject(Alice, Cancel));
            Assert.Null(await Home.FindSubject(AlicesOwn, Cancel));
            Assert.Null(await NameOf(person));
            await Fixture.Restart();
        }

        var again = await Home.AddSubject([Alice], Cancel);
        Assert.NotEqual(person, again);
        Assert.Equal(again, await Home.FindSubject(Alice, Cancel));
    }

    [Fact]
    public async Task An_erased_person_never_comes_back_from_a_cache_however_many_were_reading()
    {
        for (var round = 0; round < 15; round++)
        {
            var identifier = Alice with { Value = $"8:acs:{round}" };
            var person = await Home.AddSubject([identifier], Cancel);
            var stop = false;
            var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                while (!Volatile.Read(ref stop))
                {
                    await Home.FindSubject(identifier, Cancel);
                    await NameOf(person);
                }
            })).ToList();
            Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
            Assert.Null(await Home.FindSubject(identifier, Cancel));
            Assert.Null(await NameOf(person));
            Volatile.Write(ref stop, true);
            await Task.WhenAll(readers);
            Assert.Null(await Home.FindSubject(identifier, Cancel));
            Assert.Null(await NameOf(person));
        }
    }

    [Fact]
    public async Task A_sealed_identifier_that_was_moved_to_another_person_does_not_open_and_is_counted()
    {
        var (one, two) = (await Home.AddSubject([Alice], Cancel), await Home.AddSubject([AlicesOwn with { Purpose = Identifier.CommunicationUser }], Cancel));
        await Fixture.Close();
        Fixture.TamperKeys($"UPDATE identifier SET sealed = (SELECT sealed FROM identifier WHERE subject = {two.Value}) WHERE subject = {one.Value}");

        await Fixture.Open();
        await Assert.ThrowsAsync<SealBrokenException>(async () => await NameOf(one));
        Assert.Equal("alice@contoso", await NameOf(two));
        Assert.Equal(1, Unit.Administration.SealsBroken);
    }

    [Fact]
    public async Task A_secret_of_the_geography_stays_the_same_and_differs_by_purpose()
    {
        var secret = await Home.Secret("tokens", Cancel);
        Assert.Equal(32, secret.Length);
        Assert.NotEqual(secret, await Home.Secret("links", Cancel));
        await Fixture.Restart();
        Assert.Equal(secret, await Home.Secret("tokens", Cancel));
        await Unit.Housekeeping.TurnEpoch(Cancel);
        await Fixture.Restart();
        Assert.Equal(secret, await Home.Secret("tokens", Cancel));
    }
}
