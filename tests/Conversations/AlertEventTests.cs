using System.Text.Json;
using Domicile.Tests.Hardness;
using Domicile.Tests.Support;

namespace Domicile.Tests.Conversations;

/// <summary>What goes wrong is noticed and told: from a target that is dead to the customer's system that hears of it, on a clock that the test turns.</summary>
[Collection(nameof(HardnessCollection))]
[Trait("length", "long")]
public sealed class AlertEventTests
{
    private const int Events = 12;
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Events_that_a_dead_target_never_takes_make_the_rule_for_them_fire_and_a_subscription_is_told_until_it_is_over()
    {
        await using var town = new EventTests.Town();
        await town.InitializeAsync();
        var administration = new Administration(town.Server);
        using var admin = administration.Wire();
        var owner = await administration.Token("owner");
        await using var watcher = await EventReceiver.Start();
        var watching = await town.Subscribe(watcher, types: ["Domicile.AlertFired", "Domicile.AlertResolved"]);

        // It consents, and is never there again.
        var dead = await EventReceiver.Start();
        (await town.TrySubscribe(dead.Url, "dead", "EventGridSchema", ["Microsoft.Communication.ChatMessageReceivedInThread"], minutes: 5)).Is(201);
        await dead.DisposeAsync();
        using var wire = town.Wire();
        var ada = await wire.NewUser();
        var thread = await wire.NewThread(ada);
        for (var i = 0; i < Events; i++)
        {
            await wire.Say(ada, thread, $"never heard {i}");
        }

        await Eventually.Holds(async () => (await town.Show("dead")).GetProperty("counts").GetProperty("waiting").GetInt64() == Events, Soon, () => "all of them wait");
        Assert.Equal(("quiet", 0), (await State(), watcher.Received.Count));

        // Their time is over: each is a dead letter, and that many are what the rule looks for, once in a minute of the machine's.
        await Minutes(6);
        await Eventually.Holds(() => Task.FromResult(watcher.Received.Count > 0), Soon, () => $"the alert is told; of the target it is said {town.Show("dead").Result}");
        await Stands("firing");
        await Minutes(20);
        await Eventually.Holds(() => Task.FromResult(watcher.Received.Count > 1), Soon, () => "its end is told");
        await Stands("quiet");
        Assert.Equal(Events, (await town.Show("dead")).GetProperty("counts").GetProperty("deadLetters").GetInt64());
        var told = watcher.Received.Select(each => each.Event).ToList();
        Assert.Equal(["Domicile.AlertFired", "Domicile.AlertResolved"], told.Select(each => each.GetProperty("eventType").GetString()));
        Assert.All(told, each => Assert.Equal("alerts/delivery-failures", each.GetProperty("subject").GetString()));
        var fired = told[0].GetProperty("data");
        Assert.Equal(("delivery-failures", "firing", 10.0), (fired.GetProperty("rule").GetString(), fired.GetProperty("state").GetString(), fired.GetProperty("threshold").GetDouble()));
        Assert.InRange(fired.GetProperty("value").GetDouble(), 10, Events);
        Assert.All(watcher.Received, each => Assert.DoesNotContain("8:acs:", each.Body, StringComparison.Ordinal));
        Assert.All(watcher.Received, each => Assert.Equal(watching, each.Headers["aeg-subscription-name"]));
        var history = await town.Server.Command("alert", "history", "demo", "--geography", "Europe", "--data", town.Server.Data);
        Assert.Equal(2, history.Split('\n').Count(line => line.Contains("delivery-failures", StringComparison.Ordinal)));

        async Task Minutes(int minutes) =>
            (await admin.AsUser(owner, HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 60 * minutes })).Is(200);

        // A turn is told before it is written down how the rule stands.
        Task Stands(string how) => Eventually.Holds(async () => await State() == how, Soon, () => $"the rule is {how}");

        async Task<string> State() => Alert(await admin.AsUser(owner, HttpMethod.Get, "/resources/demo/alerts")).GetProperty("state").GetString()!;
        static JsonElement Alert(Answer answer) => answer.Is(200).Json.GetProperty("value").EnumerateArray().Single(rule => rule.GetProperty("name").GetString() == "delivery-failures");
    }
}
