using System.Collections.Concurrent;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Domicile.Tests.Storage;

/// <summary>A primary with a synchronous standby, and two nodes that know both: what was acknowledged survives the primary, once and in order.</summary>
[Trait("needs", "postgres")]
public sealed class PostgresFailoverTests : IAsyncLifetime
{
    private const int Rooms = 4;
    private const int WritersPerNode = 6;
    private static readonly Problem NoRoom = new("/problems/test/no-room", 404, "There is no such room.");
    private readonly TemporaryDirectory _directory = new();
    private readonly List<ScaleUnit> _nodes = [];
    private readonly Guid _resource = Guid.CreateVersion7();
    private PostgresCluster _primary = null!;
    private PostgresCluster _standby = null!;
    private string _data = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _primary = await PostgresCluster.Start(Cancel);
        _data = await _primary.NewDatabase("data", Cancel);
        var keys = await _primary.NewDatabase("keys", Cancel);
        _standby = await _primary.Standby(Cancel);
        var store = new PostgresStore(Address(_data), Address(keys), _directory["ledgers"]);
        for (var node = 0; node < 2; node++)
        {
            _nodes.Add(await ScaleUnit.Open(
                new ScaleUnitOptions(StoreFixture.Europe, _directory[$"node-{node}"]) { Postgres = store, RootKeyFile = _directory["root.key"] },
                TestJson.Catalogue(), TimeProvider.System, NullLogger.Instance, Cancel));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _primary.DisposeAsync();
        await _standby.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_standby_that_takes_over_has_everything_acknowledged_once_and_in_order_and_no_reader_of_the_feed_misses_any_of_it()
    {
        var homes = await Homes();
        var person = await homes[0].AddSubject([new Identifier("test", "ada")], Cancel);
        var rooms = await MakeRooms(homes[0]);
        var end = await homes[0].Store.Feed.End(Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var tails = homes.Select(home => Follow(home.Store.Feed, end, stop.Token)).ToList();
        var said = new ConcurrentDictionary<string, int>();
        var writers = homes.SelectMany((home, node) => Enumerable.Range(0, WritersPerNode).Select(writer => Task.Run(() => Write(home, rooms, person, $"{node}.{writer}", node, said, stop.Token)))).ToList();
        await More(said, 200);
        await _primary.Kill();
        await _standby.Promote(Cancel);
        await More(said, 200);
        await stop.CancelAsync();
        await Task.WhenAll(writers);

        var (found, orders) = await FoundSoon(homes[1], rooms);
        Assert.Empty(said.Keys.Except(found));
        Assert.Equal(found.Count, found.Distinct().Count());
        Assert.All(orders, order => Assert.Equal(Enumerable.Range(1, order.Count).Select(i => (long)i), order));
        var positions = await Positions(end);
        foreach (var tail in tails)
        {
            await tail.Task;
            var seen = await Rest(homes[0].Store.Feed, tail.Positions);
            Assert.Equal(positions, seen);
        }
    }

    [Fact]
    public async Task What_no_standby_confirms_is_not_acknowledged_although_the_server_says_that_it_committed()
    {
        var homes = await Homes();
        var person = await homes[0].AddSubject([new Identifier("test", "ada")], Cancel);
        var rooms = await MakeRooms(homes[0]);
        await Say(homes[0], rooms[0], person, "both have it");
        await _standby.Stop();

        // The server stops to wait after its limit for a statement, and answers that it committed.
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Say(homes[0], rooms[0], person, "one has it"));
        await _primary.Kill();
        await _standby.StartAgain(Cancel);
        await _standby.Promote(Cancel);
        await StoreFixture.Until(() => CanSay(homes[0], rooms[0], person, "after").GetAwaiter().GetResult());
        Assert.Equal(["both have it", "after"], (await FoundSoon(homes[0], rooms)).Said);
    }

    private static async Task<bool> CanSay(Home home, Ref<Room> room, SubjectRef person, string text)
    {
        try
        {
            await Say(home, room, person, text);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private static async Task Say(Home home, Ref<Room> room, SubjectRef person, string text)
    {
        var outcome = await home.Store.Commit(b => b.Lock(room, NoRoom).Append(new Line { Room = room, Id = Guid.NewGuid(), Writer = person, Text = text }), Cancel);
        if (outcome.Refused is { } refused)
        {
            throw new StoreUnavailableException(refused.Title);
        }
    }

    /// <summary>Says one thing after the other. What was not acknowledged may be there or not, and is not said again.</summary>
    private static async Task Write(Home home, List<Ref<Room>> rooms, SubjectRef person, string writer, int node, ConcurrentDictionary<string, int> said, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var text = $"{writer}.{i}";
            if (await CanSay(home, rooms[i % rooms.Count], person, text))
            {
                said.TryAdd(text, node);
            }
            else
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), Cancel);
            }
        }
    }

    /// <summary>Waits until each node has acknowledged so many more.</summary>
    private static Task More(ConcurrentDictionary<string, int> said, int count)
    {
        var wanted = Enumerable.Range(0, 2).Select(node => said.Values.Count(by => by == node) + count).ToArray();
        return StoreFixture.Until(() => wanted.Index().All(want => said.Values.Count(by => by == want.Index) >= want.Item));
    }

    /// <summary>Follows the feed from where it was when the store went away, as whoever remembers a position does.</summary>
    private static (List<long> Positions, Task Task) Follow(Feed feed, FeedPosition from, CancellationToken stop)
    {
        var positions = new List<long>();
        return (positions, Task.Run(async () =>
        {
            var at = from;
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await foreach (var item in feed.Tail(Guid.NewGuid().ToString(), at, stop))
                    {
                        var changed = Assert.IsType<FeedItem.Changed>(item);
                        positions.Add(changed.Position.Number);
                        at = changed.Position;
                    }
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(50), Cancel);
                }
                catch (OperationCanceledException)
                {
                }
            }
        }, CancellationToken.None));
    }

    /// <summary>What a reader had seen, and what was still before it when it was stopped.</summary>
    private static async Task<List<long>> Rest(Feed feed, List<long> seen)
    {
        var end = await feed.End(Cancel);
        if (seen[^1] == end.Number)
        {
            return seen;
        }

        await foreach (var item in feed.Tail(Guid.NewGuid().ToString(), end with { Number = seen[^1] }, Cancel))
        {
            seen.Add(Assert.IsType<FeedItem.Changed>(item).Position.Number);
            if (seen[^1] == end.Number)
            {
                break;
            }
        }

        return seen;
    }

    private async Task<List<long>> Positions(FeedPosition after)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_data) { Port = _standby.Port, Pooling = false }.ConnectionString);
        await connection.OpenAsync(Cancel);
        await using var command = new NpgsqlCommand("SELECT position FROM engine_feed WHERE position > $1 ORDER BY position", connection) { Parameters = { new() { Value = after.Number } } };
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var positions = new List<long>();
        while (await reader.ReadAsync(Cancel))
        {
            positions.Add(reader.GetInt64(0));
        }

        return positions;
    }

    /// <summary>Which of the servers is the primary is looked at once a second; until then a reader may still be refused.</summary>
    private static async Task<(List<string> Said, List<List<long>> Orders)> FoundSoon(Home home, List<Ref<Room>> rooms)
    {
        while (true)
        {
            try
            {
                return await Found(home, rooms);
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), Cancel);
            }
        }
    }

    private static async Task<(List<string> Said, List<List<long>> Orders)> Found(Home home, List<Ref<Room>> rooms)
    {
        var (said, orders) = (new List<string>(), new List<List<long>>());
        foreach (var room in rooms)
        {
            var lines = new List<Line>();
            while (true)
            {
                var page = await home.Store.Range<Line>(room).After(lines.Count == 0 ? (ColumnValue?)null : ColumnValue.Of(lines[^1].Arrival)).Take(500).Open(Cancel);
                if (page.Count == 0)
                {
                    break;
                }

                lines.AddRange(page);
            }

            said.AddRange(lines.Select(line => line.Text!));
            orders.Add([.. lines.Select(line => line.Sequence)]);
        }

        return (said, orders);
    }

    private async Task<List<Home>> Homes()
    {
        var homes = new List<Home> { await _nodes[0].Administration.Add(_resource, Cancel) };
        homes.Add((await _nodes[1].Administration.Find(_resource, Cancel))!);
        return homes;
    }

    private static async Task<List<Ref<Room>>> MakeRooms(Home home)
    {
        var rooms = new List<Ref<Room>>();
        for (var i = 0; i < Rooms; i++)
        {
            var room = new Room { Key = home.References.Next<Room>(), Name = $"room {i}", Topic = "t" };
            Assert.Null((await home.Store.Commit(b => b.Insert(room), Cancel)).Refused);
            rooms.Add(room.Key);
        }

        return rooms;
    }

    private PostgresAddress Address(string connection) =>
        PostgresAddress.TryParse(PostgresCluster.OnBoth(connection, _standby), out var address, out var fault) ? address : throw new InvalidOperationException(fault);
}
