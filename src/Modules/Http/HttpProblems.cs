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

    /// <summary>The body is not JSON of the expected shape.</summary>
    public static Problem UnreadableBody(long? line, long? position) =>
        new("/problems/http/unreadable-body", 400, $"The body is not valid JSON of the expected shape (line {line + 1}, byte {position + 1}).") { Code = "InvalidRequestBody" };

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
}
