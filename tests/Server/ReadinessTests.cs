using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

public sealed class ReadinessTests
{
    private static readonly Geography Europe = Geography.Parse("Europe");
    private readonly ManualClock _clock = new();
    private readonly Readiness _readiness;
    private ScaleUnitHealth _health = new(IsWritable: true, TimeSpan.Zero);
    private int _asked;

    public ReadinessTests()
    {
        _readiness = new Readiness(_clock);
        _readiness.Set(true);
    }

    private ValueTask<ScaleUnitHealth> Check(CancellationToken cancel)
    {
        Interlocked.Increment(ref _asked);
        return new(_health);
    }

    private async Task<bool?> IsReady(string geography = "Europe")
    {
        _clock.Turn(TimeSpan.FromSeconds(1));
        return (await _readiness.Ask(Geography.Parse(geography)))?.IsReady;
    }

    [Fact]
    public async Task A_node_is_ready_while_its_databases_take_writes_and_it_has_read_what_others_changed()
    {
        _readiness.Watch(Europe, Check);
        Assert.True(await IsReady());
        _health = new(IsWritable: true, ScaleUnitHealth.FeedLagMax);
        Assert.True(await IsReady());
        _health = new(IsWritable: true, ScaleUnitHealth.FeedLagMax + TimeSpan.FromTicks(1));
        Assert.False(await IsReady());
        _health = new(IsWritable: false, TimeSpan.Zero);
        Assert.False(await IsReady());
        _health = new(IsWritable: true, TimeSpan.Zero);
        Assert.True(await IsReady());
        _readiness.Set(false);
        Assert.Null(await IsReady());
    }

    [Fact]
    public async Task One_geography_that_is_away_leaves_the_others_ready()
    {
        _readiness.Watch(Europe, _ => throw new StoreUnavailableException("away"));
        _readiness.Watch(Geography.Parse("India"), Check);
        Assert.False(await IsReady());
        Assert.True(await IsReady("India"));
    }

    [Fact]
    public async Task Of_several_scale_units_one_that_is_away_is_no_reason_to_send_requests_elsewhere_and_one_that_lags_is()
    {
        _readiness.Watch(Europe, Check);
        _readiness.Watch(Europe, _ => throw new StoreUnavailableException("away"));
        Assert.True(await IsReady());
        _health = new(IsWritable: true, TimeSpan.FromMinutes(1));
        Assert.False(await IsReady());
    }

    [Fact]
    public async Task A_database_that_does_not_answer_makes_the_node_unready_and_not_the_question_hang()
    {
        _readiness.Watch(Europe, async cancel =>
        {
            await new TaskCompletionSource().Task;
            return _health;
        });
        var asking = _readiness.Ask(Europe).AsTask();
        while (_clock.Waiting == 0)
        {
            await Task.Yield();
        }

        _clock.Turn(TimeSpan.FromSeconds(2));
        Assert.False((await asking)!.IsReady);
    }

    [Fact]
    public async Task Many_who_ask_at_once_cost_one_look()
    {
        _readiness.Watch(Europe, Check);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _readiness.Ask(Europe).AsTask()));
        Assert.Equal(1, _asked);
        _clock.Turn(TimeSpan.FromSeconds(1));
        await _readiness.Ask(Europe);
        Assert.Equal(2, _asked);
    }
}
