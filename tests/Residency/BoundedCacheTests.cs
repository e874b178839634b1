using Domicile.Residency;

namespace Domicile.Tests.Residency;

public sealed class BoundedCacheTests
{
    [Fact]
    public void It_never_holds_more_than_it_was_given_room_for()
    {
        var cache = new BoundedCache<int, int>(10);
        for (var i = 0; i < 1_000; i++)
        {
            cache.Add(i, i);
            Assert.InRange(cache.Count, 1, 11);
        }

        Assert.True(cache.TryGet(999, out var last) && last == 999);
        Assert.False(cache.TryGet(0, out _));
    }

    [Fact]
    public void What_is_used_stays()
    {
        var cache = new BoundedCache<int, int>(10);
        cache.Add(-1, 7);
        for (var i = 0; i < 1_000; i++)
        {
            cache.Add(i, i);
            Assert.True(cache.TryGet(-1, out var value) && value == 7);
        }
    }

    [Fact]
    public void What_was_read_before_a_drop_is_not_kept_after_it()
    {
        var cache = new BoundedCache<int, int>(10);
        var version = cache.Version;
        cache.Drop(1);
        cache.AddUnlessDropped(1, 1, version);
        Assert.False(cache.TryGet(1, out _));
        cache.AddUnlessDropped(1, 1, cache.Version);
        Assert.True(cache.TryGet(1, out _));
        cache.Clear();
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public void What_was_dropped_does_not_come_back_because_somebody_was_looking()
    {
        var cache = new BoundedCache<int, object>(4);
        using var both = new Barrier(2);
        var looker = new Thread(() =>
        {
            for (var round = 0; round < 3_000; round++)
            {
                both.SignalAndWait(TestContext.Current.CancellationToken);
                cache.TryGet(-1, out _);
                both.SignalAndWait(TestContext.Current.CancellationToken);
            }
        });
        looker.Start();
        var back = 0;
        for (var round = 0; round < 3_000; round++)
        {
            // In the older generation, from where a look moves it up.
            cache.Add(-1, cache);
            cache.Add(1, cache);
            cache.Add(2, cache);
            cache.Add(3, cache);
            both.SignalAndWait(TestContext.Current.CancellationToken);
            cache.Drop(-1);
            both.SignalAndWait(TestContext.Current.CancellationToken);
            back += cache.TryGet(-1, out _) ? 1 : 0;
            cache.Clear();
        }

        looker.Join();
        Assert.Equal(0, back);
    }
}
