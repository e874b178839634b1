using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>Writes an event as its subscription wants it. People are looked up here, as late as can be: whoever was erased meanwhile is not told of.</summary>
internal sealed class EventEnvelope(ChatHappenings chat)
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Hears of what was given up.</summary>
    public IFailedDeliveries? Failed { get; init; }

    /// <summary>Everyone whom a content mentions, by handle.</summary>
    /// <param name="home">The resource.</param>
    /// <param name="content">The content.</param>
    /// <param name="by">Who did it.</param>
    /// <param name="parts">The parts that are to be told.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<EventPeople> People(Home home, EventContent content, SubjectRef by, IEnumerable<EventPart> parts, CancellationToken cancel)
    {
        if (content.Chat is not { } matter)
        {
            return EventPeople.None;
        }

        var mentioned = new HashSet<SubjectRef>(matter.Members ?? []) { by };
        foreach (var part in parts)
        {
            mentioned.Add(part.Recipient);
            mentioned.Add(part.About);
        }

        mentioned.Remove(SubjectRef.None);

        // Names matter where people are shown by name, which is where they come and go.
        var thread = matter.Kind is ChatMatterKind.ThreadCreated or ChatMatterKind.ParticipantAdded or ChatMatterKind.ParticipantRemoved ? matter.Thread : 0;
        var found = await chat.PeopleOf(home, thread, [.. mentioned], cancel);
        var people = found.ToDictionary(person => person.Subject);
        return new EventPeople(people, people.TryGetValue(by, out var who) ? who.RawId : CommunicationIdentifier.ErasedIdOf(home.ResourceId));
    }

    /// <summary>Whether an event can still be told: whom it is for, and whom it is about, were not erased.</summary>
    public static bool CanBeTold(EventPart part, EventPeople people) => people.Has(part.Recipient) && people.Has(part.About);

    /// <summary>The subject of an event.</summary>
    public static string SubjectOf(EventContent content, EventPart part, EventPeople people) =>
        content.Chat is { } matter ? ChatEvents.SubjectOf(matter, part, people.By, who => people.Find(who)?.RawId) : content.Subject ?? "";

    /// <summary>The id of an event: the same whenever it is told.</summary>
    public static Guid IdOf(EventContent content, EventPart part)
    {
        Span<byte> bytes = stackalloc byte[32 + part.Type.Length];
        content.Id.TryWriteBytes(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], part.Recipient.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], part.About.Value);
        Encoding.ASCII.GetBytes(part.Type, bytes[32..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);

        // RFC 9562 §5.8: a UUID of one's own making.
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    /// <summary>Writes an event in the schema of a subscription.</summary>
    public static ReadOnlyMemory<byte> Write(EventSubscription subscription, EventContent content, EventPart part, EventPeople people)
    {
        var id = IdOf(content, part);
        return Write(subscription.Schema, subscription.Topic, part.Type, id, SubjectOf(content, part, people), content.At, writer =>
        {
            if (content.Chat is { } matter)
            {
                ChatEvents.WriteData(writer, matter, part, content.Id, people.By, people.Find);
            }
            else
            {
                writer.WriteRawValue(content.Data ?? "{}", skipInputValidation: true);
            }
        });
    }

    /// <summary>Writes an event of any data.</summary>
    public static ReadOnlyMemory<byte> Write(EventSchema schema, string topic, string type, Guid id, string subject, DateTimeOffset at, Action<Utf8JsonWriter> data)
    {
        var bytes = new ArrayBufferWriter<byte>(1_024);
        using (var writer = new Utf8JsonWriter(bytes, Writing))
        {
            if (schema == EventSchema.EventGrid)
            {
                // WIRE.md §2.12: an array, and every member of the envelope a text.
                writer.WriteStartArray();
                writer.WriteStartObject();
                writer.WriteString("id"u8, id);
                writer.WriteString("topic"u8, topic);
                writer.WriteString("subject"u8, subject);
                writer.WriteString("eventType"u8, type);
                writer.WriteString("eventTime"u8, ChatEvents.Time(at));
                writer.WriteString("dataVersion"u8, "1.0");
                writer.WriteString("metadataVersion"u8, "1");
                writer.WritePropertyName("data"u8);
                data(writer);
                writer.WriteEndObject();
                writer.WriteEndArray();
            }
            else
            {
                writer.WriteStartObject();
                writer.WriteString("id"u8, id);
                writer.WriteString("source"u8, topic);
                writer.WriteString("subject"u8, subject);
                writer.WriteString("type"u8, type);
                writer.WriteString("time"u8, ChatEvents.Time(at));
                writer.WriteString("specversion"u8, "1.0");
                writer.WriteString("datacontenttype"u8, "application/json");
                writer.WritePropertyName("data"u8);
                data(writer);
                writer.WriteEndObject();
            }
        }

        return bytes.WrittenMemory;
    }
}

/// <summary>People whom an event mentions.</summary>
/// <param name="All">Those who are there, by handle.</param>
/// <param name="By">The id of who did it.</param>
internal sealed record EventPeople(IReadOnlyDictionary<SubjectRef, ChatPerson> All, string By)
{
    /// <summary>An event that mentions nobody.</summary>
    public static EventPeople None { get; } = new(new Dictionary<SubjectRef, ChatPerson>(), "");

    /// <summary>Someone; null for nobody, or who was erased.</summary>
    public ChatPerson? Find(SubjectRef person) => All.GetValueOrDefault(person);

    /// <summary>Whether someone is there, or nobody was meant.</summary>
    public bool Has(SubjectRef person) => person.IsNone || All.ContainsKey(person);
}
