using System.Security.Cryptography;

namespace Domicile.Modules.Events;

/// <summary>
/// When a failed delivery is tried again, by the schedule that Event Grid documents
/// (https://learn.microsoft.com/azure/event-grid/delivery-and-retry): 10 s, 30 s, 1, 5, 10, 30 minutes, 1, 3, 6 hours, then every 12, each a little later by chance.
/// </summary>
internal static class RetrySchedule
{
    private const int JitterPercentMax = 10;
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan[] Steps =
    [
        TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(1), TimeSpan.FromHours(3), TimeSpan.FromHours(6), TimeSpan.FromHours(12),
    ];

    /// <summary>How long to wait.</summary>
    /// <param name="attempts">Attempts that were made, from 1.</param>
    /// <param name="status">What the last one was answered; 0 for nothing.</param>
    public static TimeSpan After(int attempts, int status)
    {
        var step = Steps[Math.Clamp(attempts, 1, Steps.Length) - 1];
        var least = status switch
        {
            408 => Timeout,
            503 => Busy,
            _ => TimeSpan.Zero,
        };
        return (step > least ? step : least) * (1 + (RandomNumberGenerator.GetInt32(JitterPercentMax * 10 + 1) / 1_000.0));
    }
}
