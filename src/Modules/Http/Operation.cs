using System.Collections.Frozen;

namespace Domicile.Modules.Http;

/// <summary>One operation of the HTTP interface: what a module serves, and who may call it. The list of operations is the interface's description.</summary>
/// <param name="Method">HTTP method, upper case.</param>
/// <param name="Path">Route template, such as <c>/chat/threads/{threadId}/messages</c>.</param>
/// <param name="Name">The operation's name in the contract, such as <c>ChatThread_SendChatMessage</c>.</param>
/// <param name="Access">Who may call it.</param>
/// <param name="Handler">What answers.</param>
public sealed record Operation(string Method, string Path, string Name, Access Access, OperationHandler Handler)
{
    /// <summary>The API versions that have the operation; empty for our own paths, which have none.</summary>
    public FrozenSet<string> Versions { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The largest request body in bytes. A longer one is refused with 413 before it is read whole.</summary>
    public int BodyLimit { get; init; } = 64 * 1024;

    /// <summary>Whether the operation makes a WebSocket of the connection. Over HTTP/2 that is a CONNECT (RFC 8441).</summary>
    public bool IsUpgrade { get; init; }

    /// <summary>How failures are rendered.</summary>
    public ErrorShape Errors { get; init; } = ErrorShape.Acs;

    /// <summary>The kind of origin that serves the operation; on the other kind its path does not exist.</summary>
    /// <value>Administration for what administrators may call, Resource for the rest.</value>
    public Origin Origin { get; init; } = Access.Kind is AccessKind.Administrator or AccessKind.Credential ? Origin.Administration : Origin.Resource;
}

/// <summary>The kinds of origin that a node has.</summary>
public enum Origin
{
    /// <summary>The origin of one resource.</summary>
    Resource,

    /// <summary>The administration origin of one geography.</summary>
    Administration,
}

/// <summary>Answers one call.</summary>
public delegate ValueTask<Reply> OperationHandler(Call call, CancellationToken cancel);

/// <summary>How failures are rendered.</summary>
public enum ErrorShape
{
    /// <summary><c>{"error":{"code","message"}}</c> with <c>x-ms-error-code</c>.</summary>
    Acs,

    /// <summary>RFC 9457 <c>application/problem+json</c>.</summary>
    ProblemDetails,
}

/// <summary>Who may call an operation. One of the three ways in; nothing is open by accident.</summary>
public sealed record Access
{
    private Access()
    {
    }

    /// <summary>The way in.</summary>
    public required AccessKind Kind { get; init; }

    /// <summary>Any one of these scopes of a user token opens the operation.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Whether a user's token may come in <c>X-Skypetoken</c>, without a scheme, in place of <c>Authorization</c>.</summary>
    public bool TakesSkypetoken { get; init; }

    /// <summary>Any one of these roles opens the operation.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Anyone, without a credential: keys for checking tokens, health.</summary>
    public static Access Open { get; } = new() { Kind = AccessKind.Open };

    /// <summary>
    /// A user, as <see cref="User"/>; the token may also come bare in <c>X-Skypetoken</c>, where the realtime clients send it.
    /// </summary>
    public static Access Realtime(params string[] scopes) => new() { Kind = AccessKind.User, Scopes = scopes, TakesSkypetoken = true };

    /// <summary>The customer's application, by access key (HMAC) or an Entra token.</summary>
    public static Access Application { get; } = new() { Kind = AccessKind.Application };

    /// <summary>A user, by a user access token that carries one of the scopes.</summary>
    public static Access User(params string[] scopes) => new() { Kind = AccessKind.User, Scopes = scopes };

    /// <summary>An administrator in one of the roles, on the administration origin.</summary>
    public static Access Administrator(params string[] roles) => new() { Kind = AccessKind.Administrator, Roles = roles };

    /// <summary>The bootstrap credential of the administration origin, which may only mint tokens.</summary>
    public static Access Credential { get; } = new() { Kind = AccessKind.Credential };
}

/// <summary>The ways in.</summary>
public enum AccessKind
{
    /// <summary>No credential.</summary>
    Open,

    /// <summary>Access key or Entra token.</summary>
    Application,

    /// <summary>User access token.</summary>
    User,

    /// <summary>Administrator token.</summary>
    Administrator,

    /// <summary>Administrator credential of the first start.</summary>
    Credential,
}
