using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Sqlite;
using Domicile.Storage.Verification;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Storage;

[Trait("needs", "postgres")]
public sealed class PostgresResidencyCheckTests() : ResidencyCheckTests(new PostgresFixture())
{
    [Fact]
    public async Task Two_nodes_that_write_erase_and_turn_epochs_both_find_the_store_in_order_and_both_find_what_is_not()
    {
        await using var other = await ((PostgresFixture)Fixture).OpenAnother(BlobJson.Catalogue());
        var there = (await other.Administration.Find(Home.ResourceId, Cancel))!;
        using var stop = new CancellationTokenSource();
        var (erased, turned, removed) = (0, 0, 0);
        var busy = new[] { (Home, Unit), (there, other) }.Select((node, number) => Task.Run(async () =>
        {
            var (home, unit) = node;
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var person = await Person(home: home);
                var room = await Room(home: home);
                await Commit(b => b.Lock(room, Refused).Insert(new Member { Room = room, Person = person, Nickname = "nick" }), home);
                await Commit(b => b.Lock(room, Refused).Append(Says(room, person, "x")), home);
                await Keep($"busy {number} {i}", home);
                await Commit(b => b.Delete<Archive>([Text($"busy {number} {i}")]), home);
                Interlocked.Add(ref removed, await unit.Blobs.CollectGone(Cancel));
                if (i % 3 == 0)
                {
                    await Commit(b => b.Delete<Room>([room]), home);
                }
                else
                {
                    Assert.Null(await home.EraseSubject(person, _ => { }, Cancel));
                    Interlocked.Increment(ref erased);
                }

                await unit.Housekeeping.Purge(Cancel);
                if (i % 10 == 5)
                {
                    await unit.Housekeeping.TurnEpoch(Cancel);
                    Interlocked.Increment(ref turned);
                }
            }
        }, Cancel)).ToList();
        for (var i = 0; i < 12 || erased < 20 || turned < 4; i++)
        {
            Assert.All(busy, task => Assert.False(task.IsFaulted, task.Exception?.ToString()));
            foreach (var report in await Task.WhenAll(Check(), Check(other)))
            {
                Assert.Equal("done", report.Phase);
                Assert.Empty(report.Violations);
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(busy);
        Assert.True(removed > 0);

        // Both have what they remember, and neither goes by it.
        Assert.Equal("canary", (await Store.Get<Setting>([Text("one"), 1], Cancel))!.Value);
        Assert.Equal("canary", (await there.Store.Get<Setting>([Text("one"), 1], Cancel))!.Value);
        Fixture.Tamper("UPDATE test_setting SET number = number + 1 WHERE name = 'one'");
        Assert.All(await Task.WhenAll(Check(), Check(other)), report => Assert.Equal(("test.setting", "name=one, part=1", Home.ResourceId.ToString()), One(report)));
    }
}

[Trait("length", "full")]
public sealed class SqliteResidencyCheckTests() : ResidencyCheckTests(new SqliteFixture())
{
    [Fact]
    public async Task Every_page_is_read_along_an_index_from_where_the_last_one_ended()
    {
        foreach (var table in Unit.Catalogue.Kinds.Select(kind => new SqliteTable(kind, 0)))
        {
            Assert.DoesNotContain(await Explain(SqliteScan.Sql(table, isFirst: true)), line => line.Contains("TEMP B-TREE", StringComparison.Ordinal));
            Assert.StartsWith("SEARCH", Assert.Single(await Explain(SqliteScan.Sql(table, isFirst: false))), StringComparison.Ordinal);
        }
    }

    private ValueTask<List<string>> Explain(string text) =>
        Store.Query(
            (connection, _) =>
            {
                using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the store's own.
                command.CommandText = $"EXPLAIN QUERY PLAN {System.Text.RegularExpressions.Regex.Replace(text, @"\?\d+", "1")}";
#pragma warning restore CA2100
                using var rows = command.ExecuteReader();
                var plan = new List<string>();
                while (rows.Read())
                {
                    plan.Add(rows.GetString(3));
                }

                return Task.FromResult(plan);
            },
            Cancel);
}

/// <summary>
/// A store of every sort of record is found to be in order; then one thing is put where it does not belong, and exactly that is reported, by kind and key and
/// without content.
/// </summary>
public abstract class ResidencyCheckTests(StoreFixture fixture) : StoreTests(fixture)
{
    private SubjectRef _ada;
    private SubjectRef _bo;
    private Ref<Room> _room;
    private Ref<Room> _other;

    public override async ValueTask InitializeAsync()
    {
        await Fixture.Open(BlobJson.Catalogue());
        (_ada, _bo) = (await Person("ada"), await Person("bo"));
        _room = await Room("room");
        _other = await Room("other");
        await Join(_room, _ada);
        await Join(_room, _bo);
        await Join(_other, _ada);
        for (var i = 0; i < 3; i++)
        {
            await Say(_room, _ada, $"canary {i}");
            await Say(_room, _bo, $"canary {i}");
            await Say(_other, _ada, $"canary {i}");
        }

        await Commit(b => b.Insert(new Setting { Name = "one", Part = 1, Value = "canary" }).Insert(new Setting { Name = "two", Part = 2, Value = "canary" }));
        await Commit(b => b.Insert(new Setting { Name = "theirs", Part = 1, Value = "canary" }), Fixture.Neighbour);
        await Commit(b => b.Insert(new Letter { Key = new(1), Writer = _ada, Text = "canary" }).Insert(new Letter { Key = new(2), Writer = _bo, Text = "canary" }));
        await Keep("archive", Home);
        await Keep("archive", Fixture.Neighbour);
    }

    [Fact]
    public async Task A_store_that_is_in_order_is_read_whole_and_found_so()
    {
        var report = await Check();

        Assert.Empty(report.Violations);
        Assert.Equal(("done", null, "Europe"), (report.Phase, report.Failure, report.Geography));
        Assert.Equal(Unit.Catalogue.Kinds.Select(kind => kind.Name), report.Kinds.Select(kind => kind.Kind));
        Assert.Equal(new CheckedKind("test.line", 9, 9, 0, 0, 0), report.Kinds.Single(kind => kind.Kind == "test.line"));
        Assert.Equal(new CheckedKind("test.setting", 3, 3, 0, 0, 0), report.Kinds.Single(kind => kind.Kind == "test.setting"));
        Assert.Equal((2, 2, 0), (report.Identifiers, report.Files, report.UnclaimedFiles));

        // Index, signing, three resources, two people, two rooms.
        Assert.Equal(9, report.Keys);
        Assert.NotEmpty(report.NotShown);
    }

    [Fact]
    public async Task More_rows_than_a_page_are_all_read()
    {
        for (var i = 0; i < 450; i++)
        {
            await Say(_room, _ada, "x");
            await Commit(b => b.Insert(new Setting { Name = $"many {i % 7}", Part = i }));
        }

        var report = await Check();
        Assert.Empty(report.Violations);
        Assert.Equal((459, 453), (report.Kinds.Single(kind => kind.Kind == "test.line").Opened, report.Kinds.Single(kind => kind.Kind == "test.setting").Opened));
        Fixture.Tamper("UPDATE test_setting SET number = 5 WHERE part = 449");
        Assert.Equal("name=many 1, part=449", Assert.Single((await Check()).Violations).Key);
    }

    [Theory]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = substr(payload, 1, 20) || CASE substr(payload, 21, 1) WHEN byteblob(0) THEN byteblob(1) ELSE byteblob(0) END || substr(payload, 22) WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = NULL WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = x'' WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = x'02' || substr(payload, 2) WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = substr(payload, 1, 2) || x'09' || substr(payload, 4) WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET payload = (SELECT payload FROM test_setting WHERE name = 'two') WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET number = number + 1 WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET version = version + 1 WHERE name = 'one'")]
    [InlineData("test.setting", "name=three, part=1", "UPDATE test_setting SET name = 'three' WHERE name = 'one'")]
    [InlineData("test.setting", "name=three, part=1", "INSERT INTO test_setting SELECT resource, 'three', part, number, version, payload FROM test_setting WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET resource = {neighbour} WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "UPDATE test_setting SET resource = 77 WHERE name = 'one'")]
    [InlineData("test.setting", "name=one, part=1", "INSERT INTO test_setting SELECT {neighbour}, name, part, number, version, payload FROM test_setting WHERE name = 'one'")]
    [InlineData("test.letter", "key=1", "UPDATE test_letter SET writer = {bo} WHERE key = 1")]
    [InlineData("test.letter", "key=1", "UPDATE test_letter SET writer = 0 WHERE key = 1")]
    [InlineData("test.letter", "key=1", "UPDATE test_letter SET writer = 12345 WHERE key = 1")]
    [InlineData("test.letter", "key=1", "UPDATE test_letter SET payload = x'000000000000000000' WHERE key = 1")]
    [InlineData("test.line", "room={other}, arrival={arrival}", "UPDATE test_line SET room = {other}, sequence = 4 WHERE room = {room} AND sequence = 6")]
    [InlineData("test.line", "room={room}, arrival=99999999999999", "INSERT INTO test_line SELECT resource, room, 99999999999999, 7, id, writer, version, payload FROM test_line WHERE room = {room} AND sequence = 6")]
    [InlineData("test.line", "room={room}, arrival={arrival}", "UPDATE test_line SET sequence = 1 WHERE room = {room} AND sequence = 6")]
    [InlineData("test.member", "room={other}, person={bo}", "INSERT INTO test_member SELECT resource, {other}, person, left_on, version, payload FROM test_member WHERE room = {room} AND person = {bo}")]
    [InlineData("test.archive", "name=archive", "UPDATE test_archive SET file = x'00112233445566778899aabbccddeeff' WHERE resource = {home}")]
    public async Task A_row_that_was_moved_or_edited_is_reported(string kind, string key, string change)
    {
        var last = (await Store.Range<Line>(_room).Descending().Take(1).Open(Cancel))[0].Arrival;
        string Named(string text) => text
            .Replace("{home}", $"{Home.Resource.Number}", StringComparison.Ordinal).Replace("{neighbour}", $"{Fixture.Neighbour.Resource.Number}", StringComparison.Ordinal)
            .Replace("{bo}", $"{_bo.Value}", StringComparison.Ordinal).Replace("{room}", $"{_room.Value}", StringComparison.Ordinal)
            .Replace("{other}", $"{_other.Value}", StringComparison.Ordinal).Replace("{arrival}", $"{last}", StringComparison.Ordinal);
        Fixture.Tamper(Named(change));

        var report = await Check();

        var violation = Assert.Single(report.Violations);
        Assert.Equal((kind, Named(key)), (violation.Kind, violation.Key));
        Assert.DoesNotContain("canary", violation.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, report.Kinds.Single(counted => counted.Kind == kind).Violations);
        Assert.Equal(1, report.ViolationCount);
    }

    [Fact]
    public async Task A_row_of_another_geography_is_reported()
    {
        using var directory = new TemporaryDirectory();
        await using var india = await ScaleUnit.Open(
            new ScaleUnitOptions(Geography.Parse("India"), directory["india"]), BlobJson.Catalogue(), Clock, NullLogger.Instance, Cancel);
        var theirs = await india.Administration.Add(Guid.CreateVersion7(), Cancel);
        await theirs.Store.Commit(b => b.Insert(new Setting { Name = "from India", Part = 1, Value = "canary" }), Cancel);
        var payload = await theirs.Store.Query(
            (connection, _) =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT payload FROM test_setting";
                return Task.FromResult((byte[])command.ExecuteScalar()!);
            },
            Cancel);
        Fixture.Tamper($"INSERT INTO test_setting (resource, name, part, number, version, payload) VALUES ({Home.Resource.Number}, 'from India', 1, 0, 1, x'{Convert.ToHexString(payload)}')");

        Assert.Equal(("test.setting", "name=from India, part=1", Home.ResourceId.ToString()), One(await Check()));
    }

    [Fact]
    public async Task Rows_whose_key_was_destroyed_are_counted_as_about_to_go_and_are_no_violation()
    {
        var third = await Unit.Administration.Add(Guid.CreateVersion7(), Cancel);
        await Commit(b => b.Insert(new Setting { Name = "gone", Part = 1 }), third);
        await Unit.Administration.Remove(third, Cancel);
        await Commit(b => b.Delete<Room>([_other]));
        await Unit.Destroy([new KeyName("test.room", _other.Value)], Cancel);
        Assert.Null(await Home.EraseSubject(_bo, _ => { }, Cancel));

        var report = await Check();

        Assert.Empty(report.Violations);
        Assert.Equal(new CheckedKind("test.line", 9, 3, 0, 6, 0), report.Kinds.Single(kind => kind.Kind == "test.line"));
        Assert.Equal(new CheckedKind("test.setting", 4, 3, 0, 1, 0), report.Kinds.Single(kind => kind.Kind == "test.setting"));
        await Unit.Housekeeping.Purge(Cancel);
        report = await Check();
        Assert.Empty(report.Violations);
        Assert.Equal(new CheckedKind("test.line", 6, 3, 3, 0, 0), report.Kinds.Single(kind => kind.Kind == "test.line"));
        Assert.Equal(new CheckedKind("test.setting", 3, 3, 0, 0, 0), report.Kinds.Single(kind => kind.Kind == "test.setting"));
    }

    [Fact]
    public async Task A_row_whose_key_never_was_or_was_lost_is_a_violation()
    {
        Keys($"DELETE FROM key WHERE scope = 'subject' AND id = {_bo.Value}");
        var report = await Check();
        Assert.Equal(3, report.Kinds.Single(kind => kind.Kind == "test.line").Violations);
        Assert.Contains(report.Violations, violation => violation.Kind == "identifier" && violation.Key.Contains($"{_bo}", StringComparison.Ordinal));
        Assert.All(report.Violations.Where(violation => violation.Kind.StartsWith("test.", StringComparison.Ordinal)), violation => Assert.Contains("never destroyed", violation.Fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("key", "subject:{ada}", "UPDATE key SET wrapped = zeroblob(60) WHERE scope = 'subject' AND id = {ada}")]
    [InlineData("key", "subject:{ada}", "UPDATE key SET wrapped = (SELECT wrapped FROM key WHERE scope = 'subject' AND id = {bo}) WHERE scope = 'subject' AND id = {ada}")]
    [InlineData("key", "subject:{ada}", "UPDATE key SET bucket = 5 WHERE scope = 'subject' AND id = {ada}")]
    [InlineData("key", "resource:{home}", "UPDATE key SET resource = 0 WHERE scope = 'resource' AND id = {home}")]
    [InlineData("identifier", "communicationUser of subject:{ada}", "UPDATE identifier SET sealed = zeroblob(60) WHERE subject = {ada}")]
    [InlineData("identifier", "communicationUser of subject:{ada}", "UPDATE identifier SET blind = x'00' WHERE subject = {ada}")]
    [InlineData("identifier", "communicationUser of subject:{ada}", "UPDATE identifier SET resource = {neighbour} WHERE subject = {ada}")]
    [InlineData("identifier", "customId of subject:{ada}", "UPDATE identifier SET purpose = 'customId' WHERE subject = {ada}")]
    [InlineData("bucket", "", "UPDATE bucket SET wrapped = zeroblob(60)")]
    public async Task What_was_moved_or_edited_in_the_key_store_is_reported(string kind, string key, string change)
    {
        string Named(string text, string format) => text
            .Replace("{home}", Home.Resource.Number.ToString("d", null), StringComparison.Ordinal).Replace("{neighbour}", $"{Fixture.Neighbour.Resource.Number}", StringComparison.Ordinal)
            .Replace("{ada}", _ada.Value.ToString(format, null), StringComparison.Ordinal).Replace("{bo}", _bo.Value.ToString(format, null), StringComparison.Ordinal);
        Keys(Named(change, "d"));

        var report = await Check();

        var format = kind == "key" ? "x" : "x16";
        Assert.Contains(report.Violations, violation => violation.Kind == kind && violation.Key.Contains(Named(key, format), StringComparison.Ordinal));
        Assert.DoesNotContain(report.Violations, violation => violation.ToString().Contains("8:acs:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("flipped")]
    [InlineData("cut off")]
    [InlineData("missing")]
    [InlineData("another's")]
    [InlineData("another resource's")]
    public async Task A_file_that_was_moved_edited_or_lost_is_reported_with_its_record(string how)
    {
        var other = await Keep("second", Home);
        var mine = PathOf((await Store.Get<Archive>([Text("archive")], Cancel))!.File!.Value);
        var theirs = PathOf((await Fixture.Neighbour.Store.Get<Archive>([Text("archive")], Cancel))!.File!.Value);
        var content = await File.ReadAllBytesAsync(mine, Cancel);
        switch (how)
        {
            case "flipped":
                content[^100] ^= 1;
                await File.WriteAllBytesAsync(mine, content, Cancel);
                break;
            case "cut off":
                await File.WriteAllBytesAsync(mine, content[..^(BlobSeal.ChunkBytes + 20)], Cancel);
                break;
            case "missing":
                File.Delete(mine);
                break;
            case "another's":
                File.Copy(PathOf(other), mine, overwrite: true);
                break;
            default:
                File.Copy(theirs, mine, overwrite: true);
                break;
        }

        Assert.Equal(("test.archive", "name=archive", Home.ResourceId.ToString()), One(await Check()));
    }

    [Fact]
    public async Task A_file_that_no_record_names_is_counted_and_after_a_while_a_violation()
    {
        var path = PathOf(BlobRef.Fresh());
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, "planted", Cancel);
        File.SetLastWriteTimeUtc(path, Clock.GetUtcNow().UtcDateTime.AddMinutes(-5));
        var report = await Check();
        Assert.Empty(report.Violations);
        Assert.Equal(1, report.UnclaimedFiles);
        Clock.Turn(TimeSpan.FromHours(3));
        Assert.Equal("file", Assert.Single((await Check()).Violations).Kind);
    }

    [Fact]
    public async Task A_store_that_changes_meanwhile_is_still_in_order()
    {
        using var stop = new CancellationTokenSource();
        var busy = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var person = await Person();
                var room = await Room();
                await Join(room, person);
                await Say(room, person, "x");
                var archive = await Keep($"busy {i}", Home);
                await Commit(b => b.Put(new Setting { Name = "one", Part = 1, Value = "canary", Version = i + 1 }));
                await Commit(b => b.Delete<Archive>([Text($"busy {i}")]));
                await Unit.Blobs.CollectGone(Cancel);
                if (i % 3 == 0)
                {
                    await Commit(b => b.Delete<Room>([room]));
                }
                else
                {
                    Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
                }

                await Unit.Housekeeping.Purge(Cancel);
                if (i % 10 == 5)
                {
                    await Unit.Housekeeping.TurnEpoch(Cancel);
                }
            }
        }, Cancel);
        for (var i = 0; i < 20; i++)
        {
            Assert.Empty((await Check()).Violations);
        }

        await stop.CancelAsync();
        await busy;
    }

    [Fact]
    public async Task More_violations_than_a_report_names_are_counted()
    {
        await Commit(b =>
        {
            for (var i = 0; i < ResidencyCheck.ViolationsMax + 5; i++)
            {
                b.Insert(new Setting { Name = "many", Part = i });
            }
        });
        Fixture.Tamper("UPDATE test_setting SET number = 1 WHERE name = 'many'");
        var report = await Check();
        Assert.Equal((ResidencyCheck.ViolationsMax, ResidencyCheck.ViolationsMax + 5), (report.Violations.Count, report.ViolationCount));
    }

    [Fact]
    public async Task A_check_that_is_stopped_says_so()
    {
        var check = Unit.Administration.CheckResidency();
        await check.Run(new CancellationToken(canceled: true));
        Assert.Equal("failed", check.Report.Phase);
        Assert.NotNull(check.Report.Failure);
    }

    [Fact]
    public async Task A_check_that_cannot_read_a_table_is_not_taken_for_one_that_found_nothing()
    {
        Fixture.Tamper("ALTER TABLE test_setting RENAME TO test_elsewhere");
        var check = Unit.Administration.CheckResidency();
        await Assert.ThrowsAnyAsync<Exception>(() => check.Run(Cancel));
        Assert.Equal(("failed", true), (check.Report.Phase, check.Report.Failure!.StartsWith("It broke off", StringComparison.Ordinal)));
    }

    protected async Task<ResidencyReport> Check(ScaleUnit? node = null)
    {
        var check = (node ?? Unit).Administration.CheckResidency();
        await check.Run(Cancel);
        Assert.NotNull(check.Report.EndedOn);
        return check.Report;
    }

    protected static (string Kind, string Key, string? Resource) One(ResidencyReport report)
    {
        var only = Assert.Single(report.Violations);
        return (only.Kind, only.Key, only.Resource);
    }

    protected async Task<BlobRef> Keep(string name, Home home)
    {
        var archive = new Archive { Name = name };
        await using var writer = (await home.Blobs.Create(archive, 1 << 20, Cancel))!;
        Assert.True(await writer.Write(new byte[BlobSeal.ChunkBytes + 20], Cancel));
        archive = archive with { File = await writer.Complete(Cancel) };
        await Commit(b => b.Insert(archive), home);
        return archive.File!.Value;
    }

    private string PathOf(BlobRef blob) => Path.Combine(Fixture.Directory, "blobs", blob.ToString()[..2], blob.ToString()[2..]);

    private void Keys(string sql) => Fixture.TamperKeys(sql);
}
