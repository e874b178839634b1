using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>What a supervisor asks of a node, on every administration origin and without a credential: it says nothing but yes or no.</summary>
internal static class HealthOperations
{
    private static readonly Problem Stopping = new("/problems/http/stopping", 503, "This node is starting or stopping.") { RetryAfter = TimeSpan.FromSeconds(5) };

    /// <summary>The operations.</summary>
    /// <param name="readiness">Whether the node takes requests.</param>
    public static IReadOnlyList<Operation> All(Readiness readiness) =>
    [
        Health("/health/live", "Health_Live", static () => null),
        Health("/health/ready", "Health_Ready", () => readiness.IsReady ? null : Stopping),
    ];

    private static Operation Health(string path, string name, Func<Problem?> ask) =>
        new("GET", path, name, Access.Open, (_, _) => new(ask() is { } problem ? Reply.Of(problem) : Reply.Plain("text/plain; charset=utf-8", "ok\n")))
        {
            Origin = Origin.Administration,
            Errors = ErrorShape.ProblemDetails,
            BodyLimit = 0,
        };
}
