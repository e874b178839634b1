using Domicile.Modules.Audit;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules;

public sealed class AuditLogTests : IAsyncLifetime
{
    private AuditPlace _place = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _place = await AuditPlace.Open();

    public ValueTask DisposeAsync() => _place.DisposeAsync();

    [Fact]
    public async Task An_act_is_in_the_log_with_who_what_where_and_why()
    {
        var (actor, person) = (await _place.Person(), await _place.Person());
        var note = new AuditNote(AuditedAct.KeyRegenerated, "administrator")
        {
            Actor = actor,
            Person = person,
            Role = "owner",
            Credential = "token",
            Resource = _place.Home.ResourceId,
            Request = "request",
            Reason = "a \"reason\"",
            Detail = "Primary",
        };
        Assert.Null((await _place.Home.Store.Commit(b => b.Audit(note), Cancel)).Refused);
        await _place.Audit.Advance(now: true, Cancel);

        var entry = Assert.Single(await _place.Entries()).Entry!;
        Assert.Equal(
            $$"""{"by":"administrator","actor":"{{actor.Value:x16}}","role":"owner","credential":"token","resource":"{{_place.Home.ResourceId}}","person":"{{person.Value:x16}}","request":"request","reason":"a \"reason\"","detail":"Primary","geography":"Europe","node":"{{Environment.MachineName}}"}""",
            entry.Content);
        Assert.Equal((actor, person, AuditedAct.KeyRegenerated.Number, _place.Clock.GetUtcNow()), (entry.Actor, entry.Person, entry.Act, entry.At));
        Assert.Equal(entry.Commitment, AuditLeaf.Commit(entry.Salt, entry.Content!));
        await _place.AssertProved();
    }

    [Fact]
    public async Task Entries_get_their_places_in_the_order_of_the_feed_and_old_checkpoints_stay_provable()
    {
        var checkpoints = new List<AuditCheckpoint>();
        for (var round = 0; round < 14; round++)
        {
            for (var i = 0; i < 25; i++)
            {
                Assert.Null((await _place.Act($"{round}/{i}")).Refused);
                Assert.Null((await _place.Write($"kind.{round}.{i}")).Refused);
            }

            checkpoints.Add(Read((await _place.Audit.Advance(now: true, Cancel)).Newest!));
        }

        var entries = await _place.Entries();
        Assert.Equal(700, entries.Count);
        Assert.Equal(
            Enumerable.Range(0, 350).Select(i => $"{i / 25}/{i % 25}"),
            entries.Where(entry => entry.Entry is not null).Select(entry => System.Text.Json.JsonElement.Parse(entry.Entry!.Content!).GetProperty("reason").GetString()));
        await _place.AssertProved();
        var tree = new AuditTree(_place.Own, 1);
        foreach (var (before, after) in checkpoints.SelectMany(before => checkpoints.Where(after => after.Size >= before.Size).Select(after => (before, after))))
        {
            Assert.True(MerkleProof.IsContinued(before.Size, before.Root, after.Size, after.Root, await tree.Consistency(before.Size, after.Size, Cancel)));
        }
    }

    [Fact]
    public async Task A_batch_is_audited_by_the_digest_of_what_it_wrote_and_says_where_that_lies()
    {
        Assert.Null((await _place.Write("a.kind")).Refused);
        await _place.Audit.Advance(now: true, Cancel);

        var (leaf, key, _) = Assert.Single(await _place.Entries());
        var group = (await _place.Own.Store.Get<AuditGroup>([key.Day, key.Entry], Cancel))!;
        var record = Assert.Single(group.ReadRecords());
        Assert.Equal(("storage.retention", _place.Home.Resource.Number), (record.Kind, record.Resource));
        Assert.Equal(leaf, group.Leaf(0).Hash());
        var payload = await _place.Home.Store.Query(
            async (connection, cancel) =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT payload FROM storage_retention";
                return (byte[])(await command.ExecuteScalarAsync(cancel))!;
            },
            Cancel);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(payload), group.Leaf(0).Commitment);
    }

    [Fact]
    public async Task Acts_that_had_no_place_when_the_server_died_get_it_afterwards_once()
    {
        await _place.Act("before");
        await _place.Audit.Advance(now: false, Cancel);
        await _place.Act("between");
        await _place.Write("between");
        await _place.Reopen();
        await _place.Audit.Advance(now: false, Cancel);
        await _place.Reopen();
        await _place.Audit.Advance(now: false, Cancel);

        Assert.Equal(3, (await _place.Entries()).Count);
        await _place.AssertProved();
    }

    [Fact]
    public async Task Sequencers_that_race_give_every_entry_one_place()
    {
        using var second = await GeographyAudit.Open(_place.Own, _place.Clock, NullLogger.Instance, Cancel);
        using var third = await GeographyAudit.Open(_place.Own, _place.Clock, NullLogger.Instance, Cancel);
        var acting = Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 60; i++)
            {
                Assert.Null((await _place.Act($"{writer}/{i}")).Refused);
                Assert.Null((await _place.Write($"kind.{writer}.{i}")).Refused);
            }
        })));
        await Task.WhenAll(new[] { _place.Audit, second, third }.Select(audit => Task.Run(async () =>
        {
            while (!acting.IsCompleted)
            {
                try
                {
                    await audit.Sequencer.CatchUp(Cancel);
                }
                catch (OvertakenException)
                {
                    // The others were faster eight times in a row; the background work would try again, and so does this.
                }
            }
        })));
        await acting;
        await _place.Audit.Sequencer.CatchUp(Cancel);

        Assert.Equal(960, (await _place.Entries()).Count);
        await _place.AssertProved();
    }

    [Theory]
    [InlineData("audit_entry")]
    [InlineData("audit_group")]
    public async Task When_the_audit_cannot_be_written_the_act_is_refused_and_nothing_is_changed(string table)
    {
        await _place.Act();
        await _place.Write("before");
        _place.Tamper($"ALTER TABLE {table} RENAME TO elsewhere");
        var note = new AuditNote(AuditedAct.RuleChanged, "node");
        var refused = table == "audit_entry"
            ? await _place.Home.Store.Commit(b => b.Insert(new RetentionRule { Kind = "x", Days = 1 }).Audit(note), Cancel)
            : await _place.Write("x");
        Assert.Equal(StorageProblems.Unavailable, refused.Refused);
        Assert.Null(await _place.Home.Store.Get<RetentionRule>([ColumnValue.Of("x")], Cancel));

        // What is not audited goes on meanwhile, and the act goes through when the log takes it again.
        Assert.Null((await _place.Home.Store.Commit(b => b.Insert(new RetentionRule { Kind = "y", Days = 1 }), Cancel)).Refused);
        _place.Tamper($"ALTER TABLE elsewhere RENAME TO {table}");
        Assert.Null((await _place.Write("x")).Refused);
    }

    [Fact]
    public async Task An_act_that_is_refused_has_no_entry()
    {
        Assert.Null((await _place.Write("taken")).Refused);
        Assert.Equal(StorageProblems.Exists, (await _place.Write("taken")).Refused);
        var refused = await _place.Home.Store.Commit(b => b.Insert(new RetentionRule { Kind = "taken", Days = 2 }).Audit(new AuditNote(AuditedAct.RuleChanged, "node")), Cancel);
        Assert.Equal(StorageProblems.Exists, refused.Refused);
        await _place.Audit.Advance(now: true, Cancel);
        Assert.Single(await _place.Entries());
    }

    [Fact]
    public async Task Erasing_who_acted_takes_who_and_what_and_leaves_every_proof()
    {
        var (gone, stays) = (await _place.Person(), await _place.Person());
        await _place.Act("of the one who goes", gone);
        await _place.Act("of the one who stays", stays);
        var before = Read((await _place.Audit.Advance(now: true, Cancel)).Newest!);
        Assert.Null(await _place.Home.EraseSubject(gone, b => b.Audit(new AuditNote(AuditedAct.IdentityErased, "application") { Person = gone }), Cancel));

        for (var afterwards = 0; afterwards < 2; afterwards++)
        {
            // At once, by the key; then by the row.
            await _place.Audit.Advance(now: true, Cancel);
            var entries = await _place.Entries();
            Assert.Null(entries[0].Entry!.Content);
            Assert.Null(entries[0].Entry!.Salt);
            Assert.NotNull(entries[0].Entry!.ErasedOn);
            Assert.Equal(entries[0].Leaf, entries[0].Entry!.Leaf.Hash());
            Assert.NotNull(entries[1].Entry!.Content);
            Assert.NotNull(entries[2].Entry!.Content);
            await _place.AssertProved();
            var tree = new AuditTree(_place.Own, 1);
            Assert.True(MerkleProof.IsContinued(2, before.Root, 3, await tree.Root(3, Cancel), await tree.Consistency(2, 3, Cancel)));
            await _place.Unit.Housekeeping.Purge(Cancel);
        }

        Assert.Equal(StorageProblems.Gone, (await _place.Act("after the erasure", gone)).Refused);
    }

    [Fact]
    public async Task A_resource_that_is_deleted_leaves_its_entries()
    {
        await _place.Act("in the resource");
        await _place.Own.Administration!.Remove(_place.Home, Cancel);
        await _place.Unit.Housekeeping.Purge(Cancel);
        await _place.Audit.Advance(now: true, Cancel);
        Assert.Contains("in the resource", Assert.Single(await _place.Entries()).Entry!.Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_their_age_who_and_what_are_gone_and_the_log_stays()
    {
        await _place.Act();
        await _place.Write("a.kind");
        await _place.Audit.Advance(now: true, Cancel);
        _place.Clock.Turn(TimeSpan.FromDays(399));
        await _place.Unit.Housekeeping.Sweep(Cancel);
        await _place.Unit.Housekeeping.Purge(Cancel);
        Assert.NotNull((await _place.Entries())[0].Entry);

        _place.Clock.Turn(TimeSpan.FromDays(2));
        await _place.Unit.Housekeeping.Sweep(Cancel);
        await _place.Unit.Housekeeping.Purge(Cancel);
        var entries = await _place.Entries();
        Assert.Null(entries[0].Entry);
        Assert.Null(await _place.Own.Store.Get<AuditGroup>([entries[1].Key.Day, entries[1].Key.Entry], Cancel));
        await _place.Act("of today");
        await _place.Audit.Advance(now: true, Cancel);
        await _place.AssertProved();
    }

    [Fact]
    public async Task Entries_whose_place_in_the_feed_was_trimmed_are_found_in_their_table()
    {
        await _place.Act("placed");
        await _place.Write("placed");
        await _place.Audit.Sequencer.CatchUp(Cancel);
        await _place.Act("missed");
        await _place.Write("missed");
        await _place.Unit.Engine.TrimFeed(_place.Clock.GetUtcNow().AddDays(1), 1_000, Cancel);
        await _place.Act("told of");
        await _place.Audit.Sequencer.CatchUp(Cancel);

        Assert.Equal(5, (await _place.Entries()).Count);
        await _place.AssertProved();
    }

    [Fact]
    public async Task A_store_that_is_put_back_from_a_copy_begins_a_log_that_names_the_one_it_continues()
    {
        await _place.Act("in the copy");
        var copied = (await _place.Audit.Advance(now: true, Cancel)).Log;
        byte[]? copy = null;
        await _place.Reopen(directory => copy = File.ReadAllBytes(Path.Combine(directory, "data.db")));
        await _place.Act("lost with the disk");
        await _place.Act("lost with the disk too");
        var lost = Read((await _place.Audit.Advance(now: true, Cancel)).Newest!);
        await _place.Reopen(directory => File.WriteAllBytes(Path.Combine(directory, "data.db"), copy!));
        await _place.Act("after the restore");

        var (log, newest) = await _place.Audit.Advance(now: true, Cancel);

        Assert.Equal(2, log.Number);
        Assert.NotEqual(copied.Origin, log.Origin);
        var checkpoint = Read(newest!);
        Assert.Equal((lost.Origin, lost.Size), (checkpoint.Continues!.Origin, checkpoint.Continues.Size));
        Assert.Equal(lost.Root, checkpoint.Continues.Root);
        Assert.Equal(["log.continued"], (await _place.Entries()).Select(entry => AuditedAct.NameOf(entry.Entry!.Act)));
        await _place.AssertProved();
    }

    [Fact]
    public async Task A_feed_of_another_epoch_begins_a_log_with_what_had_no_place_yet()
    {
        await _place.Act("placed");
        var before = Read((await _place.Audit.Advance(now: true, Cancel)).Newest!);
        await _place.Act("without a place");
        _place.Clock.Turn(TimeSpan.FromSeconds(1));
        await _place.Reopen(_ => _place.Tamper("UPDATE engine_setting SET value = '77' WHERE name = 'epoch'"));

        var checkpoint = Read((await _place.Audit.Advance(now: true, Cancel)).Newest!);

        Assert.Equal(before.Origin, checkpoint.Continues!.Origin);
        Assert.Equal(["tokens.revoked", "log.continued"], (await _place.Entries()).Select(entry => AuditedAct.NameOf(entry.Entry!.Act)));
        await _place.AssertProved();
    }

    [Fact]
    public async Task A_checkpoint_is_signed_when_it_is_time_by_the_log_and_its_witness()
    {
        Assert.Null((await _place.Audit.Advance(now: true, Cancel)).Newest);
        await _place.Act();
        var (log, first) = await _place.Audit.Advance(now: false, Cancel);
        Assert.True(SignedNote.TryParse(first!.Note, out var note));
        Assert.True(_place.Audit.KeyOf(log).HasSigned(note));
        Assert.True(_place.Other.AsWitness.Key.HasSigned(note));
        Assert.False(_place.Other.KeyOf(log).HasSigned(note));

        await _place.Act();
        Assert.Equal(1, (await _place.Audit.Advance(now: false, Cancel)).Newest!.Size);
        _place.Clock.Turn(GeographyAudit.CheckpointEvery);
        Assert.Equal(2, (await _place.Audit.Advance(now: false, Cancel)).Newest!.Size);
        _place.Clock.Turn(TimeSpan.FromHours(1));
        Assert.Equal(2, (await _place.Audit.Advance(now: true, Cancel)).Newest!.Size);
    }

    [Fact]
    public async Task A_witness_does_not_sign_what_does_not_continue_what_it_has_seen()
    {
        await _place.Act();
        await _place.Act();
        var (log, newest) = await _place.Audit.Advance(now: true, Cancel);
        var (witness, key) = (_place.Other.AsWitness, _place.Audit.KeyOf(log));
        using var signer = new NoteSigner(log.Origin, await _place.Own.Secret("audit log", Cancel));
        var forked = new AuditCheckpoint(log.Origin, 3, MerkleHash.Empty, _place.Clock.GetUtcNow()).ToText();
        Assert.Null(await witness.Sign(new SignedNote(forked, [signer.Sign(forked)]), key, [], Cancel));
        var shorter = new AuditCheckpoint(log.Origin, 1, await new AuditTree(_place.Own, 1).Root(1, Cancel), _place.Clock.GetUtcNow()).ToText();
        Assert.Null(await witness.Sign(new SignedNote(shorter, [signer.Sign(shorter)]), key, [], Cancel));
        Assert.True(SignedNote.TryParse(newest!.Note, out var same));
        Assert.Null(await witness.Sign(new SignedNote(same.Text, []), key, [], Cancel));
        Assert.NotNull(await witness.Sign(same, key, [], Cancel));
    }

    [Fact]
    public async Task Refused_requests_make_one_entry_for_each_minute_and_reason_however_many_they_are()
    {
        var refused = new RefusedRequests(_place.Clock);
        var (one, two) = (new Problem("/problems/test/one", 401, "No."), new Problem("/problems/test/two", 403, "No."));
        for (var i = 0; i < 1_000; i++)
        {
            refused.Count(_place.Own.Geography, _place.Home.ResourceId, one);
            refused.Count(_place.Own.Geography, null, two);
        }

        await refused.Write(_place.Own, all: false, Cancel);
        _place.Clock.Turn(TimeSpan.FromMinutes(1));
        _place.Tamper("ALTER TABLE audit_entry RENAME TO elsewhere");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => refused.Write(_place.Own, all: false, Cancel));
        _place.Tamper("ALTER TABLE elsewhere RENAME TO audit_entry");
        refused.Count(_place.Own.Geography, null, two);
        _place.Clock.Turn(TimeSpan.FromMinutes(1));
        await refused.Write(_place.Own, all: false, Cancel);
        await refused.Write(_place.Own, all: true, Cancel);
        await _place.Audit.Advance(now: true, Cancel);

        var contents = (await _place.Entries()).Select(entry => entry.Entry!.Content!).ToList();
        Assert.Equal(2, contents.Count);
        Assert.Contains(contents, content => content.Contains("\"detail\":\"401 /problems/test/one\",\"count\":1000", StringComparison.Ordinal));
        Assert.Contains(contents, content => content.Contains("\"detail\":\"403 /problems/test/two\",\"count\":1001", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Strangers_cannot_fill_the_log_with_reasons()
    {
        var refused = new RefusedRequests(_place.Clock);
        for (var i = 0; i < 5_000; i++)
        {
            refused.Count(_place.Own.Geography, Guid.NewGuid(), new Problem("/problems/test/one", 401, "No."));
        }

        await refused.Write(_place.Own, all: true, Cancel);
        await _place.Audit.Advance(now: true, Cancel);
        var entries = await _place.Entries();
        Assert.Equal(RefusedRequests.KeysMax + 1, entries.Count);
        Assert.Equal(5_000, entries.Sum(entry => System.Text.Json.JsonElement.Parse(entry.Entry!.Content!).GetProperty("count").GetInt64()));
    }

    private static AuditCheckpoint Read(StoredCheckpoint stored)
    {
        Assert.True(SignedNote.TryParse(stored.Note, out var note));
        Assert.True(AuditCheckpoint.TryParse(note.Text, out var checkpoint));
        return checkpoint;
    }
}
