using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Server;

/// <summary>
/// Whether the node takes requests, and for which geographies. It turns false the moment that the server is told to stop, while requests under way still end;
/// and for a geography whose databases cannot be written, or whose changes the node has not read.
/// </summary>
public sealed class Readiness(TimeProvider clock)
{
    /// <summary>An answer serves everyone who asks within this time: balancers of every front ask, and each question costs the database one.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(500);

    /// <summary>A database that has not answered by then does not, as far as a balancer is concerned.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly List<Unit> _units = [];
    private volatile bool _isReady;

    /// <summary>Whether the node takes requests at all.</summary>
    public bool IsReady => _isReady;

    /// <summary>Watches a scale unit.</summary>
    /// <param name="geography">Whose requests depend on it.</param>
    /// <param name="check">Looks how it is; a failure counts as unwritable.</param>
    internal void Watch(Geography geography, Func<CancellationToken, ValueTask<ScaleUnitHealth>> check)
    {
        lock (_lock)
        {
            _units.Add(new Unit(geography, check));
        }
    }

    internal void Set(bool isReady) => _isReady = isReady;

    /// <summary>
    /// How the node is for a geography; null when it takes no requests because it is starting or stopping. Of several scale units the one that can be
    /// written and is furthest behind counts: a database that is away is away for every node, so that another node would not serve its resources either.
    /// </summary>
    internal async ValueTask<ScaleUnitHealth?> Ask(Geography geography)
    {
        if (!_isReady)
        {
            return null;
        }

        List<Task<ScaleUnitHealth>> asked;
        lock (_lock)
        {
            asked = [.. _units.Where(unit => unit.Geography.Equals(geography)).Select(Answer)];
        }

        var all = await Task.WhenAll(asked);
        var writable = all.Where(health => health.IsWritable).ToList();
        return !_isReady ? null : new ScaleUnitHealth(writable.Count > 0 || all.Length == 0, writable.Select(health => health.FeedLag).DefaultIfEmpty().Max());
    }

    private Task<ScaleUnitHealth> Answer(Unit unit)
    {
        if (unit.Answer is null || (unit.Answer.IsCompleted && clock.GetElapsedTime(unit.At) >= Fresh))
        {
            (unit.At, unit.Answer) = (clock.GetTimestamp(), Check(unit.Check));
        }

        return unit.Answer;
    }

    private async Task<ScaleUnitHealth> Check(Func<CancellationToken, ValueTask<ScaleUnitHealth>> check)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var limit = new CancellationTokenSource(Limit, clock);
        try
        {
            return await check(limit.Token).AsTask().WaitAsync(limit.Token);
        }
        catch (Exception away) when (away is StoreUnavailableException or OperationCanceledException)
        {
            return new ScaleUnitHealth(IsWritable: false, TimeSpan.Zero);
        }
    }

    private sealed class Unit(Geography geography, Func<CancellationToken, ValueTask<ScaleUnitHealth>> check)
    {
        public Geography Geography { get; } = geography;

        public Func<CancellationToken, ValueTask<ScaleUnitHealth>> Check { get; } = check;

        public Task<ScaleUnitHealth>? Answer { get; set; }

        public long At { get; set; }
    }
}
