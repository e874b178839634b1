using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Logs;

/// <summary>What operators look back on: operation logs that a resource asked for, queries over them, and what is told when something looks wrong.</summary>
public sealed class LogsModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue
        .Add<LogSetting>(LogRecords.Default)
        .Add<AuthLogDay>(LogRecords.Default)
        .Add<AuthLogEntry>(LogRecords.Default)
        .Add<ChatLogDay>(LogRecords.Default)
        .Add<ChatLogEntry>(LogRecords.Default)
        .Add<UsageLogDay>(LogRecords.Default)
        .Add<UsageLogEntry>(LogRecords.Default)
        .Add<CallCount>(AlertRecords.Default)
        .Add<Alert>(AlertRecords.Default)
        .Add<AlertTurn>(AlertRecords.Default);

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<LogSource>(new AuthLog())
        .AddSingleton<LogSource>(new ChatLog())
        .AddSingleton<LogSource>(new UsageLog())
        .AddSingleton<LogSettings>()
        .AddSingleton<OperationLogs>()
        .AddSingleton<IAnsweredCalls>(provider => provider.GetRequiredService<OperationLogs>())
        .AddSingleton<Alerts>()
        .AddSingleton<IFailedDeliveries>(provider => provider.GetRequiredService<Alerts>())
        .AddSingleton(new EventType(Alerts.Fired, "An alert rule of the resource began to fire."))
        .AddSingleton(new EventType(Alerts.Resolved, "An alert rule of the resource ceased to fire."))
        .AddSingleton<AlertEndpoints>()
        .AddSingleton<MetricsBook>()
        .AddSingleton<LogsEndpoints>()
        .AddSingleton<LogQueryEndpoints>();

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) =>
        [.. services.GetRequiredService<LogQueryEndpoints>().Operations(), .. services.GetRequiredService<LogsEndpoints>().Operations(),
            .. services.GetRequiredService<AlertEndpoints>().Operations(), Metrics(services.GetRequiredService<MetricsBook>())];

    /// <summary>Hands the module the scale units that the node serves, by the homes of their own records.</summary>
    public static void Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits)
    {
        services.GetRequiredService<MetricsBook>().Start();
        services.GetRequiredService<OperationLogs>().Prepare(scaleUnits);
        services.GetRequiredService<Alerts>().Prepare(scaleUnits);
    }

    /// <summary>Begins to write, and to look at alerts, in the background. It ends with the services.</summary>
    public static void Start(IServiceProvider services)
    {
        services.GetRequiredService<OperationLogs>().Start();
        services.GetRequiredService<Alerts>().Start();
    }

    /// <summary>Without a credential, as health: it says how much, and never of whom.</summary>
    private static Operation Metrics(MetricsBook book) =>
        new("GET", "/metrics", "Metrics_Get", Access.Open, (_, _) => new(Reply.Plain(MetricsBook.ContentType, book.Write())))
        {
            Origin = Origin.Administration,
            Errors = ErrorShape.ProblemDetails,
            BodyLimit = 0,
        };
}
