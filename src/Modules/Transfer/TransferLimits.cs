using System.Text;

namespace Domicile.Modules.Transfer;

/// <summary>How much one request of a transfer can carry. Larger than what applications may send, because it is kept as it came.</summary>
public static class TransferLimits
{
    /// <summary>Users in one request.</summary>
    public const int Users = 200;

    /// <summary>Messages in one request and in one page.</summary>
    public const int Messages = 200;

    /// <summary>Threads in one page.</summary>
    public const int Threads = 20;

    /// <summary>People who are or were in one thread.</summary>
    public const int Participants = 1_000;

    /// <summary>Bytes of one request.</summary>
    public const int BodyBytes = 16 * 1024 * 1024;

    /// <summary>Bytes of UTF-8 in the content of one message.</summary>
    public const int ContentBytes = 112 * 1024;

    /// <summary>Characters of a topic or a display name.</summary>
    public const int TextCharacters = 4_096;

    /// <summary>Bytes of all metadata of a thread, participant or message.</summary>
    public const int MetadataBytes = 32 * 1024;

    /// <summary>Characters of a thread's id.</summary>
    public const int ThreadIdCharacters = 256;

    /// <summary>The last instant that a message's id can be: the next messages come after it.</summary>
    private const long LatestMs = 253_370_764_799_000;

    internal static string? FaultOf(TransferThread thread)
    {
        if (thread.Id.Length is 0 or > ThreadIdCharacters || thread.Id.Any(letter => letter is <= ' ' or > '~' or '/'))
        {
            return $"thread.id is 1 to {ThreadIdCharacters} visible characters of ASCII, without a slash.";
        }

        if (thread.Topic.Length > TextCharacters || IsTooLarge(thread.Metadata))
        {
            return $"thread.topic has at most {TextCharacters} characters, thread.metadata {MetadataBytes} bytes.";
        }

        if (thread.CreatedOn.Year is < 1970 or > 9_000)
        {
            return "thread.createdOn is an instant from 1970 to the year 9000.";
        }

        if (thread.DeleteAfterDays is < 1 or > 3_650)
        {
            return "thread.deleteAfterDays is 1 to 3650.";
        }

        return thread.Participants?.Count > Participants || thread.Receipts?.Count > Participants ? $"A thread has at most {Participants} participants and as many receipts."
            : thread.Participants?.FirstOrDefault(each => each.DisplayName?.Length > TextCharacters || IsTooLarge(each.Metadata)) is not null ? $"A displayName has at most {TextCharacters} characters, metadata {MetadataBytes} bytes."
            : thread.Participants is { } people && people.DistinctBy(person => person.User).Count() != people.Count ? "A user is named once among the participants."
            : null;
    }

    internal static string? FaultOf(IReadOnlyList<TransferMessage> messages)
    {
        if (messages.Count > Messages)
        {
            return $"At most {Messages} messages come in one request.";
        }

        var last = 0L;
        foreach (var message in messages)
        {
            if (!TryReadId(message.Id, out var id) || id <= last || id > LatestMs)
            {
                return "messages come in the order of their ids, which are milliseconds of the epoch above 0 and before the year 9999, each once.";
            }

            last = id;
            if ((message.Content is { } content && Encoding.UTF8.GetByteCount(content) > ContentBytes)
                || message.SenderDisplayName?.Length > TextCharacters || message.Topic?.Length > TextCharacters || IsTooLarge(message.Metadata) || message.Participants?.Count > Participants)
            {
                return $"Message {id} is too large: its content has at most {ContentBytes} bytes, its metadata {MetadataBytes}.";
            }

            if (message.Participants?.Any(person => person is null) == true)
            {
                return $"Message {id} names nobody at a place among its participants.";
            }

            if (!TryReadId(message.Version, out _) || message.Identity == Guid.Empty)
            {
                return $"Message {id} needs a version that is a whole number above 0, and an identity.";
            }

            if (TypeOf(message.Type) is null)
            {
                return $"Message {id} has a type that is none of: {string.Join(", ", Types)}.";
            }
        }

        return null;
    }

    internal static IReadOnlyList<string> Types { get; } = ["text", "html", "topicUpdated", "participantAdded", "participantRemoved"];

    internal static Chat.ChatMessageType? TypeOf(string name) => Types.Index().Where(pair => pair.Item == name).Select(pair => (Chat.ChatMessageType?)pair.Index).FirstOrDefault();

    internal static bool TryReadId(string? text, out long id) =>
        long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out id) && id > 0;

    private static bool IsTooLarge(IReadOnlyDictionary<string, string>? metadata) =>
        metadata?.Sum(pair => Encoding.UTF8.GetByteCount(pair.Key) + (pair.Value is null ? MetadataBytes + 1 : Encoding.UTF8.GetByteCount(pair.Value))) > MetadataBytes;
}
