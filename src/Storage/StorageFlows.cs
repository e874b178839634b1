using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>What leaves the process because it is kept.</summary>
public static class StorageFlows
{
    /// <summary>The flows.</summary>
    public static IReadOnlyList<EgressFlow> All { get; } =
    [
        new(
            "data at rest",
            "records and files, sealed but for the fields that the inventory names as plain; wrapped keys; the erasure ledger; the root key",
            "the data directory of the geography; the root key where rootKey says",
            "the operator, who declares a directory on a disk in the geography")
        { Crosses = Crossing.Process, IsByDefault = true, Through = [typeof(ScaleUnit)] },
    ];
}
