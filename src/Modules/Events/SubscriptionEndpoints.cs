using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>
/// Subscriptions: making, showing, changing, deleting; and the consent of targets. What a subscription tells is what people write, so only who owns the resource makes one; an access key is
/// no person and does not.
/// </summary>
internal sealed partial class SubscriptionEndpoints(
    IResourceHomes homes, EventDispatch dispatch, Handshake handshake, OutboundClient client, IEnumerable<EventType> types, TimeProvider clock)
{
    private const int Attempts = 5;
    private const string Path = "/resources/{nameOrId}/event-subscriptions";
    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Owning = Access.Administrator(AdministratorRole.Owner);
    private static readonly ConsentReply Thanks = new("Events will be delivered.");
    private readonly ConcurrentDictionary<long, Asking> _asking = new();
    private readonly IReadOnlyList<EventType> _types = [.. types.DistinctBy(type => type.Name).OrderBy(type => type.Name, StringComparer.Ordinal)];

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/event-types", "Events_ListTypes", Anyone, ListTypes),
        Of("GET", Path, "Events_ListSubscriptions", Anyone, List),
        Of("POST", Path, "Events_CreateSubscription", Owning, Create) with { BodyLimit = 64 * 1024 },
        Of("GET", Path + "/{subscription}", "Events_GetSubscription", Anyone, Get),
        Of("PATCH", Path + "/{subscription}", "Events_UpdateSubscription", Owning, Update) with { BodyLimit = 64 * 1024 },
        Of("POST", Path + "/{subscription}:askAgain", "Events_AskAgain", Owning, AskAgain),
        Of("DELETE", Path + "/{subscription}", "Events_DeleteSubscription", Owning, Delete),
        Of("GET", "/eventSubscriptions/{subscriptionId}/consent", "Events_Consent", Access.Open, Agree),
        Of("POST", "/eventSubscriptions/{subscriptionId}/consent", "Events_ConsentByPost", Access.Open, Agree),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private ValueTask<Reply> ListTypes(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new EventTypeList([.. _types.Select(type => new EventTypeReply(type.Name, type.Meaning, type.IsPassing))]), EventsJson.Default.EventTypeList));

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return EventsProblems.NoResource;
        }

        var subscriptions = await home.Store.Range<EventSubscription>().Open(cancel);
        return Reply.Json(200, new SubscriptionList([.. subscriptions.Select(subscription => ReplyOf(subscription))]), EventsJson.Default.SubscriptionList);
    }

    /// <summary>
    /// Data's way: request → events.subscriber among the scale unit's own records, then events.subscription in the resource's store, sealed under its own key → until it is deleted.
    /// The target is asked first.
    /// </summary>
    private async ValueTask<Reply> Create(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(EventsJson.Default.CreateSubscriptionRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var faults = FaultsOf(request, call.Geography, out var target);
        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home
            || await homes.Of(call.Geography).Store.Get<CommunicationResource>([home.ResourceId], cancel) is not { } resource)
        {
            return EventsProblems.NoResource;
        }

        if ((await home.Store.Range<EventSubscription>().Open(cancel)).Count >= EventLimits.SubscriptionsPerResource)
        {
            return EventsProblems.TooMany;
        }

        if (await Find(home, request.Name!, cancel) is not null)
        {
            return EventsProblems.NameTaken;
        }

        var (subscription, refusal) = await Ask(SubscriptionOf(home, resource, request, target, call.Geography), cancel);
        if (subscription is null)
        {
            return refusal!;
        }

        var listed = await dispatch.Of(home).Store.Commit(b => b.Insert(new EventSubscriber { ResourceId = home.ResourceId }), cancel);
        if (listed.Refused is { } unlisted && unlisted != StorageProblems.Exists)
        {
            return unlisted;
        }

        var made = await home.Store.Commit(
            b =>
            {
                b.Insert(subscription, EventsProblems.NameTaken).Audit(NoteOf(call, AuditedAct.EventSubscriptionCreated, home, subscription));
                if (subscription.ExceptionReason is { } reason)
                {
                    b.Audit(NoteOf(call, AuditedAct.EventsLeaveGeography, home, subscription) with { Reason = reason });
                }
            },
            cancel);
        return made.Refused is { } refused ? refused : Reply.Json(201, ReplyOf(subscription), EventsJson.Default.SubscriptionReply);
    }

    private async ValueTask<Reply> Get(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return EventsProblems.NoResource;
        }

        if (await Find(home, call.Route("subscription"), cancel) is not { } subscription)
        {
            return EventsProblems.NoSubscription;
        }

        var tally = await home.Store.Get<EventTally>([subscription.Key], cancel);
        var counts = new SubscriptionCounts(
            await EventsStore.CountWaiting(home, subscription.Key, cancel), await EventsStore.CountDead(home, subscription.Key, cancel),
            tally?.Delivered ?? 0, tally?.Failed ?? 0, tally?.DeadLettered ?? 0, tally?.Dropped ?? 0, tally?.LastDeliveredOn, tally?.LastFailure);
        return Reply.Json(200, ReplyOf(subscription) with { Counts = counts }, EventsJson.Default.SubscriptionReply);
    }

    /// <summary>
    /// Data's way: request → events.subscription, sealed as before. What waits is told as the subscription is by then. Another target, or another schema, is asked first; one that
    /// refuses leaves everything as it was, and until one consents that may do so later nothing is told.
    /// </summary>
    private async ValueTask<Reply> Update(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(EventsJson.Default.UpdateSubscriptionRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home
            || await homes.Of(call.Geography).Store.Get<CommunicationResource>([home.ResourceId], cancel) is not { } resource)
        {
            return EventsProblems.NoResource;
        }

        if (await Find(home, call.Route("subscription"), cancel) is not { } known)
        {
            return EventsProblems.NoSubscription;
        }

        var whole = Whole(known, request);
        var faults = FaultsOf(whole, call.Geography, out var target);
        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        var wanted = SubscriptionOf(home, resource, whole, target, call.Geography) with { Key = known.Key, CreatedOn = known.CreatedOn, Version = known.Version };
        var changed = wanted with { State = known.State, ConsentUntil = known.ConsentUntil, ConsentCode = known.ConsentCode, DeliveriesPerMinute = known.DeliveriesPerMinute };
        if (wanted.Target != known.Target || wanted.Schema != known.Schema)
        {
            var (asked, refusal) = await Ask(wanted, cancel);
            if (asked is null)
            {
                return refusal!;
            }

            changed = asked;
        }

        var outcome = await home.Store.Commit(
            b =>
            {
                b.Put(changed, EventsProblems.NoSubscription).Audit(NoteOf(call, AuditedAct.EventSubscriptionChanged, home, changed));
                if (changed.ExceptionReason is { } reason && (reason != known.ExceptionReason || changed.Target != known.Target))
                {
                    b.Audit(NoteOf(call, AuditedAct.EventsLeaveGeography, home, changed) with { Reason = reason });
                }
            },
            cancel);
        return outcome.Refused is { } refused ? refused : Reply.Json(200, ReplyOf(changed), EventsJson.Default.SubscriptionReply);
    }

    /// <summary>A subscription with a change, as if it were asked for anew.</summary>
    private static CreateSubscriptionRequest Whole(EventSubscription known, UpdateSubscriptionRequest change) => new(
        known.Name,
        change.Target ?? known.Target,
        change.TargetGeography ?? known.TargetGeography,
        change.ExceptionReason ?? known.ExceptionReason,
        change.EventTypes ?? known.Types,
        change.SubjectBeginsWith ?? known.SubjectBeginsWith,
        change.SubjectEndsWith ?? known.SubjectEndsWith,
        change.Schema ?? NameOf(known.Schema),
        change.Headers ?? [.. known.Headers.Select(header => new HeaderModel(header.Name, header.Value))],
        change.MaxDeliveryAttempts ?? known.AttemptsMax,
        change.EventTimeToLiveInMinutes ?? known.LifeMinutes,
        change.DeadLetters ?? known.KeepsDeadLetters);

    private async ValueTask<Reply> AskAgain(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return EventsProblems.NoResource;
        }

        if (await Find(home, call.Route("subscription"), cancel) is not { } subscription)
        {
            return EventsProblems.NoSubscription;
        }

        if (subscription.State == SubscriptionState.Active)
        {
            return EventsProblems.IsActive;
        }

        var (asked, refusal) = await Ask(subscription with { ConsentCode = FreshCode(), ConsentUntil = clock.GetUtcNow() + EventLimits.ConsentWithin }, cancel);
        if (asked is null)
        {
            return refusal!;
        }

        var outcome = await home.Store.Commit(b => b.Put(asked, EventsProblems.NoSubscription), cancel);
        return outcome.Refused is { } refused ? refused : Reply.Json(200, ReplyOf(asked), EventsJson.Default.SubscriptionReply);
    }

    private async ValueTask<Reply> Delete(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return EventsProblems.NoResource;
        }

        if (await Find(home, call.Route("subscription"), cancel) is not { } subscription)
        {
            return EventsProblems.NoSubscription;
        }

        var outcome = await home.Store.Commit(
            b => b.Delete<EventSubscription>([subscription.Key], EventsProblems.NoSubscription).Audit(NoteOf(call, AuditedAct.EventSubscriptionDeleted, home, subscription)), cancel);
        return outcome.Refused is { } refused ? refused : Reply.Empty(204);
    }

    /// <summary>The target's own call. Whoever knows the code was told it at the target's address.</summary>
    private async ValueTask<Reply> Agree(Call call, CancellationToken cancel)
    {
        if (!long.TryParse(call.Route("subscriptionId"), NumberStyles.None, CultureInfo.InvariantCulture, out var key))
        {
            return EventsProblems.NothingToConsentTo;
        }

        // While it is being asked, on this node.
        if (_asking.TryGetValue(key, out var asking) && IsSame(asking.Code, call.Query("code")))
        {
            asking.IsAnswered = true;
            return Reply.Json(200, Thanks, EventsJson.Default.ConsentReply);
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await call.Home.Store.Get<EventSubscription>([ColumnValue.Of(key)], cancel) is not { State: SubscriptionState.AwaitingManualAction } subscription
                || subscription.ConsentUntil <= clock.GetUtcNow()
                || !IsSame(subscription.ConsentCode, call.Query("code")))
            {
                return EventsProblems.NothingToConsentTo;
            }

            var outcome = await call.Home.Store.Commit(
                b => b.Put(Active(subscription, null), EventsProblems.NothingToConsentTo).Audit(NoteOf(call, AuditedAct.EventSubscriptionConsented, call.Home, subscription)), cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Json(200, Thanks, EventsJson.Default.ConsentReply);
            }
        }

        return EventsProblems.NothingToConsentTo;
    }

    /// <summary>Asks for consent. Nothing is written while it does: whoever refuses leaves nothing behind.</summary>
    /// <returns>The subscription as it is to be kept; or why it is not.</returns>
    private async ValueTask<(EventSubscription? Asked, Problem? Refusal)> Ask(EventSubscription subscription, CancellationToken cancel)
    {
        var asking = new Asking(subscription.ConsentCode!);
        _asking[subscription.Key.Value] = asking;
        try
        {
            var consent = await handshake.Ask(subscription, $"https://{subscription.Origin}/eventSubscriptions/{subscription.Key.Value}/consent?code={subscription.ConsentCode}", cancel);
            return consent.IsGiven || (consent.MayComeLater && asking.IsAnswered) ? (Active(subscription, consent.PerMinute), null)
                : consent.MayComeLater ? (subscription, null)
                : (null, EventsProblems.NoConsent.Saying($"The target did not consent to be told. {consent.Why}"));
        }
        finally
        {
            _asking.TryRemove(subscription.Key.Value, out _);
        }
    }

    private List<Problem> FaultsOf(CreateSubscriptionRequest request, Geography geography, out Uri target)
    {
        var faults = new List<Problem>();
        if (request.Name is null || !SubscriptionName().IsMatch(request.Name))
        {
            faults.Add(EventsProblems.BadName);
        }

        if (!client.TryTarget(request.Target, out target))
        {
            faults.Add(EventsProblems.BadTarget);
        }

        Geography? declared = null;
        if (request.TargetGeography is not null && !Geography.TryParse(request.TargetGeography, out declared))
        {
            faults.Add(EventsProblems.BadGeography);
        }
        else if (request.ExceptionReason is { } reason && (string.IsNullOrWhiteSpace(reason) || reason.Length > AuditNote.TextMax))
        {
            faults.Add(EventsProblems.BadReason);
        }
        else if (!geography.Equals(declared) && request.ExceptionReason is null)
        {
            faults.Add(EventsProblems.LeavesGeography);
        }

        if (request.EventTypes is { } wanted && (wanted.Count > EventLimits.TypesPerSubscription || !wanted.All(type => _types.Any(known => known.Name.Equals(type, StringComparison.OrdinalIgnoreCase)))))
        {
            faults.Add(EventsProblems.BadTypes);
        }

        if (request.SubjectBeginsWith?.Length > EventLimits.FilterMax)
        {
            faults.Add(EventsProblems.BadFilter);
        }

        if (request.SubjectEndsWith?.Length > EventLimits.FilterMax)
        {
            faults.Add(EventsProblems.BadFilter.At("subjectEndsWith"));
        }

        if (SchemaOf(request.Schema) is null)
        {
            faults.Add(EventsProblems.BadSchema);
        }

        var headers = request.Headers ?? [];
        if (headers.Count > EventLimits.HeadersMax || !headers.All(header => EventHeaders.IsAllowed(header?.Name, header?.Value))
            || headers.DistinctBy(header => header!.Name, StringComparer.OrdinalIgnoreCase).Count() != headers.Count)
        {
            faults.Add(EventsProblems.BadHeaders);
        }

        if (request.MaxDeliveryAttempts is < 1 or > 30)
        {
            faults.Add(EventsProblems.BadAttempts);
        }

        if (request.EventTimeToLiveInMinutes is < 1 or > 1440)
        {
            faults.Add(EventsProblems.BadLife);
        }

        return faults;
    }

    private EventSubscription SubscriptionOf(Home home, CommunicationResource resource, CreateSubscriptionRequest request, Uri target, Geography geography)
    {
        var now = clock.GetUtcNow();
        var declared = Geography.TryParse(request.TargetGeography, out var parsed) ? parsed : null;
        return new EventSubscription
        {
            Key = home.References.Next<EventSubscription>(),
            Name = request.Name!,
            CreatedOn = now,
            Target = target.AbsoluteUri,
            TargetGeography = declared?.Name,

            // A reason for what stays within is no exception.
            ExceptionReason = geography.Equals(declared) ? null : request.ExceptionReason,
            Types = [.. (request.EventTypes ?? []).Select(type => _types.First(known => known.Name.Equals(type, StringComparison.OrdinalIgnoreCase)).Name).Distinct(StringComparer.Ordinal)],
            SubjectBeginsWith = request.SubjectBeginsWith ?? "",
            SubjectEndsWith = request.SubjectEndsWith ?? "",
            Schema = SchemaOf(request.Schema)!.Value,
            Headers = [.. (request.Headers ?? []).Select(header => new EventHeader(header!.Name!, header.Value!))],
            AttemptsMax = request.MaxDeliveryAttempts ?? 30,
            LifeMinutes = request.EventTimeToLiveInMinutes ?? 1440,
            KeepsDeadLetters = request.DeadLetters ?? false,
            State = SubscriptionState.AwaitingManualAction,
            ConsentUntil = now + EventLimits.ConsentWithin,
            ConsentCode = FreshCode(),
            Topic = $"/subscriptions/{home.ResourceId:D}/resourceGroups/{geography.Slug}/providers/Microsoft.Communication/communicationServices/{resource.Name}",
            Origin = resource.Authority,
        };
    }

    private static EventSubscription Active(EventSubscription subscription, int? perMinute) =>
        subscription with { State = SubscriptionState.Active, ConsentUntil = null, ConsentCode = null, DeliveriesPerMinute = perMinute };

    private static async ValueTask<EventSubscription?> Find(Home home, string name, CancellationToken cancel) =>
        await home.Store.Lookup<EventSubscription>(nameof(EventSubscription.Name), ColumnValue.Of(name), 1, cancel) is [var found] ? found : null;

    private static AuditNote NoteOf(Call call, AuditedAct act, Home home, EventSubscription subscription) => call.Act(act, resource: home.ResourceId) with
    {
        Detail = $"{subscription.Name}: {new Uri(subscription.Target).Host}, declared in {subscription.TargetGeography ?? "no geography"}",
    };

    private SubscriptionReply ReplyOf(EventSubscription subscription)
    {
        var isLate = subscription.State == SubscriptionState.AwaitingManualAction && subscription.ConsentUntil <= clock.GetUtcNow();
        return new SubscriptionReply
        {
            Name = subscription.Name,
            State = (isLate ? SubscriptionState.Failed : subscription.State).ToString(),
            Target = new Uri(subscription.Target).GetLeftPart(UriPartial.Path),
            TargetGeography = subscription.TargetGeography,
            ExceptionReason = subscription.ExceptionReason,
            EventTypes = subscription.Types,
            SubjectBeginsWith = subscription.SubjectBeginsWith,
            SubjectEndsWith = subscription.SubjectEndsWith,
            Schema = NameOf(subscription.Schema),
            Headers = [.. subscription.Headers.Select(header => header.Name)],
            MaxDeliveryAttempts = subscription.AttemptsMax,
            EventTimeToLiveInMinutes = subscription.LifeMinutes,
            DeadLetters = subscription.KeepsDeadLetters,
            CreatedOn = subscription.CreatedOn,
            ConsentUntil = isLate ? null : subscription.ConsentUntil,
        };
    }

    private static string NameOf(EventSchema schema) => schema == EventSchema.EventGrid ? "EventGridSchema" : "CloudEventSchemaV1_0";

    private static EventSchema? SchemaOf(string? text) => text switch
    {
        null or "EventGridSchema" => EventSchema.EventGrid,
        "CloudEventSchemaV1_0" => EventSchema.CloudEvents,
        _ => null,
    };

    private static bool IsSame(string? code, string? given) => code is not null && given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(code), Encoding.UTF8.GetBytes(given));

    private static string FreshCode() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    [GeneratedRegex(@"\A[A-Za-z0-9-]{3,64}\z")]
    private static partial Regex SubscriptionName();

    /// <summary>A target that is being asked, and may answer by its own call before it has answered the question.</summary>
    private sealed class Asking(string code)
    {
        public string Code => code;

        public bool IsAnswered { get; set; }
    }
}
