using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Postgres;

/// <summary>
/// What one group of plans needs to know, read under the group's locks, and brought up to date with each plan of the group that is carried out: the rows of
/// the database will be so when the group is written.
/// </summary>
internal sealed class PostgresKnownRows : IKnownRows
{
    private readonly HashSet<long> _resources = [0];
    private readonly HashSet<long> _erased = [];
    private readonly HashSet<RowKey> _going = [];
    private readonly Dictionary<RowKey, (long Version, bool Ended)> _rows = [];
    private readonly Dictionary<RowKey, ColumnValue[]> _taken = [];
    private readonly Dictionary<(RecordKind Kind, long Root), Head> _heads = [];
    private readonly Dictionary<RecordKind, PostgresTable> _tables;
    private readonly Dictionary<RowKey, Guid> _held = [];
    private readonly Dictionary<(long Person, long Resource), Guid> _heldPeople = [];

    public PostgresKnownRows(Dictionary<RecordKind, PostgresTable> tables)
    {
        _tables = tables;
    }

    /// <summary>The heads below which something was appended.</summary>
    public IEnumerable<IGrouping<RecordKind, (long Root, Appended Last)>> ChangedHeads =>
        _heads.Where(head => head.Value.IsChanged).Select(head => (head.Key.Kind, head.Key.Root, head.Value)).OrderBy(head => head.Root)
            .GroupBy(head => head.Kind, head => (head.Root, new Appended(head.Value.Sequence, head.Value.Arrival)));

    public void AddResource(long number) => _resources.Add(number);

    public void AddErased(long person) => _erased.Add(person);

    public void AddGoing(RecordKind kind, long root, long resource) => _going.Add(RowKey.Row(kind, [root], resource));

    public void AddRow(RecordKind kind, ColumnValue[] key, long resource, long version, bool ended) => _rows[RowKey.Row(kind, key, resource)] = (version, ended);

    public void AddTaken(PostgresTable.UniqueIndex index, ColumnValue[] values, long resource, ColumnValue[] by) => _taken[new RowKey(index, resource, values)] = by;

    public void AddHead(RecordKind kind, long root, long sequence, long arrival) => _heads[(kind, root)] = new Head { Sequence = sequence, Arrival = arrival };

    public void AddHold(RecordKind kind, ColumnValue[] key, long resource, Guid hold) => _held[RowKey.Row(kind, key, resource)] = hold;

    public void AddHold(long person, long resource, Guid hold) => _heldPeople[(person, resource)] = hold;

    public Guid? HoldOn(RecordKind kind, ColumnValue[] key, long resource) => _held.TryGetValue(RowKey.Row(kind, key, resource), out var hold) ? hold : null;

    public Guid? HoldOnPerson(long person, long resource) => _heldPeople.TryGetValue((person, resource), out var hold) ? hold : null;

    public bool HasResource(long resource) => _resources.Contains(resource);

    public bool HasRoot(RecordKind kind, long id, long resource) => Exists(kind, [id], resource);

    public bool Exists(RecordKind kind, ColumnValue[] key, long resource) => _rows.ContainsKey(RowKey.Row(kind, key, resource));

    public bool Lasts(RecordKind kind, ColumnValue[] key, long resource) => _rows.TryGetValue(RowKey.Row(kind, key, resource), out var row) && !row.Ended;

    public long VersionOf(RecordKind kind, ColumnValue[] key, long resource) => _rows.TryGetValue(RowKey.Row(kind, key, resource), out var row) ? row.Version : 0;

    public bool IsTaken(RecordKind kind, Write write, long resource)
    {
        foreach (var index in _tables[kind].Unique)
        {
            if (ValuesOf(index, write) is { } values && _taken.TryGetValue(new RowKey(index, resource, values), out var by) && !by.AsSpan().SequenceEqual(write.Key))
            {
                return true;
            }
        }

        return false;
    }

    public bool IsGoing(RecordKind kind, long root, long resource) => _going.Contains(RowKey.Row(kind, [root], resource));

    public IReadOnlyList<int> PeopleOf(RecordKind kind) => _tables[kind].People;

    public bool IsErased(long person) => _erased.Contains(person);

    public long LastArrival(RecordKind appended, long root) => _heads.TryGetValue((appended, root), out var head) ? head.Arrival : 0;

    /// <summary>Takes the next place below a root.</summary>
    public Appended Next(RecordKind kind, long root, long wantedArrival, long now)
    {
        if (!_heads.TryGetValue((kind, root), out var head))
        {
            _heads[(kind, root)] = head = new Head();
        }

        head.Sequence++;
        head.Arrival = Math.Max(wantedArrival > 0 ? wantedArrival : now, head.Arrival + 1);
        head.IsChanged = true;
        return new Appended(head.Sequence, head.Arrival);
    }

    /// <summary>Two writes to one record, or two records with what must be unique, in one plan: it cannot be carried out.</summary>
    public bool ContradictsItself(Plan plan)
    {
        if (plan.Writes.Count < 2)
        {
            return false;
        }

        var written = new HashSet<RowKey>();
        foreach (var write in plan.Writes.Where(write => write.What != WriteKind.Append))
        {
            if (!written.Add(RowKey.Row(write.Kind, write.Key, plan.ResourceOf(write))))
            {
                return true;
            }

            if (write.What != WriteKind.Delete && _tables[write.Kind].Unique.Any(index => ValuesOf(index, write) is { } values && !written.Add(new RowKey(index, plan.ResourceOf(write), values))))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A plan is carried out: what it writes is what the next one finds.</summary>
    public void Write(Plan plan, Write write)
    {
        var resource = plan.ResourceOf(write);
        var (kind, row) = (write.Kind, RowKey.Row(write.Kind, write.Key, resource));
        foreach (var index in _tables[kind].Unique.Where(_ => write.What is WriteKind.Put or WriteKind.Delete))
        {
            // What it had is free; the few of one group are looked through.
            foreach (var (values, _) in _taken.Where(taken => taken.Value.AsSpan().SequenceEqual(write.Key) && taken.Key.IsOf(index)).ToList())
            {
                _taken.Remove(values);
            }
        }

        if (write.What == WriteKind.Delete)
        {
            _rows.Remove(row);
            if (kind.Children.Count > 0)
            {
                _going.Add(row);
                foreach (var child in kind.Children)
                {
                    _heads.Remove((child, write.Key[0].Number));
                }
            }

            return;
        }

        _rows[row] = (write.Version, kind.EndedColumn >= 0 && !write.Values[kind.EndedColumn].IsNull);
        foreach (var index in _tables[kind].Unique)
        {
            if (ValuesOf(index, write) is { } values)
            {
                _taken[new RowKey(index, resource, values)] = write.Key;
            }
        }
    }

    /// <summary>The values that must be unique; null when one of them is empty, which is never the same as another.</summary>
    public static ColumnValue[]? ValuesOf(PostgresTable.UniqueIndex index, Write write)
    {
        var values = new ColumnValue[index.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = write.Values[index.Columns[i]];
            if (values[i].IsNull)
            {
                return null;
            }
        }

        return values;
    }

    private sealed class Head
    {
        public long Sequence { get; set; }

        public long Arrival { get; set; }

        public bool IsChanged { get; set; }
    }
}
