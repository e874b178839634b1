using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What a customer chooses for a resource, as applications meet it.</summary>
public sealed class SettingsTests(SharedServer shared)
{
    [Fact]
    public async Task The_published_limits_are_met_with_429_and_a_time_to_come_back()
    {
        var (server, name, wire) = await NewResource();
        using var _ = wire;
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var (thread, other) = (await wire.NewThread(ada, bo), await wire.NewThread(ada, bo));
        await Command(server, "resource", "settings", "set", name, "--rates", "acs");

        // Two windows may meet in the middle of the burst, so up to twice the limit can pass; a third of the burst cannot.
        var answers = new List<Answer>();
        for (var i = 0; i < 30; i++)
        {
            answers.Add(await Say(wire, ada, thread));
        }

        var refused = answers.Where(answer => answer.Status == 429).ToList();
        Assert.NotEmpty(refused);
        Assert.InRange(answers.Count(answer => answer.Status == 201), 10, 20);
        Assert.All(refused, answer =>
        {
            Assert.Contains("At most", answer.IsError(429).Body, StringComparison.Ordinal);
            Assert.InRange(int.Parse(answer.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture), 1, 60);
        });
        (await Say(wire, bo, thread)).IsError(429);
        (await Say(wire, ada, other)).Is(201);
        await Command(server, "resource", "settings", "set", name, "--rates", "generous");
        (await Say(wire, ada, thread)).Is(201);
    }

    [Fact]
    public async Task Receipts_and_typing_end_at_the_size_that_is_set_and_say_so()
    {
        var (server, name, wire) = await NewResource();
        using var _ = wire;
        var (ada, bo, cy) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var (two, three) = (await wire.NewThread(ada, bo), await wire.NewThread(ada, bo, cy));
        await Command(server, "resource", "settings", "set", name, "--receipts-up-to", "2", "--typing-up-to", "2");
        foreach (var (thread, isSmall) in new[] { (two, true), (three, false) })
        {
            var receipt = await wire.AsUser(bo.Token, HttpMethod.Post, Wire.Chat(thread, "/readReceipts"), new { chatMessageId = await wire.Say(ada, thread, "read me") });
            var typing = await wire.AsUser(bo.Token, HttpMethod.Post, Wire.Chat(thread, "/typing"), new { });
            if (isSmall)
            {
                receipt.Is(200);
                typing.Is(200);
            }
            else
            {
                Assert.Contains("2 participants", receipt.IsError(403).Body, StringComparison.Ordinal);
                Assert.Contains("2 participants", typing.IsError(403).Body, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Settings_are_shown_as_they_were_set_and_keep_what_was_not_named()
    {
        var (server, name, wire) = await NewResource();
        wire.Dispose();
        var initial = await Command(server, "resource", "settings", "show", name);
        Assert.Equal("""{"rateProfile":"generous","receiptsInThreadsUpTo":250,"typingInThreadsUpTo":250,"auditMessages":false,"idleThreadsDeletedAfterDays":30}""", Compact(initial));
        await Command(server, "resource", "settings", "set", name, "--idle-threads-days", "0");
        await Command(server, "resource", "settings", "set", name, "--receipts-up-to", "20");
        var changed = await Command(server, "resource", "settings", "show", name);
        Assert.Equal("""{"rateProfile":"generous","receiptsInThreadsUpTo":20,"typingInThreadsUpTo":250,"auditMessages":false,"idleThreadsDeletedAfterDays":0}""", Compact(changed));
    }

    private static Task<Answer> Say(Wire wire, WireUser who, string thread) =>
        wire.AsUser(who.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = "again" });

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);

    private async Task<(ServerProcess Server, string Name, Wire Wire)> NewResource()
    {
        var server = await shared.Server;
        var name = $"test-{Guid.NewGuid():N}"[..20];
        await Command(server, "resource", "create", name);
        var keys = await Command(server, "resource", "keys", "show", name);
        var text = keys.GetProperty("primaryConnectionString").GetString()!;
        var endpoint = text["endpoint=".Length..text.IndexOf(";accesskey=", StringComparison.Ordinal)];
        return (server, name, new Wire(new DemoResource("Europe", name, endpoint, text), server.CertificateAuthority));
    }

    private static async Task<JsonElement> Command(ServerProcess server, params string[] command) =>
        JsonElement.Parse(await server.Command([.. command, "--geography", "Europe", "--data", server.Data, "--json"]));
}
