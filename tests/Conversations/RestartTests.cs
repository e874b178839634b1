namespace Domicile.Tests.Conversations;

/// <summary>The server goes away in the middle of conversations, once politely and once not.</summary>
[Trait("needs", "node")]
public sealed class RestartTests : Conversation, IClassFixture<RestartTests.Interrupted>
{
    private readonly Interrupted interrupted;

    public RestartTests(Interrupted interrupted)
    {
        this.interrupted = interrupted;
    }

    [Fact]
    public Task A_conversation_goes_on_after_the_server_was_stopped_and_started() => GoesWell();

    [Fact]
    public async Task Nothing_that_was_acknowledged_is_lost_when_the_server_is_killed()
    {
        var scenario = await GoesWell();

        Assert.InRange(scenario.Told["before"].GetInt32(), 60, int.MaxValue);
    }

    [Fact]
    public Task Nothing_that_was_acknowledged_is_lost_when_the_server_is_stopped_while_people_talk() => GoesWell();

    [Fact]
    public async Task The_connection_strings_and_the_trusted_authority_stay_what_they_were()
    {
        await Played();

        Assert.Single(interrupted.Secrets.Distinct());
        Assert.Equal(4, interrupted.Secrets.Count);
    }

    private protected override Task<ScriptSummary> Played() => interrupted.Played!;

    /// <summary>The script with its interruptions, on a server of its own.</summary>
    public sealed class Interrupted : IAsyncLifetime
    {
        private ServerProcess? server;

        internal Task<ScriptSummary>? Played { get; private set; }

        /// <summary>Connection strings and authority as they stood before, between and after the interruptions.</summary>
        internal List<string> Secrets { get; } = [];

        public async ValueTask InitializeAsync()
        {
            server = await ServerProcess.Start();
            Secrets.Add(ReadSecrets(server));
            Played = NodeScript.Play("restart.mjs", server, onPause: async pause =>
            {
                await (pause == "stop" ? server.Stop() : server.KillAtOnce());
                await server.StartAgain();
                Secrets.Add(ReadSecrets(server));
            });
        }

        public async ValueTask DisposeAsync()
        {
            if (Played is not null)
            {
                // However it ended, each test has told it.
                await Task.WhenAny(Played);
            }

            await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        private static string ReadSecrets(ServerProcess server) =>
            File.ReadAllText(Path.Combine(server.Data, "connection-strings.json")) + File.ReadAllText(server.CertificateAuthority);
    }
}
