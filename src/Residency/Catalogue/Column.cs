using System.Reflection;

namespace Domicile.Residency;

/// <summary>What a column is for.</summary>
[Flags]
public enum ColumnRole
{
    /// <summary>Plain data.</summary>
    None = 0,

    /// <summary>Part of the key.</summary>
    Key = 1,

    /// <summary>Names the parent.</summary>
    Parent = 2,

    /// <summary>Allocated by the store: gapless position.</summary>
    Sequence = 4,

    /// <summary>Allocated by the store: instant of arrival.</summary>
    Arrival = 8,

    /// <summary>What the seal binds in place of an allocated key.</summary>
    Identity = 16,

    /// <summary>The person whose record it is.</summary>
    Owner = 32,

    /// <summary>A person who is mentioned.</summary>
    Subject = 64,

    /// <summary>The instant from which age counts.</summary>
    Clock = 128,

    /// <summary>The instant of expiry.</summary>
    Expires = 256,

    /// <summary>The instant at which a relation ended.</summary>
    Ended = 512,

    /// <summary>Names a sealed file that belongs to the record.</summary>
    Blob = 1024,
}

/// <summary>A member of a record that is a column.</summary>
public abstract class Column
{
    private protected Column(PropertyInfo property, ColumnType type, bool nullable, ColumnRole role, string reason)
    {
        Member = property.Name;
        Name = SnakeCase(property.Name);
        Type = type;
        Nullable = nullable;
        Role = role;
        Reason = reason;
        ClrType = property.PropertyType;
    }

    /// <summary>The property's name.</summary>
    public string Member { get; }

    /// <summary>The column's name in the database.</summary>
    public string Name { get; }

    /// <summary>The column's type.</summary>
    public ColumnType Type { get; }

    /// <summary>Whether it may be empty.</summary>
    public bool Nullable { get; }

    /// <summary>What it is for.</summary>
    public ColumnRole Role { get; }

    /// <summary>Why it is readable at rest.</summary>
    public string Reason { get; }

    /// <summary>The property's type.</summary>
    public Type ClrType { get; }

    /// <summary>Whether the store gives the value when it commits; such a column is not bound by the seal.</summary>
    public bool IsAllocated => (Role & (ColumnRole.Sequence | ColumnRole.Arrival)) != 0;

    internal static string SnakeCase(string name) =>
        string.Concat(name.Select((letter, at) => char.IsUpper(letter) ? (at == 0 ? "" : "_") + char.ToLowerInvariant(letter) : letter.ToString()));
}

/// <summary>A column of one type of record.</summary>
/// <typeparam name="T">The record.</typeparam>
public abstract class Column<T> : Column
{
    private protected Column(PropertyInfo property, ColumnType type, bool nullable, ColumnRole role, string reason)
        : base(property, type, nullable, role, reason)
    {
    }

    /// <summary>Reads the member.</summary>
    public abstract ColumnValue Get(T record);

    /// <summary>Sets the member of a record that is being read from disk.</summary>
    public abstract void Set(T record, ColumnValue value);
}

internal sealed class Column<T, TValue>(PropertyInfo property, ColumnCodec<TValue> codec, ColumnRole role, string reason)
    : Column<T>(property, codec.Type, codec.Nullable, role, reason)
{
    private readonly Func<T, TValue> _get = property.GetMethod!.CreateDelegate<Func<T, TValue>>();
    private readonly Action<T, TValue> _set = property.SetMethod!.CreateDelegate<Action<T, TValue>>();

    public override ColumnValue Get(T record) => codec.Write(_get(record));

    public override void Set(T record, ColumnValue value) => _set(record, codec.Read(value));
}
