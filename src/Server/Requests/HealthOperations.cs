using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>
/// What a supervisor and a load balancer ask of a node, on every administration origin and without a credential: it says nothing but yes or no. Live is
/// whether the process answers: a database that is away is no reason to restart it. Ready is whether requests for this geography may be sent to it.
/// </summary>
internal static class HealthOperations
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    private static readonly Problem Stopping = new("/problems/http/stopping", 503, "This node is starting or stopping.") { RetryAfter = TimeSpan.FromSeconds(5) };
    private static readonly Problem Unwritable = new("/problems/http/store-away", 503, "The databases of this geography are away, or take no writes.") { RetryAfter = Soon };
    private static readonly Problem Behind = new("/problems/http/node-behind", 503, "This node is behind with what others have changed.") { RetryAfter = Soon };

    /// <summary>The operations.</summary>
    /// <param name="readiness">Whether the node takes requests.</param>
    public static IReadOnlyList<Operation> All(Readiness readiness) =>
    [
        Health("/health/live", "Health_Live", static _ => new((Problem?)null)),
        Health("/health/ready", "Health_Ready", async call => await readiness.Ask(call.Geography) switch
        {
            null => Stopping,
            { IsWritable: false } => Unwritable,
            { IsReady: false } => Behind,
            _ => null,
        }),
    ];

    private static Operation Health(string path, string name, Func<Call, ValueTask<Problem?>> ask) =>
        new("GET", path, name, Access.Open, async (call, _) => await ask(call) is { } problem ? Reply.Of(problem) : Reply.Plain("text/plain; charset=utf-8", "ok\n"))
        {
            Origin = Origin.Administration,
            Errors = ErrorShape.ProblemDetails,
            BodyLimit = 0,
        };
}
