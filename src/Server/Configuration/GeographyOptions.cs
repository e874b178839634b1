namespace Domicile.Server;

/// <summary>One geography on this node.</summary>
internal sealed record GeographyOptions
{
    [Setting("The domain below which the geography's resources have their hosts: resource contoso is contoso.DOMAIN. No two geographies share one.", IsHostName = true, Example = "\"europe.example.org\"")]
    public required string Domain { get; init; }

    [Setting("The file of the root key, made when the geography is empty. Without it: root.key in the geography's directory below the data directory. Further stores have theirs beside it, with the store's name behind a dot. Keep them out of every backup of the data.", IsPath = true, Example = "\"/etc/domicile/europe.root.key\"")]
    public string? RootKey { get; init; }

    [Setting("The scale units of the geography; the first keeps the geography's own records and stays the first. Without any: one, named as the geography, in its directory below the data directory.")]
    public IReadOnlyList<StoreOptions> Stores { get; init; } = [];

    [Setting("The certificates for names of this domain, and of no other geography's. The files are read again when they change.", AtLeast = 1)]
    public required IReadOnlyList<CertificateOptions> Certificates { get; init; }

    [Setting("The administration origin of the geography.")]
    public AdministrationOptions Administration { get; init; } = new();
}
