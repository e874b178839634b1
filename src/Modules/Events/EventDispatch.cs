using System.Runtime.CompilerServices;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Http.Outbound;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Events;

/// <summary>
/// Has the events of each scale unit told by one node at a time, under a lease. A node that loses it stops; the next goes on from what is written down and remembered. What both do in between is told
/// twice, and never lost.
/// </summary>
internal sealed partial class EventDispatch(ChatHappenings chat, OutboundClient client, TimeProvider clock, ILogger<EventDispatch>? log = null, IFailedDeliveries? failed = null) : IAsyncDisposable
{
    private const string Work = "events";
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);
    private readonly ILogger _log = (ILogger?)log ?? NullLogger.Instance;
    private readonly CancellationTokenSource _stopping = new();
    private readonly EventEnvelope _envelope = new(chat) { Failed = failed };
    private IReadOnlyList<Home> _units = [];
    private Task _running = Task.CompletedTask;

    /// <summary>Records that wait for one subscription at most; tests have fewer.</summary>
    internal int WaitingMax { get; init; } = EventLimits.WaitingMax;

    /// <summary>Takes the scale units by the homes of their own records.</summary>
    public void Prepare(IReadOnlyList<Home> scaleUnits) => _units = scaleUnits;

    /// <summary>The home of the scale unit's own records in which a resource rests.</summary>
    public Home Of(Home resource) => _units.First(unit => unit.Geography == resource.Geography && unit.ScaleUnit == resource.ScaleUnit);

    /// <summary>Begins to work in the background. It ends with the services.</summary>
    public void Start() => _running = Task.WhenAll(_units.Select(unit => Task.Run(() => Run(unit, _stopping.Token))));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task Run(Home unit, CancellationToken cancel)
    {
        var wake = new WakeUp();
        var led = new StrongBox<EventBook?>();
        unit.Store.Feed.Observe(
            entries =>
            {
                if (Volatile.Read(ref led.Value) is { } book && entries.Any(book.Concerns))
                {
                    wake.Signal();
                }
            },
            wake.Signal);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                if (await unit.Lease(Work, LeaseTime, cancel))
                {
                    await Lead(unit, led, wake, cancel);
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException)
            {
                LogUnavailable(unit.Geography.Name);
            }
            catch (Exception fault)
            {
                LogFault(fault, unit.Geography.Name);
            }

            await Task.Delay(AskAgain, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Lead(Home unit, StrongBox<EventBook?> led, WakeUp wake, CancellationToken cancel)
    {
        using var leading = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var keeping = Task.Run(() => Keep(unit, leading), CancellationToken.None);
        var window = new EventWindow();
        var book = new EventBook(unit, _envelope, window, client, clock, WaitingMax, _log);
        var intake = new EventIntake(unit, book, chat, _envelope, window, clock, _log);
        var isLost = false;
        try
        {
            await book.Load(leading.Token);
            Volatile.Write(ref led.Value, book);
            await intake.Run(wake, leading.Token);
        }
        catch (OperationCanceledException) when (leading.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            isLost = true;
            LogLost(unit.Geography.Name);
        }
        finally
        {
            Volatile.Write(ref led.Value, null);

            // Another node that has the lease by now reads again what was not told, and must find nothing that is written down behind its back.
            await book.Stop(writesDown: !isLost);
            await intake.End(remembers: !isLost);
            await leading.CancelAsync();
            await keeping;
        }
    }

    /// <summary>Makes the lease longer, and ends everything before another node can have it.</summary>
    private async Task Keep(Home unit, CancellationTokenSource leading)
    {
        var kept = clock.GetTimestamp();
        while (!leading.IsCancellationRequested)
        {
            await Task.Delay(KeepEvery, clock, leading.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var asked = clock.GetTimestamp();
            try
            {
                if (leading.IsCancellationRequested)
                {
                    return;
                }

                if (!await unit.Lease(Work, LeaseTime, leading.Token))
                {
                    await leading.CancelAsync();
                    return;
                }

                kept = asked;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (StoreUnavailableException)
            {
                if (clock.GetElapsedTime(kept) > LeaseTime - KeepEvery)
                {
                    await leading.CancelAsync();
                    return;
                }
            }
        }
    }

    [LoggerMessage(3721, LogLevel.Warning, "{Geography}: the store does not answer; events wait")]
    private partial void LogUnavailable(string geography);

    [LoggerMessage(3722, LogLevel.Error, "{Geography}: telling events failed and is tried again")]
    private partial void LogFault(Exception fault, string geography);

    [LoggerMessage(3723, LogLevel.Information, "{Geography}: another node tells events now")]
    private partial void LogLost(string geography);
}
