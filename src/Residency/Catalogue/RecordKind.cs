using System.Buffers;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Domicile.Residency;

/// <summary>One kind of record, as its type declares it.</summary>
public abstract class RecordKind
{
    private protected RecordKind(Type type, RecordAttribute declaration)
    {
        ClrType = type;
        Name = declaration.Kind;
        Table = declaration.Kind.Replace('.', '_').ToLowerInvariant();
        Category = declaration.Category;
        Retention = declaration.Retention;
        Layout = declaration.Layout;
        Age = TimeSpan.FromDays(declaration.AgeDays);
        Erasure = declaration.Erasure;
        ErasureReason = declaration.ErasureReason;
        Exposure = declaration.Exposure;
        IsHistory = declaration.IsHistory || declaration.Layout == Layout.Append;
        IsTransit = declaration.IsTransit;
        Note = declaration.Note;
        KeptBetween = type.GetCustomAttribute<KeptBetweenAttribute>();
        Indexes = [.. type.GetCustomAttributes<IndexAttribute>()];
    }

    /// <summary>The record's type.</summary>
    public Type ClrType { get; }

    /// <summary>The kind's name, such as <c>chat.message</c>.</summary>
    public string Name { get; }

    /// <summary>The table that holds it.</summary>
    public string Table { get; }

    /// <summary>What it is.</summary>
    public DataCategory Category { get; }

    /// <summary>When it must be gone.</summary>
    public Retention Retention { get; }

    /// <summary>How its rows lie.</summary>
    public Layout Layout { get; }

    /// <summary>Age at which it must be gone, for <see cref="Retention.FixedAge"/>.</summary>
    public TimeSpan Age { get; }

    /// <summary>What the erasure of its owner does to it.</summary>
    public ErasureRule Erasure { get; }

    /// <summary>The legal reason for keeping it.</summary>
    public string? ErasureReason { get; }

    /// <summary>Accessed, cached or stored.</summary>
    public Exposure Exposure { get; }

    /// <summary>Whether what a record said before counts too: a hold keeps it from being changed, not only from being deleted.</summary>
    public bool IsHistory { get; }

    /// <summary>Whether it is a copy on its way to somebody else, which no hold keeps.</summary>
    public bool IsTransit { get; }

    /// <summary>A sentence for the inventory.</summary>
    public string? Note { get; }

    /// <summary>When a record goes because nothing was appended below it, or null. Known once the catalogue is closed.</summary>
    public IdleRule? Idle { get; internal set; }

    /// <summary>What customers may set of how long it is kept, or null. Known once the catalogue is closed.</summary>
    public RetentionChoice? Choice { get; internal set; }

    /// <summary>The days between which its age may be set, or null.</summary>
    internal KeptBetweenAttribute? KeptBetween { get; }

    /// <summary>The event with which it goes, or null.</summary>
    public string? Ending { get; private protected set; }

    /// <summary>The column with the key of what ends, or −1.</summary>
    public int EndingColumn { get; private protected set; } = -1;

    /// <summary>Its indexes, each with the query that it serves.</summary>
    public IReadOnlyList<IndexAttribute> Indexes { get; }

    /// <summary>The columns that the record's members are, in order of declaration.</summary>
    public abstract IReadOnlyList<Column> Columns { get; }

    /// <summary>What is in the sealed part: name and note of each member.</summary>
    public abstract IReadOnlyList<SealedMember> SealedMembers { get; }

    /// <summary>The columns of the key, in order.</summary>
    public IReadOnlyList<int> KeyColumns { get; private protected set; } = [];

    /// <summary>The key among a record's columns.</summary>
    public ColumnValue[] KeyOf(IReadOnlyList<ColumnValue> values) => [.. KeyColumns.Select(column => values[column])];

    /// <summary>The column that names the parent, or −1.</summary>
    public int ParentColumn { get; private protected set; } = -1;

    /// <summary>The column of the owner, or −1.</summary>
    public int OwnerColumn { get; private protected set; } = -1;

    /// <summary>The column with the gapless position, or −1.</summary>
    public int SequenceColumn { get; private protected set; } = -1;

    /// <summary>The column with the instant of arrival, or −1.</summary>
    public int ArrivalColumn { get; private protected set; } = -1;

    /// <summary>The column that says when the relation ended, or −1.</summary>
    public int EndedColumn { get; private protected set; } = -1;

    /// <summary>The column from which a fixed age counts or that holds the instant of expiry, or −1 when time alone never ends the record.</summary>
    public int ExpiryColumn { get; private protected set; } = -1;

    /// <summary>The column that names the record's file, or −1.</summary>
    public int BlobColumn { get; private protected set; } = -1;

    /// <summary>The type of the parent, or null.</summary>
    public Type? ParentType { get; private protected set; }

    /// <summary>The kind of the parent, or null. Known once the catalogue is closed.</summary>
    public RecordKind? Parent { get; internal set; }

    /// <summary>The kinds whose parent this is. Known once the catalogue is closed.</summary>
    public IReadOnlyList<RecordKind> Children { get; internal set; } = [];

    /// <summary>The root under whose key a record is sealed: itself where others lie below it, else its parent; null for what lies in the resource alone. Known once the catalogue is closed.</summary>
    public RecordKind? Root => Children.Count > 0 ? this : Parent;

    /// <summary>The column with the key of <see cref="Root"/>, or −1.</summary>
    public int RootColumn => Children.Count > 0 ? ReferenceColumn : ParentColumn;

    /// <summary>The kind that says in which parents an owner's records can lie, or null when the owner is indexed.</summary>
    public Type? OwnerFoundBy { get; private protected set; }

    /// <summary>Whether it says in which parents the records of another kind's owners lie. Known once the catalogue is closed.</summary>
    public bool FindsOwners { get; internal set; }

    /// <summary>Whether rows are changed after they were written.</summary>
    public bool IsVersioned { get; private protected set; }

    /// <summary>Whether the record can say that its owner was erased.</summary>
    public bool SaysErased { get; private protected set; }

    /// <summary>The single 64-bit key of a kind that can be a parent, or −1.</summary>
    public int ReferenceColumn =>
        KeyColumns is [var only] && Columns[only].Type == ColumnType.Integer && !Columns[only].IsAllocated ? only : -1;

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A member of the sealed part.</summary>
/// <param name="Name">The member's name.</param>
/// <param name="Note">A note for the inventory.</param>
public sealed record SealedMember(string Name, string? Note)
{
    /// <summary>The member's name in the content.</summary>
    public string JsonName { get; init; } = Name;

    /// <summary>The member's type when the person whose record it is may have it corrected; else null.</summary>
    public Type? Rectifiable { get; init; }
}

/// <summary>One kind of record with its type: reads and writes it.</summary>
/// <typeparam name="T">The record.</typeparam>
public sealed class RecordKind<T> : RecordKind
    where T : class
{
    private static readonly byte[] NoMembers = "{}"u8.ToArray();
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    private static Utf8JsonWriter? t_writer;

    private readonly List<Column<T>> _columns = [];
    private readonly List<SealedMember> _sealed = [];
    private readonly JsonTypeInfo<T> _json;
    private readonly List<(string JsonName, PropertyInfo Property)> _defaults;
    private readonly Action<T, long>? _setVersion;
    private readonly Func<T, long>? _getVersion;
    private readonly Action<T, DateTimeOffset?>? _setErased;

    internal RecordKind(RecordAttribute declaration, IJsonTypeInfoResolver resolver, List<string> faults)
        : base(typeof(T), declaration)
    {
        var keys = new List<int>();
        foreach (var property in typeof(T).GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(IsPersistent).OrderBy(property => property.MetadataToken))
        {
            if (property.GetCustomAttribute<VersionAttribute>() is not null)
            {
                IsVersioned = true;
                if (property.PropertyType != typeof(long))
                {
                    faults.Add($"{Name}: {property.Name} is a [Version], so it is a long.");
                    continue;
                }

                _setVersion = property.SetMethod!.CreateDelegate<Action<T, long>>();
                _getVersion = property.GetMethod!.CreateDelegate<Func<T, long>>();
                continue;
            }

            if (property.GetCustomAttribute<ErasedAttribute>() is not null)
            {
                SaysErased = true;
                if (property.PropertyType != typeof(DateTimeOffset?))
                {
                    faults.Add($"{Name}: {property.Name} is [Erased], so it is a DateTimeOffset that may be empty.");
                    continue;
                }

                _setErased = property.SetMethod!.CreateDelegate<Action<T, DateTimeOffset?>>();
                continue;
            }

            var (role, reason) = RoleOf(property);
            if (reason is null)
            {
                _sealed.Add(new SealedMember(property.Name, property.GetCustomAttribute<NoteAttribute>()?.Text)
                {
                    Rectifiable = property.GetCustomAttribute<RectifiableAttribute>() is null ? null : property.PropertyType,
                });
                continue;
            }

            if (ColumnCodecs.For(property.PropertyType) is not { } codec)
            {
                faults.Add($"{Name}: {property.Name} is a column, but no column can hold a {property.PropertyType.Name}.");
                continue;
            }

            var at = _columns.Count;
            faults.AddRange(CatalogueRules.FaultsOfTwice(this, property.Name, role, _columns));
            _columns.Add((Column<T>)Activator.CreateInstance(
                typeof(Column<,>).MakeGenericType(typeof(T), property.PropertyType), property, codec, role, reason)!);
            Place(property, role, at, keys);
        }

        KeyColumns = keys;
        _json = JsonOf(resolver);
        _defaults = DefaultsOf();
        for (var i = 0; i < _sealed.Count; i++)
        {
            _sealed[i] = _sealed[i] with { JsonName = JsonNameOf(_sealed[i].Name) };
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Column> Columns => _columns;

    /// <inheritdoc/>
    public override IReadOnlyList<SealedMember> SealedMembers => _sealed;

    /// <summary>The values of the record's columns, in order.</summary>
    public ColumnValue[] Values(T record)
    {
        var values = new ColumnValue[_columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = _columns[i].Get(record);
        }

        return values;
    }

    /// <summary>The row version that the record was read with; 0 for a new one.</summary>
    public long VersionOf(T record) => _getVersion?.Invoke(record) ?? 0;

    /// <summary>Writes the part that is to be sealed.</summary>
    public void WriteContent(T record, IBufferWriter<byte> output)
    {
        // Interrupted by an exception, a writer is in no state to be used again.
        var writer = t_writer ?? new Utf8JsonWriter(output, Writing);
        t_writer = null;
        writer.Reset(output);
        JsonSerializer.Serialize(writer, record, _json);
        writer.Flush();
        t_writer = writer;
    }

    /// <summary>Puts a record together from its opened content and its columns.</summary>
    /// <param name="content">The opened content; empty when the owner was erased.</param>
    /// <param name="values">The values of the columns, in order.</param>
    /// <param name="version">The row version.</param>
    /// <param name="erasedOn">The day on which the owner was erased.</param>
    public T Read(ReadOnlySpan<byte> content, ReadOnlySpan<ColumnValue> values, long version, DateTimeOffset? erasedOn)
    {
        var record = JsonSerializer.Deserialize(content.IsEmpty ? NoMembers : content, _json)
            ?? throw new InvalidDataException($"A sealed {Name} holds no object.");
        if (_defaults.Count > 0)
        {
            SetDefaults(record, content);
        }

        for (var i = 0; i < _columns.Count; i++)
        {
            _columns[i].Set(record, values[i]);
        }

        _setVersion?.Invoke(record, version);
        _setErased?.Invoke(record, erasedOn);
        return record;
    }

    /// <summary>Gives members that the content does not have what a new record would have in them.</summary>
    private void SetDefaults(T record, ReadOnlySpan<byte> content)
    {
        var present = new HashSet<string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(content.IsEmpty ? NoMembers : content);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
            {
                present.Add(reader.GetString()!);
                reader.Skip();
            }
        }

        T? fresh = null;
        foreach (var (name, property) in _defaults)
        {
            if (!present.Contains(name))
            {
                property.SetValue(record, property.GetValue(fresh ??= Activator.CreateInstance<T>()));
            }
        }
    }

    /// <summary>
    /// The sealed members that have an initializer. The generated serializer sets every init-only member, one that is missing to nothing
    /// (https://learn.microsoft.com/dotnet/standard/serialization/system-text-json/source-generation), so content from before the member would lose its default.
    /// </summary>
    private List<(string JsonName, PropertyInfo Property)> DefaultsOf()
    {
        if (typeof(T).GetConstructor(Type.EmptyTypes) is null)
        {
            return [];
        }

        var fresh = Activator.CreateInstance<T>();
        return
        [
            .. from member in _sealed
               let property = typeof(T).GetProperty(member.Name)!
               let value = property.GetValue(fresh)
               where value is not null && !(property.PropertyType.IsValueType && value.Equals(Activator.CreateInstance(property.PropertyType)))
               select (JsonNameOf(member.Name), property),
        ];
    }

    private string JsonNameOf(string member) => _json.Properties.First(known => known.AttributeProvider is MemberInfo info && info.Name == member).Name;

    private static bool IsPersistent(PropertyInfo property) =>
        property.SetMethod is not null && property.GetIndexParameters().Length == 0 && property.GetCustomAttribute<JsonIgnoreAttribute>() is null;

    private static (ColumnRole Role, string? Reason) RoleOf(PropertyInfo property)
    {
        var role = ColumnRole.None;
        string? reason = null;
        foreach (var attribute in property.GetCustomAttributes())
        {
            (role, reason) = attribute switch
            {
                KeyAttribute => (role | ColumnRole.Key, reason ?? "key"),
                IParentDeclaration => (role | ColumnRole.Parent, "key of the parent"),
                SequenceAttribute => (role | ColumnRole.Sequence, "position in the parent"),
                ArrivalAttribute => (role | ColumnRole.Arrival, "instant of arrival, orders the parent's records"),
                IdentityAttribute => (role | ColumnRole.Identity, "random, binds the seal"),
                OwnerAttribute => (role | ColumnRole.Owner, "handle of the owner"),
                SubjectAttribute => (role | ColumnRole.Subject, "handle of a person"),
                ClockAttribute => (role | ColumnRole.Clock, reason ?? "retention counts from it"),
                ExpiresAttribute => (role | ColumnRole.Expires, reason ?? "the sweep reads it"),
                EndedAttribute => (role | ColumnRole.Ended, reason ?? "says whether the relation lasts"),
                BlobAttribute => (role | ColumnRole.Blob, "random name of the record's sealed file"),
                EndsWithAttribute ending => (role, reason ?? $"it goes with {ending.Ending}"),
                PlainAttribute plain => (role, plain.Reason),
                _ => (role, reason),
            };
        }

        return (role, reason);
    }

    private void Place(PropertyInfo property, ColumnRole role, int at, List<int> keys)
    {
        if (role.HasFlag(ColumnRole.Key))
        {
            keys.Add(at);
        }

        if (role.HasFlag(ColumnRole.Parent))
        {
            ParentColumn = at;
            ParentType = property.GetCustomAttributes().OfType<IParentDeclaration>().Single().Parent;
        }

        if (role.HasFlag(ColumnRole.Owner))
        {
            OwnerColumn = at;
            OwnerFoundBy = property.GetCustomAttribute<OwnerAttribute>()!.FoundBy;
        }

        if (property.GetCustomAttribute<EndsWithAttribute>() is { } ending)
        {
            (Ending, EndingColumn) = (ending.Ending, at);
        }

        SequenceColumn = role.HasFlag(ColumnRole.Sequence) ? at : SequenceColumn;
        ArrivalColumn = role.HasFlag(ColumnRole.Arrival) ? at : ArrivalColumn;
        EndedColumn = role.HasFlag(ColumnRole.Ended) ? at : EndedColumn;
        BlobColumn = role.HasFlag(ColumnRole.Blob) ? at : BlobColumn;
        if ((Retention == Retention.FixedAge && role.HasFlag(ColumnRole.Clock)) || (Retention == Retention.StoredDate && role.HasFlag(ColumnRole.Expires)))
        {
            ExpiryColumn = at;
        }
    }

    /// <summary>
    /// The serializer skips what is a column when it writes, and requires nothing when it reads: a column that were removed from the contract would make reading a record with required members fail.
    /// </summary>
    private JsonTypeInfo<T> JsonOf(IJsonTypeInfoResolver resolver)
    {
        // By the member, not by its name in JSON, which an attribute may have changed.
        var sealedNames = _sealed.Select(member => member.Name).ToHashSet(StringComparer.Ordinal);
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            TypeInfoResolver = resolver.WithAddedModifier(info =>
            {
                if (info.Type != typeof(T))
                {
                    return;
                }

                foreach (var property in info.Properties)
                {
                    property.IsRequired = false;
                    if (property.AttributeProvider is not MemberInfo member || !sealedNames.Contains(member.Name))
                    {
                        property.ShouldSerialize = static (_, _) => false;
                    }
                }
            }),
        };
        return (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
    }
}
