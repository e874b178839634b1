namespace Domicile.Modules.Logs;

/// <summary>The rules that every resource has without asking. A resource can set other thresholds, or switch one off.</summary>
internal static class ReadyAlerts
{
    /// <summary>What events that were given up are counted as.</summary>
    public const string DeliveryFailed = "Events_GivenUp";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Alert> All { get; } =
    [
        // Who tries keys or tokens out fails again and again; an application with an expired token fails a few times and gets a new one.
        Rule("failed-sign-ins", 100, 5, [], 401, 401),

        // Pages of exports and archives of people. A privacy officer makes a few in a day.
        Rule("mass-export", 60, 15, ["Transfer_ExportThreads", "Transfer_ExportMessages", "Privacy_GetSubjectFile", "Logs_Export", "Administration_ListIdentities"], 200, 299),
        Rule("mass-deletion", 100, 10, ["Chat_DeleteChatThread", "ChatThread_DeleteChatMessage", "CommunicationIdentity_Delete", "Logs_Purge"], 200, 299),
        Rule("delivery-failures", 10, 15, [DeliveryFailed], 0, 999),
    ];

    /// <summary>The rules of a resource: its own, and the ready ones that it did not set.</summary>
    public static IEnumerable<Alert> With(IReadOnlyList<Alert> own, Guid resource) =>
        own.Concat(All.Where(ready => own.All(rule => rule.Name != ready.Name)).Select(ready => ready with { ResourceId = resource }));

    private static Alert Rule(string name, double threshold, int minutes, IReadOnlyList<string> operations, int from, int to) => new()
    {
        ResourceId = default,
        Name = name,
        IsEnabled = true,
        Threshold = threshold,
        WindowMinutes = minutes,
        Operations = operations,
        StatusFrom = from,
        StatusTo = to,
    };
}
