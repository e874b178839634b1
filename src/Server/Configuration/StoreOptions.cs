namespace Domicile.Server;

/// <summary>One scale unit.</summary>
internal sealed record StoreOptions
{
    [Setting("The scale unit's name, which resources remember: it never changes.", Example = "\"eu-1\"")]
    public required string Name { get; init; }

    [Setting("The directory of its SQLite databases and blobs. It is on a disk in this geography.", IsPath = true, Example = "\"/var/lib/domicile/europe\"")]
    public required string Sqlite { get; init; }
}
