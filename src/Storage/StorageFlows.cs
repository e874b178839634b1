using Domicile.Residency;
using Domicile.Storage.Postgres;

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
        new(
            "databases",
            "the same records and wrapped keys, when a store is on PostgreSQL; its host names are looked up; sealed fields are sealed before they are sent",
            "the hosts of the store's two databases, over TLS that is verified unless they are this machine",
            "the operator, who declares databases in the geography")
        {
            Crosses = Crossing.Machine,
            IsByDefault = false,
            Through =
            [
                typeof(PostgresAddress), typeof(PostgresDatabase), typeof(PostgresStoreEngine), typeof(PostgresCommitter), typeof(PostgresConfirmation), typeof(PostgresGroup), typeof(PostgresFeed),
                typeof(PostgresPurge), typeof(PostgresSchema), typeof(PostgresRows), typeof(PostgresParameters), typeof(PostgresFault), typeof(PostgresSignals),
                typeof(PostgresBlobRows), typeof(PostgresKeyStore), typeof(PostgresKeyChange), typeof(PostgresKeyRetry), typeof(PostgresKeySchema), typeof(PostgresLedger), typeof(StoreUpkeep),
            ],
        },
    ];
}
