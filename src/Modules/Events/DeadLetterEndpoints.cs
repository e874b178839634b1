using System.Globalization;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>What could not be delivered: looking at what became of it, and sending it again. What it says is shown to nobody but the target.</summary>
internal sealed class DeadLetterEndpoints(IResourceHomes homes, TimeProvider clock)
{
    private const string Path = "/resources/{nameOrId}/event-subscriptions/{subscription}/dead-letters";
    private static readonly Access Anyone = Access.Administrator([.. AdministratorRole.All]);
    private static readonly Access Running = Access.Administrator(AdministratorRole.Owner, AdministratorRole.Operator);

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", Path, "Events_ListDeadLetters", Anyone, List),
        Of("POST", Path + ":redeliver", "Events_RedeliverDeadLetters", Running, Redeliver),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 16 * 1024 };

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (PageSize.Of(call, 100, EventLimits.Piece) is not { } size)
        {
            return PageSize.Bad(EventLimits.Piece);
        }

        var after = long.MinValue;
        if (call.Query("continuation") is { } continuation && !long.TryParse(continuation, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return HttpProblems.BadParameter("continuation", "the one of a nextLink");
        }

        if (await Find(call, cancel) is not (var home, { } subscription))
        {
            return EventsProblems.NoSubscription;
        }

        var keys = await EventsStore.DeadAfter(home, subscription.Key, after, size, cancel);
        var letters = new List<DeadLetterReply>();
        foreach (var key in keys)
        {
            if (await home.Store.Get<DeadLetter>([ColumnValue.Of(key.Day), ColumnValue.Of(key.Number)], cancel) is { } letter)
            {
                letters.Add(ReplyOf(letter));
            }
        }

        var next = keys.Count < size ? null
            : $"/resources/{home.ResourceId:D}/event-subscriptions/{subscription.Name}/dead-letters?maxPageSize={size}&continuation={keys[^1].Number.ToString(CultureInfo.InvariantCulture)}";
        return Reply.Json(200, new DeadLetterList(letters, next), EventsJson.Default.DeadLetterList);
    }

    /// <summary>Each dead letter becomes a notice for its subscription alone, in the batch that takes it away: it is one or the other, whatever happens.</summary>
    private async ValueTask<Reply> Redeliver(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(EventsJson.Default.RedeliverRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var wanted = new HashSet<long>();
        foreach (var id in request.Ids ?? [])
        {
            if (!long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || !wanted.Add(number) || wanted.Count > EventLimits.Piece)
            {
                return EventsProblems.BadIds;
            }
        }

        if (await Find(call, cancel) is not (var home, { } subscription))
        {
            return EventsProblems.NoSubscription;
        }

        var keys = new List<DeadKey>();
        if (request.Ids is null)
        {
            keys = await EventsStore.DeadAfter(home, subscription.Key, long.MinValue, EventLimits.Piece, cancel);
        }
        else
        {
            foreach (var number in wanted)
            {
                keys.AddRange((await EventsStore.DeadAfter(home, subscription.Key, number - 1, 1, cancel)).Where(key => key.Number == number));
            }
        }

        var letters = new List<DeadLetter>();
        foreach (var key in keys)
        {
            if (await home.Store.Get<DeadLetter>([ColumnValue.Of(key.Day), ColumnValue.Of(key.Number)], cancel) is { } letter)
            {
                letters.Add(letter);
            }
        }

        if (letters.Count > 0)
        {
            var now = clock.GetUtcNow();
            var note = call.Act(AuditedAct.DeadLettersRedelivered, resource: home.ResourceId) with { Detail = subscription.Name, Count = letters.Count };
            var outcome = await home.Store.Commit(
                b =>
                {
                    foreach (var letter in letters)
                    {
                        b.Delete<DeadLetter>([letter.Day, ColumnValue.Of(letter.Number)], StorageProblems.Missing).Insert(new EventNotice
                        {
                            Key = home.References.Next<EventNotice>(),
                            Person = letter.Person,
                            At = now,
                            Content = letter.Content,
                            Only = subscription.Key,
                            Lane = letter.Lane,
                        });
                    }

                    b.Audit(note);
                },
                cancel);
            if (outcome.Refused is { } refused)
            {
                return refused;
            }
        }

        return Reply.Json(200, new RedeliverReply(letters.Count, await EventsStore.CountDead(home, subscription.Key, cancel)), EventsJson.Default.RedeliverReply);
    }

    private async ValueTask<(Home Home, EventSubscription? Subscription)?> Find(Call call, CancellationToken cancel) =>
        await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is { } home
            && await home.Store.Lookup<EventSubscription>(nameof(EventSubscription.Name), ColumnValue.Of(call.Route("subscription")), 1, cancel) is [var found] ? (home, found) : null;

    private static DeadLetterReply ReplyOf(DeadLetter letter) => new(
        letter.Number.ToString(CultureInfo.InvariantCulture),
        [.. letter.Content.Parts.Select(part => part.Type).Distinct(StringComparer.Ordinal)],
        letter.Content.Parts.Count,
        letter.Reason,
        letter.Attempts,
        letter.LastOutcome,
        letter.PublishedOn,
        letter.LastAttemptOn,
        letter.DeadOn);
}
