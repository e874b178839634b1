using System.Globalization;
using System.Text.Json;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>
/// The events of chat, in both families of ACS: one for each member of a thread, and one for the thread. Payloads:
/// https://learn.microsoft.com/azure/event-grid/communication-services-chat-events.
/// </summary>
internal static class ChatEvents
{
    private const string Prefix = "Microsoft.Communication.";

    private static readonly Dictionary<ChatMatterKind, Family> Families = new()
    {
        [ChatMatterKind.MessageReceived] = new("ChatMessageReceived", "ChatMessageReceivedInThread", "a message arrived"),
        [ChatMatterKind.MessageEdited] = new("ChatMessageEdited", "ChatMessageEditedInThread", "a message was edited"),
        [ChatMatterKind.MessageDeleted] = new("ChatMessageDeleted", "ChatMessageDeletedInThread", "a message was deleted"),
        [ChatMatterKind.Typing] = new(null, "ChatTypingIndicatorReceivedInThread", "someone is typing"),
        [ChatMatterKind.ThreadCreated] = new("ChatThreadCreatedWithUser", "ChatThreadCreated", "a thread was created"),
        [ChatMatterKind.ThreadChanged] = new("ChatThreadPropertiesUpdatedPerUser", "ChatThreadPropertiesUpdated", "a thread's topic, metadata or retention policy changed"),
        [ChatMatterKind.ThreadDeleted] = new("ChatThreadWithUserDeleted", "ChatThreadDeleted", "someone deleted a thread"),
        [ChatMatterKind.ParticipantAdded] = new("ChatParticipantAddedToThreadWithUser", "ChatThreadParticipantAdded", "someone was added to a thread"),
        [ChatMatterKind.ParticipantRemoved] = new("ChatParticipantRemovedFromThreadWithUser", "ChatThreadParticipantRemoved", "someone left a thread or was removed"),
    };

    /// <summary>Their types.</summary>
    public static IEnumerable<EventType> Types =>
    [
        .. from family in Families.Values
           where family.PerUser is not null
           select new EventType(family.PerUser!, $"For each member: {family.When}."),
        .. from family in Families
           select new EventType(family.Value.InThread, $"For the thread: {family.Value.When}.") { IsPassing = family.Key == ChatMatterKind.Typing },
    ];

    /// <summary>What is kept of a happening while it waits, and what of it can be told; null for what is no event, such as that someone has read something.</summary>
    /// <param name="happening">The happening.</param>
    /// <param name="thread">The key of the thread; 0 when it is gone.</param>
    public static (ChatMatter Matter, IReadOnlyList<SubjectRef> About)? MatterOf(ChatHappening happening, long thread)
    {
        if (KindOf(happening) is not { } kind)
        {
            return null;
        }

        var matter = new ChatMatter { Kind = kind, ThreadId = happening.ThreadId, Thread = thread, Version = happening.Version, SenderDisplayName = happening.By.DisplayName };
        return happening switch
        {
            ChatHappening.OfMessage message => (
                matter with
                {
                    MessageId = message.MessageId,
                    IsHtml = message.IsHtml,
                    Content = kind == ChatMatterKind.MessageDeleted ? null : message.Content,
                    Metadata = kind == ChatMatterKind.MessageDeleted ? null : message.Metadata,
                },
                []),
            ChatHappening.ThreadCreated created => (
                matter with
                {
                    CreatedOn = created.Thread.CreatedOn,
                    Topic = created.Thread.Topic,
                    Metadata = created.Thread.Metadata,
                    SenderDisplayName = null,
                    Members = [.. created.Members.Select(member => member.Subject)],
                },
                []),
            ChatHappening.ThreadChanged changed => (
                matter with { CreatedOn = changed.Thread.CreatedOn, Topic = changed.Thread.Topic, Metadata = changed.Thread.Metadata, SenderDisplayName = null }, []),
            ChatHappening.ThreadDeleted deleted => (matter with { CreatedOn = deleted.CreatedOn, SenderDisplayName = null }, []),
            ChatHappening.ParticipantsAdded added => (matter with { CreatedOn = added.CreatedOn, SenderDisplayName = null }, [.. added.Added.Select(person => person.Subject)]),
            ChatHappening.ParticipantsRemoved removed => (matter with { CreatedOn = removed.CreatedOn, SenderDisplayName = null }, [.. removed.Removed.Select(person => person.Subject)]),
            _ => (matter, []),
        };
    }

    /// <summary>The types of a kind of happening: for each member, and for the thread.</summary>
    public static (string? PerUser, string InThread) TypesOf(ChatMatterKind kind) => (Families[kind].PerUser, Families[kind].InThread);

    /// <summary>The subject of an event: ids, never names.</summary>
    public static string SubjectOf(ChatMatter matter, EventPart part, EventPeople people)
    {
        var isInThread = part.Recipient.IsNone;
        var (by, about) = (people.By, people.Find(part.About)?.RawId);
        var whose = matter.Kind switch
        {
            ChatMatterKind.MessageReceived or ChatMatterKind.MessageEdited or ChatMatterKind.MessageDeleted or ChatMatterKind.Typing => $"sender/{by}",
            ChatMatterKind.ThreadCreated => $"createdBy/{by}",
            ChatMatterKind.ThreadChanged => $"editedBy/{by}",
            ChatMatterKind.ThreadDeleted => $"deletedBy/{by}",

            // So they are documented, in lower case for the thread.
            ChatMatterKind.ParticipantAdded => $"{(isInThread ? "participantadded" : "participantAdded")}/{about}",
            _ => $"{(isInThread ? "participantremoved" : "participantRemoved")}/{about}",
        };
        return isInThread ? $"thread/{matter.ThreadId}/{whose}" : $"thread/{matter.ThreadId}/{whose}/recipient/{people.Find(part.Recipient)?.RawId}";
    }

    /// <summary>Writes the data of an event.</summary>
    public static void WriteData(Utf8JsonWriter writer, ChatMatter matter, EventPart part, Guid transaction, EventPeople people)
    {
        writer.WriteStartObject();
        if (people.Find(part.Recipient) is { } recipient)
        {
            Identifier(writer, "recipientCommunicationIdentifier"u8, recipient.RawId);
        }

        Span<byte> id = stackalloc byte[32];
        transaction.TryFormat(id, out _, "N");
        writer.WriteString("transactionId"u8, id);
        writer.WriteString("threadId"u8, matter.ThreadId);
        writer.WriteNumber("version"u8, matter.Version);
        switch (matter.Kind)
        {
            case ChatMatterKind.MessageReceived or ChatMatterKind.MessageEdited or ChatMatterKind.MessageDeleted or ChatMatterKind.Typing:
                OfMessage(writer, matter, people.By);
                break;
            default:
                if (matter.CreatedOn is { } created)
                {
                    Time(writer, "createTime"u8, created);
                }

                OfThread(writer, matter, part, people);
                break;
        }

        writer.WriteEndObject();
    }

    private static ChatMatterKind? KindOf(ChatHappening happening) => happening switch
    {
        ChatHappening.MessageReceived => ChatMatterKind.MessageReceived,
        ChatHappening.MessageEdited => ChatMatterKind.MessageEdited,
        ChatHappening.MessageDeleted => ChatMatterKind.MessageDeleted,
        ChatHappening.Typing => ChatMatterKind.Typing,
        ChatHappening.ThreadCreated => ChatMatterKind.ThreadCreated,
        ChatHappening.ThreadChanged => ChatMatterKind.ThreadChanged,
        ChatHappening.ThreadDeleted => ChatMatterKind.ThreadDeleted,
        ChatHappening.ParticipantsAdded => ChatMatterKind.ParticipantAdded,
        ChatHappening.ParticipantsRemoved => ChatMatterKind.ParticipantRemoved,
        _ => null,
    };

    private static void OfMessage(Utf8JsonWriter writer, ChatMatter matter, string by)
    {
        var isTyping = matter.Kind == ChatMatterKind.Typing;
        Span<byte> id = stackalloc byte[20];
        (isTyping ? matter.Version : matter.MessageId).TryFormat(id, out var length, provider: CultureInfo.InvariantCulture);
        writer.WriteString("messageId"u8, id[..length]);
        Identifier(writer, "senderCommunicationIdentifier"u8, by);
        writer.WriteString("senderDisplayName"u8, matter.SenderDisplayName ?? "");
        Time(writer, "composeTime"u8, DateTimeOffset.FromUnixTimeMilliseconds(isTyping ? matter.Version : matter.MessageId));
        writer.WriteString("type"u8, isTyping ? "Control/Typing" : matter.IsHtml ? "RichText/Html" : "Text");
        if (matter.Content is { } content)
        {
            writer.WriteString("messageBody"u8, content);
            Pairs(writer, "metadata"u8, matter.Metadata);
        }

        var at = DateTimeOffset.FromUnixTimeMilliseconds(matter.Version);
        if (matter.Kind == ChatMatterKind.MessageEdited)
        {
            Time(writer, "editTime"u8, at);
        }
        else if (matter.Kind == ChatMatterKind.MessageDeleted)
        {
            Time(writer, "deleteTime"u8, at);
        }
    }

    private static void OfThread(Utf8JsonWriter writer, ChatMatter matter, EventPart part, EventPeople people)
    {
        var (at, by) = (DateTimeOffset.FromUnixTimeMilliseconds(matter.Version), people.By);
        switch (matter.Kind)
        {
            case ChatMatterKind.ThreadCreated:
                Identifier(writer, "createdByCommunicationIdentifier"u8, by);
                Properties(writer, matter);
                writer.WriteStartArray("participants"u8);
                foreach (var person in (matter.Members ?? []).Select(people.Find).OfType<ChatPerson>())
                {
                    Participant(writer, person);
                }

                writer.WriteEndArray();
                break;
            case ChatMatterKind.ThreadChanged:
                Identifier(writer, "editedByCommunicationIdentifier"u8, by);
                Time(writer, "editTime"u8, at);
                Properties(writer, matter);
                break;
            case ChatMatterKind.ThreadDeleted:
                Identifier(writer, "deletedByCommunicationIdentifier"u8, by);
                Time(writer, "deleteTime"u8, at);
                break;
            default:
                var isAdded = matter.Kind == ChatMatterKind.ParticipantAdded;
                Time(writer, "time"u8, at);
                Identifier(writer, isAdded ? "addedByCommunicationIdentifier"u8 : "removedByCommunicationIdentifier"u8, by);
                if (people.Find(part.About) is { } about)
                {
                    writer.WritePropertyName(isAdded ? "participantAdded"u8 : "participantRemoved"u8);
                    Participant(writer, about);
                }

                break;
        }
    }

    private static void Properties(Utf8JsonWriter writer, ChatMatter matter)
    {
        writer.WriteStartObject("properties"u8);
        writer.WriteString("topic"u8, matter.Topic);
        writer.WriteEndObject();
        Pairs(writer, "metadata"u8, matter.Metadata);
    }

    private static void Participant(Utf8JsonWriter writer, ChatPerson person)
    {
        writer.WriteStartObject();
        writer.WriteString("displayName"u8, person.DisplayName ?? "");
        Identifier(writer, "participantCommunicationIdentifier"u8, person.RawId);
        Pairs(writer, "metadata"u8, person.Metadata);
        writer.WriteEndObject();
    }

    /// <summary>One nested object: clients refuse two.</summary>
    private static void Identifier(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string rawId)
    {
        writer.WriteStartObject(name);
        writer.WriteString("kind"u8, "communicationUser");
        writer.WriteString("rawId"u8, rawId);
        writer.WriteStartObject("communicationUser"u8);
        writer.WriteString("id"u8, rawId);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Pairs(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IReadOnlyDictionary<string, string>? pairs)
    {
        writer.WriteStartObject(name);
        if (pairs is not null)
        {
            foreach (var (key, value) in pairs)
            {
                writer.WriteString(key, value);
            }
        }

        writer.WriteEndObject();
    }

    /// <summary>Writes an instant, in milliseconds of UTC.</summary>
    internal static void Time(Utf8JsonWriter writer, ReadOnlySpan<byte> name, DateTimeOffset at)
    {
        // The round-trip format has a way of its own, several times as fast as one that is spelled out; its last four digits are ten millionths.
        Span<byte> text = stackalloc byte[28];
        at.UtcDateTime.TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[23] = (byte)'Z';
        writer.WriteString(name, text[..24]);
    }

    private sealed class Family(string? perUser, string inThread, string when)
    {
        public string? PerUser { get; } = perUser is null ? null : Prefix + perUser;

        public string InThread { get; } = Prefix + inThread;

        public string When => when;
    }
}
