using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Http;

/// <summary>One request on its way: where it belongs, who sent it, and what it says. Made by the pipeline, read by a handler.</summary>
public sealed class Call
{
    /// <summary>The geography, resource, store and keys that the request is for: the only door to storage.</summary>
    public required Home Home { get; init; }

    /// <summary>Who is calling.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The operation that answers.</summary>
    public required Operation Operation { get; init; }

    /// <summary>The <c>api-version</c> of the request; empty on our own paths.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>Scheme and authority that the request came to, such as <c>https://localhost:8440</c>, without a trailing slash.</summary>
    public required string Origin { get; init; }

    /// <summary>The body as received, at most the operation's limit.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Reads a part of the path, percent-decoded.</summary>
    public required Func<string, string?> RouteValue { get; init; }

    /// <summary>Reads a query parameter, percent-decoded; null when absent.</summary>
    public required Func<string, string?> QueryValue { get; init; }

    /// <summary>Reads a request header; null when absent.</summary>
    public required Func<string, string?> HeaderValue { get; init; }

    /// <summary>The user who is calling. Only operations with <see cref="Access.User"/> may ask.</summary>
    public Caller.User User => (Caller.User)Caller;

    /// <summary>A part of the path that the route template names.</summary>
    public string Route(string name) => RouteValue(name) ?? throw new InvalidOperationException($"The route has no part called {name}.");

    /// <summary>Reads the body as JSON: UTF-8, no duplicate members, at most 32 deep.</summary>
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
