using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>What a handler answers: a status, at most one JSON body, and headers.</summary>
public sealed class Reply
{
    private Reply(int status)
    {
        Status = status;
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>The failure, when it is one.</summary>
    public Problem? Problem { get; private init; }

    /// <summary>Headers beyond those that every answer carries.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Writes the body, or null for none.</summary>
    public Action<Utf8JsonWriter>? Body { get; private init; }

    /// <summary>Text that is sent as it is, with its content type.</summary>
    public (string ContentType, string Text)? Text { get; private init; }

    /// <summary>An answer without a body.</summary>
    public static Reply Empty(int status) => new(status);

    /// <summary>An answer with a JSON body; absent members are left out.</summary>
    public static Reply Json<T>(int status, T body, JsonTypeInfo<T> type) =>
        new(status) { Body = writer => JsonSerializer.Serialize(writer, body, type) };

    /// <summary>Plain text, such as metrics.</summary>
    public static Reply Plain(string contentType, string text) => new(200) { Text = (contentType, text) };

    /// <summary>A failure.</summary>
    public static Reply Of(Problem problem) => new(problem.Status) { Problem = problem };

    /// <summary>A failure is an answer.</summary>
    public static implicit operator Reply(Problem problem) => Of(problem);
}
