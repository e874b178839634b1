using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Domicile.Residency;

/// <summary>What is to be said of an act: who, what, why. When and where are added where it is written.</summary>
/// <param name="Act">The act.</param>
/// <param name="By">What did it: <c>administrator</c>, <c>application</c>, <c>user</c>, <c>node</c>, or <c>nobody</c> who was proved to be anyone.</param>
public sealed record AuditNote(AuditedAct Act, string By)
{
    /// <summary>Characters of a text in it at most; beyond it the text is cut.</summary>
    public const int TextMax = 1_024;

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_written;

    /// <summary>The entry's id, when whoever writes it must find it again; the store gives it out. It is no part of the content.</summary>
    public long? Entry { get; init; }

    /// <summary>The person who did it, when it was one. The entry is sealed under their key.</summary>
    public SubjectRef Actor { get; init; }

    /// <summary>The role in which an administrator did it.</summary>
    public string? Role { get; init; }

    /// <summary>With which token or key: an id or a fingerprint, never the secret.</summary>
    public string? Credential { get; init; }

    /// <summary>The resource that it was done to or in.</summary>
    public Guid? Resource { get; init; }

    /// <summary>The person to whom it was done.</summary>
    public SubjectRef Person { get; init; }

    /// <summary>The request that did it, as its answer named it.</summary>
    public string? Request { get; init; }

    /// <summary>Why, in the actor's words.</summary>
    public string? Reason { get; init; }

    /// <summary>What else there is to say. No identifiers of people.</summary>
    public string? Detail { get; init; }

    /// <summary>How often, when one entry stands for several.</summary>
    public long? Count { get; init; }

    /// <summary>The content that an entry commits to: JSON, the same bytes for the same note.</summary>
    /// <param name="geography">Where: the geography.</param>
    /// <param name="node">Where: the node.</param>
    public string Content(Geography geography, string node)
    {
        var written = t_written ??= new ArrayBufferWriter<byte>(512);
        written.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(written, Writing))
        {
            json.WriteStartObject();
            json.WriteString("by"u8, By);
            Write(json, "actor"u8, Actor);
            Write(json, "role"u8, Role);
            Write(json, "credential"u8, Credential);
            Write(json, "resource"u8, Resource?.ToString("D"));
            Write(json, "person"u8, Person);
            Write(json, "request"u8, Request);
            Write(json, "reason"u8, Reason);
            Write(json, "detail"u8, Detail);
            if (Count is { } count)
            {
                json.WriteNumber("count"u8, count);
            }

            json.WriteString("geography"u8, geography.Name);
            json.WriteString("node"u8, node);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(written.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value.Length > TextMax ? value[..TextMax] : value);
        }
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, SubjectRef person)
    {
        if (!person.IsNone)
        {
            json.WriteString(name, person.Value.ToString("x16", System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
