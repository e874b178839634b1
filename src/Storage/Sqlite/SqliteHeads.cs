using Domicile.Residency;

namespace Domicile.Storage.Sqlite;

/// <summary>
/// The writer's memory: which resources and roots exist, who was erased, and how far sequences have come. Heads are written once per group, not once per row.
/// Only the writer's thread touches it.
/// </summary>
internal sealed class SqliteHeads
{
    private const int Capacity = 32_768;
    private readonly Dictionary<(SqliteTable Table, long Parent), Head> _heads = [];
    private readonly Dictionary<(SqliteTable Table, long Id), long> _roots = [];
    private readonly HashSet<(SqliteTable Table, long Resource, long First, long Second)> _lasting = [];
    private readonly List<Head> _dirty = [];
    private readonly HashSet<long> _resources = [];
    private readonly HashSet<long> _erased = [];
    private readonly List<long> _erasedInGroup = [];

    /// <summary>Whether there is a resource of that number; 0 is the geography's own.</summary>
    public bool HasResource(SqliteSession session, long number)
    {
        if (number == 0 || _resources.Contains(number))
        {
            return true;
        }

        var statement = session.Prepare("SELECT 1 FROM engine_resource WHERE number = ?1").Bind(1, number);
        var exists = statement.Step();
        statement.Reset();
        if (exists)
        {
            _resources.Add(number);
        }

        return exists;
    }

    /// <summary>A resource went.</summary>
    public void RemoveResource(long number) => _resources.Remove(number);

    /// <summary>Whether the person's erasure has begun. What was sealed before that and is still on its way must not be written any more.</summary>
    public bool IsErased(long person) => _erased.Count > 0 && _erased.Contains(person);

    /// <summary>A person's erasure begins.</summary>
    public void Erase(long person)
    {
        if (_erased.Add(person))
        {
            _erasedInGroup.Add(person);
        }
    }

    /// <summary>Whether a root of this resource exists.</summary>
    public bool Exists(SqliteSession session, SqliteTable root, long id, long resource)
    {
        if (_roots.TryGetValue((root, id), out var owner))
        {
            return owner == resource;
        }

        var statement = session.Prepare(root.Exists).Bind(1, id).Bind(2, resource);
        var exists = statement.Step();
        statement.Reset();
        if (exists)
        {
            if (_roots.Count >= Capacity)
            {
                _roots.Clear();
            }

            _roots.Add((root, id), resource);
        }

        return exists;
    }

    /// <summary>
    /// Whether a record of this resource exists and has not ended. What was found of a record with a key of two numbers, such as a membership, is remembered
    /// until the record changes.
    /// </summary>
    public bool Lasts(SqliteSession session, SqliteTable table, ColumnValue[] key, long resource)
    {
        var isRemembered = key is [{ Type: ColumnType.Integer, IsNull: false }, { Type: ColumnType.Integer, IsNull: false }];
        if (isRemembered && _lasting.Contains((table, resource, key[0].Number, key[1].Number)))
        {
            return true;
        }

        var lasts = session.PrepareFixed(table.Lasting).BindKey(key, resource).StepOnce();
        if (lasts && isRemembered)
        {
            if (_lasting.Count >= Capacity)
            {
                _lasting.Clear();
            }

            _lasting.Add((table, resource, key[0].Number, key[1].Number));
        }

        return lasts;
    }

    /// <summary>A record was written or went.</summary>
    public void Changed(SqliteTable table, ColumnValue[] key, long resource)
    {
        if (key.Length == 2)
        {
            _lasting.Remove((table, resource, key[0].Number, key[1].Number));
        }
    }

    /// <summary>Takes the next place below a parent.</summary>
    public Appended Next(SqliteSession session, SqliteTable table, long parent, long wantedArrival, long now)
    {
        var head = Of(session, table, parent);
        head.Sequence++;
        head.Arrival = Math.Max(wantedArrival > 0 ? wantedArrival : now, head.Arrival + 1);
        if (!head.IsDirty)
        {
            head.IsDirty = true;
            _dirty.Add(head);
        }

        return new Appended(head.Sequence, head.Arrival);
    }

    /// <summary>The last arrival below a parent; 0 when there was none.</summary>
    public long LastArrival(SqliteSession session, SqliteTable table, long parent) => Of(session, table, parent).Arrival;

    /// <summary>A root went.</summary>
    public void Remove(SqliteTable root, long id)
    {
        _roots.Remove((root, id));
        foreach (var child in _heads.Keys.Where(key => key.Parent == id && key.Table.Kind.Parent == root.Kind).ToList())
        {
            _dirty.Remove(_heads[child]);
            _heads.Remove(child);
        }
    }

    /// <summary>Writes what changed, in the group's transaction.</summary>
    public void Write(SqliteSession session)
    {
        foreach (var head in _dirty)
        {
            session.PrepareFixed(head.Table.WriteHead).Bind(1, head.Parent).Bind(2, head.Sequence).Bind(3, head.Arrival).Run();
            head.IsDirty = false;
        }

        _dirty.Clear();
    }

    /// <summary>The group is durable.</summary>
    public void Committed() => _erasedInGroup.Clear();

    /// <summary>The group was undone.</summary>
    public void Undone()
    {
        _erasedInGroup.ForEach(person => _erased.Remove(person));
        _erasedInGroup.Clear();
        _resources.Clear();
        Forget();
    }

    /// <summary>Roots came or went otherwise than through <see cref="Remove"/>.</summary>
    public void Forget()
    {
        _heads.Clear();
        _roots.Clear();
        _lasting.Clear();
        _dirty.Clear();
    }

    private Head Of(SqliteSession session, SqliteTable table, long parent)
    {
        if (!_heads.TryGetValue((table, parent), out var head))
        {
            if (_heads.Count >= Capacity && _dirty.Count == 0)
            {
                _heads.Clear();
            }

            head = new Head(table, parent);
            var statement = session.Prepare(table.ReadHead).Bind(1, parent);
            if (statement.Step())
            {
                (head.Sequence, head.Arrival) = (statement.Number(0), statement.Number(1));
                statement.Reset();
            }

            _heads.Add((table, parent), head);
        }

        return head;
    }

    private sealed class Head(SqliteTable table, long parent)
    {
        public SqliteTable Table { get; } = table;

        public long Parent { get; } = parent;

        public long Sequence { get; set; }

        public long Arrival { get; set; }

        public bool IsDirty { get; set; }
    }
}
