using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>
/// The ports of a development server: resources from the base port on, administration origins a hundred above. What was given out is remembered in the data
/// directory, so that connection strings stay good.
/// </summary>
internal sealed class DevelopmentPorts : IResourceOrigins
{
    /// <summary>The base port when none was asked for and none is remembered.</summary>
    public const int DefaultBase = 8440;

    private const int AdministrationOffset = 100;
    private readonly string _file;
    private readonly PortsFile _remembered;
    private readonly HashSet<int> _taken = [];
    private Listeners? _listeners;

    private DevelopmentPorts(string file, PortsFile remembered, int first, bool moved)
    {
        _file = file;
        _remembered = remembered;
        First = first;
        Moved = moved;
    }

    /// <summary>The base port; 0 for free ones.</summary>
    public int First { get; }

    /// <summary>Whether another base port was asked for than the remembered one, so that every origin gets a new port.</summary>
    public bool Moved { get; }

    /// <summary>Reads what the directory remembers; nothing is made yet.</summary>
    /// <param name="directory">The data directory; it need not exist.</param>
    /// <param name="asked">The base port that was asked for; null for the remembered one.</param>
    /// <param name="geographies">How many there are.</param>
    /// <exception cref="StartupException">What is remembered is damaged, the base port is too high, or a port that the first start needs is in use.</exception>
    public static DevelopmentPorts Open(string directory, int? asked, int geographies)
    {
        var file = Path.Combine(directory, "ports.json");
        var remembered = Read(file);
        var first = asked ?? remembered?.Base ?? DefaultBase;
        if (first + AdministrationOffset + geographies > IPEndPoint.MaxPort)
        {
            throw new StartupException($"The base port {first} leaves no room for the ports above it. Give a lower one with --port.");
        }

        if (remembered is null && first != 0)
        {
            // Later starts find out when they listen, before they change anything; this one would have made a directory by then.
            foreach (var port in Enumerable.Range(first, geographies).Concat(Enumerable.Range(first + AdministrationOffset, geographies)))
            {
                Listeners.CheckFreeLoopback(port);
            }
        }

        var moved = remembered is not null && first != remembered.Base;
        return new DevelopmentPorts(file, new PortsFile(first, moved ? [] : remembered?.Administration ?? []), first, moved);
    }

    /// <summary>From here on, ports that are given out are listened on.</summary>
    public void Attach(Listeners listeners) => _listeners = listeners;

    /// <summary>Listens on the administration origin of a geography.</summary>
    /// <returns>Its endpoint.</returns>
    public string OpenAdministration(Geography geography, int index)
    {
        var port = _remembered.Administration.TryGetValue(geography.Slug, out var known) ? known : First == 0 ? 0 : First + AdministrationOffset + index;
        port = ListenOn(port, geography) is > 0 and var given ? given : ListenOn(0, geography);
        _remembered.Administration[geography.Slug] = port;
        return string.Create(CultureInfo.InvariantCulture, $"https://localhost:{port}");
    }

    /// <summary>Listens for the resources that there are.</summary>
    /// <param name="resources">The number of each one's geography, and the authority that it had.</param>
    /// <returns>
    /// The authority of each, in the same order. It is the one that it had, unless the base port was changed, or free ports were asked for and its own was taken.
    /// Within a geography the order of the ports stays, so that the records can be changed one after the other without two of them ever having the same.
    /// </returns>
    /// <exception cref="StartupException">A port cannot be had.</exception>
    public IReadOnlyList<string> OpenResources(IReadOnlyList<(int Geography, string Authority)> resources)
    {
        var ports = new int[resources.Count];
        var byGeography = Enumerable.Range(0, ports.Length).OrderBy(i => PortOf(resources[i].Authority)).GroupBy(i => resources[i].Geography).ToList();
        if (Moved)
        {
            // The first of each geography first: they get the ports that a first start would have given them.
            var turns = byGeography.SelectMany(same => same.Select((i, rank) => (i, rank))).OrderBy(turn => turn.rank).ThenBy(turn => resources[turn.i].Geography);
            var next = First;
            foreach (var (i, _) in turns)
            {
                ports[i] = ListenOn(First == 0 ? 0 : next++);
            }
        }
        else
        {
            // Who can have their own come first, so that nobody is given another's.
            var without = Enumerable.Range(0, ports.Length).Where(i => (ports[i] = ListenOn(PortOf(resources[i].Authority))) == 0).ToList();
            without.ForEach(i => ports[i] = ListenOn(0));
        }

        foreach (var same in byGeography)
        {
            var sorted = same.Select(i => ports[i]).Order().ToList();
            foreach (var (i, rank) in same.Select((i, rank) => (i, rank)))
            {
                ports[i] = sorted[rank];
            }
        }

        return [.. ports.Select(AuthorityOf)];
    }

    /// <summary>The port in an authority of this mode.</summary>
    public static int PortOf(string authority) => int.Parse(authority[(authority.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);

    /// <summary>Writes down what was given out.</summary>
    public void Save() => SecretFile.Write(_file, JsonSerializer.SerializeToUtf8Bytes(_remembered, PortsJson.Default.PortsFile));

    /// <inheritdoc/>
    public (string? Authority, Problem? Problem) Assign(Geography geography, string name)
    {
        try
        {
            return (AuthorityOf(ListenOnNext()), null);
        }
        catch (StartupException refused)
        {
            return (null, new Problem("/problems/administration/no-port", 409, refused.Message));
        }
    }

    /// <inheritdoc/>
    public void Close(string authority)
    {
        lock (_taken)
        {
            _listeners!.Remove(PortOf(authority));
            _taken.Remove(PortOf(authority));
        }
    }

    private static string AuthorityOf(int port) => string.Create(CultureInfo.InvariantCulture, $"localhost:{port}");

    private static PortsFile? Read(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        PortsFile? read;
        try
        {
            read = JsonSerializer.Deserialize(File.ReadAllBytes(file), PortsJson.Default.PortsFile);
        }
        catch (JsonException)
        {
            read = null;
        }

        return read is { Base: >= 0 and <= IPEndPoint.MaxPort, Administration: not null } && read.Administration.Values.All(port => port is > 0 and <= IPEndPoint.MaxPort)
            ? read
            : throw new StartupException($"{file} is damaged. Put it back, or remove it: the ports are then given anew, and connection strings change with them.");
    }

    /// <returns>The port; 0 when it is taken and free ones were asked for.</returns>
    private int ListenOn(int port, Geography? administration = null)
    {
        lock (_taken)
        {
            try
            {
                port = _listeners!.AddLoopback(new Listener(new IPEndPoint(IPAddress.Loopback, port)) { Administration = administration });
                _taken.Add(port);
                return port;
            }
            catch (StartupException) when (First == 0 && port != 0)
            {
                return 0;
            }
        }
    }

    private int ListenOnNext()
    {
        if (First == 0)
        {
            return ListenOn(0);
        }

        lock (_taken)
        {
            for (var port = First; port < First + AdministrationOffset; port++)
            {
                if (!_taken.Contains(port) && Listeners.IsFreeLoopback(port))
                {
                    return ListenOn(port);
                }
            }
        }

        throw new StartupException($"None of the {AdministrationOffset} ports from {First} on is free. Delete a resource, or give another base port with --port.");
    }
}

/// <summary>DIR/ports.json.</summary>
internal sealed record PortsFile(int Base, Dictionary<string, int> Administration);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PortsFile))]
internal sealed partial class PortsJson : JsonSerializerContext;
