using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Domicile.Tests.Server;

/// <summary>A certificate that vouches for itself, in two PEM files.</summary>
internal sealed record TestCertificate(string CertificatePath, string KeyPath)
{
    public static TestCertificate In(string directory, string name) =>
        new(Path.Combine(directory, name + ".pem"), Path.Combine(directory, name + ".key"));

    /// <summary>Writes a fresh pair and returns its thumbprint.</summary>
    public string Write(DateTimeOffset from, DateTimeOffset until, params string[] names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        if (names.Length > 0)
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            foreach (var name in names)
            {
                alternatives.AddDnsName(name);
            }

            request.CertificateExtensions.Add(alternatives.Build());
        }

        using var certificate = request.CreateSelfSigned(from, until);
        File.WriteAllText(CertificatePath, certificate.ExportCertificatePem());
        File.WriteAllText(KeyPath, key.ExportPkcs8PrivateKeyPem());
        return certificate.Thumbprint;
    }
}
