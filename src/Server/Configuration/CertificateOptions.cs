namespace Domicile.Server;

/// <summary>One certificate.</summary>
internal sealed record CertificateOptions
{
    [Setting("PEM file: the certificate, then its intermediates.", IsPath = true, Example = "\"/etc/domicile/europe.pem\"")]
    public required string Certificate { get; init; }

    [Setting("PEM file: the certificate's key, unencrypted and readable by the server's user only.", IsPath = true, Example = "\"/etc/domicile/europe.key\"")]
    public required string Key { get; init; }
}
