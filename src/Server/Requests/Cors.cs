using Microsoft.AspNetCore.Http;

namespace Domicile.Server;

/// <summary>
/// Lets web pages of any origin call a resource. That takes nothing from anyone: credentials are tokens that the page holds, never cookies,
/// so a foreign page has nothing to send. The administration origin is not for web pages and has none of this.
/// </summary>
internal static class Cors
{
    private const string AnyOrigin = "*";
    private const string Methods = "GET, HEAD, POST, PATCH, PUT, DELETE";

    private const string RequestHeaders =
        "authorization, content-type, accept, x-ms-client-request-id, x-ms-useragent, x-ms-return-client-request-id, repeatability-request-id, "
        + "repeatability-first-sent, x-skypetoken, x-ms-migration, traceparent, tracestate";

    private const string ExposedHeaders =
        "x-ms-request-id, x-ms-client-request-id, x-ms-error-code, retry-after, operation-location, location, www-authenticate, x-trouter-skypetoken-deprecated, ms-cv";

    // Browsers cap it themselves, Chromium at two hours.
    private const string MaxAgeSeconds = "7200";

    /// <summary>Answers a preflight (no credential: browsers send none), and marks every other answer as readable by the page.</summary>
    public static Task Answer(HttpContext context, RequestDelegate next)
    {
        if (PlaceFinder.IsAdministration(context))
        {
            return next(context);
        }

        var request = context.Request.Headers;
        var answer = context.Response.Headers;
        if (request.Origin.Count > 0)
        {
            answer.AccessControlAllowOrigin = AnyOrigin;
            answer.AccessControlExposeHeaders = ExposedHeaders;
        }

        if (!HttpMethods.IsOptions(context.Request.Method))
        {
            return next(context);
        }

        if (request.Origin.Count > 0 && request.AccessControlRequestMethod.Count > 0)
        {
            answer.AccessControlAllowMethods = Methods;
            answer.AccessControlAllowHeaders = RequestHeaders;
            answer.AccessControlMaxAge = MaxAgeSeconds;
        }
        else
        {
            answer.Allow = Methods + ", OPTIONS";
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
