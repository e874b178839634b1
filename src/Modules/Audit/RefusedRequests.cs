using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>
/// Counts refused requests, and writes for each minute, resource and reason one audit entry. So a stranger who knocks a million times makes the log no longer
/// than one who knocks once. What was counted in the last minute is lost in a crash; the refusals themselves were none of it.
/// </summary>
internal sealed class RefusedRequests(TimeProvider clock) : IRefusals
{
    /// <summary>Different resources and reasons that are told apart in a minute, for each geography; what comes beyond is counted together.</summary>
    public const int KeysMax = 256;

    private const string Others = "others";
    private readonly Lock _lock = new();
    private readonly Dictionary<Geography, Minute> _minutes = [];

    /// <inheritdoc/>
    public void Count(Geography geography, Guid? resource, Problem problem)
    {
        lock (_lock)
        {
            if (!_minutes.TryGetValue(geography, out var minute))
            {
                _minutes.Add(geography, minute = new Minute(clock.GetUtcNow()));
            }

            var key = (resource, problem.Type, problem.Status);
            minute.Add(minute.Counts.ContainsKey(key) || minute.Counts.Count < KeysMax ? key : (null, Others, problem.Status), 1);
        }
    }

    /// <summary>Writes what was counted, when its minute is over or all of it is asked for. What cannot be written is counted on.</summary>
    public async Task Write(Home home, bool all, CancellationToken cancel)
    {
        Minute? minute;
        lock (_lock)
        {
            if (!_minutes.TryGetValue(home.Geography, out minute) || (!all && clock.GetUtcNow() - minute.Began < TimeSpan.FromMinutes(1)))
            {
                return;
            }

            _minutes.Remove(home.Geography);
        }

        var written = false;
        try
        {
            var outcome = await home.Store.Commit(
                b =>
                {
                    foreach (var ((resource, reason, status), count) in minute.Counts)
                    {
                        b.Audit(new AuditNote(AuditedAct.AccessDenied, "nobody") { Resource = resource, Detail = $"{status} {reason}", Count = count });
                    }
                },
                cancel);
            written = outcome.Refused is null ? true : throw new StoreUnavailableException(outcome.Refused.Title);
        }
        finally
        {
            if (!written)
            {
                GiveBack(home.Geography, minute);
            }
        }
    }

    private void GiveBack(Geography geography, Minute unwritten)
    {
        lock (_lock)
        {
            if (!_minutes.TryGetValue(geography, out var minute))
            {
                _minutes.Add(geography, unwritten);
                return;
            }

            foreach (var (key, count) in unwritten.Counts)
            {
                minute.Add(minute.Counts.ContainsKey(key) || minute.Counts.Count < KeysMax ? key : (null, Others, key.Status), count);
            }
        }
    }

    private sealed class Minute(DateTimeOffset began)
    {
        public DateTimeOffset Began { get; } = began;

        public Dictionary<(Guid? Resource, string Reason, int Status), long> Counts { get; } = [];

        public void Add((Guid? Resource, string Reason, int Status) key, long count) => Counts[key] = Counts.GetValueOrDefault(key) + count;
    }
}
