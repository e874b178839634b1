using System.Collections.Concurrent;
using System.Collections.Frozen;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Logs;

/// <summary>Hears of every answered request, and hands those that somebody asked for to the writer of their scale unit.</summary>
internal sealed class OperationLogs(LogSettings settings, IEnumerable<LogSource> sources, ILogger<OperationLogs>? log = null, LogPace? pace = null, Alerts? alerts = null) : IAnsweredCalls, IAsyncDisposable
{
    private readonly ILogger _log = (ILogger?)log ?? NullLogger.Instance;
    private readonly IReadOnlyList<LogSource> _sources = [.. sources];
    private readonly ConcurrentDictionary<Operation, string[]> _categories = new(ReferenceEqualityComparer.Instance);
    private FrozenDictionary<(Geography Geography, string ScaleUnit), LogWriter> _writers = FrozenDictionary<(Geography, string), LogWriter>.Empty;

    /// <summary>The categories that there are.</summary>
    public IReadOnlyList<LogSource> Sources => _sources;

    /// <summary>Takes the scale units by the homes of their own records.</summary>
    public void Prepare(IReadOnlyList<Home> scaleUnits)
    {
        settings.Prepare(scaleUnits);
        _writers = scaleUnits.ToFrozenDictionary(home => (home.Geography, home.ScaleUnit), _ => new LogWriter(settings, _sources, pace ?? LogPace.Usual, _log));
    }

    /// <summary>Begins to write in the background. It ends with the services.</summary>
    public void Start()
    {
        foreach (var writer in _writers.Values)
        {
            writer.Start();
        }
    }

    /// <summary>The writer of a resource's scale unit.</summary>
    public LogWriter WriterOf(Home home) => _writers[(home.Geography, home.ScaleUnit)];

    /// <inheritdoc/>
    public bool Hear(Operation operation, ServedResource resource, int status)
    {
        alerts?.Count(resource.Home, operation.Name, status);
        var categories = _categories.GetOrAdd(operation, operation => [.. _sources.Where(source => source.Takes(operation)).Select(source => source.Category)]);
        if (categories.Length == 0)
        {
            return false;
        }

        // What is not known yet is found out by the writer.
        return settings.Known(resource.Home.ResourceId) is not { } on || Array.Exists(categories, on.Contains);
    }

    /// <inheritdoc/>
    public void Hear(Operation operation, Geography geography, string nameOrId, int status) => alerts?.Count(geography, nameOrId, operation.Name, status);

    /// <inheritdoc/>
    public void Take(AnsweredCall call)
    {
        if (_writers.TryGetValue((call.Home.Geography, call.Home.ScaleUnit), out var writer))
        {
            writer.Take(call);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Task.WhenAll(_writers.Values.Select(writer => writer.DisposeAsync().AsTask()));
}
