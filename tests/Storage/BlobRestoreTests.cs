using System.Diagnostics;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Blobs;
using Domicile.Tests.Support;

namespace Domicile.Tests.Storage;

/// <summary>Sealed files in the product's own backup: they go with the database that names them, and come back with it.</summary>
public sealed class BlobRestoreTests() : StoreTests(new SqliteFixture())
{
    private readonly TemporaryDirectory _targets = new();
    private IReadOnlyList<(string Directory, BackupManifest Manifest)> _taken = [];
    private byte[] _content = [];

    private ScaleUnitOptions Options => new(StoreFixture.Europe, Fixture.Directory);

    private string Blobs => Path.Combine(Fixture.Directory, "blobs");

    private string Data => _taken[0].Directory;

    private string Keys => _taken[1].Directory;

    public override async ValueTask InitializeAsync() => await Fixture.Open(BlobJson.Catalogue());

    [Fact]
    public async Task Sealed_files_come_back_with_the_records_that_own_them_and_those_of_the_erased_go_again()
    {
        var (album, stays, goes) = (new Ref<Album>(1), await Person("stays"), await Person("goes"));
        await Commit(b => b.Insert(new Album { Key = album, Title = "t" }));
        var (kept, content) = (await Attach(album, 1, stays), _content);
        await Attach(album, 2, goes);
        await Attach(album, 3, stays);
        await Commit(b => b.Delete<Attachment>([album, 3]));
        Assert.Equal(3, Files(Blobs).Count);
        Backup();
        var blobs = Assert.Single(_taken[0].Manifest.Blobs!);
        Assert.Equal(("europe", 2, 0), (blobs.Store, blobs.Files, blobs.Missing));
        Assert.Null(_taken[1].Manifest.Blobs);
        Assert.Equal(2, Files(Path.Combine(Data, "europe", "blobs")).Count);

        // One is lost, one was about to be removed when the power went: its header is gone, its end is not.
        Assert.Null(await Home.EraseSubject(goes, _ => { }, Cancel));
        await Fixture.Close();
        foreach (var file in Files(Blobs))
        {
            using var header = new FileStream(file, FileMode.Open);
            header.Write(new byte[BlobSeal.HeaderBytes]);
        }

        File.Delete(Files(Blobs)[0]);
        Restore();
        await Fixture.Open(BlobJson.Catalogue());
        var back = (await Store.Get<Attachment>([album, 1], Cancel))!;
        Assert.Equal(kept, back.File);
        await using (var reader = (await Home.Blobs.Open(back, Cancel))!)
        {
            using var read = new MemoryStream();
            await reader.CopyTo(read, 0, reader.Length, Cancel);
            Assert.Equal(content, read.ToArray());
        }

        Assert.Null(await Store.Get<Attachment>([album, 2], Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        await Unit.Blobs.CollectGone(Cancel);
        Clock.Turn(TimeSpan.FromHours(2));
        await Unit.Blobs.CollectOrphans(Cancel);
        Assert.Equal(Path.Combine(kept.Id.ToString("N")[..2], kept.Id.ToString("N")[2..]), Path.GetRelativePath(Blobs, Assert.Single(Files(Blobs))));
    }

    [Fact]
    public async Task A_backup_beside_writers_has_every_file_that_its_records_name_and_no_other()
    {
        var (album, person) = (new Ref<Album>(1), await Person());
        await Commit(b => b.Insert(new Album { Key = album, Title = "t" }));
        using var enough = new CancellationTokenSource();
        using var begun = new CountdownEvent(3);
        var writers = Enumerable.Range(0, begun.InitialCount).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
            {
                await Attach(album, (writer * 1_000_000) + i, person);
                if (i >= 5)
                {
                    await Commit(b => b.Delete<Attachment>([album, (writer * 1_000_000) + i - 5]));
                    await Unit.Blobs.CollectGone(Cancel);
                }

                if (i == 10)
                {
                    begun.Signal();
                }
            }
        })).ToList();
        await Task.Run(() => begun.Wait(Cancel), Cancel);
        for (var round = 0; round < 5; round++)
        {
            Clock.Turn(TimeSpan.FromSeconds(1));
            Backup();
            Assert.Equal(0, Assert.Single(_taken[0].Manifest.Blobs!).Missing);
        }

        await enough.CancelAsync();
        await Task.WhenAll(writers);
        await Fixture.Close();
        foreach (var file in Files(Blobs))
        {
            File.Delete(file);
        }

        Restore();
        await Fixture.Open(BlobJson.Catalogue());
        var check = Unit.Administration.CheckResidency();
        await check.Run(Cancel);
        Assert.Empty(check.Report.Violations);
        Assert.Equal((check.Report.Kinds.Single(kind => kind.Kind == "test.attachment").Opened, 0), (check.Report.Files, check.Report.UnclaimedFiles));
        Assert.InRange(check.Report.Files, 3, 18);
    }

    [Fact]
    public async Task While_a_backup_copies_no_file_is_removed_and_afterwards_every_one_that_went()
    {
        var (album, person) = (new Ref<Album>(1), await Person());
        await Commit(b => b.Insert(new Album { Key = album, Title = "t" }));
        await Attach(album, 1, person);
        await Unattached(album, 2, person);
        Clock.Turn(TimeSpan.FromHours(2));
        await Commit(b => b.Delete<Attachment>([album, 1]));
        using (BlobHold.Take(Blobs, Clock))
        {
            BlobHold.Take(Blobs, Clock).Dispose();
            Assert.Equal((0, 0), (await Unit.Blobs.CollectGone(Cancel), await Unit.Blobs.CollectOrphans(Cancel)));
            Assert.Equal(2, Files(Blobs).Count);
        }

        Assert.Equal((1, 1), (await Unit.Blobs.CollectGone(Cancel), await Unit.Blobs.CollectOrphans(Cancel)));
        Assert.Empty(Files(Blobs));
    }

    [Fact]
    public async Task A_backup_of_ones_own_holds_the_files_as_the_guide_says()
    {
        var (album, person) = (new Ref<Album>(1), await Person());
        await Commit(b => b.Insert(new Album { Key = album, Title = "t" }));
        await Attach(album, 1, person);
        await Commit(b => b.Delete<Attachment>([album, 1]));
        File.Create(Blobs + ".lock").Dispose();
        File.SetLastWriteTimeUtc(Blobs + ".lock", Clock.GetUtcNow().UtcDateTime);
        using (var flock = Process.Start(new ProcessStartInfo("flock", ["--shared", Blobs + ".lock", "sh", "-c", "echo held; read end"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!)
        {
            Assert.Equal("held", await flock.StandardOutput.ReadLineAsync(Cancel));
            Assert.Equal(0, await Unit.Blobs.CollectGone(Cancel));
            flock.StandardInput.Close();
            await flock.WaitForExitAsync(Cancel);
        }

        Assert.Equal(1, await Unit.Blobs.CollectGone(Cancel));
    }

    [Fact]
    public async Task A_backup_that_hangs_keeps_no_file_beyond_an_hour()
    {
        var (album, person) = (new Ref<Album>(1), await Person());
        await Commit(b => b.Insert(new Album { Key = album, Title = "t" }));
        await Attach(album, 1, person);
        using (BlobHold.Take(Blobs, Clock))
        {
            await Commit(b => b.Delete<Attachment>([album, 1]));
            Clock.Turn(BlobHold.Longest);
            Assert.Equal(0, await Unit.Blobs.CollectGone(Cancel));
            Clock.Turn(TimeSpan.FromSeconds(1));
            Assert.Equal(1, await Unit.Blobs.CollectGone(Cancel));
        }
    }

    [Fact]
    public async Task A_file_that_was_lost_before_does_not_keep_a_backup_from_being_taken_and_is_counted()
    {
        await Commit(b => b.Insert(new Album { Key = new(1), Title = "t" }));
        await Attach(new(1), 1, await Person());
        File.Delete(Assert.Single(Files(Blobs)));
        Backup();
        Assert.Equal((0, 1), (_taken[0].Manifest.Blobs![0].Files, _taken[0].Manifest.Blobs![0].Missing));
    }

    [Theory]
    [InlineData("file missing")]
    [InlineData("file cut off")]
    [InlineData("a byte of a file changed")]
    [InlineData("list missing")]
    [InlineData("list cut off")]
    public async Task Sealed_files_that_are_not_whole_are_refused_before_anything_is_changed(string wrong)
    {
        await Commit(b => b.Insert(new Album { Key = new(1), Title = "t" }));
        await Attach(new(1), 1, await Person());
        Backup();
        var before = (await Store.Feed.End(Cancel)).Epoch;
        await Fixture.Close();
        var (file, list) = (Assert.Single(Files(Path.Combine(Data, "europe", "blobs"))), Path.Combine(Data, "europe", "blobs.list"));
        using (var open = new FileStream(wrong.StartsWith("list", StringComparison.Ordinal) ? list : file, FileMode.Open))
        {
            switch (wrong)
            {
                case "file cut off" or "list cut off":
                    open.SetLength(open.Length - 5);
                    break;
                case "a byte of a file changed":
                    open.Position = open.Length - 5;
                    open.WriteByte(0x5a);
                    break;
                case "file missing":
                    File.Delete(file);
                    break;
                case "list missing":
                    File.Delete(list);
                    break;
            }
        }

        foreach (var there in Files(Blobs))
        {
            File.Delete(there);
        }

        Assert.Throws<InvalidDataException>(() => StoreBackup.Restore([Options], Data, Keys, BlobJson.Catalogue(), withoutLedger: false, Cancel));
        Assert.Empty(Files(Blobs));
        await Fixture.Open(BlobJson.Catalogue());
        Assert.Equal(before, (await Store.Feed.End(Cancel)).Epoch);
    }

    [Fact]
    public async Task A_backup_from_before_sealed_files_were_taken_along_is_put_back()
    {
        await Say(await Room(), await Person(), "there");
        Backup();
        await Fixture.Close();
        var manifest = Path.Combine(Data, "manifest.json");
        var old = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(manifest))!.AsObject();
        Assert.True(old.Remove("blobs"));
        old["format"] = 1;
        File.WriteAllText(manifest, old.ToJsonString());
        File.Delete(Path.Combine(Data, "europe", "blobs.list"));
        Restore();
        await Fixture.Open(BlobJson.Catalogue());
        Assert.Equal(1, await Fixture.Rows("test_line"));
    }

    private async Task<BlobRef> Attach(Ref<Album> album, long number, SubjectRef sender)
    {
        var attachment = await Unattached(album, number, sender);
        await Commit(b => b.Insert(attachment));
        return attachment.File!.Value;
    }

    private async Task<Attachment> Unattached(Ref<Album> album, long number, SubjectRef sender)
    {
        var attachment = new Attachment { Album = album, Number = number, Sender = sender, Name = "n" };
        var content = System.Security.Cryptography.RandomNumberGenerator.GetBytes(100_000);
        await using var writer = (await Home.Blobs.Create(attachment, content.Length, Cancel))!;
        Assert.True(await writer.Write(content, Cancel));
        _content = content;
        return attachment with { File = await writer.Complete(Cancel) };
    }

    private static List<string> Files(string directory) =>
        Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];

    private void Backup() => _taken = StoreBackup.Take([Options], _targets["records"], _targets["keys"], BlobJson.Catalogue(), Clock, Cancel);

    private void Restore() => StoreBackup.Restore([Options], Data, Keys, BlobJson.Catalogue(), withoutLedger: false, Cancel);
}
