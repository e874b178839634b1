namespace Domicile.Tests.Conversations;

/// <summary>What the unmodified chat client is told as it happens, in Node with the browser's build of it.</summary>
[Trait("needs", "node")]
[Trait("length", "long")]
public sealed class RealtimeTests(SharedServer shared) : RealtimeConversation
{
    private protected override Task<ScriptSummary> Played() => shared.Play("realtime.mjs", isBrowser: true);
}
