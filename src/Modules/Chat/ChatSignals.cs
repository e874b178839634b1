using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>What Chat tells beside the feed, because it is never at rest.</summary>
internal static class ChatSignals
{
    private const string Typing = "chat.typing";

    /// <summary>Someone is typing.</summary>
    public static void SendTyping(Home home, Ref<ChatThread> thread, TypingSignal typing) =>
        home.Ephemeral.Publish(new EphemeralSignal(home.Resource.Number, Typing, thread.Value, JsonSerializer.SerializeToUtf8Bytes(typing, ChatSignalJson.Default.TypingSignal)));

    /// <summary>The typing that a signal tells of; null when it tells of something else.</summary>
    public static TypingSignal? ReadTyping(EphemeralSignal signal) =>
        signal.Kind == Typing ? JsonSerializer.Deserialize(signal.Content.Span, ChatSignalJson.Default.TypingSignal) : null;
}

/// <summary>Someone is typing.</summary>
/// <param name="Person">Their handle.</param>
/// <param name="DisplayName">Under which name.</param>
/// <param name="At">When, in milliseconds of the epoch.</param>
internal sealed record TypingSignal(long Person, string? DisplayName, long At);

[JsonSerializable(typeof(TypingSignal))]
internal sealed partial class ChatSignalJson : JsonSerializerContext;
