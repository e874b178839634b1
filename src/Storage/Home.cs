using Domicile.Residency;
using Domicile.Storage.Blobs;

namespace Domicile.Storage;

/// <summary>
/// Where one resource's data lives: its geography, its scale unit, its keys. The only door to storage; a handler is given one and cannot name another.
/// </summary>
public sealed class Home
{
    private readonly ScaleUnit? _unit;
    private readonly HomeStore? _store;

    /// <summary>The geography in which everything of the resource rests. It never changes.</summary>
    public required Geography Geography { get; init; }

    /// <summary>The resource's id; user ids contain it.</summary>
    public required Guid ResourceId { get; init; }

    /// <summary>The name of the scale unit in which it rests.</summary>
    public string ScaleUnit => Unit.Options.Name;

    /// <summary>The resource as storage knows it.</summary>
    public ResourceRef Resource => Store.Resource;

    /// <summary>Its records.</summary>
    public HomeStore Store => _store ?? throw NoUnit();

    /// <summary>Its sealed files.</summary>
    public HomeBlobs Blobs => new(Unit, Resource);

    /// <summary>What keeps records of it from being deleted.</summary>
    public Holds Holds => new(this, Unit);

    /// <summary>What holds keep of people who were erased.</summary>
    public Restrictions Restrictions => new(Unit, Resource);

    /// <summary>How long it keeps what.</summary>
    public RetentionRules Rules => new(this, Unit);

    /// <summary>Signals that are never at rest.</summary>
    public Ephemeral Ephemeral => Unit.Ephemeral;

    /// <summary>Gives out keys for new records.</summary>
    public ReferenceSource References => Unit.References;

    /// <summary>What only the geography's own home can do: add and remove resources. Null for a customer's.</summary>
    public ScaleUnitAdministration? Administration => Unit.AdministrationFor(this);

    internal ScaleUnit Unit
    {
        get => _unit ?? throw NoUnit();
        init => _unit = value;
    }

    internal ResourceRef StoredAs
    {
        init => _store = Unit.StoreOf(value);
    }

    /// <summary>Everything that is filed under a person.</summary>
    public SubjectRecords Subjects => new(Unit, Resource);

    /// <summary>When the present epoch of the keys ends: no copy of the key store that is made later opens what was destroyed in it.</summary>
    public DateTimeOffset KeyEpochEndsOn => Unit.Provider.CurrentSince + Unit.Options.Epoch;

    /// <summary>An id for an entry of the audit log that is to be found again (<see cref="AuditNote.Entry"/>).</summary>
    public long NextAuditEntry() => Unit.NextAuditEntry();

    /// <summary>Takes or keeps the right to do work that one node of the scale unit does at a time; done twice it must do no harm.</summary>
    /// <param name="work">Its name.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Whether this node has it until then.</returns>
    public ValueTask<bool> Lease(string work, TimeSpan duration, CancellationToken cancel) => Unit.Engine.Lease(work, duration, cancel);

    /// <summary>The person who has this identifier here, or null.</summary>
    public ValueTask<SubjectRef?> FindSubject(Identifier identifier, CancellationToken cancel) => Unit.Subjects.Find(Resource, identifier, cancel);

    /// <summary>Files a new person under one or more identifiers, durably.</summary>
    /// <exception cref="KeyExistsException">One of the identifiers is somebody's already.</exception>
    public Task<SubjectRef> AddSubject(IReadOnlyList<Identifier> identifiers, CancellationToken cancel) => Unit.Subjects.Add(Resource, identifiers, cancel);

    /// <summary>The identifiers of people; whoever was erased is missing from the answer.</summary>
    public ValueTask<IReadOnlyDictionary<SubjectRef, string>> Resolve(string purpose, IEnumerable<SubjectRef> subjects, CancellationToken cancel) =>
        Unit.Subjects.Resolve(Resource, purpose, subjects, cancel);

    /// <summary>The identifier of one person; null for nobody, or who was erased.</summary>
    public ValueTask<string?> Resolve(string purpose, SubjectRef subject, CancellationToken cancel) => Unit.Subjects.Resolve(Resource, purpose, subject, cancel);

    /// <summary>What a person is known by here; nothing once they are erased.</summary>
    public ValueTask<IReadOnlyList<Identifier>> IdentifiersOf(SubjectRef person, CancellationToken cancel) => Unit.Subjects.IdentifiersOf(Resource, person, cancel);

    /// <summary>
    /// Erases a person: their key and who they were are destroyed when this returns, so that what was theirs no longer opens; the rows follow in the
    /// background, each kind by its rule. After a crash it goes on by itself. What a hold covers of them is held back first, out of everybody's sight but that of who
    /// reads <see cref="Restrictions"/>; where another node is busy with something of theirs for seconds, their key is then destroyed in the background.
    /// </summary>
    /// <param name="subject">The person.</param>
    /// <param name="with">What else the batch does that begins the erasure, so that caches are told of it.</param>
    /// <param name="cancel">Gives up before the erasure has begun; once begun, it is finished.</param>
    /// <returns>Why it was refused, or null.</returns>
    public Task<Problem?> EraseSubject(SubjectRef subject, Action<Batch> with, CancellationToken cancel) => Unit.EraseSubject(Store, subject, with, cancel);

    /// <summary>A secret of the geography for one purpose: 32 bytes that stay the same, derived from a key that never leaves the key store in the clear.</summary>
    public ValueTask<byte[]> Secret(string purpose, CancellationToken cancel) => Unit.Secret(purpose, cancel);

    private static InvalidOperationException NoUnit() => new("This home has no scale unit behind it.");
}
