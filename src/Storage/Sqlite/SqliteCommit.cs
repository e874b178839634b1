using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>A plan on its way through the writer.</summary>
internal sealed class SqliteCommit(SqliteStoreEngine engine, Plan plan) : SqliteWork
{
    private readonly TaskCompletionSource<EngineOutcome> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EngineOutcome _outcome;

    public Task<EngineOutcome> Done => _done.Task;

    /// <summary>What it changed; told to the node's caches before the caller is.</summary>
    public List<FeedEntry> Entries { get; } = [];

    public override void Run(SqliteSession session)
    {
        Entries.Clear();
        _outcome = engine.Apply(session, plan, Entries);
    }

    public override void Succeed() => _done.SetResult(_outcome);

    public override void Fail(Exception fault)
    {
        if (fault is SqliteFault { IsConstraint: true })
        {
            _done.SetResult(new EngineOutcome(StorageProblems.Exists, 0, []));
        }
        else
        {
            _done.SetException(fault is SqliteFault ? new StoreUnavailableException("The database refused to write.", fault) : fault);
        }
    }
}
