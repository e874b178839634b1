namespace Domicile.Storage;

/// <summary>Wakes work in the background. What comes while the work looks for what there is to do is not slept through, when <see cref="Next"/> was taken before the look.</summary>
public sealed class WakeUp
{
    private volatile TaskCompletionSource _next = Fresh();

    /// <summary>There is something to do.</summary>
    public void Signal() => _next.TrySetResult();

    /// <summary>The next signal from now on.</summary>
    public Task Next() => (_next = Fresh()).Task;

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
