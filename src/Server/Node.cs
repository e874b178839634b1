using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>A running server: its geographies, each with its scale unit, and the web server in front of them.</summary>
public sealed partial class Node : IAsyncDisposable
{
    private static readonly string[] DevelopmentGeographies = ["Europe", "United States", "India", "Asia Pacific"];
    private readonly List<ScaleUnit> _units = [];
    private readonly string _directory;
    private readonly TimeProvider _clock;
    private readonly ILoggerFactory _loggers;
    private ServiceProvider? _services;
    private ServerCertificates? _certificates;
    private ServerHost? _host;

    private Node(string directory, TimeProvider clock, ILoggerFactory loggers)
    {
        _directory = directory;
        _clock = clock;
        _loggers = loggers;
    }

    /// <summary>Starts a server and runs it until it is told to stop.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="output">Where the banner goes.</param>
    /// <param name="cancel">Stops the server.</param>
    /// <returns>0.</returns>
    /// <exception cref="StartupException">The start was refused; the message says why and what to do.</exception>
    public static async Task<int> Serve(ServeRequest request, TextWriter output, CancellationToken cancel)
    {
        using var loggers = LoggerFactory.Create(Log);
        await using var node = await StartDevelopment(request.DataDirectory!, request.BasePort, output, TimeProvider.System, loggers, cancel);
        await node._host!.RunUntilStopped(cancel);
        return 0;
    }

    /// <summary>Drains the web server, then stops the background work and closes the stores.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.Stop(CancellationToken.None);
            await _host.DisposeAsync();
        }

        if (_services is not null)
        {
            await _services.DisposeAsync();
        }

        _certificates?.Dispose();
        foreach (var unit in _units)
        {
            await unit.DisposeAsync();
        }
    }

    private static async Task<Node> StartDevelopment(
        string directory, int? basePort, TextWriter output, TimeProvider clock, ILoggerFactory loggers, CancellationToken cancel)
    {
        var node = new Node(directory, clock, loggers);
        try
        {
            var ports = Guarded(directory, () => DevelopmentPorts.Open(directory, basePort));
            ports.CheckFree(DevelopmentGeographies.Length);
            Guarded(directory, () =>
            {
                SecretFile.CreateDirectory(directory);
                return true;
            });
            await node.OpenUnits(cancel);
            var certificate = Guarded(directory, () => DevelopmentAuthority.Open(directory, clock));
            node._certificates = ServerCertificates.ForDevelopment(certificate, loggers.CreateLogger<ServerCertificates>());
            var connectionStrings = await node.Compose(ports, cancel);
            await node._host!.Start(cancel);
            foreach (var unit in node._units)
            {
                unit.Housekeeping.Start();
            }

            await Banner.Write(output, directory, certificate.AuthorityPath, connectionStrings);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    private async Task OpenUnits(CancellationToken cancel)
    {
        var catalogue = ProductModules.Catalogue();
        foreach (var name in DevelopmentGeographies)
        {
            var geography = Geography.Parse(name);
            var options = new ScaleUnitOptions(geography, Path.Combine(_directory, geography.Slug));
            try
            {
                _units.Add(await ScaleUnit.Open(options, catalogue, _clock, _loggers.CreateLogger<ScaleUnit>(), cancel));
            }
            catch (Exception refused) when (refused is SchemaMismatchException or InvalidDataException or DirectoryInUseException or SealBrokenException or KeyGoneException)
            {
                throw new StartupException(refused.Message);
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                throw Unusable(_directory);
            }
        }
    }

    private async Task<IReadOnlyList<ConnectionStringEntry>> Compose(DevelopmentPorts ports, CancellationToken cancel)
    {
        var homes = _units.Select(unit => unit.Own).ToList();
        var credential = NodeFiles.Credential(_directory);
        var services = new ServiceCollection()
            .AddSingleton(_clock)
            .AddSingleton<IResourceOrigins>(ports)
            .AddSingleton(credential)
            .AddSingleton(new AdministrationMode(IsDevelopment: true));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        _services = services.BuildServiceProvider();
        await AdministrationModule.Prepare(_services, homes, cancel);
        _host = ServerHost.Build(new ServerParts
        {
            Operations = [.. ProductModules.All.SelectMany(module => module.Operations(_services))],
            Directory = _services.GetRequiredService<IResourceDirectory>(),
            UserTokens = _services.GetRequiredService<IUserTokens>(),
            AdministratorTokens = _services.GetRequiredService<IAdministratorTokens>(),
            Certificates = _certificates!,
            IsDevelopment = true,
            Clock = _clock,
            Logging = Log,
        });
        ports.Attach(_host.Listeners);

        var origins = homes.Select((home, i) => new AdminOrigin(home.Geography.Name, ports.OpenAdministration(home.Geography, i))).ToList();
        var connectionStrings = new List<ConnectionStringEntry>();
        foreach (var home in homes)
        {
            connectionStrings.AddRange(await OpenResources(home, ports, cancel));
        }

        ports.Save();
        NodeFiles.WriteAdmin(_directory, new AdminFile(credential, "ca.pem", origins));
        NodeFiles.WriteConnectionStrings(_directory, connectionStrings);
        return connectionStrings;
    }

    private async Task<List<ConnectionStringEntry>> OpenResources(Home home, DevelopmentPorts ports, CancellationToken cancel)
    {
        var registry = _services!.GetRequiredService<ResourceRegistry>();
        var resources = new List<CommunicationResource>();
        await foreach (var resource in ResourceRegistry.All(home, cancel))
        {
            resources.Add(await registry.Reopen(home, resource, ports.Moved ? null : ports.OpenResource(resource.Authority), cancel));
        }

        if (resources.Count == 0)
        {
            var (demo, refused) = await registry.Create(home, "demo", Guid.NewGuid(), cancel);
            resources.Add(demo ?? throw new StartupException(refused!.Title));
        }

        return [.. resources.Select(resource => new ConnectionStringEntry(
            home.Geography.Name, resource.Name, ResourceRegistry.EndpointOf(resource), ResourceRegistry.ConnectionStringOf(resource, resource.PrimaryKey)))];
    }

    /// <summary>To the console, warnings and worse: a line for every request would cost more than most requests.</summary>
    private static void Log(ILoggingBuilder logging) => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter("Domicile.Operations", LogLevel.Warning)
        .AddSimpleConsole(console => console.SingleLine = true);

    private static T Guarded<T>(string directory, Func<T> use)
    {
        try
        {
            return use();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Unusable(directory);
        }
        catch (System.Text.Json.JsonException)
        {
            throw new StartupException($"A file in {directory} is damaged: ports.json or admin.json is not JSON. Put it back, or remove it to have it made anew.");
        }
    }

    private static StartupException Unusable(string directory) =>
        new($"The data directory {directory} cannot be used: it must be a directory that you can read and write. Give another one with --data.");
}
