using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Blobs;

namespace Domicile.Tests.Storage;

public sealed class SqliteBlobTests() : BlobTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresBlobTests() : BlobTests(new PostgresFixture());

/// <summary>Sealed files: they are read as they were written, found when they were touched, and die with the record that owns them.</summary>
public abstract class BlobTests(StoreFixture fixture) : StoreTests(fixture)
{
    private const int Chunk = BlobSeal.ChunkBytes;
    private const long LengthMax = 64 << 20;

    private string Blobs => Path.Combine(Fixture.Directory, "blobs");

    private List<string> Files => Directory.Exists(Blobs) ? [.. Directory.EnumerateFiles(Blobs, "*", SearchOption.AllDirectories)] : [];

    public override async ValueTask InitializeAsync() => await Fixture.Open(BlobJson.Catalogue());

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Chunk - 1)]
    [InlineData(Chunk)]
    [InlineData(Chunk + 1)]
    [InlineData(3 * Chunk)]
    [InlineData((24 << 20) + 17)]
    public async Task What_was_written_is_read(int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);
        var archive = await Keep("a", content);

        Assert.Equal(content, await Read(archive));
        await Fixture.Restart(BlobJson.Catalogue());
        Assert.Equal(content, await Read((await Store.Get<Archive>([Text("a")], Cancel))!));
        Assert.Equal(length + BlobSeal.HeaderBytes + (16 * Math.Max(1, (length + Chunk - 1) / Chunk)), new FileInfo(Assert.Single(Files)).Length);
    }

    [Fact]
    public async Task It_is_written_in_pieces_of_any_size()
    {
        var content = RandomNumberGenerator.GetBytes(300_001);
        var archive = new Archive { Name = "a" };
        await using var writer = (await Home.Blobs.Create(archive, LengthMax, Cancel))!;
        for (int at = 0, size = 1; at < content.Length; at += size, size = Math.Min((size * 3) + 1, content.Length - at))
        {
            size = Math.Min(size, content.Length - at);
            Assert.True(await writer.Write(content.AsMemory(at, size), Cancel));
        }

        archive = archive with { File = await writer.Complete(Cancel) };
        await Commit(b => b.Insert(archive));
        Assert.Equal(content, await Read(archive));
    }

    [Fact]
    public async Task Any_part_is_read_without_the_rest()
    {
        var content = RandomNumberGenerator.GetBytes((2 * Chunk) + 100);
        var archive = await Keep("a", content);
        await using var reader = (await Home.Blobs.Open(archive, Cancel))!;
        Assert.Equal(content.Length, reader.Length);
        foreach (var (offset, length) in ((int, int)[])[(0, 1), (Chunk - 1, 2), (Chunk, Chunk), (content.Length - 1, 1), (content.Length, 5), (content.Length + 9, 1), (5, content.Length)])
        {
            using var part = new MemoryStream();
            await reader.CopyTo(part, offset, length, Cancel);
            Assert.Equal(content.Skip(offset).Take(length), part.ToArray());
        }
    }

    [Fact]
    public async Task It_is_no_larger_than_it_may_be()
    {
        await using var writer = (await Home.Blobs.Create(new Archive { Name = "a" }, 10, Cancel))!;
        Assert.True(await writer.Write(new byte[6], Cancel));
        Assert.False(await writer.Write(new byte[5], Cancel));
        Assert.True(await writer.Write(new byte[4], Cancel));
        Assert.False(await writer.Write(new byte[1], Cancel));
    }

    [Fact]
    public async Task Nothing_of_the_content_or_of_its_owner_is_in_the_file_or_in_its_name()
    {
        await Keep("canary", "canary-content"u8.ToArray());
        var file = Assert.Single(Files);
        Assert.DoesNotContain("canary", file, StringComparison.Ordinal);
        Assert.True((await File.ReadAllBytesAsync(file, Cancel)).AsSpan().IndexOf("canary"u8) < 0);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(file)!));
        }
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_is_found()
    {
        var archive = await Keep("a", RandomNumberGenerator.GetBytes(Chunk + 40));
        var file = Assert.Single(Files);
        var good = await File.ReadAllBytesAsync(file, Cancel);
        int[] places = [.. Enumerable.Range(0, BlobSeal.HeaderBytes), BlobSeal.HeaderBytes, BlobSeal.HeaderBytes + Chunk, BlobSeal.HeaderBytes + Chunk + 15, BlobSeal.HeaderBytes + Chunk + 16, good.Length - 17, good.Length - 1];
        foreach (var place in places)
        {
            var bad = (byte[])good.Clone();
            bad[place] ^= 0x10;
            await Break(file, bad, archive);
        }

        await File.WriteAllBytesAsync(file, good, Cancel);
        Assert.Equal(Chunk + 40, (await Read(archive)).Length);
    }

    [Fact]
    public async Task A_file_that_was_cut_off_or_added_to_is_found()
    {
        var archive = await Keep("a", RandomNumberGenerator.GetBytes((2 * Chunk) + 40));
        var file = Assert.Single(Files);
        var good = await File.ReadAllBytesAsync(file, Cancel);
        int[] lengths = [0, 1, BlobSeal.HeaderBytes - 1, BlobSeal.HeaderBytes, BlobSeal.HeaderBytes + 15, BlobSeal.HeaderBytes + 16, BlobSeal.HeaderBytes + BlobSeal.SealedChunkBytes, BlobSeal.HeaderBytes + (2 * BlobSeal.SealedChunkBytes), good.Length - 1];
        foreach (var length in lengths)
        {
            await Break(file, good[..length], archive);
        }

        await Break(file, [.. good, 0], archive);
        await Break(file, [.. good, .. new byte[BlobSeal.SealedChunkBytes]], archive);
    }

    [Fact]
    public async Task A_file_of_a_wrong_length_is_refused_before_any_of_it_is_given_out()
    {
        var archive = await Keep("a", RandomNumberGenerator.GetBytes((2 * Chunk) + 40));
        var file = Assert.Single(Files);
        var good = await File.ReadAllBytesAsync(file, Cancel);
        foreach (var length in (int[])[BlobSeal.HeaderBytes + 16, BlobSeal.HeaderBytes + BlobSeal.SealedChunkBytes, BlobSeal.HeaderBytes + (2 * BlobSeal.SealedChunkBytes), good.Length - 1])
        {
            await File.WriteAllBytesAsync(file, good[..length], Cancel);
            await Assert.ThrowsAsync<SealBrokenException>(async () => await Home.Blobs.Open(archive, Cancel));
        }
    }

    [Fact]
    public async Task Chunks_that_were_exchanged_repeated_or_left_out_are_found()
    {
        var archive = await Keep("a", RandomNumberGenerator.GetBytes(4 * Chunk));
        var other = await Keep("b", RandomNumberGenerator.GetBytes(4 * Chunk));
        var (file, others) = (PathOf(archive.File), PathOf(other.File));
        var (good, strange) = (await File.ReadAllBytesAsync(file, Cancel), await File.ReadAllBytesAsync(others, Cancel));
        byte[] Chunks(params int[] order) => [.. good[..BlobSeal.HeaderBytes], .. order.SelectMany(at => good.Skip(BlobSeal.HeaderBytes + (at * BlobSeal.SealedChunkBytes)).Take(BlobSeal.SealedChunkBytes))];
        Assert.Equal(good, Chunks(0, 1, 2, 3));
        await Break(file, Chunks(1, 0, 2, 3), archive);
        await Break(file, Chunks(0, 0, 2, 3), archive);
        await Break(file, Chunks(0, 1, 3), archive);
        await Break(file, Chunks(0, 1, 2), archive);
        await Break(file, Chunks(0, 1, 2, 3, 3), archive);
        await Break(file, [.. good[..(BlobSeal.HeaderBytes + BlobSeal.SealedChunkBytes)], .. strange[(BlobSeal.HeaderBytes + BlobSeal.SealedChunkBytes)..]], archive);
    }

    [Fact]
    public async Task A_file_that_was_moved_to_another_record_does_not_open()
    {
        var person = await Person();
        var album = await Album();
        var one = await Attach(Home, album, 1, person, "one"u8.ToArray());
        var two = await Attach(Home, album, 2, person, "two"u8.ToArray());
        File.Copy(PathOf(one.File), PathOf(two.File), overwrite: true);
        await Broken(two);

        // Not even when the row is made to name it.
        Assert.Equal("one"u8.ToArray(), await Read(one));
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Home.Blobs.Open(two with { File = one.File }, Cancel));
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Home.Blobs.Open(one with { Number = 3 }, Cancel));
    }

    [Fact]
    public async Task A_file_that_was_moved_to_another_resource_does_not_open()
    {
        var here = await Keep("a", "here"u8.ToArray());
        var there = await Keep("a", "there"u8.ToArray(), Fixture.Neighbour);
        File.Copy(PathOf(here.File), PathOf(there.File), overwrite: true);
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Fixture.Neighbour.Blobs.Open(there, Cancel));
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Fixture.Neighbour.Blobs.Open(here, Cancel));
    }

    [Fact]
    public async Task A_file_that_was_moved_to_another_geography_does_not_open_under_its_keys()
    {
        // The same keys on purpose: what is left to tell the geographies apart is what the header vouches for.
        var key = SealKey.Of(new byte[32]);
        var kind = Unit.Catalogue.Of<Archive>();
        var blob = BlobRef.Fresh();
        var values = kind.Values(new Archive { Name = "a", File = blob });
        byte[] Context(string geography, BlobRef? other = null, string name = "a")
        {
            var context = new System.Buffers.ArrayBufferWriter<byte>();
            BlobSeal.WriteContext(context, Geography.Parse(geography), Home.Resource, kind, kind.Values(new Archive { Name = name }), other ?? blob);
            return context.WrittenSpan.ToArray();
        }

        var header = new byte[BlobSeal.HeaderBytes];
        BlobSeal.Begin(key, Context("Europe"), header).Dispose();
        BlobSeal.Open(key, header, Context("Europe")).Dispose();
        Assert.Throws<SealBrokenException>(() => BlobSeal.Open(key, header, Context("India")));
        Assert.Throws<SealBrokenException>(() => BlobSeal.Open(key, header, Context("Europe", BlobRef.Fresh())));
        Assert.Throws<SealBrokenException>(() => BlobSeal.Open(key, header, Context("Europe", name: "b")));
        await Task.CompletedTask;
    }

    [Fact]
    public async Task It_goes_with_its_record()
    {
        await Keep("a", "content"u8.ToArray());
        await Commit(b => b.Delete<Archive>([Text("a")]));
        Assert.Equal(1, await Unit.Blobs.CollectGone(Cancel));
        Assert.Empty(Files);
        Assert.Empty(await Unit.Engine.GoneBlobs(10, Cancel));
    }

    [Fact]
    public async Task It_goes_when_its_record_expires()
    {
        await Keep("a", "content"u8.ToArray(), expiresOn: Clock.GetUtcNow().AddDays(1));
        Clock.Turn(TimeSpan.FromDays(2));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Empty(Files);
    }

    [Fact]
    public async Task It_goes_when_its_record_names_another()
    {
        var first = await Keep("a", "first"u8.ToArray());
        var second = await Fill(Home, (await Store.Get<Archive>([Text("a")], Cancel))!, "second"u8.ToArray());
        await Commit(b => b.Put(second));
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Equal(PathOf(second.File), Assert.Single(Files));
        Assert.Equal("second"u8.ToArray(), await Read(second));
        Assert.Null(await Home.Blobs.Open(first, Cancel));

        // A change that leaves the file alone leaves it alone, however old it is.
        Clock.Turn(TimeSpan.FromDays(1));
        await Commit(b => b.Put((second with { Version = 2, Note = "changed" })));
        await Unit.Blobs.CollectGone(Cancel);
        await Unit.Blobs.CollectOrphans(Cancel);
        Assert.Equal("second"u8.ToArray(), await Read(second));
    }

    [Fact]
    public async Task It_goes_with_its_parent_and_is_unreadable_before()
    {
        var (person, album) = (await Person(), await Album("cover"u8.ToArray()));
        var one = await Attach(Home, album, 1, person, "one"u8.ToArray());
        Assert.Equal(2, Files.Count);
        await Commit(b => b.Delete<Album>([album]));
        await Unit.Destroy([new KeyName("test.album", album.Value)], Cancel);
        Assert.Null(await Home.Blobs.Open(one, Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Empty(Files);
    }

    [Fact]
    public async Task It_goes_with_its_person_and_is_unreadable_before()
    {
        var (person, other, album, room) = (await Person(), await Person(), await Album(), await Room());
        await Join(room, person);
        var one = await Attach(Home, album, 1, person, "one"u8.ToArray());
        var two = await Attach(Home, album, 2, other, "two"u8.ToArray());
        var picture = await Paint(room, person, "picture"u8.ToArray());
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        Assert.Null(await Home.Blobs.Open(one, Cancel));
        Assert.Null(await Home.Blobs.Open(picture, Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Equal(PathOf(two.File), Assert.Single(Files));
        var left = Assert.Single(await Store.Range<Picture>(room).Open(Cancel));
        Assert.NotNull(left.ErasedOn);
        Assert.Null(left.File);
    }

    [Fact]
    public async Task It_goes_with_its_resource()
    {
        await Keep("a", "here"u8.ToArray());
        var there = await Keep("a", "there"u8.ToArray(), Fixture.Neighbour);
        await Unit.Administration.Remove(Home, Cancel);
        await Unit.Housekeeping.Purge(Cancel);
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Equal(PathOf(there.File), Assert.Single(Files));
    }

    [Fact]
    public async Task The_housekeeping_removes_it_by_itself()
    {
        Unit.Housekeeping.Start();
        await Keep("a", "content"u8.ToArray());
        await Commit(b => b.Delete<Archive>([Text("a")]));
        await StoreFixture.Until(() => Files.Count == 0);
    }

    [Fact]
    public async Task What_was_removed_opens_under_no_key_even_when_its_blocks_are_found_again()
    {
        var archive = await Keep("a", RandomNumberGenerator.GetBytes(100));
        var file = PathOf(archive.File);
        using var block = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        await Unit.Blobs.Files.Remove(archive.File!.Value, Cancel);
        Assert.False(File.Exists(file));
        var left = new byte[block.Length];
        block.ReadExactly(left);
        Assert.True(left.AsSpan(0, BlobSeal.HeaderBytes).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public async Task Whoever_reads_while_the_record_is_deleted_reads_to_the_end()
    {
        var content = RandomNumberGenerator.GetBytes(3 * Chunk);
        var archive = await Keep("a", content);
        await using var reader = (await Home.Blobs.Open(archive, Cancel))!;
        var begun = new byte[10];
        await reader.Read(0, begun, Cancel);
        await Commit(b => b.Delete<Archive>([Text("a")]));
        await Unit.Blobs.CollectGone(Cancel);
        using var rest = new MemoryStream();
        await reader.CopyTo(rest, 0, content.Length, Cancel);
        Assert.Equal(content, rest.ToArray());
        Assert.Null(await Home.Blobs.Open(archive, Cancel));
        Assert.Equal(0, Unit.Administration.SealsBroken);
    }

    [Fact]
    public async Task Whoever_reads_while_the_person_is_erased_gets_no_further_piece()
    {
        var (person, album) = (await Person(), await Album());
        var one = await Attach(Home, album, 1, person, RandomNumberGenerator.GetBytes(3 * Chunk));
        await using var reader = (await Home.Blobs.Open(one, Cancel))!;
        Assert.Equal(10, await reader.Read(0, new byte[10], Cancel));
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        await Assert.ThrowsAsync<BlobGoneException>(async () => await reader.Read(Chunk, new byte[10], Cancel));
    }

    [Fact]
    public async Task For_someone_who_was_erased_nothing_is_begun_and_nothing_is_committed()
    {
        var (person, album) = (await Person(), await Album());
        var record = new Attachment { Album = album, Number = 1, Sender = person };
        var begun = await Fill(Home, record, "content"u8.ToArray());
        Assert.Null(await Home.EraseSubject(person, _ => { }, Cancel));
        Assert.Null(await Home.Blobs.Create(record, LengthMax, Cancel));
        Assert.Equal(StorageProblems.Gone, await Refuse(b => b.Insert(begun)));
    }

    [Fact]
    public async Task A_record_names_only_a_file_that_is_there_and_fresh_and_nobody_elses()
    {
        var archive = new Archive { Name = "a" };
        Assert.Equal(StorageProblems.NoBlob, await Refuse(b => b.Insert(archive with { File = BlobRef.Fresh() })));
        var late = await Fill(Home, archive, "content"u8.ToArray());
        Clock.Turn(UnitBlobs.Grace - TimeSpan.FromMinutes(5));
        Assert.Equal(StorageProblems.NoBlob, await Refuse(b => b.Insert(late)));
        var first = await Keep("b", "content"u8.ToArray());
        Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(archive with { File = first.File })));
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Equal("content"u8.ToArray(), await Read(first));
    }

    [Theory]
    [InlineData("begun")]
    [InlineData("half written")]
    [InlineData("written, not published")]
    [InlineData("published, not committed")]
    [InlineData("refused")]
    public async Task What_a_crash_left_of_a_file_that_never_had_a_record_is_gone_after_the_grace_and_not_before(string step)
    {
        var kept = await Keep("kept", "kept"u8.ToArray());
        var archive = new Archive { Name = step == "refused" ? "kept" : "a" };
        var writer = (await Home.Blobs.Create(archive, LengthMax, Cancel))!;
        if (step != "begun")
        {
            await writer.Write(new byte[step == "half written" ? Chunk + 5 : 5], Cancel);
        }

        if (step is "published, not committed" or "refused")
        {
            archive = archive with { File = await writer.Complete(Cancel) };
        }

        if (step == "refused")
        {
            Assert.Equal(StorageProblems.Exists, await Refuse(b => b.Insert(archive)));
        }

        // Not disposed: a crash does not tidy up.
        await Fixture.Restart(BlobJson.Catalogue());
        Clock.Turn(UnitBlobs.Grace);
        Assert.Equal(0, await Unit.Blobs.CollectOrphans(Cancel));
        Assert.Equal(2, Files.Count);
        Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await Unit.Blobs.CollectOrphans(Cancel));
        Assert.Equal("kept"u8.ToArray(), await Read(kept));
        await writer.DisposeAsync();
        Assert.Equal(PathOf(kept.File), Assert.Single(Files));
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("header gone")]
    [InlineData("unlinked")]
    public async Task A_removal_that_a_crash_cut_off_is_finished(string step)
    {
        var archive = await Keep("a", "content"u8.ToArray());
        var file = PathOf(archive.File);
        await Commit(b => b.Delete<Archive>([Text("a")]));
        if (step == "header gone")
        {
            var content = await File.ReadAllBytesAsync(file, Cancel);
            content.AsSpan(0, BlobSeal.HeaderBytes).Clear();
            await File.WriteAllBytesAsync(file, content, Cancel);
            Assert.Null(await Home.Blobs.Open(archive, Cancel));
        }
        else if (step == "unlinked")
        {
            File.Delete(file);
        }

        await Fixture.Restart(BlobJson.Catalogue());
        await Unit.Blobs.CollectGone(Cancel);
        Assert.Empty(Files);
        Assert.Empty(await Unit.Engine.GoneBlobs(10, Cancel));
    }

    [Fact]
    public async Task Whoever_no_longer_leads_stops_before_the_next_piece_and_another_goes_on()
    {
        for (var i = 0; i < 250; i++)
        {
            await Keep($"{i}", [1]);
        }

        var stale = Path.Combine(Blobs, "ab");
        Directory.CreateDirectory(stale);
        for (var i = 0; i < 250; i++)
        {
            var orphan = Path.Combine(stale, $"{Guid.NewGuid():N}"[2..]);
            File.WriteAllBytes(orphan, [1]);
            File.SetLastWriteTimeUtc(orphan, (Clock.GetUtcNow() - TimeSpan.FromHours(2)).UtcDateTime);
        }

        await Task.WhenAll(Enumerable.Range(0, 250).Select(i => Commit(b => b.Delete<Archive>([Text($"{i}")]))));
        var asked = 0;
        Unit.Blobs.Keep = _ => ++asked == 2 ? throw new OperationCanceledException() : ValueTask.CompletedTask;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Unit.Blobs.CollectGone(Cancel));
        Assert.Equal(300, Files.Count);
        Assert.Equal(50, await Unit.Blobs.CollectGone(Cancel));

        asked = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Unit.Blobs.CollectOrphans(Cancel));
        Assert.InRange(Files.Count, 50, 100);
        await Unit.Blobs.CollectOrphans(Cancel);
        Assert.Empty(Files);
    }

    [Fact]
    public async Task What_is_not_completed_leaves_nothing()
    {
        await using (var writer = (await Home.Blobs.Create(new Archive { Name = "a" }, LengthMax, Cancel))!)
        {
            await writer.Write(new byte[Chunk * 2], Cancel);
            Assert.Single(Files);
        }

        Assert.Empty(Files);
    }

    [Fact]
    public async Task A_slow_writer_is_not_taken_for_a_dead_one()
    {
        await using var writer = (await Home.Blobs.Create(new Archive { Name = "a" }, LengthMax, Cancel))!;
        for (var i = 0; i < 4; i++)
        {
            Clock.Turn(UnitBlobs.Grace / 2);
            await writer.Write(new byte[Chunk + 1], Cancel);
            Assert.Equal(0, await Unit.Blobs.CollectOrphans(Cancel));
        }

        await Commit(b => b.Insert(new Archive { Name = "a", File = writer.Complete(Cancel).AsTask().Result }));
    }

    [Fact]
    public async Task When_the_directory_cannot_be_written_the_store_says_so_and_nothing_is_half_written()
    {
        await File.WriteAllTextAsync(Blobs, "in the way", Cancel);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Home.Blobs.Create(new Archive { Name = "a" }, LengthMax, Cancel));
        File.Delete(Blobs);
        await Keep("a", "content"u8.ToArray());
    }

    [Fact]
    public async Task A_file_that_is_missing_is_told_as_broken()
    {
        var archive = await Keep("a", "content"u8.ToArray());
        File.Delete(PathOf(archive.File));
        await Assert.ThrowsAsync<SealBrokenException>(async () => await Home.Blobs.Open(archive, Cancel));
    }

    private string PathOf(BlobRef? blob) => Path.Combine(Blobs, blob!.Value.ToString()[..2], blob.Value.ToString()[2..]);

    private static async Task<T> Fill<T>(Home home, T record, byte[] content)
        where T : class
    {
        await using var writer = (await home.Blobs.Create(record, LengthMax, Cancel))!;
        Assert.True(await writer.Write(content, Cancel));
        var blob = await writer.Complete(Cancel);
        return record switch
        {
            Archive archive => (T)(object)(archive with { File = blob }),
            Attachment attachment => (T)(object)(attachment with { File = blob }),
            Album album => (T)(object)(album with { Cover = blob }),
            _ => (T)(object)((Picture)(object)record with { File = blob }),
        };
    }

    private async Task<Archive> Keep(string name, byte[] content, Home? home = null, DateTimeOffset? expiresOn = null)
    {
        var archive = await Fill(home ?? Home, new Archive { Name = name, ExpiresOn = expiresOn }, content);
        await Commit(b => b.Insert(archive), home);
        return archive;
    }

    private async Task<Ref<Album>> Album(byte[]? cover = null)
    {
        var album = new Album { Key = Home.References.Next<Album>() };
        album = cover is null ? album : await Fill(Home, album, cover);
        await Commit(b => b.Insert(album));
        return album.Key;
    }

    private async Task<Attachment> Attach(Home home, Ref<Album> album, long number, SubjectRef person, byte[] content)
    {
        var attachment = await Fill(home, new Attachment { Album = album, Number = number, Sender = person }, content);
        await Commit(b => b.Lock(album, Refused).Insert(attachment), home);
        return attachment;
    }

    private async Task<Picture> Paint(Ref<Room> room, SubjectRef painter, byte[] content)
    {
        var picture = await Fill(Home, new Picture { Room = room, Id = Guid.CreateVersion7(), Painter = painter }, content);
        await Commit(b => b.Lock(room, Refused).Append(picture));
        return Assert.Single(await Store.Range<Picture>(room).Open(Cancel));
    }

    private async Task<byte[]> Read<T>(T record)
        where T : class
    {
        await using var reader = (await Home.Blobs.Open(record, Cancel))!;
        using var content = new MemoryStream();
        await reader.CopyTo(content, 0, reader.Length, Cancel);
        await reader.Check(Cancel);
        return content.ToArray();
    }

    private async Task Broken<T>(T record)
        where T : class
    {
        var before = Unit.Administration.SealsBroken;
        await Assert.ThrowsAsync<SealBrokenException>(() => Read(record));
        Assert.Equal(before + 1, Unit.Administration.SealsBroken);
    }

    private async Task Break(string file, byte[] bad, Archive archive)
    {
        await File.WriteAllBytesAsync(file, bad, Cancel);
        await Broken(archive);
    }
}
