using Domicile.Residency;

namespace Domicile.Modules.Events;

/// <summary>Every failure that whoever administers events can meet.</summary>
internal static class EventsProblems
{
    /// <summary>There is no such resource.</summary>
    public static readonly Problem NoResource = new("/problems/events/no-resource", 404, "This geography has no resource of that name or id.");

    /// <summary>There is no such subscription.</summary>
    public static readonly Problem NoSubscription = new("/problems/events/no-subscription", 404, "The resource has no event subscription of that name.");

    /// <summary>The name is taken.</summary>
    public static readonly Problem NameTaken = new("/problems/events/name-taken", 409, "The resource has an event subscription of that name already.") { Target = "name" };

    /// <summary>There are enough.</summary>
    public static readonly Problem TooMany = new("/problems/events/too-many", 409, $"A resource has at most {EventLimits.SubscriptionsPerResource} event subscriptions. Delete one.");

    /// <summary>The name is none.</summary>
    public static readonly Problem BadName = new("/problems/events/bad-name", 400, "A subscription's name has 3 to 64 letters, digits and hyphens.") { Target = "name" };

    /// <summary>The target cannot be called.</summary>
    public static readonly Problem BadTarget = new(
        "/problems/events/bad-target", 400,
        "The target must be an https address of at most 2,048 characters, without a user name or a fragment, and of a public address unless outbound.allowedNetworks names its network. In development http to localhost will do.")
    { Target = "target" };

    /// <summary>Events would leave the geography without a reason.</summary>
    public static readonly Problem LeavesGeography = new(
        "/problems/events/leaves-geography", 400,
        "The target is declared outside the resource's geography, or nowhere. Say in targetGeography that it is within; or why its events may leave, in exceptionReason, which is audited.")
    { Target = "targetGeography" };

    /// <summary>The reason is none.</summary>
    public static readonly Problem BadReason = new("/problems/events/bad-reason", 400, "A reason has 1 to 1,024 characters.") { Target = "exceptionReason" };

    /// <summary>There is no such geography.</summary>
    public static readonly Problem BadGeography = new("/problems/events/bad-geography", 400, "There is no geography of that name.") { Target = "targetGeography" };

    /// <summary>There is no such type.</summary>
    public static readonly Problem BadTypes = new(
        "/problems/events/bad-types", 400, $"Event types are at most {EventLimits.TypesPerSubscription} of those that GET /event-types lists.")
    { Target = "eventTypes" };

    /// <summary>A filter is too long.</summary>
    public static readonly Problem BadFilter = new("/problems/events/bad-filter", 400, "A subject filter has at most 1,024 characters.") { Target = "subjectBeginsWith" };

    /// <summary>There is no such schema.</summary>
    public static readonly Problem BadSchema = new("/problems/events/bad-schema", 400, "The schema is EventGridSchema or CloudEventSchemaV1_0.") { Target = "schema" };

    /// <summary>A header cannot be set.</summary>
    public static readonly Problem BadHeaders = new(
        "/problems/events/bad-headers", 400,
        "A subscription sets at most 10 headers, each of at most 4,096 bytes of printable ASCII, none twice, and none that HTTP or the event schemas set themselves.")
    { Target = "headers" };

    /// <summary>The number of attempts is none.</summary>
    public static readonly Problem BadAttempts = new("/problems/events/bad-attempts", 400, "There are 1 to 30 attempts.") { Target = "maxDeliveryAttempts" };

    /// <summary>The time to live is none.</summary>
    public static readonly Problem BadLife = new("/problems/events/bad-life", 400, "The time to live is 1 to 1440 minutes.") { Target = "eventTimeToLiveInMinutes" };

    /// <summary>The target did not consent.</summary>
    public static readonly Problem NoConsent = new("/problems/events/no-consent", 422, "The target did not consent to be told.") { Target = "target" };

    /// <summary>The code of consent is not right, or the time is over.</summary>
    public static readonly Problem NothingToConsentTo = new("/problems/events/nothing-to-consent-to", 404, "There is no subscription that waits for this consent.");

    /// <summary>The ids are none.</summary>
    public static readonly Problem BadIds = new("/problems/events/bad-ids", 400, $"Ids are at most {EventLimits.Piece} of those that the list of dead letters has.") { Target = "ids" };

    /// <summary>The target has consented already.</summary>
    public static readonly Problem IsActive = new("/problems/events/is-active", 409, "The target has consented already.");
}
