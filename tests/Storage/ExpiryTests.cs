using System.Diagnostics.Metrics;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class SqliteExpiryTests() : ExpiryTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresExpiryTests() : ExpiryTests(new PostgresFixture());

public abstract class ExpiryTests(StoreFixture fixture) : StoreTests(fixture)
{
    [Fact]
    public async Task What_has_reached_its_age_is_swept_and_nothing_younger()
    {
        var person = await Person();
        await Commit(b => b.Insert(new Visit { Key = new(1), Visitor = person, At = Clock.GetUtcNow() }));
        Clock.Turn(TimeSpan.FromHours(12));
        await Commit(b => b.Insert(new Visit { Key = new(2), Visitor = person, At = Clock.GetUtcNow() }).Insert(new OptOut { Person = person, At = Clock.GetUtcNow() }));
        Clock.Turn(TimeSpan.FromHours(12) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        Clock.Turn(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal([2L], (await Store.Range<Visit>().Open(Cancel)).Select(visit => visit.Key.Value));
        Clock.Turn(TimeSpan.FromDays(29));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        Assert.NotNull(await Store.Get<OptOut>([person], Cancel));
        Clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Null(await Store.Get<OptOut>([person], Cancel));
    }

    [Fact]
    public async Task A_stored_date_ends_a_record_and_no_date_never_does()
    {
        var closing = await Room("closing", Clock.GetUtcNow().AddDays(2));
        var open = await Room("open");
        var person = await Join(closing);
        await Say(closing, person, "x");
        Clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        Clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(1, await Unit.Housekeeping.Sweep(Cancel));
        await Unit.Housekeeping.Purge(Cancel);
        Clock.Turn(TimeSpan.FromDays(10_000));
        Assert.Equal(0, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal(open, Assert.Single(await Store.Range<Room>().Open(Cancel)).Key);
        Assert.Equal(0, await Fixture.Rows("test_line") + await Fixture.Rows("test_member"));
    }

    [Fact]
    public async Task A_sweep_of_many_takes_several_pieces_and_tells_each_in_the_feed()
    {
        var person = await Person();
        await Commit(b =>
        {
            for (var i = 1; i <= 1_100; i++)
            {
                b.Insert(new Visit { Key = new(i), Visitor = person, At = Clock.GetUtcNow() });
            }
        });
        Clock.Turn(TimeSpan.FromDays(1));
        var told = new List<FeedEntry>();
        Store.Feed.Observe(told.AddRange);
        Assert.Equal(1_100, await Unit.Housekeeping.Sweep(Cancel));
        Assert.Equal(Enumerable.Range(1, 1_100).Select(i => (long)i), told.Select(entry => entry.Key[0].Number).Order());
        Assert.All(told, entry => Assert.Equal(Change.Deleted, entry.Change));
    }

    [Fact]
    public async Task The_background_sweeps_when_the_clock_says_so()
    {
        var room = await Room(closesOn: Clock.GetUtcNow().AddHours(1));
        await Join(room);
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Store.Feed.Observe(entries =>
        {
            if (entries.Any(entry => entry.Change == Change.Deleted && entry.Kind.ClrType == typeof(Room)))
            {
                closed.TrySetResult();
            }
        });
        Unit.Housekeeping.Start();
        while (!closed.Task.IsCompleted)
        {
            Clock.Turn(TimeSpan.FromMinutes(1));
            await Task.Yield();
        }

        Assert.True(Clock.GetUtcNow() >= new DateTimeOffset(2026, 3, 1, 9, 0, 0, TimeSpan.Zero));
        while (await Fixture.Rows("test_member") + await Fixture.Rows("engine_purge") > 0)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public async Task A_sweep_that_fails_is_seen_by_how_long_the_oldest_record_is_overdue()
    {
        using var listener = new MeterListener { InstrumentPublished = (instrument, listener) => _ = instrument.Meter == Unit.Housekeeping.Meter ? Enable(instrument, listener) : 0 };
        var overdue = new Dictionary<string, double>();
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) => overdue[(string)tags[0].Value!] = value);
        listener.Start();
        await Commit(b => b.Insert(new Visit { Key = new(1), Visitor = SubjectRef.None, At = Clock.GetUtcNow() }));
        await Unit.Housekeeping.Round(Cancel);
        Assert.Equal(0, Told()["test.visit"]);

        Clock.Turn(TimeSpan.FromDays(3));
        Unit.Housekeeping.Step = step => _ = step == "an expired record" ? throw new InvalidOperationException("It fails.") : 0;
        await Assert.ThrowsAsync<InvalidOperationException>(() => Unit.Housekeeping.Round(Cancel));
        Assert.Equal(TimeSpan.FromDays(2).TotalSeconds, Told()["test.visit"]);
        Clock.Turn(TimeSpan.FromHours(1));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Unit.Housekeeping.Round(Cancel));
        Assert.Equal(TimeSpan.FromHours(49).TotalSeconds, Told()["test.visit"]);

        // Once it works again, it is said at once.
        Unit.Housekeeping.Step = null;
        await Unit.Housekeeping.Round(Cancel);
        Assert.DoesNotContain("test.visit", Told().Keys);

        Dictionary<string, double> Told()
        {
            overdue.Clear();
            listener.RecordObservableInstruments();
            return overdue;
        }

        static int Enable(Instrument instrument, MeterListener listener)
        {
            listener.EnableMeasurementEvents(instrument);
            return 1;
        }
    }

    [Fact]
    public async Task The_background_turns_the_epoch_of_the_keys_and_trims_the_feed()
    {
        await Room();
        Assert.Equal(1, Unit.Provider.CurrentEpoch);
        Clock.Turn(TimeSpan.FromDays(8));
        Unit.Housekeeping.Start();
        while (Unit.Provider.Epochs is not [2] || await Fixture.Rows("engine_feed") > 0)
        {
            await Task.Yield();
        }

        Assert.Equal("a topic", Assert.Single(await Store.Range<Room>().Open(Cancel)).Topic);
    }
}
