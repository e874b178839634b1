using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.ObjectPool;

namespace Domicile.Server;

/// <summary>Puts a reply on the wire. It is serialised whole before the first byte goes out, so that a fault while serialising is still an honest 500, and the length is known.</summary>
internal static class ReplyWriter
{
    private const string JsonType = "application/json";
    private const string ProblemJsonType = "application/problem+json";
    private static readonly ObjectPool<Page> Pages = new DefaultObjectPool<Page>(new PagePolicy(), maximumRetained: 64);

    /// <summary>Writes a reply.</summary>
    /// <param name="context">The request that is answered. Nothing has been sent yet.</param>
    /// <param name="reply">The answer.</param>
    /// <param name="errors">How a failure is rendered.</param>
    /// <param name="cancel">Cancelled when the client is gone.</param>
    public static ValueTask Write(HttpContext context, Reply reply, ErrorShape errors, CancellationToken cancel)
    {
        var response = context.Response;
        response.StatusCode = reply.Status;
        for (var i = 0; i < reply.Headers.Count; i++)
        {
            response.Headers[reply.Headers[i].Key] = reply.Headers[i].Value;
        }

        if (reply.FileBody is { } file)
        {
            response.ContentType = file.ContentType;
            response.ContentLength = file.Length;
            response.Headers.CacheControl = "no-store";
            response.Headers.ContentDisposition = $"attachment; filename=\"{file.Name}\"";
            return new ValueTask(file.Write(response.Body, cancel));
        }

        if (reply.Problem is null && !reply.HasJson && reply.Text is null)
        {
            if (reply.Status is not (204 or 304))
            {
                response.ContentLength = 0;
            }

            return default;
        }

        var page = Pages.Get();
        try
        {
            response.ContentType = Fill(page, context, reply, errors);
        }
        catch
        {
            Pages.Return(page);
            throw;
        }

        if (response.Headers.CacheControl.Count == 0)
        {
            response.Headers.CacheControl = "no-store";
        }

        response.ContentLength = page.Bytes.WrittenCount;
        return Send(context, page, cancel);
    }

    private static async ValueTask Send(HttpContext context, Page page, CancellationToken cancel)
    {
        try
        {
            if (!HttpMethods.IsHead(context.Request.Method))
            {
                await context.Response.BodyWriter.WriteAsync(page.Bytes.WrittenMemory, cancel);
            }
        }
        finally
        {
            Pages.Return(page);
        }
    }

    private static string Fill(Page page, HttpContext context, Reply reply, ErrorShape errors)
    {
        if (reply.Text is var (contentType, text))
        {
            Encoding.UTF8.GetBytes(text, page.Bytes);
            return contentType;
        }

        var type = JsonType;
        if (reply.Problem is not { } problem)
        {
            reply.WriteJson(page.Json);
        }
        else
        {
            var headers = context.Response.Headers;
            if (problem.RetryAfter is { } wait)
            {
                headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            }

            if (errors == ErrorShape.Acs)
            {
                headers["x-ms-error-code"] = problem.Code;
                WriteAcs(page.Json, problem);
            }
            else
            {
                type = ProblemJsonType;
                WriteProblem(page.Json, problem, context.TraceIdentifier);
            }
        }

        page.Json.Flush();
        return type;
    }

    private static void WriteAcs(Utf8JsonWriter writer, Problem problem)
    {
        writer.WriteStartObject();
        writer.WritePropertyName("error"u8);
        WriteAcsError(writer, problem);
        writer.WriteEndObject();
    }

    private static void WriteAcsError(Utf8JsonWriter writer, Problem problem)
    {
        writer.WriteStartObject();
        writer.WriteString("code"u8, problem.Code);
        writer.WriteString("message"u8, problem.Title);
        if (problem.Target is not null)
        {
            writer.WriteString("target"u8, problem.Target);
        }

        if (problem.Details.Count > 0)
        {
            writer.WriteStartArray("details"u8);
            foreach (var detail in problem.Details)
            {
                WriteAcsError(writer, detail);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    // RFC 9457: type, title and status, and as extensions what our other shape has too.
    private static void WriteProblem(Utf8JsonWriter writer, Problem problem, string requestId)
    {
        writer.WriteStartObject();
        WriteProblemMembers(writer, problem);
        writer.WriteNumber("status"u8, problem.Status);
        writer.WriteString("requestId"u8, requestId);
        if (problem.Details.Count > 0)
        {
            writer.WriteStartArray("errors"u8);
            foreach (var detail in problem.Details)
            {
                writer.WriteStartObject();
                WriteProblemMembers(writer, detail);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void WriteProblemMembers(Utf8JsonWriter writer, Problem problem)
    {
        writer.WriteString("type"u8, problem.Type);
        writer.WriteString("title"u8, problem.Title);
        writer.WriteString("code"u8, problem.Code);
        if (problem.Target is not null)
        {
            writer.WriteString("target"u8, problem.Target);
        }
    }

    /// <summary>A buffer and its writer, used again and again, and wiped in between.</summary>
    private sealed class Page
    {
        private const int FirstBytes = 4 * 1024;

        public Page()
        {
            Bytes = new ArrayBufferWriter<byte>(FirstBytes);
            // Answers are application/json with nosniff, never HTML: escaping what only HTML minds would make chat texts several times as long.
            Json = new Utf8JsonWriter(Bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        }

        public ArrayBufferWriter<byte> Bytes { get; }

        public Utf8JsonWriter Json { get; }
    }

    private sealed class PagePolicy : PooledObjectPolicy<Page>
    {
        private const int LargestKept = 128 * 1024;

        public override Page Create() => new();

        public override bool Return(Page page)
        {
            page.Bytes.Clear();
            page.Json.Reset(page.Bytes);
            return page.Bytes.Capacity <= LargestKept;
        }
    }
}
