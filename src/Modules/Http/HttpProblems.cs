using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>Every failure that a caller can meet before a module's handler is reached, or while its request is read.</summary>
public static class HttpProblems
{
    /// <summary>The request needs a body.</summary>
    public static readonly Problem NoBody = new("/problems/http/no-body", 400, "The request needs a JSON object as its body.");

    /// <summary>The body is longer than the operation takes.</summary>
    public static Problem BodyTooLarge(int limitBytes) =>
        new("/problems/http/body-too-large", 413, $"The body is longer than the {limitBytes} bytes that this operation takes.");

    /// <summary>The body is not text.</summary>
    public static readonly Problem NotUtf8 = new("/problems/http/not-utf-8", 400, "The body is not UTF-8.") { Code = "InvalidRequestBody" };

    /// <summary>A text in the body has an escape of half a character, which no text has.</summary>
    public static readonly Problem HalfCharacter =
        new("/problems/http/half-character", 400, "A text in the body has half a surrogate pair (\\uD800 to \\uDFFF alone).") { Code = "InvalidRequestBody" };

    /// <summary>The body is not JSON of the expected shape.</summary>
    public static Problem UnreadableBody(long? line, long? position) =>
        new("/problems/http/unreadable-body", 400, $"The body is not valid JSON of the expected shape (line {line + 1}, byte {position + 1}).") { Code = "InvalidRequestBody" };

    /// <summary>The path is for WebSockets.</summary>
    public static readonly Problem NoUpgrade = new("/problems/http/no-upgrade", 400, "This path takes a WebSocket (RFC 6455, or RFC 8441 over HTTP/2), and the request asks for none.");

    /// <summary>No such path, or not with this method.</summary>
    public static readonly Problem NoSuchOperation = new("/problems/http/no-such-operation", 404, "There is nothing at this path.");

    /// <summary>The path exists, the method does not.</summary>
    public static readonly Problem NoSuchMethod = new("/problems/http/no-such-method", 405, "This path does not take this method.");

    /// <summary>The host is not one of this node's resources.</summary>
    public static readonly Problem Misdirected = new("/problems/http/misdirected", 421, "This node does not serve the resource of this host.");

    /// <summary>api-version is missing.</summary>
    public static readonly Problem NoApiVersion = new("/problems/http/no-api-version", 400, "The query parameter api-version is required.") { Code = "MissingApiVersionParameter" };

    /// <summary>api-version is not one that the operation has.</summary>
    public static Problem UnknownApiVersion(IEnumerable<string> known) =>
        new("/problems/http/unknown-api-version", 400, $"This operation does not have that api-version. It has: {string.Join(", ", known)}.") { Code = "UnsupportedApiVersionValue" };

    /// <summary>A query parameter is not what it should be.</summary>
    public static Problem BadParameter(string name, string expected) =>
        new("/problems/http/bad-parameter", 400, $"The query parameter {name} must be {expected}.") { Target = name, Code = "InvalidQueryParameter" };

    /// <summary>An operation of the customer's application came without a usable credential.</summary>
    public static readonly Problem NoAccessKeySignature = new("/problems/http/no-access-key-signature", 401,
        "This operation takes a request signed with one of the resource's access keys (Authorization: HMAC-SHA256 …).");

    /// <summary>An Entra token came to a resource that trusts no tenant: what a user of DefaultAzureCredential meets.</summary>
    public static readonly Problem NoTrustedTenant = new("/problems/http/no-trusted-tenant", 401,
        "This resource trusts no Entra tenant, so a token from DefaultAzureCredential or another TokenCredential cannot be accepted. "
        + "Use the connection string, or AzureKeyCredential with the access key; `domicile resource keys show` prints both.");

    /// <summary>The Authorization header is no signature of the known form.</summary>
    public static readonly Problem MalformedSignature = new("/problems/http/malformed-signature", 401,
        "Authorization must be: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=BASE64.");

    /// <summary>The signature leaves out what must be signed.</summary>
    public static readonly Problem UnsignedHeader = new("/problems/http/unsigned-header", 401,
        "SignedHeaders must name x-ms-date, host and x-ms-content-sha256, each once.");

    /// <summary>A header that the signature names is missing, or was sent more than once.</summary>
    public static readonly Problem MissingSignedHeader = new("/problems/http/missing-signed-header", 401,
        "Every header that SignedHeaders names must be sent exactly once.");

    /// <summary>The date of the signature is no date, or too far away.</summary>
    public static readonly Problem SignatureDate = new("/problems/http/signature-date", 401,
        "x-ms-date must be an RFC 1123 date at most 15 minutes from this server's clock. Check the clock of the calling machine.");

    /// <summary>The signature is not one that an access key makes over this request.</summary>
    public static readonly Problem WrongSignature = new("/problems/http/wrong-signature", 401,
        "The signature is not the one that either access key makes over this request.");

    /// <summary>The body is not the one that was signed.</summary>
    public static readonly Problem WrongContentHash = new("/problems/http/wrong-content-hash", 401,
        "x-ms-content-sha256 is not the SHA-256 of the body that arrived.");

    /// <summary>A user's operation came without a user token.</summary>
    public static readonly Problem NoUserToken = new("/problems/http/no-user-token", 401,
        "This operation takes a user access token (Authorization: Bearer …).");

    /// <summary>A user's operation came with an access key.</summary>
    public static readonly Problem KeyInsteadOfUserToken = new("/problems/http/key-instead-of-user-token", 401,
        "This operation takes a user access token and no access key: issue one with POST /identities/{id}/:issueAccessToken, and give it to the client as AzureCommunicationTokenCredential.");

    /// <summary>The token has none of the scopes that open the operation.</summary>
    public static Problem MissingScope(IEnumerable<string> scopes) =>
        new("/problems/http/missing-scope", 403, $"The token opens this operation only with one of these scopes: {string.Join(", ", scopes)}.");

    /// <summary>An administrator's operation came without an administrator's token.</summary>
    public static readonly Problem NoAdministratorToken = new("/problems/http/no-administrator-token", 401,
        "This operation takes an administrator token (Authorization: Bearer …).");

    /// <summary>The token has none of the roles that open the operation.</summary>
    public static Problem MissingRole(IEnumerable<string> roles) =>
        new("/problems/http/missing-role", 403, $"This operation is open to these roles: {string.Join(", ", roles)}.");

    /// <summary>The administrator credential is missing or wrong.</summary>
    public static readonly Problem NoCredential = new("/problems/http/no-credential", 401,
        "This operation takes the administrator credential of this node (Authorization: Basic …).");

    /// <summary>The server could not read the request whole: cut short, too slow, or not HTTP.</summary>
    public static Problem BadRequest(int status) => status switch
    {
        408 => new("/problems/http/too-slow", 408, "The request took too long to arrive."),
        413 => new("/problems/http/body-too-large", 413, "The body is longer than this operation takes."),
        _ => new("/problems/http/bad-request", 400, "The request could not be read."),
    };

    /// <summary>A rate limit was met.</summary>
    public static Problem TooMany(string limit, TimeSpan wait) => new("/problems/http/too-many", 429, limit) { RetryAfter = wait };

    /// <summary>A fault of ours. Says nothing about it but where to look.</summary>
    public static Problem Unexpected(string requestId) =>
        new("/problems/http/unexpected", 500, $"The server failed. Its log has this request as {requestId}.") { Code = "InternalServerError" };
}
