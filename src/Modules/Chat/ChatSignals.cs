using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>What Chat tells beside the feed, because it is never at rest or because what the feed tells of does not open any more.</summary>
internal static class ChatSignals
{
    private const string Typing = "chat.typing";
    private const string Deleted = "chat.deleted";
    private const int PiecePeople = 100;

    /// <summary>Someone is typing.</summary>
    public static void SendTyping(Home home, Ref<ChatThread> thread, TypingSignal typing) =>
        home.Ephemeral.Publish(new EphemeralSignal(home.Resource.Number, Typing, thread.Value, JsonSerializer.SerializeToUtf8Bytes(typing, ChatSignalJson.Default.TypingSignal)));

    /// <summary>A thread was deleted.</summary>
    public static void SendDeleted(Home home, Ref<ChatThread> thread, DeletedSignal deleted)
    {
        // A hundred handles and a name fit, whatever characters the name has.
        foreach (var some in deleted.Members.Chunk(PiecePeople))
        {
            home.Ephemeral.Publish(new EphemeralSignal(
                home.Resource.Number, Deleted, thread.Value, JsonSerializer.SerializeToUtf8Bytes(deleted with { Members = some }, ChatSignalJson.Default.DeletedSignal)));
        }
    }

    /// <summary>The typing that a signal tells of; null when it tells of something else.</summary>
    public static TypingSignal? ReadTyping(EphemeralSignal signal) =>
        signal.Kind == Typing ? JsonSerializer.Deserialize(signal.Content.Span, ChatSignalJson.Default.TypingSignal) : null;

    /// <summary>The deletion that a signal tells of; null when it tells of something else.</summary>
    public static DeletedSignal? ReadDeleted(EphemeralSignal signal) =>
        signal.Kind == Deleted ? JsonSerializer.Deserialize(signal.Content.Span, ChatSignalJson.Default.DeletedSignal) : null;
}

/// <summary>Someone is typing.</summary>
/// <param name="Person">Their handle.</param>
/// <param name="DisplayName">Under which name.</param>
/// <param name="At">When, in milliseconds of the epoch.</param>
internal sealed record TypingSignal(long Person, string? DisplayName, long At);

/// <summary>A thread was deleted.</summary>
/// <param name="ThreadId">Its id.</param>
/// <param name="By">Who deleted it, by handle.</param>
/// <param name="DisplayName">Under which name.</param>
/// <param name="At">When, in milliseconds of the epoch.</param>
/// <param name="Members">Who was in it, by handles.</param>
internal sealed record DeletedSignal(string ThreadId, long By, string? DisplayName, long At, IReadOnlyList<long> Members);

[JsonSerializable(typeof(TypingSignal))]
[JsonSerializable(typeof(DeletedSignal))]
internal sealed partial class ChatSignalJson : JsonSerializerContext;
