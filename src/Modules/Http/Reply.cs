using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>What a handler answers: a status, at most one JSON body, and headers.</summary>
public abstract class Reply
{
    private Reply(int status)
    {
        Status = status;
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>The failure, when it is one.</summary>
    public virtual Problem? Problem => null;

    /// <summary>Headers beyond those that every answer carries.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Text with one header.</summary>
    public static Reply Plain(string contentType, string text, string header, string value) => new PlainText(contentType, text) { Headers = [new(header, value)] };

    /// <summary>Whether <see cref="WriteJson"/> has something to write.</summary>
    public virtual bool HasJson => false;

    /// <summary>Text that is sent as it is, with its content type.</summary>
    public virtual (string ContentType, string Text)? Text => null;

    /// <summary>A file that is written piece by piece.</summary>
    public virtual FileBody? FileBody => null;

    /// <summary>What is done with the socket, when the answer is to make one of the connection (RFC 6455).</summary>
    public virtual Func<WebSocket, CancellationToken, Task>? Socket => null;

    /// <summary>An answer without a body.</summary>
    public static Reply Empty(int status) => new Bodyless(status);

    /// <summary>An answer with a JSON body; absent members are left out.</summary>
    public static Reply Json<T>(int status, T body, JsonTypeInfo<T> type) => new JsonOf<T>(status, body, type);

    /// <summary>An answer whose JSON body is written by hand.</summary>
    public static Reply Written(int status, Action<Utf8JsonWriter> write) => new WrittenJson(status, write);

    /// <summary>Plain text, such as metrics.</summary>
    public static Reply Plain(string contentType, string text) => new PlainText(contentType, text);

    /// <summary>A file, written piece by piece: it need not fit into memory.</summary>
    /// <param name="contentType">Its type.</param>
    /// <param name="name">The name to save it under: ASCII letters, digits, dots and hyphens.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="write">Writes it, and closes what it reads from; called once, or not at all for HEAD.</param>
    public static Reply File(string contentType, string name, long length, Func<Stream, CancellationToken, Task> write) => new FileOf(new FileBody(contentType, name, length, write));

    /// <summary>Takes a WebSocket, and serves it until it ends. A request that asks for none is refused with <see cref="HttpProblems.NoUpgrade"/>.</summary>
    public static Reply Upgrade(Func<WebSocket, CancellationToken, Task> serve) => new Upgraded(serve);

    /// <summary>A failure.</summary>
    public static Reply Of(Problem problem) => new Failure(problem);

    /// <summary>A failure is an answer.</summary>
    public static implicit operator Reply(Problem problem) => Of(problem);

    /// <summary>Writes the JSON body.</summary>
    public virtual void WriteJson(Utf8JsonWriter writer)
    {
    }

    private sealed class Bodyless(int status) : Reply(status);

    // One object per answer, instead of a delegate and what it closes over.
    private sealed class JsonOf<T>(int status, T body, JsonTypeInfo<T> type) : Reply(status)
    {
        public override bool HasJson => true;

        public override void WriteJson(Utf8JsonWriter writer) => JsonSerializer.Serialize(writer, body, type);
    }

    private sealed class WrittenJson(int status, Action<Utf8JsonWriter> write) : Reply(status)
    {
        public override bool HasJson => true;

        public override void WriteJson(Utf8JsonWriter writer) => write(writer);
    }

    private sealed class PlainText(string contentType, string text) : Reply(200)
    {
        public override (string ContentType, string Text)? Text => (contentType, text);
    }

    private sealed class FileOf(FileBody body) : Reply(200)
    {
        public override FileBody? FileBody => body;
    }

    private sealed class Upgraded(Func<WebSocket, CancellationToken, Task> serve) : Reply(101)
    {
        public override Func<WebSocket, CancellationToken, Task>? Socket => serve;
    }

    private sealed class Failure(Problem problem) : Reply(problem.Status)
    {
        public override Problem? Problem => problem;
    }
}

/// <summary>The body of an answer that is a file.</summary>
/// <param name="ContentType">Its type.</param>
/// <param name="Name">The name to save it under.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Write">Writes it.</param>
public sealed record FileBody(string ContentType, string Name, long Length, Func<Stream, CancellationToken, Task> Write);
