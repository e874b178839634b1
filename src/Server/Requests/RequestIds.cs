using Domicile.Residency;
using Microsoft.AspNetCore.Http;

namespace Domicile.Server;

/// <summary>Names every request: with an id of ours, and by repeating the client's own when that is a plain token.</summary>
internal static class RequestIds
{
    /// <summary>Our id of a request, on every answer.</summary>
    public const string Header = "x-ms-request-id";

    /// <summary>The client's id of a request, repeated.</summary>
    public const string ClientHeader = "x-ms-client-request-id";

    private const int LongestEcho = 128;

    /// <summary>Gives the request its ids and its answer the headers that every answer has.</summary>
    public static Task Give(HttpContext context, RequestDelegate next)
    {
        var id = RandomPieces.Uuid().ToString("D");
        context.TraceIdentifier = id;
        var headers = context.Response.Headers;
        headers[Header] = id;
        headers.XContentTypeOptions = "nosniff";
        if (context.Request.Headers[ClientHeader] is [{ Length: > 0 and <= LongestEcho } own] && !own.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            headers[ClientHeader] = own;
        }

        return next(context);
    }
}
