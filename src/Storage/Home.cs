using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// Where one resource's data lives: its geography, its scale unit, its keys. The only door to storage; a handler is given one and cannot name another.
/// </summary>
public sealed class Home
{
    /// <summary>The geography in which everything of the resource rests. It never changes.</summary>
    public required Geography Geography { get; init; }

    /// <summary>The resource's id; user ids contain it.</summary>
    public required Guid ResourceId { get; init; }
}
