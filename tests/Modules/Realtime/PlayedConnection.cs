using System.Buffers;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Home = Domicile.Storage.Home;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>A connection without a network.</summary>
internal sealed class PlayedConnection(Endpoint endpoint, TimeProvider clock) : Connection(endpoint, "id", clock)
{
    public Ending? Ended { get; private set; }

    /// <summary>Connects somebody.</summary>
    /// <param name="node">To which node.</param>
    /// <param name="home">The resource there.</param>
    /// <param name="person">Who.</param>
    /// <param name="endpoint">Their endpoint.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="from">The start of a node on which they were before.</param>
    public static async Task<PlayedConnection> Enter(Delivery node, Home home, SubjectRef person, string endpoint, TimeProvider clock, Guid? from = null)
    {
        var user = new Caller.User(person, $"8:acs:{person.Value}", []) { Pass = new TokenPass(clock.GetUtcNow() + TimeSpan.FromHours(1), 0, "") };
        var ticket = new ConnectionTicket("id", home.ResourceId, person.Value, endpoint, node.Node, from);
        return (await node.Enter(new ServedResource(home, []), user, ticket, made => new PlayedConnection(made, clock), TestContext.Current.CancellationToken))!;
    }

    public override void Wake()
    {
    }

    public override void End(Ending ending) => Ended ??= ending;

    public Ending? Hear(string text) => Receive(text);

    public List<string> Take()
    {
        var taken = new List<string>();
        var buffer = new ArrayBufferWriter<byte>();
        while (TryTake(buffer))
        {
            taken.Add(Encoding.UTF8.GetString(buffer.WrittenSpan));
            buffer.ResetWrittenCount();
        }

        return taken;
    }
}
