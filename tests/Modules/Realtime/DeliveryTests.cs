using Domicile.Modules.Chat;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>What is told to those who come while something is being told.</summary>
public sealed class DeliveryTests : IAsyncLifetime
{
    private readonly SqliteFixture _fixture = new();
    private readonly Guid _formerNode = Guid.NewGuid();
    private Tickets _tickets = null!;
    private Delivery _delivery = null!;
    private SubjectRef _ada;
    private SubjectRef _bo;
    private PlayedThread _thread = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => _fixture.Home;

    public async ValueTask InitializeAsync()
    {
        await _fixture.Open(ProductModules.Catalogue());
        (_ada, _bo) = (await PlayedThread.Person(Home), await PlayedThread.Person(Home));
        _thread = await PlayedThread.Start(Home, _fixture.Clock, _ada, _bo);
        _fixture.Clock.Turn(TimeSpan.FromMinutes(1));
        _tickets = new Tickets(_fixture.Clock);
        _delivery = PlayedNodes.Node(_fixture.Unit, _tickets, _fixture.Clock);
        await _delivery.Start(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _delivery.DisposeAsync();
        _tickets.Dispose();
        await _fixture.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_comes_back_while_a_message_is_opened_has_it_once_whether_others_of_the_resource_are_there_or_not(bool othersAreThere)
    {
        var ada = await Enter(othersAreThere ? Home : _fixture.Neighbour, othersAreThere ? _ada : await PlayedThread.Person(_fixture.Neighbour));
        var (isOpening, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        _delivery.Opening = entry =>
        {
            if (entry.Kind.ClrType != typeof(ChatMessage))
            {
                return Task.CompletedTask;
            }

            isOpening.TrySetResult();
            return goOn.Task.WaitAsync(Cancel);
        };
        await _thread.Say("one");
        await isOpening.Task.WaitAsync(Cancel);
        var bo = await Enter(Home, _bo, _formerNode);
        goOn.SetResult();
        await _thread.Say("two");
        await _thread.Say("three");
        Assert.Equal(["one", "two", "three"], await Told(bo));
        if (othersAreThere)
        {
            Assert.Equal(["one", "two", "three"], await Told(ada));
        }
    }

    /// <summary>Takes what a connection is told, up to the last message. What came twice would lie before it.</summary>
    private static async Task<List<string>> Told(PlayedConnection connection)
    {
        var told = new List<string>();
        while (!told.Contains("three"))
        {
            foreach (var packet in connection.Take())
            {
                told.AddRange(new[] { "one", "two", "three" }.Where(text => packet.Contains($"\\\"{text}\\\"", StringComparison.Ordinal)));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }

        return told;
    }

    private Task<PlayedConnection> Enter(Home home, SubjectRef person, Guid? from = null) => PlayedConnection.Enter(_delivery, home, person, "endpoint", _fixture.Clock, from);
}
