using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>Why something is held, until when without another look, and who says so.</summary>
/// <param name="Reason">1 to 1,024 characters.</param>
/// <param name="ReviewOn">When somebody is to look whether it is still needed.</param>
/// <param name="Note">What the audit log says of it; its actor is the author.</param>
public sealed record HoldTerms(string Reason, DateTimeOffset ReviewOn, AuditNote Note);

/// <summary>The holds of one resource: placing, finding, releasing.</summary>
public sealed class Holds
{
    /// <summary>Holds of one resource at most.</summary>
    public const int Most = 10_000;

    private readonly Home _home;
    private readonly ScaleUnit _unit;

    internal Holds(Home home, ScaleUnit unit)
    {
        _home = home;
        _unit = unit;
    }

    /// <summary>Holds everything of the resource, which then cannot be deleted either.</summary>
    public ValueTask<(Hold? Placed, Problem? Refused)> OnResource(HoldTerms terms, CancellationToken cancel) =>
        Place(Hold.Resource, SubjectRef.None, null, 0, terms, cancel);

    /// <summary>Holds the records of a person, and what they lie in.</summary>
    /// <returns>The hold, or why it was refused; a person whose erasure has begun cannot be held any more.</returns>
    public ValueTask<(Hold? Placed, Problem? Refused)> OnSubject(SubjectRef person, HoldTerms terms, CancellationToken cancel) =>
        Place(Hold.Subject, person, null, 0, terms, cancel);

    /// <summary>Holds a root, such as a thread, and everything below it.</summary>
    /// <returns>The hold, or why it was refused; a root that was deleted cannot be held any more.</returns>
    public ValueTask<(Hold? Placed, Problem? Refused)> OnRoot(RecordKind kind, long root, HoldTerms terms, CancellationToken cancel) =>
        kind.Children.Count == 0
            ? throw new ArgumentException($"{kind.Name} has nothing below it.", nameof(kind))
            : Place(kind.Name, SubjectRef.None, kind, root, terms, cancel);

    /// <summary>The kinds that can be held by the name under which requests know them: roots with a unique name of their own.</summary>
    public static IReadOnlyList<RecordKind> NamedRoots(Catalogue catalogue) => [.. catalogue.Kinds.Where(kind => kind.Children.Count > 0 && NameOf(kind) >= 0)];

    /// <summary>The key of a root by its name, or null.</summary>
    public async ValueTask<long?> FindRoot(RecordKind kind, string name, CancellationToken cancel) =>
        await _unit.Engine.Lookup(kind, _home.Resource.Number, NameOf(kind), ColumnValue.Of(name), 1, cancel) is [var row] ? row.Values[kind.ReferenceColumn].Number : null;

    /// <summary>The name of a root by its key; null when it has none.</summary>
    public async ValueTask<string?> NameOf(RecordKind kind, long root, CancellationToken cancel) =>
        NameOf(kind) is >= 0 and var column && await _unit.Engine.Get(kind, _home.Resource.Number, [root], cancel) is { } row ? row.Values[column].Text : null;

    /// <summary>Holds in the order of what they cover, then of their ids.</summary>
    /// <param name="after">What the last one that was read covers, and its id; null to begin.</param>
    /// <param name="take">Holds at most, 1–1,000.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<List<Hold>> List((string Covers, Guid Id)? after, int take, CancellationToken cancel)
    {
        List<Hold> listed = after is { } last ? await _home.Store.Range<Hold>(ColumnValue.Of(last.Covers)).After(last.Id).Take(take).Open(cancel) : [];
        if (listed.Count < take)
        {
            listed.AddRange(await _home.Store.Range<Hold>().After(after is { } done ? ColumnValue.Of(done.Covers) : (ColumnValue?)null).Take(take - listed.Count).Open(cancel));
        }

        return listed;
    }

    /// <summary>The hold of an id, or null.</summary>
    public async ValueTask<Hold?> Find(Guid id, CancellationToken cancel)
    {
        foreach (var covers in (string[])[Hold.Resource, Hold.Subject, .. _unit.Catalogue.Kinds.Where(kind => kind.Children.Count > 0).Select(kind => kind.Name)])
        {
            if (await _home.Store.Get<Hold>([ColumnValue.Of(covers), id], cancel) is { } hold)
            {
                return hold;
            }
        }

        return null;
    }

    /// <summary>Releases a hold: from then on what it covered goes by its rules again, at once where its time has come.</summary>
    /// <returns>Why it was refused, or null.</returns>
    public async ValueTask<Problem?> Release(Hold hold, AuditNote note, CancellationToken cancel)
    {
        var outcome = await _home.Store.Commit(
            b => b.Delete<Hold>([ColumnValue.Of(hold.Covers), hold.Id], StorageProblems.Missing).Audit(note with { Person = hold.Person, Detail = Describe(hold) }), cancel);
        return outcome.Refused;
    }

    private async ValueTask<(Hold? Placed, Problem? Refused)> Place(string covers, SubjectRef person, RecordKind? kind, long root, HoldTerms terms, CancellationToken cancel)
    {
        if (await RecordCount.Of(_home.Store, _unit.Catalogue.Of<Hold>(), Most, cancel) >= Most)
        {
            return (null, StorageProblems.TooManyHolds);
        }

        var hold = new Hold
        {
            Covers = covers,
            Id = Guid.CreateVersion7(_unit.Clock.GetUtcNow()),
            Person = person,
            Root = root,
            PlacedOn = _unit.Clock.GetUtcNow(),
            ReviewOn = terms.ReviewOn,
            Reason = terms.Reason,
            Author = terms.Note.Actor,
            AuthorRole = terms.Note.Role,
            AuthorCredential = terms.Note.Credential,
        };
        var outcome = await _home.Store.Commit(
            b =>
            {
                if (kind is not null)
                {
                    b.LockRoot(kind, root, StorageProblems.Missing);
                }

                b.Insert(hold).Audit(terms.Note with { Person = person, Reason = terms.Reason, Detail = Describe(hold) });
            },
            cancel);
        return outcome.Refused is { } refused ? (null, refused) : (hold, null);
    }

    private static string Describe(Hold hold) => hold.Root == 0 ? $"hold {hold.Id:D}, covers the {hold.Covers}" : $"hold {hold.Id:D}, covers {hold.Covers} {hold.Root:x16}";

    private static int NameOf(RecordKind kind)
    {
        var named = kind.Indexes.FirstOrDefault(index => index.Unique && index.Columns.Length == 1)?.Columns[0];
        var column = named is null ? -1 : kind.Columns.TakeWhile(column => column.Member != named).Count();
        return column >= 0 && kind.Columns[column].Type == ColumnType.Text ? column : -1;
    }
}
