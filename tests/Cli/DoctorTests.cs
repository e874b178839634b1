using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text.Json;
using Domicile.Cli;
using Domicile.Cli.Doctor;

namespace Domicile.Tests.Cli;

[UnsupportedOSPlatform("windows")]
public sealed class DoctorTests : IDisposable
{
    private const string LimitsHead = "Limit                     Soft Limit           Hard Limit           Units     \n";

    private readonly string root = Directory.CreateTempSubdirectory("domicile-doctor-").FullName;

    private Machine Imagined => new(root);

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("0                    unlimited", "core", null, "ok")]
    [InlineData("unlimited            unlimited", "core", null, "warning")]
    [InlineData("0                    0", "|/lib/systemd/systemd-coredump %P", null, "ok")]
    [InlineData("unlimited            unlimited", "|/lib/systemd/systemd-coredump %P", null, "warning")]
    [InlineData("0                    0", "|/opt/collector %p", null, "warning")]
    [InlineData("0                    0", "core", "1", "failed")]
    [InlineData("0                    0", "core", "0", "ok")]
    public void Core_dumps(string limits, string pattern, string? miniDump, string expected)
    {
        Write("proc/self/limits", $"{LimitsHead}Max core file size        {limits}            bytes     ");
        Write("proc/sys/kernel/core_pattern", pattern + "\n");

        Expect(expected, CoreDumpsCheck.Look(Imagined, name => name == "DOTNET_DbgEnableMiniDump" ? miniDump : null));
    }

    [Theory]
    [InlineData("", null, null, "ok")]
    [InlineData("/dev/sda2 partition 1 0 -2", null, null, "warning")]
    [InlineData("/dev/dm-1 partition 1 0 -2", "sys/block/dm-1/dm/uuid", "CRYPT-PLAIN-cryptswap", "ok")]
    [InlineData("/dev/dm-1 partition 1 0 -2", "sys/block/dm-1/dm/uuid", "LVM-abc", "warning")]
    [InlineData("/swapfile file 1 0 -2", null, null, "warning")]
    [InlineData("/dev/zram0 partition 1 0 -2", "sys/block/zram0/backing_dev", "none", "ok")]
    [InlineData("/dev/zram0 partition 1 0 -2", "sys/block/zram0/backing_dev", "/dev/sda3", "warning")]
    public void Swap(string area, string? file, string? content, string expected)
    {
        Write("proc/swaps", $"Filename\tType\tSize\tUsed\tPriority\n{area}\n");
        if (file is not null)
        {
            Write(file, content!);
        }

        Expect(expected, SwapCheck.Look(Imagined).Take(1));
    }

    [Theory]
    [InlineData("mem disk", "[platform] shutdown", "8:2", "warning")]
    [InlineData("mem disk", "[platform] shutdown", "0:0", "ok")]
    [InlineData("mem disk", "[disabled]", "8:2", "ok")]
    [InlineData("mem", "", "8:2", "ok")]
    public void Hibernation(string state, string disk, string resume, string expected)
    {
        Write("sys/power/state", state);
        Write("sys/power/disk", disk);
        Write("sys/power/resume", resume);

        Expect(expected, SwapCheck.Look(Imagined).Skip(1));
    }

    [Theory]
    [InlineData("1024                 512", "failed")]
    [InlineData("1024                 4096", "warning")]
    [InlineData("1024                 1048576", "ok")]
    [InlineData("1024                 unlimited", "ok")]
    public void Open_files(string limits, string expected)
    {
        Write("proc/self/limits", $"{LimitsHead}Max open files            {limits}              files     ");

        Expect(expected, FileLimitsCheck.Look(Imagined));
    }

    [Fact]
    public void A_machine_that_says_nothing_is_a_warning_not_a_crash()
    {
        Expect("warning", CoreDumpsCheck.Look(Imagined, _ => null));
        Expect("warning", FileLimitsCheck.Look(Imagined));
        Expect("warning", SwapCheck.Look(Imagined).Take(1));
    }

    [Theory]
    [InlineData("ext4", "ok")]
    [InlineData("xfs", "ok")]
    [InlineData("nfs4", "failed")]
    [InlineData("9p", "failed")]
    [InlineData("tmpfs", "warning")]
    [InlineData("overlay", "warning")]
    [InlineData("fuse.other", "warning")]
    public void File_systems(string type, string expected)
    {
        Write("proc/self/mountinfo", $"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / {root} rw,nosuid shared:1 - {type} dev rw\n");

        Expect(expected, DiskCheck.Look(Imagined, Found(root)).Where(finding => finding.Name == "file system"));
    }

    [Theory]
    [InlineData("/data/x", "/data", "xfs")]
    [InlineData("/database", "/", "ext4")]
    [InlineData("/my disk/x", "/my disk", "btrfs")]
    [InlineData("/twice/x", "/twice", "second")]
    public void The_mount_that_holds_a_path(string path, string point, string type)
    {
        const string Mounts = """
            1 0 8:1 / / rw - ext4 /dev/a rw
            2 1 8:2 / /data rw shared:1 master:2 - xfs /dev/b rw
            3 1 8:3 / /my\040disk rw - btrfs /dev/c rw
            4 1 8:4 / /twice rw - first /dev/d rw
            5 1 8:5 / /twice rw - second /dev/e rw
            not a line
            """;

        Assert.Equal((point, type), DiskCheck.Mount(Mounts, path));
    }

    [Fact]
    public void A_directory_and_secrets_are_their_owners_alone()
    {
        var key = Path.Combine(root, "europe", "root.key");
        Write("europe/root.key", "key");
        File.SetUnixFileMode(root, (UnixFileMode)0b111_000_000);
        File.SetUnixFileMode(key, (UnixFileMode)0b110_000_000);
        Expect("ok", DiskCheck.Look(Imagined, Found(root)).Where(finding => finding.Name is "data directory" or "secrets"));

        File.SetUnixFileMode(key, (UnixFileMode)0b110_100_000);
        Expect("failed", DiskCheck.Look(Imagined, Found(root)).Where(finding => finding.Name == "secrets"));

        File.SetUnixFileMode(root, (UnixFileMode)0b111_101_101);
        Expect("warning", DiskCheck.Look(Imagined, Found(root)).Where(finding => finding.Name == "data directory"));
        Assert.DoesNotContain(Directory.EnumerateFiles(root), file => file.Contains(".doctor-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clock_behind_the_data_fails()
    {
        Write("data.db", "");
        var late = TimeProvider.System.GetUtcNow().AddHours(1);
        File.SetLastWriteTimeUtc(Path.Combine(root, "data.db"), late.UtcDateTime);

        Expect("failed", await ClockCheck.Look(Imagined, Found(root), TimeProvider.System, TestContext.Current.CancellationToken));

        File.Delete(Path.Combine(root, "data.db"));
        Expect("ok", await ClockCheck.Look(Imagined, Found(root), TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(1970)]
    [InlineData(2201)]
    public async Task A_clock_in_another_age_fails(int year) =>
        Expect("failed", await ClockCheck.Look(Imagined, Found(root), new Clock(year), TestContext.Current.CancellationToken));

    [Fact]
    public async Task A_port_of_someone_else_fails_and_the_servers_own_is_well()
    {
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        stranger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        stranger.Listen();
        await using var server = await FakeAdministration.Start("Europe");
        var endpoint = $"https://localhost:{((IPEndPoint)stranger.LocalEndPoint!).Port}";

        var own = await Report(server);
        Assert.Equal(Verdict.Ok, Assert.Single(own, finding => finding.Name == "ports").Result);
        Assert.Contains(own, finding => finding.Name == "certificates" && finding.Result == Verdict.Ok);
        Assert.Contains(own, finding => finding.Name == "trust" && finding.Action!.Contains("NODE_EXTRA_CA_CERTS", StringComparison.Ordinal));

        await server.WriteAdminFile(["Europe"], [endpoint]);
        stranger.Close(0);
        Assert.Contains("Free", Assert.Single(await Report(server), finding => finding.Name == "ports").Says, StringComparison.Ordinal);

        using var next = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        next.Bind(new IPEndPoint(IPAddress.Loopback, new Uri(endpoint).Port));
        next.Listen();
        Assert.Equal(Verdict.Failed, Assert.Single(await Report(server), finding => finding.Name == "ports").Result);
    }

    [Fact]
    public async Task The_report_is_JSON_when_asked_and_ends_with_1_when_something_failed()
    {
        await using var server = await FakeAdministration.Start("Europe");
        File.SetUnixFileMode(Path.Combine(server.Directory, "admin.json"), (UnixFileMode)0b110_100_100);

        var typed = await Typed.Run("doctor", "--json", "--data", server.Directory);

        using var json = JsonDocument.Parse(typed.Output);
        var secrets = json.RootElement.GetProperty("checks").EnumerateArray().Single(check => check.GetProperty("name").GetString() == "secrets");
        Assert.Equal("failed", secrets.GetProperty("result").GetString());
        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.DoesNotContain(FakeAdministration.Secret, typed.Output, StringComparison.Ordinal);
        Assert.Contains("FAILED   secrets", (await Typed.Run("doctor", "--data", server.Directory)).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("3.35.5", "warning")]
    [InlineData("3.40.1", "ok")]
    [InlineData("3.9.0", "warning")]
    public void Old_database_libraries_are_pointed_out(string version, string expected) =>
        Expect(expected, [NativeLibrariesCheck.Judge(Version.Parse(version), "system library")]);

    [Theory]
    [InlineData(-10, 100, "ok")]
    [InlineData(-10, 10, "warning")]
    [InlineData(-10, -1, "failed")]
    [InlineData(1, 100, "failed")]
    public void Certificates_out_of_date(int fromDays, int untilDays, string expected)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var key = System.Security.Cryptography.ECDsa.Create();
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=x", key, System.Security.Cryptography.HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(now.AddDays(fromDays), now.AddDays(untilDays));

        Expect(expected, [CertificatesCheck.Dates("It", certificate, "Renew it.", TimeProvider.System)]);
    }

    [Fact]
    public void Ports_are_written_as_ranges() => Assert.Equal("1-3, 7, 9-10", PortsCheck.Ranges([9, 1, 2, 7, 3, 10]));

    private static DataDirectory Found(string path) => DataDirectory.Find(path, Typed.Nowhere());

    private static Task<IReadOnlyList<Finding>> Report(FakeAdministration server) =>
        DoctorCommand.Look(Found(server.Directory), null, new Machine(), Typed.Nowhere(), TestContext.Current.CancellationToken);

    private static void Expect(string expected, IEnumerable<Finding> findings)
    {
        Assert.NotEmpty(findings);
        Assert.All(findings, finding =>
        {
            Assert.True(finding.Result.ToString().Equals(expected, StringComparison.OrdinalIgnoreCase), $"{finding}");
            Assert.Equal(finding.Result == Verdict.Ok, finding.Action is null);
            Assert.EndsWith(".", finding.Says, StringComparison.Ordinal);
        });
    }

    private void Write(string path, string content)
    {
        var full = Path.Combine(root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
    }

    private sealed class Clock(int year) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(year, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }
}
