namespace Domicile.Tests.Support;

public sealed class ManualClockTests
{
    [Fact]
    public async Task A_delay_ends_when_the_clock_is_turned_past_it_and_not_before()
    {
        var clock = new ManualClock();
        var delay = Task.Delay(TimeSpan.FromSeconds(10), clock, TestContext.Current.CancellationToken);
        clock.Turn(TimeSpan.FromSeconds(9));
        Assert.False(delay.IsCompleted);
        clock.Turn(TimeSpan.FromSeconds(1));
        await delay;
        Assert.Equal(0, clock.Waiting);
    }

    [Fact]
    public void Timers_ring_in_the_order_of_their_instants_and_as_often_as_they_are_due()
    {
        var clock = new ManualClock();
        var start = clock.GetUtcNow();
        var rung = new List<(string Name, double Seconds)>();
        using var often = clock.CreateTimer(_ => rung.Add(("often", (clock.GetUtcNow() - start).TotalSeconds)), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        using var once = clock.CreateTimer(_ => rung.Add(("once", (clock.GetUtcNow() - start).TotalSeconds)), null, TimeSpan.FromSeconds(3), Timeout.InfiniteTimeSpan);
        clock.Turn(TimeSpan.FromSeconds(5));
        Assert.Equal([("often", 2), ("once", 3), ("often", 4)], rung);
    }
}
