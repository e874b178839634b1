namespace Domicile.Tests.Conversations;

/// <summary>What the unmodified chat client is told as it happens, in a real browser: on a page of another origin, behind a line that is cut for real.</summary>
[Trait("needs", "node")]
[Trait("needs", "chromium")]
[Trait("length", "full")]
public sealed class RealtimeInChromiumTests(SharedServer shared) : RealtimeConversation
{
    private protected override Task<ScriptSummary> Played() => shared.Play("realtime-chromium.mjs");
}
