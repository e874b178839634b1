using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Residency;

namespace Domicile.Bench.InProcess;

/// <summary>What reading costs: a page of a thread wherever it is, and the threads of someone who is in many.</summary>
internal static class Reading
{
    private const int Repeats = 300;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Reading, in process", options.Arguments);
        var messages = options.Number("messages", 1_000_000);
        await using var place = await Place.Open();
        var people = new List<SubjectRef>();
        for (var i = 0; i < 20; i++)
        {
            people.Add((await place.Person()).Subject);
        }

        var thread = await place.Thread([.. people]);
        var watch = Stopwatch.StartNew();
        await Parallel.ForAsync(0, messages, new ParallelOptions { MaxDegreeOfParallelism = 256 }, async (i, _) => await place.Send(thread, people[i % people.Count], Text));
        Console.WriteLine($"{((double)messages).Thousands()} messages into one thread by 256 writers in {watch.Elapsed.TotalSeconds.Of(1)} s, {(messages / watch.Elapsed.TotalSeconds).Thousands()}/s.");
        Console.WriteLine();
        var all = new List<long>();
        long? before = null;
        while (all.Count < messages)
        {
            var page = await place.Home.Store.Range<ChatMessage>(thread).Before(before is { } at ? ColumnValue.Of(at) : (ColumnValue?)null).Descending().Take(1_000).Open(CancellationToken.None);
            if (page.Count == 0)
            {
                break;
            }

            all.AddRange(page.Select(message => message.Id));
            before = page[^1].Id;
        }

        var table = new Table("what", "median ms", "p99 ms");
        foreach (var (name, place2) in new[] { ("100 messages, the newest", 0), ("100 messages, in the middle", all.Count / 2), ("100 messages, the oldest", all.Count - 101) })
        {
            ColumnValue? from = place2 == 0 ? (ColumnValue?)null : ColumnValue.Of(all[place2]);
            await Measure(table, name, async () => await place.Home.Store.Range<ChatMessage>(thread).Before(from).Descending().Take(100).Open(CancellationToken.None));
        }

        var reader = (await place.Person()).Subject;
        for (var i = 0; i < 1_000; i++)
        {
            var made = await place.Thread(reader, people[i % people.Count]);
            await place.Send(made, reader, Text);
        }

        await Measure(table, "1,000 threads of a user by last activity", async () => await ChatStore.ThreadsOf(place.Home, reader, null, null, 1_000, CancellationToken.None));
        await Measure(table, "the same, the first 200 with their topics", async () =>
        {
            var listed = await ChatStore.ThreadsOf(place.Home, reader, null, null, 200, CancellationToken.None);
            await Task.WhenAll(listed.Select(async activity => await place.Home.Store.Get<ChatThread>([activity.Thread], CancellationToken.None)));
        });
        table.Print();
        await WhileDeleting(place, people);
    }

    /// <summary>Sends at a steady pace, alone and then while the removal of the large thread and its checkpoints go on.</summary>
    private static async Task WhileDeleting(Place place, List<SubjectRef> people)
    {
        var quiet = await place.Thread([.. people]);
        var large = await place.Thread([.. people]);
        await Parallel.ForAsync(0, 200_000, new ParallelOptions { MaxDegreeOfParallelism = 256 }, async (i, _) => await place.Send(large, people[i % people.Count], Text));
        var table = new Table("sends, 200 a second", "median ms", "p99 ms");
        Add(table, "alone", await Paced(place, quiet, people, () => false));
        var outcome = await place.Home.Store.Commit(b => b.Lock(large, ChatProblems.NoThread).Delete<ChatThread>([large]), CancellationToken.None);
        var removal = outcome.Refused is null ? place.Unit.Housekeeping.Purge(CancellationToken.None) : throw new InvalidOperationException(outcome.Refused.Title);
        Add(table, "while a thread of 200,000 is removed", await Paced(place, quiet, people, () => removal.IsCompleted));
        await removal;
        table.Print();
    }

    private static async Task<List<double>> Paced(Place place, Domicile.Residency.Ref<ChatThread> thread, List<SubjectRef> people, Func<bool> isDone)
    {
        var taken = new List<double>();
        for (var i = 0; i < 1_000 && !(i > 20 && isDone()); i++)
        {
            var watch = Stopwatch.GetTimestamp();
            await place.Send(thread, people[i % people.Count], Text);
            taken.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        return taken;
    }

    private static async Task Measure(Table table, string name, Func<Task> read)
    {
        await read();
        var taken = new List<double>();
        for (var i = 0; i < Repeats; i++)
        {
            var watch = Stopwatch.GetTimestamp();
            await read();
            taken.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
        }

        Add(table, name, taken);
    }

    private static void Add(Table table, string name, List<double> taken)
    {
        taken.Sort();
        table.Add(name, taken.Median().Of(2), taken[(int)(taken.Count * 0.99)].Of(2));
    }
}
