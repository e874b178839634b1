using System.Security.Cryptography.X509Certificates;

namespace Domicile.Server;

/// <summary>What development mode answers TLS with.</summary>
/// <param name="Certificate">The server's certificate with its key.</param>
/// <param name="AuthorityPath">The file that clients are told to trust.</param>
/// <param name="Message">What the user should know, when an older authority was replaced.</param>
internal sealed record DevelopmentCertificate(X509Certificate2 Certificate, string AuthorityPath, string? Message);
