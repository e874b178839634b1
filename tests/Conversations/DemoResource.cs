using System.Security.Cryptography.X509Certificates;

namespace Domicile.Tests.Conversations;

/// <summary>A line of <c>connection-strings.json</c>: a ready resource of one geography.</summary>
internal sealed record DemoResource(string Geography, string Resource, string Endpoint, string ConnectionString)
{
    private const string BeforeKey = ";accesskey=";

    /// <summary>Scheme and authority, without a trailing slash.</summary>
    public string Origin => Endpoint.TrimEnd('/');

    public string Host => new Uri(Endpoint).Host;

    public int Port => new Uri(Endpoint).Port;

    public byte[] Key => Convert.FromBase64String(
        ConnectionString[(ConnectionString.IndexOf(BeforeKey, StringComparison.Ordinal) + BeforeKey.Length)..]);

    /// <summary>A way to check the server's certificate against nothing but the authority of its data directory.</summary>
    public static X509ChainPolicy Trusting(string authorityFile)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(authorityFile);
        return policy;
    }
}
