using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Domicile.Storage;
using Domicile.Storage.Sqlite;
using Domicile.Tests.Conversations;
using Domicile.Tests.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Hardness;

/// <summary>
/// An answer follows the flush of what it acknowledges. A kill cannot show it, because the kernel writes later what a killed process had handed over; a trace
/// of the system calls can: messages are sent one at a time, and whenever the server says something over a socket, everything that it has written to its
/// write-ahead log must have been covered by a flush that ended before.
/// </summary>
/// <remarks>
/// That the check sees a missing flush is shown on a small program of the same store: <see cref="A_program_that_commits_and_tells_so"/>, run by this assembly in
/// a process of its own, which commits and says so over a socket. It runs once as it is and once with SQLite told to leave the flush out, through the same door to the
/// writer's session that the tests of a full disk use. So the product needs no switch that makes it unsafe.
/// </remarks>
[Collection(nameof(HardnessCollection))]
[Trait("needs", "strace")]
public sealed class FlushTests : IDisposable
{
    private const int Messages = 40;
    private const string DirectoryVariable = "DOMICILE_TEST_DIRECTORY";
    private const string FlushVariable = "DOMICILE_TEST_FLUSH";
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_message_is_flushed_before_it_is_acknowledged()
    {
        await using var server = await ServerProcess.Start();
        using var wire = new Wire(server.Europe, server.CertificateAuthority);
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        var lines = await SyscallTrace.Of(ProcessOf(server), _directory["trace"], async () =>
        {
            for (var i = 0; i < Messages; i++)
            {
                await wire.Say(ada, thread, $"message {i}");
            }
        });

        var trace = SyscallTrace.Read(lines, Path.Combine(server.Data, "europe", "data.db-wal"));

        Assert.Empty(trace.Faults);
        Assert.True(trace.Writes >= Messages, $"Only {trace.Writes} writes to the log were seen.");
        Assert.InRange(trace.Answers, Messages, trace.Flushes);
        Remark.Say($"{Messages} messages one at a time: {trace.Writes} writes and {trace.Flushes} flushes of the log, each before its answer");
    }

    [Fact]
    public async Task The_check_of_the_flush_sees_one_that_is_there()
    {
        var trace = await TraceProgram(flush: true);

        Assert.Empty(trace.Faults);
        Assert.InRange(trace.Answers, Messages, trace.Flushes);
    }

    [Fact]
    public async Task The_check_of_the_flush_sees_one_that_is_missing()
    {
        var trace = await TraceProgram(flush: false);

        Assert.True(trace.Writes >= Messages);
        Assert.True(trace.Faults.Count >= Messages, $"Only {trace.Faults.Count} of {Messages} answers without a flush were noticed.");
    }

    [Theory]
    [InlineData("flushed, then told", 0, "1  pwrite64(5</d/data.db-wal>, \"\"..., 24, 0) = 24", "1  fdatasync(5</d/data.db-wal>) = 0", "2  sendmsg(9<socket:[1]>, {}, 0) = 3")]
    [InlineData("told before the flush ended", 1, "1  pwrite64(5</d/data.db-wal>, \"\"..., 24, 0) = 24", "1  fdatasync(5</d/data.db-wal> <unfinished ...>", "2  sendmsg(9<socket:[1]>, {}, 0) = 3", "1  <... fdatasync resumed>) = 0")]
    [InlineData("the flush of another file", 1, "1  pwrite64(5</d/data.db-wal>, \"\"..., 24, 0) = 24", "1  fdatasync(6</d/keys.db-wal>) = 0", "2  sendmsg(9<socket:[1]>, {}, 0) = 3")]
    [InlineData("the flush failed", 1, "1  pwrite64(5</d/data.db-wal>, \"\"..., 24, 0) = 24", "1  fdatasync(5</d/data.db-wal>) = -1 EIO (Input/output error)", "2  sendmsg(9<socket:[1]>, {}, 0) = 3")]
    [InlineData("written while the flush was under way", 1, "1  pwrite64(5</d/data.db-wal>, \"\"..., 24, 0) = 24", "1  fdatasync(5</d/data.db-wal> <unfinished ...>", "3  pwrite64(5</d/data.db-wal>, \"\"..., 24, 24) = 24", "1  <... fdatasync resumed>) = 0", "2  sendmsg(9<socket:[1]>, {}, 0) = 3")]
    public void The_judge_of_a_trace_is_right_about(string what, int faults, params string[] lines)
    {
        Assert.True(SyscallTrace.Read(lines, "/d/data.db-wal").Faults.Count == faults, what);
    }

    /// <summary>The small program. It is no test: it does nothing unless <see cref="TraceProgram"/> starts it.</summary>
    [Fact(Explicit = true)]
    public async Task A_program_that_commits_and_tells_so()
    {
        if (Environment.GetEnvironmentVariable(DirectoryVariable) is not { } directory)
        {
            return;
        }

        await using var unit = await ScaleUnit.Open(new ScaleUnitOptions(StoreFixture.Europe, directory), TestJson.Catalogue(), TimeProvider.System, NullLogger.Instance, Cancel);
        if (Environment.GetEnvironmentVariable(FlushVariable) == "no")
        {
            await ((SqliteStoreEngine)unit.Engine).OnWriter(
                session =>
                {
                    // Between two transactions, where SQLite lets the setting change.
                    session.Execute("COMMIT");
                    session.Execute("PRAGMA synchronous=OFF");
                    session.Execute("BEGIN IMMEDIATE");
                    return true;
                },
                Cancel);
        }

        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var speaker = new TcpClient();
        await speaker.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port, Cancel);
        using var hearer = await listener.AcceptTcpClientAsync(Cancel);
        for (var i = 0; i < Messages; i++)
        {
            var outcome = await unit.Own.Store.Commit(b => b.Insert(new Setting { Name = "message", Part = i }), Cancel);
            Assert.Null(outcome.Refused);
            await speaker.GetStream().WriteAsync(new byte[] { 1 }, Cancel);
            await hearer.GetStream().ReadExactlyAsync(new byte[1], Cancel);
        }
    }

    private async Task<SyscallTrace> TraceProgram(bool flush)
    {
        var directory = _directory["unit"];
        var start = new System.Diagnostics.ProcessStartInfo(
            "strace",
            [
                "-f", "-y", "-s", "0", "-e", SyscallTrace.Calls, "-o", _directory["trace"],
                "dotnet", "exec", typeof(FlushTests).Assembly.Location, "-noLogo", "-explicit", "only", "-method", $"{typeof(FlushTests).FullName}.{nameof(A_program_that_commits_and_tells_so)}",
            ])
        { RedirectStandardOutput = true };
        start.Environment[DirectoryVariable] = directory;
        start.Environment[FlushVariable] = flush ? "yes" : "no";
        using var program = System.Diagnostics.Process.Start(start)!;
        var said = await program.StandardOutput.ReadToEndAsync(Cancel);
        await program.WaitForExitAsync(Cancel);
        Assert.True(program.ExitCode == 0, said);

        // From the first commit on: opening the store writes more to the log, and closing it empties the log.
        return SyscallTrace.Read(await File.ReadAllLinesAsync(_directory["trace"], Cancel), Path.Combine(directory, "data.db-wal"));
    }

    /// <summary>The process that serves a data directory.</summary>
    private static int ProcessOf(ServerProcess server) =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out _))
            .Where(name => CommandLineOf(name!).Contains($"\0{server.Data}\0", StringComparison.Ordinal))
            .Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).Single();

    private static string CommandLineOf(string process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
