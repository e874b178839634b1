using System.Text.Json.Nodes;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Modules.Privacy;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules;

public sealed class SqliteSubjectRequestsTests() : SubjectRequestsTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresSubjectRequestsTests() : SubjectRequestsTests(new PostgresFixture());

/// <summary>Subject requests on both engines, with the node going away at each step.</summary>
public abstract class SubjectRequestsTests(StoreFixture fixture) : IAsyncLifetime
{
    private const int Messages = 450;
    private SubjectRef _ada;
    private SubjectRef _bo;
    private Ref<ChatThread> _thread;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => fixture.Home;

    private Home Unit => fixture.Unit.Own;

    public async ValueTask InitializeAsync()
    {
        await fixture.Open(ProductModules.Catalogue());
        (_ada, _bo) = (await Person("ada"), await Person("bo"));
        var now = fixture.Clock.GetUtcNow();
        var thread = new ChatThread { Key = Home.References.Next<ChatThread>(), PublicId = $"19:{Guid.NewGuid():N}@thread.v2", CreatedOn = now, Topic = "what they share", CreatedBy = _bo };
        await Commit(b => b.Insert(thread).Insert(new ChatParticipant { Thread = thread.Key, Person = _ada, AddedOn = now }).Insert(new ChatParticipant { Thread = thread.Key, Person = _bo, AddedOn = now }));
        _thread = thread.Key;
        await Task.WhenAll(Enumerable.Range(0, Messages).Select(i => Say(_ada, $"ada says {i}")));
        await Say(_bo, "bo says this");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await fixture.DisposeAsync();
    }

    [Theory]
    [InlineData(SubjectRequestKind.Access, "begin", "complete")]
    [InlineData(SubjectRequestKind.Export, "begin", "archive", "archive sealed", "archived", "complete")]
    [InlineData(SubjectRequestKind.Rectify, "begin", "rectify", "complete")]
    [InlineData(SubjectRequestKind.Erase, "begin", "count", "erase", "erased", "state", "complete")]
    public async Task A_request_whose_node_goes_away_at_any_step_is_carried_out_once_after_the_restart(SubjectRequestKind kind, params string[] steps)
    {
        var request = Request(kind);
        await Commit(b => b.Insert(request), Unit);
        var done = await ThroughCrashes(request, steps, now => now.IsOver);
        Assert.Equal(SubjectRequestState.Completed, done.State);
        if (kind != SubjectRequestKind.Rectify)
        {
            Assert.Equal(Messages, done.Tally.Single(tally => tally.Kind == "chat.message").Records);
        }

        var completions = await Completions();
        Assert.Single(completions, entry => entry.Content!.Contains(kind == SubjectRequestKind.Erase ? "receipt sha256:" : $"{request.Id}", StringComparison.Ordinal));
        var lines = await Home.Store.Range<ChatMessage>(_thread).Take(1_000).Open(Cancel);
        Assert.Equal(Messages + 1, lines.Count);
        switch (kind)
        {
            case SubjectRequestKind.Export:
                var export = Assert.Single(await Home.Store.Range<SubjectExport>().Take(10).Open(Cancel));
                await using (var file = await Home.Blobs.Open(export, Cancel))
                {
                    Assert.Equal(done.People[0].ArchiveBytes, file!.Length);
                }

                break;
            case SubjectRequestKind.Rectify:
                Assert.All(lines.Where(line => line.Sender == _ada), line => Assert.Equal("Ada", line.SenderDisplayName));
                Assert.Equal("Bo", lines.Single(line => line.Sender == _bo).SenderDisplayName);
                break;
            case SubjectRequestKind.Erase:
                Assert.Equal("bo says this", Assert.Single(lines, line => line.Content is not null).Content);
                Assert.Null(await Home.Store.Get<UserAccount>([_ada], Cancel));

                // The log keeps that it was done, to a number that names nobody any more.
                Assert.Equal("audit.entry", Assert.Single(await Home.Subjects.Count(_ada, Cancel)).Kind.Name);
                break;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_not_held_is_erased_at_once_and_the_rest_when_the_hold_ends_whichever_step_a_node_goes_away_at(bool holdsThread)
    {
        var terms = new HoldTerms("Case 4711", fixture.Clock.GetUtcNow().AddDays(90), new AuditNote(AuditedAct.HoldPlaced, "node"));
        var thread = Unit.Administration!.Catalogue.Of<ChatThread>();
        var hold = (holdsThread ? await Home.Holds.OnRoot(thread, _thread.Value, terms, Cancel) : await Home.Holds.OnSubject(_ada, terms, Cancel)).Placed!;
        var alias = await Person("ada at work");
        var request = Request(SubjectRequestKind.Erase) with
        {
            // The held one first: it must not stand in the way. The last is the second under another identifier.
            People = [.. ((SubjectRef[])[_ada, SubjectRef.None, alias, alias]).Select(person => new RequestedPerson(Identifier.CommunicationUser, "", person))],
        };
        await Commit(b => b.Insert(request), Unit);

        // Held as a whole, she waits; of a thread that is held, what is hers is kept out of sight, and she is erased.
        var waiting = await ThroughCrashes(request, holdsThread ? ["begin", "count", "erase", "erased", "kept"] : ["begin", "held", "count", "erase", "erased"], now => now.State == SubjectRequestState.Restricted);
        Assert.Equal(("/problems/storage/under-hold", 3), (waiting.Obstacle, waiting.PeopleDone));
        Assert.Equal(["/problems/storage/under-hold", null, null, null], waiting.People.Select(person => person.Obstacle));
        Assert.Equal([holdsThread, false, true, true], waiting.People.Select(person => person.ErasedOn is not null));
        Assert.Null(await Home.Store.Get<UserAccount>([alias], Cancel));
        Assert.Equal(holdsThread, await Home.Store.Get<UserAccount>([_ada], Cancel) is null);
        Assert.Equal(holdsThread ? 1 : Messages + 1, (await Home.Store.Range<ChatMessage>(_thread).Take(1_000).Open(Cancel)).Count(line => line.Content is not null));
        Assert.Equal(
            holdsThread ? [("chat.participant", 1), ("chat.message", Messages)] : [],
            (waiting.People[0].Held ?? []).Select(tally => (tally.Kind, (int)tally.Records)).OrderBy(each => each.Item2));
        var restricted = await Home.Restrictions.Read(null, 1_000, Cancel);
        Assert.Equal(holdsThread ? Messages + 1 : 0, restricted.Count);
        Assert.All(restricted.Where(each => each.Record.Kind.Name == "chat.message"), each => Assert.StartsWith("ada says ", each.Record.Content!["content"]!.GetValue<string>(), StringComparison.Ordinal));
        Assert.Empty(await Completions());

        // However often it is looked at, while the hold lasts nothing more is written.
        await using (var idle = Requests())
        {
            await idle.CarryOut(Unit, Cancel);
            Assert.Equal(waiting.Version, (await idle.Find(Home, request.Id, Cancel))!.Version);
        }

        Assert.Null(await Home.Holds.Release((await Home.Holds.Find(hold.Id, Cancel))!, new AuditNote(AuditedAct.HoldReleased, "node"), Cancel));
        var done = await ThroughCrashes(request, holdsThread ? ["kept", "state", "complete"] : ["count", "erase", "erased", "state", "complete"], now => now.IsOver);
        Assert.Empty(await Home.Restrictions.Read(null, 10, Cancel));
        Assert.Equal((SubjectRequestState.Completed, null), (done.State, done.Obstacle));
        Assert.All(done.People, person => Assert.Null(person.Obstacle));
        Assert.Equal((Messages, 2), ((int)done.Tally.Single(tally => tally.Kind == "chat.message").Records, (int)done.Tally.Single(tally => tally.Kind == "identity.user").Records));
        Assert.Equal("bo says this", Assert.Single(await Home.Store.Range<ChatMessage>(_thread).Take(1_000).Open(Cancel), line => line.Content is not null).Content);
        Assert.Single(await Completions());
        var statement = System.Text.Json.JsonSerializer.Deserialize<ErasureStatement>(done.Statement!, System.Text.Json.JsonSerializerOptions.Web)!;
        Assert.Equal([true, false, true, true], statement.People.Select(person => person.Found));
        Assert.Equal(statement.People[2].KeyFingerprint, statement.People[3].KeyFingerprint);
    }

    [Fact]
    public async Task Everything_that_a_catalogue_declares_is_found_without_a_line_of_the_module()
    {
        var found = new Dictionary<(string, SubjectFiling), int>();
        await foreach (var record in Home.Subjects.Of(_ada, Cancel))
        {
            found[(record.Kind.Name, record.Filing)] = found.GetValueOrDefault((record.Kind.Name, record.Filing)) + 1;
        }

        Assert.Equal(
            new Dictionary<(string, SubjectFiling), int>
            {
                [("chat.message", SubjectFiling.Own)] = Messages,
                [("chat.participant", SubjectFiling.Own)] = 1,
                [("identity.user", SubjectFiling.Own)] = 1,
            },
            found);
        Assert.Equal(found, (await Home.Subjects.Count(_ada, Cancel)).ToDictionary(count => (count.Kind.Name, count.Filing), count => (int)count.Records));

        // Next door the same handle is nobody's.
        Assert.Empty(await fixture.Neighbour.Subjects.Count(_ada, Cancel));
    }

    [Fact]
    public async Task A_kind_of_a_new_module_is_counted_exported_corrected_and_erased_by_its_declaration_alone()
    {
        var catalogue = ProductModules.Catalogue(new DiaryModule());
        await fixture.Restart(catalogue);
        await Commit(b => b.Insert(new DiaryPage { Page = Home.References.Next<DiaryPage>(), Writer = _ada, About = _bo, Text = "dear diary", Mood = "glum" }));
        Assert.Contains(await Home.Subjects.Count(_ada, Cancel), count => count is { Kind.Name: "diary.page", Filing: SubjectFiling.Own, Records: 1 });
        Assert.Contains(await Home.Subjects.Count(_bo, Cancel), count => count is { Kind.Name: "diary.page", Filing: SubjectFiling.Mentioned, Records: 1 });
        var archive = new MemoryStream();
        await new SubjectArchive(Home, _ada, fixture.Clock.GetUtcNow()).Write(archive, Cancel);
        using (var zip = new System.IO.Compression.ZipArchive(archive))
        {
            using var page = new StreamReader(zip.GetEntry("data/diary.page.json")!.Open());
            Assert.Contains("dear diary", await page.ReadToEndAsync(Cancel), StringComparison.Ordinal);
        }

        archive = new MemoryStream();
        await new SubjectArchive(Home, _bo, fixture.Clock.GetUtcNow()).Write(archive, Cancel);
        using (var zip = new System.IO.Compression.ZipArchive(archive))
        {
            using var page = new StreamReader(zip.GetEntry("data/diary.page.mentions.json")!.Open());
            Assert.DoesNotContain("dear diary", await page.ReadToEndAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Equal(1, await Home.Subjects.Rectify(_ada, catalogue.Find("diary.page")!, "Mood", JsonValue.Create("content"), Cancel));
        Assert.Equal("content", Assert.Single(await Home.Store.Range<DiaryPage>().Take(10).Open(Cancel)).Mood);
        Assert.Null(await Home.EraseSubject(_ada, _ => { }, Cancel));
        Assert.Empty(await Home.Store.Range<DiaryPage>().Take(10).Open(Cancel));
        await fixture.Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await fixture.Rows("diary_page"));
    }

    [Fact]
    public async Task A_correction_that_is_done_again_changes_nothing_more()
    {
        var kind = Unit.Administration!.Catalogue.Find("chat.participant")!;
        Assert.Equal(1, await Home.Subjects.Rectify(_ada, kind, "DisplayName", JsonValue.Create("Ada"), Cancel));
        Assert.Equal(0, await Home.Subjects.Rectify(_ada, kind, "DisplayName", JsonValue.Create("Ada"), Cancel));
        Assert.Equal("Ada", (await Home.Store.Get<ChatParticipant>([_thread, _ada], Cancel))!.DisplayName);
        Assert.Equal(2, (await Home.Store.Get<ChatParticipant>([_thread, _ada], Cancel))!.Version);
    }

    [Fact]
    public async Task A_correction_passes_over_what_lies_in_a_thread_that_is_being_removed()
    {
        var kind = Unit.Administration!.Catalogue.Find("chat.participant")!;
        await Commit(b => b.Lock(_thread, ChatProblems.NoThread).Delete<ChatThread>([_thread]));
        Assert.NotNull(await Home.Store.Get<ChatParticipant>([_thread, _ada], Cancel));
        Assert.Equal(0, await Home.Subjects.Rectify(_ada, kind, "DisplayName", JsonValue.Create("Ada"), Cancel));
    }

    private async Task<SubjectRequest> ThroughCrashes(SubjectRequest request, string[] steps, Func<SubjectRequest, bool> isThere)
    {
        foreach (var step in steps)
        {
            await using (var requests = Requests())
            {
                requests.Step = begun => _ = begun == step ? throw new NodeGoneException() : 0;
                await Assert.ThrowsAsync<NodeGoneException>(() => Until(requests, () => false));
            }

            await fixture.Restart(ProductModules.Catalogue());
        }

        await using var last = Requests();
        SubjectRequest? now = null;
        await Until(last, () => isThere((now = last.Find(Home, request.Id, Cancel).AsTask().GetAwaiter().GetResult())!));
        return now!;
    }

    private SubjectRequests Requests()
    {
        var requests = new SubjectRequests(fixture.Clock);
        requests.Prepare([Unit]);
        return requests;
    }

    private async Task Until(SubjectRequests requests, Func<bool> enough)
    {
        var rounds = 0;
        do
        {
            Assert.True(++rounds < 100, "It does not come to that.");
            await requests.CarryOut(Unit, Cancel);
            await fixture.Unit.Housekeeping.Purge(Cancel);
        }
        while (!enough());
    }

    private SubjectRequest Request(SubjectRequestKind kind) => new()
    {
        ResourceId = Home.ResourceId,
        Number = Unit.References.Next<SubjectRequest>().Value,
        Id = Guid.NewGuid(),
        State = SubjectRequestState.Pending,
        CreatedOn = fixture.Clock.GetUtcNow(),
        Kind = kind,
        Reason = "a test asks",
        Role = "privacy",
        Digest = "",
        People = [new RequestedPerson(Identifier.CommunicationUser, "", _ada), new RequestedPerson(Identifier.CommunicationUser, "", SubjectRef.None)],
        Changes = kind == SubjectRequestKind.Rectify ? [new RequestedChange("chat.message", "SenderDisplayName", "\"Ada\"")] : [],
    };

    private async Task<List<AuditEntry>> Completions()
    {
        var entries = new List<AuditEntry>();
        foreach (var day in await Unit.Store.Range<AuditDay>().Take(10).Open(Cancel))
        {
            entries.AddRange((await Unit.Store.Range<AuditEntry>(day.Day).Take(1_000).Open(Cancel)).Where(entry => entry.Act == AuditedAct.SubjectRequestCompleted.Number));
        }

        return entries;
    }

    private async Task<SubjectRef> Person(string name)
    {
        var subject = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{Home.ResourceId}_{name}")], Cancel);
        await Commit(b => b.Insert(new UserAccount { Subject = subject, CreatedOn = fixture.Clock.GetUtcNow(), Revocations = 0 }));
        return subject;
    }

    private Task Say(SubjectRef sender, string text) =>
        Commit(b => b.Lock(_thread, ChatProblems.NoThread).Append(new ChatMessage { Thread = _thread, SealId = Guid.CreateVersion7(), Sender = sender, Content = text, SenderDisplayName = sender == _bo ? "Bo" : "Adda" }));

    private async Task Commit(Action<Batch> build, Home? home = null) => Assert.Null((await (home ?? Home).Store.Commit(build, Cancel)).Refused);

    private sealed class NodeGoneException() : Exception("The node went away.");
}

/// <summary>A module that the product does not have.</summary>
internal sealed class DiaryModule : IModule
{
    public void Describe(Catalogue catalogue) => catalogue.Add<DiaryPage>(DiaryJson.Default);

    public void AddServices(Microsoft.Extensions.DependencyInjection.IServiceCollection services)
    {
    }

    public IEnumerable<Operation> Operations(IServiceProvider services) => [];
}

/// <summary>A page of a diary.</summary>
[Record("diary.page", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
internal sealed record DiaryPage
{
    [Key]
    public required Ref<DiaryPage> Page { get; init; }

    [Owner]
    public required SubjectRef Writer { get; init; }

    [Subject]
    public required SubjectRef About { get; init; }

    [Version]
    public long Version { get; init; }

    public required string Text { get; init; }

    [Rectifiable]
    public string? Mood { get; init; }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(DiaryPage))]
internal sealed partial class DiaryJson : System.Text.Json.Serialization.JsonSerializerContext;
