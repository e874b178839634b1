using Domicile.Tests.Hardness;
using Domicile.Tests.Support;

namespace Domicile.Tests.Conversations;

/// <summary>What ends by the clock while people are connected: a token, and a thread by its policy.</summary>
[Trait("needs", "node")]
[Trait("length", "full")]
public sealed class RealtimeClockTests(RealtimeClockTests.Turned turned) : Conversation, IClassFixture<RealtimeClockTests.Turned>
{
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(1);

    [Fact]
    public Task A_token_that_comes_to_its_end_is_renewed_by_the_credential_of_the_client_and_nothing_is_missed() => GoesWell();

    [Fact]
    public Task A_thread_that_goes_by_its_retention_policy_is_told_of_to_who_was_in_it() => GoesWell();

    [Fact]
    public async Task A_thread_that_goes_by_its_retention_policy_is_told_of_to_the_customers_systems()
    {
        await Played();

        // The thread with a policy, and the other, in which nobody wrote for a month.
        await Eventually.Holds(() => Task.FromResult(turned.Receiver.Received.Count == 6), Soon, () => $"the events came; there were {turned.Receiver.Received.Count}");
        var threads = turned.Receiver.Received.GroupBy(each => each.Data.GetProperty("threadId").GetString()).ToList();
        Assert.Equal(2, threads.Count);
        Assert.All(threads, thread => Assert.Equal(["ChatThreadDeleted", "ChatThreadWithUserDeleted", "ChatThreadWithUserDeleted"], thread.Select(each => each.Type).Order(StringComparer.Ordinal)));
    }

    private protected override Task<ScriptSummary> Played() => turned.Played!;

    /// <summary>The script, on a server of its own whose clock is turned when it says so.</summary>
    public sealed class Turned : IAsyncLifetime
    {
        private readonly EventTests.Town _town = new();

        internal EventReceiver Receiver { get; private set; } = null!;

        internal Task<ScriptSummary>? Played { get; private set; }

        public async ValueTask InitializeAsync()
        {
            await _town.InitializeAsync();
            Receiver = await EventReceiver.Start();
            await _town.Subscribe(Receiver, types: ["Microsoft.Communication.ChatThreadDeleted", "Microsoft.Communication.ChatThreadWithUserDeleted"]);
            Played = NodeScript.Play("realtime-clock.mjs", _town.Server, isBrowser: true, onPause: async pause =>
            {
                // A token of an administrator does not live for a month either.
                var administration = new Administration(_town.Server);
                using var wire = administration.Wire();
                (await wire.AsUser(await administration.Token("operator"), HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = int.Parse(pause["turn ".Length..], null) })).Is(200);
            });
        }

        public async ValueTask DisposeAsync()
        {
            if (Played is not null)
            {
                // However it ended, each test has told it.
                await Task.WhenAny(Played);
            }

            if (Receiver is not null)
            {
                await Receiver.DisposeAsync();
                await _town.DisposeAsync();
            }
        }
    }
}
