using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Domicile.Server;

/// <summary>A certificate with its key, and the intermediate certificates that go with it.</summary>
/// <param name="Certificate">The first certificate of the PEM text, with its key.</param>
/// <param name="Chain">The certificates that follow it.</param>
internal sealed record PemCertificate(X509Certificate2 Certificate, X509Certificate2Collection Chain)
{
    /// <summary>Reads PEM texts.</summary>
    /// <param name="certificates">The certificate first, then its intermediates (RFC 8555 §9.1 calls this a certificate chain).</param>
    /// <param name="key">The key, unencrypted; null when it is in the same text.</param>
    /// <exception cref="CryptographicException">Not PEM, no key, or the key of another certificate.</exception>
    public static PemCertificate Read(string certificates, string? key)
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509Certificate2.CreateFromPem(certificates, key ?? certificates);
        }
        catch (ArgumentException mismatch)
        {
            // What the framework says of a key that is another certificate's.
            throw new CryptographicException("The key is not the one of the certificate.", mismatch);
        }

        if (OperatingSystem.IsWindows())
        {
            // Schannel takes no keys that live in memory only.
            using var ephemeral = certificate;
            certificate = X509CertificateLoader.LoadPkcs12(ephemeral.Export(X509ContentType.Pkcs12), null);
        }

        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificates);
        if (chain.Count > 0)
        {
            chain[0].Dispose();
            chain.RemoveAt(0);
        }

        return new PemCertificate(certificate, chain);
    }

    /// <summary>The DNS names that a certificate is for, lower case; a name may start with <c>*.</c>.</summary>
    public static IReadOnlyList<string> NamesOf(X509Certificate2 certificate) =>
        [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(names => names.EnumerateDnsNames()).Select(name => name.ToLowerInvariant())];

    /// <summary>Whether the authority's key signed the certificate. Dates are not looked at.</summary>
    public static bool IsIssuedBy(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(certificate);
    }
}
