using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>A running server: its geographies, each with its scale unit, and the web server in front of them.</summary>
public sealed class Node : IAsyncDisposable
{
    private static readonly string[] DevelopmentGeographies = ["Europe", "United States", "India", "Asia Pacific"];
    private readonly List<ScaleUnit> _units = [];
    private readonly string _directory;
    private readonly TimeProvider _clock;
    private readonly ILoggerFactory _loggers;
    private ServiceProvider? _services;
    private ServerCertificates? _certificates;
    private ServerHost? _host;
    private AdministratorCredential? _credential;

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
        await using var node = request.ConfigurationFile is { } file
            ? await StartProduction(OptionsReader.Read(file, Variables()), output, TimeProvider.System, loggers, cancel)
            : await StartDevelopment(request.DataDirectory!, request.BasePort, output, TimeProvider.System, loggers, cancel);
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
            MakeDirectory(directory);
            await node.OpenUnits(DevelopmentGeographies.Select(Geography.Parse).Select(geography => new ScaleUnitOptions(geography, Path.Combine(directory, geography.Slug))), cancel);
            var certificate = Guarded(directory, () => DevelopmentAuthority.Open(directory, clock));
            node._certificates = ServerCertificates.ForDevelopment(certificate, loggers.CreateLogger<ServerCertificates>());
            var parts = await node.Compose(ports, isDevelopment: true, cancel);
            node._host = ServerHost.Build(parts);
            ports.Attach(node._host.Listeners);
            var origins = node._units.Select((unit, i) => new AdminOrigin(unit.Options.Geography.Name, ports.OpenAdministration(unit.Options.Geography, i))).ToList();
            var connectionStrings = new List<ConnectionStringEntry>();
            foreach (var unit in node._units)
            {
                connectionStrings.AddRange(await node.OpenResources(unit.Own, ports, cancel));
            }

            ports.Save();
            node.WriteAdmin("ca.pem", origins);
            NodeFiles.WriteConnectionStrings(directory, connectionStrings);
            await node.Start(cancel);
            await Banner.WriteDevelopment(output, directory, certificate, connectionStrings);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    private static async Task<Node> StartProduction(ServeOptions options, TextWriter output, TimeProvider clock, ILoggerFactory loggers, CancellationToken cancel)
    {
        if (options.Geographies.FirstOrDefault(pair => pair.Value.Stores.Count > 1) is { Key: { } crowded })
        {
            throw new StartupException($"geographies.{crowded}.stores names several scale units; this version runs one for each geography.");
        }

        var node = new Node(options.Data, clock, loggers);
        try
        {
            MakeDirectory(options.Data);
            node._certificates = ServerCertificates.FromFiles(options.CertificateFiles(), clock, loggers.CreateLogger<ServerCertificates>());
            await node.OpenUnits(options.Geographies.Select(pair => new ScaleUnitOptions(pair.Key, pair.Value.Stores[0].Sqlite) { RootKeyFile = pair.Value.RootKey }), cancel);
            node._host = await ServerHost.BuildProduction(options, await node.Compose(new ProductionOrigins(options), isDevelopment: false, cancel));
            var origins = options.Geographies.Select(pair => new AdminOrigin(pair.Key.Name, $"https://{pair.Value.Administration.Name}:{pair.Value.Administration.Listen.Port}")).ToList();
            node.WriteAdmin(null, origins);
            await node.Start(cancel);
            await Banner.WriteProduction(output, options);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    private async Task OpenUnits(IEnumerable<ScaleUnitOptions> units, CancellationToken cancel)
    {
        var catalogue = ProductModules.Catalogue();
        foreach (var options in units)
        {
            try
            {
                _units.Add(await ScaleUnit.Open(options, catalogue, _clock, _loggers.CreateLogger<ScaleUnit>(), cancel));
            }
            catch (Exception refused) when (refused is SchemaMismatchException or InvalidDataException or DirectoryInUseException or SealBrokenException or KeyGoneException)
            {
                throw new StartupException(refused.Message);
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or StoreUnavailableException)
            {
                throw Unusable(options.Directory);
            }
        }
    }

    private async Task<ServerParts> Compose(IResourceOrigins origins, bool isDevelopment, CancellationToken cancel)
    {
        _credential = Guarded(_directory, () => NodeFiles.Credential(_directory));
        var services = new ServiceCollection()
            .AddSingleton(_clock)
            .AddSingleton(origins)
            .AddSingleton(_credential)
            .AddSingleton(new AdministrationMode(isDevelopment));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        _services = services.BuildServiceProvider();
        await AdministrationModule.Prepare(_services, [.. _units.Select(unit => unit.Own)], cancel);
        return new ServerParts
        {
            Operations = [.. ProductModules.All.SelectMany(module => module.Operations(_services))],
            Directory = _services.GetRequiredService<IResourceDirectory>(),
            UserTokens = _services.GetRequiredService<IUserTokens>(),
            AdministratorTokens = _services.GetRequiredService<IAdministratorTokens>(),
            Certificates = _certificates!,
            IsDevelopment = isDevelopment,
            Clock = _clock,
            Logging = Log,
        };
    }

    private async Task Start(CancellationToken cancel)
    {
        await _host!.Start(cancel);
        foreach (var unit in _units)
        {
            unit.Housekeeping.Start();
        }
    }

    private void WriteAdmin(string? certificateAuthority, IReadOnlyList<AdminOrigin> origins) =>
        NodeFiles.WriteAdmin(_directory, new AdminFile(_credential!, certificateAuthority, origins));

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

    private static IEnumerable<KeyValuePair<string, string>> Variables() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(pair => KeyValuePair.Create((string)pair.Key, (string?)pair.Value ?? ""));

    private static void MakeDirectory(string directory) =>
        Guarded(directory, () =>
        {
            SecretFile.CreateDirectory(directory);
            return true;
        });

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
