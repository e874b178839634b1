using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Domicile.Modules.Chat;

namespace Domicile.Modules.Realtime;

/// <summary>
/// An event as its clients read it, written once for all of them: the packet but for its number, and the body but for its recipient. Which fields there are, of what
/// type, and that texts within texts have their percent signs escaped, is what the clients demand.
/// </summary>
internal sealed class EventText
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string _name;
    private readonly byte[] _rest;

    private EventText(string name, byte[] rest)
    {
        _name = name;
        _rest = rest;
    }

    /// <summary>Bytes that it counts for in a queue.</summary>
    public int Length => _rest.Length + 400;

    /// <summary>Writes a happening down.</summary>
    public static EventText Of(ChatHappening happening)
    {
        var (name, id) = happening switch
        {
            ChatHappening.MessageReceived => ("chatMessageReceived", 200),
            ChatHappening.MessageEdited => ("chatMessageEdited", 247),
            ChatHappening.MessageDeleted => ("chatMessageDeleted", 248),
            ChatHappening.Typing => ("typingIndicatorReceived", 245),
            ChatHappening.Read => ("readReceiptReceived", 246),
            ChatHappening.ThreadCreated => ("chatThreadCreated", 257),
            ChatHappening.ThreadChanged => ("chatThreadPropertiesUpdated", 258),
            ChatHappening.ThreadDeleted => ("chatThreadDeleted", 259),
            ChatHappening.ParticipantsAdded => ("participantsAdded", 260),
            ChatHappening.ParticipantsRemoved => ("participantsRemoved", 261),
            _ => throw new InvalidOperationException("A happening that nobody writes down."),
        };
        var body = Json(writer =>
        {
            writer.WriteNumber("eventId"u8, id);
            writer.WriteString("senderId"u8, happening.By.RawId);
            writer.WriteString("transactionId"u8, RandomText());
            writer.WriteString("collapseId"u8, "");
            writer.WriteString("priority"u8, "");
            Write(writer, happening);
        });

        // Without its opening brace: the recipient goes before it. Then as the text that a packet carries.
        return new EventText(name, EscapedWithin(body.AsSpan(1)));
    }

    /// <summary>Writes the packet for one connection.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="number">The packet's number.</param>
    /// <param name="path">The connection's path, with a trailing slash.</param>
    /// <param name="rawId">The recipient; ids have nothing that JSON escapes.</param>
    public void Write(IBufferWriter<byte> into, long number, string path, string rawId)
    {
        var withoutCloud = rawId.StartsWith("8:", StringComparison.Ordinal) ? rawId.AsSpan(2) : rawId;
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $$"""3:::{"id":{{number}},"method":"POST","url":"{{path}}{{_name}}","headers":{"Content-Type":"application/json","MS-CV":"r{{number}}.0","trouter-request":"{\"id\":\"r{{number}}\"}"},"body":"{\"recipientMri\":\"{{rawId}}\",\"recipientId\":\"{{withoutCloud}}\",""");
        into.Advance(Encoding.UTF8.GetBytes(head, into.GetSpan(Encoding.UTF8.GetMaxByteCount(head.Length))));
        into.Write(_rest);
        into.Write("\"}"u8);
    }

    private static void Write(Utf8JsonWriter writer, ChatHappening happening)
    {
        switch (happening)
        {
            case ChatHappening.OfMessage message:
                OfThread(writer, happening, message.MessageId);
                writer.WriteString("messageType"u8, message.IsHtml ? "RichText/Html" : "Text");
                writer.WriteString("originalArrivalTime"u8, Time(message.MessageId));
                if (message is not ChatHappening.MessageDeleted)
                {
                    writer.WriteString("messageBody"u8, message.Content);
                    writer.WriteString("acsChatMessageMetadata"u8, Pairs(message.Metadata));
                    writer.WriteString("attachments"u8, "[]");
                }

                if (message is not ChatHappening.MessageReceived)
                {
                    writer.WriteString(message is ChatHappening.MessageEdited ? "edittime"u8 : "deletetime"u8, Time(happening.Version));
                }

                if (message is ChatHappening.MessageEdited)
                {
                    writer.WriteString("composetime"u8, Time(message.MessageId));
                }

                break;
            case ChatHappening.Typing:
                OfThread(writer, happening, happening.Version);
                writer.WriteString("messageType"u8, "Control/Typing");
                writer.WriteString("originalArrivalTime"u8, Time(happening.Version));
                break;
            case ChatHappening.Read read:
                OfThread(writer, happening, read.MessageId);
                writer.WriteString("messageType"u8, "ThreadActivity/MemberConsumptionHorizonUpdate");
                writer.WriteString("originalArrivalTime"u8, Time(happening.Version));
                writer.WriteString("messageBody"u8, Json(horizon =>
                {
                    horizon.WriteString("user"u8, happening.By.RawId);
                    horizon.WriteString("consumptionhorizon"u8, $"{read.MessageId};{happening.Version};0");
                    horizon.WriteNumber("messageVisibilityTime"u8, happening.Version);
                    horizon.WriteString("version"u8, Number(happening.Version));
                }));
                break;
            default:
                writer.WriteString("groupId"u8, "");
                writer.WriteString("threadId"u8, happening.ThreadId);
                writer.WriteString("version"u8, Number(happening.Version));
                OfThreadItself(writer, happening);
                break;
        }
    }

    private static void OfThread(Utf8JsonWriter writer, ChatHappening happening, long messageId)
    {
        writer.WriteString("groupId"u8, happening.ThreadId);
        writer.WriteString("messageId"u8, Number(messageId));
        writer.WriteString("clientMessageId"u8, "");
        writer.WriteString("senderDisplayName"u8, happening.By.DisplayName ?? "");
        writer.WriteString("version"u8, Number(happening.Version));
    }

    private static void OfThreadItself(Utf8JsonWriter writer, ChatHappening happening)
    {
        var by = Within(Json(happening.By));
        var at = Time(happening.Version);
        switch (happening)
        {
            case ChatHappening.ThreadCreated created:
                writer.WriteString("threadType"u8, "chat");
                writer.WriteString("createTime"u8, Time(created.Thread.CreatedOn.ToUnixTimeMilliseconds()));
                writer.WriteString("createdBy"u8, by);
                writer.WriteString("members"u8, Within(Json(created.Members)));
                writer.WriteString("properties"u8, Within(Json(created.Thread)));
                break;
            case ChatHappening.ThreadChanged changed:
                writer.WriteString("createTime"u8, Time(changed.Thread.CreatedOn.ToUnixTimeMilliseconds()));
                writer.WriteString("editTime"u8, at);
                writer.WriteString("editedBy"u8, by);
                writer.WriteString("properties"u8, Within(Json(changed.Thread)));
                break;
            case ChatHappening.ThreadDeleted deleted:
                writer.WriteString("deleteTime"u8, at);
                writer.WriteString("deletedBy"u8, by);
                writer.WriteString("reason"u8, deleted.IsByPolicy ? "deletedByPolicy" : "");
                break;
            case ChatHappening.ParticipantsAdded added:
                writer.WriteString("time"u8, at);
                writer.WriteString("addedBy"u8, by);
                writer.WriteString("participantsAdded"u8, Within(Json(added.Added)));
                break;
            case ChatHappening.ParticipantsRemoved removed:
                writer.WriteString("time"u8, at);
                writer.WriteString("removedBy"u8, by);
                writer.WriteString("participantsRemoved"u8, Within(Json(removed.Removed)));
                break;
        }
    }

    private static string Json(ChatThreadProperties thread) => Text(Json(writer =>
    {
        writer.WriteString("topic"u8, thread.Topic);
        if (thread.Metadata is not null)
        {
            writer.WriteString("acsChatThreadMetadata"u8, Pairs(thread.Metadata));
        }

        if (thread.DeleteAfterDays is { } days)
        {
            writer.WriteString("retentionPolicy"u8, $$"""{"retentionPolicyType":"DeleteAfterCreationTime","executeAfter":"{{days}}.00:00:00"}""");
        }
    }));

    private static string Json(ChatPerson person) => Text(Json(writer => Write(writer, person)));

    private static string Json(IReadOnlyList<ChatPerson> people)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Relaxed))
        {
            writer.WriteStartArray();
            foreach (var person in people)
            {
                writer.WriteStartObject();
                Write(writer, person);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, ChatPerson person)
    {
        writer.WriteString("participantId"u8, person.RawId);
        writer.WriteString("displayName"u8, person.DisplayName);
        if (person.ShareHistoryTime is { } shared)
        {
            // A number: older clients take nothing else.
            writer.WriteNumber("shareHistoryTime"u8, shared.ToUnixTimeMilliseconds());
        }

        writer.WriteString("memberMetaData"u8, Pairs(person.Metadata));
    }

    private static string Pairs(IReadOnlyDictionary<string, string>? pairs) => pairs is null ? "{}" : Text(Json(writer =>
    {
        foreach (var (name, value) in pairs)
        {
            writer.WriteString(name, value);
        }
    }));

    /// <summary>Clients percent-decode these texts, as JavaScript's unescape does, before they read them.</summary>
    private static string Within(string json) => json.Replace("%", "%25", StringComparison.Ordinal);

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Relaxed))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static string Text(byte[] utf8) => Encoding.UTF8.GetString(utf8);

    private static byte[] EscapedWithin(ReadOnlySpan<byte> utf8) => JsonEncodedText.Encode(utf8, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.ToArray();

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Time(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static string RandomText() => Residency.RandomPieces.Uuid().ToString("N");
}
