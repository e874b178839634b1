using System.Reflection;
using System.Text.Json.Serialization.Metadata;

namespace Domicile.Residency;

/// <summary>
/// Every kind of record that exists. From it come the tables, the seals, the sweep, a person's view, export and erasure, and the published inventory:
/// the declaration is the way to persist.
/// </summary>
public sealed class Catalogue
{
    private readonly Dictionary<Type, RecordKind> _byType = [];
    private readonly List<RecordKind> _kinds = [];
    private readonly List<string> _faults = [];
    private bool _closed;

    /// <summary>The kinds, in order of declaration.</summary>
    public IReadOnlyList<RecordKind> Kinds => _kinds;

    /// <summary>Declares a kind.</summary>
    /// <typeparam name="T">The record's type.</typeparam>
    /// <param name="json">The source-generated serializer of the module; used for the sealed part.</param>
    public Catalogue Add<T>(IJsonTypeInfoResolver json)
        where T : class
    {
        if (_closed)
        {
            throw new InvalidOperationException("The catalogue is closed: kinds are declared before the start.");
        }

        if (typeof(T).GetCustomAttribute<RecordAttribute>() is not { } declaration)
        {
            _faults.Add($"{typeof(T).Name} is not declared with [Record].");
            return this;
        }

        var kind = new RecordKind<T>(declaration, json, _faults);
        if (_byType.TryAdd(typeof(T), kind))
        {
            _kinds.Add(kind);
        }

        return this;
    }

    /// <summary>Checks that everything holds together, and closes the catalogue.</summary>
    /// <exception cref="CatalogueException">It does not; every fault is told.</exception>
    public Catalogue Close()
    {
        foreach (var kind in _kinds.Where(kind => kind.ParentType is not null))
        {
            kind.Parent = _byType.GetValueOrDefault(kind.ParentType!);
        }

        foreach (var kind in _kinds)
        {
            kind.Children = [.. _kinds.Where(child => child.Parent == kind)];
            kind.FindsOwners = _kinds.Any(found => found.OwnerFoundBy == kind.ClrType);
            if (kind.ClrType.GetCustomAttributes().OfType<IIdleDeclaration>().SingleOrDefault() is { } idle)
            {
                kind.Idle = _byType.TryGetValue(idle.Appended, out var appended) ? new IdleRule(appended, idle.Days) : null;
                if (kind.Idle is not { Days: >= 1 and <= 3650, Appended.Layout: Layout.Append } rule || rule.Appended.Parent != kind || kind.Columns.All(column => !column.Role.HasFlag(ColumnRole.Clock)))
                {
                    _faults.Add($"{kind.Name}: an idle rule names a kind that is appended below it, 1–3650 days, and a [Clock] from which it counts while nothing is.");
                }
            }
        }

        foreach (var kind in _kinds)
        {
            kind.Choice = kind switch
            {
                { Idle: { } idle } => new RetentionChoice(idle.Days, 1, 3650, MayBeUnlimited: true, PerRoot: true),
                { KeptBetween: { } between, Layout: Layout.Append } => new RetentionChoice(0, between.Least, between.Most, MayBeUnlimited: true, PerRoot: true),
                { KeptBetween: { } between } => new RetentionChoice((int)kind.Age.TotalDays, between.Least, between.Most, MayBeUnlimited: false, PerRoot: false),
                _ => null,
            };
        }

        var faults = _faults.Concat(_kinds.SelectMany(CatalogueRules.FaultsOf)).Concat(CatalogueRules.FaultsOf(_kinds)).ToList();
        if (faults.Count > 0)
        {
            throw new CatalogueException(faults);
        }

        _closed = true;
        return this;
    }

    /// <summary>The kind of a type.</summary>
    /// <exception cref="InvalidOperationException">The type is not declared.</exception>
    public RecordKind<T> Of<T>()
        where T : class =>
        _byType.TryGetValue(typeof(T), out var kind)
            ? (RecordKind<T>)kind
            : throw new InvalidOperationException($"{typeof(T).Name} is not in the catalogue.");

    /// <summary>The kind of a type, or null.</summary>
    public RecordKind? Find(Type type) => _byType.GetValueOrDefault(type);

    /// <summary>The kind of a name, or null.</summary>
    public RecordKind? Find(string name) => _kinds.FirstOrDefault(kind => kind.Name == name);
}

/// <summary>The catalogue does not hold together; the start is refused.</summary>
/// <param name="faults">Everything that is wrong.</param>
public sealed class CatalogueException(IReadOnlyList<string> faults)
    : Exception("The catalogue does not hold together:" + Environment.NewLine + string.Join(Environment.NewLine, faults))
{
    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
