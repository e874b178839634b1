using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Http;

/// <summary>Finds the resource that a request is for. One per node; it knows only the geographies that the node serves.</summary>
public interface IResourceDirectory
{
    /// <summary>The resource whose host name this is (lower case, no port); null when this node serves no such resource.</summary>
    ValueTask<ServedResource?> FindByHost(string host, CancellationToken cancel);

    /// <summary>The resource whose own port on loopback this is (development mode only).</summary>
    ValueTask<ServedResource?> FindByPort(int port, CancellationToken cancel);

    /// <summary>A resource that was found before, as it is now; null when it is gone.</summary>
    ValueTask<ServedResource?> FindAgain(ServedResource known, CancellationToken cancel);
}

/// <summary>A resource as the pipeline needs it.</summary>
/// <param name="Home">Its home.</param>
/// <param name="AccessKeys">Its access keys, decoded: primary, then secondary.</param>
public sealed record ServedResource(Home Home, IReadOnlyList<byte[]> AccessKeys)
{
    /// <summary>The fingerprints of the keys, in the same order: what tokens remember of the key with which they were issued.</summary>
    public IReadOnlyList<string> KeyFingerprints { get; } = [.. AccessKeys.Select(key => AccessKey.Fingerprint(key))];

    /// <summary>Host, with the port unless it is 443.</summary>
    public string Authority { get; init; } = "";

    /// <summary>What the customer chose for it.</summary>
    public ResourceSettings Settings { get; init; } = new();
}

/// <summary>Checks user access tokens: signature, resource, geography, expiry, revocation.</summary>
public interface IUserTokens
{
    /// <summary>The caller, or the problem (401) that the token has.</summary>
    ValueTask<(Caller.User? User, Problem? Problem)> Check(string token, ServedResource resource, CancellationToken cancel);

    /// <summary>Checks again whether a token of which only the pass was kept is still good: the problem (401) that it has by now, or null.</summary>
    ValueTask<Problem?> CheckAgain(Caller.User user, ServedResource resource, CancellationToken cancel);
}

/// <summary>Checks what is presented on the administration origin.</summary>
public interface IAdministratorTokens
{
    /// <summary>The caller, or the problem (401) that the token has.</summary>
    (Caller.Administrator? Administrator, Problem? Problem) Check(string token, Geography geography);

    /// <summary>Whether this is the credential of the first start. Constant time.</summary>
    bool IsCredential(string id, string secret);
}
