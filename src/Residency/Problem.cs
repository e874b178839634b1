namespace Domicile.Residency;

/// <summary>
/// A failure that a caller can act on: declared once, documented, and free of personal data.
/// On ACS paths it is rendered as the ACS error body, on our own as RFC 9457 <c>application/problem+json</c>.
/// </summary>
/// <param name="Type">Stable path that names the problem, such as <c>/problems/chat/empty-body</c>.</param>
/// <param name="Status">HTTP status, 400–599.</param>
/// <param name="Title">One sentence that says what is wrong and, where there is one, what to do.</param>
public sealed record Problem(string Type, int Status, string Title)
{
    /// <summary>The <c>error.code</c> of the ACS body; by default the usual name of the status.</summary>
    public string Code { get; init; } = Status switch
    {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "Conflict",
        412 => "PreconditionFailed",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        421 => "MisdirectedRequest",
        422 => "UnprocessableEntity",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "Error",
    };

    /// <summary>The member of the request that is at fault, as the request names it.</summary>
    public string? Target { get; init; }

    /// <summary>Everything that is wrong, when it is more than one thing.</summary>
    public IReadOnlyList<Problem> Details { get; init; } = [];

    /// <summary>When to try again; sent as <c>Retry-After</c>, in whole seconds.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The same problem, said of one member of the request.</summary>
    public Problem At(string target) => this with { Target = target };

    /// <summary>The same problem with a sentence that fits this one case. Never pass personal data.</summary>
    public Problem Saying(string title) => this with { Title = title };

    /// <summary>One problem out of several: the first one's status, all of them as details.</summary>
    public static Problem Of(IReadOnlyList<Problem> problems) =>
        problems is [var only] ? only : problems[0] with { Target = null, Details = problems };
}
