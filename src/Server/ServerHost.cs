using Domicile.Modules.Http;
using Domicile.Modules.Http.Rates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>The web server of a node: the listeners, TLS and the pipeline, around operations that come from the modules.</summary>
internal sealed class ServerHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ServerHost(WebApplication app, Listeners listeners, Readiness readiness)
    {
        _app = app;
        Listeners = listeners;
        Readiness = readiness;
    }

    /// <summary>The addresses that are listened on; they can be added and removed at any time, before the start too.</summary>
    public Listeners Listeners { get; }

    /// <summary>Whether the node takes requests.</summary>
    public Readiness Readiness { get; }

    /// <summary>Cancelled when the server is told to stop.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <summary>Puts a server together. It listens on nothing until <see cref="Listeners"/> are added, and answers nothing until <see cref="Start"/>.</summary>
    /// <exception cref="InvalidOperationException">The operations do not hold together.</exception>
    public static ServerHost Build(ServerParts parts)
    {
        // Nothing of the process's surroundings steers the server but its own configuration: no variables, no settings files, no default addresses.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "domicile", EnvironmentName = Environments.Production });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddFilter("Domicile", LogLevel.Information);

        // We log operations ourselves. With this on, the framework makes a logging scope and a tracing activity for every request.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        parts.Logging?.Invoke(builder.Logging);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(parts.Clock);
        builder.Services.AddSingleton<Listeners>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => services.GetRequiredService<Listeners>());
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = parts.Limits.Drain);
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, parts));

        var app = builder.Build();
        var readiness = parts.Readiness;
        app.Lifetime.ApplicationStarted.Register(() => readiness.Set(true));
        app.Lifetime.ApplicationStopping.Register(() => readiness.Set(false));
        var edge = new Edge(
            new PlaceFinder(parts.Directory, parts.IsDevelopment),
            new CallerCheck(new AccessKeySignature(TurnableClock.MachineOf(parts.Clock)), parts.UserTokens, parts.AdministratorTokens),
            parts.Refusals,
            new RateMeter(parts.Clock),
            parts.Clock,
            app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Domicile.Operations"))
        {
            Tests = parts.Tests,
            Answered = parts.Answered,
        };
        parts.Tests?.Learn(parts.Operations.Where(operation => operation.Origin == Origin.Resource).Select(operation => operation.Name));
        new Pipeline([.. parts.Operations, .. HealthOperations.All(readiness)], edge).Use(app);
        return new ServerHost(app, app.Services.GetRequiredService<Listeners>(), readiness);
    }

    /// <summary>Puts the server of a production configuration together, and listens on all its addresses.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="parts">Everything else; its certificates are made with <see cref="ServeOptions.CertificateFiles"/>.</param>
    /// <exception cref="StartupException">An address cannot be had, or an administration origin has no certificate.</exception>
    public static async Task<ServerHost> BuildProduction(ServeOptions options, ServerParts parts)
    {
        CheckNames(options, parts.Certificates);
        var host = Build(parts with { IsDevelopment = false, Limits = options.Limits });
        try
        {
            foreach (var listener in options.Listeners())
            {
                host.Listeners.Add(listener);
            }

            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Refuses what <see cref="BuildProduction"/> would refuse, while nothing was made yet.</summary>
    /// <exception cref="StartupException">An address cannot be had, or an administration origin has no certificate.</exception>
    public static void CheckProduction(ServeOptions options, ServerCertificates certificates)
    {
        CheckNames(options, certificates);
        foreach (var listener in options.Listeners())
        {
            Listeners.CheckFree(listener.Address);
        }
    }

    /// <summary>Starts to answer.</summary>
    public Task Start(CancellationToken cancel) => _app.StartAsync(cancel);

    /// <summary>Waits until the process is told to stop (SIGTERM, SIGINT), then drains and stops.</summary>
    public Task RunUntilStopped(CancellationToken cancel) => _app.WaitForShutdownAsync(cancel);

    /// <summary>Drains and stops.</summary>
    public Task Stop(CancellationToken cancel) => _app.StopAsync(cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static void CheckNames(ServeOptions options, ServerCertificates certificates)
    {
        var nameless = options.Geographies.Where(pair => certificates.CertificateFor(pair.Value.Administration.Name!) is null)
            .Select(pair => $"No certificate of {pair.Key} is for {pair.Value.Administration.Name}, the name of its administration origin. Add one, or set administration.name to a name that has one.")
            .ToList();
        if (nameless.Count > 0)
        {
            throw new StartupException(string.Join('\n', nameless));
        }
    }

    private static void Configure(KestrelServerOptions kestrel, ServerParts parts)
    {
        var limits = parts.Limits;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = limits.Connections;
        kestrel.Limits.MaxConcurrentUpgradedConnections = limits.Connections;
        kestrel.Limits.RequestHeadersTimeout = limits.RequestHead;
        kestrel.Limits.KeepAliveTimeout = limits.KeepAlive;
        kestrel.Limits.MaxRequestLineSize = limits.RequestLineBytes;
        kestrel.Limits.MaxRequestBufferSize = Math.Max(1024 * 1024, limits.RequestLineBytes + limits.HeaderBytes);
        kestrel.Limits.MaxRequestHeadersTotalSize = limits.HeaderBytes;
        kestrel.Limits.MaxRequestHeaderCount = limits.Headers;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(limits.BodyBytesPerSecond, limits.BodyGrace);
        kestrel.Limits.Http2.MaxStreamsPerConnection = limits.StreamsPerConnection;
        kestrel.Listen(Listeners.Switchboard, switchboard =>
        {
            switchboard.Protocols = HttpProtocols.Http1AndHttp2;
            switchboard.Use(next => new ProxyProtocol(next, parts.Clock).Serve);
            switchboard.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = parts.Certificates.Answer, HandshakeTimeout = limits.Handshake });
        });
    }
}
