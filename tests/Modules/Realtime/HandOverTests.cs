using System.Text.Json;
using System.Text.RegularExpressions;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>Who comes from a node that stopped or died is told by another one what they had not answered; on a clock that the test turns.</summary>
[Trait("needs", "postgres")]
public sealed partial class HandOverTests : IAsyncLifetime
{
    private readonly PlayedNodes _nodes = new();
    private SubjectRef _ada;
    private SubjectRef _bo;
    private PlayedThread _thread = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _nodes.Open();
        (_ada, _bo) = (await PlayedThread.Person(_nodes.Home), await PlayedThread.Person(_nodes.Home));
        _thread = await PlayedThread.Start(_nodes.Home, _nodes.Clock, _ada, _bo);
        _nodes.Clock.Turn(TimeSpan.FromMinutes(1));
        await _nodes.Start();
    }

    public ValueTask DisposeAsync() => _nodes.DisposeAsync();

    [Fact]
    public async Task Who_could_not_answer_before_their_node_stopped_is_told_it_by_the_next_and_nobody_else_is()
    {
        var (ada, bo) = await BothAreToldAndAdaAnswers("one");
        await AsTimeGoesBy(_nodes.A.Stop());
        Assert.NotNull(ada.Ended);
        Assert.NotNull(bo.Ended);

        // Its time goes on while it serves what is under way.
        _nodes.A.Tick();
        _nodes.A.Tick();
        await StoreFixture.Until(() => _nodes.B.Heard(_nodes.A.Node) is not null);
        await BothComeAndAreTold(_nodes.A.Node, ["two"], ["one", "two"]);
    }

    [Fact]
    public async Task Who_could_not_answer_before_their_node_died_is_told_it_by_the_next_and_nobody_else_is()
    {
        await BothAreToldAndAdaAnswers("one");
        await StoreFixture.Until(() =>
        {
            _nodes.A.Tick();
            return _nodes.B.Heard(_nodes.A.Node) is not null;
        });
        var died = await _nodes.KillA();
        await BothComeAndAreTold(died.Node, ["two"], ["one", "two"]);
    }

    [Fact]
    public async Task What_a_node_says_of_its_endpoints_fits_into_a_signal_however_many_are_behind()
    {
        var furthest = new FeedPosition(long.MaxValue, long.MaxValue);
        var endpoints = new List<Endpoint>();
        for (var number = 0; number < 2 * NodeProgress.NamedMax; number++)
        {
            endpoints.Add(await Behind(new SubjectRef(long.MaxValue - number), new string('e', RealtimeLimits.EndpointCharacters - 3) + number, long.MaxValue - 1_000 + number));
        }

        var said = NodeProgress.Say(Guid.NewGuid(), furthest, endpoints, isLast: false);
        Assert.InRange(JsonSerializer.SerializeToUtf8Bytes(said, RealtimeJson.Default.DeliveredSignal).Length, 1, Ephemeral.ContentMax);
        var heard = new NodeProgress(said, 0);
        Assert.All(endpoints, endpoint => Assert.True(heard.Of(endpoint.Person, endpoint.Id).Number <= endpoint.AnsweredUpTo));
        Assert.All(endpoints.Take(NodeProgress.NamedMax), endpoint => Assert.Equal(endpoint.AnsweredUpTo, heard.Of(endpoint.Person, endpoint.Id).Number));
        Assert.Equal(endpoints[NodeProgress.NamedMax].AnsweredUpTo, heard.Of(_ada, "another").Number);
    }

    private async Task<Endpoint> Behind(SubjectRef person, string id, long answeredUpTo)
    {
        var endpoint = (await PlayedConnection.Enter(_nodes.A, _nodes.Home, person, id, _nodes.Clock)).Endpoint;
        endpoint.CatchUpFrom(answeredUpTo);
        return endpoint;
    }

    /// <summary>Both are connected to the first node and are told a message, and one of them has answered it.</summary>
    private async Task<(PlayedConnection Ada, PlayedConnection Bo)> BothAreToldAndAdaAnswers(string text)
    {
        var (ada, bo) = (await Enter(_nodes.A, _nodes.Home, _ada), await Enter(_nodes.A, _nodes.Home, _bo));
        await _thread.Say(text);
        await Told(ada, text, answers: true);
        await Told(bo, text, answers: false);
        return (ada, bo);
    }

    /// <summary>Both come to the second node.</summary>
    private async Task BothComeAndAreTold(Guid from, string[] ada, string[] bo)
    {
        var (comes, follows) = (Enter(_nodes.B, _nodes.HomeThere, _ada, from), Enter(_nodes.B, _nodes.HomeThere, _bo, from));
        await AsTimeGoesBy(Task.WhenAll(comes, follows));
        var (adaThere, boThere) = (await comes, await follows);
        await _thread.Say(ada[^1]);
        Assert.Equal(ada, await Told(adaThere, ada[^1], answers: true));
        Assert.Equal(bo, await Told(boThere, bo[^1], answers: true));
    }

    private async Task AsTimeGoesBy(Task task)
    {
        while (!task.IsCompleted)
        {
            _nodes.Clock.Turn(TimeSpan.FromMilliseconds(10));
            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }

        await task;
    }

    /// <summary>Takes what a connection is told, up to a text.</summary>
    private static async Task<List<string>> Told(PlayedConnection connection, string last, bool answers)
    {
        var told = new List<string>();
        while (!told.Contains(last))
        {
            foreach (var packet in connection.Take().Select(packet => Event().Match(packet)).Where(match => match.Success))
            {
                told.Add(packet.Groups["text"].Value);
                if (answers)
                {
                    connection.Hear($$"""3:::{"id":{{packet.Groups["number"].Value}},"status":200}""");
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }

        return told;
    }

    private Task<PlayedConnection> Enter(Delivery node, Home home, SubjectRef person, Guid? from = null) => PlayedConnection.Enter(node, home, person, "endpoint", _nodes.Clock, from);

    [GeneratedRegex("^3:::\\{\"id\":(?<number>\\d+),.*\"(?<text>one|two)\\\\\"")]
    private static partial Regex Event();
}
