using Domicile.Modules.Http.Outbound;

namespace Domicile.Modules.Events;

/// <summary>Calls a subscription's target: as often a minute as it agreed to, and not while its circuit is open.</summary>
internal sealed class TargetCaller(EventSubscription subscription, OutboundClient client, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly TargetCircuit _circuit = new(clock);
    private readonly Uri _address = new(subscription.Target, UriKind.Absolute);
    private readonly string _contentType = subscription.Schema == EventSchema.EventGrid ? "application/json; charset=utf-8" : "application/cloudevents+json; charset=utf-8";
    private readonly IReadOnlyList<KeyValuePair<string, string>> _firstHeaders = EventHeaders.OfDelivery(subscription, 1);
    private DateTimeOffset _nextSlot;

    /// <summary>Until when the target is left alone; in the past when it is not.</summary>
    public DateTimeOffset LeftAloneUntil => _circuit.OpenUntil;

    /// <summary>Whether it is left alone now.</summary>
    public bool IsLeftAlone => _circuit.IsOpen;

    /// <summary>Makes an attempt at one event.</summary>
    /// <returns>The answer; null when the target is left alone, which is no attempt.</returns>
    public ValueTask<OutboundAnswer?> Attempt(EventContent content, EventPart part, EventPeople people, int attempt, CancellationToken cancel) =>
        subscription.DeliveriesPerMinute is { } rate ? AttemptInTurn(rate, content, part, people, attempt, cancel) : AttemptNow(content, part, people, attempt, cancel);

    private async ValueTask<OutboundAnswer?> AttemptInTurn(int perMinute, EventContent content, EventPart part, EventPeople people, int attempt, CancellationToken cancel)
    {
        await Pace(perMinute, cancel);
        return await AttemptNow(content, part, people, attempt, cancel);
    }

    private ValueTask<OutboundAnswer?> AttemptNow(EventContent content, EventPart part, EventPeople people, int attempt, CancellationToken cancel)
    {
        var request = new OutboundRequest(HttpMethod.Post, _address)
        {
            Body = EventEnvelope.Write(subscription, content, part, people),
            ContentType = _contentType,
            Headers = attempt == 1 ? _firstHeaders : EventHeaders.OfDelivery(subscription, attempt),
            TimeLimit = EventLimits.AnswerWithin,
        };
        return _circuit.Attempt(static (ask, cancel) => ask.client.Send(ask.request, cancel), (client, request), cancel);
    }

    /// <summary>Waits for a place among the deliveries a minute that the target agreed to.</summary>
    private async Task Pace(int perMinute, CancellationToken cancel)
    {
        TimeSpan wait;
        lock (_gate)
        {
            var now = clock.GetUtcNow();
            var slot = _nextSlot > now ? _nextSlot : now;
            _nextSlot = slot + (TimeSpan.FromMinutes(1) / perMinute);
            wait = slot - now;
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, clock, cancel);
        }
    }
}
