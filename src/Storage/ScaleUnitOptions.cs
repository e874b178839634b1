using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>Where a scale unit keeps what it keeps.</summary>
/// <param name="Geography">Its geography.</param>
/// <param name="Directory">The directory of its files, on PostgreSQL of what this node keeps itself; made when it does not exist.</param>
public sealed record ScaleUnitOptions(Geography Geography, string Directory)
{
    /// <summary>Its name within the geography, which resources remember: it never changes.</summary>
    public string Name { get; init; } = Geography.Slug;

    /// <summary>Whether new resources may be placed on it; those that it has stay.</summary>
    public bool TakesResources { get; init; } = true;

    /// <summary>The PostgreSQL databases in which it rests, or null for SQLite in the directory.</summary>
    public PostgresStore? Postgres { get; init; }

    /// <summary>The root key file; by default <c>root.key</c> in the directory. It may lie elsewhere, and never belongs in a backup of the data.</summary>
    public string? RootKeyFile { get; init; }

    /// <summary>How long an epoch of the keys lasts, 1 hour to 30 days. From its end on, what was destroyed in it is gone from every copy.</summary>
    /// <value>24 hours.</value>
    public TimeSpan Epoch { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How often expired records are looked for, 1 second to 1 hour.</summary>
    /// <value>1 minute.</value>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>The databases of a scale unit on PostgreSQL 15 or later, and what its nodes share beside them.</summary>
/// <param name="Data">The database of the records.</param>
/// <param name="Keys">The database of the keys: another one, with its own and shorter backups.</param>
/// <param name="ErasureLedger">The directory in which every node writes which keys were destroyed.</param>
public sealed record PostgresStore(PostgresAddress Data, PostgresAddress Keys, string ErasureLedger)
{
    /// <summary>The directory of sealed files, on storage that all nodes share; without it, in the node's own directory.</summary>
    public string? Blobs { get; init; }

    /// <summary>Connections to each of the databases at most, 8 to 1,000.</summary>
    /// <value>40.</value>
    public int Connections { get; init; } = 40;
}
