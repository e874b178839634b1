using Domicile.Tests.Hardness;
using Domicile.Tests.Support;

namespace Domicile.Tests.Conversations;

/// <summary>A server that tells events is killed, again and again: each event is told at least once, and those of a thread in their order.</summary>
[Collection(nameof(HardnessCollection))]
public sealed class EventKillTests
{
    private const int Writers = 16;
    private const int Kills = 5;
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(2);

    [Fact]
    [Trait("length", "full")]
    public async Task Ten_thousand_events_that_wait_when_the_server_is_killed_are_all_told()
    {
        const int Events = 10_000;
        await using var town = new EventTests.Town();
        await town.InitializeAsync();
        var first = await EventReceiver.Start();
        var name = await town.Subscribe(first, types: ["Microsoft.Communication.ChatMessageReceivedInThread"]);
        var port = first.Port;
        await first.DisposeAsync();

        // Nobody is there while people write.
        var people = await Settle(town);
        await Talk(town, people, 0, Events / Writers);
        await Eventually.Holds(async () => (await town.Show(name)).GetProperty("counts").GetProperty("waiting").GetInt64() == Events, Soon, () => "all of them wait");
        await town.Server.KillAtOnce();
        await using var receiver = await EventReceiver.Start(port);
        await town.Server.StartAgain();
        for (var kill = 1; kill <= Kills; kill++)
        {
            await TurnClock(town);
            var wanted = Events * kill / (Kills + 1);
            await Eventually.Holds(() => Task.FromResult(Distinct(receiver) >= wanted), Soon, () => $"{wanted} were told; there are {Distinct(receiver)}");
            await town.Server.KillAtOnce();
            await town.Server.StartAgain();
        }

        await AllAreTold(town, name, receiver, Events);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task What_is_in_memory_when_the_server_is_killed_is_told_when_it_is_back()
    {
        const int Events = 960;
        await using var town = new EventTests.Town();
        await town.InitializeAsync();
        await using var receiver = await EventReceiver.Start();
        var name = await town.Subscribe(receiver, types: ["Microsoft.Communication.ChatMessageReceivedInThread"]);

        // Whoever hears them is slow enough that some are on their way whenever people have written.
        receiver.Answer = async (_, http) =>
        {
            await Task.Delay(50, http.RequestAborted);
            return 200;
        };
        var people = await Settle(town);
        for (var round = 0; round < Kills; round++)
        {
            await Talk(town, people, Events / Writers * round / Kills, Events / Writers * (round + 1) / Kills);
            await town.Server.KillAtOnce();
            await town.Server.StartAgain();
        }

        await AllAreTold(town, name, receiver, Events);
    }

    private static async Task AllAreTold(EventTests.Town town, string name, EventReceiver receiver, int events)
    {
        await TurnClock(town);
        await Eventually.Holds(() => Task.FromResult(Distinct(receiver) == events), Soon, () => $"all were told; there are {Distinct(receiver)} of {events}");
        await Eventually.Holds(async () => (await town.Show(name)).GetProperty("counts").GetProperty("waiting").GetInt64() == 0, Soon, () => "nothing waits any more");

        var texts = receiver.Received.Select(each => each.Data.GetProperty("messageBody").GetString()!).ToList();
        foreach (var lane in texts.Distinct().GroupBy(text => text.Split(' ')[0]))
        {
            Assert.Equal(Enumerable.Range(0, events / Writers).Select(i => $"{lane.Key} {i}"), lane);
        }

        // The same event has the same id whenever it is told.
        Assert.Equal(events, receiver.Received.Select(each => each.Id).Distinct().Count());
        Remark.Say($"{events} events, {Kills} kills, {texts.Count - events} told twice");
    }

    private static async Task<(WireUser User, string Thread)[]> Settle(EventTests.Town town)
    {
        using var wire = town.Wire();
        var users = await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => wire.NewUser()));
        return await Task.WhenAll(users.Select(async user => (user, await wire.NewThread(user))));
    }

    private static async Task Talk(EventTests.Town town, (WireUser User, string Thread)[] people, int from, int to)
    {
        using var wire = town.Wire();
        await Task.WhenAll(people.Select(async (person, n) =>
        {
            for (var i = from; i < to; i++)
            {
                await Say(wire, person.User, person.Thread, $"{n} {i}");
            }
        }));
    }

    private static int Distinct(EventReceiver receiver) => receiver.Received.Select(each => each.Body).Distinct().Count();

    private static async Task Say(Wire wire, WireUser user, string thread, string text)
    {
        while ((await wire.AsUser(user.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = text })) is { Status: not 201 } refused)
        {
            refused.Is(429);
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Past the pauses of what had failed while nobody was there.</summary>
    private static async Task TurnClock(EventTests.Town town)
    {
        var administration = new Administration(town.Server);
        using var wire = administration.Wire();
        (await wire.AsUser(await administration.Token("operator"), HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 60 })).Is(200);
    }
}
