using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Realtime;

/// <summary>
/// Makes of an entry of the feed what is told. An entry that cannot be told, however often it is tried, is given up, so that it does not hold up everything behind it;
/// a store that does not answer is no fault of the entry's, and whoever asked waits for it.
/// </summary>
internal sealed partial class Telling(string geography, TimeProvider clock, ILogger log)
{
    /// <summary>How often an entry is tried.</summary>
    public const int Attempts = 3;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>What is told of an entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="open">Asks Chat what it means.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Each event and who may know it; nothing of an entry that was given up.</returns>
    /// <exception cref="StoreUnavailableException">The store does not answer; ask again.</exception>
    public async ValueTask<IReadOnlyList<(IReadOnlyList<SubjectRef> Audience, Outgoing Outgoing)>> Of(
        FeedEntry entry, Func<CancellationToken, ValueTask<IReadOnlyList<ChatHappening>>> open, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return [.. (await open(cancel)).Select(happening => (happening.Audience, new Outgoing(EventText.Of(happening), entry.Position)))];
            }
            catch (Exception fault) when (fault is not StoreUnavailableException && !cancel.IsCancellationRequested)
            {
                if (attempt == Attempts)
                {
                    RealtimeMeter.Skipped.Add(1);
                    LogSkipped(geography, entry.Kind.Name, entry.Position, fault.GetType().Name);
                    return [];
                }
            }

            await Task.Delay(Pause, clock, cancel);
        }
    }

    [LoggerMessage(3402, LogLevel.Error, "{Geography}: what the feed says of a {Kind} at {Position} cannot be told ({Fault}); it is left out")]
    private partial void LogSkipped(string geography, string kind, long position, string fault);
}
