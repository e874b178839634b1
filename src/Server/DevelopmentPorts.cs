using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
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

    public static DevelopmentPorts Open(string directory, int? asked)
    {
        var file = Path.Combine(directory, "ports.json");
        var remembered = File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllBytes(file), PortsJson.Default.PortsFile) : null;
        var first = asked ?? remembered?.Base ?? DefaultBase;
        var moved = remembered is not null && first != remembered.Base;
        return new DevelopmentPorts(file, new PortsFile(first, moved ? [] : remembered?.Administration ?? []), first, moved);
    }

    /// <summary>Refuses the start while nothing was made yet, when a port that will be needed is in use.</summary>
    /// <exception cref="StartupException">Which one.</exception>
    public void CheckFree(int geographies)
    {
        if (First == 0)
        {
            return;
        }

        if (First + AdministrationOffset + geographies > IPEndPoint.MaxPort)
        {
            throw new StartupException($"The base port {First} leaves no room for the ports above it. Give a lower one with --port.");
        }

        var inUse = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(endpoint => endpoint.Port).ToHashSet();
        var wanted = Enumerable.Range(First, geographies).Concat(Enumerable.Range(First + AdministrationOffset, geographies));
        if (wanted.FirstOrDefault(inUse.Contains) is var busy and not 0)
        {
            throw new StartupException($"Port {busy} is in use. Stop what uses it, or give another base port with --port (0 takes free ones).");
        }
    }

    /// <summary>From here on, ports that are given out are listened on.</summary>
    public void Attach(Listeners listeners) => _listeners = listeners;

    /// <summary>Listens on the administration origin of a geography.</summary>
    /// <returns>Its endpoint.</returns>
    public string OpenAdministration(Geography geography, int index)
    {
        var port = _remembered.Administration.TryGetValue(geography.Slug, out var known) ? known : First == 0 ? 0 : First + AdministrationOffset + index;
        port = Listen(port, new Listener(new IPEndPoint(IPAddress.Loopback, port)) { Administration = geography });
        _remembered.Administration[geography.Slug] = port;
        return string.Create(CultureInfo.InvariantCulture, $"https://localhost:{port}");
    }

    /// <summary>Listens on a resource's remembered port.</summary>
    /// <returns>The authority; another one than the remembered when that was taken and free ones were asked for.</returns>
    public string OpenResource(string authority)
    {
        var port = int.Parse(authority[(authority.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
        return AuthorityOf(Listen(port, new Listener(new IPEndPoint(IPAddress.Loopback, port))));
    }

    /// <summary>Writes down what was given out.</summary>
    public void Save() => SecretFile.Write(_file, JsonSerializer.SerializeToUtf8Bytes(_remembered, PortsJson.Default.PortsFile));

    /// <inheritdoc/>
    public (string? Authority, Problem? Problem) Assign(Geography geography, string name)
    {
        try
        {
            var port = First == 0 ? 0 : NextFree();
            return (AuthorityOf(Listen(port, new Listener(new IPEndPoint(IPAddress.Loopback, port)))), null);
        }
        catch (StartupException refused)
        {
            return (null, new Problem("/problems/administration/no-port", 409, refused.Message));
        }
    }

    /// <inheritdoc/>
    public void Close(string authority)
    {
        var port = int.Parse(authority[(authority.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
        _listeners!.Remove(port);
        lock (_taken)
        {
            _taken.Remove(port);
        }
    }

    private static string AuthorityOf(int port) => string.Create(CultureInfo.InvariantCulture, $"localhost:{port}");

    private int Listen(int port, Listener listener)
    {
        try
        {
            port = _listeners!.AddLoopback(listener);
        }
        catch (StartupException) when (First == 0 && port != 0)
        {
            port = _listeners!.AddLoopback(listener with { Address = new IPEndPoint(IPAddress.Loopback, 0) });
        }

        lock (_taken)
        {
            _taken.Add(port);
        }

        return port;
    }

    private int NextFree()
    {
        lock (_taken)
        {
            var port = First;
            while (_taken.Contains(port))
            {
                port++;
            }

            return port < First + AdministrationOffset
                ? port
                : throw new StartupException($"All {AdministrationOffset} ports from {First} on are given to resources; a development server has no more.");
        }
    }
}

/// <summary>DIR/ports.json.</summary>
internal sealed record PortsFile(int Base, Dictionary<string, int> Administration);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PortsFile))]
internal sealed partial class PortsJson : JsonSerializerContext;
