using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Residency;

namespace Domicile.Bench.InProcess;

/// <summary>What a request about one person costs in a store of more and more records of others: it must follow the person, not the store.</summary>
internal static class SubjectCost
{
    private const int People = 15;
    private const int Threads = 10;
    private const int MessagesInThread = 20;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Requests about one person, in process", options.Arguments);
        await using var place = await Place.Open();
        var (other, _, _) = await place.Person();
        var others = new List<Ref<ChatThread>>();
        for (var i = 0; i < 500; i++)
        {
            others.Add(await place.Thread(other));
        }

        var table = new Table("records of others", "count, median ms", "read all, median ms", "erase with its rows, median ms", "sum, of the first");
        var (stored, first) = (0, 0.0);
        foreach (var size in options.Numbers("sizes", "10000,100000,1000000"))
        {
            await Parallel.ForAsync(stored, size, new ParallelOptions { MaxDegreeOfParallelism = 256 }, async (i, _) => await place.Send(others[i % others.Count], other, Text));
            stored = size;
            var (counts, reads, erasures) = (new List<double>(), new List<double>(), new List<double>());
            for (var i = 0; i < People; i++)
            {
                var person = await Talker(place, other);
                counts.Add(await Timed(() => place.Home.Subjects.Count(person, CancellationToken.None)));
                reads.Add(await Timed(async () =>
                {
                    var found = 0;
                    await foreach (var record in place.Home.Subjects.Of(person, CancellationToken.None))
                    {
                        found += record.Content is null ? 0 : 1;
                    }

                    if (found < Threads * MessagesInThread)
                    {
                        throw new InvalidOperationException($"Only {found} records were found.");
                    }
                }));
                erasures.Add(await Timed(async () =>
                {
                    await place.Home.EraseSubject(person, _ => { }, CancellationToken.None);
                    await place.Unit.Housekeeping.Purge(CancellationToken.None);
                }));
            }

            var sum = counts.Median() + reads.Median() + erasures.Median();
            first = first == 0 ? sum : first;
            table.Add(((double)size).Thousands(), counts.Median().Of(2), reads.Median().Of(2), erasures.Median().Of(2), (sum / first).Of(2));
        }

        Console.WriteLine($"The person has {Threads} threads with {MessagesInThread} messages of theirs in each; the medians of {People} people.");
        Console.WriteLine();
        table.Print();
    }

    private static async Task<SubjectRef> Talker(Place place, SubjectRef other)
    {
        var (person, _, _) = await place.Person();
        for (var i = 0; i < Threads; i++)
        {
            var thread = await place.Thread(person, other);
            for (var message = 0; message < MessagesInThread; message++)
            {
                await place.Send(thread, person, Text);
            }
        }

        return person;
    }

    private static async Task<double> Timed(Func<Task> work)
    {
        var watch = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(watch).TotalMilliseconds;
    }
}
