using System.Text;
using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Domicile.Server;

/// <summary>Finds out who is calling, and whether they may: 401 when nobody is proved, 403 when the proved one may not.</summary>
internal sealed class CallerCheck(AccessKeySignature signature, IUserTokens users, IAdministratorTokens administrators)
{
    private const string BearerScheme = "Bearer ";
    private const string BasicScheme = "Basic ";
    private const int MaxCredential = 1024;

    private static readonly Caller Nobody = new Caller.Anonymous();

    /// <summary>What a 401 says of the ways in (RFC 9110 §11.6.1).</summary>
    public static string? Challenge(AccessKind kind) => kind switch
    {
        AccessKind.Application => "HMAC-SHA256, Bearer",
        AccessKind.User or AccessKind.Administrator => "Bearer",
        AccessKind.Credential => "Basic realm=\"administration\", charset=\"UTF-8\"",
        _ => null,
    };

    /// <summary>Checks what the request presents against what the operation takes. The body of a signed request is checked later, when it has arrived.</summary>
    public ValueTask<(Caller? Caller, Problem? Problem)> Check(HttpContext context, Access access, Place place, CancellationToken cancel) => access.Kind switch
    {
        AccessKind.Open => new((Nobody, null)),
        AccessKind.Application => new(CheckApplication(context, place.Resource!)),
        AccessKind.User => CheckUser(context, access, place.Resource!, cancel),
        AccessKind.Administrator => new(CheckAdministrator(context, access, place.Geography!)),
        AccessKind.Credential => new(CheckCredential(context)),
        _ => throw new InvalidOperationException("An access kind that nobody checks."),
    };

    private (Caller? Caller, Problem? Problem) CheckApplication(HttpContext context, ServedResource resource)
    {
        var headers = context.Request.Headers;
        if (AccessKeySignature.IsPresented(headers))
        {
            var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
            var problem = signature.Check(context.Request.Method, target, headers, resource.AccessKeys, out var key);
            return problem is null ? (new Caller.Application(resource.KeyFingerprints[key]), null) : (null, problem);
        }

        return (null, IsPresented(headers, BearerScheme) ? HttpProblems.NoTrustedTenant : HttpProblems.NoAccessKeySignature);
    }

    private async ValueTask<(Caller? Caller, Problem? Problem)> CheckUser(HttpContext context, Access access, ServedResource resource, CancellationToken cancel)
    {
        var headers = context.Request.Headers;
        var bare = access.TakesSkypetoken && headers["X-Skypetoken"] is [{ Length: > 0 } only] ? only : null;
        if ((bare ?? Presented(headers, BearerScheme)) is not { } token)
        {
            return (null, AccessKeySignature.IsPresented(headers) ? HttpProblems.KeyInsteadOfUserToken : HttpProblems.NoUserToken);
        }

        var (user, problem) = await users.Check(token, resource, cancel);
        if (user is null)
        {
            return (null, problem ?? HttpProblems.NoUserToken);
        }

        return HaveOneInCommon(user.Scopes, access.Scopes) ? (user, null) : (null, HttpProblems.MissingScope(access.Scopes));
    }

    private (Caller? Caller, Problem? Problem) CheckAdministrator(HttpContext context, Access access, Geography geography)
    {
        if (Presented(context.Request.Headers, BearerScheme) is not { } token)
        {
            return (null, HttpProblems.NoAdministratorToken);
        }

        var (administrator, problem) = administrators.Check(token, geography);
        if (administrator is null)
        {
            return (null, problem ?? HttpProblems.NoAdministratorToken);
        }

        return access.Roles.Contains(administrator.Role) ? (administrator, null) : (null, HttpProblems.MissingRole(access.Roles));
    }

    // RFC 7617: id and secret, joined by a colon that the id does not have, as UTF-8 in base64.
    private (Caller? Caller, Problem? Problem) CheckCredential(HttpContext context)
    {
        Span<byte> decoded = stackalloc byte[MaxCredential];
        if (Presented(context.Request.Headers, BasicScheme) is { } presented
            && Convert.TryFromBase64String(presented, decoded, out var length)
            && decoded[..length].IndexOf((byte)':') is > 0 and var colon
            && administrators.IsCredential(Encoding.UTF8.GetString(decoded[..colon]), Encoding.UTF8.GetString(decoded[(colon + 1)..length])))
        {
            return (Nobody, null);
        }

        return (null, HttpProblems.NoCredential);
    }

    private static bool IsPresented(IHeaderDictionary headers, string scheme) =>
        headers.Authorization is [{ } only] && only.Length > scheme.Length && only.StartsWith(scheme, StringComparison.OrdinalIgnoreCase);

    private static string? Presented(IHeaderDictionary headers, string scheme) =>
        IsPresented(headers, scheme) ? headers.Authorization[0]![scheme.Length..].Trim(' ') : null;

    private static bool HaveOneInCommon(IReadOnlyList<string> some, IReadOnlyList<string> others)
    {
        for (var i = 0; i < some.Count; i++)
        {
            for (var j = 0; j < others.Count; j++)
            {
                if (string.Equals(some[i], others[j], StringComparison.Ordinal))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
