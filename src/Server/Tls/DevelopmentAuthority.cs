using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>
/// The certificate authority of development mode: made with the first start, able to vouch for nothing but this machine's loopback names and addresses
/// (critical name constraints, RFC 5280 §4.2.1.10), and unable to vouch for anything ever again, because its key is dropped when it has signed one certificate.
/// </summary>
internal static class DevelopmentAuthority
{
    /// <summary>The certificate that clients are told to trust.</summary>
    public const string AuthorityFile = "ca.pem";

    /// <summary>The server's certificate and its key, owner-only.</summary>
    public const string ServerFile = "development-tls.pem";

    // Apple's verifiers refuse server certificates that live longer than 825 days, however they are trusted.
    private static readonly TimeSpan Life = TimeSpan.FromDays(800);
    private static readonly TimeSpan ClockSlack = TimeSpan.FromDays(1);
    private static readonly TimeSpan RenewalLead = TimeSpan.FromDays(30);

    /// <summary>Reads the certificate that the directory holds, or makes authority and certificate anew.</summary>
    /// <param name="directory">The data directory; it exists.</param>
    /// <param name="clock">Decides what has expired.</param>
    /// <returns>The server's certificate, and what to tell the user when it was made anew in place of an older one.</returns>
    /// <exception cref="StartupException">The files cannot be read or written.</exception>
    public static DevelopmentCertificate Open(string directory, TimeProvider clock)
    {
        var authorityPath = Path.Combine(directory, AuthorityFile);
        var serverPath = Path.Combine(directory, ServerFile);
        try
        {
            var existed = File.Exists(authorityPath) || File.Exists(serverPath);
            var reason = existed ? TryLoad(authorityPath, serverPath, clock, out var certificate) : TryNothing(out certificate);
            if (certificate is not null)
            {
                return new DevelopmentCertificate(certificate, authorityPath, null);
            }

            Make(authorityPath, serverPath, clock);
            if (TryLoad(authorityPath, serverPath, clock, out certificate) is { } fault)
            {
                throw new StartupException($"The development certificate in {serverPath} was just made and cannot be used: {fault}.");
            }

            var message = existed
                ? $"A new development certificate authority was made, because {reason}. Programs that trusted {authorityPath} must be given the new file (restart them)."
                : null;
            return new DevelopmentCertificate(certificate!, authorityPath, message);
        }
        catch (Exception broken) when (broken is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The development certificate in {directory} cannot be read or written: {broken.Message} Give the server's user access to the directory.", broken);
        }
    }

    private static string? TryNothing(out X509Certificate2? certificate)
    {
        certificate = null;
        return null;
    }

    /// <summary>Loads the pair; null and a certificate when it is good, otherwise the reason why it is not.</summary>
    private static string? TryLoad(string authorityPath, string serverPath, TimeProvider clock, out X509Certificate2? certificate)
    {
        certificate = null;
        if (!File.Exists(authorityPath) || !File.Exists(serverPath))
        {
            return "one of its two files was missing";
        }

        X509Certificate2 loaded;
        try
        {
            using var authority = X509CertificateLoader.LoadCertificateFromFile(authorityPath);
            loaded = PemCertificate.Read(File.ReadAllText(serverPath), null).Certificate;
            if (!PemCertificate.IsIssuedBy(loaded, authority))
            {
                loaded.Dispose();
                return "its two files did not belong together";
            }
        }
        catch (CryptographicException)
        {
            return "its files could not be read as certificates";
        }

        var now = clock.GetUtcNow();
        if (loaded.NotAfter.ToUniversalTime() - RenewalLead <= now.UtcDateTime)
        {
            var end = loaded.NotAfter.ToUniversalTime();
            loaded.Dispose();
            return $"the old one's certificate ends on {end:yyyy-MM-dd}";
        }

        certificate = loaded;
        return null;
    }

    private static void Make(string authorityPath, string serverPath, TimeProvider clock)
    {
        var from = clock.GetUtcNow() - ClockSlack;
        var until = from + Life;

        // The authority lives exactly as long as the one certificate it signs: longer trust would be trust in nothing.
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // The random part keeps two authorities apart in a trust store that holds both.
        var name = $"CN=Domicile development authority {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        var authorityRequest = new CertificateRequest(name, authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, 0, critical: true));
        authorityRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        authorityRequest.CertificateExtensions.Add(new X509Extension("2.5.29.30", LoopbackOnly(), critical: true));
        var authorityId = new X509SubjectKeyIdentifierExtension(authorityRequest.PublicKey, critical: false);
        authorityRequest.CertificateExtensions.Add(authorityId);
        using var authority = authorityRequest.CreateSelfSigned(from, until);

        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var serverRequest = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        // Browsers take this one; OpenSSL accepts no wildcard directly below a top-level name, and nothing of ours needs it.
        names.AddDnsName("*.localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        serverRequest.CertificateExtensions.Add(names.Build());
        serverRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        serverRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        serverRequest.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        serverRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(serverRequest.PublicKey, critical: false));
        serverRequest.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(authorityId));
        using var server = serverRequest.Create(authority, from, until, RandomNumberGenerator.GetBytes(16));

        // The pair is written server first: a crash in between leaves two files that do not belong together, and the next start makes both anew.
        SecretFile.Write(serverPath, Encoding.ASCII.GetBytes($"{server.ExportCertificatePem()}\n{serverKey.ExportPkcs8PrivateKeyPem()}\n"));
        SecretFile.WriteReadable(authorityPath, Encoding.ASCII.GetBytes($"{authority.ExportCertificatePem()}\n"));
    }

    /// <summary>NameConstraints with permitted subtrees <c>localhost</c>, 127.0.0.0/8 and ::1/128 (RFC 5280 §4.2.1.10).</summary>
    private static byte[] LoopbackOnly()
    {
        var permitted = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        var dnsName = new Asn1Tag(TagClass.ContextSpecific, 2);
        var address = new Asn1Tag(TagClass.ContextSpecific, 7);
        var one = new byte[32];
        IPAddress.IPv6Loopback.GetAddressBytes().CopyTo(one, 0);
        one.AsSpan(16).Fill(0xFF);

        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence(permitted))
        {
            using (writer.PushSequence())
            {
                writer.WriteCharacterString(UniversalTagNumber.IA5String, "localhost", dnsName);
            }

            using (writer.PushSequence())
            {
                writer.WriteOctetString([127, 0, 0, 0, 255, 0, 0, 0], address);
            }

            using (writer.PushSequence())
            {
                writer.WriteOctetString(one, address);
            }
        }

        return writer.Encode();
    }
}
