using System.Collections.Concurrent;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>How a cache hears of the feeds behind the homes that it is asked about: it listens to each once, from the first question on.</summary>
public sealed class FeedWatch
{
    private readonly ConcurrentDictionary<Feed, bool> _watched = new();

    /// <summary>Listens to the feed behind a home, unless that is done already.</summary>
    /// <param name="home">The home.</param>
    /// <param name="changed">Told of each change in its scale unit.</param>
    /// <param name="forget">Told that changes may have been missed.</param>
    public void On(Home home, Action<Geography, FeedEntry> changed, Action forget)
    {
        if (!_watched.TryAdd(home.Store.Feed, true))
        {
            return;
        }

        var geography = home.Geography;
        home.Store.Feed.Observe(
            entries =>
            {
                foreach (var entry in entries)
                {
                    changed(geography, entry);
                }
            },
            forget);
    }
}
