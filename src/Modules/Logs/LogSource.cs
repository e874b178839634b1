using System.Reflection;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>
/// A category of operation logs and its table. A module declares one for its own operations: the two kinds of record in its catalogue, and this as a service.
/// </summary>
public abstract class LogSource
{
    private protected LogSource()
    {
    }

    /// <summary>The name of the category in diagnostic settings, such as <c>ChatOperational</c>.</summary>
    public abstract string Category { get; }

    /// <summary>The name of the table, such as <c>ACSChatIncomingOperations</c>.</summary>
    public abstract string TableName { get; }

    /// <summary>The kind whose rule says how long the table is kept.</summary>
    public abstract string RetentionKind { get; }

    internal abstract LogTable Table { get; }

    /// <summary>Whether requests of an operation belong into the table.</summary>
    public abstract bool Takes(Operation operation);

    /// <summary>Whether this one does.</summary>
    public virtual bool Takes(AnsweredCall call) => Takes(call.Operation);

    /// <summary>Writes entries, durably.</summary>
    /// <returns>Why none of the rest was written, or null.</returns>
    internal abstract ValueTask<Problem?> Write(Home home, IReadOnlyList<AnsweredCall> calls, CancellationToken cancel);

    /// <summary>Reads a page.</summary>
    internal abstract ValueTask<LogPage> Read(LogPageRequest request, CancellationToken cancel);

    /// <summary>Deletes entries.</summary>
    /// <returns>Why it was refused, or null.</returns>
    internal abstract ValueTask<Problem?> Delete(Home home, IReadOnlyList<LogKey> keys, CancellationToken cancel);
}

/// <summary>Names an entry.</summary>
/// <param name="Day">The key of its day.</param>
/// <param name="Entry">Its key.</param>
internal readonly record struct LogKey(long Day, long Entry);

/// <summary>What is to be read of a table.</summary>
/// <param name="Home">The resource's home.</param>
/// <param name="Range">Which instants.</param>
/// <param name="Columns">Which columns.</param>
/// <param name="After">The entry after which to go on; null for the first page.</param>
/// <param name="Token">The token of an identifier.</param>
internal sealed record LogPageRequest(Home Home, LogTimeRange Range, IReadOnlyList<LogColumn> Columns, LogKey? After, Func<string, LogToken> Token)
{
    /// <summary>Whose entries; null for everybody's. They are found by the index on persons.</summary>
    public IReadOnlyCollection<SubjectRef>? People { get; init; }
}

/// <summary>Some rows.</summary>
/// <param name="Rows">The rows, in the order in which they were written.</param>
/// <param name="Keys">Their keys.</param>
/// <param name="Next">Where to go on; null at the end.</param>
internal sealed record LogPage(LogBatch Rows, IReadOnlyList<LogKey> Keys, LogKey? Next)
{
    /// <summary>Rows that were read for it.</summary>
    public int RowsRead { get; init; }
}

/// <summary>The same for its kinds of record.</summary>
/// <typeparam name="TDay">A day of the table: its key is half of what seals the entries, so that their end is the end of one key.</typeparam>
/// <typeparam name="TEntry">An entry.</typeparam>
public abstract class LogSource<TDay, TEntry> : LogSource
    where TDay : class
    where TEntry : class
{
    private const int PageRows = 1_000;
    private const int DayBits = 20;

    /// <summary>The clocks of nodes may differ by this much.</summary>
    private static readonly TimeSpan ClockMargin = TimeSpan.FromMinutes(10);

    private readonly BoundedCache<(Guid Resource, long Day), bool> _days = new(65_536);
    private LogTable? _table;
    private Dictionary<LogColumn, Func<TEntry, RowPeople, LogValue>>? _reads;

    /// <inheritdoc/>
    public sealed override string RetentionKind { get; } = typeof(TDay).GetCustomAttribute<RecordAttribute>()!.Kind;

    internal sealed override LogTable Table => _table ??= new LogTable(TableName, [.. Fields.Select(own => own.Column), .. Everywhere]);

    /// <summary>The table's own columns; <c>TimeGenerated</c> is one.</summary>
    protected abstract IReadOnlyList<LogField<TEntry>> Fields { get; }

    /// <summary>A day.</summary>
    protected abstract TDay MakeDay(Ref<TDay> day, DateTimeOffset ends);

    /// <summary>The key of a day.</summary>
    protected abstract Ref<TDay> KeyOf(TDay day);

    /// <summary>The entry of a request.</summary>
    protected abstract TEntry Make(AnsweredCall call, Ref<TDay> day, Ref<TEntry> entry);

    /// <summary>The same without the person, who was erased meanwhile, and what might tell of them.</summary>
    protected abstract TEntry WithoutPerson(TEntry entry);

    /// <summary>Its key, its instant, and the person whom it is about.</summary>
    protected abstract (Ref<TDay> Day, Ref<TEntry> Entry, DateTimeOffset At, SubjectRef Person, bool IsErased) Describe(TEntry entry);

    private static readonly IReadOnlyList<LogColumn> Everywhere =
    [
        new("TenantId", LogType.String), new("Type", LogType.String), new("SourceSystem", LogType.String), new("_ResourceId", LogType.String),
        new("_SubscriptionId", LogType.String), new("_BilledSize", LogType.Real), new("_IsBillable", LogType.String),
    ];

    internal sealed override async ValueTask<Problem?> Write(Home home, IReadOnlyList<AnsweredCall> calls, CancellationToken cancel)
    {
        var entries = new List<TEntry>(calls.Count);
        foreach (var call in calls)
        {
            var day = DayOf(home, call.At);
            if (!_days.TryGet((home.ResourceId, day.Value), out _))
            {
                if (await Begin(home, day, call.At, cancel) is { } refused)
                {
                    return refused;
                }

                _days.Add((home.ResourceId, day.Value), true);
            }

            entries.Add(Make(call, day, home.References.Next<TEntry>()));
        }

        var outcome = await home.Store.Commit(
            b =>
            {
                foreach (var entry in entries)
                {
                    b.Insert(entry);
                }
            },
            cancel);
        if (outcome.Refused != StorageProblems.Gone && outcome.Refused != StorageProblems.Exists)
        {
            return outcome.Refused;
        }

        // It may be the day that went, as when a resource was emptied: then it begins again.
        foreach (var day in calls.DistinctBy(call => DayOf(home, call.At)))
        {
            if (await Begin(home, DayOf(home, day.At), day.At, cancel) is { } refused)
            {
                return refused;
            }
        }

        return await WriteSingly(home, entries, cancel);
    }

    internal sealed override async ValueTask<LogPage> Read(LogPageRequest request, CancellationToken cancel)
    {
        var (home, range) = (request.Home, request.Range);
        var reads = request.Columns.Select(ReadOf).ToArray();
        var people = request.Columns.Any(column => column.Protection == LogProtection.Person);
        var (first, last) = (DayOf(home, Clamp(range.From)), DayOf(home, Clamp(range.Before)));
        var (day, after) = request.After is { } at ? (at.Day, at.Entry) : (first.Value, -1L);
        if (request is { After: null, People: null })
        {
            if (await NextDay(home, day - 1, last.Value, cancel) is not { } begin)
            {
                return new LogPage(new LogBatch(reads.Length, 1), [], null);
            }

            day = begin;
        }

        // Keys rise with time, and none is given out before the entry's own instant: what lies before the range need not be read.
        var earliest = ReferenceSource.FirstFrom(Clamp(range.From) - ClockMargin) - 1;
        var entries = request.People is { } some
            ? await home.Subjects.Range<TEntry>(some, [day, Math.Max(after, earliest)], last.Value, PageRows, cancel)
            : await home.Store.Range<TEntry>(day).After(Math.Max(after, earliest)).Take(PageRows).Open(cancel);
        var batch = new LogBatch(reads.Length, Math.Max(entries.Count, 1));
        var keys = new List<LogKey>(entries.Count);
        var cells = people ? await Cells(request, entries, cancel) : [];
        foreach (var entry in entries)
        {
            var described = Describe(entry);
            (day, after) = (described.Day.Value, described.Entry.Value);
            if (!range.Has(described.At.UtcDateTime))
            {
                continue;
            }

            var cell = batch.Add();
            var who = new RowPeople(described.Person, described.IsErased, cells);
            for (var i = 0; i < reads.Length; i++)
            {
                cell[i] = reads[i] is { } read ? read(entry, who) : Constant(home, request.Columns[i]);
            }

            keys.Add(new LogKey(day, after));
        }

        var next = entries.Count > 0 ? new LogKey(day, after)
            : request.People is not null ? null
            : await NextDay(home, day, last.Value, cancel) is { } following ? new LogKey(following, -1)
            : (LogKey?)null;
        return new LogPage(batch, keys, next) { RowsRead = entries.Count };
    }

    internal sealed override async ValueTask<Problem?> Delete(Home home, IReadOnlyList<LogKey> keys, CancellationToken cancel)
    {
        var outcome = await home.Store.Commit(
            b =>
            {
                foreach (var key in keys)
                {
                    b.Delete<TEntry>([key.Day, key.Entry]);
                }
            },
            cancel);
        return outcome.Refused;
    }

    /// <summary>A day's key is the resource's number and the day's: found without looking, and never that of another resource.</summary>
    private static Ref<TDay> DayOf(Home home, DateTimeOffset instant) => new((home.Resource.Number << DayBits) + DayNumber(instant));

    private static long DayNumber(DateTimeOffset instant) => Math.Clamp((long)Math.Floor((instant - DateTimeOffset.UnixEpoch).TotalDays), 0, (1 << DayBits) - 1);

    private static DateTimeOffset Clamp(DateTime instant) =>
        instant < DateTime.UnixEpoch.AddYears(1) ? DateTimeOffset.UnixEpoch.AddYears(1) : instant.Year > 4000 ? new DateTimeOffset(4000, 1, 1, 0, 0, 0, TimeSpan.Zero) : new DateTimeOffset(instant, TimeSpan.Zero);

    private async ValueTask<Problem?> Begin(Home home, Ref<TDay> day, DateTimeOffset at, CancellationToken cancel)
    {
        var ends = DateTimeOffset.UnixEpoch.AddDays(DayNumber(at) + 1);
        var refused = (await home.Store.Commit(b => b.Insert(MakeDay(day, ends)), cancel)).Refused;
        return refused == StorageProblems.Exists ? null : refused;
    }

    /// <summary>Somebody was erased since they called: what they did is kept without them, and the others' entries as they are.</summary>
    private async ValueTask<Problem?> WriteSingly(Home home, List<TEntry> entries, CancellationToken cancel)
    {
        foreach (var entry in entries)
        {
            var refused = (await home.Store.Commit(b => b.Insert(entry), cancel)).Refused;
            if (refused == StorageProblems.Gone)
            {
                // With nobody in it, it can only be the day or the resource that is gone; then there is nothing to write into.
                refused = (await home.Store.Commit(b => b.Insert(WithoutPerson(entry)), cancel)).Refused;
            }

            if (refused is not null && refused != StorageProblems.Exists)
            {
                return refused;
            }
        }

        return null;
    }

    private async ValueTask<long?> NextDay(Home home, long after, long last, CancellationToken cancel)
    {
        var days = await home.Store.Range<TDay>().After(after).Take(1).Open(cancel);
        return days is [var day] && KeyOf(day).Value is var key && key <= last ? key : null;
    }

    private async ValueTask<Dictionary<SubjectRef, SealedCell>> Cells(LogPageRequest request, List<TEntry> entries, CancellationToken cancel)
    {
        var people = new HashSet<SubjectRef>();
        foreach (var entry in entries)
        {
            if (Describe(entry).Person is { IsNone: false } person)
            {
                people.Add(person);
            }
        }

        var known = people.Count == 0 ? null : await request.Home.Resolve(Identifier.CommunicationUser, people, cancel);
        return known?.ToDictionary(pair => pair.Key, pair => new SealedCell(request.Token(pair.Value), pair.Value)) ?? [];
    }

    private Func<TEntry, RowPeople, LogValue>? ReadOf(LogColumn column)
    {
        _reads ??= Fields.ToDictionary(own => own.Column, own => own.Read);
        return _reads.GetValueOrDefault(column);
    }

    private LogValue Constant(Home home, LogColumn column) => column.Name switch
    {
        "TenantId" => LogValue.Of($"{home.ResourceId:D}"),
        "Type" => LogValue.Of(TableName),
        "SourceSystem" => LogValue.Of("Domicile"),
        "_ResourceId" => LogValue.Of($"/resources/{home.ResourceId:D}"),
        "_BilledSize" => LogValue.Of(0.0),
        "_IsBillable" => LogValue.Of("false"),
        _ => LogValue.Empty,
    };
}
