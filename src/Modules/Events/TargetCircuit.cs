using System.Runtime.CompilerServices;
using Domicile.Modules.Http.Outbound;
using Polly;
using Polly.CircuitBreaker;

namespace Domicile.Modules.Events;

/// <summary>
/// Keeps away from a target that fails: when half of the last minute's attempts did, and there were at least four, it is left alone for 10 s, and longer each time that it has
/// not recovered, up to 10 minutes. What was not attempted is not counted as an attempt.
/// </summary>
internal sealed class TargetCircuit
{
    private static readonly TimeSpan[] Breaks =
    [
        TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10),
    ];

    private readonly ResiliencePipeline<OutboundAnswer> _pipeline;
    private readonly TimeProvider _clock;
    private long _openUntilTicks;

    public TargetCircuit(TimeProvider clock)
    {
        _clock = clock;
        _pipeline = new ResiliencePipelineBuilder<OutboundAnswer> { TimeProvider = clock }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<OutboundAnswer>
            {
                ShouldHandle = arguments => new(arguments.Outcome.Result is { } answer && IsTargetsFault(answer)),
                FailureRatio = 0.5,
                MinimumThroughput = 4,
                SamplingDuration = TimeSpan.FromMinutes(1),
                BreakDurationGenerator = arguments => new(Breaks[Math.Min(arguments.HalfOpenAttempts, Breaks.Length - 1)]),
                OnOpened = arguments =>
                {
                    Interlocked.Exchange(ref _openUntilTicks, (clock.GetUtcNow() + arguments.BreakDuration).UtcTicks);
                    return default;
                },
                OnClosed = _ =>
                {
                    Interlocked.Exchange(ref _openUntilTicks, 0);
                    return default;
                },
            })
            .Build();
    }

    /// <summary>Until when the target is left alone; in the past when it is not.</summary>
    public DateTimeOffset OpenUntil => new(Interlocked.Read(ref _openUntilTicks), TimeSpan.Zero);

    /// <summary>Whether it is left alone now.</summary>
    public bool IsOpen => Interlocked.Read(ref _openUntilTicks) is var until && until > 0 && _clock.GetUtcNow().UtcTicks < until;

    /// <summary>Makes an attempt.</summary>
    /// <returns>The answer; null when the target is left alone.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<OutboundAnswer?> Attempt<T>(Func<T, CancellationToken, ValueTask<OutboundAnswer>> attempt, T ask, CancellationToken cancel)
    {
        if (IsOpen)
        {
            return null;
        }

        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false, cancel);
        try
        {
            var outcome = await _pipeline.ExecuteOutcomeAsync(OutcomeOf, context, (attempt, ask));
            if (outcome.Exception is not null and not BrokenCircuitException)
            {
                outcome.ThrowIfException();
            }

            return outcome.Result;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<Outcome<OutboundAnswer>> OutcomeOf<T>(ResilienceContext context, (Func<T, CancellationToken, ValueTask<OutboundAnswer>> Attempt, T Ask) made)
    {
        try
        {
            return Outcome.FromResult(await made.Attempt(made.Ask, context.CancellationToken));
        }
        catch (Exception fault)
        {
            return Outcome.FromException<OutboundAnswer>(fault);
        }
    }

    /// <summary>Whether the target itself fails, and not only one event meets its refusal.</summary>
    private static bool IsTargetsFault(OutboundAnswer answer) => answer.Outcome != OutboundOutcome.Answered || answer.Status is 408 or 429 or >= 500;
}
