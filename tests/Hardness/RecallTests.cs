using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Modules.Http;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Whatever an application or a user can say is found again: each text of each request that exists gets a word of its own, and the exports of the people
/// who are concerned have every one of them that was accepted, or it is listed here with the reason why it is not kept. Operations are taken from the product, so a new one cannot be forgotten.
/// </summary>
[Collection(nameof(HardnessCollection))]
public sealed class RecallTests
{
    private const string Redundant = "says again what the nested identifier says, which is the one that is read";
    private const string Requests = "/privacy/subjectRequests";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    /// <summary>Texts that are accepted and not kept, or not kept as they came.</summary>
    private static readonly Dictionary<string, string> NotKept = new(StringComparer.Ordinal)
    {
        ["ChatThread_SendTypingNotification /senderDisplayName"] = "shown to those who are there, never at rest",
        ["Chat_CreateChatThread /participants/0/communicationIdentifier/kind"] = Redundant,
        ["Chat_CreateChatThread /participants/0/communicationIdentifier/rawId"] = Redundant,
        ["ChatThread_AddChatParticipants /participants/0/communicationIdentifier/kind"] = Redundant,
        ["ChatThread_AddChatParticipants /participants/0/communicationIdentifier/rawId"] = Redundant,
        ["Realtime_Register /registrationId"] = "names a connection for as long as it is there; in memory only",
        ["ChatThread_RemoveChatParticipant /kind"] = Redundant,
        ["ChatThread_RemoveChatParticipant /rawId"] = Redundant,
    };

    [Fact]
    public async Task Every_text_of_every_request_about_a_person_is_found_in_their_export_or_is_listed_as_not_kept()
    {
        await using var server = await ServerProcess.Start();
        using var wire = new Wire(server.Europe, server.CertificateAuthority);
        var officer = await new Administration(server).Token("privacy");
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        var people = new List<(string Type, string Value)>();
        var tried = 0;
        foreach (var operation in Interface.Operations.Where(operation => operation.Access.Kind is AccessKind.User or AccessKind.Application))
        {
            var sample = Interface.Sample(operation.Name);
            foreach (var path in sample.Body is null ? [] : Texts(JsonNode.Parse(sample.Body)!, "").ToList())
            {
                // A scene for each word, so that no later request takes an earlier one away.
                var (ada, bo, newcomer) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
                var thread = await wire.NewThread(ada, bo);
                var message = await wire.Say(ada, thread, "something");
                var scene = new Scene(thread, message, bo.Id, newcomer.Id, ada.Id, "demo");
                var word = $"canary{Guid.NewGuid():n}";
                var body = JsonNode.Parse(scene.Fill(sample.Body!))!;
                Set(body, path, word);
                var bytes = Wire.Bytes(body);
                var target = scene.Target(operation, sample);
                var answer = operation.Access.Kind == AccessKind.User
                    ? await wire.AsUser(ada.Token, new HttpMethod(operation.Method), target, bytes)
                    : await wire.AsApplication(new HttpMethod(operation.Method), target, bytes);
                tried++;
                if (answer.Status >= 300 || answer.Body.Contains("\"invalidParticipants\"", StringComparison.Ordinal))
                {
                    // An id, an instant, a word of the contract: what is refused is nowhere, which the walk of bad input shows.
                    continue;
                }

                said.Add(word, $"{operation.Name} {path}");
                people.AddRange(new[] { ada, bo, newcomer }.Select(person => ("communicationUser", person.Id)));
                if (operation.Access.Kind == AccessKind.Application && answer.Status == 201 && answer.Json.TryGetProperty("identity", out var identity))
                {
                    people.Add(("communicationUser", identity.GetProperty("id").GetString()!));
                }
            }
        }

        var found = await Exports(wire, officer, people);
        var missing = said.Where(pair => !found.Contains(pair.Key, StringComparison.Ordinal)).Select(pair => pair.Value).ToList();
        Assert.True(missing.All(NotKept.ContainsKey), $"Not found: {string.Join(", ", missing.Where(path => !NotKept.ContainsKey(path)))}");
        Assert.All(NotKept.Keys, path => Assert.True(missing.Contains(path) || !said.ContainsValue(path), $"{path} is kept after all."));
        Assert.InRange(said.Count, 12, tried);
        Remark.Say($"{tried} texts of requests tried, {said.Count} accepted, {said.Count - missing.Count} found in exports, {missing.Count} not kept by rule");
    }

    private static async Task<string> Exports(Wire wire, string officer, IReadOnlyList<(string Type, string Value)> people)
    {
        var text = new System.Text.StringBuilder();
        foreach (var some in people.Distinct().Chunk(20))
        {
            var id = Guid.NewGuid();
            (await wire.AsUser(officer, HttpMethod.Post, Requests, new
            {
                requestId = id,
                kind = "export",
                reason = "recall",
                identifiers = some.Select(person => new { type = person.Type, value = person.Value }).ToArray(),
            })).Is(202);
            var state = "";
            await Eventually.Holds(
                async () => (state = (await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}")).Is(200).Json.GetProperty("state").GetString()!) == "completed", Soon, () => $"the export is made; it is {state}");
            var files = (await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}/result")).Is(200).Json.GetProperty("files");
            foreach (var file in files.EnumerateArray())
            {
                var archive = (await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}/files/{file.GetProperty("number").GetInt32()}")).Is(200);
                using var zip = new ZipArchive(new MemoryStream(archive.Bytes));
                foreach (var entry in zip.Entries.Where(entry => entry.FullName.EndsWith(".json", StringComparison.Ordinal)))
                {
                    using var reader = new StreamReader(await entry.OpenAsync(TestContext.Current.CancellationToken));
                    text.Append(await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
                }
            }
        }

        return text.ToString();
    }

    private static IEnumerable<string> Texts(JsonNode node, string path) => node switch
    {
        JsonObject inner => inner.Where(pair => pair.Value is not null).SelectMany(pair => Texts(pair.Value!, $"{path}/{pair.Key}")),
        JsonArray list => list.Index().Where(item => item.Item is not null).SelectMany(item => Texts(item.Item!, $"{path}/{item.Index}")),
        _ => node.GetValueKind() == JsonValueKind.String ? [path] : [],
    };

    private static void Set(JsonNode node, string path, string value)
    {
        var steps = path.Split('/')[1..];
        foreach (var step in steps[..^1])
        {
            node = node is JsonArray list ? list[int.Parse(step, null)]! : node[step]!;
        }

        if (node is JsonArray last)
        {
            last[int.Parse(steps[^1], null)] = value;
        }
        else
        {
            node[steps[^1]] = value;
        }
    }
}
