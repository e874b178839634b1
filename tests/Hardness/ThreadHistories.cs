using System.Collections.Concurrent;
using System.Diagnostics;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>Plays random histories, a few at once.</summary>
internal static class ThreadHistories
{
    private const int AtOnce = 4;

    /// <param name="nodes">Ways to one resource.</param>
    /// <param name="histories">How many.</param>
    public static async Task Play(IReadOnlyList<Wire> nodes, int histories)
    {
        var seed = Seed.Take();
        var watch = Stopwatch.StartNew();
        var messages = 0;
        var people = new ConcurrentQueue<WireUser[]>(await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ => await NewPeople(nodes))));
        await Parallel.ForEachAsync(Enumerable.Range(0, histories), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            Assert.True(people.TryDequeue(out var users));
            Interlocked.Add(ref messages, await new ThreadHistory(nodes, users, seed, i).Play());
            people.Enqueue(users);
        });
        Remark.Say($"{histories} histories on {nodes.Count} nodes, {messages} messages in their transcripts, {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static async Task<WireUser[]> NewPeople(IReadOnlyList<Wire> nodes) =>
        await Task.WhenAll(Enumerable.Range(0, ThreadHistory.People).Select(i => nodes[i % nodes.Count].NewUser()));
}
