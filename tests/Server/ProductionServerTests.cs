using System.Text.Json;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

public sealed class ProductionServerTests(ProductionServer server) : IClassFixture<ProductionServer>
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_resource_made_with_the_command_serves_users_tokens_and_chat_on_its_host()
    {
        var shop = await server.Create("shop", "Europe");
        Assert.Equal("https://shop.europe.test/", shop.Endpoint);
        var (user, token) = await NewUser(shop);
        var chat = $"api-version={Wire.ChatVersion}";
        var authorization = $"Authorization: Bearer {token}\r\n";
        var (status, thread) = await server.Send(
            shop.Host, "POST", $"/chat/threads?{chat}", authorization,
            JsonSerializer.Serialize(new { topic = "A thread", participants = new[] { new { communicationIdentifier = new { communicationUser = new { id = user } } } } }));
        Assert.Equal(201, status);
        var id = Uri.EscapeDataString(JsonElement.Parse(thread).GetProperty("chatThread").GetProperty("id").GetString()!);
        Assert.Equal(201, (await server.Send(shop.Host, "POST", $"/chat/threads/{id}/messages?{chat}", authorization, """{"content":"In production."}""")).Status);

        // It is at rest: another process finds it.
        await server.Stop();
        await server.Start();
        (status, var messages) = await server.Send(shop.Host, "GET", $"/chat/threads/{id}/messages?{chat}", authorization);
        Assert.Equal(200, status);
        Assert.Contains("In production.", messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("turn", "1h")]
    [InlineData("fault", "*", "unavailable")]
    [InlineData("clear")]
    [InlineData("requests")]
    [InlineData("reset")]
    public async Task A_server_for_real_data_is_not_turned_emptied_or_made_to_fail(params string[] command)
    {
        await using var run = server.Run(["test", .. command, "--geography", "Europe"]);
        var (code, _, errors) = await run.End();
        Assert.Equal(1, code);
        Assert.Contains("development mode", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resource_is_of_one_geography_and_no_other_knows_its_host()
    {
        var one = await server.Create("bazaar", "India");
        Assert.Equal("https://bazaar.india.test/", one.Endpoint);
        await NewUser(one);
        foreach (var (host, handshake, status) in new[]
        {
            ("bazaar.india.test", "bazaar.india.test", 200),
            ("bazaar.europe.test", "bazaar.europe.test", 421),
            ("bazaar.india.test", "other.europe.test", 421),
            ("other.india.test", "other.india.test", 421),
            ("localhost", "bazaar.india.test", 421),
            ("admin.india.test", "admin.india.test", 421),
        })
        {
            Assert.Equal((host, status), (host, (await server.Send(host, "GET", "/.well-known/jwks.json", handshake: handshake)).Status));
        }
    }

    [Theory]
    [InlineData("contoso.africa.test")]
    [InlineData("europe.test")]
    [InlineData("a.b.europe.test")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    public async Task The_handshake_ends_for_a_host_of_a_geography_that_is_not_served(string host) =>
        Assert.True(await Assert.ThrowsAnyAsync<Exception>(() => server.Connect(host)) is IOException or System.Security.Authentication.AuthenticationException);

    [Fact]
    public async Task A_replaced_certificate_is_served_without_a_restart()
    {
        await using var open = await server.Connect("shop.india.test");
        var renewed = server.Issue("india");
        Assert.NotEqual(renewed, Thumbprint(open));
        server.TellOfCertificates();
        await Eventually.Holds(
            async () =>
            {
                await using var tls = await server.Connect("shop.india.test");
                return Thumbprint(tls) == renewed;
            },
            Soon,
            () => "the new certificate is served");
        await using var neighbour = await server.Connect("shop.europe.test");
        Assert.NotEqual(renewed, Thumbprint(neighbour));
    }

    [Theory]
    [InlineData("PROXY TCP4 203.0.113.7 203.0.113.9 51234 443\r\n")]
    [InlineData("PROXY UNKNOWN\r\n")]
    public async Task Behind_a_front_each_connection_begins_with_a_proxy_header(string header)
    {
        var resource = await server.Create($"front{header.Length}", "Europe");
        var (status, _) = await server.SendSigned(resource, "POST", $"/identities?api-version={Wire.IdentityVersion}", port: server.FrontPort, first: header);
        Assert.Equal(201, status);
    }

    [Fact]
    public async Task A_header_that_is_missing_or_not_expected_ends_the_connection()
    {
        await Assert.ThrowsAnyAsync<Exception>(() => server.Connect("shop.europe.test", server.FrontPort));
        await Assert.ThrowsAnyAsync<Exception>(() => server.Connect("shop.europe.test", server.Port, "PROXY TCP4 203.0.113.7 203.0.113.9 51234 443\r\n"));
    }

    [Fact]
    public async Task The_administration_is_on_its_own_origin_and_nowhere_else()
    {
        var list = await server.Command("resource", "list", "--json");
        Assert.StartsWith("[", list.TrimStart(), StringComparison.Ordinal);
        Assert.Equal(200, (await server.Send("admin.europe.test", "GET", "/health/ready", port: server.Port + 2)).Status);
        Assert.Equal(401, (await server.Send("admin.europe.test", "GET", "/resources", port: server.Port + 2)).Status);
        Assert.Equal(421, (await server.Send("admin.india.test", "GET", "/health/ready", port: server.Port + 2)).Status);
        Assert.Equal(421, (await server.Send("admin.europe.test", "GET", "/resources")).Status);
    }

    [Fact]
    public async Task A_name_that_is_the_administrations_is_no_resources()
    {
        await using var run = server.Run("resource", "create", "admin", "--geography", "Europe");
        var (code, _, errors) = await run.End();
        Assert.NotEqual(0, code);
        Assert.Contains("That name is the administration origin's. Choose another.", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_finds_the_certificates_though_no_name_service_knows_their_names()
    {
        await using var run = server.Run("doctor");
        var (_, output, _) = await run.End();
        Assert.True(output.Contains($"The certificate at admin.europe.test:{server.Port + 2} is valid until", StringComparison.Ordinal), output);
    }

    [Fact]
    public void Nothing_of_development_mode_is_made()
    {
        Assert.False(File.Exists(Path.Combine(server.Data, "ca.pem")));
        Assert.False(File.Exists(Path.Combine(server.Data, "connection-strings.json")));
        Assert.False(File.Exists(Path.Combine(server.Data, "ports.json")));
        Assert.False(File.Exists(Path.Combine(server.Data, "europe", "root.key")));
        Assert.True(File.Exists(Path.Combine(server.Data, "..", "europe.root.key")));
        Assert.True(File.Exists(Path.Combine(server.Data, "india", "root.key")));
    }

    private static string? Thumbprint(System.Net.Security.SslStream tls) => tls.RemoteCertificate?.GetCertHashString();

    private async Task<(string Id, string Token)> NewUser(DemoResource resource)
    {
        var (status, text) = await server.SendSigned(resource, "POST", $"/identities?api-version={Wire.IdentityVersion}", """{"createTokenWithScopes":["chat"]}""");
        Assert.Equal(201, status);
        var answer = JsonElement.Parse(text);
        return (answer.GetProperty("identity").GetProperty("id").GetString()!, answer.GetProperty("accessToken").GetProperty("token").GetString()!);
    }
}
