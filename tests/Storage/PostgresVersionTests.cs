using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;

namespace Domicile.Tests.Storage;

/// <summary>A node of the version before still runs while one of a newer version brings the store to its catalogue.</summary>
[Trait("needs", "postgres")]
public sealed class PostgresVersionTests : StoreTests
{
    private readonly PostgresFixture _fixture;

    public PostgresVersionTests()
        : this(new PostgresFixture())
    {
    }

    private PostgresVersionTests(PostgresFixture fixture)
        : base(fixture)
    {
        _fixture = fixture;
    }

    private static Catalogue Old() => new Catalogue().Add<Versions.Old.Note>(Versions.NoteJson.Default).Close();

    private static Catalogue New() => new Catalogue().Add<Versions.New.Note>(Versions.NoteJson.Default).Close();

    public override async ValueTask InitializeAsync() => await Fixture.Open(Old());

    [Fact]
    public async Task Everything_that_the_older_node_acknowledged_is_there_and_from_the_migration_on_it_acknowledges_nothing()
    {
        var person = await Person();
        await Commit(b => b.Insert(new Versions.Old.Note { Key = 1, Writer = person, Title = "first", Text = "0" }));
        var (last, newest) = (0L, 1L);
        using var enough = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            var note = (await Store.Get<Versions.Old.Note>([1], Cancel))!;
            while (!enough.IsCancellationRequested)
            {
                var outcome = await Store.Commit(b => b.Put(note with { Text = $"{last + 1}" }), Cancel);
                if (outcome.Refused is not null)
                {
                    return outcome.Refused;
                }

                last++;
                note = note with { Version = ++newest };
            }

            return null;
        });
        await StoreFixture.Until(() => Volatile.Read(ref last) > 20);
        await using var newer = await _fixture.OpenAnother(New());
        await enough.CancelAsync();
        Assert.Equal(StorageProblems.Unavailable, await writing);

        var home = (await newer.Administration.Find(Home.ResourceId, Cancel))!;
        var found = (await home.Store.Get<Versions.New.Note>([1], Cancel))!;
        Assert.Equal(($"{last}", newest, 0L), (found.Text, found.Version, found.Rank));
        Assert.Null((await home.Store.Commit(b => b.Put(found with { Rank = 5, Mood = "good" }), Cancel)).Refused);

        // The older one says so, and does nothing: not what the newer one has written over, nor anything else.
        Assert.False((await Unit.Check(Cancel)).IsReady);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Store.Get<Versions.Old.Note>([1], Cancel));
        Assert.Equal(StorageProblems.Unavailable, await Refuse(b => b.Insert(new Versions.Old.Note { Key = 2, Writer = person, Title = "second", Text = "late" })));
        Assert.False(await Lease());
        var after = (await home.Store.Get<Versions.New.Note>([1], Cancel))!;
        Assert.Equal((5L, "good"), (after.Rank, after.Mood));

        // It does not come back either.
        var fault = await Assert.ThrowsAsync<SchemaMismatchException>(() => Fixture.Restart(Old()));
        Assert.Contains("newer version", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removal_is_left_to_the_node_that_knows_every_kind()
    {
        var person = await Person();
        await using var newer = await _fixture.OpenAnother(new Catalogue().Add<Versions.Old.Note>(Versions.NoteJson.Default).Add<Letter>(TestJson.Default).Close());
        var home = (await newer.Administration.Find(Home.ResourceId, Cancel))!;
        Assert.Null((await home.Store.Commit(b => b.Insert(new Letter { Key = new Ref<Letter>(1), Writer = person, Text = "of a kind that is new" }), Cancel)).Refused);
        Assert.Null(await home.EraseSubject(person, _ => { }, Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Unit.Housekeeping.Purge(Cancel));
        await newer.Housekeeping.Purge(Cancel);
        Assert.NotNull((await home.Store.Get<Letter>([new Ref<Letter>(1)], Cancel))!.ErasedOn);
    }

    [Fact]
    public async Task A_node_of_the_same_version_stops_nobody()
    {
        await using var same = await _fixture.OpenAnother(Old());
        await Commit(b => b.Insert(new Versions.Old.Note { Key = 1, Writer = Domicile.Residency.SubjectRef.None, Title = "first", Text = "goes on" }));
        Assert.True((await Unit.Check(Cancel)).IsReady);
    }

    private async Task<bool> Lease()
    {
        try
        {
            return await Unit.Engine.Lease("any", TimeSpan.FromSeconds(1), Cancel);
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }
}
