using System.Net;
using System.Runtime.InteropServices;
using Domicile.Modules.Administration;
using Domicile.Modules.Audit;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Http.Outbound;
using Domicile.Modules.Logs;
using Domicile.Modules.Privacy;
using Domicile.Modules.Realtime;
using Domicile.Modules.Testing;
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

    /// <summary>What remains of a stop after the draining. What is not closed by then is as safe as after a crash.</summary>
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(1);

    private readonly List<ScaleUnit> _units = [];
    private readonly string _directory;
    private readonly TimeProvider _clock;
    private readonly ILoggerFactory _loggers;
    private ServiceProvider? _services;
    private ServerCertificates? _certificates;
    private ServerHost? _host;
    private AdministratorCredential? _credential;
    private ConnectionStringsFile? _connectionStrings;
    private PosixSignalRegistration? _reload;
    private Telemetry? _telemetry;
    private volatile string _closing = "";

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
        try
        {
            ReadyLine.Remove(request.ReadyFile);
            var node = request.ConfigurationFile is { } file
                ? await StartProduction(OptionsReader.Read(file, Variables()), output, TimeProvider.System, loggers, cancel)
                : await StartDevelopment(request, output, new TurnableClock(TimeProvider.System), loggers, cancel);
            await node._host!.RunUntilStopped(cancel);
            await node.Close(loggers.CreateLogger<Node>());
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Told to stop while it was starting: what was opened is closed again.
        }
        finally
        {
            if (request.IsEphemeral)
            {
                ReadyLine.Remove(request.ReadyFile, Environment.ProcessId);
                ThrowAway(request.DataDirectory!, loggers.CreateLogger<Node>());
            }
        }

        return 0;
    }

    /// <summary>Drains the web server, then stops the background work and closes the stores.</summary>
    public async ValueTask DisposeAsync()
    {
        _closing = "the web server";
        _reload?.Dispose();
        if (_host is not null)
        {
            await _host.Stop(CancellationToken.None);
            await _host.DisposeAsync();
        }

        _closing = "connection-strings.json";
        if (_connectionStrings is not null)
        {
            await _connectionStrings.DisposeAsync();
        }

        _closing = "the modules";
        if (_services is not null)
        {
            await _services.DisposeAsync();
        }

        _certificates?.Dispose();

        // At once, each on a thread of its own: each flushes and empties its log, and the waits for the disk add up otherwise.
        _closing = "the stores";
        await Task.WhenAll(_units.Select(unit => Task.Run(() => unit.DisposeAsync().AsTask())));

        // Last: nothing else waits for a collector that does not answer.
        _closing = "the export of metrics and traces";
        _telemetry?.Dispose();
    }

    /// <summary>Closes everything, but not for longer than <see cref="CloseLimit"/>: a stop ends whatever is slow to close.</summary>
    private async Task Close(ILogger log)
    {
        // On a thread of its own, so that what blocks its thread while it closes cannot hold up the end.
        var closed = Task.Run(() => DisposeAsync().AsTask());
        if (await Task.WhenAny(closed, Task.Delay(CloseLimit, _clock)) == closed)
        {
            await closed;
            return;
        }

        LogStillOpen(log, _closing, CloseLimit.TotalSeconds);
    }

    private static async Task<Node> StartDevelopment(
        ServeRequest request, TextWriter output, TimeProvider clock, ILoggerFactory loggers, CancellationToken cancel)
    {
        var (directory, basePort) = (request.DataDirectory!, request.BasePort);
        var node = new Node(directory, clock, loggers);
        try
        {
            // What can refuse the start comes before what changes anything: files read, stores opened, ports taken; then records and files are written.
            var geographies = request.Geographies ?? DevelopmentGeographies;
            var ports = Guarded(directory, () => DevelopmentPorts.Open(directory, basePort, geographies.Count));
            node._credential = Guarded(directory, () => NodeFiles.Credential(directory));
            MakeDirectory(directory);
            await node.OpenUnits(DevelopmentUnits(directory, request.PostgresFile, geographies), cancel);
            var certificate = Guarded(directory, () => DevelopmentAuthority.Open(directory, clock));
            node._certificates = ServerCertificates.ForDevelopment(certificate, loggers.CreateLogger<ServerCertificates>());
            var parts = await node.Compose(ports, new OutboundRules { AllowsLoopback = true, IsOwnPort = port => node._host?.Listeners.Ports.Contains(port) != false }, isDevelopment: true, cancel);
            node._host = ServerHost.Build(parts);
            ports.Attach(node._host.Listeners);
            var origins = node._units.Select((unit, i) => new AdminOrigin(unit.Options.Geography.Name, ports.OpenAdministration(unit.Options.Geography, i))).ToList();
            await node.OpenResources(ports, cancel);
            ports.Save();
            node.WriteAdmin("ca.pem", origins);
            await node.Start(cancel);

            // Last, so that whoever finds the file finds a server that answers and that hears a signal.
            node._connectionStrings = new ConnectionStringsFile(directory, [.. node._units.Select(unit => unit.Own)], loggers.CreateLogger<ConnectionStringsFile>());
            var connectionStrings = await node._connectionStrings.Start(cancel);
            if (request.IsEphemeral)
            {
                await ReadyLine.Write(output, request.ReadyFile, await node.Ready(certificate, connectionStrings, origins, cancel));
            }
            else
            {
                await Banner.WriteDevelopment(output, directory, certificate, connectionStrings);
            }

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
        var node = new Node(options.Data, clock, loggers);
        try
        {
            node._certificates = ServerCertificates.FromFiles(options.CertificateFiles(), clock, loggers.CreateLogger<ServerCertificates>());
            ServerHost.CheckProduction(options, node._certificates);
            node._credential = Guarded(options.Data, () => NodeFiles.Credential(options.Data));
            MakeDirectory(options.Data);
            await node.OpenUnits(options.Geographies.Keys.SelectMany(options.ScaleUnits), cancel);
            node._host = await ServerHost.BuildProduction(options, await node.Compose(new ProductionOrigins(options), options.OutboundRules(), isDevelopment: false, cancel));
            node.WriteAdmin(null, [.. options.Geographies.Select(pair => AdminOriginOf(pair.Key, pair.Value.Administration))]);
            node._telemetry = Telemetry.Start(options.Telemetry, loggers.CreateLogger<Telemetry>());
            await node.Start(cancel);
            node.ReloadWhenTold();
            await Banner.WriteProduction(output, options);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    private async Task<ReadyServer> Ready(
        DevelopmentCertificate certificate, IReadOnlyList<ConnectionStringEntry> resources, IReadOnlyList<AdminOrigin> origins, CancellationToken cancel)
    {
        var administration = new List<ReadyAdministration>();
        foreach (var (unit, origin) in _units.Zip(origins))
        {
            administration.Add(new ReadyAdministration(origin.Name, origin.Endpoint, await AdministrationModule.MintForOwner(_services!, unit.Own, cancel)));
        }

        return new ReadyServer(Environment.ProcessId, _directory, certificate.AuthorityPath, resources, administration);
    }

    private static void ThrowAway(string directory, ILogger log)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            LogLeft(log, directory, failed.Message);
        }
    }

    internal static IEnumerable<ScaleUnitOptions> DevelopmentUnits(string directory, string? postgresFile, IReadOnlyList<string>? geographies = null)
    {
        var postgres = postgresFile is null ? null : PostgresOptions.ReadFile(postgresFile);
        return (geographies ?? DevelopmentGeographies).Select(Geography.Parse).Select(geography => new ScaleUnitOptions(geography, Path.Combine(directory, geography.Slug))
        {
            Postgres = postgres is null ? null : PostgresOptions.ForDevelopment(postgres, geography, Path.Combine(directory, geography.Slug)),
        });
    }

    private static AdminOrigin AdminOriginOf(Geography geography, AdministrationOptions administration)
    {
        var listen = administration.Listen;
        var here = listen.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : listen.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : listen.Address;
        return new AdminOrigin(geography.Name, $"https://{administration.Name}:{listen.Port}", new IPEndPoint(here, listen.Port).ToString());
    }

    // SIGHUP is what programs that renew certificates send by habit; without it the files are looked at every half minute.
    private void ReloadWhenTold()
    {
        if (!OperatingSystem.IsWindows())
        {
            _reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
            {
                signal.Cancel = true;
                _certificates!.Reload();
            });
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
            catch (StoreUnavailableException away) when (options.Postgres is { } postgres)
            {
                throw new StartupException($"The store {options.Name} cannot be opened: {away.Message} Its databases are {postgres.Data} and {postgres.Keys}.", away);
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or StoreUnavailableException)
            {
                throw Unusable(options.Directory, refused);
            }
        }

        foreach (var geography in _units.GroupBy(unit => unit.Options.Geography))
        {
            ScaleUnit.Join([.. geography]);
        }
    }

    private async Task<ServerParts> Compose(IResourceOrigins origins, OutboundRules outbound, bool isDevelopment, CancellationToken cancel)
    {
        var services = new ServiceCollection()
            .AddSingleton(_clock)
            .AddSingleton(_loggers)
            .AddSingleton(typeof(ILogger<>), typeof(Logger<>))
            .AddSingleton(origins)
            .AddSingleton(outbound)
            .AddSingleton(_credential!)
            .AddSingleton(new AdministrationMode(isDevelopment));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        _services = services.BuildServiceProvider();
        await AdministrationModule.Prepare(_services, [.. _units.DistinctBy(unit => unit.Options.Geography).Select(unit => unit.Own)], cancel);
        await AuditModule.Prepare(_services, [.. _units.Select(unit => unit.Own)], cancel);
        ChatModule.Prepare(_services, [.. _units.Select(unit => unit.Own)]);
        PrivacyModule.Prepare(_services, [.. _units.Select(unit => unit.Own)]);
        EventsModule.Prepare(_services, [.. _units.Select(unit => unit.Own)]);
        LogsModule.Prepare(_services, [.. _units.Select(unit => unit.Own)]);
        await RealtimeModule.Prepare(_services, [.. _units.Select(unit => unit.Own)], cancel);
        var readiness = new Readiness(_clock);
        foreach (var unit in _units)
        {
            readiness.Watch(unit.Options.Geography, unit.Check);
        }

        return new ServerParts
        {
            Readiness = readiness,
            Operations = [.. ProductModules.All.SelectMany(module => module.Operations(_services))],
            Directory = _services.GetRequiredService<IResourceDirectory>(),
            UserTokens = _services.GetRequiredService<IUserTokens>(),
            AdministratorTokens = _services.GetRequiredService<IAdministratorTokens>(),
            Refusals = _services.GetRequiredService<IRefusals>(),
            Answered = _services.GetRequiredService<IAnsweredCalls>(),
            Tests = isDevelopment ? _services.GetRequiredService<TestBench>() : null,
            Certificates = _certificates!,
            IsDevelopment = isDevelopment,
            Clock = _clock,
            Logging = Log,
        };
    }

    private async Task Start(CancellationToken cancel)
    {
        RealtimeModule.Start(_services!, _host!.Stopping);
        await _host.Start(cancel);
        foreach (var unit in _units)
        {
            unit.Housekeeping.Start();
        }

        AuditModule.Start(_services!);
        PrivacyModule.Start(_services!);
        EventsModule.Start(_services!);
        LogsModule.Start(_services!);
    }

    private void WriteAdmin(string? certificateAuthority, IReadOnlyList<AdminOrigin> origins) =>
        NodeFiles.WriteAdmin(_directory, new AdminFile(_credential!, certificateAuthority, origins));

    /// <summary>Listens for every resource; a geography without any gets one that is called demo.</summary>
    private async Task OpenResources(DevelopmentPorts ports, CancellationToken cancel)
    {
        var found = new List<(int Geography, CommunicationResource Resource)>();
        for (var i = 0; i < _units.Count; i++)
        {
            await foreach (var resource in ResourceRegistry.All(_units[i].Own, cancel))
            {
                found.Add((i, resource));
            }
        }

        var authorities = ports.OpenResources([.. found.Select(entry => (entry.Geography, entry.Resource.Authority))]);
        var moves = found.Zip(authorities, (entry, authority) => (entry.Geography, entry.Resource, Authority: authority, From: DevelopmentPorts.PortOf(entry.Resource.Authority), To: DevelopmentPorts.PortOf(authority))).ToList();

        // Up from the top, down from the bottom: nobody is moved to where somebody still is.
        foreach (var move in moves.Where(move => move.To > move.From).OrderByDescending(move => move.From).Concat(moves.Where(move => move.To < move.From).OrderBy(move => move.From)))
        {
            await ResourceRegistry.Move(_units[move.Geography].Own, move.Resource, move.Authority, cancel);
        }

        var registry = _services!.GetRequiredService<ResourceRegistry>();
        foreach (var (_, unit) in _units.Index().Where(unit => found.All(entry => entry.Geography != unit.Index)))
        {
            var id = Guid.NewGuid();
            if (await registry.Create(unit.Own, "demo", new AuditNote(AuditedAct.ResourceCreated, "node") { Resource = id }, id, cancel) is { Refused: { } refused })
            {
                throw new StartupException(refused.Title);
            }
        }
    }

    internal static IEnumerable<KeyValuePair<string, string>> Variables() =>
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
            throw Unusable(directory, refused);
        }
    }

    private static StartupException Unusable(string directory, Exception reason) =>
        new($"The data directory {directory} cannot be used: it must be a directory that this user can read and write, on a disk with room. Mend that, or give another one. ({reason.Message})", reason);

    [LoggerMessage(1302, LogLevel.Warning, "The server ends while {Part} is still open after {Seconds} s: everything acknowledged is durable, and the next start does what is left")]
    private static partial void LogStillOpen(ILogger log, string part, double seconds);

    [LoggerMessage(1303, LogLevel.Warning, "The throw-away directory {Directory} could not be removed: {Reason}")]
    private static partial void LogLeft(ILogger log, string directory, string reason);
}
