using Domicile.Modules.Http;
using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary>Moves everything of a source into a resource, several threads at a time, and then compares the two sides.</summary>
internal sealed class ImportRun(ITransferSource source, TransferTarget target, RunState? state, TransferLimitsOfRun limits, Progress progress) : IDisposable
{
    private const int BatchBytes = 4 * 1024 * 1024;
    private readonly SemaphoreSlim oneAtATime = new(1, 1);
    private readonly List<string> notes = [];

    /// <inheritdoc/>
    public void Dispose() => oneAtATime.Dispose();

    /// <summary>Reads everything and writes nothing.</summary>
    public async Task<DryRun> Count(CancellationToken cancel)
    {
        var (users, threads, messages, failed) = (new HashSet<string>(StringComparer.Ordinal), 0, 0L, new System.Collections.Concurrent.ConcurrentQueue<string>());
        await foreach (var user in source.Users(cancel))
        {
            users.Add(user.Id);
        }

        await EachThread(
            async (thread, cancel) =>
            {
                var read = await thread.Read(cancel);
                lock (users)
                {
                    users.UnionWith(read.Users.Where(IsUser));
                    threads++;
                    messages += read.Messages.Count;
                }

                foreach (var unreadable in read.Unreadable)
                {
                    failed.Enqueue($"{thread.Id}: {unreadable}");
                }

                progress.Done(read.Messages.Count);
            },
            (thread, failure) => failed.Enqueue($"{thread.Id}: {failure}"),
            cancel);
        var numbers = await source.PhoneNumbers(cancel);
        return new DryRun(users.Count, threads, messages, numbers.Count, [.. source.Notes, .. failed]);
    }

    /// <summary>Brings everything in that is not there yet.</summary>
    public async Task Move(int idleDays, CancellationToken cancel)
    {
        await target.Begin(idleDays, cancel);
        var waiting = new List<TransferUser>();
        await foreach (var user in source.Users(cancel))
        {
            waiting.Add(user);
            if (waiting.Count == TransferLimits.Users)
            {
                await BringIn(waiting, cancel);
                waiting = [];
            }
        }

        await BringIn(waiting, cancel);
        await EachThread(
            async (thread, cancel) =>
            {
                if (state!.IsDone(thread.Id))
                {
                    progress.Skipped();
                    return;
                }

                var result = await Move(await thread.Read(cancel), cancel);
                state.Add(result);
            },
            (thread, failure) => state!.Add(new ThreadResult(thread.Id) { Failure = failure }),
            cancel);
    }

    /// <summary>Reads everything back, and compares it with what the source had.</summary>
    public async Task<Report> Compare(string reason, DateTimeOffset now, CancellationToken cancel)
    {
        var results = state!.Threads.ToDictionary(result => result.Id, StringComparer.Ordinal);
        var compared = new System.Collections.Concurrent.ConcurrentDictionary<string, ThreadComparison>(StringComparer.Ordinal);
        var others = 0;
        progress.Next("comparing");
        await Parallel.ForEachAsync(target.Threads(reason, cancel), new ParallelOptions { MaxDegreeOfParallelism = limits.AtOnce, CancellationToken = cancel }, async (thread, cancel) =>
        {
            if (!results.TryGetValue(thread.Id, out var result))
            {
                Interlocked.Increment(ref others);
                return;
            }

            using var draft = ThreadManifest.Of(thread);
            await foreach (var message in target.Messages(reason, thread.Id, cancel))
            {
                draft.Add(message);
                progress.Messages(1);
            }

            compared[thread.Id] = ThreadComparison.Of(result, draft.End());
            progress.Done(0);
        });
        foreach (var missing in results.Values.Where(result => !compared.ContainsKey(result.Id)))
        {
            compared[missing.Id] = ThreadComparison.Of(missing, null);
        }

        var threads = compared.Values.OrderBy(thread => thread.Id, StringComparer.Ordinal).ToList();
        var numbers = await source.PhoneNumbers(cancel);
        return new Report(now, source.Kind, target.Resource.Name, target.Resource.Geography, threads, [.. source.Notes, .. notes], others) { PhoneNumbers = numbers };
    }

    private async Task EachThread(Func<SourceThread, CancellationToken, Task> move, Action<SourceThread, string> failed, CancellationToken cancel)
    {
        await Parallel.ForEachAsync(source.Threads(cancel), new ParallelOptions { MaxDegreeOfParallelism = limits.AtOnce, CancellationToken = cancel }, async (thread, cancel) =>
        {
            try
            {
                await move(thread, cancel);
            }
            catch (AcsRefused refused)
            {
                failed(thread, refused.Message);
                progress.Done(0);
            }
        });
    }

    private async Task<ThreadResult> Move(ReadThread read, CancellationToken cancel)
    {
        await BringIn([.. read.Users.Where(IsUser).Select(user => new TransferUser(user))], cancel);
        using var draft = ThreadManifest.Of(read.Thread);
        var (written, changed, refused, cleaned) = (0, 0, new List<string>(), new List<string>());
        var thread = read.Thread;
        foreach (var part in Parts(read.Messages))
        {
            var reply = await target.Thread(thread, part, cancel);
            written += reply.Written;
            changed += reply.Changed;
            refused.AddRange(reply.Refused.Select(fault => $"{fault.Id}: {fault.Reason}"));
            cleaned.AddRange(reply.Cleaned);
            foreach (var message in part)
            {
                draft.Add(message);
            }

            // What is the thread's own came with the first part.
            thread = thread with { Participants = null, Receipts = null };
            progress.Messages(part.Count);
        }

        progress.Done(0);
        return new ThreadResult(read.Thread.Id)
        {
            Source = draft.End(),
            Written = written,
            Changed = changed,
            Refused = refused,
            Cleaned = cleaned,
            Unreadable = read.Unreadable,
            Unmapped = read.Unmapped,
            Attachments = read.Attachments,
        };
    }

    private async Task BringIn(IReadOnlyList<TransferUser> users, CancellationToken cancel)
    {
        if (users.All(user => state!.Has(user.Id)))
        {
            return;
        }

        await oneAtATime.WaitAsync(cancel);
        try
        {
            foreach (var some in users.Where(user => !state!.Has(user.Id)).Chunk(TransferLimits.Users))
            {
                var reply = await target.Users(some, cancel);
                lock (notes)
                {
                    notes.AddRange(reply.Refused.Select(fault => $"User {fault.Id} was not brought in: {fault.Reason}"));
                }

                state!.Add(some.Select(user => user.Id).Except(reply.Refused.Select(fault => fault.Id)));
            }
        }
        finally
        {
            oneAtATime.Release();
        }
    }

    /// <summary>Whoever was erased at the source is nobody, and not brought in.</summary>
    private bool IsUser(string id) =>
        CommunicationIdentifier.IsUserOf(source.Resource, id) && !id.Equals(CommunicationIdentifier.ErasedIdOf(source.Resource), StringComparison.OrdinalIgnoreCase);

    /// <summary>At least one part, so that a thread without messages comes too.</summary>
    private static IEnumerable<IReadOnlyList<TransferMessage>> Parts(IReadOnlyList<TransferMessage> messages)
    {
        var part = new List<TransferMessage>();
        var bytes = 0;
        foreach (var message in messages)
        {
            var size = 1_024 + (6 * (message.Content?.Length ?? 0)) + (message.Metadata?.Sum(pair => 6 * (pair.Key.Length + pair.Value.Length)) ?? 0);
            if (part.Count == TransferLimits.Messages || (part.Count > 0 && bytes + size > BatchBytes))
            {
                yield return part;
                (part, bytes) = ([], 0);
            }

            part.Add(message);
            bytes += size;
        }

        if (part.Count > 0 || messages.Count == 0)
        {
            yield return part;
        }
    }
}

/// <summary>What a run would move.</summary>
internal sealed record DryRun(int Users, int Threads, long Messages, int PhoneNumbers, IReadOnlyList<string> Unreadable);
