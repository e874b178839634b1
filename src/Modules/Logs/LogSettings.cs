using System.Collections.Frozen;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>Which categories each resource has switched on, as this node knows it. What another node changes, it hears of by the feed.</summary>
internal sealed class LogSettings(IEnumerable<LogSource> sources)
{
    /// <summary>Settings of a resource at most, as in ACS.</summary>
    public const int Most = 5;

    private const int ResourcesKnown = 16_384;
    private readonly BoundedCache<Guid, FrozenSet<string>> _on = new(ResourcesKnown);

    /// <summary>The categories that there are.</summary>
    public IReadOnlyList<string> Categories { get; } = [.. sources.Select(source => source.Category)];

    /// <summary>Takes the scale units by the homes of their own records.</summary>
    public void Prepare(IEnumerable<Home> scaleUnits)
    {
        foreach (var unit in scaleUnits)
        {
            unit.Store.Feed.Observe(
                entries =>
                {
                    // Rare, so everything is dropped.
                    if (entries.Any(entry => entry.Kind.ClrType == typeof(LogSetting)))
                    {
                        _on.Clear();
                    }
                },
                _on.Clear);
        }
    }

    /// <summary>What is known without asking; null when nothing is.</summary>
    public FrozenSet<string>? Known(Guid resource) => _on.TryGet(resource, out var on) ? on : null;

    /// <summary>The categories that a resource keeps.</summary>
    public async ValueTask<FrozenSet<string>> Of(Home home, CancellationToken cancel)
    {
        if (_on.TryGet(home.ResourceId, out var known))
        {
            return known;
        }

        var version = _on.Version;
        var settings = await All(home, cancel);
        var on = settings.Any(setting => setting.AllLogs) ? Categories.ToFrozenSet() : settings.SelectMany(setting => setting.Categories).ToFrozenSet();
        _on.AddUnlessDropped(home.ResourceId, on, version);
        return on;
    }

    /// <summary>The settings of a resource, by name.</summary>
    public static ValueTask<List<LogSetting>> All(Home home, CancellationToken cancel) => home.Store.Range<LogSetting>().Take(Most * 2).Open(cancel);
}
