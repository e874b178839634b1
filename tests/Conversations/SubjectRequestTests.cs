using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Domicile.Residency;
using Domicile.Tests.Hardness;
using Domicile.Tests.Server;

namespace Domicile.Tests.Conversations;

/// <summary>What a privacy officer asks about a person, on the real server: what is kept, a copy, a correction, the erasure with its receipt.</summary>
public sealed class SubjectRequestTests(SharedServer shared)
{
    private const string Path = "/privacy/subjectRequests";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_is_kept_about_somebody_is_told_by_kind_with_its_rules()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "one");
        await wire.Say(ada, thread, "two");
        await wire.Say(bo, thread, "not hers");

        var id = await Ask(wire, officer, "access", ada.Id);
        Assert.Equal("completed", await Ended(wire, officer, id));
        var result = (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}/result")).Is(200).Json;
        var kinds = result.GetProperty("kinds").EnumerateArray().ToDictionary(kind => $"{kind.GetProperty("kind")} {kind.GetProperty("filing")}", kind => kind.GetProperty("records").GetInt64());
        Assert.Equal((2, 1, 1), (kinds["chat.message own"], kinds["chat.participant own"], kinds["identity.user own"]));
        Assert.All(result.GetProperty("kinds").EnumerateArray(), kind => Assert.NotEqual("", kind.GetProperty("whenErased").GetString()));
    }

    [Fact]
    public async Task An_export_has_what_is_theirs_for_programs_and_for_people_and_not_what_others_wrote()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "<b>written by ada</b>");
        await wire.Say(bo, thread, "written by bo");

        var id = await Ask(wire, officer, "export", ada.Id);
        Assert.Equal("completed", await Ended(wire, officer, id));
        var files = (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}/result")).Is(200).Json.GetProperty("files");
        var number = Assert.Single(files.EnumerateArray()).GetProperty("number").GetInt32();
        var archive = await Download(wire, officer, $"{Path}/{id}/files/{number}");
        Assert.Equal(files[0].GetProperty("bytes").GetInt64(), archive.Length);
        using var zip = new ZipArchive(new MemoryStream(archive));
        var everything = string.Concat(zip.Entries.Select(entry => new StreamReader(entry.Open()).ReadToEnd()));
        Assert.DoesNotContain("written by bo", everything, StringComparison.Ordinal);
        var message = Assert.Single(JsonDocument.Parse(zip.GetEntry("data/chat.message.json")!.Open()).RootElement.EnumerateArray());
        Assert.Equal("<b>written by ada</b>", message.GetProperty("fields").GetProperty("content").GetString());
        Assert.Equal(ada.Id, message.GetProperty("fields").GetProperty("sender").GetString());
        Assert.Contains("topic", new StreamReader(zip.GetEntry("shared/chat.thread.json")!.Open()).ReadToEnd(), StringComparison.Ordinal);
        var page = new StreamReader(zip.GetEntry("index.html")!.Open()).ReadToEnd();
        Assert.Contains("&lt;b&gt;written by ada&lt;/b&gt;", page, StringComparison.Ordinal);
        Assert.Equal("domicile-subject-export/1", JsonDocument.Parse(zip.GetEntry("about.json")!.Open()).RootElement.GetProperty("format").GetString());

        // It is theirs, so it goes with them.
        (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(ada.Id)}?api-version={Wire.IdentityVersion}")).Is(204);
        (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}/files/{number}")).Is(404);
    }

    [Fact]
    public async Task An_erasure_takes_everything_under_all_identifiers_and_its_receipt_can_be_checked_offline()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var (ada, alias, bo) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(bo, ada, alias);
        await wire.Say(ada, thread, "as ada");
        await wire.Say(alias, thread, "as her other self");
        await wire.Say(bo, thread, "stays");

        var body = Request("erase", ada.Id, alias.Id, $"8:acs:{Guid.NewGuid()}_{Guid.NewGuid()}");
        var made = (await wire.AsUser(officer, HttpMethod.Post, Path, body)).Is(202).Json;
        var id = made.GetProperty("requestId").GetString()!;
        Assert.Equal([true, true, false], made.GetProperty("identifiers").EnumerateArray().Select(identifier => identifier.GetProperty("found").GetBoolean()));
        Assert.Equal("completed", await Ended(wire, officer, id));

        (await wire.AsUser(ada.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(401);
        var messages = (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200);
        Assert.DoesNotContain("as ada", messages.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("as her other self", messages.Body, StringComparison.Ordinal);
        Assert.Contains("stays", messages.Body, StringComparison.Ordinal);
        await wire.Say(bo, thread, "and goes on");

        var (receipt, text) = await Receipt(await shared.Server, wire, officer, id);
        Assert.Empty(receipt.Faults());
        var statement = JsonSerializer.Deserialize<ErasureStatement>(receipt.Statement, JsonSerializerOptions.Web)!;
        Assert.Equal([true, true, false], statement.People.Select(person => person.Found));
        Assert.Equal([true, true, false], statement.People.Select(person => person.KeyFingerprint is { Length: 32 }));
        Assert.Equal(2, statement.Kinds.Single(kind => kind.Kind == "chat.message").Records);
        Assert.Equal(2, statement.Kinds.Single(kind => kind.Kind == "identity.user").Records);
        Assert.True(statement.UnreadableInNewCopiesOn > statement.UnreadableOn);
        Assert.DoesNotContain(ada.Id, text, StringComparison.Ordinal);

        // Only who sent the identifiers can open the commitments to them.
        foreach (var (identifier, index) in new[] { ada.Id, alias.Id }.Select((each, i) => (each, i)))
        {
            var opening = made.GetProperty("identifiers")[index];
            Assert.Equal(SubjectReceipt.CommitmentOf(opening.GetProperty("salt").GetBytesFromBase64(), identifier), statement.People[index].Commitment);
        }

        Assert.DoesNotContain("\"salt\"", (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}")).Is(200).Json.GetProperty("identifiers").GetRawText(), StringComparison.Ordinal);

        // Whatever is changed is found.
        Assert.NotEmpty((receipt with { Statement = receipt.Statement.Replace("\"records\":2", "\"records\":3", StringComparison.Ordinal) }).Faults());
        Assert.NotEmpty((receipt with { Proof = receipt.Proof! with { Index = receipt.Proof.Index + 1 } }).Faults());
        Assert.NotEmpty((receipt with { Proof = receipt.Proof with { Content = receipt.Proof.Content.Replace("receipt", "recaipt", StringComparison.Ordinal) } }).Faults());
        Assert.NotEmpty((receipt with { Proof = receipt.Proof with { Checkpoint = receipt.Proof.Checkpoint.Replace("signed ", "signed  ", StringComparison.Ordinal) } }).Faults());
    }

    [Fact]
    public async Task An_erasure_waits_for_a_hold_and_goes_on_by_itself_when_it_is_released()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "evidence");
        var server = await shared.Server;
        using var administration = new Administration(server).Wire();
        var resource = wire.Resource.Resource;
        var hold = (await administration.AsUser(officer, HttpMethod.Post, $"/resources/{resource}/holds", new { covers = "subject", name = ada.Id, reason = "court", reviewOn = DateTimeOffset.UtcNow.AddDays(30) })).Is(201).Json.GetProperty("id").GetString();

        var id = await Ask(wire, officer, "erase", ada.Id);
        Assert.Equal("restricted", await Ended(wire, officer, id));
        Assert.Equal("/problems/storage/under-hold", (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}")).Is(200).Json.GetProperty("obstacle").GetString());
        Assert.Contains("evidence", (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200).Body, StringComparison.Ordinal);
        (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}/receipt")).Is(404);

        (await administration.AsUser(officer, HttpMethod.Delete, $"/resources/{resource}/holds/{hold}")).Is(204);
        await Eventually.Holds(
            async () => (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}")).Is(200).Json.GetProperty("state").GetString() == "completed", Soon, () => "the erasure goes on");
        Assert.DoesNotContain("evidence", (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_about_somebody_is_corrected_wherever_it_is_theirs()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = "hello", senderDisplayName = "Adda" })).Is(201);
        (await wire.AsUser(bo.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = "hi", senderDisplayName = "Adda" })).Is(201);

        var id = Guid.NewGuid();
        (await wire.AsUser(officer, HttpMethod.Post, Path, new
        {
            requestId = id,
            kind = "rectify",
            reason = "misspelt",
            identifiers = new[] { new { type = "communicationUser", value = ada.Id } },
            changes = new object[] { new { kind = "chat.message", member = "senderDisplayName", value = "Ada" }, new { kind = "chat.participant", member = "displayName", value = "Ada" } },
        })).Is(202);
        Assert.Equal("completed", await Ended(wire, officer, $"{id}"));
        var messages = (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/messages"))).Is(200).Json.GetProperty("value").EnumerateArray()
            .Where(message => message.GetProperty("type").GetString() == "text")
            .ToDictionary(message => message.GetProperty("content").GetProperty("message").GetString()!, message => message.GetProperty("senderDisplayName").GetString());
        Assert.Equal(("Ada", "Adda"), (messages["hello"], messages["hi"]));
        var participants = (await wire.AsUser(bo.Token, HttpMethod.Get, Wire.Chat(thread, "/participants"))).Is(200).Json.GetProperty("value").EnumerateArray();
        Assert.Contains(participants, participant => participant.TryGetProperty("displayName", out var name) && name.GetString() == "Ada");
    }

    [Fact]
    public async Task A_request_that_is_sent_again_is_the_same_one_and_another_under_its_id_is_refused()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var ada = await wire.NewUser();
        var body = Request("access", ada.Id);
        var first = (await wire.AsUser(officer, HttpMethod.Post, Path, body)).Is(202).Json;
        var again = (await wire.AsUser(officer, HttpMethod.Post, Path, body)).Is(200).Json;
        Assert.Equal(first.GetProperty("identifiers").GetRawText(), again.GetProperty("identifiers").GetRawText());
        var id = first.GetProperty("requestId").GetGuid();
        (await wire.AsUser(officer, HttpMethod.Post, Path, new { requestId = id, kind = "erase", reason = "other", identifiers = new[] { new { type = "communicationUser", value = ada.Id } } })).Is(409);
        await Ended(wire, officer, $"{id}");
        (await wire.AsUser(officer, HttpMethod.Delete, $"{Path}/{id}")).Is(409);
        (await wire.AsUser(ada.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}")).Is(200);
    }

    [Fact]
    public async Task Requests_are_listed_page_by_page_the_newest_first()
    {
        using var wire = await shared.Wire("India");
        var officer = await new Administration(await shared.Server).Token("privacy", "India");
        var made = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            made.Insert(0, await Ask(wire, officer, "access", (await wire.NewUser()).Id));
        }

        var (found, target) = (new List<string>(), $"{Path}?maxPageSize=2");
        while (target is not null)
        {
            var page = (await wire.AsUser(officer, HttpMethod.Get, target)).Is(200).Json;
            found.AddRange(page.GetProperty("value").EnumerateArray().Select(request => request.GetProperty("requestId").GetString()!));
            target = page.TryGetProperty("nextLink", out var next) ? next.GetString() : null;
        }

        Assert.Equal(made, found.Take(5));
    }

    [Theory]
    [InlineData("""{}""", "requestId")]
    [InlineData("""{"requestId":"ID","kind":"forget","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:x"}]}""", "kind")]
    [InlineData("""{"requestId":"ID","kind":"erase","reason":"","identifiers":[{"type":"communicationUser","value":"8:acs:x"}]}""", "reason")]
    [InlineData("""{"requestId":"ID","kind":"erase","reason":"r","identifiers":[]}""", "identifiers")]
    [InlineData("""{"requestId":"ID","kind":"erase","reason":"r","identifiers":[{"type":"shoeSize","value":"44"}]}""", "identifiers")]
    [InlineData("""{"requestId":"ID","kind":"erase","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:x"}],"changes":[{"kind":"chat.participant","member":"displayName","value":"x"}]}""", "changes")]
    [InlineData("""{"requestId":"ID","kind":"rectify","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:x"}]}""", "changes")]
    [InlineData("""{"requestId":"ID","kind":"rectify","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:x"}],"changes":[{"kind":"chat.message","member":"content","value":"x"}]}""", "changes")]
    [InlineData("""{"requestId":"ID","kind":"rectify","reason":"r","identifiers":[{"type":"communicationUser","value":"8:acs:x"}],"changes":[{"kind":"chat.participant","member":"displayName","value":7}]}""", "changes")]
    public async Task A_request_that_makes_no_sense_is_refused_by_name_of_what_is_wrong(string body, string target)
    {
        using var wire = await shared.Wire();
        var bytes = Encoding.UTF8.GetBytes(body.Replace("ID", $"{Guid.NewGuid()}", StringComparison.Ordinal));
        var officer = await Officer();
        var answer = await wire.Send(HttpMethod.Post, Path, bytes, request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", officer));
        Assert.Contains($"\"{target}\"", answer.Is(400).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_commands_erase_somebody_and_check_the_receipt_without_the_server()
    {
        var server = await shared.Server;
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();
        var file = System.IO.Path.Combine(server.Data, $"{Guid.NewGuid()}.receipt");
        string[] common = ["--geography", "Europe", "--data", server.Data];
        var access = await ProgramRun.Command(["subject", "access", "demo", "--user", ada.Id, "--reason", "asked", .. common]);
        Assert.Contains("identity.user", access, StringComparison.Ordinal);
        var export = JsonDocument.Parse(await ProgramRun.Command(["subject", "export", "demo", "--user", ada.Id, "--reason", "asked", "--json", .. common])).RootElement[0].GetProperty("requestId").GetString()!;
        await ProgramRun.Command(["subject", "download", export, file + ".zip", "--resource", "demo", .. common]);
        using (var zip = await ZipFile.OpenReadAsync(file + ".zip", TestContext.Current.CancellationToken))
        {
            Assert.NotNull(zip.GetEntry("index.html"));
        }

        await ProgramRun.Command(["subject", "erase", "demo", "--user", ada.Id, "--reason", "asked", "--receipt", file, .. common]);
        Assert.Contains("erase", await ProgramRun.Command(["subject", "list", "demo", .. common]), StringComparison.Ordinal);
        Assert.Contains("The receipt holds", await ProgramRun.Command("receipt", "verify", file), StringComparison.Ordinal);

        // Another person, another count: both are found.
        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        foreach (var changed in (string[])[text.Replace(ada.Id, (await wire.NewUser()).Id, StringComparison.Ordinal), text.Replace("records", "record5", StringComparison.Ordinal)])
        {
            Assert.NotEqual(text, changed);
            await File.WriteAllTextAsync(file, changed, TestContext.Current.CancellationToken);
            await using var run = ProgramRun.Start("receipt", "verify", file);
            Assert.Equal(1, (await run.End()).Code);
        }
    }

    private async Task<string> Officer() => await new Administration(await shared.Server).Token("privacy");

    private static object Request(string kind, params string[] users) => new
    {
        requestId = Guid.NewGuid(),
        kind,
        reason = "a test asks",
        identifiers = users.Select(user => new { type = "communicationUser", value = user }).ToArray(),
    };

    private static async Task<string> Ask(Wire wire, string officer, string kind, params string[] users) =>
        (await wire.AsUser(officer, HttpMethod.Post, Path, Request(kind, users))).Is(202).Json.GetProperty("requestId").GetString()!;

    private static async Task<string> Ended(Wire wire, string officer, string id)
    {
        var state = "";
        await Eventually.Holds(
            async () => (state = (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}")).Is(200).Json.GetProperty("state").GetString()!) is not ("pending" or "running"), Soon, () => $"the request ends; it is {state}");
        return state;
    }

    private static async Task<(SubjectReceipt Receipt, string Text)> Receipt(ServerProcess server, Wire wire, string officer, string id)
    {
        var (receipt, text) = (default(SubjectReceipt), "");
        using (var administration = new Administration(server).Wire())
        {
            (await administration.AsUser(officer, HttpMethod.Post, "/audit/checkpoints")).Is(200);
        }

        await Eventually.Holds(
            async () =>
            {
                text = (await wire.AsUser(officer, HttpMethod.Get, $"{Path}/{id}/receipt")).Is(200).Body;
                receipt = JsonSerializer.Deserialize<SubjectReceipt>(text, JsonSerializerOptions.Web)!;
                return receipt.State == SubjectReceipt.Complete;
            },
            Soon,
            () => "a checkpoint covers the receipt");
        return (receipt!, text);
    }

    private static async Task<byte[]> Download(Wire wire, string officer, string target)
    {
        var answer = (await wire.AsUser(officer, HttpMethod.Get, target)).Is(200);
        Assert.Equal("application/zip", answer.Header("Content-Type"));
        return answer.Bytes;
    }
}
