using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Domicile.Cli.Doctor;

/// <summary>Whether the server's ports are its own or free for it.</summary>
internal static class PortsCheck
{
    private const string Name = "ports";

    /// <summary>How many ports from the base on are looked at when the directory names none.</summary>
    private const int UsualCount = 8;

    /// <summary>Looks at the ports that the data directory names; at those from <paramref name="basePort"/> on when it names none.</summary>
    public static async Task<IReadOnlyList<Finding>> Look(
        DataDirectory directory, AdminFile? file, X509Certificate2Collection? authorities, int? basePort, CancellationToken cancel)
    {
        var named = Endpoints(directory, file);
        if (basePort is 0)
        {
            return [Finding.Ok(Name, "Port 0 takes free ports.")];
        }

        if (named.Count == 0 && basePort is null)
        {
            return [Finding.Ok(Name, "No ports are remembered yet: the first start chooses them. Name a base with --port to have it looked at.")];
        }

        var endpoints = basePort is { } first
            ? [.. Enumerable.Range(first, Math.Min(UsualCount, 65536 - first)).Select(port => ("localhost", port))]
            : named;
        var own = new List<int>();
        var free = new List<int>();
        var findings = new List<Finding>();
        foreach (var (host, port) in endpoints)
        {
            switch (Listener.Bind(port))
            {
                case null:
                    free.Add(port);
                    break;
                case SocketError.AccessDenied:
                    findings.Add(Finding.Failed(Name, $"Port {port} is kept for root on this machine.", "Choose a base port from 1024 on with --port, or lower net.ipv4.ip_unprivileged_port_start."));
                    break;
                default:
                    using (var certificate = file is null ? null : await Listener.TrustedCertificate(host, port, authorities, cancel))
                    {
                        if (certificate is not null)
                        {
                            own.Add(port);
                        }
                        else
                        {
                            findings.Add(Finding.Failed(Name, $"Port {port} is in use by another program.", $"Stop that program (ss -ltnp 'sport = :{port}' names it), or start the server with another --port."));
                        }
                    }

                    break;
            }
        }

        if (own.Count > 0)
        {
            findings.Add(Finding.Ok(Name, $"The server listens on {Ranges(own)}."));
        }

        if (free.Count > 0)
        {
            findings.Add(own.Count > 0
                ? Finding.Warning(Name, $"The server runs, and nothing listens on {Ranges(free)}.", "Restart the server: it takes all its ports or says why not.")
                : Finding.Ok(Name, $"Free: {Ranges(free)}; no server runs on this directory."));
        }

        return findings;
    }

    private static List<(string Host, int Port)> Endpoints(DataDirectory directory, AdminFile? file)
    {
        var origins = (file?.Geographies.Select(geography => geography.Endpoint) ?? []).ToList();
        try
        {
            // Written in development mode only.
            using var strings = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory.Path, "connection-strings.json")));
            origins.AddRange(strings.RootElement.EnumerateArray().Select(entry => entry.GetProperty("endpoint").GetString() ?? ""));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // The administration origins are enough.
        }

        return [.. origins
            .Select(origin => Uri.TryCreate(origin, UriKind.Absolute, out var uri) ? uri : null)
            .OfType<Uri>()
            .Where(uri => uri.IsLoopback)
            .Select(uri => (uri.Host, uri.Port))
            .Distinct()
            .OrderBy(endpoint => endpoint.Port)];
    }

    /// <summary>Numbers as people write them: 8540-8543, 8550.</summary>
    internal static string Ranges(IEnumerable<int> ports)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (var port in ports.Order())
        {
            if (ranges.Count > 0 && ranges[^1].Last + 1 >= port)
            {
                ranges[^1] = (ranges[^1].First, port);
            }
            else
            {
                ranges.Add((port, port));
            }
        }

        return string.Join(", ", ranges.Select(range => range.First == range.Last ? $"{range.First}" : $"{range.First}-{range.Last}"));
    }
}
