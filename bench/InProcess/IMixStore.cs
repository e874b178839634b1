namespace Domicile.Bench.InProcess;

/// <summary>One of the two sides of the mix.</summary>
internal interface IMixStore : IAsyncDisposable
{
    /// <summary>Makes people, threads and messages, and does what is done before.</summary>
    Task Load(MixPlan plan);

    /// <summary>Does one step to its end, as far as whoever asks waits for it.</summary>
    ValueTask Do(MixStep step);

    /// <summary>Waits until what was asked for is done in the background as well.</summary>
    Task Settle();

    /// <summary>Compares what is there with the plan.</summary>
    /// <returns>What was looked at, in words.</returns>
    /// <exception cref="InvalidOperationException">Something is there that must be gone, or the other way round.</exception>
    Task<string> Check();
}
