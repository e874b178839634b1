using System.Text;

namespace Domicile.Tests.Conversations;

/// <summary>
/// Nothing that anyone says or is called rests in the clear: a canary in every text field of every request, then a look
/// through every byte that the server left, while it runs, after it was killed and after it was stopped.
/// </summary>
public sealed class CanaryTests(CanaryTests.Aviary aviary) : IClassFixture<CanaryTests.Aviary>
{
    [Fact]
    public void The_canaries_are_alive()
    {
        // What the service keeps was read back through the API; otherwise there would be nothing to find.
        Assert.All(aviary.Kept, canary => Assert.True(aviary.ReadBack.Contains(canary.Text, StringComparison.Ordinal), canary.Name));
        Assert.True(aviary.Kept.Count >= 14);
    }

    [Fact]
    public void The_look_reaches_the_servers_files()
    {
        Assert.Contains(aviary.Control, finding => finding.Contains("connection-strings.json", StringComparison.Ordinal));
        Assert.Contains(aviary.Files, file => ServerProcess.OnPostgres ? file.Contains("/pg_wal/", StringComparison.Ordinal) : file.EndsWith(".db", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("running")]
    [InlineData("killed")]
    [InlineData("stopped")]
    public void No_text_is_in_any_file(string state) => Assert.Empty(aviary.Texts[state]);

    [Theory]
    [InlineData("running")]
    [InlineData("killed")]
    [InlineData("stopped")]
    public void No_user_id_is_in_any_file(string state) => Assert.Empty(aviary.Ids[state]);

    [Fact]
    public void No_text_and_no_user_id_is_in_what_the_server_says() => Assert.Empty(aviary.Said);

    /// <summary>A server of its own with canaries in every field, looked through three times.</summary>
    public sealed class Aviary : IAsyncLifetime
    {
        private readonly List<Canary> canaries = [];
        private readonly List<(string Name, Guid Id)> ids = [];
        private readonly List<Canary> kept = [];
        private readonly StringBuilder readBack = new();

        internal IReadOnlyList<Canary> Kept => kept;

        internal string ReadBack => readBack.ToString();

        internal IReadOnlyList<string> Control { get; private set; } = [];

        internal IReadOnlyList<string> Files { get; private set; } = [];

        internal Dictionary<string, IReadOnlyList<string>> Texts { get; } = [];

        internal Dictionary<string, IReadOnlyList<string>> Ids { get; } = [];

        internal IReadOnlyList<string> Said { get; private set; } = [];

        public async ValueTask InitializeAsync()
        {
            await using var server = await ServerProcess.Start();
            using (var wire = new Wire(server.Europe, server.CertificateAuthority))
            {
                await PlantInIdentity(wire);
                await PlantInChat(wire);
                await PlantInWhatIsRefused(wire);
            }

            var key = server.Europe.ConnectionString[^40..];
            Control = new CanaryScanner([new("the access key", key)]).ScanFolder(server.Data);
            Files = [.. server.Everything.SelectMany(folder => Directory.GetFiles(folder, "*", SearchOption.AllDirectories))];
            Look("running", server);
            await server.KillAtOnce();
            Look("killed", server);
            await server.StartAgain();
            await server.Stop();
            Look("stopped", server);
            Said = new CanaryScanner(canaries, ids).Scan("output", server.Output.Bytes());
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private void Look(string state, ServerProcess server)
        {
            Texts[state] = [.. server.Everything.SelectMany(folder => new CanaryScanner(canaries).ScanFolder(folder))];
            Ids[state] = [.. server.Everything.SelectMany(folder => new CanaryScanner([], ids).ScanFolder(folder))];
        }

        /// <summary>A canary for a field.</summary>
        private string Plant(string field)
        {
            var canary = Canary.Plant(field);
            canaries.Add(canary);
            return canary.Text;
        }

        /// <summary>A canary that the service keeps and can be asked for.</summary>
        private string Keep(string field)
        {
            var text = Plant(field);
            kept.Add(canaries[^1]);
            return text;
        }

        private async Task<WireUser> NewUser(Wire wire, string name)
        {
            var user = await wire.NewUser();
            ids.Add((name, user.Guid));
            canaries.Add(new($"the token of {name}", user.Token.Split('.')[2]));
            return user;
        }

        private async Task PlantInIdentity(Wire wire)
        {
            var user = await NewUser(wire, "a user of tokens");
            string Target(string rest = "") => $"/identities{rest}?api-version={Wire.IdentityVersion}&note={Plant("the query")}";
            var id = "/" + Uri.EscapeDataString(user.Id);

            (await wire.AsApplication(
                HttpMethod.Post,
                Target(),
                new { customId = Plant("a custom id"), createTokenWithScopes = new[] { "chat" } },
                request =>
                {
                    request.Headers.TryAddWithoutValidation("x-ms-client-request-id", Plant("the client's request id"));
                    request.Headers.TryAddWithoutValidation("User-Agent", Plant("the user agent"));
                    request.Headers.TryAddWithoutValidation("x-ms-useragent", Plant("the client's user agent"));
                    request.Headers.TryAddWithoutValidation("Origin", $"https://{Plant("the origin")}.example.org");
                    request.Headers.TryAddWithoutValidation("Referer", $"https://example.org/{Plant("the referrer")}");
                    request.Headers.TryAddWithoutValidation("X-Forwarded-For", Plant("a forwarded address"));
                    request.Headers.TryAddWithoutValidation("Cookie", $"a={Plant("a cookie")}");
                })).Is(201);
            (await wire.AsApplication(HttpMethod.Post, Target($"{id}/:issueAccessToken"), new { scopes = new[] { "chat" }, note = Plant("an unknown member") })).Is(200);
            (await wire.AsApplication(HttpMethod.Post, Target($"{id}/:revokeAccessTokens"))).Is(204);
            await wire.AsApplication(
                HttpMethod.Post,
                $"/teamsUser/:exchangeAccessToken?api-version={Wire.IdentityVersion}",
                new { token = Plant("a Teams token"), appId = Plant("an application id"), userId = Plant("a Teams user id") });
            await wire.AsUser(Plant("an Entra token"), HttpMethod.Post, "/access/entra/:exchangeAccessToken?api-version=2025-06-30", new { });
            (await wire.AsApplication(HttpMethod.Delete, Target(id))).Is(204);

            const string versionWithCustomIds = "2025-06-30";
            var custom = (await wire.AsApplication(
                HttpMethod.Post, $"/identities?api-version={versionWithCustomIds}", new { customId = Keep("a custom id that is kept") }))
                .Is(201).Json.GetProperty("identity").GetProperty("id").GetString()!;
            readBack.AppendLine(
                (await wire.AsApplication(HttpMethod.Get, $"/identities/{Uri.EscapeDataString(custom)}?api-version={versionWithCustomIds}")).Is(200).Body);
            ids.Add(("a user with a custom id", new WireUser(custom, "").Guid));
        }

        private async Task PlantInChat(Wire wire)
        {
            var (ada, bo) = (await NewUser(wire, "a sender"), await NewUser(wire, "a participant"));
            var (cy, gone) = (await NewUser(wire, "someone added"), await NewUser(wire, "someone deleted"));
            Task<Answer> Ada(HttpMethod method, string target, object? json = null) => wire.AsUser(ada.Token, method, target, json);

            var thread = (await wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
            {
                topic = Plant("the first topic"),
                metadata = new Dictionary<string, string> { [Keep("a thread's metadata key")] = Keep("a thread's metadata value") },
                participants = new object[]
                {
                    new
                    {
                        communicationIdentifier = bo.Identifier,
                        displayName = Keep("a participant's name"),
                        metadata = new Dictionary<string, string> { [Keep("a participant's metadata key")] = Keep("a participant's metadata value") },
                    },
                    new { communicationIdentifier = gone.Identifier, displayName = Plant("the name of someone deleted") },
                    new { communicationIdentifier = new { communicationUser = new { id = $"8:acs:{Plant("an id that is none")}" } }, displayName = Plant("a name that is not taken") },
                    new { communicationIdentifier = new { rawId = $"4:{Plant("a phone number")}", phoneNumber = new { value = Plant("a second phone number") } } },
                },
            }, request => request.Headers.TryAddWithoutValidation("repeatability-request-id", Plant("a repeatability id"))))
                .Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;

            (await Ada(HttpMethod.Patch, Wire.Chat(thread), new { topic = Keep("the later topic") })).Is(204);
            (await Ada(HttpMethod.Post, Wire.Chat(thread, "/participants/:add"), new
            {
                participants = new[] { new { communicationIdentifier = cy.Identifier, displayName = Keep("an added participant's name") } },
            })).Is(201);

            object Message(string kind, Func<string, string> plant) => new
            {
                content = plant($"a {kind}"),
                senderDisplayName = plant($"the sender's name on a {kind}"),
                type = kind == "html message" ? "html" : "text",
                metadata = new Dictionary<string, string> { [plant($"a metadata key of a {kind}")] = plant($"a metadata value of a {kind}") },
            };
            async Task<string> Send(string kind, Func<string, string> plant) =>
                (await Ada(HttpMethod.Post, Wire.Chat(thread, "/messages"), Message(kind, plant))).Is(201).Json.GetProperty("id").GetString()!;

            await Send("text message", Keep);
            await Send("html message", Keep);
            var edited = await Send("message before its edit", Plant);
            (await Ada(HttpMethod.Patch, Wire.Chat(thread, $"/messages/{edited}"), new
            {
                content = Keep("an edited message"),
                metadata = new Dictionary<string, string> { ["edited"] = Keep("an edited metadata value") },
            })).Is(204);
            (await Ada(HttpMethod.Delete, Wire.Chat(thread, $"/messages/{await Send("message that is deleted", Plant)}"))).Is(204);
            (await wire.AsUser(gone.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), Message("message of someone deleted", Plant))).Is(201);
            (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(gone.Id)}?api-version={Wire.IdentityVersion}")).Is(204);

            // Not stored by their nature, whether or not they are served yet.
            await Ada(HttpMethod.Post, Wire.Chat(thread, "/typing"), new { senderDisplayName = Plant("the name of someone typing") });
            await Ada(HttpMethod.Post, Wire.Chat(thread, "/readReceipts"), new { chatMessageId = Plant("a receipt") });

            var doomed = (await Ada(HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new { topic = Plant("the topic of a deleted thread") }))
                .Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
            await wire.Say(ada, doomed, Plant("a message of a deleted thread"));
            (await Ada(HttpMethod.Delete, Wire.Chat(doomed))).Is(204);

            foreach (var rest in new[] { "", "/participants", "/messages" })
            {
                readBack.AppendLine((await Ada(HttpMethod.Get, Wire.Chat(thread, rest))).Is(200).Body);
            }
        }

        private async Task PlantInWhatIsRefused(Wire wire)
        {
            var (ada, eve) = (await NewUser(wire, "someone refused"), await NewUser(wire, "a stranger"));
            var thread = await wire.NewThread(ada);
            var messages = Wire.Chat(thread, "/messages");
            Task<Answer> Sent(string body) => wire.AsUser(ada.Token, HttpMethod.Post, messages, Encoding.UTF8.GetBytes(body));

            (await Sent($"{{\"content\":\"{Plant("a body that breaks off")}")).IsError(400);
            (await Sent($"{{\"content\":\"\",\"senderDisplayName\":\"{Plant("the name on a refused message")}\"}}")).IsError(400);
            (await Sent($"{{\"content\":\"x\",\"type\":\"{Plant("a type that is none")}\"}}")).IsError(400);
            (await Sent($"{{\"{Plant("a member that is repeated")}\":1,\"content\":\"x\",\"content\":\"{Plant("a repeated member")}\"}}")).IsError(400);
            (await Sent($"{{\"content\":\"{Plant("the start of what is too long")}{new string('x', 40_000)}\"}}")).IsError(400, 413);
            (await wire.AsUser(eve.Token, HttpMethod.Post, messages, new { content = Plant("a stranger's message") })).IsError(403, 404);
            (await wire.AsUser(Plant("a token that is none"), HttpMethod.Get, messages)).IsError(401);
            (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat($"19:{Plant("a thread that is missing")}@thread.v2"))).IsError(400, 403, 404);
            (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, $"/messages/{Plant("a message that is missing")}"))).IsError(400, 404);
            (await wire.AsUser(ada.Token, HttpMethod.Get, $"{messages}&startTime={Plant("a time that is none")}")).IsError(400);
            (await wire.AsUser(ada.Token, HttpMethod.Get, $"/chat/threads?api-version={Plant("a version that is none")}")).IsError(400);
            (await wire.AsApplication(HttpMethod.Get, $"/{Plant("a path that is none")}")).IsError(400, 404);
            (await wire.AsApplication(HttpMethod.Post, $"/identities/{Plant("a user who is none")}/:issueAccessToken?api-version={Wire.IdentityVersion}", new
            {
                scopes = new[] { "chat" },
            })).IsError(400, 404);
            (await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}", new
            {
                createTokenWithScopes = new[] { Plant("a scope that is none") },
            })).IsError(400);
            (await wire.Send(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}", [], request =>
                request.Headers.TryAddWithoutValidation("Authorization", $"HMAC-SHA256 SignedHeaders={Plant("signed headers")}&Signature={Plant("a signature")}")))
                .IsError(401);
        }
    }
}
