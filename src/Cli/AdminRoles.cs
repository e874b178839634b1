namespace Domicile.Cli;

/// <summary>The roles that an administration token can have, and the least one that each command needs.</summary>
internal static class AdminRoles
{
    /// <summary>Everything, resources and their keys included.</summary>
    public const string Owner = "owner";

    /// <summary>Keeps the platform running; no access to content.</summary>
    public const string Operator = "operator";

    /// <summary>Acts on requests of the people whom data is about.</summary>
    public const string Privacy = "privacy";

    /// <summary>Looks, changes nothing, sees no secret.</summary>
    public const string Reader = "reader";

    /// <summary>All of them.</summary>
    public static string[] All { get; } = [Owner, Operator, Privacy, Reader];

    /// <summary><c>resource create</c>, <c>resource delete</c>, <c>resource keys</c>.</summary>
    public const string ForChanges = Owner;

    /// <summary><c>resource list</c>, <c>resource show</c>, <c>inventory</c>, the result of <c>residency verify</c>, <c>doctor</c>.</summary>
    public const string ForLooking = Reader;

    /// <summary><c>residency verify</c>: reads everything, shows nothing of it.</summary>
    public const string ForVerifying = Privacy;

    /// <summary><c>identity list</c>: ids of people, which is more than a reader is shown.</summary>
    public const string ForIdentities = Owner;

    /// <summary><c>hold</c>: what is kept against its rule, of whom, and why.</summary>
    public const string ForHolds = Privacy;

    /// <summary><c>events subscription create</c> and <c>delete</c>: what people write leaves by it.</summary>
    public const string ForEvents = Owner;

    /// <summary><c>events dead-letters redeliver</c>.</summary>
    public const string ForDeadLetters = Operator;

    /// <summary><c>subject</c>: what is kept about people.</summary>
    public const string ForSubjects = Privacy;

    /// <summary><c>retention set</c>: how long what is kept.</summary>
    public const string ForRules = Privacy;

    /// <summary><c>import</c>, <c>export</c>: everything is read, in the end at least to compare.</summary>
    public const string ForTransfer = Owner;

    /// <summary><c>logs settings</c>: which operation logs are kept; <c>alert</c>.</summary>
    public const string ForLogging = Operator;

    /// <summary><c>logs query</c>, <c>logs export</c>, <c>logs purge</c>: who called what.</summary>
    public const string ForLogs = Privacy;

    /// <summary><c>test</c>.</summary>
    public const string ForTests = Operator;

    /// <summary><c>audit export</c>: who did what.</summary>
    public const string ForAudit = Privacy;
}
