using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>What the writer's session finds, with the writer's memory before it. Only the writer's thread touches it.</summary>
internal sealed class SqliteKnownRows(SqliteSession session, IReadOnlyDictionary<RecordKind, SqliteTable> tables, SqliteHeads heads, HoldSql? holds) : IKnownRows
{
    private readonly Dictionary<RecordKind, string> _holds = [];
    private readonly string _ofPerson = $"SELECT {holds?.OfPerson("?1", "?2")}";

    public bool HasResource(long resource) => heads.HasResource(session, resource);

    public bool HasRoot(RecordKind kind, long id, long resource) => heads.Exists(session, tables[kind], id, resource);

    public bool Exists(RecordKind kind, ColumnValue[] key, long resource) => session.PrepareFixed(tables[kind].Exists).BindKey(key, resource).StepOnce();

    public bool Lasts(RecordKind kind, ColumnValue[] key, long resource) => heads.Lasts(session, tables[kind], key, resource);

    public long VersionOf(RecordKind kind, ColumnValue[] key, long resource)
    {
        var version = session.PrepareFixed(tables[kind].Version).BindKey(key, resource);
        var found = version.Step() ? version.Number(0) : 0;
        version.Reset();
        return found;
    }

    /// <remarks>Two conflicting rows of one batch are left to the index; everything else is found here, so that a conflict does not undo the group.</remarks>
    public bool IsTaken(RecordKind kind, Write write, long resource)
    {
        foreach (var index in tables[kind].Unique)
        {
            var statement = session.PrepareFixed(index.Taken).BindKey(write.Key, resource);
            for (var i = 0; i < index.Columns.Count; i++)
            {
                statement.Bind(write.Key.Length + 2 + i, write.Values[index.Columns[i]]);
            }

            if (statement.StepOnce())
            {
                return true;
            }
        }

        return false;
    }

    public bool IsGoing(RecordKind kind, long root, long resource) =>
        session.PrepareFixed(Going).Bind(1, resource).Bind(2, tables[kind].Number).Bind(3, root).StepOnce();

    public IReadOnlyList<int> PeopleOf(RecordKind kind) => tables[kind].People;

    public bool IsErased(long person) => heads.IsErased(person);

    public long LastArrival(RecordKind appended, long root) => heads.LastArrival(session, tables[appended], root);

    public Guid? HoldOn(RecordKind kind, ColumnValue[] key, long resource)
    {
        if (holds is null)
        {
            return null;
        }

        if (!_holds.TryGetValue(kind, out var sql))
        {
            _holds.Add(kind, sql = tables[kind].HoldOn(holds));
        }

        return Read(session.PrepareFixed(sql).BindKey(key, resource));
    }

    public Guid? HoldOnPerson(long person, long resource) => holds is null ? null : Read(session.PrepareFixed(_ofPerson).Bind(1, person).Bind(2, resource));

    private static Guid? Read(SqliteStatement row)
    {
        Guid? hold = row.Step() && !row.IsNull(0) ? new Guid(row.Bytes(0), bigEndian: true) : null;
        row.Reset();
        return hold;
    }

    private const string Going = "SELECT 1 FROM engine_purge WHERE resource = ?1 AND kind = ?2 AND key = ?3";
}
