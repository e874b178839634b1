using Domicile.Storage;

namespace Domicile.Tests.Storage;

public sealed class EphemeralTests
{
    private static EphemeralSignal Signal(int number) => new(1, "test.typing", number, "someone"u8.ToArray());

    [Fact]
    public async Task Everyone_who_listens_hears_and_nobody_else()
    {
        var ephemeral = new Ephemeral();
        ephemeral.Publish(Signal(0));
        await using var one = ephemeral.Listen(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        await using var two = ephemeral.Listen(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var (first, second) = (one.MoveNextAsync().AsTask(), two.MoveNextAsync().AsTask());
        ephemeral.Publish(Signal(1));
        Assert.True(await first && await second);
        Assert.Equal((1L, 1L), (one.Current.Root, two.Current.Root));
    }

    [Fact]
    public async Task A_slow_listener_loses_the_oldest_and_holds_up_nobody()
    {
        var ephemeral = new Ephemeral();
        await using var slow = ephemeral.Listen(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var first = slow.MoveNextAsync().AsTask();
        for (var i = 1; i <= 3_000; i++)
        {
            ephemeral.Publish(Signal(i));
        }

        var heard = new List<long>();
        Assert.True(await first);
        heard.Add(slow.Current.Root);
        while (heard[^1] < 3_000)
        {
            Assert.True(await slow.MoveNextAsync());
            heard.Add(slow.Current.Root);
        }

        Assert.InRange(heard.Count, 1_024, 1_100);
        Assert.Equal(heard.Order(), heard);
    }

    [Fact]
    public async Task Who_stops_listening_is_forgotten()
    {
        var ephemeral = new Ephemeral();
        using var stop = new CancellationTokenSource();
        var listening = Task.Run(
            async () =>
            {
                await foreach (var _ in ephemeral.Listen(stop.Token))
                {
                }
            },
            TestContext.Current.CancellationToken);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
        ephemeral.Publish(Signal(1));
    }
}
