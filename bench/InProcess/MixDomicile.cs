using System.Globalization;
using System.Text.Json.Nodes;
using Domicile.Modules.Audit;
using Domicile.Modules.Chat;
using Domicile.Modules.Privacy;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;
using Microsoft.Extensions.Logging.Abstractions;
using static Domicile.Bench.InProcess.MixCheck;

namespace Domicile.Bench.InProcess;

/// <summary>The mix on Domicile's store, by the batches and searches of its modules, with housekeeping, subject requests and the audit log at work in the background.</summary>
internal sealed class MixDomicile : IMixStore
{
    private const string Objects = "objects";
    private static readonly AuditNote Note = new(AuditedAct.RuleChanged, "node");
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<int, Guid> _erasures = [];
    private readonly Dictionary<int, List<StoredRow>> _copies = [];
    private readonly Lock _gate = new();
    private readonly Place _place;
    private readonly GeographyAudit _audit;
    private readonly SubjectRequests _requests;
    private MixPlan _plan = null!;
    private SubjectRef[] _people = [];
    private string[] _ids = [];
    private Ref<ChatThread>[] _threads = [];
    private long[][] _messages = [];
    private Task _background = Task.CompletedTask;

    private MixDomicile(Place place, GeographyAudit audit)
    {
        (_place, _audit, _requests) = (place, audit, new SubjectRequests(TimeProvider.System));
        _requests.Prepare([place.Unit.Own]);
    }

    private Home Home => _place.Home;

    private HomeStore Store => _place.Home.Store;

    public static async Task<MixDomicile> Open()
    {
        var place = await Place.Open();
        return new MixDomicile(place, await GeographyAudit.Open(place.Unit.Own, TimeProvider.System, NullLogger.Instance, CancellationToken.None));
    }

    public async Task Load(MixPlan plan)
    {
        _plan = plan;
        var size = plan.Size;
        (_people, _ids, _threads, _messages) = (new SubjectRef[size.People], new string[size.People], new Ref<ChatThread>[size.Threads], new long[size.Threads][]);
        await Parallel.ForAsync(0, size.People, Many, async (person, cancel) =>
        {
            var (subject, id, _) = await _place.Person();
            (_people[person], _ids[person]) = (subject, id);
        });
        var begun = TimeProvider.System.GetUtcNow().AddDays(-10).ToUnixTimeMilliseconds();
        await Parallel.ForAsync(0, size.Threads, Many, async (thread, cancel) =>
        {
            _threads[thread] = await _place.Thread([.. Enumerable.Range(0, MixSize.Members).Select(place => _people[size.Member(thread, place)])]);
            var outcome = Checked(await Store.Commit(
                b =>
                {
                    for (var message = 0; message < size.MessagesInThread; message++)
                    {
                        b.Append(Place.Message(_threads[thread], _people[size.SenderOf(thread, message)], plan.Loaded[thread][message] ?? "erased before") with { Id = begun + message });
                    }
                },
                cancel));
            _messages[thread] = [.. outcome.Appended.Select(appended => appended.Arrival)];
        });
        foreach (var person in plan.Erased)
        {
            _copies[person] = await Copies(person);
        }

        _requests.Start();
        _background = Task.Run(Background);
        foreach (var step in plan.Before)
        {
            await Do(step);
        }

        await Settle();
        _place.Unit.Housekeeping.Wake();
    }

    public async ValueTask Do(MixStep step)
    {
        switch (step.Act)
        {
            case MixAct.ReadAll:
                await foreach (var record in Home.Subjects.Of(_people[step.Person], CancellationToken.None))
                {
                    Sure(record.Filing == SubjectFiling.Mentioned || record.Content is not null, "A record of a living person does not open.");
                }

                break;
            case MixAct.ReadMembership:
                Sure(await Membership(step) is not null, "A membership is missing.");
                break;
            case MixAct.Edit:
                await Change(step, message => message with { Content = step.Text, EditedOn = TimeProvider.System.GetUtcNow() });
                break;
            case MixAct.Delete:
                await Change(step, message => message with { Content = null, SenderDisplayName = null, DeletedOn = TimeProvider.System.GetUtcNow() });
                break;
            case MixAct.Object:
                var membership = (await Membership(step))!;
                Checked(await Store.Commit(
                    b => b.Lock(_threads[step.Thread], ChatProblems.NoThread).Put(membership with { Metadata = new Dictionary<string, string> { [Objects] = step.Text } }, ChatProblems.NoLongerIn), CancellationToken.None));
                break;
            case MixAct.Read:
                Sure(await Store.Get<ChatMessage>([_threads[step.Thread], _messages[step.Thread][step.Message]], CancellationToken.None) is { Content: not null }, "A message is missing.");
                break;
            case MixAct.ReadUnlessObjected:
                var members = await Store.Range<ChatParticipant>(_threads[step.Thread]).Take(100).Open(CancellationToken.None);
                var objecting = members.Where(member => member.Metadata?.ContainsKey(Objects) == true).Select(member => member.Person).ToHashSet();
                var page = await Store.Range<ChatMessage>(_threads[step.Thread]).Descending().Take(50).Open(CancellationToken.None);
                Sure(page.Exists(message => !objecting.Contains(message.Sender)), "A page is empty.");
                break;
            case MixAct.Send:
                await _place.Send(_threads[step.Thread], _people[step.Person], step.Text);
                break;
            case MixAct.RemoveThread:
                Checked(await Store.Commit(b => b.Lock(_threads[step.Thread], ChatProblems.NoThread).Delete<ChatThread>([_threads[step.Thread]]), CancellationToken.None));
                break;
            case MixAct.Limit:
                Sure((await Home.Rules.Set("chat.message", _threads[step.Thread].Value, MixPlan.LimitDays, TimeSpan.Zero, Note, CancellationToken.None)).Refused is null, "A rule was refused.");
                break;
            case MixAct.Erase:
                await Erase(step.Person);
                break;
            case MixAct.SetEnd:
                var thread = (await Store.Get<ChatThread>([_threads[step.Thread]], CancellationToken.None))!;
                Checked(await Store.Commit(b => b.Put(thread with { DeleteAfterDays = 90, DeleteOn = TimeProvider.System.GetUtcNow().AddDays(90) }, ChatProblems.NoThread), CancellationToken.None));
                break;
            case MixAct.Rename:
                await Home.Subjects.Rectify(_people[step.Person], _place.Unit.Catalogue.Of<ChatParticipant>(), nameof(ChatParticipant.DisplayName), JsonValue.Create(step.Text), CancellationToken.None);
                break;
            case MixAct.Count:
                await Home.Subjects.Count(_people[step.Person], CancellationToken.None);
                break;
            case MixAct.ReadLog:
                var entries = await _place.Unit.Own.Store.Range<AuditEntry>(AuditDay.Of(TimeProvider.System.GetUtcNow())).Descending().Take(20).Open(CancellationToken.None);
                Sure(entries.Count > 0 && entries.TrueForAll(entry => entry.Content is not null), "The log does not open.");
                break;
            default:
                await Verify(step.Person);
                break;
        }
    }

    public async Task Settle()
    {
        Task Waiting() => Task.Delay(TimeSpan.FromMilliseconds(5));
        List<Guid> asked;
        lock (_gate)
        {
            asked = [.. _erasures.Values];
        }

        foreach (var id in asked)
        {
            while (await _requests.Find(Home, id, CancellationToken.None) is not { IsOver: true })
            {
                await Waiting();
            }
        }

        while (await _place.Unit.Housekeeping.Sweep(CancellationToken.None) + await _place.Unit.Housekeeping.Purge(CancellationToken.None) > 0)
        {
        }

        await _audit.Advance(now: true, CancellationToken.None);
    }

    public async Task<string> Check()
    {
        var (there, gone) = (0, 0);
        for (var thread = 0; thread < _plan.Size.Threads; thread++)
        {
            var expected = _plan.Removed.Contains(thread) ? [] : _plan.Limited.Contains(thread) ? _plan.Texts[thread].Skip(_plan.Size.MessagesInThread).ToList() : _plan.Texts[thread];
            var found = await Store.Range<ChatMessage>(_threads[thread]).Take(1_000).Open(CancellationToken.None);
            Sure(found.Select(message => message.Content).SequenceEqual(expected), $"Thread {thread} is not as it must be.");
            Sure(!found.Exists(message => message.Content is { } text && _plan.Gone.Contains(text)), "A text that must be gone is there.");
            Sure(!found.Exists(message => message.Content is null && message.DeletedOn is null && message.GoneOn is null), "A message without text does not say that it is gone.");
            (there, gone) = (there + expected.Count(text => text is not null), gone + expected.Count(text => text is null));
            Sure((await Store.Get<ChatThread>([_threads[thread]], CancellationToken.None) is null) == _plan.Removed.Contains(thread), "A thread is not as it must be.");
        }

        foreach (var ((person, thread), objection) in _plan.Objections)
        {
            Sure((await Store.Get<ChatParticipant>([_threads[thread], _people[person]], CancellationToken.None))?.Metadata?[Objects] == objection, "An objection was lost.");
        }

        foreach (var (person, name) in _plan.Names.Where(named => !_plan.Erased.Contains(named.Key)))
        {
            for (var place = 0; place < MixSize.ThreadsEach; place++)
            {
                var thread = _plan.Size.ThreadOf(person, place);
                Sure(_plan.Removed.Contains(thread) || (await Store.Get<ChatParticipant>([_threads[thread], _people[person]], CancellationToken.None))?.DisplayName == name, "A name is not as it was corrected.");
            }
        }

        var (proofs, copies) = (0, 0);
        foreach (var person in _plan.Erased)
        {
            await Verify(person);
            proofs++;
            Sure((await Home.Subjects.Count(_people[person], CancellationToken.None)).All(count => count.Kind.Category == DataCategory.Audit), "Something of an erased person is found.");
            Sure(await _place.Unit.Keys.Key(KeyName.Of(_people[person]), CancellationToken.None) is null, "The key of an erased person is there.");
            foreach (var copy in _copies[person])
            {
                // A copy of the row from before the erasure, as a backup has it.
                Sure(await _place.Unit.Sealer.Open(_place.Unit.Catalogue.Of<ChatMessage>(), copy, Home.Resource, CancellationToken.None) is null or { Content: null }, "A copy from before the erasure opens.");
                copies++;
            }
        }

        var acts = new Dictionary<int, int>();
        foreach (var day in await _place.Unit.Own.Store.Range<AuditDay>().Take(10).Open(CancellationToken.None))
        {
            ColumnValue? after = null;
            while (await _place.Unit.Own.Store.Range<AuditEntry>(day.Day).After(after).Take(1_000).Open(CancellationToken.None) is { Count: > 0 } entries)
            {
                entries.ForEach(entry => acts[entry.Act] = acts.GetValueOrDefault(entry.Act) + 1);
                after = entries[^1].Entry.Value;
            }
        }

        foreach (var (act, times) in ((AuditedAct, int)[])[(AuditedAct.SubjectRequestMade, proofs), (AuditedAct.IdentityErased, proofs), (AuditedAct.SubjectRequestCompleted, proofs), (AuditedAct.RuleChanged, Steps(MixAct.Limit))])
        {
            Sure(acts.GetValueOrDefault(act.Number) == times, $"Of {act.Name} there are {acts.GetValueOrDefault(act.Number)} entries, not {times}.");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"{there} texts as they must be, {gone} places without; {_plan.Removed.Count} threads and {proofs} people gone, {proofs} receipts prove it; {copies} copies of their rows do not open; {acts.Values.Sum()} entries of the audit log, each act there as often as it was done");
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _background;
        await _requests.DisposeAsync();
        _audit.Dispose();
        _stopping.Dispose();
        await _place.DisposeAsync();
    }

    private static ParallelOptions Many => new() { MaxDegreeOfParallelism = 64 };

    private static Outcome Checked(Outcome outcome) => outcome.Refused is null ? outcome : throw new InvalidOperationException(outcome.Refused.Title);

    private int Steps(MixAct act) => _plan.Steps.Sum(steps => steps.Count(step => step.Act == act));

    /// <summary>As the server does: rows go as soon as they may, and the log advances each second.</summary>
    private async Task Background()
    {
        for (var round = 0; !_stopping.IsCancellationRequested; round++)
        {
            await _place.Unit.Housekeeping.Purge(CancellationToken.None);
            if (round % 20 == 19)
            {
                await _place.Unit.Housekeeping.Sweep(CancellationToken.None);
                await _audit.Advance(now: false, CancellationToken.None);
            }

            await Task.Delay(Pace, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private ValueTask<ChatParticipant?> Membership(MixStep step) => Store.Get<ChatParticipant>([_threads[step.Thread], _people[step.Person]], CancellationToken.None);

    /// <summary>As the module changes a message.</summary>
    private async ValueTask Change(MixStep step, Func<ChatMessage, ChatMessage> change)
    {
        var (thread, person) = (_threads[step.Thread], _people[step.Person]);
        Sure(await Membership(step) is { RemovedOn: null }, "A membership is missing.");
        var message = await Store.Get<ChatMessage>([thread, _messages[step.Thread][step.Message]], CancellationToken.None);
        Sure(message is { DeletedOn: null } && message.Sender == person, "A message is missing.");
        Checked(await Store.Commit(
            b => b.Lock(thread, ChatProblems.NoThread).Require<ChatParticipant>([thread, person], ChatProblems.NoLongerIn).Put(change(message!), ChatProblems.NoMessage), CancellationToken.None));
    }

    /// <summary>As a privacy officer's request over HTTP writes it down; the rest goes on in the background.</summary>
    private async ValueTask Erase(int person)
    {
        if (!_copies.ContainsKey(person))
        {
            var copies = await Copies(person);
            lock (_gate)
            {
                _copies[person] = copies;
            }
        }

        var unit = _place.Unit.Own;
        var request = new SubjectRequest
        {
            ResourceId = Home.ResourceId,
            Number = unit.References.Next<SubjectRequest>().Value,
            Id = Guid.NewGuid(),
            State = SubjectRequestState.Pending,
            CreatedOn = TimeProvider.System.GetUtcNow(),
            Kind = SubjectRequestKind.Erase,
            Reason = "asked for by the person",
            Role = "privacy",
            Digest = "",
            People = [new RequestedPerson(Identifier.CommunicationUser, "", (await Home.FindSubject(new Identifier(Identifier.CommunicationUser, _ids[person]), CancellationToken.None))!.Value)],
        };
        Checked(await unit.Store.Commit(
            b => b.Insert(request).Audit(new AuditNote(AuditedAct.SubjectRequestMade, "privacy") { Resource = Home.ResourceId, Person = _people[person], Reason = request.Reason }), CancellationToken.None));
        lock (_gate)
        {
            _erasures[person] = request.Id;
        }
    }

    private async Task<List<StoredRow>> Copies(int person) =>
        [.. (await _place.Unit.Engine.Range(new RangePlan(_place.Unit.Catalogue.Of<ChatMessage>(), Home.Resource.Number, [_threads[_plan.Size.ThreadOf(person, 0)]], null, null, false, 100), CancellationToken.None))
            .Where(row => row.Values[_place.Unit.Catalogue.Of<ChatMessage>().OwnerColumn].Number == _people[person].Value).Take(2)];

    /// <summary>Nobody has the identifier, and the receipt holds: its entry is in the log under a signed checkpoint.</summary>
    private async ValueTask Verify(int person)
    {
        Sure(await Home.FindSubject(new Identifier(Identifier.CommunicationUser, _ids[person]), CancellationToken.None) is null, "An erased person is known.");
        var request = (await _requests.Find(Home, _erasures[person], CancellationToken.None))!;
        var own = _place.Unit.Own;
        var written = (await own.Store.Get<AuditEntry>([AuditDay.Of(request.CompletedOn!.Value), new Ref<AuditEntry>(request.Entry!.Value)], CancellationToken.None))!;
        var (number, index) = (await AuditTree.Find(own, request.Entry.Value, -1, new Dictionary<TileKey, AuditTile>(), CancellationToken.None))!.Value;
        var (log, newest) = ((await _audit.Find(number, CancellationToken.None))!, (await _audit.Newest(number, CancellationToken.None))!);
        var proof = await new AuditTree(own, number).Inclusion(index, newest.Size, CancellationToken.None);
        var receipt = new SubjectReceipt(
            SubjectReceipt.Complete,
            request.Statement!,
            new AuditProof(written.At, written.Act, Convert.ToBase64String(written.Salt!), written.Content!, index, newest.Size, [.. proof.Select(Convert.ToBase64String)], newest.Note, _audit.KeyOf(log).ToString()));
        Sure(!receipt.Faults().Any(), "A receipt does not hold.");
    }
}
