using Domicile.Modules.Http.Outbound;

namespace Domicile.Modules.Events;

/// <summary>What an attempt came to.</summary>
/// <param name="IsDelivered">Whether the target took it: 200 to 204.</param>
/// <param name="MayRetry">Whether it is tried again.</param>
/// <param name="Outcome">What it came to, in the words of Event Grid's dead letters.</param>
internal readonly record struct DeliveryVerdict(bool IsDelivered, bool MayRetry, string Outcome)
{
    /// <summary>What an answer means. Event Grid does not try again after 400, 401, 403 and 413 of a webhook, and takes 200 to 204 as delivered.</summary>
    public static DeliveryVerdict Of(OutboundAnswer answer) => answer switch
    {
        { Outcome: OutboundOutcome.Answered, Status: >= 200 and <= 204 } => new(true, false, "Success"),
        { Outcome: OutboundOutcome.Answered } => new(false, answer.Status is not (400 or 401 or 403 or 413), OutcomeOf(answer.Status)),
        { Outcome: OutboundOutcome.TimedOut } => new(false, true, "TimedOut"),
        { Outcome: OutboundOutcome.NotResolved or OutboundOutcome.NotAllowed } => new(false, true, "ResolutionError"),
        _ => new(false, true, "SocketError"),
    };

    private static string OutcomeOf(int status) => status switch
    {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        408 => "TimedOut",
        413 => "PayloadTooLarge",
        429 or 503 => "Busy",
        _ => "GenericError",
    };
}
