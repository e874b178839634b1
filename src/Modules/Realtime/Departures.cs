using System.Text.Json.Nodes;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>
/// Who has left: no endpoint of theirs is on this node any more. A moment later the other nodes are asked, and when none has one, the customer's systems are told. Of several nodes
/// that they left at once, one tells. A node that stops tells nothing: its users come back to another.
/// </summary>
internal sealed class Departures(Guid node, TimeProvider clock)
{
    /// <summary>Who has left is told by this name.</summary>
    public static readonly EventType Disconnected = new("Microsoft.Communication.UserDisconnected", "A user who was connected for realtime events has left, and did not come back.");

    /// <summary>Who leave at once are told at most; of more, some are not.</summary>
    private const int Most = 10_000;

    /// <summary>Longer than clients take to come back, here or to another node.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Longer than nodes take to answer each other.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<(long Resource, SubjectRef Person), (Home Home, long Since, bool IsAsked)> _left = [];

    /// <summary>How many have left who were not told of yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _left.Count;
            }
        }
    }

    /// <summary>Somebody left.</summary>
    public void Add(Home home, SubjectRef person)
    {
        lock (_gate)
        {
            if (_left.Count < Most)
            {
                _left.TryAdd((home.Resource.Number, person), (home, clock.GetTimestamp(), false));
            }
        }
    }

    /// <summary>Whether this node tells of somebody and not another one that asks: because it asks later itself, or comes first where both have asked.</summary>
    public bool IsForThis(long resource, SubjectRef person, Guid asking)
    {
        lock (_gate)
        {
            return _left.TryGetValue((resource, person), out var left) && (!left.IsAsked || node.CompareTo(asking) < 0);
        }
    }

    /// <summary>Those of whom the other nodes are to be asked now, once.</summary>
    public IReadOnlyList<(Home Home, SubjectRef Person)> Ask()
    {
        lock (_gate)
        {
            List<((long Resource, SubjectRef Person) Key, Home Home)> due = [.. _left.Where(pair => !pair.Value.IsAsked && clock.GetElapsedTime(pair.Value.Since) > Patience).Select(pair => (pair.Key, pair.Value.Home))];
            foreach (var (key, home) in due)
            {
                _left[key] = (home, clock.GetTimestamp(), true);
            }

            return [.. due.Select(asked => (asked.Home, asked.Key.Person))];
        }
    }

    /// <summary>They are here, or there.</summary>
    public void Remove(long resource, SubjectRef person)
    {
        lock (_gate)
        {
            _left.Remove((resource, person));
        }
    }

    /// <summary>Those who are nowhere, once.</summary>
    public IReadOnlyList<(Home Home, SubjectRef Person)> Take()
    {
        lock (_gate)
        {
            List<(Home, SubjectRef)> taken = [.. _left.Where(pair => pair.Value.IsAsked && clock.GetElapsedTime(pair.Value.Since) > AnswerWithin).Select(pair => (pair.Value.Home, pair.Key.Person))];
            foreach (var (home, person) in taken)
            {
                _left.Remove((home.Resource.Number, person));
            }

            return taken;
        }
    }

    /// <summary>Tells the customer's systems. Of who is erased meanwhile nothing is told.</summary>
    public async Task Tell(Home home, SubjectRef person, CancellationToken cancel)
    {
        if (!await EventOutbox.IsWanted(home, Disconnected.Name, cancel) || await home.Resolve(Identifier.CommunicationUser, person, cancel) is not { } id)
        {
            return;
        }

        var data = new JsonObject
        {
            ["userCommunicationIdentifier"] = new JsonObject { ["rawId"] = id, ["kind"] = "communicationUser", ["communicationUser"] = new JsonObject { ["id"] = id } },
        };
        var told = new PublishedEvent(Disconnected.Name, $"user/{id}", data.ToJsonString(), clock.GetUtcNow()) { Person = person, InOrderWith = $"user/{id}" };
        var outcome = await home.Store.Commit(b => b.Publish(home, told), cancel);
        if (outcome.Refused == StorageProblems.Unavailable)
        {
            throw new StoreUnavailableException(outcome.Refused.Title);
        }
    }
}
