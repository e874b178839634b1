using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>Starts, restarts and stops of the real program in development mode: ports, files and their rights.</summary>
[Trait("length", "full")]
public sealed partial class StartupTests : IDisposable
{
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerDirectory = OwnerFile | UnixFileMode.UserExecute;
    private static readonly string[] Geographies = ["Europe", "United States", "India", "Asia Pacific"];
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);
    private readonly TemporaryDirectory _directory = new();

    private string Data => _directory["data"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_base_port_gives_the_documented_ports_and_is_remembered()
    {
        var first = PortRange.Base();
        await using (var run = await Serve("--port", Text(first)))
        {
            Assert.Equal(Enumerable.Range(first, 4), Resources().Select(resource => resource.Port));
            Assert.Equal(Enumerable.Range(first + 100, 4), Administration());
            await run.Stop();
        }

        var before = Resources();
        await using var again = await Serve();
        Assert.Equal(before, Resources());
        Assert.Equal(Enumerable.Range(first + 100, 4), Administration());
        await AssertWorks(before);
        await again.Stop();
    }

    [Fact]
    public async Task Free_ports_stay_with_their_directory()
    {
        await using (var run = await Serve("--port", "0"))
        {
            await run.Stop();
        }

        var before = Resources();
        Assert.Equal(4, before.Select(resource => resource.Port).Distinct().Count());
        await using var again = await Serve("--port", "0");
        Assert.Equal(before, Resources());
        await AssertWorks(before);
        await again.Stop();
    }

    [Fact]
    public async Task Of_free_ports_one_that_is_taken_is_replaced_and_the_others_stay()
    {
        await using (var run = await Serve("--port", "0"))
        {
            await run.Stop();
        }

        var before = Resources();
        using var taken = PortRange.Take(before[1].Port);
        await using var again = await Serve();
        var after = Resources();
        Assert.NotEqual(before[1].Port, after[1].Port);
        Assert.Equal(before[1].Key, after[1].Key);
        Assert.Equal([before[0], before[2], before[3]], [after[0], after[2], after[3]]);
        await AssertWorks(after);
        await again.Stop();
    }

    [Fact]
    public async Task Another_base_port_moves_every_resource_with_its_keys()
    {
        var (first, second) = (PortRange.Base(), PortRange.Base());
        await using (var run = await Serve("--port", Text(first)))
        {
            await ProgramRun.Command("resource", "create", "shop", "--geography", "europe", "--data", Data);
            await Eventually.Holds(() => Task.FromResult(Resources().Count == 5), Soon, () => "shop is in connection-strings.json");
            await run.Stop();
        }

        var before = Resources();
        Assert.Equal(first + 4, before.Single(resource => resource.Resource == "shop").Port);

        // To where shop was: Europe's demo cannot go there before shop has left.
        foreach (var to in new[] { first + 4, second, first })
        {
            await using var run = await Serve("--port", Text(to));
            var after = Resources();
            Assert.Equal(Enumerable.Range(to, 4), after.Where(resource => resource.Resource == "demo").Select(resource => resource.Port));
            Assert.Equal(to + 4, after.Single(resource => resource.Resource == "shop").Port);
            Assert.Equal(Enumerable.Range(to + 100, 4), Administration());
            Assert.Equal(before.Select(resource => (resource.Geography, resource.Resource, Convert.ToBase64String(resource.Key))), after.Select(resource => (resource.Geography, resource.Resource, Convert.ToBase64String(resource.Key))));
            await AssertWorks(after);
            await run.Stop();
        }
    }

    [Fact]
    public async Task A_resource_that_is_made_while_the_server_runs_has_a_port_at_once_and_after_a_restart()
    {
        var first = PortRange.Base();
        using var taken = PortRange.Take(first + 4);
        await using (var run = await Serve("--port", Text(first)))
        {
            await ProgramRun.Command("resource", "create", "shop", "--geography", "India", "--data", Data);
            await Eventually.Holds(() => Task.FromResult(Resources().Count == 5), Soon, () => "shop is in connection-strings.json");
            var shop = Resources().Single(resource => resource.Resource == "shop");
            Assert.Equal(("India", first + 5), (shop.Geography, shop.Port));
            await AssertWorks([shop]);
            await run.Stop();
        }

        var before = Resources();
        await using var again = await Serve();
        Assert.Equal(before, Resources());
        await AssertWorks(before);
        await again.Stop();
    }

    [Fact]
    public async Task The_connection_strings_follow_the_resources()
    {
        await using var run = await Serve("--port", "0");
        await ProgramRun.Command("resource", "create", "shop", "--geography", "europe", "--data", Data);
        await Eventually.Holds(() => Task.FromResult(Resources().Any(resource => resource.Resource == "shop")), Soon, () => "shop is listed");
        var made = Resources().Single(resource => resource.Resource == "shop");
        await AssertWorks([made]);

        await ProgramRun.Command("resource", "keys", "regenerate", "shop", "--key", "primary", "--data", Data);
        await Eventually.Holds(() => Task.FromResult(Resources().Any(resource => resource.Resource == "shop" && !resource.Key.SequenceEqual(made.Key))), Soon, () => "shop has its new key");
        var renewed = Resources().Single(resource => resource.Resource == "shop");
        Assert.Equal(made.Endpoint, renewed.Endpoint);
        await AssertWorks([renewed]);

        await ProgramRun.Command("resource", "delete", "shop", "--yes", "--data", Data);
        await Eventually.Holds(() => Task.FromResult(Resources().All(resource => resource.Resource != "shop")), Soon, () => "shop is gone");
        Assert.Equal(OwnerFile, new FileInfo(Path.Combine(Data, "connection-strings.json")).UnixFileMode);
        await run.Stop();
    }

    [Fact]
    public async Task The_connection_strings_have_exactly_the_form_that_clients_parse()
    {
        await using var run = await Serve("--port", "0");
        await run.Stop();
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Data, "connection-strings.json")));
        Assert.Equal(JsonValueKind.Array, file.RootElement.ValueKind);
        Assert.Equal(Geographies, file.RootElement.EnumerateArray().Select(entry => entry.GetProperty("geography").GetString()));
        foreach (var entry in file.RootElement.EnumerateArray())
        {
            Assert.Equal(["geography", "resource", "endpoint", "connectionString"], entry.EnumerateObject().Select(member => member.Name));
            Assert.Equal("demo", entry.GetProperty("resource").GetString());
            var parts = ConnectionString().Match(entry.GetProperty("connectionString").GetString()!);
            Assert.True(parts.Success, entry.ToString());
            Assert.Equal(entry.GetProperty("endpoint").GetString(), parts.Groups["endpoint"].Value);
            Assert.Equal(64, Convert.FromBase64String(parts.Groups["key"].Value).Length);
        }

        // What is not JSON's own is written as it is, so that grep and copying work.
        Assert.DoesNotContain("\\u", File.ReadAllText(Path.Combine(Data, "connection-strings.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whatever_holds_a_secret_is_its_owners_only()
    {
        await using var run = await Serve("--port", "0");
        AssertOwnerOnly();
        await ProgramRun.Command("resource", "create", "shop", "--geography", "europe", "--data", Data);
        AssertOwnerOnly();
        await run.Stop();
        AssertOwnerOnly();
        await using var again = await Serve();
        AssertOwnerOnly();
        await again.Stop();
    }

    [Fact]
    public async Task A_request_in_flight_is_answered_when_the_server_is_told_to_stop()
    {
        await using var run = await Serve("--port", "0");
        var resource = Resources()[0];
        var body = "{\"createTokenWithScopes\":[\"chat\"]}"u8.ToArray();
        var target = $"/identities?api-version={Wire.IdentityVersion}";
        var signature = new Conversations.AccessKeySignature("POST", target, $"localhost:{resource.Port}", Conversations.AccessKeySignature.At(DateTimeOffset.UtcNow), Conversations.AccessKeySignature.Hash(body));
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, resource.Port, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = DemoResource.Trusting(Path.Combine(Data, "ca.pem")) }, TestContext.Current.CancellationToken);
        await tls.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST {target} HTTP/1.1\r\nHost: localhost:{resource.Port}\r\nx-ms-date: {signature.Date}\r\nx-ms-content-sha256: {signature.ContentHash}\r\nAuthorization: {signature.Authorization(resource.Key)}\r\n"
                + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\nExpect: 100-continue\r\n\r\n"),
            TestContext.Current.CancellationToken);

        // The server asks for the body: the request is in its hands.
        Assert.StartsWith("HTTP/1.1 100 ", await Read(tls), StringComparison.Ordinal);
        var stopping = run.Stop();
        await Eventually.Holds(() => Task.FromResult(Domicile.Server.Listeners.IsFreeLoopback(resource.Port)), Soon, () => "the server listens no more");
        await tls.WriteAsync(body, TestContext.Current.CancellationToken);
        Assert.StartsWith("HTTP/1.1 201 ", await Read(tls), StringComparison.Ordinal);
        await stopping;
    }

    [Fact]
    public async Task A_stop_is_not_held_up_by_a_client_that_never_ends_its_request_nor_by_whoever_reads_the_files()
    {
        await using var run = await Serve("--port", "0");
        var resource = Resources()[0];
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, resource.Port, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = DemoResource.Trusting(Path.Combine(Data, "ca.pem")) }, TestContext.Current.CancellationToken);
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"POST /identities?api-version={Wire.IdentityVersion} HTTP/1.1\r\nHost: localhost:{resource.Port}\r\n"), TestContext.Current.CancellationToken);
        using var reader = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Data, "europe", "data.db"), readOnly: true);
        reader.Execute("BEGIN");
        Assert.NotEqual(0, reader.Number("SELECT count(*) FROM engine_kind"));
        using (var wire = new Wire(resource, Path.Combine(Data, "ca.pem")))
        {
            await wire.NewUser();
        }

        run.Signal(ProgramRun.Terminate);
        var (code, _, errors) = await run.End();
        Assert.Equal((0, ""), (code, errors));
    }

    [Fact]
    public async Task A_server_that_is_killed_starts_again_as_it_was()
    {
        await using (var run = await Serve("--port", "0"))
        {
            await AssertWorks(Resources());
        }

        var before = Resources();
        await using var again = await Serve();
        Assert.Equal(before, Resources());
        await AssertWorks(before);
        await again.Stop();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<string> Read(Stream stream)
    {
        var buffer = new byte[16 * 1024];
        return Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken));
    }

    [GeneratedRegex(@"\Aendpoint=(?<endpoint>https://localhost:[0-9]+/);accesskey=(?<key>[A-Za-z0-9+/]+={0,2})\z")]
    private static partial Regex ConnectionString();

    private Task<ProgramRun> Serve(params string[] more) => ProgramRun.Serve(["--data", Data, .. more]);

    private List<DemoResource> Resources() =>
        JsonSerializer.Deserialize<List<DemoResource>>(File.ReadAllBytes(Path.Combine(Data, "connection-strings.json")), JsonSerializerOptions.Web)!;

    private IEnumerable<int> Administration()
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Data, "admin.json")));
        return [.. file.RootElement.GetProperty("geographies").EnumerateArray().Select(geography => new Uri(geography.GetProperty("endpoint").GetString()!).Port)];
    }

    private async Task AssertWorks(IEnumerable<DemoResource> resources)
    {
        foreach (var resource in resources)
        {
            using var wire = new Wire(resource, Path.Combine(Data, "ca.pem"));
            await wire.NewUser();
        }
    }

    private void AssertOwnerOnly()
    {
        var open = new DirectoryInfo(_directory.Path).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Where(entry => entry.UnixFileMode != (entry is DirectoryInfo ? OwnerDirectory : OwnerFile))
            .Select(entry => entry.Name);
        Assert.Equal(["ca.pem"], open);
    }
}
