using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;
using NpgsqlTypes;

namespace Domicile.Storage.Postgres;

/// <summary>
/// The plans of one transaction, in two round trips: the first locks and looks, the second writes and commits. Every row that a decision rests on lies below
/// a root that is locked, or is locked itself, and the looks are statements of their own after the locks, so each sees what was committed before it got them.
/// </summary>
internal sealed class PostgresGroup
{
    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    private readonly Dictionary<RecordKind, PostgresTable> _tables;
    private readonly IReadOnlyList<PostgresCommit> _commits;
    private readonly PostgresKnownRows _known;
    private readonly Action<long> _checkSchema;
    private readonly SortedDictionary<long, (PostgresTable Table, HashSet<long> Ids)> _roots = [];
    private readonly SortedDictionary<long, (PostgresTable Table, HashSet<long> Ids)> _parents = [];
    private readonly SortedDictionary<long, (PostgresTable Table, HashSet<RowKey> Seen, List<(ColumnValue[] Key, long Resource)> Keys)> _rows = [];
    private readonly Dictionary<PostgresTable.UniqueIndex, (PostgresTable Table, List<(ColumnValue[] Values, long Resource)> Asked)> _unique = [];
    private readonly Dictionary<PostgresTable, HashSet<long>> _heads = [];
    private readonly Dictionary<PostgresTable, HashSet<long>> _fresh = [];
    private readonly HashSet<long> _resources = [];
    private readonly HashSet<long> _people = [];
    private readonly HashSet<long> _forbidden = [];
    private readonly HashSet<long> _inserted = [];
    private readonly HoldSql? _holds;
    private readonly Dictionary<PostgresTable, List<(ColumnValue[] Key, long Resource)>> _takenAway = [];
    private readonly HashSet<(long Person, long Resource)> _erasing = [];
    private readonly List<Action<NpgsqlDataReader>> _answers = [];
    private readonly List<AuditedBatch> _audited = [];
    private Write? _auditGroup;

    /// <param name="tables">The tables.</param>
    /// <param name="holds">The statements that ask for holds, if any kind says that there are some.</param>
    /// <param name="commits">What is to be done.</param>
    /// <param name="checkSchema">Given the number of the schema, as it is once the locks were taken; throws when it is not this program's.</param>
    public PostgresGroup(Dictionary<RecordKind, PostgresTable> tables, HoldSql? holds, IReadOnlyList<PostgresCommit> commits, Action<long> checkSchema)
    {
        _checkSchema = checkSchema;
        _tables = tables;
        _holds = holds;
        _commits = commits;
        _known = new PostgresKnownRows(tables);
        foreach (var commit in commits)
        {
            commit.Reset();
            Gather(commit.Plan);
        }
    }

    /// <summary>The transaction's id, by which its fate is found when the connection breaks while it commits.</summary>
    public ulong Transaction { get; private set; }

    /// <summary>The changes of all plans, in order.</summary>
    public List<FeedEntry> Entries { get; } = [];

    /// <summary>Whether there is anything to write.</summary>
    public bool HasWrites => _commits.Any(commit => commit.Refused is null && (commit.Plan.Writes.Count > 0 || !commit.Plan.Erased.IsNone));

    /// <summary>Begins the transaction, takes the locks, and reads what the decisions need.</summary>
    public async Task Look(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var batch = connection.CreateBatch();
        Ask(batch, Begin, null);

        // Before anything is looked at: whoever waits until this transaction is over (a removal, a reader of the feed) knows it by this id.
        Ask(batch, "SELECT pg_current_xact_id()", reader => Transaction = reader.GetFieldValue<ulong>(0));
        AskForLocks(batch);
        AskForRows(batch);
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        for (var i = 0; i < _answers.Count; i++)
        {
            while (await reader.ReadAsync(cancel))
            {
                _answers[i](reader);
            }

            await reader.NextResultAsync(cancel);
        }
    }

    /// <summary>Decides on each plan in order.</summary>
    public void Decide(long now)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(now);
        foreach (var commit in _commits)
        {
            var plan = commit.Plan;
            commit.Refused = PlanReview.Refusal(plan, _known) ?? (_known.ContradictsItself(plan) ? StorageProblems.Exists : null);
            if (commit.Refused is null)
            {
                Apply(commit, now, at);
            }
        }

        // One row of the audit log for all that this transaction does and that speaks for itself.
        if (_audited.Count > 0)
        {
            _auditGroup = _audited[0].Scribe.Close(_audited);
            Entries.Add(new FeedEntry(0, at, ResourceRef.Geography.Number, _auditGroup.Kind, Change.Inserted, _auditGroup.Key, _auditGroup.Version));
        }
    }

    /// <summary>Writes, and commits.</summary>
    public async Task Write(NpgsqlConnection connection, long node, long now, CancellationToken cancel)
    {
        await using var batch = connection.CreateBatch();
        var appended = new Dictionary<PostgresTable, List<(Write Write, ColumnValue[] Values, long Resource)>>();
        var run = new List<(Write Write, ColumnValue[] Values, long Resource)>();
        PostgresTable? running = null;
        foreach (var commit in _commits.Where(commit => commit.Refused is null))
        {
            var place = 0;
            foreach (var write in commit.Plan.Writes)
            {
                var table = _tables[write.Kind];
                if (write.What == WriteKind.Append)
                {
                    if (!appended.TryGetValue(table, out var rows))
                    {
                        appended.Add(table, rows = []);
                    }

                    rows.Add((write, Placed(write, commit.Appended[place++]), commit.Plan.ResourceOf(write)));
                    continue;
                }

                // Inserts of one kind that follow each other are one statement; everything else stays in order.
                if (running is not null && (running != table || write.What != WriteKind.Insert))
                {
                    Insert(batch, running, run);
                    run = [];
                    running = null;
                }

                if (write.What == WriteKind.Insert)
                {
                    running = table;
                    run.Add((write, write.Values, commit.Plan.ResourceOf(write)));
                }
                else if (write.What == WriteKind.Put)
                {
                    Put(batch, table, write, commit.Plan.ResourceOf(write));
                }
                else if (IsWritten(commit, write))
                {
                    Delete(batch, table, write, commit.Plan.ResourceOf(write), now);
                }
            }

            if (!commit.Plan.Erased.IsNone)
            {
                Erase(batch, commit.Plan, now);
            }
        }

        if (running is not null)
        {
            Insert(batch, running, run);
        }

        foreach (var (table, rows) in appended)
        {
            Insert(batch, table, rows);
        }

        if (_auditGroup is { } group)
        {
            Insert(batch, _tables[group.Kind], [(group, group.Values, ResourceRef.Geography.Number)]);
        }

        foreach (var heads in _known.ChangedHeads)
        {
            var command = Add(batch, _tables[heads.Key].WriteHeads);
            command.Add(heads.Select(head => head.Root).ToArray());
            command.Add(heads.Select(head => head.Last.Sequence).ToArray());
            command.Add(heads.Select(head => head.Last.Arrival).ToArray());
        }

        var feed = Entries.Count > 0 || _commits.Any(commit => commit.Refused is null && !commit.Plan.Erased.IsNone) ? batch.BatchCommands.Count : -1;
        if (feed >= 0)
        {
            PostgresFeed.Append(Add(batch, PostgresFeed.Insert), Entries, [.. _commits.Where(commit => commit.Refused is null && !commit.Plan.Erased.IsNone).Select(commit => (commit.Plan.Resource, commit.Plan.Erased.Value))], entry => _tables[entry.Kind].Number, node, now);
        }

        Add(batch, "COMMIT");
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        await ReadPositions(reader, feed, cancel);
    }

    /// <summary>Fills in the positions that the entries of a transaction got whose answer was lost.</summary>
    public void Place(IReadOnlyList<long> positions)
    {
        for (var i = 0; i < Entries.Count; i++)
        {
            Entries[i] = Entries[i] with { Position = positions[i] };
        }

        HandOut();
    }

    private async Task ReadPositions(NpgsqlDataReader reader, int feed, CancellationToken cancel)
    {
        // Statements without rows give no result set; the positions are the first set of one 64-bit column that is named so.
        var at = 0;
        do
        {
            while (await reader.ReadAsync(cancel))
            {
                if (feed >= 0 && at < Entries.Count && reader.GetName(0) == "position")
                {
                    Entries[at] = Entries[at] with { Position = reader.GetInt64(0) };
                    at++;
                }
            }
        }
        while (await reader.NextResultAsync(cancel));

        HandOut();
    }

    private void HandOut()
    {
        var at = 0;
        foreach (var commit in _commits)
        {
            for (var i = 0; i < commit.Entries.Count; i++)
            {
                commit.Entries[i] = Entries[at++];
            }
        }
    }

    private void Gather(Plan plan)
    {
        _resources.Add(plan.Resource);
        if (plan.Lock is { } root)
        {
            AddRoot(root.Kind, root.Id);
        }

        if (plan.Unused is { } unused)
        {
            AddHead(_tables[unused.Appended], unused.Id);
        }

        foreach (var check in plan.Checks)
        {
            AddRow(check.Kind, check.Key, plan.Resource);
            if (!check.MustExist && check.Kind.ParentColumn < 0)
            {
                _forbidden.Add(_tables[check.Kind].Number);
            }
        }

        if (!plan.Erased.IsNone)
        {
            _erasing.Add((plan.Erased.Value, plan.Resource));
        }

        foreach (var write in plan.Writes)
        {
            Gather(plan, write);
        }
    }

    private void Gather(Plan plan, Write write)
    {
        var (kind, table) = (write.Kind, _tables[write.Kind]);
        if (write.What == WriteKind.Append)
        {
            AddHead(table, write.Key[0].Number);
        }
        else
        {
            AddRow(kind, write.Key, plan.ResourceOf(write), isNew: write.What == WriteKind.Insert);
        }

        if (_holds is not null && Precedence.TakesAway(write))
        {
            if (!_takenAway.TryGetValue(table, out var rows))
            {
                _takenAway.Add(table, rows = []);
            }

            rows.Add((write.Key, plan.ResourceOf(write)));
        }

        if (write.What == WriteKind.Delete)
        {
            return;
        }

        if (kind.Parent is { } parent && write.Values[kind.ParentColumn] is { IsNull: false, Number: var id })
        {
            // A new row needs its parent to stay, no more: many can be added below one parent at a time.
            Add(write.What == WriteKind.Insert ? _parents : _roots, _tables[parent], id);
        }

        foreach (var person in table.People)
        {
            if (write.Values[person].Number != 0)
            {
                _people.Add(write.Values[person].Number);
            }
        }

        if (write.What == WriteKind.Append)
        {
            return;
        }

        foreach (var index in table.Unique)
        {
            if (PostgresKnownRows.ValuesOf(index, write) is { } values)
            {
                if (!_unique.TryGetValue(index, out var asked))
                {
                    _unique.Add(index, asked = (table, []));
                }

                asked.Asked.Add((values, plan.ResourceOf(write)));
            }
        }

        if (write.What == WriteKind.Insert)
        {
            if (kind.ParentColumn < 0)
            {
                _inserted.Add(table.Number);
            }

            if (kind.Children.Count > 0)
            {
                if (!_fresh.TryGetValue(table, out var fresh))
                {
                    _fresh.Add(table, fresh = []);
                }

                fresh.Add(write.Key[0].Number);
            }
        }
    }

    private void AddRoot(RecordKind kind, long id) => Add(_roots, _tables[kind], id);

    private static void Add(SortedDictionary<long, (PostgresTable Table, HashSet<long> Ids)> to, PostgresTable table, long id)
    {
        if (!to.TryGetValue(table.Number, out var roots))
        {
            to.Add(table.Number, roots = (table, []));
        }

        roots.Ids.Add(id);
    }

    private void AddRow(RecordKind kind, ColumnValue[] key, long resource, bool isNew = false)
    {
        if (kind.ReferenceColumn >= 0)
        {
            AddRoot(kind, key[0].Number);
            return;
        }

        // What a decision about the row rests on stands still while its parent is locked. That a row is new is what its key itself guarantees.
        var table = _tables[kind];
        if (!isNew && table.ParentInKey >= 0 && !key[table.ParentInKey].IsNull)
        {
            AddRoot(kind.Parent!, key[table.ParentInKey].Number);
        }

        if (!_rows.TryGetValue(table.Number, out var rows))
        {
            _rows.Add(table.Number, rows = (table, [], []));
        }

        if (rows.Seen.Add(RowKey.Row(kind, key, resource)))
        {
            rows.Keys.Add((key, resource));
        }
    }

    private void AddHead(PostgresTable table, long root)
    {
        if (!_heads.TryGetValue(table, out var roots))
        {
            _heads.Add(table, roots = []);
        }

        roots.Add(root);
    }

    private void AskForLocks(NpgsqlBatch batch)
    {
        AskForHoldLocks(batch);

        // That something is not there cannot be locked: whoever relies on it keeps out everyone who inserts into the kind.
        if (_forbidden.Count > 0)
        {
            AskForKindLock(batch, "SELECT pg_advisory_xact_lock($1, kind::integer) FROM unnest($2::bigint[]) kind ORDER BY kind", _forbidden);
        }

        if (_inserted.Any(kind => !_forbidden.Contains(kind)))
        {
            AskForKindLock(batch, "SELECT pg_advisory_xact_lock_shared($1, kind::integer) FROM unnest($2::bigint[]) kind ORDER BY kind", _inserted.Where(kind => !_forbidden.Contains(kind)));
        }

        // In one order everywhere, so that two groups never wait for each other: kinds by number, roots by key.
        foreach (var (table, ids) in _parents.Values)
        {
            var shared = _roots.TryGetValue(table.Number, out var locked) ? ids.Except(locked.Ids).ToArray() : [.. ids];
            if (shared.Length > 0)
            {
                Ask(batch, table.Keep, Known(table)).Add(shared);
            }
        }

        foreach (var (table, ids) in _roots.Values)
        {
            Ask(batch, table.Lock, Known(table)).Add([.. ids]);
        }
    }

    /// <summary>First of all locks: a hold that is being placed waits for whoever takes something away, and the other way round.</summary>
    private void AskForHoldLocks(NpgsqlBatch batch)
    {
        if (_holds is null)
        {
            return;
        }

        if (_commits is [{ Plan.PlacesHold: true }])
        {
            Ask(batch, "SELECT pg_advisory_xact_lock($1)", _ => { }).Add(PostgresLocks.Holds);
        }
        else if (_takenAway.Count > 0 || _erasing.Count > 0)
        {
            Ask(batch, "SELECT pg_advisory_xact_lock_shared($1)", _ => { }).Add(PostgresLocks.Holds);
        }

        foreach (var (table, rows) in _takenAway.Where(taken => taken.Key.Kind.Children.Count > 0).OrderBy(taken => taken.Key.Number))
        {
            Ask(batch, table.KeepAlone(_holds), _ => { }).Add(rows.Select(row => row.Key[0].Number).ToArray());
        }
    }

    private void AskForHolds(NpgsqlBatch batch)
    {
        foreach (var (table, rows) in _takenAway)
        {
            var kind = table.Kind;
            var command = Ask(batch, table.HeldAmong(_holds!), reader =>
            {
                if (!reader.IsDBNull(1))
                {
                    var (key, resource) = rows[(int)reader.GetInt64(0) - 1];
                    _known.AddHold(kind, key, resource, new Guid(reader.GetFieldValue<byte[]>(1), bigEndian: true));
                }
            });
            AddColumns(command, [.. rows.Select(row => row.Key)], [.. kind.KeyColumns.Select(column => kind.Columns[column])], rows.Select(row => row.Resource));
        }

        foreach (var (person, resource) in _holds is null ? [] : _erasing)
        {
            var command = Ask(batch, $"SELECT {_holds!.OfPerson("$1", "$2")}", reader =>
            {
                if (!reader.IsDBNull(0))
                {
                    _known.AddHold(person, resource, new Guid(reader.GetFieldValue<byte[]>(0), bigEndian: true));
                }
            });
            command.Add(person);
            command.Add(resource);
        }
    }

    private Action<NpgsqlDataReader> Known(PostgresTable table) =>
        reader => _known.AddRow(table.Kind, [reader.GetInt64(0)], reader.GetInt64(1), reader.GetInt64(2), reader.GetBoolean(3));

    private void AskForRows(NpgsqlBatch batch)
    {
        Ask(batch, "SELECT number, (SELECT value::bigint FROM engine_setting WHERE name = 'schema') FROM engine_resource WHERE number = ANY($1)", reader =>
        {
            _checkSchema(reader.GetInt64(1));
            _known.AddResource(reader.GetInt64(0));
        }).Add([.. _resources]);
        if (_people.Count > 0)
        {
            Ask(batch, "SELECT person FROM engine_erased WHERE person = ANY($1)", reader => _known.AddErased(reader.GetInt64(0))).Add([.. _people]);
        }

        foreach (var (table, _, keys) in _rows.Values)
        {
            var kind = table.Kind;
            var command = Ask(batch, table.Look, reader =>
            {
                var (key, resource) = keys[(int)reader.GetInt64(0) - 1];
                _known.AddRow(kind, key, resource, reader.GetInt64(1), reader.GetBoolean(2));
            });
            AddColumns(command, [.. keys.Select(row => row.Key)], [.. kind.KeyColumns.Select(column => kind.Columns[column])], keys.Select(row => row.Resource));
        }

        foreach (var (index, (table, asked)) in _unique)
        {
            var kind = table.Kind;
            var command = Ask(batch, index.Taken, reader =>
            {
                var (values, resource) = asked[(int)reader.GetInt64(0) - 1];
                _known.AddTaken(index, values, resource, [.. kind.KeyColumns.Select((key, i) => PostgresRows.Value(reader, i + 1, kind.Columns[key].Type))]);
            });
            AddColumns(command, [.. asked.Select(row => row.Values)], [.. index.Columns.Select(column => kind.Columns[column])], asked.Select(row => row.Resource));
        }

        AskForHolds(batch);
        foreach (var (table, roots) in _fresh)
        {
            var command = Ask(batch, "SELECT key, resource FROM engine_purge WHERE kind = $1 AND key = ANY($2)", reader => _known.AddGoing(table.Kind, reader.GetInt64(0), reader.GetInt64(1)));
            command.Add(table.Number);
            command.Add([.. roots]);
        }

        foreach (var (table, roots) in _heads)
        {
            Ask(batch, table.ReadHeads, reader => _known.AddHead(table.Kind, reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2))).Add([.. roots]);
        }
    }

    private void Apply(PostgresCommit commit, long now, DateTimeOffset at)
    {
        var plan = commit.Plan;
        foreach (var write in plan.Writes)
        {
            var key = write.Key;
            if (write.What == WriteKind.Append)
            {
                var place = _known.Next(write.Kind, key[0].Number, write.Values[write.Kind.ArrivalColumn].Number, now);
                commit.Appended.Add(place);
                key = [key[0], place.Arrival];
            }
            else if (write.What == WriteKind.Delete && !_known.Exists(write.Kind, key, plan.ResourceOf(write)))
            {
                continue;
            }
            else
            {
                _known.Write(plan, write);
            }

            var change = write.What switch { WriteKind.Put => Change.Put, WriteKind.Delete => Change.Deleted, _ => Change.Inserted };
            var entry = new FeedEntry(0, at, plan.ResourceOf(write), write.Kind, change, key, write.Version);
            commit.Entries.Add(entry);
            Entries.Add(entry);
            if (plan.Audited is { } audited && commit.Entries.Count == 1)
            {
                audited.First = new AuditedRecord(write.Kind.Name, entry.Resource, FeedKey.Write([.. key]));
                _audited.Add(audited);
            }
        }

        if (!plan.Erased.IsNone)
        {
            _known.AddErased(plan.Erased.Value);
        }
    }

    /// <summary>Whether a delete found its row; those that did have an entry.</summary>
    private static bool IsWritten(PostgresCommit commit, Write write) =>
        commit.Entries.Exists(entry => entry.Change == Change.Deleted && entry.Kind == write.Kind && ReferenceEquals(entry.Key, write.Key));

    private static ColumnValue[] Placed(Write write, Appended place)
    {
        // A copy, because the plan may be tried again.
        var values = write.Values.ToArray();
        values[write.Kind.SequenceColumn] = place.Sequence;
        values[write.Kind.ArrivalColumn] = place.Arrival;
        return values;
    }

    private static void Insert(NpgsqlBatch batch, PostgresTable table, List<(Write Write, ColumnValue[] Values, long Resource)> rows)
    {
        var command = Add(batch, table.Insert);
        command.Parameters.Add(PostgresParameters.Array([.. rows.Select(row => row.Resource)]));
        var values = rows.ConvertAll(row => row.Values);
        for (var i = 0; i < table.Kind.Columns.Count; i++)
        {
            command.Parameters.Add(PostgresParameters.Column(values, i, table.Kind.Columns[i]));
        }

        command.Parameters.Add(PostgresParameters.Array([.. rows.Select(row => row.Write.Version)]));
        command.Parameters.Add(PostgresParameters.Array([.. rows.Select(row => row.Write.Payload)]));
    }

    private static void Put(NpgsqlBatch batch, PostgresTable table, Write write, long resource)
    {
        var command = Add(batch, table.Update);
        AddKey(command, table.Kind, write.Key, resource);
        command.Add(write.Version);
        command.Add(write.Payload);
        foreach (var column in table.Changeable)
        {
            command.Add(write.Values[column], table.Kind.Columns[column].Type);
        }
    }

    private static void Delete(NpgsqlBatch batch, PostgresTable table, Write write, long resource, long now)
    {
        AddKey(Add(batch, table.Delete), table.Kind, write.Key, resource);
        if (table.Kind.Children.Count > 0)
        {
            Purge(batch, resource, table.Number, write.Key[0].Number, now);
        }
    }

    private static void Erase(NpgsqlBatch batch, Plan plan, long now)
    {
        var command = Add(batch, "INSERT INTO engine_erased (person, since) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        command.Add(plan.Erased.Value);
        command.Add(now);
        Purge(batch, plan.Resource, 0, plan.Erased.Value, now);
    }

    private static void Purge(NpgsqlBatch batch, long resource, long kind, long key, long now)
    {
        var command = Add(batch, PostgresPurge.Insert);
        command.Add(resource);
        command.Add(kind);
        command.Add(key);
        command.Add(now);
    }

    private static void AddKey(NpgsqlBatchCommand command, RecordKind kind, ColumnValue[] key, long resource)
    {
        for (var i = 0; i < key.Length; i++)
        {
            command.Add(key[i], kind.Columns[kind.KeyColumns[i]].Type);
        }

        command.Add(resource);
    }

    private static void AddColumns(NpgsqlBatchCommand command, List<ColumnValue[]> rows, List<Column> columns, IEnumerable<long> resources)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            command.Parameters.Add(PostgresParameters.Column(rows, i, columns[i]));
        }

        command.Add([.. resources]);
    }

    private NpgsqlBatchCommand AskForKindLock(NpgsqlBatch batch, string sql, IEnumerable<long> kinds)
    {
        var command = Ask(batch, sql, _ => { });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = PostgresLocks.Kind, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Add([.. kinds]);
        return command;
    }

    /// <summary>A statement whose rows are read by <paramref name="answer"/>; without one it answers no rows.</summary>
    private NpgsqlBatchCommand Ask(NpgsqlBatch batch, string sql, Action<NpgsqlDataReader>? answer)
    {
        if (answer is not null)
        {
            _answers.Add(answer);
        }

        return Add(batch, sql);
    }

    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command;
    }
}
