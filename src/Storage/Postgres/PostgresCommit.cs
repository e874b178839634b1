using Domicile.Storage.Engine;

namespace Domicile.Storage.Postgres;

/// <summary>A plan on its way through the committer.</summary>
internal sealed class PostgresCommit(Plan plan)
{
    private readonly TaskCompletionSource<EngineOutcome> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Plan Plan { get; } = plan;

    public Task<EngineOutcome> Done => _done.Task;

    /// <summary>Why it is not carried out, or null. Decided anew each time that its group is tried.</summary>
    public Residency.Problem? Refused { get; set; }

    /// <summary>What the store allocated.</summary>
    public List<Appended> Appended { get; } = [];

    /// <summary>Its changes, without their positions until those are known.</summary>
    public List<FeedEntry> Entries { get; } = [];

    public void Reset()
    {
        Refused = null;
        Appended.Clear();
        Entries.Clear();
    }

    public void Succeed() => _done.TrySetResult(new EngineOutcome(Refused, Entries.Count > 0 ? Entries[^1].Position : 0, Appended));

    public void Refuse(Residency.Problem problem) => _done.TrySetResult(new EngineOutcome(problem, 0, []));

    public void Fail(Exception fault) => _done.TrySetException(fault);
}
