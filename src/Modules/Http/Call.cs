using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Domicile.Modules.Http;

/// <summary>
/// One request on its way: where it belongs, who sent it, and what it says. Made by the pipeline, read by a handler,
/// and good only until the handler's reply is written: the body's memory is used again.
/// </summary>
/// <param name="http">The request as the server received it. Handlers see it through this type only.</param>
/// <param name="geography">The geography of the origin that the request came to.</param>
/// <param name="resource">The resource that the request is for; null on the administration origin.</param>
public sealed class Call(HttpContext http, Geography geography, ServedResource? resource)
{
    /// <summary>The geography of the origin that the request came to.</summary>
    public Geography Geography => geography;

    /// <summary>The geography, resource, store and keys that the request is for: the only door to storage. The administration origin has none.</summary>
    public Home Home => Resource.Home;

    /// <summary>What the customer chose for the resource.</summary>
    public ResourceSettings Settings => Resource.Settings;

    private Guid? ResourceId => resource?.Home.ResourceId;

    /// <summary>The resource that the request is for, for whoever serves its user for longer than this request.</summary>
    public ServedResource Served => Resource;

    private ServedResource Resource => resource ?? throw new InvalidOperationException("An operation of the administration origin is for no resource.");

    /// <summary>Who is calling.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The operation that answers.</summary>
    public required Operation Operation { get; init; }

    /// <summary>The <c>api-version</c> of the request; empty on our own paths.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>The body as received, at most the operation's limit.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The person whom an application's call turned out to be about, for the operation log; nobody when it is about no one.</summary>
    public SubjectRef Concerned { get; set; }

    /// <summary>The scopes of a token that the call issued, for the operation log.</summary>
    public IReadOnlyList<string> IssuedScopes { get; set; } = [];

    /// <summary>Scheme and authority that the request came to, such as <c>https://localhost:8440</c>, without a trailing slash.</summary>
    public string Origin => $"{http.Request.Scheme}://{http.Request.Host.Value}";

    /// <summary>The client's network address, as the front tells it where there is one. Personal data: it is stored sealed or not at all, and never logged.</summary>
    public IPAddress? RemoteAddress => http.Connection.RemoteIpAddress;

    /// <summary>Whether the request asks to make a WebSocket of its connection.</summary>
    public bool IsUpgrade => http.WebSockets.IsWebSocketRequest;

    /// <summary>The user who is calling. Only operations with <see cref="Access.User"/> may ask.</summary>
    public Caller.User User => (Caller.User)Caller;

    /// <summary>What is to be said in the audit log of what this call does.</summary>
    /// <param name="act">The act.</param>
    /// <param name="person">The person to whom it is done, if it is to one.</param>
    /// <param name="resource">The resource that it is done to; without one, the resource that the request is for.</param>
    public AuditNote Act(AuditedAct act, SubjectRef person = default, Guid? resource = null)
    {
        var note = Caller switch
        {
            Caller.Administrator administrator => new AuditNote(act, "administrator")
            {
                Actor = administrator.Subject,
                Role = administrator.Role,
                Credential = administrator.TokenId,
            },
            Caller.Application application => new AuditNote(act, "application") { Credential = application.KeyFingerprint },
            Caller.User user => new AuditNote(act, "user") { Actor = user.Subject },
            _ => new AuditNote(act, "nobody"),
        };
        return note with { Person = person, Resource = resource ?? ResourceId, Request = http.TraceIdentifier };
    }

    /// <summary>A part of the path that the route template names, percent-decoded. A slash inside a part stays <c>%2F</c>; no id has one.</summary>
    public string Route(string name) =>
        http.Request.RouteValues[name] as string ?? throw new InvalidOperationException($"The route has no part called {name}.");

    /// <summary>The first query parameter of that name (case does not matter), percent-decoded; null when absent.</summary>
    public string? Query(string name)
    {
        foreach (var parameter in new QueryStringEnumerable(http.Request.QueryString.Value))
        {
            if (parameter.DecodeName().Span.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return parameter.DecodeValue().ToString();
            }
        }

        return null;
    }

    /// <summary>A request header; null when absent, and null when it was sent more than once, because then it says nothing certain.</summary>
    public string? Header(string name)
    {
        var values = http.Request.Headers[name];
        return values.Count == 1 ? values[0] : null;
    }

    /// <summary>Reads the body as JSON: UTF-8, at most as deep and as strict about duplicate members as the type's options say.</summary>
    /// <returns>False with the problem when it cannot be read so.</returns>
    public bool TryRead<T>(JsonTypeInfo<T> type, [NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Problem? problem)
        where T : class
    {
        value = null;
        problem = null;
        if (Body.IsEmpty)
        {
            problem = HttpProblems.NoBody;
            return false;
        }

        // The reader looks at the characters of what it takes, not of what it skips.
        if (!Utf8.IsValid(Body.Span))
        {
            problem = HttpProblems.NotUtf8;
            return false;
        }

        try
        {
            value = JsonSerializer.Deserialize(Body.Span, type);
        }
        catch (JsonException unreadable)
        {
            // The exception's own text can quote the body; only the place is told.
            problem = HttpProblems.UnreadableBody(unreadable.LineNumber, unreadable.BytePositionInLine);
            return false;
        }

        problem = value is null ? HttpProblems.NoBody : null;
        return value is not null;
    }
}
