namespace Domicile.Residency;

/// <summary>Names a sealed file that belongs to a record: 122 random bits, which say nothing about what is in it or whose it is.</summary>
/// <param name="Id">The name.</param>
public readonly record struct BlobRef(Guid Id)
{
    /// <summary>A fresh name.</summary>
    public static BlobRef Fresh() => new(Guid.NewGuid());

    /// <summary>The name in hexadecimal.</summary>
    public override string ToString() => Id.ToString("n");
}
