using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Domicile.Cli.Transfer;

/// <summary>How often and after what time a request to a source is sent again.</summary>
internal static class Retry
{
    /// <summary>Attempts at most: with the waits between them, some ten minutes.</summary>
    public const int Attempts = 25;

    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(5);

    /// <summary>Whether another attempt may be answered otherwise.</summary>
    public static bool IsWorthwhile(HttpStatusCode status) =>
        status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>The wait before the next attempt: what the answer asks for, else twice as long each time, in part at random so that several do not come at once.</summary>
    public static TimeSpan Wait(int attempt, RetryConditionHeaderValue? asked, TimeProvider clock)
    {
        if (asked is not null)
        {
            var wait = asked.Delta ?? (asked.Date - clock.GetUtcNow()) ?? TimeSpan.Zero;
            wait = wait > LongestAsked ? LongestAsked : wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
            return wait + Jitter(TimeSpan.FromMilliseconds(250));
        }

        var backoff = TimeSpan.FromMilliseconds(200 * Math.Pow(2, Math.Min(attempt, 10)));
        return Jitter(backoff > LongestBackoff ? LongestBackoff : backoff) + TimeSpan.FromMilliseconds(50);
    }

    private static TimeSpan Jitter(TimeSpan most) => most * (0.5 + (RandomNumberGenerator.GetInt32(1_000) / 2_000.0));
}
