using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Tests.Hardness;

namespace Domicile.Tests.Conversations;

/// <summary>What is done on the real server is in its audit log, and the exported log is checked by the real command with the server out of sight.</summary>
public sealed class AuditTests(SharedServer shared)
{
    [Fact]
    public async Task What_administrators_and_applications_do_is_in_the_log_and_the_exported_log_is_right()
    {
        var server = await shared.Server;
        var name = $"test-{Guid.NewGuid():N}"[..20];
        await Command(server, "resource", "create", name);
        var keys = JsonElement.Parse(await Command(server, "resource", "keys", "show", name, "--json"));
        await Command(server, "resource", "settings", "set", name, "--rates", "acs", "--idle-threads-days", "7");
        using var wire = Connect(server, keys);
        var user = await wire.NewUser();
        (await wire.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(user.Id)}/:revokeAccessTokens?api-version={Wire.IdentityVersion}")).Is(204);
        await Command(server, "identity", "list", "--resource", name);
        (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(user.Id)}?api-version={Wire.IdentityVersion}")).Is(204);
        await Command(server, "resource", "keys", "regenerate", name, "--key", "secondary");
        await Command(server, "resource", "delete", name, "--yes");
        var file = await Export(server);

        var entries = (await File.ReadAllLinesAsync(file, Cancel)).Skip(1).Select(line => JsonElement.Parse(line)).ToList();
        var resource = JsonElement.Parse(entries.Last(entry => Act(entry) == "resource.deleted").GetProperty("content").GetString()!).GetProperty("resource").GetString()!;
        var acts = entries.Where(entry => entry.TryGetProperty("content", out var content) && content.GetString()!.Contains(resource, StringComparison.Ordinal)).Select(Act);
        Assert.Equal(
            [
                "resource.created", "keys.shown", "settings.changed", "rule.changed", "tokens.revoked", "identities.listed", "identity.erased", "key.regenerated", "resource.deleted",
            ],
            acts.Where(act => act != "access.denied"));
        Assert.Contains("administratorToken.minted", entries.Select(Act));
        Assert.DoesNotContain(user.Id["8:acs:".Length..], await File.ReadAllTextAsync(file, Cancel), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        var said = await server.Command("audit", "verify", file);
        Assert.Contains("The log is what its checkpoints say.", said, StringComparison.Ordinal);
        Assert.Contains("self-witnessed", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_of_a_resource_that_asks_for_it_are_in_the_log_by_their_digest()
    {
        var server = await shared.Server;
        var name = $"test-{Guid.NewGuid():N}"[..20];
        await Command(server, "resource", "create", name);
        using var wire = Connect(server, JsonElement.Parse(await Command(server, "resource", "keys", "show", name, "--json")));
        var user = await wire.NewUser();
        var thread = await wire.NewThread(user);
        async Task Send(string text) => (await wire.AsUser(user.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text })).Is(201);
        await Send("nobody asked");
        await Command(server, "resource", "settings", "set", name, "--audit-messages", "yes");
        await Send("a first secret");
        await Send("a second secret");
        await Command(server, "resource", "settings", "set", name, "--audit-messages", "no");
        await Send("nobody asks any more");
        var file = await Export(server);

        var lines = await File.ReadAllLinesAsync(file, Cancel);
        var digests = lines.Skip(1).Select(line => JsonElement.Parse(line)).Where(entry => Act(entry) == "message.sent").ToList();
        Assert.Equal(2, digests.Count);
        Assert.All(digests, digest => Assert.StartsWith("chat.message ", digest.GetProperty("of").GetString(), StringComparison.Ordinal));
        Assert.Equal(2, digests.Select(digest => digest.GetProperty("commitment").GetString()).Distinct().Count());
        Assert.DoesNotContain(lines, line => line.Contains("secret", StringComparison.Ordinal));
        Assert.Contains("2 digest", await server.Command("audit", "verify", file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_tampering_with_an_exported_log_is_found_by_the_command()
    {
        var server = await shared.Server;
        var early = Path.Combine(server.Everything[0], $"{Guid.NewGuid():N}.checkpoint");
        await Command(server, "audit", "checkpoint", early);
        await Command(server, "token", "--role", "reader");
        var file = await Export(server);
        var late = Path.Combine(server.Everything[0], $"{Guid.NewGuid():N}.checkpoint");
        await Command(server, "audit", "checkpoint", late);
        var lines = await File.ReadAllLinesAsync(file, Cancel);
        Assert.True(lines.Length > 4);
        var key = JsonElement.Parse(lines[0]).GetProperty("publicKey").GetString()!;
        Assert.True(JsonElement.Parse(lines[2]).TryGetProperty("content", out _));

        await server.Command("audit", "verify", file, "--checkpoint", early, "--public-key", key);
        Assert.Contains("entry 1", await Wrong(server, Changed(lines, 2, entry => entry["content"] = "{}")), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("entry 1", await Wrong(server, Changed(lines, 2, entry => entry["at"] = "2020-01-01T00:00:00.000Z")), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("removed", await Wrong(server, [.. lines[..2], .. lines[3..]]), StringComparison.Ordinal);
        Assert.Contains("moved", await Wrong(server, [lines[0], lines[2], lines[1], .. lines[3..]]), StringComparison.Ordinal);
        Assert.Contains("cut off", await Wrong(server, lines[..^1]), StringComparison.Ordinal);
        Assert.Contains("not signed", await Wrong(server, Changed(lines, 0, head => head["checkpoint"] = head["checkpoint"]!.GetValue<string>().Replace($"\n{lines.Length - 1}\n", $"\n{lines.Length - 2}\n", StringComparison.Ordinal))), StringComparison.Ordinal);

        // The file alone is whole; somebody who kept a later checkpoint knows that there was more.
        Assert.Contains("cut off", await Wrong(server, lines, "--checkpoint", late), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_proves_its_entries_and_its_growth_over_http()
    {
        var server = await shared.Server;
        var admin = new Administration(server);
        using var wire = admin.Wire();
        var reader = await admin.Token("reader");
        var first = (await wire.AsUser(reader, HttpMethod.Post, "/audit/checkpoints")).Is(200).Json;
        await admin.Token("operator");
        var second = (await wire.AsUser(reader, HttpMethod.Post, "/audit/checkpoints")).Is(200).Json;
        var (before, after) = (first.GetProperty("size").GetInt64(), second.GetProperty("size").GetInt64());
        Assert.True(after > before);

        var growth = (await wire.AsUser(reader, HttpMethod.Get, $"/audit/consistency?first={before}&second={after}")).Is(200).Json;
        Assert.True(MerkleProof.IsContinued(before, Bytes(growth, "firstRoot"), after, Bytes(growth, "secondRoot"), Proof(growth)));
        Assert.Contains($"\n{after}\n{growth.GetProperty("secondRoot").GetString()}\n", second.GetProperty("checkpoint").GetString(), StringComparison.Ordinal);
        var entries = (await wire.AsUser(reader, HttpMethod.Get, $"/audit/entries?from={before}")).Is(200).Json.GetProperty("value").EnumerateArray().ToList();

        // The server is shared: what others did may lie around it.
        var at = entries.FindIndex(one => Act(one) == "administratorToken.minted");
        Assert.InRange(at, 0, after - before - 1);
        var entry = entries[at];
        Assert.False(entry.TryGetProperty("content", out _));
        var proof = (await wire.AsUser(reader, HttpMethod.Get, $"/audit/entries/{entry.GetProperty("entry").GetString()}/proof?size={after}")).Is(200).Json;
        Assert.True(MerkleProof.IsIncluded(Bytes(entry, "leaf"), before + at, after, Proof(proof), Bytes(growth, "secondRoot")));
    }

    [Theory]
    [InlineData("/audit/entries?from=-1", 400)]
    [InlineData("/audit/entries?maxPageSize=0", 400)]
    [InlineData("/audit/entries?maxPageSize=1001", 400)]
    [InlineData("/audit/entries?log=999", 404)]
    [InlineData("/audit/openedEntries", 403)]
    [InlineData("/audit/consistency", 400)]
    [InlineData("/audit/consistency?first=2&second=1", 400)]
    [InlineData("/audit/consistency?first=9999999999", 400)]
    [InlineData("/audit/entries/zz/proof", 404)]
    [InlineData("/audit/entries/0000000000000001/proof", 404)]
    [InlineData("/audit/entries/1-99999999999/proof", 404)]
    [InlineData("/audit/checkpoint?log=x", 400)]
    public async Task What_cannot_be_answered_is_said(string path, int status)
    {
        var admin = new Administration(await shared.Server);
        using var wire = admin.Wire();
        var reader = await admin.Token("reader");
        (await wire.AsUser(reader, HttpMethod.Post, "/audit/checkpoints")).Is(200);
        Assert.StartsWith("application/problem+json", (await wire.AsUser(reader, HttpMethod.Get, path)).Is(status).Header("Content-Type"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_past_the_end_are_none_and_pages_follow_each_other()
    {
        var admin = new Administration(await shared.Server);
        using var wire = admin.Wire();
        var privacy = await admin.Token("privacy");
        var size = (await wire.AsUser(privacy, HttpMethod.Post, "/audit/checkpoints")).Is(200).Json.GetProperty("size").GetInt64();
        Assert.Empty((await wire.AsUser(privacy, HttpMethod.Get, "/audit/entries?from=9999999999")).Is(200).Json.GetProperty("value").EnumerateArray());
        var indexes = new List<long>();
        string? next = $"/audit/openedEntries?to={size}&maxPageSize=2";
        while (next is not null)
        {
            var page = (await wire.AsUser(privacy, HttpMethod.Get, next)).Is(200).Json;
            indexes.AddRange(page.GetProperty("value").EnumerateArray().Select(entry => entry.GetProperty("index").GetInt64()));
            next = indexes.Count < 8 && page.TryGetProperty("nextLink", out var link) ? link.GetString() : null;
        }

        Assert.Equal(Enumerable.Range(0, indexes.Count).Select(i => (long)i), indexes);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Act(JsonElement entry) => entry.GetProperty("act").GetString()!;

    private static byte[] Bytes(JsonElement json, string name) => Convert.FromBase64String(json.GetProperty(name).GetString()!);

    private static List<byte[]> Proof(JsonElement json) => [.. json.GetProperty("proof").EnumerateArray().Select(hash => Convert.FromBase64String(hash.GetString()!))];

    private static string[] Changed(string[] lines, int at, Action<JsonObject> change)
    {
        var changed = JsonNode.Parse(lines[at])!.AsObject();
        change(changed);
        return [.. lines[..at], changed.ToJsonString(), .. lines[(at + 1)..]];
    }

    private static async Task<string> Wrong(ServerProcess server, string[] lines, params string[] more)
    {
        var file = Path.Combine(server.Everything[0], $"{Guid.NewGuid():N}.jsonl");
        await File.WriteAllLinesAsync(file, lines, Cancel);
        var (exitCode, output) = await server.TryCommand(["audit", "verify", file, .. more]);
        Assert.Equal(1, exitCode);
        Assert.Contains("The log is NOT what its checkpoints say.", output, StringComparison.Ordinal);
        return output;
    }

    private static async Task<string> Export(ServerProcess server)
    {
        var file = Path.Combine(server.Everything[0], $"{Guid.NewGuid():N}.jsonl");
        await Command(server, "audit", "export", file);
        return file;
    }

    private static Task<string> Command(ServerProcess server, params string[] command) => server.Command([.. command, "--geography", "Europe", "--data", server.Data]);

    private static Wire Connect(ServerProcess server, JsonElement keys)
    {
        var text = keys.GetProperty("primaryConnectionString").GetString()!;
        var endpoint = text["endpoint=".Length..text.IndexOf(";accesskey=", StringComparison.Ordinal)];
        return new(new("Europe", "another", endpoint, text), server.CertificateAuthority);
    }
}
