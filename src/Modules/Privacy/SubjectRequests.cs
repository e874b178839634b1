using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Modules.Privacy;

/// <summary>
/// Carries subject requests out in the background, one node of a scale unit at a time. Each step is written down before the next begins, and may be done twice;
/// so after a crash a request goes on where it was, on whichever node comes next.
/// </summary>
internal sealed partial class SubjectRequests(TimeProvider clock, ILogger<SubjectRequests>? log = null) : IAsyncDisposable
{
    /// <summary>Requests of a scale unit that wait at most.</summary>
    public const int WaitingMax = 1_000;

    /// <summary>Bytes of an archive at most.</summary>
    public const long ArchiveBytesMax = 4L << 30;

    private const string Work = "subject requests";
    private const string NodeName = "node";
    private static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(5);

    /// <summary>While rows of an erased person are being removed, which nobody tells.</summary>
    private static readonly TimeSpan LookAgainSoon = TimeSpan.FromMilliseconds(500);

    /// <summary>The clocks of nodes may differ by this much.</summary>
    private static readonly TimeSpan ClockMargin = TimeSpan.FromMinutes(10);
    private readonly ILogger _log = (ILogger?)log ?? NullLogger.Instance;
    private readonly CancellationTokenSource _stopping = new();
    private FrozenDictionary<(Geography Geography, string ScaleUnit), Home> _units = FrozenDictionary<(Geography, string), Home>.Empty;
    private Task _running = Task.CompletedTask;

    /// <summary>For tests: called with the name of each step as it begins.</summary>
    internal Action<string>? Step { get; set; }

    /// <summary>Takes the scale units by the homes of their own records.</summary>
    public void Prepare(IReadOnlyList<Home> scaleUnits) => _units = scaleUnits.ToFrozenDictionary(home => (home.Geography, home.ScaleUnit));

    /// <summary>The home in which the requests of a resource rest: that of its scale unit's own records.</summary>
    public Home Of(Home resource) => _units[(resource.Geography, resource.ScaleUnit)];

    /// <summary>A request of a resource, or null.</summary>
    public async ValueTask<SubjectRequest?> Find(Home resource, Guid id, CancellationToken cancel) =>
        (await Of(resource).Store.Lookup<SubjectRequest>(nameof(SubjectRequest.Id), ColumnValue.Of(id.ToByteArray(bigEndian: true)), 100, cancel))
            .FirstOrDefault(request => request.ResourceId == resource.ResourceId);

    /// <summary>How many requests wait.</summary>
    public async ValueTask<int> Waiting(Home resource, CancellationToken cancel) => (await InState(Of(resource), SubjectRequestState.Pending, cancel)).Count;

    /// <summary>Begins to work in the background. It ends with the services.</summary>
    public void Start() => _running = Task.WhenAll(_units.Values.Select(unit => Task.Run(() => Run(unit, _stopping.Token))));

    /// <summary>Carries out what waits in a scale unit.</summary>
    /// <returns>Whether one is left that goes on by itself in a moment.</returns>
    public async Task<bool> CarryOut(Home unit, CancellationToken cancel)
    {
        var isUnderWay = false;
        foreach (var state in (SubjectRequestState[])[SubjectRequestState.Running, SubjectRequestState.Restricted, SubjectRequestState.Pending])
        {
            foreach (var request in (await InState(unit, state, cancel)).OrderBy(request => request.Number))
            {
                if (!await unit.Lease(Work, LeaseTime, cancel))
                {
                    return isUnderWay;
                }

                isUnderWay |= !await CarryOut(unit, request, cancel);
            }
        }

        return isUnderWay;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private static async ValueTask<List<SubjectRequest>> InState(Home unit, SubjectRequestState state, CancellationToken cancel) =>
        await unit.Store.Lookup<SubjectRequest>(nameof(SubjectRequest.State), ColumnValue.Of((long)state), WaitingMax, cancel);

    private async Task Run(Home unit, CancellationToken cancel)
    {
        var wake = new WakeUp();
        unit.Store.Feed.Observe(
            entries =>
            {
                if (entries.Any(entry => (entry.Kind.ClrType == typeof(SubjectRequest) && entry.Change == Change.Inserted) || (entry.Kind.ClrType == typeof(Hold) && entry.Change == Change.Deleted)))
                {
                    wake.Signal();
                }
            },
            wake.Signal);
        while (!cancel.IsCancellationRequested)
        {
            var (next, pause) = (wake.Next(), LookAgainAfter);
            try
            {
                pause = await CarryOut(unit, cancel) ? LookAgainSoon : LookAgainAfter;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException away)
            {
                LogUnavailable(unit.Geography.Name, away.Message);
            }
            catch (Exception fault)
            {
                LogFault(fault, unit.Geography.Name);
            }

            await next.WaitAsync(pause, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>Whether it rests: it is over, or held up by what somebody must end.</returns>
    private async Task<bool> CarryOut(Home unit, SubjectRequest request, CancellationToken cancel)
    {
        if (await unit.Administration!.Find(request.ResourceId, cancel) is not { } home)
        {
            // With the resource everything of it was destroyed.
            return await Save(unit, request with { State = SubjectRequestState.Failed, Obstacle = "/problems/privacy/resource-gone", CompletedOn = clock.GetUtcNow(), Changes = [] }, null, cancel) is not null;
        }

        if (request.State == SubjectRequestState.Pending)
        {
            Step?.Invoke("begin");
            if (await Save(unit, request with { State = SubjectRequestState.Running, StartedOn = request.StartedOn ?? clock.GetUtcNow(), Obstacle = null }, null, cancel) is not { } begun)
            {
                return false;
            }

            request = begun;
        }

        return request.Kind switch
        {
            SubjectRequestKind.Access => await Access(unit, home, request, cancel),
            SubjectRequestKind.Export => await Export(unit, home, request, cancel),
            SubjectRequestKind.Rectify => await Rectify(unit, home, request, cancel),
            _ => await Erase(unit, home, request, cancel),
        };
    }

    private async Task<bool> Access(Home unit, Home home, SubjectRequest request, CancellationToken cancel)
    {
        var tally = new List<KindTally>();
        foreach (var person in Known(request))
        {
            tally.AddRange(TallyOf(await home.Subjects.Count(person.Handle, cancel)));
        }

        return await Complete(unit, request with { Tally = Sum(tally) }, cancel);
    }

    private async Task<bool> Export(Home unit, Home home, SubjectRequest request, CancellationToken cancel)
    {
        while (request.PeopleDone < request.People.Count)
        {
            var person = request.People[request.PeopleDone];
            var tally = request.Tally;
            if (!person.Handle.IsNone)
            {
                Step?.Invoke("archive");
                var (bytes, made) = await Archive(home, request, person.Handle, cancel);
                if (bytes < 0)
                {
                    return await Save(unit, request with { State = SubjectRequestState.Failed, Obstacle = PrivacyProblems.TooLarge.Type, CompletedOn = clock.GetUtcNow() }, null, cancel) is not null;
                }

                person = person with { ArchiveBytes = bytes == 0 ? null : bytes };
                tally = Sum([.. tally, .. made]);
            }

            Step?.Invoke("archived");
            var done = request with { People = [.. request.People.Select((each, i) => i == request.PeopleDone ? person : each)], PeopleDone = request.PeopleDone + 1, Tally = tally };
            if (await Save(unit, done, null, cancel) is not { } saved || !await unit.Lease(Work, LeaseTime, cancel))
            {
                return false;
            }

            request = saved;
        }

        return await Complete(unit, request, cancel);
    }

    /// <returns>Bytes of the archive: 0 when the person was erased meanwhile, −1 when it would be too large.</returns>
    private async Task<(long Bytes, IReadOnlyList<KindTally> Tally)> Archive(Home home, SubjectRequest request, SubjectRef person, CancellationToken cancel)
    {
        if (await home.Store.Get<SubjectExport>([ColumnValue.Of(request.Id.ToByteArray(bigEndian: true)), person], cancel) is { } made && await home.Blobs.Open(made, cancel) is { } there)
        {
            // It was made before a crash.
            await using (there)
            {
                return (there.Length, TallyOf(await home.Subjects.Count(person, cancel)));
            }
        }

        var now = clock.GetUtcNow();
        var export = new SubjectExport { Request = request.Id, Person = person, ExpiresOn = now + SubjectExport.Life, CreatedOn = now };
        await using var writer = await home.Blobs.Create(export, ArchiveBytesMax, cancel);
        if (writer is null)
        {
            return (0, []);
        }

        var archive = new SubjectArchive(home, person, now);
        var stream = new BlobStream(writer);
        try
        {
            await archive.Write(stream, cancel);
        }
        catch (ArchiveFullException)
        {
            return (-1, []);
        }

        var length = writer.Length;
        var blob = await writer.Complete(cancel);
        Step?.Invoke("archive sealed");
        var outcome = await home.Store.Commit(b => b.Insert(export with { File = blob }), cancel);
        return outcome.Refused is null ? (length, archive.Tally)
            : outcome.Refused == StorageProblems.Gone ? (0, [])
            : throw new StoreUnavailableException(outcome.Refused.Title);
    }

    private async Task<bool> Rectify(Home unit, Home home, SubjectRequest request, CancellationToken cancel)
    {
        var catalogue = unit.Administration!.Catalogue;
        while (request.PeopleDone < request.People.Count)
        {
            var person = request.People[request.PeopleDone];
            var tally = new List<KindTally>(request.Tally);
            foreach (var change in person.Handle.IsNone ? [] : request.Changes)
            {
                Step?.Invoke("rectify");
                var changed = await home.Subjects.Rectify(person.Handle, catalogue.Find(change.Kind)!, change.Member, JsonNode.Parse(change.Value), cancel);
                tally.Add(new KindTally(change.Kind, "own", changed));
            }

            if (await Save(unit, request with { PeopleDone = request.PeopleDone + 1, Tally = Sum(tally) }, null, cancel) is not { } saved)
            {
                return false;
            }

            request = saved;
        }

        return await Complete(unit, request, cancel);
    }

    /// <summary>
    /// Erases everyone whom no hold covers as a whole, each by themselves: of one human's identifiers, those that are not held do not wait for those that are. Whom a hold
    /// covers waits for its end; what holds keep of those who are erased, out of sight, goes when they end. Until then the request stands at restricted, and states nothing.
    /// </summary>
    private async Task<bool> Erase(Home unit, Home home, SubjectRequest request, CancellationToken cancel)
    {
        var isHeld = false;
        for (var at = 0; at < request.People.Count; at++)
        {
            var person = request.People[at];
            if (person.Handle.IsNone || person.ErasedOn is not null || (person.Key is null && await home.Subjects.FingerprintOf(person.Handle, cancel) is null))
            {
                continue;
            }

            if (person.Key is null && await home.Subjects.AreHeld(person.Handle, cancel))
            {
                isHeld = true;
                if (await Wait(unit, request, at, cancel) is not { } waiting)
                {
                    return false;
                }

                request = waiting;
                continue;
            }

            if (person.Key is null && await home.Subjects.FingerprintOf(person.Handle, cancel) is { } fingerprint)
            {
                // What there is, and under which key, is written down while it can still be known.
                Step?.Invoke("count");
                person = person with { Key = fingerprint, Counted = TallyOf(await home.Subjects.Count(person.Handle, cancel)), Obstacle = null };
                if (await Save(unit, With(request, at, person) with { State = SubjectRequestState.Running, Obstacle = null }, null, cancel) is not { } prepared)
                {
                    return false;
                }

                request = prepared;
            }

            Step?.Invoke("erase");
            if (await home.Subjects.FingerprintOf(person.Handle, cancel) is not null && !await home.Subjects.AreBeingRemoved(person.Handle, cancel)
                && await Erase(home, person.Handle, request, cancel) is { } refused)
            {
                if (!StorageProblems.IsHeld(refused))
                {
                    // Somebody else began it at the same moment, and the housekeeping ends it.
                    return false;
                }

                // A hold came in between, so what was counted is counted again when it ends.
                isHeld = true;
                if (await Wait(unit, request, at, cancel) is not { } waiting)
                {
                    return false;
                }

                request = waiting;
                continue;
            }

            if (await home.Subjects.FingerprintOf(person.Handle, cancel) is not null)
            {
                // Begun; the housekeeping holds back what is to be kept, and then destroys the key.
                return false;
            }

            Step?.Invoke("erased");
            var erased = With(request, at, person with { ErasedOn = clock.GetUtcNow(), Counted = null }) with { Tally = Sum([.. request.Tally, .. person.Counted ?? []]) };
            if (await Save(unit, erased with { PeopleDone = DoneOf(erased) }, null, cancel) is not { } saved)
            {
                return false;
            }

            request = saved;
        }

        if (await Follow(unit, home, request, cancel) is not { } followed)
        {
            return false;
        }

        request = followed;
        if (isHeld || request.People.Any(person => person.Held is not null))
        {
            // Looked at again and again while a hold lasts, it is written once.
            return request.State == SubjectRequestState.Restricted
                || await Save(unit, request with { State = SubjectRequestState.Restricted, Obstacle = StorageProblems.HeldType }, null, cancel) is not null;
        }

        Step?.Invoke("state");
        var statement = JsonSerializer.Serialize(Statement(unit, request), SubjectJson.Default.ErasureStatement);
        return await Complete(unit, request with { Statement = statement }, cancel);
    }

    /// <summary>Notes what holds keep of those who are erased.</summary>
    /// <returns>The request as it is now; null when it is not known yet, or somebody else changed the request.</returns>
    private async Task<SubjectRequest?> Follow(Home unit, Home home, SubjectRequest request, CancellationToken cancel)
    {
        foreach (var person in Known(request))
        {
            if (await home.Subjects.AreBeingRemoved(person.Handle, cancel))
            {
                return null;
            }

            var kept = person.ErasedOn is null ? [] : TallyOf(await home.Restrictions.Count(person.Handle, cancel));
            if (kept.SequenceEqual(person.Held ?? []))
            {
                continue;
            }

            Step?.Invoke("kept");
            var at = request.People.Index().First(each => each.Item.Handle == person.Handle).Index;
            var noted = With(request, at, request.People[at] with { Held = kept.Count == 0 ? null : kept, Obstacle = kept.Count == 0 ? null : StorageProblems.HeldType });
            if (await Save(unit, noted with { PeopleDone = DoneOf(noted) }, null, cancel) is not { } saved)
            {
                return null;
            }

            request = saved;
        }

        return request;
    }

    private static int DoneOf(SubjectRequest request) => request.People.Count(person => person.Handle.IsNone || (person.ErasedOn is not null && person.Held is null));

    /// <returns>The request with one person noted as held; null when somebody else changed it.</returns>
    private async Task<SubjectRequest?> Wait(Home unit, SubjectRequest request, int at, CancellationToken cancel)
    {
        var person = request.People[at];
        if (person is { Obstacle: not null, Key: null })
        {
            return request;
        }

        Step?.Invoke("held");
        return await Save(unit, With(request, at, person with { Key = null, Counted = null, Obstacle = StorageProblems.HeldType }), null, cancel);
    }

    private static async Task<Problem?> Erase(Home home, SubjectRef person, SubjectRequest request, CancellationToken cancel)
    {
        // What listens for accounts, such as whoever checks tokens, hears of it at once.
        var hasAccount = await home.Store.Get<UserAccount>([person], cancel) is not null;
        var note = new AuditNote(AuditedAct.IdentityErased, NodeName) { Resource = request.ResourceId, Person = person, Detail = $"subject request {request.Id}" };
        return await home.EraseSubject(
            person,
            batch =>
            {
                if (hasAccount)
                {
                    batch.Delete<UserAccount>([person]);
                }

                batch.Audit(note);
            },
            cancel);
    }

    private ErasureStatement Statement(Home unit, SubjectRequest request)
    {
        var catalogue = unit.Administration!.Catalogue;
        var now = clock.GetUtcNow();
        var remains = new List<RemainingRecord>
        {
            new("orphan handles", "Rows that stay as tombstones, and older copies, may hold the random number that stood for the person. Nothing can say any more who that was."),
        };
        remains.AddRange(
            from tally in request.Tally
            let kind = catalogue.Find(tally.Kind)!
            where tally.Filing == "own" && kind.Erasure == ErasureRule.KeepUntilExpiry
            select new RemainingRecord(tally.Kind, kind.ErasureReason!));
        remains.AddRange(
            from tally in request.Tally
            where tally.Filing == "mentioned" && catalogue.Find(tally.Kind)!.Erasure != ErasureRule.Delete
            select new RemainingRecord(tally.Kind, "It is somebody else's record, or the geography's; its mention of the person is an orphan handle now."));
        var erasedOn = request.People.Select(person => person.ErasedOn).Max() ?? now;
        return new ErasureStatement(
            ErasureStatement.FormatName,
            request.Id,
            request.ResourceId,
            unit.Geography.Name,
            request.CreatedOn,
            now,
            [.. request.People.Select(person => new ErasedPerson(person.Type, person.Commitment, person.Key is not null, person.Key, person.ErasedOn))],
            [.. request.Tally.Where(tally => tally.Filing == "own").Select(tally => new ErasedKind(tally.Kind, catalogue.Find(tally.Kind)!.Erasure.ToString(), tally.Records))],
            remains,
            erasedOn + ClockMargin,
            (unit.KeyEpochEndsOn > now ? unit.KeyEpochEndsOn : now) + ClockMargin,
            [
                "Copies of the key store that were made before the second date open what they hold until they are destroyed; one that is restored is erased again, by the erasure ledger, before it serves.",
                "Found were records that are filed under the given identifiers. What others wrote about the person in their own words is out of automatic reach.",
                "Copies that left the platform, such as on a recipient's device, are not covered.",
                "Records were counted just before the key was destroyed.",
            ]);
    }

    private async Task<bool> Complete(Home unit, SubjectRequest request, CancellationToken cancel)
    {
        Step?.Invoke("complete");
        var entry = unit.NextAuditEntry();
        var note = new AuditNote(AuditedAct.SubjectRequestCompleted, NodeName)
        {
            Resource = request.ResourceId,
            Entry = entry,
            Detail = request.Statement is { } statement ? SubjectReceipt.DetailOf(statement) : $"{request.Kind} {request.Id}",
            Count = request.Tally.Sum(tally => tally.Records),
        };
        return await Save(unit, request with { State = SubjectRequestState.Completed, PeopleDone = request.People.Count, Obstacle = null, CompletedOn = clock.GetUtcNow(), Entry = entry, Changes = [] }, note, cancel) is not null;
    }

    /// <returns>The request as it is now; null when somebody else changed it.</returns>
    private static async Task<SubjectRequest?> Save(Home unit, SubjectRequest request, AuditNote? note, CancellationToken cancel)
    {
        var outcome = await unit.Store.Commit(b => _ = note is null ? b.Put(request) : b.Put(request).Audit(note), cancel);
        return outcome.Refused is null ? request with { Version = request.Version + 1 }
            : outcome.Refused == StorageProblems.Changed || outcome.Refused == StorageProblems.Missing ? null
            : throw new StoreUnavailableException(outcome.Refused.Title);
    }

    /// <summary>The request with what became of a person, under every identifier of the request that is theirs.</summary>
    private static SubjectRequest With(SubjectRequest request, int at, RequestedPerson person) => request with
    {
        People =
        [
            .. request.People.Select((each, i) => i == at ? person
                : each.Handle == person.Handle ? each with { Key = person.Key, ErasedOn = person.ErasedOn, Held = person.Held, Obstacle = person.Obstacle }
                : each),
        ],
    };

    private static IEnumerable<RequestedPerson> Known(SubjectRequest request) => request.People.Where(person => !person.Handle.IsNone).DistinctBy(person => person.Handle);

    private static IReadOnlyList<KindTally> TallyOf(IReadOnlyList<SubjectCount> counts) =>
        [.. counts.Select(count => new KindTally(count.Kind.Name, count.Filing.ToString().ToLowerInvariant(), count.Records))];

    private static IReadOnlyList<KindTally> Sum(IEnumerable<KindTally> tally) =>
        [.. tally.GroupBy(each => (each.Kind, each.Filing)).Select(same => new KindTally(same.Key.Kind, same.Key.Filing, same.Sum(each => each.Records)))];

    [LoggerMessage(3301, LogLevel.Error, "{Geography}: subject requests could not be carried out and are tried again")]
    private partial void LogFault(Exception fault, string geography);

    [LoggerMessage(3302, LogLevel.Warning, "{Geography}: subject requests wait for the store: {Reason}")]
    private partial void LogUnavailable(string geography, string reason);
}
