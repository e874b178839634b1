namespace Domicile.Server;

/// <summary>One scale unit: on SQLite or on PostgreSQL.</summary>
internal sealed record StoreOptions
{
    [Setting("The scale unit's name, which resources remember: it never changes.", Example = "\"eu-1\"")]
    public required string Name { get; init; }

    [Setting("The directory of its SQLite databases and blobs. It is on a disk in this geography, and one node uses it.", IsPath = true, Example = "\"/var/lib/domicile/europe\"")]
    public string? Sqlite { get; init; }

    [Setting("Instead of a directory: its PostgreSQL databases (version 15 or later), in this geography, which any number of nodes use. Then rootKey is named too, a file that they share.", IsAlternative = true)]
    public PostgresOptions? Postgres { get; init; }

    [Setting("Whether new resources may be placed here. Each goes, for good, to the store of its geography that takes new ones and has the fewest, the first of equals.")]
    public bool TakesResources { get; init; } = true;

    /// <summary>What is wrong between these settings.</summary>
    public IEnumerable<string> Faults(string place) =>
        (Sqlite is null) == (Postgres is null) ? [$"{place} must have either sqlite or postgres."]
        : Postgres is not null ? Postgres.Faults($"{place}.postgres")
        : [];
}
