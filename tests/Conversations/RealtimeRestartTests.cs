namespace Domicile.Tests.Conversations;

/// <summary>The server goes away while people are connected, once politely and once not.</summary>
[Trait("needs", "node")]
public sealed class RealtimeRestartTests(RealtimeRestartTests.Interrupted interrupted) : Conversation, IClassFixture<RealtimeRestartTests.Interrupted>
{
    [Fact]
    public Task After_an_orderly_restart_everything_is_told_once() => GoesWell();

    [Fact]
    public Task After_a_crash_everything_is_told_at_least_once() => GoesWell();

    private protected override Task<ScriptSummary> Played() => interrupted.Played!;

    /// <summary>The script with its interruptions, on a server of its own.</summary>
    public class Interrupted : IAsyncLifetime
    {
        private ServerProcess? server;

        private protected virtual string Script => "realtime-restart.mjs";

        private protected virtual bool IsInNode => true;

        internal Task<ScriptSummary>? Played { get; private set; }

        public async ValueTask InitializeAsync()
        {
            server = await ServerProcess.Start();
            Played = NodeScript.Play(Script, server, isBrowser: IsInNode, onPause: async pause =>
            {
                await (pause == "stop" ? server.Stop() : server.KillAtOnce());
                await server.StartAgain();
            });
        }

        public async ValueTask DisposeAsync()
        {
            GC.SuppressFinalize(this);
            if (Played is not null)
            {
                // However it ended, each test has told it.
                await Task.WhenAny(Played);
            }

            await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }
}

/// <summary>The same with the client in a real browser.</summary>
[Trait("needs", "node")]
[Trait("needs", "chromium")]
[Trait("length", "full")]
public sealed class RealtimeRestartInChromiumTests(RealtimeRestartInChromiumTests.InChromium interrupted) : Conversation, IClassFixture<RealtimeRestartInChromiumTests.InChromium>
{
    [Fact]
    public Task After_an_orderly_restart_everything_is_told_once() => GoesWell();

    [Fact]
    public Task After_a_crash_everything_is_told_at_least_once() => GoesWell();

    private protected override Task<ScriptSummary> Played() => interrupted.Played!;

    /// <summary>The script in its form for Chromium.</summary>
    public sealed class InChromium : RealtimeRestartTests.Interrupted
    {
        private protected override string Script => "realtime-restart-chromium.mjs";

        private protected override bool IsInNode => false;
    }
}
