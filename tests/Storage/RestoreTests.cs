using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;

namespace Domicile.Tests.Storage;

/// <summary>Files, with the product's own backup.</summary>
public sealed class SqliteRestoreTests() : RestoreTests(new SqliteFixture())
{
    private readonly TemporaryDirectory _targets = new();
    private IReadOnlyList<(string Directory, BackupManifest Manifest)> _taken = [];

    private ScaleUnitOptions Options => new(StoreFixture.Europe, Fixture.Directory);

    private string Data => _taken[0].Directory;

    private string Keys => _taken[1].Directory;

    protected override Task Backup()
    {
        _taken = StoreBackup.Take([Options], _targets["records"], _targets["keys"], TestJson.Catalogue(), Clock, Cancel);
        return Task.CompletedTask;
    }

    protected override Task Restore(bool data, bool keys)
    {
        StoreBackup.Restore([Options], data ? Data : null, keys ? Keys : null, TestJson.Catalogue(), withoutLedger: false, Cancel);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_backup_has_neither_root_key_nor_ledger_and_keys_and_records_lie_apart()
    {
        await Backup();
        Assert.Equal(["europe/blobs.list", "europe/data.db", "manifest.json"], Names(Data));
        Assert.Equal(["europe/keys.db", "manifest.json"], Names(Keys));
        Assert.Equal("data", _taken[0].Manifest.Database);
        Assert.Equal([Path.GetFileName(Data)], Directory.GetDirectories(_targets["records"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_backup_of_the_same_second_is_refused_and_leaves_the_first()
    {
        await Backup();
        var before = Names(Data);
        Assert.Throws<IOException>(() => StoreBackup.Take([Options], _targets["records"], null, TestJson.Catalogue(), Clock, Cancel));
        Assert.Equal(before, Names(Data));
    }

    [Theory]
    [InlineData("cut off")]
    [InlineData("a byte changed")]
    [InlineData("no database")]
    [InlineData("no manifest")]
    [InlineData("half a manifest")]
    [InlineData("keys for records")]
    [InlineData("another geography")]
    [InlineData("no ledger")]
    [InlineData("no root key")]
    [InlineData("another root key")]
    public async Task What_is_not_whole_or_does_not_fit_is_refused_before_anything_is_changed(string wrong)
    {
        await Say(await Room(), await Person(), "there");
        await Backup();
        await Fixture.Close();
        var (data, keys) = (Data, Keys);
        var file = Path.Combine(data, "europe", "data.db");
        var units = new[] { Options };
        switch (wrong)
        {
            case "cut off":
                using (var cut = new FileStream(file, FileMode.Open))
                {
                    cut.SetLength(cut.Length - 4096);
                }

                break;
            case "a byte changed":
                using (var changed = new FileStream(file, FileMode.Open))
                {
                    changed.Position = changed.Length - 100;
                    changed.WriteByte(0x5a);
                }

                break;
            case "no database":
                File.Delete(file);
                break;
            case "no manifest":
                File.Delete(Path.Combine(data, "manifest.json"));
                break;
            case "half a manifest":
                File.WriteAllText(Path.Combine(data, "manifest.json"), File.ReadAllText(Path.Combine(data, "manifest.json"))[..100]);
                break;
            case "keys for records":
                (data, keys) = (keys, data);
                break;
            case "another geography":
                units = [new ScaleUnitOptions(Geography.Parse("India"), Fixture.Directory) { Name = "europe" }];
                break;
            case "no ledger":
                File.Move(Path.Combine(Fixture.Directory, "erasure.ledger"), _targets["ledger"]);
                break;
            case "no root key":
                File.Move(Path.Combine(Fixture.Directory, "root.key"), _targets["root.key"]);
                break;
            case "another root key":
                FileKeyProvider.Create(_targets["root.key"], StoreFixture.Europe, Clock).Dispose();
                units = [Options with { RootKeyFile = _targets["root.key"] }];
                break;
        }

        var before = Digests();
        Assert.Throws<InvalidDataException>(() => StoreBackup.Restore(units, data, keys, TestJson.Catalogue(), withoutLedger: false, Cancel));
        Assert.Equal(before, Digests());
    }

    [Fact]
    public async Task Keys_of_an_epoch_that_has_ended_are_refused()
    {
        await Backup();
        await Unit.Housekeeping.TurnEpoch(Cancel);
        await Fixture.Close();
        var before = Digests();
        var refused = Assert.Throws<InvalidDataException>(() => StoreBackup.Restore([Options], null, Keys, TestJson.Catalogue(), withoutLedger: false, Cancel));
        Assert.Contains("younger copy", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Digests());
    }

    [Fact]
    public async Task A_restore_is_refused_while_a_server_runs()
    {
        await Backup();
        Assert.Throws<DirectoryInUseException>(() => StoreBackup.Restore([Options], Data, null, TestJson.Catalogue(), withoutLedger: false, Cancel));
    }

    [Fact]
    public async Task An_empty_directory_is_filled_from_both_backups_with_root_key_and_ledger_put_back()
    {
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "there");
        await Backup();
        await Fixture.Close();
        foreach (var path in Directory.GetFiles(Fixture.Directory).Where(path => Path.GetFileName(path) is not ("root.key" or "erasure.ledger")))
        {
            File.Delete(path);
        }

        // One without the other is of no use.
        Assert.Throws<InvalidDataException>(() => StoreBackup.Restore([Options], Data, null, TestJson.Catalogue(), withoutLedger: false, Cancel));
        await Restore(data: true, keys: true);
        await Fixture.Open();
        Assert.Equal("there", Assert.Single(await Store.Range<Line>(room).Open(Cancel)).Text);
    }

    private static List<string> Names(string directory) =>
        [.. Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(directory, path)).Order(StringComparer.Ordinal)];

    private Dictionary<string, string> Digests() =>
        Directory.EnumerateFiles(Fixture.Directory).ToDictionary(path => path, path => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))));
}

/// <summary>Databases, with PostgreSQL's own tools.</summary>
[Trait("needs", "postgres")]
public sealed class PostgresRestoreTests() : RestoreTests(new PostgresFixture())
{
    private readonly TemporaryDirectory _targets = new();

    private PostgresFixture Postgres => (PostgresFixture)Fixture;

    protected override async Task Backup()
    {
        await PostgresCluster.Dump(Postgres.ConnectionTo("data"), _targets["data.dump"], Cancel);
        await PostgresCluster.Dump(Postgres.ConnectionTo("keys"), _targets["keys.dump"], Cancel);
    }

    protected override async Task Restore(bool data, bool keys)
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        if (data)
        {
            await cluster.RestoreDump(_targets["data.dump"], Postgres.ConnectionTo("data"), Cancel);
            await StoreUpkeep.Restored(Postgres.Databases, Cancel);
        }

        if (keys)
        {
            await cluster.RestoreDump(_targets["keys.dump"], Postgres.ConnectionTo("keys"), Cancel);
        }
    }

    [Fact]
    public async Task Databases_are_not_told_of_a_restore_while_a_node_is_connected()
    {
        await Assert.ThrowsAsync<DatabaseInUseException>(() => StoreUpkeep.Restored(Postgres.Databases, Cancel));
        await Fixture.Close();
        await StoreUpkeep.Restored(Postgres.Databases, Cancel);
    }
}

/// <summary>A whole cluster, brought back to a moment by PostgreSQL's base backup and archived log: both databases go back together.</summary>
[Trait("needs", "postgres")]
[Trait("length", "full")]
public sealed class PostgresRecoveryTests : IDisposable
{
    private static readonly Problem Gone = new("/problems/test/gone", 404, "It is gone.");
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_cluster_that_went_back_to_a_moment_forgets_who_was_erased_since_and_keeps_what_was_said_until_then()
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var cluster = await PostgresCluster.Start(cancel);
        await cluster.ArchiveLog(cancel);
        var store = new PostgresStore(Address(await cluster.NewDatabase("data", cancel)), Address(await cluster.NewDatabase("keys", cancel)), _directory["ledgers"]);
        var options = new ScaleUnitOptions(StoreFixture.Europe, _directory["unit"]) { Postgres = store };
        var (id, name) = (Guid.NewGuid(), new Identifier(Identifier.CommunicationUser, $"8:acs:{Guid.NewGuid()}"));
        Ref<Room> room;
        SubjectRef goes;
        FeedPosition end;
        await using (var unit = await ScaleUnit.Open(options, TestJson.Catalogue(), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, cancel))
        {
            var home = await unit.Administration.Add(id, cancel);
            room = home.References.Next<Room>();
            goes = await home.AddSubject([name], cancel);
            var stays = await home.AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{Guid.NewGuid()}")], cancel);
            await Do(home, b => b.Insert(new Room { Key = room, Name = "a room", Topic = "a topic" }));
            await Do(home, b => b.Lock(room, Gone).Insert(new Member { Room = room, Person = goes }).Insert(new Member { Room = room, Person = stays }));
            await Say(home, goes, "erased");
            await cluster.BaseBackup(cancel);

            // The log brings this back, which the base backup has not.
            await Say(home, stays, "kept");
            await cluster.Mark("then", cancel);
            await Say(home, stays, "lost");
            Assert.Null(await home.EraseSubject(goes, _ => { }, cancel));
            await unit.Housekeeping.Purge(cancel);
            end = await home.Store.Feed.End(cancel);
        }

        await cluster.Recover("then", cancel);
        await StoreUpkeep.Restored(store, cancel);
        Assert.All(await StoreUpkeep.Check(options, TestJson.Catalogue(), cancel), condition => Assert.True(condition is { Fault: null, Pending.Count: 0 }, condition.ToString()));
        await using (var unit = await ScaleUnit.Open(options, TestJson.Catalogue(), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, cancel))
        {
            var home = await unit.Administration.Add(id, cancel);
            Assert.Null(await home.FindSubject(name, cancel));
            Assert.Empty(await unit.KeyStore.Find([KeyName.Of(goes)], cancel));
            await unit.Housekeeping.Purge(cancel);
            var lines = await home.Store.Range<Line>(room).Open(cancel);
            Assert.Equal(2, lines.Count);
            Assert.NotNull(lines[0].ErasedOn);
            Assert.Equal("kept", lines[1].Text);
            Assert.NotEqual(end.Epoch, (await home.Store.Feed.End(cancel)).Epoch);
        }

        async Task Do(Home home, Action<Batch> build) => Assert.Null((await home.Store.Commit(build, cancel)).Refused);
        Task Say(Home home, SubjectRef writer, string text) => Do(home, b => b.Lock(room, Gone).Append(new Line { Room = room, Id = Guid.CreateVersion7(), Writer = writer, Text = text }));
    }

    private static PostgresAddress Address(string connection) => PostgresAddress.TryParse(connection, out var address, out var fault) ? address : throw new InvalidOperationException(fault);
}

/// <summary>
/// What was erased after a backup stays erased whichever database is put back; everyone else's messages of that time are there. Written once; each engine
/// says how its backups are taken and put back.
/// </summary>
public abstract class RestoreTests(StoreFixture fixture) : StoreTests(fixture)
{
    /// <summary>Takes a backup of both databases while the store is open.</summary>
    protected abstract Task Backup();

    /// <summary>Puts databases back while the store is closed, with all that the guide says.</summary>
    protected abstract Task Restore(bool data, bool keys);

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task What_was_erased_after_a_backup_stays_erased_and_the_rest_is_as_it_was(bool data, bool keys)
    {
        var (room, doomed) = (await Room(), await Room());
        var stays = await Join(room);
        var name = $"8:acs:goes{Guid.NewGuid()}";
        var goes = await Join(room, await Home.AddSubject([new Identifier(Identifier.CommunicationUser, name)], Cancel));
        await Join(doomed, stays);
        await Say(room, stays, "kept");
        await Say(room, goes, "erased");
        await Say(doomed, stays, "deleted");
        var before = await Store.Feed.End(Cancel);

        // While others write: the backup is of one moment of each database.
        using var enough = new CancellationTokenSource();
        using var begun = new CountdownEvent(4);
        var writers = Enumerable.Range(0, begun.InitialCount).Select(writer => Task.Run(async () =>
        {
            var said = 0;
            for (; !enough.IsCancellationRequested; said++)
            {
                await Say(room, stays, $"{writer} {said}");
                if (said == 0)
                {
                    begun.Signal();
                }
            }

            return said;
        })).ToList();
        await Task.Run(() => begun.Wait(Cancel), Cancel);
        await Backup();
        await enough.CancelAsync();
        Assert.All(await Task.WhenAll(writers), said => Assert.True(said > 0));

        Assert.Null(await Home.EraseSubject(goes, _ => { }, Cancel));
        await Commit(b => b.Delete<Room>([doomed]));
        await Unit.Housekeeping.Purge(Cancel);
        await Fixture.Close();
        await Restore(data, keys);
        await Fixture.Open();

        // Before any housekeeping: nothing of theirs opens.
        Assert.Empty(await Store.Range<Line>(doomed).Open(Cancel));
        Assert.Null(await Store.Get<Room>([doomed], Cancel));
        Assert.DoesNotContain(await Store.Range<Line>(room).Take(1_000).Open(Cancel), line => line.Text == "erased");
        Assert.Null(await Home.FindSubject(new Identifier(Identifier.CommunicationUser, name), Cancel));
        Assert.Equal(0, Fixture.KeyNumber($"SELECT count(*) FROM key WHERE scope = 'subject' AND id = {goes.Value}"));
        Assert.Equal(0, Fixture.KeyNumber($"SELECT count(*) FROM key WHERE scope = 'test.room' AND id = {doomed.Value}"));

        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("test_member", $"person = {goes.Value}") + await Fixture.Rows("test_line", $"writer = {goes.Value}"));
        Assert.Equal(0, await Fixture.Rows("test_room", $"key = {doomed.Value}") + await Fixture.Rows("test_line", $"room = {doomed.Value}") + await Fixture.Rows("test_member", $"room = {doomed.Value}"));
        Assert.Equal(0, await Fixture.Rows("engine_purge"));

        // What others said before the backup is there and opens, in its order, and the room goes on.
        var lines = await Store.Range<Line>(room).Take(1_000).Open(Cancel);
        Assert.Equal("kept", lines[0].Text);
        Assert.Equal(lines.Select(line => line.Sequence).Order(), lines.Select(line => line.Sequence));
        await Say(room, stays, "goes on");
        if (data)
        {
            Assert.NotEqual(before.Epoch, (await Store.Feed.End(Cancel)).Epoch);
        }
    }

    [Fact]
    public async Task A_reader_of_before_a_restore_begins_anew_and_skips_nothing_that_comes_after()
    {
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "before");
        await Backup();

        // The feed goes on beyond the backup, so that positions are given twice.
        for (var i = 0; i < 20; i++)
        {
            await Say(room, person, $"lost {i}");
        }

        var end = await Store.Feed.End(Cancel);
        await Fixture.Close();
        await Restore(data: true, keys: false);
        await Fixture.Open();
        var (said, told) = (0, new List<long>());
        await foreach (var item in Store.Feed.Tail("reader", end, Cancel))
        {
            if (item is FeedItem.Resync)
            {
                // It makes its data anew, and is told of everything from here on.
                for (; said < 5; said++)
                {
                    told.Add((await Commit(b => b.Lock(room, Refused).Append(Says(room, person, $"after {said}")))).Position);
                }
            }
            else if (item is FeedItem.Changed changed && told.Remove(changed.Entry.Position) && told.Count == 0)
            {
                break;
            }
        }

        Assert.Equal(5, said);
        Assert.Empty(told);
    }

    [Fact]
    public async Task Numbers_that_resources_got_after_a_backup_are_not_given_again()
    {
        await Backup();
        var later = await Unit.Administration.Add(Guid.NewGuid(), Cancel);
        var number = later.Resource.Number;
        await Fixture.Close();
        await Restore(data: true, keys: false);
        await Fixture.Open();
        Assert.True((await Unit.Administration.Add(Guid.NewGuid(), Cancel)).Resource.Number > number);
    }

    [Fact]
    public async Task A_resource_that_was_removed_after_a_backup_is_removed_again()
    {
        var room = await Room(home: Fixture.Neighbour);
        var (id, number) = (Fixture.Neighbour.ResourceId, Fixture.Neighbour.Resource.Number);
        await Backup();
        await Unit.Administration.Remove(Fixture.Neighbour, Cancel);
        await Unit.Housekeeping.Purge(Cancel);
        await Fixture.Close();
        await Restore(data: true, keys: true);
        await Fixture.Open();
        await Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await Fixture.Rows("test_room", $"key = {room.Value}") + await Fixture.Rows("engine_resource", $"number = {number}"));
        Assert.Equal(id, Fixture.Neighbour.ResourceId);
        Assert.True(Fixture.Neighbour.Resource.Number > number);
    }
}
