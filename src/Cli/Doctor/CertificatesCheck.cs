using System.Security.Cryptography;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Domicile.Cli.Doctor;

/// <summary>Whether certificates are in date, and who on this machine trusts them.</summary>
internal static class CertificatesCheck
{
    private const string Name = "certificates";

    private static readonly TimeSpan Soon = TimeSpan.FromDays(30);

    /// <summary>Looks at the authority in the data directory and at what the running server shows.</summary>
    public static async Task<IReadOnlyList<Finding>> Look(
        DataDirectory directory, AdminFile? file, X509Certificate2Collection? authorities, Terminal terminal, CancellationToken cancel)
    {
        if (file is null)
        {
            return [Finding.Ok(Name, "None yet; the first start in development mode makes a certificate authority.")];
        }

        var findings = new List<Finding>();
        foreach (var authority in authorities ?? [])
        {
            findings.Add(Dates("The certificate authority", authority, "Restart the server: it makes a new one, which clients then have to be given.", terminal.Clock));
        }

        foreach (var geography in file.Geographies)
        {
            var origin = new Uri(geography.Endpoint);
            var at = geography.Address is { } address ? IPEndPoint.Parse(address) : null;
            using var certificate = await Listener.TrustedCertificate(origin.Host, origin.Port, authorities, cancel, at);
            if (certificate is not null)
            {
                findings.Add(Dates($"The certificate at {origin.Authority}", certificate, "Bring a new certificate; the server reloads it when the file changes. In development mode restart it.", terminal.Clock));
            }
        }

        // One sentence for many servers that are all well.
        var worst = findings.Where(finding => finding.Result != Verdict.Ok).ToList();
        IReadOnlyList<Finding> dates = worst.Count > 0 ? worst : [.. findings.Take(1)];
        return authorities is null
            ? findings.Count > 0 ? dates : [Finding.Ok(Name, "The system's authorities are trusted; no server runs whose certificate could be looked at.")]
            : [.. dates, Trust(directory, file, authorities, terminal)];
    }

    /// <summary>A certificate's dates.</summary>
    internal static Finding Dates(string what, X509Certificate2 certificate, string action, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var until = new DateTimeOffset(certificate.NotAfter.ToUniversalTime());
        var from = new DateTimeOffset(certificate.NotBefore.ToUniversalTime());
        return now > until ? Finding.Failed(Name, $"{what} expired on {Print.Time(until)}.", action)
            : now < from ? Finding.Failed(Name, $"{what} is not valid before {Print.Time(from)}.", "Set this machine's clock right.")
            : now > until - Soon ? Finding.Warning(Name, $"{what} expires on {Print.Time(until)}.", action)
            : Finding.Ok(Name, $"{what} is valid until {Print.Time(until)}.");
    }

    private static Finding Trust(DataDirectory directory, AdminFile file, X509Certificate2Collection authorities, Terminal terminal)
    {
        const string Name = "trust";
        var path = Path.Combine(directory.Path, file.CertificateAuthority!);
        var trusting = new List<string>();
        if (Holds(terminal.Variable("NODE_EXTRA_CA_CERTS"), authorities))
        {
            trusting.Add("Node (NODE_EXTRA_CA_CERTS)");
        }

        if (Holds(terminal.Variable("CURL_CA_BUNDLE"), authorities))
        {
            trusting.Add("curl (CURL_CA_BUNDLE)");
        }

        if (SystemTrusts(authorities[0]))
        {
            trusting.Add("the system (.NET, curl)");
        }

        return trusting.Count > 0
            ? Finding.Ok(Name, $"{path} is trusted by {string.Join(" and ", trusting)}; browsers keep their own list.")
            : Finding.Warning(Name, $"No client on this machine trusts {path} yet.", $"For Node: export NODE_EXTRA_CA_CERTS={Terminal.Quote(path)}. For .NET and curl: export SSL_CERT_FILE={Terminal.Quote(path)} (then nothing else is trusted), or sudo cp {Terminal.Quote(path)} /usr/local/share/ca-certificates/domicile.crt && sudo update-ca-certificates.");
    }

    private static bool Holds(string? path, X509Certificate2Collection authorities)
    {
        if (string.IsNullOrEmpty(path))
        {
            return false;
        }

        try
        {
            var bundle = new X509Certificate2Collection();
            bundle.ImportFromPemFile(path);
            return bundle.Any(certificate => certificate.RawDataMemory.Span.SequenceEqual(authorities[0].RawDataMemory.Span));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return false;
        }
    }

    private static bool SystemTrusts(X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(authority);
    }
}
