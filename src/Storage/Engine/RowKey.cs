using Domicile.Residency;

namespace Domicile.Storage.Engine;

/// <summary>Names one row of a resource, or one set of values that must be unique, in a dictionary.</summary>
internal readonly struct RowKey(object of, long resource, ColumnValue[] values) : IEquatable<RowKey>
{
    private readonly object _of = of;
    private readonly long _resource = resource;
    private readonly ColumnValue[] _values = values;

    public static RowKey Row(RecordKind kind, ColumnValue[] key, long resource) => new(kind, resource, key);

    /// <summary>Whether it belongs to this kind or index.</summary>
    public bool IsOf(object other) => ReferenceEquals(_of, other);

    public bool Equals(RowKey other) => ReferenceEquals(_of, other._of) && _resource == other._resource && _values.AsSpan().SequenceEqual(other._values);

    public override bool Equals(object? obj) => obj is RowKey other && Equals(other);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(_resource);
        foreach (var value in _values)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }
}
