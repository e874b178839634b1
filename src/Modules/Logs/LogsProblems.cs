using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>Every failure that an operator can meet with logs.</summary>
internal static class LogsProblems
{
    /// <summary>No resource of that name or id.</summary>
    public static readonly Problem NoResource = new("/problems/logs/no-resource", 404, "This geography has no resource of that name or id.");

    /// <summary>No setting of that name.</summary>
    public static readonly Problem NoSetting = new("/problems/logs/no-setting", 404, "The resource has no diagnostic setting of that name.");

    /// <summary>The name of a setting.</summary>
    public static readonly Problem BadName = new("/problems/logs/bad-name", 400, "A name is 1 to 64 letters, digits, hyphens, underscores and full stops.") { Target = "name" };

    /// <summary>One too many.</summary>
    public static readonly Problem TooMany = new("/problems/logs/too-many-settings", 409, $"A resource has at most {LogSettings.Most} diagnostic settings. Delete one first.");

    /// <summary>Another workspace.</summary>
    public static readonly Problem OtherWorkspace =
        new("/problems/logs/other-workspace", 422, "Logs go to the resource's own workspace, in its own geography. Its id is the resource's.") { Target = "workspace" };

    /// <summary>No categories.</summary>
    public static Problem BadCategories(IEnumerable<string> known) =>
        new("/problems/logs/bad-categories", 400, $"categories is a list with some of: {string.Join(", ", known)}; or allLogs is true.") { Target = "categories" };

    /// <summary>No such table.</summary>
    public static Problem BadTable(IEnumerable<string> known) => new("/problems/logs/bad-table", 400, $"table is one of: {string.Join(", ", known)}.") { Target = "table" };

    /// <summary>A filter that means nothing.</summary>
    public static Problem BadFilter(int number) =>
        new("/problems/logs/bad-filter", 400, "A filter has a column of the table, one of the operators ==, =~, in, in~, >, >=, <, <= and between, and a value of the column's type; in, in~ and between take a list.")
        {
            Target = $"filters[{number}]",
        };

    /// <summary>Everything would go.</summary>
    public static readonly Problem NoFilters = new("/problems/logs/no-filters", 400, "A purge has 1 to 20 filters: a table is emptied by its rule of retention.") { Target = "filters" };

    /// <summary>No reason was given.</summary>
    public static readonly Problem NoReason = new("/problems/logs/no-reason", 400, "A reason of 1 to 500 characters is needed; the audit log has it.") { Target = "reason" };

    /// <summary>Another workspace.</summary>
    public static readonly Problem NoWorkspace =
        new("/problems/logs/no-workspace", 404, "There is no such workspace here. A resource has one, whose id is the resource's, and only it can be queried.") { Code = "WorkspaceNotFoundError" };

    /// <summary>No query.</summary>
    public static readonly Problem NoQuery = new("/problems/logs/no-query", 400, "The query is missing.") { Code = "BadArgumentError", Target = "query" };

    /// <summary>No time span.</summary>
    public static readonly Problem BadTimespan =
        new("/problems/logs/bad-timespan", 400, "timespan is an ISO 8601 duration such as PT1H, or start/end, start/duration or duration/end.") { Code = "BadArgumentError", Target = "timespan" };

    /// <summary>A batch of nothing, or of too much.</summary>
    public static readonly Problem BadBatch = new("/problems/logs/bad-batch", 400, "A batch has 1 to 20 requests, each with an id of its own, a workspace and a body.") { Code = "BadArgumentError" };

    /// <summary>Too many queries run.</summary>
    public static readonly Problem TooManyQueries = new("/problems/logs/too-many-queries", 429, "Too many queries run at the moment.") { RetryAfter = TimeSpan.FromSeconds(5) };

    /// <summary>No rule of that name.</summary>
    public static readonly Problem NoAlert = new("/problems/logs/no-alert", 404, "The resource has no alert rule of that name.");

    /// <summary>One too many.</summary>
    public static readonly Problem TooManyAlerts = new("/problems/logs/too-many-alerts", 409, $"A resource has at most {Alerts.RulesMax} alert rules. Delete one first.");

    /// <summary>A fault of what was asked.</summary>
    public static Problem BadAlert(string target, string text) => new("/problems/logs/bad-alert", 400, text) { Target = target };

    /// <summary>It was changed meanwhile.</summary>
    public static readonly Problem Busy = new("/problems/logs/busy", 409, "It was changed meanwhile. Repeat the request.");
}
