using System.Collections.Concurrent;
using System.Diagnostics;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// People do random things in a thread at the same time. Afterwards the founder, who was always there, reads the whole transcript; a simple model goes
/// through it in its order, decides who was in the thread when, and says what each of the others must see. They must see exactly that.
/// </summary>
[Collection(nameof(HardnessCollection))]
public sealed class ThreadModelTests(SharedServer shared)
{
    private const int AtOnce = 4;

    [Fact]
    public Task What_everyone_sees_of_a_few_random_histories_is_what_the_model_says() => Play(histories: 20);

    [Fact]
    [Trait("length", "full")]
    public Task What_everyone_sees_of_many_random_histories_is_what_the_model_says() => Play(histories: 400);

    private async Task Play(int histories)
    {
        var seed = Seed.Take();
        using var wire = await shared.Wire();
        var watch = Stopwatch.StartNew();
        var messages = 0;
        var people = new ConcurrentQueue<WireUser[]>(await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ => await NewPeople(wire))));
        await Parallel.ForEachAsync(Enumerable.Range(0, histories), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            Assert.True(people.TryDequeue(out var users));
            Interlocked.Add(ref messages, await new ThreadHistory(wire, users, seed, i).Play());
            people.Enqueue(users);
        });
        Remark.Say($"{histories} histories, {messages} messages in their transcripts, {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static async Task<WireUser[]> NewPeople(Wire wire) => await Task.WhenAll(Enumerable.Range(0, ThreadHistory.People).Select(_ => wire.NewUser()));
}
