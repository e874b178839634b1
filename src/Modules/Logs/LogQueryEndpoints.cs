using System.Globalization;
using System.Text.Json;
using System.Xml;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>
/// Queries at the resource, in the shape of the query API of Azure Monitor (version v1). Everybody with a role may count and compare; what identifies people is opened for owners
/// and privacy officers only, and the audit log has that it was.
/// </summary>
internal sealed class LogQueryEndpoints(OperationLogs logs, TimeProvider clock) : IDisposable
{
    private const string Path = "/v1/workspaces/{workspaceId}/query";
    private const int AtOnce = 8;
    private const int BatchMax = 20;
    private const int BodyMax = 256 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private readonly SemaphoreSlim _slots = new(AtOnce);

    public IEnumerable<Operation> Operations() =>
    [
        Of("POST", Path, "Logs_Query", Query),
        Of("GET", Path, "Logs_QueryByGet", QueryByGet),
        Of("POST", "/v1/$batch", "Logs_QueryBatch", QueryBatch),
    ];

    public void Dispose() => _slots.Dispose();

    private static Operation Of(string method, string path, string name, OperationHandler handler) =>
        new(method, path, name, Anyone, handler) { Errors = ErrorShape.Acs, BodyLimit = BodyMax, Origin = Origin.Resource };

    private async ValueTask<Reply> Query(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(LogsJson.Default.LogQueryBody, out var body, out var unreadable))
        {
            return unreadable;
        }

        return Answer(await Run(call, call.Route("workspaceId"), body, call.Header("Prefer"), cancel), call.Header("Prefer"));
    }

    private async ValueTask<Reply> QueryByGet(Call call, CancellationToken cancel)
    {
        var body = new LogQueryBody(call.Query("query"), call.Query("timespan"), Workspaces: null);
        return Answer(await Run(call, call.Route("workspaceId"), body, call.Header("Prefer"), cancel), call.Header("Prefer"));
    }

    /// <summary>One after another: several queries of one caller take no more of the machine than one.</summary>
    private async ValueTask<Reply> QueryBatch(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(LogsJson.Default.LogBatchBody, out var batch, out var unreadable))
        {
            return unreadable;
        }

        if (batch.Requests is not { Count: >= 1 and <= BatchMax } items
            || items.Any(item => item is not { Id.Length: >= 1 and <= 64, Workspace: not null, Body: not null })
            || items.Select(item => item!.Id).Distinct().Count() != items.Count)
        {
            return LogsProblems.BadBatch;
        }

        var answers = new List<(string Id, string? Prefer, Ran Outcome)>();
        foreach (var item in items)
        {
            var prefer = item!.Headers?.FirstOrDefault(header => header.Key.Equals("Prefer", StringComparison.OrdinalIgnoreCase)).Value;
            answers.Add((item.Id!, prefer, await Run(call, item.Workspace!, item.Body!, prefer, cancel)));
        }

        return Reply.Written(200, writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("responses");
            foreach (var (id, prefer, outcome) in answers)
            {
                writer.WriteStartObject();
                writer.WriteString("id", id);
                writer.WriteNumber("status", outcome.Status);
                writer.WritePropertyName("body");
                if (outcome.Problem is { } problem)
                {
                    WriteProblem(writer, problem);
                }
                else
                {
                    WriteAnswer(writer, outcome, prefer);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private async ValueTask<Ran> Run(Call call, string workspace, LogQueryBody body, string? prefer, CancellationToken cancel)
    {
        LogsMeter.Queries.Add(1);
        bool IsOwn(string name) => Guid.TryParse(name, out var id) && id == call.Home.ResourceId;
        if (!IsOwn(workspace) || body.Workspaces?.All(IsOwn) is false)
        {
            return new Ran(LogsProblems.NoWorkspace, null, "");
        }

        if (string.IsNullOrWhiteSpace(body.Query))
        {
            return new Ran(LogsProblems.NoQuery, null, "");
        }

        if (!TryRange(body.Timespan, clock.GetUtcNow().UtcDateTime, out var range))
        {
            return new Ran(LogsProblems.BadTimespan, null, "");
        }

        if (!await _slots.WaitAsync(Patience, cancel))
        {
            return new Ran(LogsProblems.TooManyQueries, null, "");
        }

        try
        {
            var mayOpen = call.Caller is Caller.Administrator { Role: AdministratorRole.Owner or AdministratorRole.Privacy };
            var tables = await ResourceLogs.Open(call.Home, logs.Sources, mayOpen, (columns, cancel) => Audit(call, columns, range, cancel), cancel);
            var limits = LogQueryLimits.Default;
            var request = new LogQueryRequest(body.Query, range) { Limits = limits with { Time = Wait(prefer, limits.Time) } };
            return new Ran(null, await LogQuery.Run(request, tables, clock, cancel), call.Act(AuditedAct.OperationsRead).Request ?? "");
        }
        finally
        {
            _slots.Release();
        }
    }

    private static async Task Audit(Call call, string columns, LogTimeRange range, CancellationToken cancel)
    {
        // The columns and the time, not the query: it may name people.
        var note = call.Act(AuditedAct.OperationsRead) with { Detail = string.Create(CultureInfo.InvariantCulture, $"query: {columns}, {range.From:yyyy-MM-ddTHH:mm:ssZ} to {range.Before:yyyy-MM-ddTHH:mm:ssZ}") };
        if ((await call.Home.Store.Commit(b => b.Audit(note), cancel)).Refused is { } refused)
        {
            throw new StoreUnavailableException(refused.Title);
        }
    }

    private static Reply Answer(Ran outcome, string? prefer) =>
        outcome.Problem is { } problem ? problem : Reply.Written(outcome.Status, writer => WriteAnswer(writer, outcome, prefer));

    private static void WriteAnswer(Utf8JsonWriter writer, Ran outcome, string? prefer)
    {
        writer.WriteStartObject();
        if (outcome.Answer!.Error is { } error)
        {
            writer.WritePropertyName("error");
            error.WriteTo(writer, outcome.Request);
        }
        else
        {
            var result = outcome.Answer.Result!;
            writer.WritePropertyName("tables");
            result.WriteTables(writer);
            if (Prefers(prefer, "include-statistics"))
            {
                writer.WritePropertyName("statistics");
                result.Statistics.WriteTo(writer);
            }

            if (Prefers(prefer, "include-render") && result.Render is { } render)
            {
                writer.WritePropertyName("render");
                render.WriteTo(writer);
            }

            if (result.Missing is { } missing)
            {
                writer.WritePropertyName("error");
                missing.WriteTo(writer);
            }
        }

        writer.WriteEndObject();
    }

    private static void WriteProblem(Utf8JsonWriter writer, Problem problem)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        writer.WriteString("code", problem.Code);
        writer.WriteString("message", problem.Title);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static bool Prefers(string? prefer, string name) =>
        Preferences(prefer).Any(preference => preference.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && preference.Value is null or "true" or "True");

    /// <summary>The time that the caller wants to wait, when it is less than the usual.</summary>
    private static TimeSpan Wait(string? prefer, TimeSpan usual)
    {
        var asked = Preferences(prefer).FirstOrDefault(preference => preference.Name.Equals("wait", StringComparison.OrdinalIgnoreCase)).Value;
        return int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds >= 1 && seconds < usual.TotalSeconds ? TimeSpan.FromSeconds(seconds) : usual;
    }

    /// <summary>RFC 7240: preferences that are not known are passed over.</summary>
    private static IEnumerable<(string Name, string? Value)> Preferences(string? prefer) =>
        (prefer ?? "").Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(part => part.Split('=', 2, StringSplitOptions.TrimEntries))
            .Select(part => (part[0], part.Length > 1 ? part[1].Trim('"') : null));

    /// <summary>ISO 8601: a duration up to now, or two of start, end and duration.</summary>
    internal static bool TryRange(string? text, DateTime now, out LogTimeRange range)
    {
        range = LogTimeRange.All;
        if (string.IsNullOrEmpty(text))
        {
            return true;
        }

        try
        {
            range = text.Split('/') switch
            {
                [var only] when Duration(only) is { } back => new LogTimeRange(now - back, LogTimeRange.All.Before),
                [var first, var second] when Duration(first) is { } back && Instant(second) is { } end => new LogTimeRange(end - back, end),
                [var first, var second] when Instant(first) is { } start && Duration(second) is { } on => new LogTimeRange(start, start + on),
                [var first, var second] when Instant(first) is { } start && Instant(second) is { } end && start <= end => new LogTimeRange(start, end),
                _ => default,
            };
            return range != default;
        }
        catch (ArgumentOutOfRangeException)
        {
            return false;
        }
    }

    private static TimeSpan? Duration(string text)
    {
        if (text is not ['P', .. { Length: > 0 and < 64 }])
        {
            return null;
        }

        try
        {
            return XmlConvert.ToTimeSpan(text);
        }
        catch (Exception wrong) when (wrong is FormatException or OverflowException)
        {
            return null;
        }
    }

    private static DateTime? Instant(string text) => text.Length < 64 && WireTime.TryParse(text, out var instant) ? instant.UtcDateTime : null;

    private sealed record Ran(Problem? Problem, LogQueryAnswer? Answer, string Request)
    {
        public int Status => Problem?.Status ?? Answer!.Error?.Status ?? 200;
    }
}
