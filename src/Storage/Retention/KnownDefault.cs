using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>The default of a kind's rule as this store knows it. When a version of the program brings another, resources of before keep theirs.</summary>
[Record("storage.defaultRule", DataCategory.Configuration, Retention.UntilDeleted, Note = "So that a new version of the program changes nobody's rule.")]
public sealed record KnownDefault
{
    private const int Take = 1_000;

    /// <summary>The kind.</summary>
    [Key]
    public required string Kind { get; init; }

    /// <summary>Days; 0 for no limit.</summary>
    [Plain("compared with the declaration at each start")]
    public required int Days { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>
    /// Gives every resource that set no rule the default that it had, as a rule of its own, before the new default is known. Begun again after a crash, it goes on.
    /// </summary>
    internal static async Task Keep(ScaleUnit unit, CancellationToken cancel)
    {
        if (unit.Catalogue.Find(typeof(KnownDefault)) is null)
        {
            return;
        }

        foreach (var kind in unit.Catalogue.Kinds.Where(kind => kind.Choice is not null))
        {
            var days = kind.Choice!.DefaultDays;
            var known = await unit.Own.Store.Get<KnownDefault>([kind.Name], cancel);
            if (known is null)
            {
                await Commit(unit.Own, b => b.Insert(new KnownDefault { Kind = kind.Name, Days = days }), cancel);
            }
            else if (known.Days != days)
            {
                await foreach (var home in Homes(unit, cancel))
                {
                    if (await home.Store.Get<RetentionRule>([kind.Name], cancel) is null)
                    {
                        await Commit(home, b => b.Insert(new RetentionRule { Kind = kind.Name, Days = known.Days }), cancel);
                    }
                }

                await Commit(unit.Own, b => b.Put(known with { Days = days }), cancel);
            }
        }
    }

    private static async Task Commit(Home home, Action<Batch> build, CancellationToken cancel)
    {
        // Another node that starts at the same moment does the same; a resource that goes meanwhile needs no rule.
        var outcome = await home.Store.Commit(build, cancel);
        if (outcome.Refused is { } refused && refused != StorageProblems.Exists && refused != StorageProblems.Changed && refused != StorageProblems.Gone)
        {
            throw new StoreUnavailableException(refused.Title);
        }
    }

    private static async IAsyncEnumerable<Home> Homes(ScaleUnit unit, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var after = 0L;
        while (await Page(unit, after, cancel) is { Count: > 0 } page)
        {
            foreach (var (number, id) in page)
            {
                after = number;
                if (await unit.FindHome(id, cancel) is { } home)
                {
                    yield return home;
                }
            }
        }
    }

    private static ValueTask<List<(long Number, Guid Id)>> Page(ScaleUnit unit, long after, CancellationToken cancel) =>
        unit.Own.Store.Query(
            async (connection, cancel) =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT number, id FROM engine_resource WHERE number > @after ORDER BY number LIMIT @take";
                command.Add("@after", after);
                command.Add("@take", (long)Take);

                var page = new List<(long, Guid)>();
                using var rows = await command.ExecuteReaderAsync(cancel);
                while (await rows.ReadAsync(cancel))
                {
                    page.Add((rows.GetInt64(0), new Guid(rows.GetFieldValue<byte[]>(1), bigEndian: true)));
                }

                return page;
            },
            cancel);
}
