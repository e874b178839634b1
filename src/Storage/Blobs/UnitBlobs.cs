using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Blobs;

/// <summary>
/// The sealed files of a scale unit, and their end. The database notes, in the transaction in which a row goes or names another file, that its file is to go;
/// the collector removes what was noted. What a crash left between a file and its record, it finds by comparing the directory with the rows.
/// </summary>
/// <param name="files">Where the files rest.</param>
/// <param name="engine">Where the rows rest.</param>
/// <param name="catalogue">The kinds.</param>
/// <param name="clock">Dates the files.</param>
internal sealed class UnitBlobs(IBlobFiles files, IStoreEngine engine, Catalogue catalogue, TimeProvider clock)
{
    /// <summary>How long a file may lie there before a record names it; older ones that none names are collected.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    /// <summary>A batch must have this much of the grace left when it begins, so that it is durable before the collector looks: a batch takes seconds at most.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(10);

    private const int Piece = 200;

    /// <summary>Where the files rest.</summary>
    public IBlobFiles Files => files;

    /// <summary>Asked before each piece of a collection; throws when another node does this work now.</summary>
    public Func<CancellationToken, ValueTask> Keep { get; set; } = _ => ValueTask.CompletedTask;

    /// <summary>For tests: called with the name of each step of a collection as it begins.</summary>
    public Action<string>? Step { get; set; }

    /// <summary>Whether a batch may write this: the file that it names is fresh, or is the record's already.</summary>
    public async ValueTask<bool> MayWrite(Write write, CancellationToken cancel)
    {
        if (write.Kind.BlobColumn < 0 || write.What == WriteKind.Delete || BlobOf(write.Values[write.Kind.BlobColumn]) is not { } blob)
        {
            return true;
        }

        return (await files.PublishedOn(blob, cancel) is { } on && clock.GetUtcNow() - on < Grace - Margin)
            || (write.What == WriteKind.Put && await IsNamed(blob, cancel));
    }

    /// <summary>Whether a row names the file.</summary>
    public async ValueTask<bool> IsNamed(BlobRef blob, CancellationToken cancel) => (await Named([blob], cancel)).Count > 0;

    /// <summary>Removes the files whose rows went; while a backup needs what lies there, none.</summary>
    /// <returns>How many.</returns>
    public async Task<int> CollectGone(CancellationToken cancel)
    {
        var removed = 0;
        while (await engine.GoneBlobs(Piece, cancel) is { Count: > 0 } gone)
        {
            await Keep(cancel);
            var named = await Named(gone, cancel);
            if (files.AreHeld())
            {
                break;
            }

            foreach (var blob in gone.Where(blob => !named.Contains(blob)))
            {
                Step?.Invoke("a file whose row went");
                await files.Remove(blob, cancel);
                removed++;
            }

            Step?.Invoke("the note of files that went");
            await engine.ForgetBlobs(gone, cancel);
        }

        return removed;
    }

    /// <summary>Compares the directory with the rows, and removes what no record names and is older than the grace; while a backup needs what lies there, nothing.</summary>
    /// <returns>How many.</returns>
    public async Task<int> CollectOrphans(CancellationToken cancel)
    {
        var removed = await files.RemoveDrafts(clock.GetUtcNow() - Grace, cancel);
        await foreach (var orphan in Orphans(Grace, Keep, cancel))
        {
            if (files.AreHeld())
            {
                break;
            }

            Step?.Invoke("a file that nothing names");
            await files.Remove(orphan, cancel);
            removed++;
        }

        return removed;
    }

    /// <summary>The files that no record names and that are older than so long.</summary>
    public IAsyncEnumerable<BlobRef> Orphans(TimeSpan age, CancellationToken cancel) => Orphans(age, _ => ValueTask.CompletedTask, cancel);

    private async IAsyncEnumerable<BlobRef> Orphans(
        TimeSpan age, Func<CancellationToken, ValueTask> keep, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var (old, seen) = (new List<BlobRef>(Piece), 0);
        var due = clock.GetUtcNow() - age;
        await foreach (var (blob, on) in files.List(cancel))
        {
            if (seen++ % Piece == 0)
            {
                await keep(cancel);
            }

            if (on < due)
            {
                old.Add(blob);
            }

            if (old.Count == Piece)
            {
                foreach (var orphan in await Unnamed(old, cancel))
                {
                    yield return orphan;
                }

                old.Clear();
            }
        }

        foreach (var orphan in await Unnamed(old, cancel))
        {
            yield return orphan;
        }
    }

    private static BlobRef? BlobOf(ColumnValue value) => value.IsNull ? null : new BlobRef(new Guid(value.Bytes!, bigEndian: true));

    private async ValueTask<List<BlobRef>> Unnamed(List<BlobRef> blobs, CancellationToken cancel)
    {
        var named = await Named(blobs, cancel);
        return [.. blobs.Where(blob => !named.Contains(blob))];
    }

    private ValueTask<HashSet<BlobRef>> Named(IReadOnlyCollection<BlobRef> blobs, CancellationToken cancel)
    {
        var kinds = catalogue.Kinds.Where(kind => kind.BlobColumn >= 0).ToList();
        return kinds.Count == 0 || blobs.Count == 0
            ? new(new HashSet<BlobRef>())
            : engine.Query(
                async (connection, cancel) =>
                {
                    var named = new HashSet<BlobRef>();
                    foreach (var kind in kinds)
                    {
                        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                        command.CommandText = $"SELECT 1 FROM {kind.Table} WHERE {kind.Columns[kind.BlobColumn].Name} = @blob";
#pragma warning restore CA2100
                        var parameter = command.Add("@blob", null);
                        foreach (var blob in blobs)
                        {
                            parameter.Value = blob.Id.ToByteArray(bigEndian: true);
                            if (await command.ExecuteScalarAsync(cancel) is not null)
                            {
                                named.Add(blob);
                            }
                        }
                    }

                    return named;
                },
                cancel);
    }
}
