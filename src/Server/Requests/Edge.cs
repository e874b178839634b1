using Domicile.Modules.Http;
using Domicile.Modules.Http.Rates;
using Domicile.Modules.Testing;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>What every operation's requests pass through.</summary>
/// <param name="Places">Finds whose host it is.</param>
/// <param name="Callers">Finds who is calling.</param>
/// <param name="Refusals">Hears of those who may not.</param>
/// <param name="Rates">Counts what they ask for.</param>
/// <param name="Clock">Measures how long an answer took.</param>
/// <param name="Log">Where operations are logged: templates, states and times, never what a client sent.</param>
internal sealed record Edge(PlaceFinder Places, CallerCheck Callers, IRefusals? Refusals, RateMeter Rates, TimeProvider Clock, ILogger Log)
{
    /// <summary>What a test-suite asks for; null on a production server.</summary>
    public TestBench? Tests { get; init; }

    /// <summary>Hears of what was answered; null when nobody does.</summary>
    public IAnsweredCalls? Answered { get; init; }
}
