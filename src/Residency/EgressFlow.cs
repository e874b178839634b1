namespace Domicile.Residency;

/// <summary>
/// Something that leaves a process. Whoever writes code that sends declares the flow; the published list is made from the declarations, and a test finds code that can send
/// and is named by none.
/// </summary>
/// <param name="Name">What it is.</param>
/// <param name="Data">What it carries.</param>
/// <param name="Destination">Where it goes.</param>
/// <param name="WhoDecides">Who decides that it does.</param>
public sealed record EgressFlow(string Name, string Data, string Destination, string WhoDecides)
{
    /// <summary>Whether what is told can leave the geography.</summary>
    public required Crossing Crosses { get; init; }

    /// <summary>Whether it happens in the default set-up, without anything configured.</summary>
    public required bool IsByDefault { get; init; }

    /// <summary>The types whose code carries it; none for what the network sees of a connection.</summary>
    public IReadOnlyList<Type> Through { get; init; } = [];
}

/// <summary>Which border a flow crosses.</summary>
public enum Crossing
{
    /// <summary>It stays on the machine.</summary>
    Process,

    /// <summary>It leaves the machine, and stays in the geography by the operator's set-up.</summary>
    Machine,

    /// <summary>It can leave the geography.</summary>
    Geography,
}
