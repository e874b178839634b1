using System.Globalization;
using System.Text.Json;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>
/// Asks a target for its consent, as the schema of its subscription has it: Event Grid posts an event whose code is to come back
/// (https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema), CloudEvents asks with OPTIONS
/// (https://github.com/cloudevents/spec/blob/v1.0/http-webhook.md §4). Either may be answered later, by a call of the target's own.
/// </summary>
internal sealed class Handshake(OutboundClient client, TimeProvider clock)
{
    private const string AllowedOrigin = "WebHook-Allowed-Origin";
    private const string AllowedRate = "WebHook-Allowed-Rate";
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    /// <summary>Two questions and the pause between them end before whoever made the subscription gives up waiting.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);

    /// <summary>Asks.</summary>
    /// <param name="subscription">The subscription, with its code.</param>
    /// <param name="consentUrl">Where the target may consent later.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<Consent> Ask(EventSubscription subscription, string consentUrl, CancellationToken cancel)
    {
        var answer = await client.Send(QuestionOf(subscription, consentUrl), cancel);
        if (answer.Outcome is OutboundOutcome.TimedOut or OutboundOutcome.Broken || answer.Status >= 500)
        {
            // Event Grid asks once more. Where nobody is, whoever makes the subscription is told so at once.
            await Task.Delay(AskAgainAfter, clock, cancel);
            answer = await client.Send(QuestionOf(subscription, consentUrl), cancel);
        }

        return answer.Outcome != OutboundOutcome.Answered ? Consent.Refused(Describe(answer))
            : subscription.Schema == EventSchema.EventGrid ? OfEventGrid(answer, subscription.ConsentCode!)
            : OfCloudEvents(answer, subscription.Origin);
    }

    private static OutboundRequest QuestionOf(EventSubscription subscription, string consentUrl)
    {
        var own = subscription.Headers.Select(header => new KeyValuePair<string, string>(header.Name, header.Value));
        var target = new Uri(subscription.Target, UriKind.Absolute);
        if (subscription.Schema == EventSchema.CloudEvents)
        {
            return new OutboundRequest(HttpMethod.Options, target)
            {
                Headers = [new("WebHook-Request-Origin", subscription.Origin), new("WebHook-Request-Callback", consentUrl), .. own],
                ReadHeaders = [AllowedOrigin, AllowedRate],
                TimeLimit = AnswerWithin,
            };
        }

        var body = EventEnvelope.Write(
            EventSchema.EventGrid, subscription.Topic, "Microsoft.EventGrid.SubscriptionValidationEvent", RandomPieces.Uuid(), "", subscription.CreatedOn, (subscription.ConsentCode, consentUrl),
            static (writer, question) =>
            {
                writer.WriteStartObject();
                writer.WriteString("validationCode"u8, question.ConsentCode);
                writer.WriteString("validationUrl"u8, question.consentUrl);
                writer.WriteEndObject();
            });
        return new OutboundRequest(HttpMethod.Post, target)
        {
            Body = body,
            ContentType = "application/json; charset=utf-8",
            Headers = [new("aeg-event-type", "SubscriptionValidation"), new("aeg-subscription-name", subscription.Name), .. own],
            TimeLimit = AnswerWithin,
        };
    }

    /// <summary>200 and the code: consent. 200 without one: later, perhaps. Anything else, 202 too, is none.</summary>
    private static Consent OfEventGrid(OutboundAnswer answer, string code)
    {
        if (answer.Status != 200)
        {
            return Consent.Refused(Describe(answer));
        }

        return ReadCode(answer.Body) is not { } answered ? Consent.Later
            : answered == code ? Consent.Given(null)
            : Consent.Refused("It answered with another code.");
    }

    private static string? ReadCode(byte[] body)
    {
        try
        {
            using var read = JsonDocument.Parse(body);
            return read.RootElement.ValueKind == JsonValueKind.Object
                && read.RootElement.TryGetProperty("validationResponse", out var code) && code.ValueKind == JsonValueKind.String ? code.GetString() : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            // No JSON, or a text with half a character in it.
            return null;
        }
    }

    /// <summary>The status alone is never consent.</summary>
    private static Consent OfCloudEvents(OutboundAnswer answer, string origin)
    {
        if (answer.Status is < 200 or > 204)
        {
            return Consent.Refused(Describe(answer));
        }

        if (!answer.Headers.TryGetValue(AllowedOrigin, out var allowed))
        {
            return Consent.Later;
        }

        if (allowed != "*" && !allowed.Equals(origin, StringComparison.OrdinalIgnoreCase))
        {
            return Consent.Refused("It allows another origin.");
        }

        return Consent.Given(
            answer.Headers.TryGetValue(AllowedRate, out var rate) && int.TryParse(rate, NumberStyles.None, CultureInfo.InvariantCulture, out var perMinute) && perMinute > 0 ? perMinute : null);
    }

    private static string Describe(OutboundAnswer answer) =>
        answer.Outcome == OutboundOutcome.Answered ? string.Create(CultureInfo.InvariantCulture, $"It answered {answer.Status}.") : answer.Outcome switch
        {
            OutboundOutcome.TimedOut => "It did not answer in time.",
            OutboundOutcome.NotResolved => "Its host has no address.",
            OutboundOutcome.NotAllowed => "Its host leads to an address that may not be reached.",
            OutboundOutcome.NotConnected => "Nobody listens there.",
            OutboundOutcome.NotTrusted => "Its certificate is not one that this machine trusts.",
            _ => "The connection broke.",
        };
}

/// <summary>What a target said.</summary>
/// <param name="IsGiven">Whether it consented.</param>
/// <param name="MayComeLater">Whether it may still, by a call of its own.</param>
/// <param name="PerMinute">Deliveries a minute that it agreed to.</param>
/// <param name="Why">Why not.</param>
internal sealed record Consent(bool IsGiven, bool MayComeLater, int? PerMinute, string Why)
{
    /// <summary>Not yet.</summary>
    public static Consent Later { get; } = new(false, true, null, "");

    /// <summary>Yes.</summary>
    public static Consent Given(int? perMinute) => new(true, false, perMinute, "");

    /// <summary>No.</summary>
    public static Consent Refused(string why) => new(false, false, null, why);
}
