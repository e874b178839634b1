using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// The unit of change: checks and writes that are applied all or nothing. The checks see what was there before the batch; two writes to one record
/// in one batch are not allowed.
/// </summary>
public sealed class Batch
{
    private readonly Catalogue _catalogue;
    private readonly long _resource;
    private readonly List<Check> _checks = [];
    private readonly List<Unsealed> _writes = [];
    private List<AuditNote>? _notes;
    private RootLock? _lock;

    internal Batch(Catalogue catalogue, long resource)
    {
        _catalogue = catalogue;
        _resource = resource;
    }

    internal RootLock? RootLock => _lock;

    internal SubjectRef Erased { get; private set; }

    internal IdleRoot? Unused { get; set; }

    internal AuditedAct? AuditedWrites { get; private set; }

    internal IReadOnlyList<Check> Checks => _checks;

    internal IReadOnlyList<Unsealed> Writes => _writes;

    internal IReadOnlyList<AuditNote> Notes => _notes ?? [];

    /// <summary>The root under which the batch works: it must exist, and no other batch of the same root runs at the same time.</summary>
    public Batch Lock<T>(Ref<T> root, Problem otherwise)
        where T : class
    {
        _lock = _lock is null ? new RootLock(_catalogue.Of<T>(), root.Value, otherwise) : throw new InvalidOperationException("A batch has one root.");
        return this;
    }

    /// <summary>The same, of a kind that is known by its declaration only.</summary>
    internal Batch LockRoot(RecordKind kind, long root, Problem otherwise)
    {
        _lock = _lock is null ? new RootLock(kind, root, otherwise) : throw new InvalidOperationException("A batch has one root.");
        return this;
    }

    /// <summary>The record must exist, and not have ended.</summary>
    public Batch Require<T>(ColumnValue[] key, Problem otherwise)
        where T : class
    {
        _checks.Add(new Check(_catalogue.Of<T>(), key, MustExist: true, otherwise));
        return this;
    }

    /// <summary>There must be no such record.</summary>
    public Batch Forbid<T>(ColumnValue[] key, Problem otherwise)
        where T : class
    {
        _checks.Add(new Check(_catalogue.Of<T>(), key, MustExist: false, otherwise));
        return this;
    }

    /// <summary>A new record. Refused as <paramref name="otherwise"/>, or as <see cref="StorageProblems.Exists"/>, when the key is taken.</summary>
    public Batch Insert<T>(T record, Problem? otherwise = null)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        _writes.Add(kind.Layout == Layout.Append
            ? throw new InvalidOperationException($"{kind.Name} is appended, never inserted.")
            : new Unsealed<T>(kind, WriteKind.Insert, record, otherwise));
        return this;
    }

    /// <summary>A new record at the end of the locked root's sequence; the store allocates its place.</summary>
    public Batch Append<T>(T record)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        _writes.Add(kind.Layout == Layout.Append
            ? new Unsealed<T>(kind, WriteKind.Append, record, null)
            : throw new InvalidOperationException($"{kind.Name} has no [Sequence], so it is inserted, not appended."));
        return this;
    }

    /// <summary>
    /// Nothing was appended to the locked root since its last arrival was this one (0: nothing at all); else refused as <see cref="StorageProblems.Changed"/>. So a record that
    /// names its own arrival gets exactly that, when it is later.
    /// </summary>
    public Batch RequireLast<T>(long lastArrival)
        where T : class
    {
        var root = _lock ?? throw new InvalidOperationException("What was appended last is asked of a locked root.");
        Unused = new IdleRoot(_resource, _catalogue.Of<T>(), root.Id, lastArrival);
        return this;
    }

    /// <summary>
    /// A new content for a record that was read before. Refused when it was changed since (<see cref="StorageProblems.Changed"/>), or is gone
    /// (<paramref name="otherwise"/>, or <see cref="StorageProblems.Missing"/>).
    /// </summary>
    public Batch Put<T>(T record, Problem? otherwise = null)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        _writes.Add(kind.IsVersioned
            ? new Unsealed<T>(kind, WriteKind.Put, record, otherwise)
            : throw new InvalidOperationException($"{kind.Name} has no [Version], so it is never changed."));
        return this;
    }

    /// <summary>The record goes, and with it everything that belongs to it. When it is not there: refused as <paramref name="otherwise"/>, or fine without one.</summary>
    public Batch Delete<T>(ColumnValue[] key, Problem? otherwise = null)
        where T : class
    {
        var kind = _catalogue.Of<T>();
        _writes.Add(kind.FindsOwners
            ? throw new InvalidOperationException($"{kind.Name} says where people's records lie, so it ends, and goes only with its parent or the person.")
            : new Unsealed(kind, WriteKind.Delete, key, otherwise));
        return this;
    }

    /// <summary>
    /// Writes into the geography's audit log what this batch does, in the same transaction: nothing of it is done without the entry, nor the entry without it.
    /// </summary>
    public Batch Audit(AuditNote note)
    {
        (_notes ??= []).Add(note);
        return this;
    }

    /// <summary>
    /// Writes into the geography's audit log that the act was done, by a digest of what this batch writes. Who and what are in those records, and go with them.
    /// For acts by the thousand: the batches of one flush share one row of the log.
    /// </summary>
    public Batch AuditWrites(AuditedAct act)
    {
        AuditedWrites = act;
        return this;
    }

    /// <summary>Begins the erasure of a person; <see cref="Home.EraseSubject"/> goes on from there.</summary>
    internal Batch Erase(SubjectRef person)
    {
        Erased = person;
        return this;
    }

    /// <summary>A write before it is sealed.</summary>
    internal class Unsealed(RecordKind kind, WriteKind what, ColumnValue[] key, Problem? otherwise)
    {
        public RecordKind Kind { get; } = kind;

        public WriteKind What { get; } = what;

        public Problem? Otherwise { get; } = otherwise;

        public virtual ValueTask<Write?> Close(Sealer sealer, ResourceRef resource, CancellationToken cancel) =>
            new(new Write(Kind, What, key, [], null, 0, Otherwise));
    }

    private sealed class Unsealed<T>(RecordKind<T> kind, WriteKind what, T record, Problem? otherwise) : Unsealed(kind, what, [], otherwise)
        where T : class
    {
        public override async ValueTask<Write?> Close(Sealer sealer, ResourceRef resource, CancellationToken cancel)
        {
            var values = kind.Values(record);
            var version = kind.VersionOf(record) + 1;
            if (!await sealer.KnowsMentioned(kind, values, cancel))
            {
                return null;
            }

            if (What == WriteKind.Insert && kind.Children.Count > 0)
            {
                await sealer.EnsureKey(kind, values, resource, cancel);
            }

            var payload = await sealer.Close(kind, record, values, version, resource, cancel);
            return payload is null ? null : new Write(kind, What, KeyOf(values), values, payload, version, Otherwise);
        }

        private ColumnValue[] KeyOf(ColumnValue[] values) =>
            What == WriteKind.Append ? [values[kind.ParentColumn]] : kind.KeyOf(values);
    }
}
