using System.Data.Common;
using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>The database behind a scale unit's store.</summary>
internal interface IStoreEngine : IBlobRows, IAsyncDisposable
{
    /// <summary>Told of every change of this node after it is durable and before anyone is told, in order.</summary>
    Action<IReadOnlyList<FeedEntry>>? Changed { get; set; }

    /// <summary>Called when something may have changed elsewhere: it only wakes, and may call for nothing.</summary>
    Action? Woken { get; set; }

    /// <summary>Given what other nodes sent by <see cref="Signal"/>, and what this one did.</summary>
    Action<string>? Signalled { get; set; }

    /// <summary>Whether other processes may work on the same store at the same time.</summary>
    bool IsShared { get; }

    /// <summary>Carries out a plan: all or nothing, durable when it returns.</summary>
    /// <exception cref="StoreUnavailableException">The disk is full or broken; nothing was written.</exception>
    Task<EngineOutcome> Commit(Plan plan, CancellationToken cancel);

    /// <summary>Reads one row.</summary>
    ValueTask<StoredRow?> Get(RecordKind kind, long resource, ColumnValue[] key, CancellationToken cancel);

    /// <summary>Reads rows by their keys, in no order; those that are not there are left out.</summary>
    ValueTask<List<StoredRow>> Get(RecordKind kind, long resource, IReadOnlyList<ColumnValue[]> keys, CancellationToken cancel);

    /// <summary>Reads rows in the order of the key.</summary>
    ValueTask<List<StoredRow>> Range(RangePlan plan, CancellationToken cancel);

    /// <summary>Reads the rows that an index names: those whose indexed column has the value.</summary>
    ValueTask<List<StoredRow>> Lookup(RecordKind kind, long resource, int column, ColumnValue value, int take, CancellationToken cancel);

    /// <summary>Reads rows by texts that were made from the catalogue, in one look: resource, columns, version, payload. Texts are few, because they are kept prepared.</summary>
    /// <param name="asked">The texts, each with the kind of its rows.</param>
    /// <param name="given">Their parameters by name, with the @; not all need occur.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The rows of each text.</returns>
    ValueTask<List<List<FoundRow>>> Find(IReadOnlyList<(RecordKind Kind, string Sql)> asked, IReadOnlyList<(string Name, ColumnValue Value)> given, CancellationToken cancel);

    /// <summary>
    /// Reads rows of a kind over all resources, in an order that stays: appended ones by parent and arrival, the others by what names one row among all.
    /// Each call is short, so that a reader of the whole store holds nobody up.
    /// </summary>
    /// <param name="kind">The kind.</param>
    /// <param name="after">The <see cref="ScannedRow.Place"/> of the last row that was read, or null to begin.</param>
    /// <param name="take">Rows at most.</param>
    /// <param name="cancel">Gives up.</param>
    ValueTask<List<ScannedRow>> Scan(RecordKind kind, ColumnValue[]? after, int take, CancellationToken cancel);

    /// <summary>Runs a query of a module's own.</summary>
    ValueTask<T> Query<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancel);

    /// <summary>Reads the feed after a position, at most so many entries.</summary>
    ValueTask<FeedPage> ReadFeed(long after, int take, CancellationToken cancel);

    /// <summary>
    /// Reads the feed after a position for a reader of few kinds, at most so many positions of it. Entries of other kinds may be left out; the page says how far it
    /// has looked.
    /// </summary>
    ValueTask<FeedPage> ReadFeed(long after, int take, IReadOnlyList<RecordKind> kinds, CancellationToken cancel) => ReadFeed(after, take, cancel);

    /// <summary>The last position before which nothing can come any more.</summary>
    ValueTask<FeedPosition> FeedEnd(CancellationToken cancel);

    /// <summary>The position that a named reader remembered, or null.</summary>
    ValueTask<FeedPosition?> Recall(string reader, CancellationToken cancel);

    /// <summary>Remembers a reader's position.</summary>
    Task Remember(string reader, FeedPosition position, CancellationToken cancel);

    /// <summary>Drops entries older than the horizon.</summary>
    Task<int> TrimFeed(DateTimeOffset horizon, int take, CancellationToken cancel);

    /// <summary>A number for a new resource; the same one when it is known already.</summary>
    Task<long> NumberOf(Guid resource, CancellationToken cancel);

    /// <summary>The number of a resource, or null.</summary>
    ValueTask<long?> FindNumber(Guid resource, CancellationToken cancel);

    /// <summary>How many resources there are.</summary>
    ValueTask<long> CountResources(CancellationToken cancel);

    /// <summary>The resource of a number, or null.</summary>
    ValueTask<Guid?> FindResource(long number, CancellationToken cancel);

    /// <summary>Records that everything of a resource is to go, unless something in it is held; durable.</summary>
    /// <returns>The hold for which nothing was done, or null.</returns>
    Task<Guid?> BeginRemoval(long resource, DateTimeOffset since, CancellationToken cancel);

    /// <summary>Any hold in a resource, or null.</summary>
    ValueTask<Guid?> HoldIn(long resource, CancellationToken cancel);

    /// <summary>What is left to be removed.</summary>
    ValueTask<IReadOnlyList<Purge>> Purges(int take, CancellationToken cancel);

    /// <summary>Waits a few seconds at most until nobody can have anything of a person under way any more whose erasure began before this call.</summary>
    /// <returns>Whether that is so; where not, the removal waits for it.</returns>
    ValueTask<bool> AtRest(SubjectRef erased, CancellationToken cancel);

    /// <summary>Removes some of what a purge names.</summary>
    /// <returns>Whether nothing is left and the purge itself is forgotten.</returns>
    Task<bool> ContinuePurge(Purge purge, int take, CancellationToken cancel);

    /// <summary>
    /// Puts the same content of rows in other seals, those left out that changed meanwhile. Nobody is told, and no rule stands against it: it is neither an edit nor a loss.
    /// </summary>
    /// <returns>How many rows.</returns>
    Task<int> Reseal(RecordKind kind, long resource, IReadOnlyList<StoredRow> rows, CancellationToken cancel);

    /// <summary>How many lines of a file of the erasure ledger this database knows.</summary>
    ValueTask<long> LedgerSeen(string file, CancellationToken cancel);

    /// <summary>
    /// Takes lines of the erasure ledger in: what they name and what still has rows here, because the database is older than the ledger, is to be removed
    /// again. Durable in one piece, with the number of lines that are known.
    /// </summary>
    /// <returns>How many removals began.</returns>
    Task<int> TakeLedger(string file, IReadOnlyList<LedgerLine> lines, long seen, CancellationToken cancel);

    /// <summary>Numbers of resources up to this one are not given any more: an older database may not know that they were.</summary>
    Task ReserveNumbers(long upTo, CancellationToken cancel);

    /// <summary>Keys of rows whose time has come.</summary>
    ValueTask<List<(long Resource, ColumnValue[] Key)>> Expired(RecordKind kind, DateTimeOffset now, int take, CancellationToken cancel);

    /// <summary>Looks at some roots of a kind, in the order of their keys, for those that were not used for as long as their rule says.</summary>
    /// <param name="kind">The kind; it has an idle rule.</param>
    /// <param name="now">The instant to compare with.</param>
    /// <param name="after">The key after which to look.</param>
    /// <param name="take">Roots to look at, at most.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The unused ones, and the last key that was looked at; null when there are no more.</returns>
    ValueTask<(List<IdleRoot> Unused, long? Last)> Idle(RecordKind kind, DateTimeOffset now, long after, int take, CancellationToken cancel);

    /// <summary>Looks at some roots, in the order of their keys, for those below which something appended has reached its age.</summary>
    /// <returns>The roots with the last arrival that is due, and the last key that was looked at; null when there are no more.</returns>
    ValueTask<(List<(long Root, long UpTo)> Due, long? Last)> Aging(RecordKind appended, DateTimeOffset now, long after, int take, CancellationToken cancel);

    /// <summary>Removes some of what is appended below a root, so old, and not held. Nobody is told: it is no act, and readers of the feed have none of it.</summary>
    /// <returns>How many.</returns>
    Task<int> RemoveOld(RecordKind appended, long root, long upTo, int take, CancellationToken cancel);

    /// <summary>Removes rules of roots that are gone.</summary>
    Task<int> RemoveLooseRules(RecordKind ofKind, RecordKind root, CancellationToken cancel);

    /// <summary>The oldest row of a kind that is not held: when its rule ended it, and its instant; null when there is none or no rule of time.</summary>
    ValueTask<(DateTimeOffset Due, DateTimeOffset Instant)?> Oldest(RecordKind kind, DateTimeOffset now, CancellationToken cancel);

    /// <summary>
    /// Takes or keeps the right to do work that one node does at a time. Work under it is made so that a holder who has lost it without knowing does no harm.
    /// </summary>
    /// <returns>Whether this node has it until the time is over.</returns>
    ValueTask<bool> Lease(string work, TimeSpan duration, CancellationToken cancel);

    /// <summary>Sends a sealed text to every node that listens now. It is kept nowhere, and may be lost.</summary>
    /// <param name="text">ASCII, fewer than 8,000 characters.</param>
    void Signal(string text);

    /// <summary>Gives back what this node holds, so that another need not wait for the time to pass.</summary>
    Task Release(CancellationToken cancel);

    /// <summary>Writes something that changes nothing, to see whether writing works.</summary>
    /// <exception cref="StoreUnavailableException">It does not.</exception>
    Task Probe(CancellationToken cancel);

    /// <summary>Gives free pages back to the file system and empties the log, bounded.</summary>
    Task Compact(CancellationToken cancel);
}
