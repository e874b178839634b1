using System.Collections.Frozen;

namespace Domicile.Residency;

/// <summary>
/// An act that is written into the audit log of its geography. This is the list, all of it: what is not here is not audited. A number is never used again.
/// </summary>
/// <param name="Number">The act's number at rest.</param>
/// <param name="Name">The act's name in the log, noun and past participle.</param>
/// <param name="Meaning">What was done, in a sentence.</param>
/// <param name="Duty">Who sees to it that the entry is written.</param>
public sealed record AuditedAct(int Number, string Name, string Meaning, string Duty)
{
    /// <summary>A log began that continues another one.</summary>
    public static readonly AuditedAct LogContinued = new(1, "log.continued", "The log began after a restore; it continues the log that it names.", "Audit");

    /// <summary>Entries of the log were opened.</summary>
    public static readonly AuditedAct LogRead = new(2, "log.read", "Entries of this log were opened, with who and what.", "Audit");

    /// <summary>Requests were refused.</summary>
    public static readonly AuditedAct AccessDenied = new(
        3, "access.denied", "Requests were refused with 401 or 403: how many in a minute, by resource and reason. One entry for all of them, so that nobody fills the log.", "Audit");

    /// <summary>An administrator token was minted.</summary>
    public static readonly AuditedAct AdministratorTokenMinted = new(10, "administratorToken.minted", "The administrator credential minted a token of a role.", "Administration");

    /// <summary>A resource was created.</summary>
    public static readonly AuditedAct ResourceCreated = new(11, "resource.created", "A resource was created.", "Administration");

    /// <summary>A resource is deleted.</summary>
    public static readonly AuditedAct ResourceDeleted = new(
        12, "resource.deleted", "The deletion of a resource began, with everything in it. Written before the first key is destroyed; once more when the deletion had to be repeated.", "Administration");

    /// <summary>A resource's settings were changed.</summary>
    public static readonly AuditedAct SettingsChanged = new(13, "settings.changed", "The settings of a resource were changed.", "Administration");

    /// <summary>A retention rule was changed.</summary>
    public static readonly AuditedAct RuleChanged = new(14, "rule.changed", "How long something is kept was changed for a resource.", "Administration");

    /// <summary>An access key was regenerated.</summary>
    public static readonly AuditedAct KeyRegenerated = new(15, "key.regenerated", "An access key of a resource was replaced, and what was issued with it revoked.", "Administration");

    /// <summary>The access keys were shown.</summary>
    public static readonly AuditedAct KeysShown = new(16, "keys.shown", "An administrator was shown the access keys of a resource.", "Administration");

    /// <summary>A resource was emptied.</summary>
    public static readonly AuditedAct ResourceEmptied = new(
        60, "resource.emptied", "Everything in a resource of a development server was removed, for a test. Written before the first key is destroyed.", "Testing");

    /// <summary>An import began.</summary>
    public static readonly AuditedAct ImportBegun = new(61, "import.begun", "An administrator began to move users and threads into a resource.", "Transfer");

    /// <summary>Records were moved in.</summary>
    public static readonly AuditedAct RecordsImported = new(
        62, "records.imported", "Users, threads or messages were moved into a resource. The entry is a digest of the records that were written.", "Transfer");

    /// <summary>Everything of a resource is read.</summary>
    public static readonly AuditedAct ResourceExported = new(63, "resource.exported", "An administrator read a page of the threads or messages of a resource, for a reason.", "Transfer");

    /// <summary>The users of a resource were listed.</summary>
    public static readonly AuditedAct IdentitiesListed = new(20, "identities.listed", "An administrator was shown ids of people.", "Identity");

    /// <summary>Tokens were revoked.</summary>
    public static readonly AuditedAct TokensRevoked = new(21, "tokens.revoked", "All user access tokens of a person were revoked.", "Identity");

    /// <summary>A person was erased.</summary>
    public static readonly AuditedAct IdentityErased = new(22, "identity.erased", "A communication user was deleted: the erasure of the person began.", "Identity");

    /// <summary>A subject request was made.</summary>
    public static readonly AuditedAct SubjectRequestMade = new(
        50, "subjectRequest.made", "Somebody asked for what is kept about a person, for a copy of it, for a correction, or for the person's erasure. Written before anything is done.", "Privacy");

    /// <summary>A subject request was cancelled.</summary>
    public static readonly AuditedAct SubjectRequestCancelled = new(51, "subjectRequest.cancelled", "A subject request was cancelled before it began.", "Privacy");

    /// <summary>A subject request was carried out.</summary>
    public static readonly AuditedAct SubjectRequestCompleted = new(
        52, "subjectRequest.completed", "A subject request was carried out. Of an erasure, the entry has the hash of the receipt.", "Privacy");

    /// <summary>An export was handed out.</summary>
    public static readonly AuditedAct SubjectExportRead = new(53, "subjectExport.read", "The archive of what is kept about a person was handed out.", "Privacy");

    /// <summary>A subscription to events was made.</summary>
    public static readonly AuditedAct EventSubscriptionCreated = new(
        70, "eventSubscription.created", "Events of a resource are told to a system of the customer's. The entry names the host and the geography that was declared for it.", "Events");

    /// <summary>A subscription to events was deleted.</summary>
    public static readonly AuditedAct EventSubscriptionDeleted = new(71, "eventSubscription.deleted", "A subscription to events was deleted, with what waited for it.", "Events");

    /// <summary>Events leave the geography.</summary>
    public static readonly AuditedAct EventsLeaveGeography = new(
        72, "events.leaveGeography", "A subscription was made whose target is declared outside the geography, or nowhere: its events leave, for the stated reason.", "Events");

    /// <summary>A subscription's target consented.</summary>
    public static readonly AuditedAct EventSubscriptionConsented = new(73, "eventSubscription.consented", "The target of a subscription to events consented to it by a call of its own.", "Events");

    /// <summary>A subscription to events was changed.</summary>
    public static readonly AuditedAct EventSubscriptionChanged = new(
        75, "eventSubscription.changed", "A subscription to events was changed. The entry names the host that is told from then on and the geography that was declared for it.", "Events");

    /// <summary>Dead letters were sent again.</summary>
    public static readonly AuditedAct DeadLettersRedelivered = new(74, "deadLetters.redelivered", "Events that could not be delivered were sent to their subscription again.", "Events");

    /// <summary>A message was sent, in a resource that has its messages audited.</summary>
    public static readonly AuditedAct MessageSent = new(
        30, "message.sent", "A message was sent in a resource whose settings ask for this. The entry is a digest of the message's own record.", "Chat");

    /// <summary>A hold was placed.</summary>
    public static readonly AuditedAct HoldPlaced = new(40, "hold.placed", "A person's records, a thread or a whole resource were put under a hold: nothing of it is deleted until its release.", "Privacy");

    /// <summary>A hold was released.</summary>
    public static readonly AuditedAct HoldReleased = new(41, "hold.released", "A hold was released: what it covered goes by its rules again.", "Privacy");

    /// <summary>The holds of a resource were listed.</summary>
    public static readonly AuditedAct HoldsListed = new(42, "holds.listed", "An administrator was shown the holds of a resource, with reasons and ids of people.", "Privacy");

    /// <summary>What only holds keep was read.</summary>
    public static readonly AuditedAct RestrictedRead = new(43, "restricted.read", "An administrator was shown records of erased people that only a hold keeps.", "Privacy");

    /// <summary>Diagnostic settings were changed.</summary>
    public static readonly AuditedAct LoggingChanged = new(80, "logging.changed", "Which categories of operation logs a resource keeps was changed.", "Logs");

    /// <summary>Operation logs were opened.</summary>
    public static readonly AuditedAct OperationsRead = new(81, "operations.read", "An administrator had columns of the operation logs opened that identify people: which, and over which time.", "Logs");

    /// <summary>Operation logs were purged.</summary>
    public static readonly AuditedAct OperationsPurged = new(82, "operations.purged", "An administrator had entries of the operation logs deleted before their time.", "Logs");

    /// <summary>An alert rule was changed.</summary>
    public static readonly AuditedAct AlertChanged = new(83, "alert.changed", "An alert rule of a resource was set, deleted or silenced.", "Logs");

    /// <summary>Every act, in the order of their numbers.</summary>
    public static IReadOnlyList<AuditedAct> All { get; } =
    [
        LogContinued, LogRead, AccessDenied,
        AdministratorTokenMinted, ResourceCreated, ResourceDeleted, SettingsChanged, RuleChanged, KeyRegenerated, KeysShown,
        IdentitiesListed, TokensRevoked, IdentityErased, MessageSent, HoldPlaced, HoldReleased, HoldsListed, RestrictedRead,
        SubjectRequestMade, SubjectRequestCancelled, SubjectRequestCompleted, SubjectExportRead,
        ResourceEmptied, ImportBegun, RecordsImported, ResourceExported,
        EventSubscriptionCreated, EventSubscriptionDeleted, EventsLeaveGeography, EventSubscriptionConsented, EventSubscriptionChanged, DeadLettersRedelivered,
        LoggingChanged, OperationsRead, OperationsPurged, AlertChanged,
    ];

    private static readonly FrozenDictionary<int, AuditedAct> ByNumber = All.ToFrozenDictionary(act => act.Number);

    /// <summary>The act of a number; one that a later version of the program wrote is called by its number.</summary>
    public static string NameOf(int number) => ByNumber.TryGetValue(number, out var act) ? act.Name : $"act.{number}";
}
