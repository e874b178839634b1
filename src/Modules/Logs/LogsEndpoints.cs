using System.Globalization;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>Operation logs on the administration origin: which are kept, purging, and handing them out.</summary>
internal sealed class LogsEndpoints(OperationLogs logs, LogSettings settings, IResourceHomes homes, TimeProvider clock)
{
    private const int ReasonMax = 500;
    private const int FiltersMax = 20;
    private const int ExportRows = 5_000;
    private const int Attempts = 5;

    /// <summary>Entries that one purge looks at; the next goes on.</summary>
    private const int PurgeLooksAt = 200_000;

    private const int PurgeTogether = 200;

    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);
    private static readonly Access Opening = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Privacy);

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/logs/queries", "Logs_ListQueries", Anyone, ListQueries),
        Of("GET", "/resources/{nameOrId}/logs", "Logs_Get", Anyone, Get),
        Of("GET", "/resources/{nameOrId}/logs/settings", "Logs_ListSettings", Anyone, ListSettings),
        Of("PUT", "/resources/{nameOrId}/logs/settings/{setting}", "Logs_SetSetting", Running, SetSetting),
        Of("DELETE", "/resources/{nameOrId}/logs/settings/{setting}", "Logs_DeleteSetting", Running, DeleteSetting),
        Of("POST", "/resources/{nameOrId}/logs/purge", "Logs_Purge", Opening, Purge) with { BodyLimit = 64 * 1024 },
        Of("GET", "/resources/{nameOrId}/logs/export", "Logs_Export", Opening, Export),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    /// <summary>They are of the program, whichever the resource.</summary>
    private ValueTask<Reply> ListQueries(Call call, CancellationToken cancel)
    {
        var tables = logs.Sources.Select(source => source.TableName).ToHashSet(StringComparer.Ordinal);
        var queries = NamedQuery.All.Values.Select(query => new NamedQueryReply(
            query.Name, query.Title, query.Shows, query.Text, [.. query.Values.Select(value => new NamedQueryValue(value.Name, value.Literal))], query.Tables, query.TakesAnyTable ? query.Tables.Any(tables.Contains) : query.Tables.All(tables.Contains)));
        return new(Reply.Json(200, new NamedQueryList([.. queries]), LogsJson.Default.NamedQueryList));
    }

    private async ValueTask<Reply> Get(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        var on = await settings.Of(home, cancel);
        var kinds = homes.Of(call.Geography).Administration!.Catalogue;
        var categories = new List<LogCategoryReply>();
        foreach (var source in logs.Sources)
        {
            var rule = await home.Rules.Find(source.RetentionKind, root: null, cancel);
            var days = rule?.DaysAt(clock.GetUtcNow()) ?? kinds.Find(source.RetentionKind)!.Choice!.DefaultDays;
            categories.Add(new LogCategoryReply(source.Category, source.TableName, on.Contains(source.Category), source.RetentionKind, days));
        }

        var (written, dropped) = logs.WriterOf(home).TallyOf(home.ResourceId);
        return Reply.Json(200, new LogStatusReply($"{home.ResourceId:D}", categories, written, dropped), LogsJson.Default.LogStatusReply);
    }

    private async ValueTask<Reply> ListSettings(Call call, CancellationToken cancel) =>
        await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is { } home
            ? Reply.Json(200, new LogSettingList([.. (await LogSettings.All(home, cancel)).Select(setting => Describe(home, setting))]), LogsJson.Default.LogSettingList)
            : LogsProblems.NoResource;

    /// <summary>Data's way: request → logs.setting in the resource's store, with an entry of the audit log in the same batch → until it is deleted.</summary>
    private async ValueTask<Reply> SetSetting(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(LogsJson.Default.LogSettingRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var (name, all, categories) = (call.Route("setting"), request.AllLogs is true, request.Categories ?? []);
        var faults = new List<Problem>();
        if (!LogNames.IsName(name))
        {
            faults.Add(LogsProblems.BadName);
        }

        if (all ? categories.Count > 0 : categories.Count is 0 or > 64 || categories.Any(category => !settings.Categories.Contains(category)))
        {
            faults.Add(LogsProblems.BadCategories(settings.Categories));
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        if (request.Workspace is { } workspace && (await homes.Find(call.Geography, workspace, cancel))?.ResourceId != home.ResourceId)
        {
            return LogsProblems.OtherWorkspace;
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var known = await LogSettings.All(home, cancel);
            var before = known.Find(setting => setting.Name == name);
            if (before is null && known.Count >= LogSettings.Most)
            {
                return LogsProblems.TooMany;
            }

            var setting = new LogSetting { Name = name, AllLogs = all, Categories = [.. categories.Distinct()], Version = before?.Version ?? 0 };
            var note = call.Act(AuditedAct.LoggingChanged, resource: home.ResourceId) with { Detail = all ? "all categories" : string.Join(", ", setting.Categories) };
            var refused = (await home.Store.Commit(b => _ = before is null ? b.Insert(setting).Audit(note) : b.Put(setting).Audit(note), cancel)).Refused;
            if (refused is null)
            {
                return Reply.Json(200, Describe(home, setting), LogsJson.Default.LogSettingReply);
            }

            if (refused != StorageProblems.Exists && refused != StorageProblems.Changed && refused != StorageProblems.Missing)
            {
                return refused;
            }
        }

        return LogsProblems.Busy;
    }

    private async ValueTask<Reply> DeleteSetting(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        var name = call.Route("setting");
        if (!LogNames.IsName(name))
        {
            return LogsProblems.NoSetting;
        }

        var note = call.Act(AuditedAct.LoggingChanged, resource: home.ResourceId) with { Detail = "a setting was deleted" };
        return (await home.Store.Commit(b => b.Delete<LogSetting>([name], LogsProblems.NoSetting).Audit(note), cancel)).Refused is { } refused ? refused : Reply.Empty(204);
    }

    private async ValueTask<Reply> Purge(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(LogsJson.Default.PurgeRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var faults = new List<Problem>();
        var source = logs.Sources.FirstOrDefault(source => source.TableName == request.Table);
        var filters = new List<PurgeCondition>();
        if (source is null)
        {
            faults.Add(LogsProblems.BadTable(logs.Sources.Select(source => source.TableName)));
        }

        if (request.Filters is not { Count: >= 1 and <= FiltersMax } asked)
        {
            faults.Add(LogsProblems.NoFilters);
        }
        else if (source is not null)
        {
            foreach (var (at, filter) in asked.Index())
            {
                if (PurgeCondition.Of(source.Table, filter) is { } condition)
                {
                    filters.Add(condition);
                }
                else
                {
                    faults.Add(LogsProblems.BadFilter(at));
                }
            }
        }

        if (request.Reason is not { Length: >= 1 and <= ReasonMax } reason || string.IsNullOrWhiteSpace(reason))
        {
            faults.Add(LogsProblems.NoReason);
            reason = "";
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        // First that somebody purges, then the purge: what is gone without an entry would be the one thing that nobody could explain.
        var operation = Guid.CreateVersion7();
        var note = call.Act(AuditedAct.OperationsPurged, resource: home.ResourceId) with
        {
            Detail = $"{operation:D}: {source!.TableName} by {string.Join(", ", filters.Select(filter => filter.Column.Name).Distinct())}",
            Reason = reason,
        };
        if ((await home.Store.Commit(b => b.Audit(note), cancel)).Refused is { } refused)
        {
            return refused;
        }

        var tables = await ResourceLogs.Open(home, logs.Sources, mayOpen: true, (_, _) => Task.CompletedTask, cancel);
        var columns = filters.Select(filter => filter.Column).Distinct().ToList();
        var (purged, seen) = (0L, 0L);
        for (LogKey? after = null; ;)
        {
            var page = await source.Read(new LogPageRequest(home, LogTimeRange.All, columns, after, tables.HashOf), cancel);
            var going = new List<LogKey>();
            for (var row = 0; row < page.Rows.Count; row++)
            {
                if (Matches(page.Rows, row, columns, filters, tables))
                {
                    going.Add(page.Keys[row]);
                }
            }

            foreach (var some in going.Chunk(PurgeTogether))
            {
                if (await source.Delete(home, some, cancel) is { } held)
                {
                    return held;
                }

                purged += some.Length;
            }

            seen += page.Rows.Count;
            if (page.Next is not { } next)
            {
                return Reply.Json(200, new PurgeReply($"{operation:D}", purged, IsComplete: true), LogsJson.Default.PurgeReply);
            }

            if (seen >= PurgeLooksAt && purged > 0)
            {
                return Reply.Json(200, new PurgeReply($"{operation:D}", purged, IsComplete: false), LogsJson.Default.PurgeReply);
            }

            after = next;
        }
    }

    private static bool Matches(LogBatch rows, int row, List<LogColumn> columns, List<PurgeCondition> filters, ResourceLogs tables)
    {
        foreach (var filter in filters)
        {
            if (!filter.Holds(rows[row][columns.IndexOf(filter.Column)], tables))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A page of a table, opened: CSV (RFC 4180) or a JSON object on each line. Where to go on is in <c>x-domicile-after</c>.</summary>
    private async ValueTask<Reply> Export(Call call, CancellationToken cancel)
    {
        var faults = new List<Problem>();
        var source = logs.Sources.FirstOrDefault(source => source.TableName == call.Query("table"));
        if (source is null)
        {
            faults.Add(LogsProblems.BadTable(logs.Sources.Select(source => source.TableName)));
        }

        var format = call.Query("format") ?? "jsonl";
        if (format is not ("csv" or "jsonl"))
        {
            faults.Add(HttpProblems.BadParameter("format", "csv or jsonl"));
        }

        if (Instant(call, "from", DateTime.UnixEpoch, out var from) is { } badFrom)
        {
            faults.Add(badFrom);
        }

        if (Instant(call, "to", LogTimeRange.All.Before, out var to) is { } badTo)
        {
            faults.Add(badTo);
        }

        LogKey? after = null;
        if (call.Query("after") is { } place)
        {
            var parts = place.Split('-');
            if (parts is [var day, var entry]
                && long.TryParse(day, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var dayKey)
                && long.TryParse(entry, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var entryKey)
                && dayKey >= 0)
            {
                after = new LogKey(dayKey, entryKey);
            }
            else
            {
                faults.Add(HttpProblems.BadParameter("after", "the one of the page before"));
            }
        }

        if (faults.Count > 0)
        {
            return Problem.Of(faults);
        }

        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return LogsProblems.NoResource;
        }

        var range = new LogTimeRange(from, to);
        var note = call.Act(AuditedAct.OperationsRead, resource: home.ResourceId) with { Detail = $"export of {source!.TableName}, {from:yyyy-MM-ddTHH:mm:ssZ} to {to:yyyy-MM-ddTHH:mm:ssZ}" };
        if ((await home.Store.Commit(b => b.Audit(note), cancel)).Refused is { } refused)
        {
            return refused;
        }

        var tables = await ResourceLogs.Open(home, logs.Sources, mayOpen: true, (_, _) => Task.CompletedTask, cancel);
        var text = new ExportText(format == "csv", source.Table, withHead: after is null);
        var rows = 0;
        while (true)
        {
            var page = await source.Read(new LogPageRequest(home, range, source.Table.Columns, after, tables.HashOf), cancel);
            text.Add(page.Rows);
            rows += page.Rows.Count;
            after = page.Next;
            if (after is null || rows >= ExportRows)
            {
                break;
            }
        }

        var type = format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson; charset=utf-8";
        return after is { } next
            ? Reply.Plain(type, text.ToString(), "x-domicile-after", string.Create(CultureInfo.InvariantCulture, $"{next.Day:x}-{next.Entry:x}"))
            : Reply.Plain(type, text.ToString());
    }

    private static Problem? Instant(Call call, string name, DateTime otherwise, out DateTime instant)
    {
        instant = otherwise;
        if (call.Query(name) is not { } text)
        {
            return null;
        }

        if (!WireTime.TryParse(text, out var given))
        {
            return HttpProblems.BadParameter(name, "an instant such as 2026-11-28T12:00:00Z");
        }

        instant = given.UtcDateTime;
        return null;
    }

    private static LogSettingReply Describe(Home home, LogSetting setting) => new(setting.Name, setting.Categories, setting.AllLogs, $"{home.ResourceId:D}");
}
