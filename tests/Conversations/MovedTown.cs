using System.Text.Json;
using System.Text.Json.Nodes;

namespace Domicile.Tests.Conversations;

/// <summary>People, threads and messages of every kind in one resource, and the resource of the same id into which they are moved.</summary>
internal sealed class MovedTown(EphemeralServer old) : IDisposable
{
    private const int PeopleCount = 12;
    private readonly Dictionary<string, int[]> _members = [];
    private EphemeralServer _new = null!;
    private DemoResource _oldResource = null!;
    private DemoResource _newResource = null!;
    private Wire _wire = null!;

    public Guid Resource { get; private set; }

    public List<WireUser> People { get; } = [];

    public List<string> Threads { get; } = [];

    /// <summary>Messages that there are, those that threads tell of themselves included.</summary>
    public int Messages { get; private set; }

    public string OldConnectionString => _oldResource.ConnectionString;

    public string NewConnectionString => _newResource.ConnectionString;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _wire?.Dispose();

    /// <summary>Makes the two resources; the id of the new one is that of the old.</summary>
    public async Task Prepare(EphemeralServer target)
    {
        _new = target;
        Resource = (await old.Ask(HttpMethod.Post, "/resources", new { name = "old" }, 201)).GetProperty("id").GetGuid();
        await target.Ask(HttpMethod.Post, "/resources", new { name = "new", id = Resource }, 201);
        _oldResource = await Read(old, "old");
        _newResource = await Read(target, "new");
        _wire = new Wire(_oldResource, old.CertificateAuthority);
    }

    public Wire NewWire() => new(_newResource, _new.CertificateAuthority);

    /// <summary>The ids of the users, as a customer has them in a table.</summary>
    public string UsersFile(string folder)
    {
        var path = Path.Combine(folder, "users.csv");
        File.WriteAllLines(path, ["customer,user", .. People.Select((person, i) => $"{i},\"{person.Id}\"")]);
        return path;
    }

    /// <summary>Threads in which everything happens that can: edits, deletions, topics, comings and goings, receipts, metadata, HTML, every script.</summary>
    public async Task Fill(int threads, int messagesInEach)
    {
        for (var i = 0; i < PeopleCount; i++)
        {
            People.Add(await _wire.NewUser());
        }

        var made = new (string Id, int[] Members)[threads];
        await Parallel.ForEachAsync(Enumerable.Range(0, threads), new ParallelOptions { MaxDegreeOfParallelism = 6 }, async (i, _) =>
        {
            int[] members = [i % PeopleCount, (i + 1) % PeopleCount, (i + 5) % PeopleCount];
            made[i] = (await FillThread(i, members, messagesInEach), members);
        });
        foreach (var (id, members) in made)
        {
            Threads.Add(id);
            _members.Add(id, members);
        }

        Messages = (await Export(old, Path.GetTempPath())).Count(line => line.ContainsKey("message"));
        Assert.True(Messages >= threads * messagesInEach);
    }

    /// <summary>From now on the source throttles as ACS does.</summary>
    public Task Throttle() => old.Ask(HttpMethod.Patch, "/resources/old/settings", new { rateProfile = "acs" });

    public Task Unthrottle() => old.Ask(HttpMethod.Patch, "/resources/old/settings", new { rateProfile = "generous" });

    /// <summary>Life goes on at the source: two messages, a topic and a newcomer are new, an old message is edited and another deleted.</summary>
    public async Task GoOn()
    {
        var thread = Threads[0];
        var (writer, other) = (People[_members[thread][0]], People[_members[thread][1]]);
        var written = (await ReadAll(thread, writer)).Where(message => message.GetProperty("type").GetString() == "text" && message.TryGetProperty("content", out _)
            && message.GetProperty("senderCommunicationIdentifier").GetProperty("rawId").GetString() == writer.Id).Select(message => message.GetProperty("id").GetString()!).ToList();
        (await _wire.AsUser(writer.Token, HttpMethod.Patch, Wire.Chat(thread, $"/messages/{written[^1]}"), new { content = "edited later" })).Is(204);
        (await _wire.AsUser(writer.Token, HttpMethod.Delete, Wire.Chat(thread, $"/messages/{written[^2]}"))).Is(204);
        var newcomer = await _wire.NewUser();
        (await _wire.AsUser(writer.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:add"), new { participants = new[] { new { communicationIdentifier = newcomer.Identifier, displayName = "New" } } })).Is(201);
        (await _wire.AsUser(other.Token, HttpMethod.Patch, Wire.Chat(thread), new { topic = "later" })).Is(204);
        await _wire.Say(newcomer, thread, "hello");
        var last = await _wire.Say(writer, thread, "welcome");
        (await _wire.AsUser(other.Token, HttpMethod.Post, Wire.Chat(thread, "/readReceipts"), new { chatMessageId = last })).Is(200);
        Messages += 4;
    }

    /// <summary>One of the people is erased at the source.</summary>
    public async Task Erase() =>
        (await _wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(People[0].Id)}?api-version={Wire.IdentityVersion}")).Is(204);

    public async Task EditOn(EphemeralServer server, int thread)
    {
        using var wire = WireOf(server);
        var (id, token) = await Writer(wire, thread);
        var mine = (await wire.AsUser(token, HttpMethod.Get, Wire.Chat(Threads[thread], "/messages"))).Is(200).Json.GetProperty("value").EnumerateArray()
            .First(message => message.GetProperty("type").GetString() == "text" && message.TryGetProperty("senderCommunicationIdentifier", out var sender) && sender.GetProperty("rawId").GetString() == id && !message.TryGetProperty("deletedOn", out _));
        (await wire.AsUser(token, HttpMethod.Patch, Wire.Chat(Threads[thread], $"/messages/{mine.GetProperty("id").GetString()}"), new { content = "another" })).Is(204);
    }

    public async Task<string> SayOn(EphemeralServer server, int thread, string text, long? beforeId = null)
    {
        using var wire = WireOf(server);
        var (_, token) = await Writer(wire, thread);
        var id = (await wire.AsUser(token, HttpMethod.Post, Wire.Chat(Threads[thread], "/messages"), new { content = text })).Is(201).Json.GetProperty("id").GetString()!;
        if (beforeId is { } limit && long.Parse(id, null) >= limit)
        {
            // The new side wrote first, so this one is later: write there once more, and this one is before that.
            await SayOn(_new, thread, "and once more");
        }

        return id;
    }

    public async Task<string> ReadOn(EphemeralServer server, int thread, int person = 0)
    {
        using var wire = WireOf(server);
        var (_, token) = await Writer(wire, thread, person);
        return (await wire.AsUser(token, HttpMethod.Get, Wire.Chat(Threads[thread], "/messages"))).Is(200).Body;
    }

    /// <summary>The threads that someone is in.</summary>
    public async Task<IReadOnlyList<string>> ThreadsOf(int person)
    {
        var listed = await _wire.AsUser(await Token(_wire, People[person]), HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}");
        return [.. listed.Is(200).Json.GetProperty("value").EnumerateArray().Select(each => each.GetProperty("id").GetString()!)];
    }

    /// <summary>Everything that a side has, as its own command writes it.</summary>
    public async Task<IReadOnlyList<JsonObject>> Export(EphemeralServer server, string folder)
    {
        var file = Path.Combine(folder, $"{Guid.NewGuid():N}.jsonl");
        await server.Command("export", file, "--resource", server == old ? "old" : "new", "--reason", "a test");
        var lines = (await File.ReadAllLinesAsync(file, Cancel)).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        File.Delete(file);
        return lines;
    }

    private static async Task<DemoResource> Read(EphemeralServer server, string name)
    {
        var text = (await server.Ask(HttpMethod.Get, $"/resources/{name}/keys")).GetProperty("primaryConnectionString").GetString()!;
        return new DemoResource(server.Geography, name, text["endpoint=".Length..text.IndexOf(";accesskey=", StringComparison.Ordinal)], text);
    }

    private static async Task<string> Token(Wire wire, WireUser person) =>
        (await wire.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(person.Id)}/:issueAccessToken?api-version={Wire.IdentityVersion}", new { scopes = new[] { "chat" } }))
            .Is(200).Json.GetProperty("token").GetString()!;

    private Wire WireOf(EphemeralServer server) => server == old ? new Wire(_oldResource, old.CertificateAuthority) : NewWire();

    private async Task<(string Id, string Token)> Writer(Wire wire, int thread, int member = 0)
    {
        var person = People[_members[Threads[thread]][member]];
        return (person.Id, await Token(wire, person));
    }

    private async Task<IReadOnlyList<JsonElement>> ReadAll(string thread, WireUser reader) =>
        [.. (await _wire.AsUser(reader.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200).Json.GetProperty("value").EnumerateArray()];

    private async Task<string> FillThread(int number, int[] members, int messages)
    {
        var (ada, bo, cleo) = (People[members[0]], People[members[1]], People[members[2]]);
        var created = await _wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
        {
            topic = $"Thread {number} «ö»",
            participants = new object[]
            {
                new { communicationIdentifier = ada.Identifier, displayName = "Ada" },
                new { communicationIdentifier = bo.Identifier, displayName = "Bo", metadata = new Dictionary<string, string> { ["role"] = "guest" } },
            },
            metadata = new Dictionary<string, string> { ["number"] = $"{number}", ["b"] = "2", ["a"] = "1" },
            retentionPolicy = number % 3 == 0 ? new { kind = "threadCreationDate", deleteThreadAfterDays = 90 } : null,
        });
        var thread = created.Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
        string last = "";
        for (var i = 0; i < messages; i++)
        {
            var writer = i % 2 == 0 ? ada : bo;
            if (i == messages / 2)
            {
                // Someone who sees nothing of what was before, and someone who comes and goes.
                (await _wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:add"), new { participants = new[] { new { communicationIdentifier = cleo.Identifier, displayName = "Cleo" } } })).Is(201);
                await _wire.Say(cleo, thread, "Now I am here.");
                (await _wire.AsUser(bo.Token, HttpMethod.Patch, Wire.Chat(thread), new { topic = $"Another topic {number}" })).Is(204);
            }

            var body = (i % 5) switch
            {
                0 => (object)new { content = $"<p>Hello <b>{number}</b> &amp; {i}<br></p>", type = "html", senderDisplayName = "A." },
                1 => new { content = $"Zeile {i}: Grüße, 你好, 👋🏽 \"quoted\" \\ back", metadata = new Dictionary<string, string> { ["z"] = "1", ["deliveryMode"] = "deferred" } },
                _ => new { content = $"message {i} of thread {number}", senderDisplayName = "Someone" },
            };
            last = (await _wire.AsUser(writer.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), body)).Is(201).Json.GetProperty("id").GetString()!;
            if (i % 9 == 4)
            {
                (await _wire.AsUser(writer.Token, HttpMethod.Patch, Wire.Chat(thread, $"/messages/{last}"), new { content = $"edited {i}", metadata = new Dictionary<string, string> { ["edited"] = "yes" } })).Is(204);
            }

            if (i % 11 == 7)
            {
                (await _wire.AsUser(writer.Token, HttpMethod.Delete, Wire.Chat(thread, $"/messages/{last}"))).Is(204);
            }

            if (i % 10 == 3)
            {
                (await _wire.AsUser(bo.Token, HttpMethod.Post, Wire.Chat(thread, "/readReceipts"), new { chatMessageId = last })).Is(200);
            }
        }

        if (number % 4 == 1 && messages > 1)
        {
            (await _wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:remove"), new { communicationUser = new { id = cleo.Id } })).Is(204);
            await _wire.Say(ada, thread, "Without Cleo.");
        }

        return thread;
    }
}
