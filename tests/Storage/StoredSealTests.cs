using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteStoredSealTests() : StoredSealTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresStoredSealTests() : StoredSealTests(new PostgresFixture());

/// <summary>What is at rest does not open where it does not belong: it fails loudly and is counted.</summary>
public abstract class StoredSealTests(StoreFixture fixture) : StoreTests(fixture)
{
    private async Task Broken<T>(ColumnValue[] key, Home? home = null)
        where T : class
    {
        var before = Unit.Administration.SealsBroken;
        var fault = await Assert.ThrowsAsync<SealBrokenException>(async () => await (home ?? Home).Store.Get<T>(key, Cancel));
        Assert.DoesNotContain("theirs", fault.Message, StringComparison.Ordinal);
        Assert.Equal(before + 1, Unit.Administration.SealsBroken);
    }

    private Task Letter(long key, SubjectRef writer, Home? home = null) => Commit(b => b.Insert(new Letter { Key = new(key), Writer = writer, Text = $"theirs {key}" }), home);

    [Theory]
    [InlineData("version = version + 1")]
    [InlineData("payload = zeroblob(40)")]
    [InlineData("payload = zeroblob(0)")]
    [InlineData("payload = NULL")]
    [InlineData("payload = zeroblob(9)")]
    [InlineData("payload = substr(payload, 1, length(payload) - 1)")]
    [InlineData("payload = byteblob(2) || substr(payload, 2)")]
    [InlineData("payload = substr(payload, 1, 1) || byteblob(2) || substr(payload, 3)")]
    [InlineData("payload = substr(payload, 1, 2) || byteblob(2) || substr(payload, 4)")]
    [InlineData("payload = substr(payload, 1, 2) || byteblob(255) || substr(payload, 4)")]
    [InlineData("payload = (SELECT payload FROM test_setting WHERE name = 'other')")]
    [InlineData("number = number + 1")]
    public async Task A_changed_row_does_not_open(string change)
    {
        await Commit(b => b.Insert(new Setting { Name = "one", Part = 0, Value = "theirs" }).Insert(new Setting { Name = "other", Part = 0, Value = "theirs" }));
        Fixture.Tamper($"UPDATE test_setting SET {change} WHERE name = 'one'");
        await Broken<Setting>([Text("one"), 0]);
        Assert.NotNull(await Store.Get<Setting>([Text("other"), 0], Cancel));
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Store.Range<Setting>().Open(Cancel));
    }

    [Fact]
    public async Task A_row_that_was_moved_to_another_key_resource_or_kind_does_not_open()
    {
        await Commit(b => b.Insert(new Setting { Name = "one", Part = 0, Value = "theirs" }));
        Fixture.Tamper("UPDATE test_setting SET name = 'two'");
        await Broken<Setting>([Text("two"), 0]);
        Fixture.Tamper($"UPDATE test_setting SET name = 'one', resource = {Fixture.Neighbour.Resource.Number}");
        await Broken<Setting>([Text("one"), 0], Fixture.Neighbour);
        var person = await Person();
        await Letter(1, person);
        await Commit(b => b.Insert(new Diary { Key = new(1), Writer = person, Title = "theirs" }));
        Fixture.Tamper("UPDATE test_letter SET payload = (SELECT payload FROM test_diary)");
        await Broken<Letter>([1]);
    }

    [Fact]
    public async Task A_row_whose_owner_was_changed_does_not_open()
    {
        var (one, two) = (await Person(), await Person());
        await Letter(1, one);
        await Letter(2, one);
        Fixture.Tamper($"UPDATE test_letter SET writer = {two.Value} WHERE key = 1");
        await Broken<Letter>([1]);
        Fixture.Tamper("UPDATE test_letter SET writer = 0 WHERE key = 1");
        await Broken<Letter>([1]);
        Fixture.Tamper($"UPDATE test_letter SET writer = {one.Value} WHERE key = 1");
        Assert.Equal("theirs 1", (await Store.Get<Letter>([1], Cancel))!.Text);
    }

    [Fact]
    public async Task A_message_that_was_moved_to_another_room_does_not_open()
    {
        var (one, two) = (await Room(), await Room());
        var person = await Join(one);
        var place = await Say(one, person, "theirs");
        Fixture.Tamper($"UPDATE test_line SET room = {two.Value}");
        await Broken<Line>([two, place.Arrival]);
    }

    [Fact]
    public async Task A_mark_of_erasure_is_believed_only_of_kinds_that_have_it()
    {
        await Commit(b => b.Insert(new Setting { Name = "one", Part = 0, Value = "theirs" }));
        Fixture.Tamper("UPDATE test_setting SET payload = zeroblob(9)");
        await Broken<Setting>([Text("one"), 0]);
    }

    [Fact]
    public async Task Nothing_that_was_written_is_readable_in_the_files()
    {
        var room = await Room();
        var person = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, "canary-identifier")], Cancel);
        await Join(room, person);
        await Say(room, person, "canary-content ☃");
        await Commit(b => b.Insert(new Setting { Name = "plain", Part = 0, Value = "canary-content ☃" }));
        await Fixture.Restart();
        foreach (var file in Directory.GetFiles(Fixture.Directory).Where(file => Path.GetFileName(file) != "lock"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy, Cancel);
            Assert.True(copy.GetBuffer().AsSpan(0, (int)copy.Length).IndexOf("canary"u8) < 0, file);
        }
    }
}
