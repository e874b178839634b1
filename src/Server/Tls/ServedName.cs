using Domicile.Residency;

namespace Domicile.Server;

/// <summary>On a connection: the geography whose name the client asked for in its handshake. A request on it for a resource of another geography is misdirected.</summary>
/// <param name="Geography">The geography that the certificate is for.</param>
internal sealed record ServedName(Geography Geography);
