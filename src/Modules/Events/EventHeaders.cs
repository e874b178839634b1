using System.Globalization;

namespace Domicile.Modules.Events;

/// <summary>The headers of deliveries and of the question for consent.</summary>
internal static class EventHeaders
{
    private static readonly string[] Reserved =
    [
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect", "proxy-authorization", "proxy-connection",
        "cookie", "date", "via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    ];

    /// <summary>The headers of a delivery.</summary>
    public static List<KeyValuePair<string, string>> OfDelivery(EventSubscription subscription, int attempt)
    {
        var headers = new List<KeyValuePair<string, string>>(subscription.Headers.Count + 5);
        if (subscription.Schema == EventSchema.EventGrid)
        {
            headers.Add(new("aeg-event-type", "Notification"));
            headers.Add(new("aeg-subscription-name", subscription.Name));
            headers.Add(new("aeg-delivery-count", (attempt - 1).ToString(CultureInfo.InvariantCulture)));
            headers.Add(new("aeg-data-version", "1.0"));
            headers.Add(new("aeg-metadata-version", "1"));
        }
        else
        {
            headers.Add(new("WebHook-Request-Origin", subscription.Origin));
        }

        headers.AddRange(subscription.Headers.Select(header => new KeyValuePair<string, string>(header.Name, header.Value)));
        return headers;
    }

    /// <summary>Whether a customer may set a header: a token of RFC 9110, not one of those that make a request what it is, and a value of printable ASCII.</summary>
    public static bool IsAllowed(string? name, string? value) =>
        name is { Length: >= 1 and <= 128 } && value is { Length: >= 1 } && name.Length + value.Length <= EventLimits.HeaderBytesMax
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || "!#$%&'*+-.^_`|~".Contains(letter, StringComparison.Ordinal))
        && value.All(letter => letter is >= ' ' and <= '~' or '\t') && value == value.Trim()
        && !Reserved.Contains(name, StringComparer.OrdinalIgnoreCase)
        && !name.StartsWith("aeg-", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("webhook-", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("ce-", StringComparison.OrdinalIgnoreCase);
}
