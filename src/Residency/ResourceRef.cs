namespace Domicile.Residency;

/// <summary>A customer's resource as storage knows it.</summary>
/// <param name="Number">Its small number within the scale unit, never used again after its deletion; 0 is the geography's own.</param>
/// <param name="Id">Its id, which user ids contain.</param>
public readonly record struct ResourceRef(long Number, Guid Id)
{
    /// <summary>The geography's own records: resources, settings, audit.</summary>
    public static readonly ResourceRef Geography = new(0, Guid.Empty);
}
