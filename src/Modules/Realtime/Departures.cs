using System.Text.Json.Nodes;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>
/// Who has left: no endpoint of theirs is on this node any more. The other nodes are asked, and when none has one a moment later, the customer's systems are told. A node that
/// stops tells nothing: its users come back to another.
/// </summary>
internal sealed class Departures(TimeProvider clock)
{
    /// <summary>Who has left is told by this name.</summary>
    public static readonly EventType Disconnected = new("Microsoft.Communication.UserDisconnected", "A user who was connected for realtime events has left, and did not come back.");

    /// <summary>Who leave at once are told at most; of more, some are not.</summary>
    private const int Most = 10_000;

    /// <summary>Longer than nodes take to answer each other, and clients to come back.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private readonly Dictionary<(long Resource, SubjectRef Person), (Home Home, long Since)> _left = [];

    /// <summary>Somebody left.</summary>
    /// <returns>Whether the others are to be asked.</returns>
    public bool Add(Home home, SubjectRef person)
    {
        lock (_gate)
        {
            return _left.Count < Most && _left.TryAdd((home.Resource.Number, person), (home, clock.GetTimestamp()));
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

    /// <summary>Those who did not come back, once.</summary>
    public IReadOnlyList<(Home Home, SubjectRef Person)> Take()
    {
        lock (_gate)
        {
            List<(Home, SubjectRef)> taken = [.. _left.Where(pair => clock.GetElapsedTime(pair.Value.Since) > Patience).Select(pair => (pair.Value.Home, pair.Key.Person))];
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
        if (!await EventOutbox.IsWanted(home, Disconnected.Name, cancel) || !(await home.Resolve(Identifier.CommunicationUser, [person], cancel)).TryGetValue(person, out var id))
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
