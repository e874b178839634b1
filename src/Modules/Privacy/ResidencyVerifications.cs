using System.Collections.Concurrent;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Verification;

namespace Domicile.Modules.Privacy;

/// <summary>
/// The check of each geography that this node runs or ran last. It takes as long as reading everything takes, so it is begun, and then asked after; one at a time for each
/// geography, because two would only be twice the reading. It is not kept: a check speaks of its moment, and can be repeated.
/// </summary>
internal sealed class ResidencyVerifications : IAsyncDisposable, IDisposable
{
    private readonly ConcurrentDictionary<Geography, Run> _runs = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();

    /// <summary>Begins a check; when one is running, that one.</summary>
    public VerificationReply Begin(Home geography)
    {
        lock (_lock)
        {
            if (!_runs.TryGetValue(geography.Geography, out var run) || run.Work.IsCompleted)
            {
                run = new Run(geography.Administration!.CheckResidency(), CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token));
                _runs[geography.Geography] = run;
            }

            return run.Reply;
        }
    }

    /// <summary>The running check or the last one.</summary>
    public VerificationReply Find(Geography geography) =>
        _runs.TryGetValue(geography, out var run) ? run.Reply : new VerificationReply(null, VerificationState.None, null);

    /// <summary>Stops the running check.</summary>
    public async Task Stop(Geography geography)
    {
        if (_runs.TryGetValue(geography, out var run))
        {
            await run.Stop();
        }
    }

    /// <summary>Stops whatever runs; the stores are closed after it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var run in _runs.Values)
        {
            await run.Stop();
        }

        _stopping.Dispose();
    }

    /// <summary>Stops whatever runs, without waiting for it.</summary>
    public void Dispose() => _stopping.Cancel();

    private sealed class Run
    {
        private readonly Guid _id = Guid.NewGuid();
        private readonly ResidencyCheck _check;
        private readonly CancellationTokenSource _stop;

        public Run(ResidencyCheck check, CancellationTokenSource stop)
        {
            (_check, _stop) = (check, stop);
            Work = Task.Run(() => check.Run(stop.Token));
        }

        public Task Work { get; }

        public VerificationReply Reply
        {
            get
            {
                // Whether it ended is asked before the report is taken, so that a report that is told as the last one is.
                var state = Work.IsFaulted ? VerificationState.Failed : Work.IsCompleted ? VerificationState.Ended : VerificationState.Running;
                var report = _check.Report;
                return new VerificationReply(_id, state == VerificationState.Ended && report.Failure is not null ? VerificationState.Failed : state, report);
            }
        }

        public async Task Stop()
        {
            if (!Work.IsCompleted)
            {
                await _stop.CancelAsync();
            }

            await Work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
