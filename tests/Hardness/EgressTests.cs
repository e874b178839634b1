using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// What the documents say leaves is what leaves: the system calls of a server, from its start through conversations, administration and a check to its stop, open no
/// connection and touch no file outside the data directory.
/// </summary>
[Collection(nameof(HardnessCollection))]
[Trait("needs", "strace")]
public sealed class EgressTests
{
    [Fact]
    public async Task A_server_opens_no_connection_and_touches_nothing_outside_its_data_directory()
    {
        await using var server = await ServerProcess.StartTraced(EgressTrace.Calls, withDiagnostics: false);
        using (var wire = new Wire(server.Europe, server.CertificateAuthority))
        {
            var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
            var thread = await wire.NewThread(ada, bo);
            for (var i = 0; i < 10; i++)
            {
                await wire.Say(ada, thread, $"message {i}");
            }

            (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200);
            (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(bo.Id)}?api-version={Wire.IdentityVersion}")).Is(204);
        }

        await server.Command("resource", "create", "another", "--geography", "India", "--data", server.Data);
        await server.Command("residency", "verify", "--data", server.Data);
        await server.Stop();

        var trace = EgressTrace.Read(await server.Trace(), server.Data);

        Assert.Empty(trace.Faults);
        Assert.True(trace.Bound >= 8, $"Only {trace.Bound} sockets were seen to be bound.");
        Assert.True(trace.Inside > 100, $"Only {trace.Inside} changes of files were seen.");
        Remark.Say($"{trace.Judged} calls from start to stop: {trace.Bound} sockets bound on loopback, {trace.Inside} changes of files inside the data directory, nothing else");
    }

    [Fact]
    public async Task The_diagnostics_port_that_the_launcher_turns_off_would_be_seen()
    {
        await using var server = await ServerProcess.StartTraced(EgressTrace.Calls, withDiagnostics: true);
        await server.Stop();

        var faults = EgressTrace.Read(await server.Trace(), server.Data).Faults;

        Assert.Contains(faults, fault => fault.Contains("bind(", StringComparison.Ordinal) && fault.Contains("dotnet-diagnostic", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("mknod", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1 connect(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"192.0.2.1\")}, 16) = 0")]
    [InlineData("1 connect(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"127.0.0.53\")}, 16 <unfinished ...>")]
    [InlineData("1 connect(9<socket:[1]>, {sa_family=AF_UNIX, sun_path=\"/run/systemd/resolve/io.systemd.Resolve\"}, 42) = -1 ENOENT (No such file or directory)")]
    [InlineData("1 connect(9<socket:[1]>, {sa_family=AF_UNIX, sun_path=@\"/tmp/x\"}, 110) = 0")]
    [InlineData("1 sendto(9<socket:[1]>, \"x\", 1, 0, {sa_family=AF_INET6, sin6_port=htons(53), inet_pton(AF_INET6, \"2001:db8::1\", &sin6_addr)}, 28) = 1")]
    [InlineData("1 sendmsg(9<socket:[1]>, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"192.0.2.1\")}, msg_namelen=16}, 0) = 1")]
    [InlineData("1 bind(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"0.0.0.0\")}, 16) = 0")]
    [InlineData("1 bind(9<socket:[1]>, {sa_family=AF_UNIX, sun_path=\"/d/x\"}, 110) = 0")]
    [InlineData("1 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 9")]
    [InlineData("1 openat(AT_FDCWD</somewhere>, \"x\", O_WRONLY|O_CREAT, 0600) = 9</somewhere/x>")]
    [InlineData("1 openat(AT_FDCWD</d>, \"../tmp/x\", O_RDWR) = 9</tmp/x>")]
    [InlineData("1 openat(AT_FDCWD</d>, \"/directory/x\", O_RDONLY|O_CREAT <unfinished ...>")]
    [InlineData("1 open(\"/tmp/x\", O_RDWR|O_CREAT, 0600) = 9")]
    [InlineData("1 rename(\"/d/x\", \"/tmp/x\") = 0")]
    [InlineData("1 unlink(\"/tmp/x\") = -1 ENOENT (No such file or directory)")]
    [InlineData("1 mkdirat(AT_FDCWD</d>, \"/tmp/x\", 0700) = 0")]
    [InlineData("1 chmod(\"/tmp/x\", 0777) = 0")]
    [InlineData("1 execve(\"/usr/bin/curl\", [\"curl\"], 0x1 /* 9 vars */) = 0")]
    public void What_must_not_be_is_seen(string line) => Assert.Single(EgressTrace.Read(["1 execve(\"/usr/bin/dotnet\", [\"dotnet\"], 0x1 /* 9 vars */) = 0", line], "/d").Faults);

    [Theory]
    [InlineData("1 bind(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0")]
    [InlineData("1 bind(9<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(1), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28) = 0")]
    [InlineData("1 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 9<socket:[1]>")]
    [InlineData("1 sendto(9<socket:[1]>, \"x\", 1, 0, NULL, 0) = 1")]
    [InlineData("1 sendmsg(9<socket:[1]>, {msg_name=NULL, msg_namelen=0}, 0) = 1")]
    [InlineData("1 accept4(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr(\"127.0.0.1\")}, [16], SOCK_CLOEXEC) = 10")]
    [InlineData("1 openat(AT_FDCWD</d>, \"x/../y\", O_RDWR|O_CREAT, 0600) = 9</d/y>")]
    [InlineData("1 openat(AT_FDCWD</somewhere>, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 9</etc/passwd>")]
    [InlineData("1 openat(AT_FDCWD</somewhere>, \"/proc/self/task/7/comm\", O_RDWR) = 9</proc/7/task/7/comm>")]
    [InlineData("1 rename(\"/d/x\", \"/d/y\") = 0")]
    [InlineData("1 stat(\"/tmp/x\", 0x7ffc) = -1 ENOENT (No such file or directory)")]
    [InlineData("1 +++ exited with 0 +++")]
    public void What_may_be_is_left_alone(string line) => Assert.Empty(EgressTrace.Read(["1 execve(\"/usr/bin/dotnet\", [\"dotnet\"], 0x1 /* 9 vars */) = 0", line], "/d").Faults);
}
