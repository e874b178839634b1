using Domicile.Storage;
using Domicile.Storage.Sqlite;

namespace Domicile.Tests.Storage;

/// <summary>What only the embedded engine can do wrong: a full disk, a growing log, files that others may read.</summary>
public sealed class SqliteFaultTests() : StoreTests(new SqliteFixture())
{
    // Half of what a connection waits for another one.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    private SqliteStoreEngine Engine => (SqliteStoreEngine)Unit.Engine;

    private string Log => Path.Combine(Fixture.Directory, "data.db-wal");

    private Task LimitPages(string limit) => Engine.OnWriter(session => session.Number($"PRAGMA max_page_count({limit})"), Cancel);

    [Fact]
    public async Task A_full_disk_refuses_commits_and_leaves_nothing_half_written_until_there_is_room_again()
    {
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "before");
        var end = await Store.Feed.End(Cancel);
        await LimitPages("1");
        var big = new string('x', 20_000);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(async () =>
            await Store.Commit(b => b.Lock(room, Refused).Append(Says(room, person, big)).Insert(new Setting { Name = big, Part = i }), Cancel))));
        Assert.Contains(StorageProblems.Unavailable, outcomes.Select(outcome => outcome.Refused));
        Assert.All(outcomes, outcome => Assert.True(outcome.Refused is null || outcome.Refused == StorageProblems.Unavailable));
        var written = outcomes.Count(outcome => outcome.Refused is null);
        Assert.Equal((written, written + 1, end.Number + (2 * written)), (await Fixture.Rows("test_setting"), await Fixture.Rows("test_line"), (await Store.Feed.End(Cancel)).Number));
        Assert.Equal("before", (await Store.Range<Line>(room).Take(1).Open(Cancel))[0].Text);

        await LimitPages("1000000");
        Assert.Equal(written + 2, (await Say(room, person, "after")).Sequence);
        await Fixture.Restart();
        Assert.Equal(Enumerable.Range(1, written + 2).Select(i => (long)i), (await Store.Range<Line>(room).Open(Cancel)).Select(line => line.Sequence));
    }

    [Fact]
    public async Task When_keys_cannot_be_written_nothing_is_written_under_them()
    {
        var keys = (SqliteKeyStore)Unit.KeyStore;
        await keys.OnWriter(session => session.Number("PRAGMA max_page_count(1)"), Cancel);
        var rooms = 0;
        Outcome outcome;
        do
        {
            outcome = await Store.Commit(b => b.Insert(new Room { Key = Home.References.Next<Room>(), Name = $"{rooms}", Topic = "t" }), Cancel);
            rooms += outcome.Refused is null ? 1 : 0;
        }
        while (outcome.Refused is null);
        Assert.Equal(StorageProblems.Unavailable, outcome.Refused);
        Assert.Equal(rooms, await Fixture.Rows("test_room"));
        await keys.OnWriter(session => session.Number("PRAGMA max_page_count(1000000)"), Cancel);
        await Room("again");
        await Fixture.Restart();
        Assert.Equal(rooms + 1, (await Store.Range<Room>().Open(Cancel)).Count);
    }

    [Fact]
    public async Task The_log_stays_bounded_and_is_emptied()
    {
        var room = await Room();
        var person = await Join(room);
        var highest = 0L;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 60; i++)
            {
                await Commit(b =>
                {
                    b.Lock(room, Refused);
                    for (var line = 0; line < 13; line++)
                    {
                        b.Append(Says(room, person, "about as long as what people say to each other"));
                    }
                });
                var now = new FileInfo(Log).Length;
                InterlockedMax(ref highest, now);
            }
        })));
        Assert.Equal(64 * 60 * 13, await Fixture.Rows("test_line"));
        Assert.InRange(highest, 1, 64 << 20);
        await Engine.Compact(Cancel);
        await StoreFixture.Until(() => new FileInfo(Log).Length == 0);
    }

    [Fact]
    public async Task A_long_read_elsewhere_holds_up_neither_commits_nor_the_end_when_the_log_is_to_be_emptied()
    {
        var room = await Room();
        var person = await Join(room);
        await Say(room, person, "before");
        using var elsewhere = SqliteSession.Open(Path.Combine(Fixture.Directory, "data.db"), readOnly: true);
        elsewhere.Execute("BEGIN");
        Assert.Equal(1, elsewhere.Number("SELECT count(*) FROM test_line"));

        // What it sees is older than what is in the log from here on, so the log cannot be emptied as long as it reads.
        await Say(room, person, "while it reads");
        await Engine.Compact(Cancel);
        await Task.Delay(TimeSpan.FromMilliseconds(200), Cancel);
        await Say(room, person, "although the log is to be emptied").WaitAsync(Soon, Cancel);
        await Fixture.Restart().WaitAsync(Soon, Cancel);
        Assert.Equal(3, await Fixture.Rows("test_line"));
        Assert.Equal(1, elsewhere.Number("SELECT count(*) FROM test_line"));
        elsewhere.Execute("COMMIT");
        await Engine.Compact(Cancel);
        await StoreFixture.Until(() => new FileInfo(Log).Length == 0);
    }

    private static void InterlockedMax(ref long highest, long now)
    {
        for (var seen = Interlocked.Read(ref highest); now > seen; seen = Interlocked.Read(ref highest))
        {
            Interlocked.CompareExchange(ref highest, now, seen);
        }
    }

    [Fact]
    public async Task Removing_gives_space_back_and_leaves_no_trace_in_the_files()
    {
        var room = await Room("canary-name-of-a-room");
        var person = await Join(room);
        await Commit(b =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                b.Append(Says(room, person, new string('x', 500)));
            }
        });
        await Commit(b => b.Insert(new Setting { Name = "canary-that-stays", Part = 0 }));
        await Engine.Compact(Cancel);
        await StoreFixture.Until(() => new FileInfo(Log).Length == 0);
        var data = Path.Combine(Fixture.Directory, "data.db");
        var full = new FileInfo(data).Length;
        Assert.True(Holds(data, "canary-name-of-a-room"));
        await Commit(b => b.Delete<Room>([room]));
        await Unit.Housekeeping.Purge(Cancel);
        await StoreFixture.Until(() => new FileInfo(Log).Length == 0);
        Assert.True(Holds(data, "canary-that-stays"));
        Assert.False(Holds(data, "canary-name-of-a-room"));
        Assert.True(new FileInfo(data).Length < full / 2, $"{new FileInfo(data).Length} of {full}");
    }

    private static bool Holds(string path, string text)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        file.CopyTo(copy);
        return copy.GetBuffer().AsSpan(0, (int)copy.Length).IndexOf(System.Text.Encoding.UTF8.GetBytes(text)) >= 0;
    }

    [Fact]
    public async Task The_settings_that_durability_and_erasure_rest_on_are_in_force()
    {
        Assert.Equal(2, await Engine.OnWriter(session => session.Number("PRAGMA synchronous"), Cancel));
        Assert.Equal(1, await Engine.OnWriter(session => session.Number("PRAGMA secure_delete"), Cancel));
        Assert.Equal(2, await Engine.OnWriter(session => session.Number("PRAGMA auto_vacuum"), Cancel));
        Assert.Equal(0, await Engine.OnWriter(session => session.Number("PRAGMA wal_autocheckpoint"), Cancel));
    }

    [Fact]
    public async Task Only_its_owner_may_read_what_a_scale_unit_keeps()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        await Room();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Fixture.Directory));
        foreach (var file in Directory.GetFiles(Fixture.Directory))
        {
            Assert.Equal((file, UnixFileMode.UserRead | UnixFileMode.UserWrite), (file, File.GetUnixFileMode(file)));
        }
    }

    [Fact]
    public async Task A_directory_that_another_server_uses_is_refused()
    {
        await Assert.ThrowsAsync<DirectoryInUseException>(() => ScaleUnit.Open(
            new ScaleUnitOptions(StoreFixture.Europe, Fixture.Directory), TestJson.Catalogue(), Clock, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, Cancel));
        await Room();
    }

    [Fact]
    public async Task No_query_of_the_store_scans_a_table()
    {
        var scans = new List<string>();
        foreach (var kind in Unit.Catalogue.Kinds)
        {
            var table = new SqliteTable(kind, 0);
            List<string> texts = [table.Exists, table.Version, table.Get, table.Delete, table.Update, .. table.Unique.Select(index => index.Taken)];
            if (kind.ParentColumn >= 0)
            {
                texts.Add(table.DeleteWhere(kind.Columns[kind.ParentColumn].Name));
            }
            else
            {
                texts.Add(table.DeleteWhere("resource"));
            }

            if (kind.OwnerColumn >= 0 && kind.OwnerFoundBy is null)
            {
                texts.Add(table.DeleteWhere(kind.Columns[kind.OwnerColumn].Name));
            }

            foreach (var text in texts)
            {
                var plan = await Store.Query((connection, _) => Task.FromResult(Explain(connection, text)), Cancel);
                scans.AddRange(plan.Where(line => line.StartsWith("SCAN", StringComparison.Ordinal)).Select(line => $"{text}: {line}"));
            }
        }

        Assert.Empty(scans);
    }

    private static List<string> Explain(System.Data.Common.DbConnection connection, string text)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the store's own.
        command.CommandText = "EXPLAIN QUERY PLAN " + text;
#pragma warning restore CA2100
        for (var i = 1; i < 12; i++)
        {
            command.Parameters.Add(new Microsoft.Data.Sqlite.SqliteParameter($"?{i}", 1L));
        }

        using var rows = command.ExecuteReader();
        var plan = new List<string>();
        while (rows.Read())
        {
            plan.Add(rows.GetString(3));
        }

        return plan;
    }

    [Fact]
    public void The_library_is_the_systems_when_that_is_newer()
    {
        var library = SqliteLibrary.Describe();
        Assert.True(library.Source == "packaged" || library.Version > new Version(3, 35, 5));
    }
}
