using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Testing;

/// <summary>Every failure that a test-suite can meet here.</summary>
internal static class TestingProblems
{
    /// <summary>The server is for real data.</summary>
    public static readonly Problem DevelopmentOnly = new(
        "/problems/testing/development-only", 403, "Only a server in development mode can be turned, emptied or made to fail. This one is in production mode.");

    /// <summary>How far the clock is turned.</summary>
    public static readonly Problem BadTurn = new(
        "/problems/testing/bad-turn", 400, $"forwardSeconds must be a number above 0, and the clock at most {TurnableClock.AheadMax.TotalDays:0} days ahead. It does not go back: reset takes away what was written, and a new start the turn.")
    { Target = "forwardSeconds" };

    /// <summary>A fault that cannot be.</summary>
    public static readonly Problem BadFault = new(
        "/problems/testing/bad-fault",
        400,
        "operation is the name of an operation of a resource, such as ChatThread_SendChatMessage, or *; kind is latency, tooMany, unavailable, connectionReset or answerLost; "
        + "retryAfterSeconds is 0 to 3600; latencyMs is 0 to 60000; times is 1 to 1000000; percentOfRequests is 1 to 100.");

    /// <summary>An operation that no resource has.</summary>
    public static readonly Problem NoSuchOperation = new(
        "/problems/testing/no-such-operation",
        400,
        "No operation of a resource is called so. Do with the application once what it does, and read the names at GET /test/requests (`domicile test requests`).")
    { Target = "operation" };

    /// <summary>A resource that there is not.</summary>
    public static readonly Problem NoResource = new("/problems/testing/no-resource", 404, "This geography has no resource of that name or id.") { Target = "resource" };

    /// <summary>Too many faults.</summary>
    public static readonly Problem TooManyFaults = new("/problems/testing/too-many-faults", 409, $"There are {TestBench.FaultsMax} faults already. Clear them with DELETE /test/faults.");
}
