namespace Domicile.Modules.Events;

/// <summary>What a subscription wants to be told, by type and subject.</summary>
internal static class EventFilter
{
    /// <summary>Whether it wants events of a type.</summary>
    public static bool Wants(EventSubscription subscription, string? type) => type is not null && (subscription.Types.Count == 0 || subscription.Types.Contains(type, StringComparer.OrdinalIgnoreCase));

    /// <summary>Whether it wants events of a subject. As with Event Grid, upper and lower case are the same.</summary>
    public static bool WantsSubject(EventSubscription subscription, string subject) =>
        subject.StartsWith(subscription.SubjectBeginsWith, StringComparison.OrdinalIgnoreCase) && subject.EndsWith(subscription.SubjectEndsWith, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it looks at subjects at all.</summary>
    public static bool LooksAtSubjects(EventSubscription subscription) => subscription.SubjectBeginsWith.Length > 0 || subscription.SubjectEndsWith.Length > 0;
}
