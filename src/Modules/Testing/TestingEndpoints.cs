using System.Globalization;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Testing;

/// <summary>The routes of the administration origin with which a test-suite steers a development server.</summary>
internal sealed class TestingEndpoints(TestBench bench, IResourceHomes homes, AdministrationMode mode, TimeProvider clock)
{
    private const int PageMax = 1_000;
    private const int LatencyMsMax = 60_000;
    private const int RetryAfterSecondsMax = 3_600;
    private const int TimesMax = 1_000_000;

    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/test/clock", "Testing_GetClock", GetClock),
        Of("POST", "/test/clock:turn", "Testing_TurnClock", TurnClock),
        Of("GET", "/test/faults", "Testing_ListFaults", ListFaults),
        Of("POST", "/test/faults", "Testing_AddFault", AddFault),
        Of("DELETE", "/test/faults", "Testing_ClearFaults", ClearFaults),
        Of("GET", "/test/requests", "Testing_ListRequests", ListRequests),
        Of("POST", "/test/reset", "Testing_Reset", Reset),
    ];

    /// <summary>In production mode all of them are refused before anything else of them is looked at.</summary>
    private Operation Of(string method, string path, string name, OperationHandler handler) =>
        new(method, path, name, Running, (call, cancel) => mode.IsDevelopment ? handler(call, cancel) : new(TestingProblems.DevelopmentOnly))
        {
            Errors = ErrorShape.ProblemDetails,
            BodyLimit = 4 * 1024,
        };

    private ValueTask<Reply> GetClock(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new ClockReply(clock.GetUtcNow(), (clock as TurnableClock)?.Ahead.TotalSeconds ?? 0), TestingJson.Default.ClockReply));

    /// <summary>Turns the clock of the whole server, and does at once in this geography what its housekeeping does by the clock.</summary>
    private async ValueTask<Reply> TurnClock(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TestingJson.Default.TurnClockRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        if (request.ForwardSeconds is not (> 0 and { } seconds) || seconds > TurnableClock.AheadMax.TotalSeconds || clock is not TurnableClock turnable || !turnable.Turn(TimeSpan.FromSeconds(seconds)))
        {
            return TestingProblems.BadTurn;
        }

        var removed = await homes.Of(call.Geography).Administration!.RemoveDue(cancel);
        return Reply.Json(200, new TurnedReply(clock.GetUtcNow(), turnable.Ahead.TotalSeconds, removed), TestingJson.Default.TurnedReply);
    }

    private ValueTask<Reply> ListFaults(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new FaultList([.. bench.Faults.Select(ModelOf)]), TestingJson.Default.FaultList));

    private ValueTask<Reply> AddFault(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(TestingJson.Default.FaultModel, out var request, out var unreadable))
        {
            return new(unreadable);
        }

        if (request is not { Operation: { Length: > 0 and <= 100 } operation, Kind: { } kind }
            || !operation.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '*')
            || request.RetryAfterSeconds is < 0 or > RetryAfterSecondsMax or double.NaN
            || request.LatencyMs is < 0 or > LatencyMsMax
            || request.Times is < 1 or > TimesMax
            || request.PercentOfRequests is < 1 or > 100)
        {
            return new(TestingProblems.BadFault);
        }

        if (!bench.Knows(operation))
        {
            return new(TestingProblems.NoSuchOperation);
        }

        var fault = new TestFault(operation, kind)
        {
            Resource = request.Resource,
            RetryAfter = TimeSpan.FromSeconds(request.RetryAfterSeconds ?? 1),
            Latency = TimeSpan.FromMilliseconds(request.LatencyMs ?? 0),
            Times = request.Times,
            PercentOfRequests = request.PercentOfRequests ?? 100,
        };
        return new(bench.Add(fault) ? Reply.Json(201, ModelOf(fault), TestingJson.Default.FaultModel) : TestingProblems.TooManyFaults);
    }

    private ValueTask<Reply> ClearFaults(Call call, CancellationToken cancel)
    {
        bench.ClearFaults();
        return new(Reply.Empty(204));
    }

    private ValueTask<Reply> ListRequests(Call call, CancellationToken cancel)
    {
        var after = 0L;
        if (call.Query("after") is { } asked && !long.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return new(HttpProblems.BadParameter("after", "the number of an answer"));
        }

        var answers = bench.After(after, PageMax);
        var models = answers.Select(answer => new AnswerModel(answer.Number, answer.At, answer.Operation, answer.Resource, answer.Status, Math.Round(answer.ElapsedMs, 3), answer.Fault)).ToList();
        return new(Reply.Json(200, new AnswerList(models, models is [] ? after : models[^1].Number), TestingJson.Default.AnswerList));
    }

    /// <summary>
    /// Empties one resource of the geography, or every one. Their origins and keys stay, so that what a test-suite holds stays good; users, tokens, threads and settings go, and so do
    /// faults and what was remembered of answers.
    /// </summary>
    private async ValueTask<Reply> Reset(Call call, CancellationToken cancel)
    {
        ResetRequest? request = null;
        if (!call.Body.IsEmpty && !call.TryRead(TestingJson.Default.ResetRequest, out request, out var unreadable))
        {
            return unreadable;
        }

        if (request?.Resource is { } named && (named.Length > 200 || await homes.Find(call.Geography, named, cancel) is null))
        {
            return TestingProblems.NoResource;
        }

        var geography = homes.Of(call.Geography);
        bench.Clear();
        var emptied = 0;
        await foreach (var resource in ResourceRegistry.All(geography, cancel))
        {
            if (request?.Resource is { } only && resource.Name != only && !(Guid.TryParse(only, out var id) && id == resource.Id))
            {
                continue;
            }

            if (await ResourceRegistry.Empty(geography, resource, call.Act(AuditedAct.ResourceEmptied, resource: resource.Id), cancel) is { } refused)
            {
                return refused;
            }

            emptied++;
        }

        return Reply.Json(200, new ResetReply(emptied), TestingJson.Default.ResetReply);
    }

    private static FaultModel ModelOf(TestFault fault) => new(
        fault.Operation, fault.Kind, fault.Resource, fault.RetryAfter.TotalSeconds, (int)fault.Latency.TotalMilliseconds, fault.Times, fault.PercentOfRequests);
}
