using Domicile.Modules.Audit;
using Domicile.Modules.Chat;
using Domicile.Modules.Logs;
using Domicile.Modules.Privacy;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules;

[Trait("length", "full")]
public sealed class SqliteSweepCrashTests() : SweepCrashTests(new SqliteFixture());

[Trait("length", "full")]
[Trait("needs", "postgres")]
public sealed class PostgresSweepCrashTests() : SweepCrashTests(new PostgresFixture());

/// <summary>What the housekeeping removes goes once, and nothing else with it, whichever step a node goes away at.</summary>
public abstract class SweepCrashTests(StoreFixture fixture) : IAsyncLifetime
{
    /// <summary>Every step that removes something, with the ones of which a round has several and that are cut off in their middle as well.</summary>
    private static readonly (string Step, int At)[] Steps =
    [
        ("an expired record", 1), ("an expired record", 60), ("a piece of what is old", 1), ("a piece of what is old", 2), ("an unused root", 1), ("an unused root", 2),
        ("a key of what is removed", 1), ("a key of what is removed", 2), ("the rows of what is removed", 1), ("a further piece of what is removed", 1), ("a further piece of what is removed", 2),
        ("a file that nothing names", 1), ("a file whose row went", 1), ("a file whose row went", 2), ("the note of files that went", 1), ("rules of what is gone", 1),
        ("compact after a sweep", 1), ("compact after a removal", 1), ("the feed", 1), ("a further piece of the feed", 1), ("the epoch of the keys", 1),
    ];

    /// <summary>What every start looks for once, whether or not there is anything; what is due and held is looked at and stays.</summary>
    private static readonly string[] Looks = ["a piece of what is old", "an unused root", "rules of what is gone", "the feed"];

    private static readonly AuditNote Note = new(AuditedAct.RuleChanged, "node");

    private readonly List<string> _taken = [];
    private Ref<ChatThread> _aging;
    private Ref<ChatThread> _held;
    private SubjectRef _ada;
    private SubjectRef _bo;
    private SubjectRef _cy;
    private Ref<AuditDay> _heldDay;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => fixture.Home;

    private ScaleUnit Unit => fixture.Unit;

    public async ValueTask InitializeAsync()
    {
        await fixture.Open(ProductModules.Catalogue());
        (_ada, _bo, _cy) = (await Person("ada"), await Person("bo"), await Person("cy"));
        (_aging, _held) = (await Thread(), await Thread());
        Assert.Null((await Home.Rules.Set("chat.message", null, 60, TimeSpan.Zero, Note, Cancel)).Refused);
        Assert.Null((await Home.Rules.Set("chat.message", _held.Value, 30, TimeSpan.Zero, Note, Cancel)).Refused);
        await Task.WhenAll(Enumerable.Range(0, 7).Select(i => Say(_held, $"held {i}")));
        Assert.NotNull((await Home.Holds.OnRoot(Unit.Catalogue.Of<ChatThread>(), _held.Value, new HoldTerms("Case 4711", Now.AddDays(90), Note), Cancel)).Placed);

        // A person's hold keeps what is filed under them, and the day of the log whose entry tells of the hold.
        await Commit(b => b.Insert(new ChatCreation { Person = _cy, RequestId = Guid.NewGuid(), At = Now, Thread = _held }));
        Assert.NotNull((await Home.Holds.OnSubject(_cy, new HoldTerms("Case 4712", Now.AddDays(90), Note), Cancel)).Placed);
        _heldDay = AuditDay.Of(Now);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await fixture.DisposeAsync();
    }

    [Fact]
    public async Task A_sweep_whose_node_goes_away_at_any_step_is_ended_once_after_the_restart()
    {
        await Plant(0);
        for (var i = 0; i <= Steps.Length; i++)
        {
            // All that was there until now is due; what comes now is not.
            fixture.Clock.Turn(TimeSpan.FromDays(402));
            var begun = (await Unit.Engine.FeedEnd(Cancel)).Number;
            var due = await Due();
            await Plant(i + 1);
            _taken.Clear();
            if (i > 0)
            {
                await GoAway(Steps[i - 1].Step, Steps[i - 1].At);
                await Restart();
            }

            await Rounds();
            await Look(i == 0 ? "undisturbed" : $"{Steps[i - 1]}", begun, due);
            if (i == 0)
            {
                Assert.Equal(Steps.Select(step => step.Step).Distinct().Order(), _taken.Distinct().Order());
            }

            // Whoever begins after it has nothing to do.
            await Restart();
            _taken.Clear();
            await Rounds();
            Assert.Equal(Looks, _taken.Distinct().Order());
        }
    }

    private DateTimeOffset Now => fixture.Clock.GetUtcNow();

    /// <summary>Something for every step to remove, once it is 402 days old.</summary>
    private async Task Plant(int round)
    {
        await Task.WhenAll(Enumerable.Range(0, 120).Select(_ => Commit(b => b.Insert(new ChatCreation { Person = _ada, RequestId = Guid.NewGuid(), At = Now, Thread = _aging }))));
        await Task.WhenAll(Enumerable.Range(0, 230).Select(i => Say(_aging, $"aging {round} {i}")));
        var closing = await Thread(Now.AddDays(1));
        await Task.WhenAll(Enumerable.Range(0, 230).Select(i => Say(closing, $"closing {round} {i}")));
        Assert.Null((await Home.Rules.Set("chat.message", closing.Value, 50, TimeSpan.Zero, Note, Cancel)).Refused);
        for (var i = 0; i < 3; i++)
        {
            await Say(await Thread(), $"idle {round}");
            await Export($"export {round} {i}");
        }

        var day = new ChatLogDay { Day = Home.References.Next<ChatLogDay>(), Ends = Now.AddDays(1) };
        await Commit(b =>
        {
            b.Insert(day);
            for (var i = 0; i < 120; i++)
            {
                b.Insert(new ChatLogEntry { Day = day.Day, Entry = Home.References.Next<ChatLogEntry>(), Person = _ada, At = Now, Operation = "ChatThread_SendChatMessage", Status = 201, DurationMs = 1, CorrelationId = $"log {round}" });
            }
        });

        // Of a node that went away between a file and its record.
        await using var writer = (await Home.Blobs.Create(new SubjectExport { Request = Guid.NewGuid(), Person = _ada, ExpiresOn = Now, CreatedOn = Now }, 1_000, Cancel))!;
        await writer.Write("nobody's"u8.ToArray(), Cancel);
        await writer.Complete(Cancel);
        await Commit(b => b.Audit(new AuditNote(AuditedAct.TokensRevoked, "administrator") { Reason = $"act {round}" }));
        using var log = await GeographyAudit.Open(Unit.Own, fixture.Clock, NullLogger.Instance, Cancel);
        await log.Advance(now: true, Cancel);
    }

    /// <summary>The records that are to be deleted one by one, each of which is told in the feed.</summary>
    private async Task<List<string>> Due()
    {
        var due = new List<string>();
        foreach (var kind in (RecordKind[])[Of<ChatCreation>(), Of<ChatThread>(), Of<ChatLogDay>(), Of<SubjectExport>(), Of<AuditDay>(), Of<StoredCheckpoint>()])
        {
            for (ColumnValue[]? after = null; await Unit.Engine.Scan(kind, after, 500, Cancel) is { Count: > 0 } rows; after = rows[^1].Place)
            {
                due.AddRange(rows.Select(row => Name(kind, [.. kind.KeyColumns.Select(column => row.Row.Values[column])])));
            }
        }

        // Less what stays: what lives on, and what is held.
        var creation = (await Home.Store.Range<ChatCreation>(ColumnValue.Of(_cy.Value)).Take(10).Open(Cancel)).Single();
        foreach (var (kind, key) in ((RecordKind, ColumnValue[])[])[(Of<ChatThread>(), [_aging]), (Of<ChatThread>(), [_held]), (Of<ChatCreation>(), [_cy, creation.RequestId]), (Of<AuditDay>(), [_heldDay])])
        {
            Assert.True(due.Remove(Name(kind, key)), kind.Name);
        }

        return due;

        RecordKind Of<T>()
            where T : class => Unit.Catalogue.Of<T>();
    }

    private async Task Look(string step, long begun, List<string> due)
    {
        // Each went once, by a deletion of its own.
        var deleted = new List<string>();
        for (FeedPage page; (page = await Unit.Engine.ReadFeed(begun, 1_000, Cancel)).Last > begun; begun = page.Last)
        {
            deleted.AddRange(page.Entries.Where(entry => entry.Change == Change.Deleted).Select(entry => Name(entry.Kind, entry.Key)));
        }

        Assert.True(
            due.Order(StringComparer.Ordinal).SequenceEqual(deleted.Order(StringComparer.Ordinal)),
            $"{step}: {deleted.Count} were told as deleted, {deleted.Distinct().Count()} records, and {due.Count} were due. Not deleted: {string.Join(", ", due.Except(deleted))}. Not due: {string.Join(", ", deleted.Except(due))}.");

        // What is there is what was planted last, and what is held; and all of it opens.
        Assert.Equal((step, 120L, 1L), (step, await fixture.Rows("chat_creation", $"person = {_ada.Value}"), await fixture.Rows("chat_creation", $"person = {_cy.Value}")));
        Assert.Equal((step, 6L), (step, await fixture.Rows("chat_thread")));
        Assert.Equal((step, 12L), (step, await fixture.Rows("chat_participant")));
        var messages = new Dictionary<string, int>();
        foreach (var thread in await Home.Store.Range<ChatThread>().Take(100).Open(Cancel))
        {
            foreach (var message in await Home.Store.Range<ChatMessage>(thread.Key).Take(1_000).Open(Cancel))
            {
                var text = message.Content!.Split(' ') switch { ["held", ..] => "held", var words => $"{words[0]} {words[1]}" };
                messages[text] = messages.GetValueOrDefault(text) + 1;
            }
        }

        var round = messages.Keys.Single(text => text.StartsWith("aging", StringComparison.Ordinal)).Split(' ')[1];
        Assert.Equal(new Dictionary<string, int> { ["held"] = 7, [$"aging {round}"] = 230, [$"closing {round}"] = 230, [$"idle {round}"] = 3 }, messages);
        Assert.Equal((step, 470L, 6L), (step, await fixture.Rows("chat_message"), await fixture.Rows("chat_message_head")));
        Assert.Equal((step, 1L, 120L), (step, await fixture.Rows("logs_chatday"), await fixture.Rows("logs_chatoperation")));
        Assert.Equal((step, 2L), (step, await fixture.Rows("storage_rootretention")));
        var exports = await Home.Store.Range<SubjectExport>().Take(100).Open(Cancel);
        Assert.Equal((step, 3), (step, exports.Count));
        foreach (var export in exports)
        {
            await using var file = (await Home.Blobs.Open(export, Cancel))!;
            Assert.NotNull(file);
        }

        // The files are those of the records, and the newest that no record names yet.
        Assert.Equal((step, 4), (step, Directory.EnumerateFiles(Path.Combine(fixture.Directory, "blobs"), "*", SearchOption.AllDirectories).Count()));
        Assert.Equal((step, 0L), (step, await fixture.Rows("engine_purge")));
        Assert.Empty(await Unit.Engine.GoneBlobs(10, Cancel));

        // Keys are there for what is there, and for nothing else.
        var keys = (await Unit.KeyStore.OfResource(Home.Resource.Number, Cancel)).Concat(await Unit.KeyStore.OfResource(0, Cancel)).ToLookup(key => key.Scope);
        Assert.Equal((step, 6, 1, 3, 2), (step, keys["chat.thread"].Count(), keys["logs.chatDay"].Count(), keys[KeyName.Subject].Count(), keys["audit.day"].Count()));

        // The log goes on; of days that went it keeps the proof and nobody's words.
        Assert.Equal(2, (await Unit.Own.Store.Range<AuditDay>().Take(10).Open(Cancel)).Count);
        Assert.Single(await Unit.Own.Store.Range<AuditEntry>(AuditDay.Of(Now)).Take(1_000).Open(Cancel), entry => entry.Content!.Contains($"act {round}", StringComparison.Ordinal));
        var current = (await AuditSequencer.Current(Unit.Own, Cancel))!;
        var tree = new AuditTree(Unit.Own, current.Number);
        Assert.True(current.Size > int.Parse(round, System.Globalization.CultureInfo.InvariantCulture) * 2);
        var root = await tree.Root(current.Size, Cancel);
        Assert.True(MerkleProof.IsIncluded(
            (await Unit.Own.Store.Get<AuditTile>([current.Number, 0, 0], Cancel))!.HashOf(0), 0, current.Size, await tree.Inclusion(0, current.Size, Cancel), root));

        // And the measure of what is overdue says so.
        Assert.All(await Unit.Administration.Oldest(Cancel), record => Assert.Equal((step, record.Kind, TimeSpan.Zero), (step, record.Kind, record.Overdue)));
    }

    /// <summary>Works until the step comes for the so-manieth time.</summary>
    private async Task GoAway(string step, int at)
    {
        Unit.Housekeeping.Step = begun => _ = begun == step && --at == 0 ? throw new NodeGoneException() : 0;
        await Assert.ThrowsAsync<NodeGoneException>(async () =>
        {
            for (var i = 0; i < 3; i++)
            {
                await Unit.Housekeeping.Round(Cancel);
            }
        });
    }

    private async Task Restart()
    {
        await fixture.Restart(ProductModules.Catalogue());
        Unit.Housekeeping.Step = _taken.Add;
    }

    /// <summary>As the background does: it is woken again by what it deleted itself.</summary>
    private async Task Rounds()
    {
        Unit.Housekeeping.Step = _taken.Add;
        await Unit.Housekeeping.Round(Cancel);
        await Unit.Housekeeping.Round(Cancel);
    }

    private async Task Export(string content)
    {
        var export = new SubjectExport { Request = Guid.NewGuid(), Person = _ada, ExpiresOn = Now.AddDays(30), CreatedOn = Now };
        await using var writer = (await Home.Blobs.Create(export, 1_000, Cancel))!;
        await writer.Write(System.Text.Encoding.UTF8.GetBytes(content), Cancel);
        export = export with { File = await writer.Complete(Cancel) };
        await Commit(b => b.Insert(export));
    }

    private async Task<SubjectRef> Person(string name) => await Home.AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{Home.ResourceId}_{name}")], Cancel);

    private async Task<Ref<ChatThread>> Thread(DateTimeOffset? deleteOn = null)
    {
        var thread = new ChatThread { Key = Home.References.Next<ChatThread>(), PublicId = $"19:{Guid.NewGuid():N}@thread.v2", CreatedOn = Now, Topic = "what they share", CreatedBy = _ada, DeleteOn = deleteOn };
        await Commit(b => b.Insert(thread).Insert(new ChatParticipant { Thread = thread.Key, Person = _ada, AddedOn = Now }).Insert(new ChatParticipant { Thread = thread.Key, Person = _bo, AddedOn = Now }));
        return thread.Key;
    }

    private Task Say(Ref<ChatThread> thread, string text) =>
        Commit(b => b.Lock(thread, ChatProblems.NoThread).Append(new ChatMessage { Thread = thread, SealId = Guid.CreateVersion7(), Sender = _ada, Content = text }));

    private async Task Commit(Action<Batch> build) => Assert.Null((await Home.Store.Commit(build, Cancel)).Refused);

    private static string Name(RecordKind kind, IEnumerable<ColumnValue> key) =>
        $"{kind.Name} {string.Join('/', key.Select(value => value.Bytes is { } bytes ? Convert.ToHexString(bytes) : value.Text ?? $"{value.Number}"))}";

    private sealed class NodeGoneException() : Exception("The node went away.");
}
