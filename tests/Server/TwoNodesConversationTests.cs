using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

/// <summary>The conversations of the unmodified clients through the front of deploy/two-nodes.</summary>
[Trait("needs", "node")]
[Trait("needs", "postgres")]
[Trait("needs", "haproxy")]
[Trait("length", "full")]
public sealed class TwoNodesConversationTests(TwoNodes nodes) : IClassFixture<TwoNodes>
{
    [Theory]
    [InlineData("identity.mjs")]
    [InlineData("chat.mjs")]
    [InlineData("participants.mjs")]
    public async Task Every_conversation_goes_well_through_the_front(string script) => GoesWell(await nodes.Play(script));

    [Fact]
    public async Task A_conversation_goes_on_while_one_node_after_the_other_goes()
    {
        // What was gone comes back before the other goes, so from the second time on it is the node that serves which goes.
        var gone = "";
        GoesWell(await nodes.Play("restart.mjs", async pause =>
        {
            var back = gone;
            gone = gone == "a" ? "b" : "a";
            if (back.Length > 0)
            {
                await nodes.StartAgain(back);
            }

            await (pause == "kill" ? nodes.Kill(gone) : nodes.Stop(gone));
        }));
        await nodes.StartAgain(gone);
    }

    [Fact]
    [Trait("needs", "chromium")]
    public async Task Who_is_connected_in_a_browser_comes_to_the_other_node_and_is_told_everything() =>
        GoesWell(await nodes.Play("realtime-restart-chromium.mjs", async pause =>
        {
            // One after the other, so that the one which serves is among them, and the client comes to each of them from the other.
            foreach (var node in (string[])["a", "b"])
            {
                await (pause == "kill" ? nodes.Kill(node) : nodes.Stop(node));
                await nodes.StartAgain(node);
            }
        }));

    internal static void GoesWell(ScriptSummary summary)
    {
        Assert.NotEmpty(summary.Scenarios);
        var failed = string.Join('\n', summary.Scenarios.Where(scenario => !scenario.Ok).Select(scenario => $"{scenario.Name}: {scenario.Error}"));
        Assert.True(failed.Length == 0, failed);
    }
}

/// <summary>The same where the requests of one client go to both nodes.</summary>
[Trait("needs", "node")]
[Trait("needs", "postgres")]
[Trait("needs", "haproxy")]
[Trait("length", "full")]
public sealed class SpreadConversationTests(SpreadNodes nodes) : IClassFixture<SpreadNodes>
{
    [Theory]
    [InlineData("identity.mjs")]
    [InlineData("chat.mjs")]
    [InlineData("participants.mjs")]
    public async Task Every_conversation_goes_well_while_its_requests_go_to_both_nodes(string script) => TwoNodesConversationTests.GoesWell(await nodes.Play(script));
}
