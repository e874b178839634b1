using System.Diagnostics;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Hardness;

/// <summary>The disk is full while a sealed file is written: the directory of the files is a small file system of its own.</summary>
[Collection(nameof(HardnessCollection))]
[Trait("needs", "mount")]
[Trait("length", "long")]
public sealed class BlobDiskFullTests() : StoreTests(new SqliteFixture())
{
    private string Blobs => Path.Combine(Fixture.Directory, "blobs");

    public override async ValueTask InitializeAsync() => await Fixture.Open(BlobJson.Catalogue());

    [Fact]
    public async Task A_full_disk_ends_the_file_leaves_nothing_of_it_and_harms_no_other()
    {
        SecretFile.CreateDirectory(Blobs);
        Assert.SkipUnless(OperatingSystem.IsLinux() && await Run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", Blobs), "No file system can be mounted here.");
        try
        {
            var small = await Keep("small", 300_000);
            for (var round = 0; round < 3; round++)
            {
                await Assert.ThrowsAsync<StoreUnavailableException>(() => Keep($"large {round}", 3_000_000));
                Assert.Single(Directory.EnumerateFiles(Blobs, "*", SearchOption.AllDirectories));
            }

            await Keep("second", 400_000);
            await using var reader = (await Home.Blobs.Open(small, Cancel))!;
            Assert.Equal(300_000, reader.Length);
            await reader.Check(Cancel);
        }
        finally
        {
            Assert.True(await Run("umount", Blobs));
        }
    }

    private async Task<Archive> Keep(string name, int length)
    {
        var archive = new Archive { Name = name };
        await using var writer = (await Home.Blobs.Create(archive, length, Cancel))!;
        Assert.True(await writer.Write(new byte[length], Cancel));
        archive = archive with { File = await writer.Complete(Cancel) };
        await Commit(b => b.Insert(archive));
        return archive;
    }

    private static async Task<bool> Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return process.ExitCode == 0;
    }
}
