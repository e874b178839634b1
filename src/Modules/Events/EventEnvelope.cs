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

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_bytes;

    [ThreadStatic]
    private static Utf8JsonWriter? t_writer;

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

        // Names matter where people are shown by name, which is where they come and go.
        var isNamed = matter.Kind is ChatMatterKind.ThreadCreated or ChatMatterKind.ParticipantAdded or ChatMatterKind.ParticipantRemoved;
        var mentioned = isNamed && matter.Members is { } members ? [.. members] : new List<SubjectRef>();
        foreach (var part in parts)
        {
            Mention(part.Recipient);
            Mention(part.About);
        }

        if (!isNamed && mentioned.Count == 0)
        {
            return EventPeople.Of(await ChatHappenings.PersonOf(home, by, cancel), home);
        }

        Mention(by);
        return EventPeople.Of(await chat.PeopleOf(home, isNamed ? matter.Thread : 0, mentioned, cancel), by, home);

        void Mention(SubjectRef person)
        {
            if (!person.IsNone)
            {
                mentioned.Add(person);
            }
        }
    }

    /// <summary>Whether an event can still be told: whom it is for, and whom it is about, were not erased.</summary>
    public static bool CanBeTold(EventPart part, EventPeople people) => people.Has(part.Recipient) && people.Has(part.About);

    /// <summary>The subject of an event.</summary>
    public static string SubjectOf(EventContent content, EventPart part, EventPeople people) =>
        content.Chat is { } matter ? ChatEvents.SubjectOf(matter, part, people) : content.Subject ?? "";

    /// <summary>The id of an event: the same whenever it is told.</summary>
    public static Guid IdOf(EventContent content, EventPart part)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (part.Recipient.IsNone && part.About.IsNone)
        {
            // The one that is for the thread: there is no other of its content.
            content.Id.TryWriteBytes(hash);
            return Own(hash[..16]);
        }

        Span<byte> bytes = stackalloc byte[32 + part.Type.Length];
        content.Id.TryWriteBytes(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], part.Recipient.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], part.About.Value);
        Encoding.ASCII.GetBytes(part.Type, bytes[32..]);
        SHA256.HashData(bytes, hash);
        return Own(hash[..16]);
    }

    /// <summary>RFC 9562 §5.8: a UUID of one's own making.</summary>
    private static Guid Own(Span<byte> bytes)
    {
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>Writes an event in the schema of a subscription.</summary>
    public static byte[] Write(EventSubscription subscription, EventContent content, EventPart part, EventPeople people) =>
        Write(
            subscription.Schema, subscription.Topic, part.Type, IdOf(content, part), SubjectOf(content, part, people), content.At, (content, part, people),
            static (writer, told) =>
            {
                if (told.content.Chat is { } matter)
                {
                    ChatEvents.WriteData(writer, matter, told.part, told.content.Id, told.people);
                }
                else
                {
                    writer.WriteRawValue(told.content.Data ?? "{}", skipInputValidation: true);
                }
            });

    /// <summary>Writes an event of any data.</summary>
    public static byte[] Write<T>(EventSchema schema, string topic, string type, Guid id, string subject, DateTimeOffset at, T told, Action<Utf8JsonWriter, T> data)
    {
        // A rare large event does not keep its buffer for the life of the thread.
        if (t_bytes is null || t_bytes.Capacity > 256 * 1024)
        {
            t_bytes = new ArrayBufferWriter<byte>(4_096);
            t_writer = new Utf8JsonWriter(t_bytes, Writing);
        }

        var (bytes, writer) = (t_bytes, t_writer!);
        bytes.ResetWrittenCount();
        writer.Reset(bytes);
        if (schema == EventSchema.EventGrid)
        {
            // WIRE.md §2.12: an array, and every member of the envelope a text.
            writer.WriteStartArray();
            writer.WriteStartObject();
            writer.WriteString("id"u8, id);
            writer.WriteString("topic"u8, topic);
            writer.WriteString("subject"u8, subject);
            writer.WriteString("eventType"u8, type);
            ChatEvents.Time(writer, "eventTime"u8, at);
            writer.WriteString("dataVersion"u8, "1.0"u8);
            writer.WriteString("metadataVersion"u8, "1"u8);
            writer.WritePropertyName("data"u8);
            data(writer, told);
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
            ChatEvents.Time(writer, "time"u8, at);
            writer.WriteString("specversion"u8, "1.0"u8);
            writer.WriteString("datacontenttype"u8, "application/json"u8);
            writer.WritePropertyName("data"u8);
            data(writer, told);
            writer.WriteEndObject();
        }

        writer.Flush();
        return bytes.WrittenSpan.ToArray();
    }
}

/// <summary>People whom an event mentions.</summary>
internal sealed class EventPeople
{
    private readonly Dictionary<SubjectRef, ChatPerson>? _all;
    private readonly ChatPerson? _by;

    private EventPeople(ChatPerson? by, string byId, Dictionary<SubjectRef, ChatPerson>? all)
    {
        (_by, By, _all) = (by, byId, all);
    }

    /// <summary>An event that mentions nobody.</summary>
    public static EventPeople None { get; } = new(null, "", null);

    /// <summary>The id of who did it.</summary>
    public string By { get; }

    /// <summary>An event that mentions nobody but who did it; null when they were erased.</summary>
    public static EventPeople Of(ChatPerson? by, Home home) => new(by, by?.RawId ?? CommunicationIdentifier.ErasedIdOf(home.ResourceId), null);

    /// <summary>An event that mentions others as well.</summary>
    public static EventPeople Of(IReadOnlyList<ChatPerson> all, SubjectRef by, Home home)
    {
        var people = new Dictionary<SubjectRef, ChatPerson>(all.Count);
        foreach (var person in all)
        {
            people[person.Subject] = person;
        }

        return new(null, people.TryGetValue(by, out var who) ? who.RawId : CommunicationIdentifier.ErasedIdOf(home.ResourceId), people);
    }

    /// <summary>Someone; null for nobody, or who was erased.</summary>
    public ChatPerson? Find(SubjectRef person) => _all is not null ? _all.GetValueOrDefault(person) : _by?.Subject == person && !person.IsNone ? _by : null;

    /// <summary>Whether someone is there, or nobody was meant.</summary>
    public bool Has(SubjectRef person) => person.IsNone || Find(person) is not null;
}
