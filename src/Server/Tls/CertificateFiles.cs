using Domicile.Residency;

namespace Domicile.Server;

/// <summary>The files of one production certificate.</summary>
/// <param name="Geography">The geography whose names it is for.</param>
/// <param name="Domain">The domain of the geography; every name of the certificate is that or below it.</param>
/// <param name="CertificatePath">PEM: the certificate, then its intermediates.</param>
/// <param name="KeyPath">PEM: its key, unencrypted.</param>
internal sealed record CertificateFiles(Geography Geography, string Domain, string CertificatePath, string KeyPath);
