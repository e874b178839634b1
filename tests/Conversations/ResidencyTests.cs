using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What a privacy officer sees of a running server.</summary>
[Trait("length", "full")]
public sealed class ResidencyTests
{
    [Fact]
    public async Task The_check_finds_everything_in_order_and_then_the_row_that_was_copied_across_geographies()
    {
        await using var server = await ServerProcess.Start();
        foreach (var geography in (string[])["Europe", "India"])
        {
            using var wire = new Wire(server.In(geography), server.CertificateAuthority);
            var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
            var thread = await wire.NewThread(ada, bo);
            for (var i = 0; i < 5; i++)
            {
                await wire.Say(ada, thread, $"canary {i}");
            }
        }

        var checks = JsonElement.Parse(await server.Command("residency", "verify", "--data", server.Data, "--json"));
        Assert.Equal(["Europe", "United States", "India", "Asia Pacific"], checks.EnumerateArray().Select(check => check.GetProperty("report").GetProperty("geography").GetString()!));
        var kinds = checks[0].GetProperty("report").GetProperty("kinds").EnumerateArray().ToDictionary(kind => kind.GetProperty("kind").GetString()!);
        Assert.Equal((6, 6), (kinds["chat.message"].GetProperty("records").GetInt32(), kinds["chat.message"].GetProperty("opened").GetInt32()));
        Assert.Equal(2, kinds["identity.user"].GetProperty("opened").GetInt32());
        var text = await server.Command("residency", "verify", "--data", server.Data, "--geography", "Europe");
        Assert.Contains("Everything that was read opens under this geography's keys", text, StringComparison.Ordinal);
        Assert.Contains("Not shown:", text, StringComparison.Ordinal);

        // A database administrator copies an account of India into Europe, under the number of the resource there.
        await server.Stop();
        await server.CopyRow("identity_user", "india", "europe");

        await server.StartAgain();
        var (exitCode, output, _) = await server.Try("residency", "verify", "--data", server.Data);

        Assert.Equal(1, exitCode);
        Assert.Contains("VIOLATION identity.user", Assert.Single(output.Split('\n'), line => line.Contains("VIOLATION ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("1 violations.", output, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", output + server.Output.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("8:acs:", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_data_map_of_a_resource_has_its_own_rules_and_counts_and_is_of_the_same_source_as_the_document()
    {
        await using var server = await ServerProcess.Start();
        using var wire = new Wire(server.Europe, server.CertificateAuthority);
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "hello");
        await server.Command("resource", "settings", "set", "demo", "--geography", "Europe", "--data", server.Data, "--idle-threads-days", "9");
        var token = (await server.Command("token", "--role", "reader", "--geography", "Europe", "--data", server.Data)).Trim();

        var map = (await wire.AsUser(token, HttpMethod.Get, "/privacy/inventory")).Is(200).Json;

        Assert.Equal("Europe", map.GetProperty("geography").GetString());
        var kinds = map.GetProperty("kinds").EnumerateArray().ToDictionary(kind => kind.GetProperty("declared").GetProperty("kind").GetString()!);
        Assert.Equal((2, 1, 2, 2), (Records("identity.user"), Records("chat.thread"), Records("chat.participant"), Records("chat.message")));
        Assert.False(kinds["chat.message"].GetProperty("isMore").GetBoolean());
        Assert.Equal((9, true), (kinds["chat.thread"].GetProperty("daysWithoutUse").GetInt32(), kinds["chat.thread"].GetProperty("isOwnRule").GetBoolean()));
        Assert.False(kinds["chat.message"].TryGetProperty("daysWithoutUse", out _));
        var document = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "data-inventory.md"), TestContext.Current.CancellationToken);
        Assert.All(kinds.Values, kind => Assert.Contains(kind.GetProperty("declared").GetProperty("retention").GetString()!, document, StringComparison.Ordinal));

        // The neighbour's is the neighbour's.
        using var india = new Wire(server.In("India"), server.CertificateAuthority);
        (await india.AsUser(token, HttpMethod.Get, "/privacy/inventory")).Is(401);
        Assert.Equal(1, (await wire.AsUser(token, HttpMethod.Get, "/privacy/inventory/changes")).Is(200).Json.GetProperty("versions").EnumerateArray().Last().GetProperty("version").GetInt32());

        int Records(string kind) => kinds[kind].GetProperty("records").GetInt32();
    }

    [Fact]
    public async Task The_record_of_processing_activities_is_printed_as_a_document_and_as_a_table()
    {
        await using var server = await ServerProcess.Start();

        Assert.StartsWith("# Record of processing activities", await server.Command("inventory", "--article-30", "md", "--geography", "Europe", "--data", server.Data), StringComparison.Ordinal);
        Assert.StartsWith("\"Activity\",\"Purpose\"", await server.Command("inventory", "--article-30", "csv", "--geography", "India", "--data", server.Data), StringComparison.Ordinal);
        Assert.Contains("1", await server.Command("inventory", "--changes", "--geography", "India", "--data", server.Data), StringComparison.Ordinal);
        Assert.Equal(2, (await server.Try("inventory", "--article-30", "pdf", "--geography", "India", "--data", server.Data)).ExitCode);
        Assert.Equal(2, (await server.Try("inventory", "--article-30", "md", "--json", "--geography", "India", "--data", server.Data)).ExitCode);
        Assert.Equal(2, (await server.Try("inventory", "--article-30", "md", "--data", server.Data)).ExitCode);
    }
}
