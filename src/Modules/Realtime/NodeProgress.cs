using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>
/// How far another node has delivered, as it said last: everything up to a position, and to the endpoints that are named what they have answered. Whoever comes from that node goes
/// on there, also when it has died.
/// </summary>
internal sealed class NodeProgress
{
    /// <summary>Endpoints that are named at most, those that are furthest behind: as many as fit into a signal. The next one holds the position back for all that are not named.</summary>
    public const int NamedMax = 115;

    private const int NamedBytes = 24;
    private readonly FeedPosition _position;
    private readonly Dictionary<(long Person, long Endpoint), long> _behind = [];

    /// <summary>Reads what a node said.</summary>
    /// <param name="said">That.</param>
    /// <param name="heardAt">When it was heard, a timestamp of the clock.</param>
    public NodeProgress(DeliveredSignal said, long heardAt)
    {
        (_position, HeardAt, IsLast) = (new FeedPosition(said.Epoch, said.Position), heardAt, said.IsLast);
        for (var rest = said.Behind.AsSpan(); rest.Length >= NamedBytes; rest = rest[NamedBytes..])
        {
            _behind[(BinaryPrimitives.ReadInt64BigEndian(rest), BinaryPrimitives.ReadInt64BigEndian(rest[8..]))] = BinaryPrimitives.ReadInt64BigEndian(rest[16..]);
        }
    }

    /// <summary>When it was heard, a timestamp of the clock.</summary>
    public long HeardAt { get; }

    /// <summary>Up to where all endpoints have answered everything.</summary>
    public FeedPosition Least => _position with { Number = _behind.Values.Append(_position.Number).Min() };

    /// <summary>Whether the node stopped with it.</summary>
    public bool IsLast { get; }

    /// <summary>What a node is to say.</summary>
    /// <param name="node">The node's start.</param>
    /// <param name="delivered">Up to where everything was delivered.</param>
    /// <param name="endpoints">To these.</param>
    /// <param name="isLast">Whether it stops.</param>
    public static DeliveredSignal Say(Guid node, FeedPosition delivered, IEnumerable<Endpoint> endpoints, bool isLast)
    {
        List<(Endpoint Endpoint, long AnsweredUpTo)> behind =
            [.. endpoints.Select(endpoint => (endpoint, endpoint.AnsweredUpTo ?? delivered.Number)).Where(each => each.Item2 < delivered.Number).OrderBy(each => each.Item2)];
        var named = new byte[Math.Min(behind.Count, NamedMax) * NamedBytes];
        for (var at = 0; at < named.Length; at += NamedBytes)
        {
            var (endpoint, answeredUpTo) = behind[at / NamedBytes];
            BinaryPrimitives.WriteInt64BigEndian(named.AsSpan(at), endpoint.Person.Value);
            BinaryPrimitives.WriteInt64BigEndian(named.AsSpan(at + 8), Digest(endpoint.Id));
            BinaryPrimitives.WriteInt64BigEndian(named.AsSpan(at + 16), answeredUpTo);
        }

        return new DeliveredSignal(node, delivered.Epoch, behind.Count > NamedMax ? behind[NamedMax].AnsweredUpTo : delivered.Number, named, isLast);
    }

    /// <summary>Up to where an endpoint has answered everything.</summary>
    public FeedPosition Of(SubjectRef person, string endpoint) => _position with { Number = _behind.GetValueOrDefault((person.Value, Digest(endpoint)), _position.Number) };

    private static long Digest(string endpoint) => BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(endpoint)));
}
