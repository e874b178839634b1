using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>The days of a resource's dead letters, made when they are first needed.</summary>
internal sealed class DeadLetterDays(Home home, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private (long Day, Ref<DeadLetterDay> Key)? _known;

    /// <summary>The record of today.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer; ask again.</exception>
    public async ValueTask<Ref<DeadLetterDay>> Today(CancellationToken cancel)
    {
        var day = (long)Math.Floor((clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalDays);
        lock (_gate)
        {
            if (_known is { } known && known.Day == day)
            {
                return known.Key;
            }
        }

        if (await Find(day, cancel) is not { } found)
        {
            var made = new DeadLetterDay { Key = home.References.Next<DeadLetterDay>(), Day = day, Begins = DateTimeOffset.UnixEpoch.AddDays(day) };
            var outcome = await home.Store.Commit(b => b.Insert(made), cancel);
            found = outcome.Refused is null ? made.Key
                : await Find(day, cancel) ?? throw new StoreUnavailableException(outcome.Refused.Title);
        }

        lock (_gate)
        {
            _known = (day, found);
        }

        return found;
    }

    /// <summary>What is known may be gone: a resource that was emptied.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _known = null;
        }
    }

    private async ValueTask<Ref<DeadLetterDay>?> Find(long day, CancellationToken cancel) =>
        await home.Store.Lookup<DeadLetterDay>(nameof(DeadLetterDay.Day), ColumnValue.Of(day), 1, cancel) is [var record] ? record.Key : null;
}
