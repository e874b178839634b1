using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>Those of one resource who are connected to this node. Whoever uses it holds the lock of its delivery, but for <see cref="Has"/>.</summary>
internal sealed class Residents(Home home)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<SubjectRef, Endpoint[]> _endpoints = new();

    /// <summary>The resource.</summary>
    public Home Home { get; } = home;

    /// <summary>Whether nobody is left.</summary>
    public bool IsEmpty => _endpoints.IsEmpty;

    /// <summary>Every endpoint.</summary>
    public IEnumerable<Endpoint> Everyone => _endpoints.Values.SelectMany(endpoints => endpoints);

    /// <summary>Whether someone is connected.</summary>
    public bool Has(SubjectRef person) => _endpoints.ContainsKey(person);

    /// <summary>An endpoint.</summary>
    public Endpoint? Find(SubjectRef person, string id)
    {
        foreach (var endpoint in _endpoints.GetValueOrDefault(person) ?? [])
        {
            if (endpoint.Id == id)
            {
                return endpoint;
            }
        }

        return null;
    }

    /// <summary>Adds one.</summary>
    /// <returns>The one that had to go for it, when the user has too many.</returns>
    public Endpoint? Add(Endpoint endpoint)
    {
        var known = _endpoints.GetValueOrDefault(endpoint.Person) ?? [];
        if (known.Length < RealtimeLimits.EndpointsOfUser)
        {
            _endpoints[endpoint.Person] = [.. known, endpoint];
            return null;
        }

        _endpoints[endpoint.Person] = [.. known[1..], endpoint];
        return known[0];
    }

    /// <summary>Removes one.</summary>
    public bool Remove(Endpoint endpoint)
    {
        var known = _endpoints.GetValueOrDefault(endpoint.Person) ?? [];
        var left = known.Where(other => other != endpoint).ToArray();
        if (left.Length == known.Length)
        {
            return false;
        }

        if (left.Length == 0)
        {
            _endpoints.TryRemove(endpoint.Person, out _);
        }
        else
        {
            _endpoints[endpoint.Person] = left;
        }

        return true;
    }

    /// <summary>Hands an event to everyone in its audience.</summary>
    public void Tell(IReadOnlyList<SubjectRef> audience, Outgoing outgoing)
    {
        foreach (var person in audience)
        {
            foreach (var endpoint in _endpoints.GetValueOrDefault(person) ?? [])
            {
                endpoint.Offer(outgoing);
            }
        }
    }
}
