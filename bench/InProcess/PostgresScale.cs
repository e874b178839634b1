using System.Diagnostics;
using Domicile.Bench.EndToEnd;
using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Bench.InProcess;

/// <summary>What grows on PostgreSQL: messages, resources; and how far behind another node is under load.</summary>
internal static class PostgresScale
{
    private const int Producers = 64;
    private const int Few = 10_000;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("PostgreSQL: what grows, in process", options.Arguments);
        var (seconds, many, resources) = (options.Number("seconds", 5), options.Number("messages", 1_000_000), options.Number("resources", 100_000));
        await using var cluster = await BenchCluster.Start();
        var shared = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        try
        {
            var store = new PostgresStore(
                Address(await cluster.NewDatabase("data")), Address(await cluster.NewDatabase("keys")), Path.Combine(shared, "ledgers"));
            var rootKey = Path.Combine(shared, "root.key");
            await using var place = await Place.Open(store, rootKey);
            await Messages(place, seconds, many);
            await using var other = await Place.Open(store, rootKey);
            await Lag(place, other, seconds);
            await Resources(place, store, rootKey, seconds, resources);
        }
        finally
        {
            Directory.Delete(shared, recursive: true);
        }
    }

    /// <summary>The same sends at few and at many stored messages, into the same threads.</summary>
    private static async Task Messages(Place place, int seconds, int many)
    {
        var (person, threads) = await Talk(place, 500);
        var sent = 0;
        async Task Send(int i)
        {
            await place.Send(threads[i % threads.Count], person, Text);
            Interlocked.Increment(ref sent);
        }

        await Parallel.ForAsync(0, Few, new ParallelOptions { MaxDegreeOfParallelism = Producers }, async (i, _) => await Send(i));
        var table = new Table("messages stored before", "msgs/s, 64 producers", "CPU ms of this process a message", "of the first");
        var first = 0.0;
        foreach (var stored in (int[])[Few, many])
        {
            var missing = Math.Max(0, stored - sent);
            await Parallel.ForAsync(0, missing, new ParallelOptions { MaxDegreeOfParallelism = 256 }, async (i, _) => await Send(i));
            var rounds = new List<(double PerSecond, double Cpu)>();
            for (var round = 0; round < 3; round++)
            {
                rounds.Add(await Drive(seconds, Send));
            }

            var perSecond = rounds.Select(round => round.PerSecond).Median();
            first = first == 0 ? perSecond : first;
            table.Add(((double)stored).Thousands(), perSecond.Thousands(), rounds.Select(round => round.Cpu).Median().Of(4), (perSecond / first).Of(2));
        }

        table.Print();
    }

    /// <summary>From a commit on one node to the moment at which another node's reader of the feed has the entry, by the clock of this machine.</summary>
    private static async Task Lag(Place writer, Place reader, int seconds)
    {
        var (person, threads) = await Talk(writer, 500);
        using var enough = new CancellationTokenSource();
        var lags = new List<double>();
        var from = await reader.Unit.Own.Store.Feed.End(CancellationToken.None);
        var tail = Task.Run(async () =>
        {
            try
            {
                await foreach (var item in reader.Unit.Own.Store.Feed.Tail("lag", from, enough.Token))
                {
                    if (item is FeedItem.Changed { Entry: var entry })
                    {
                        lags.Add((TimeProvider.System.GetUtcNow() - entry.At).TotalMilliseconds);
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // Enough was seen.
            }
        });
        var (perSecond, _) = await Drive(seconds * 2, i => writer.Send(threads[i % threads.Count], person, Text));
        await Task.Delay(TimeSpan.FromSeconds(2));
        await enough.CancelAsync();
        await tail;
        lags.Sort();
        var table = new Table("entries of another node's writes, read", "writes a second meanwhile", "median ms", "p99 ms", "most ms");
        table.Add(((double)lags.Count).Thousands(), perSecond.Thousands(), lags.Median().Of(1), lags[(int)(lags.Count * 0.99)].Of(1), lags[^1].Of(1));
        table.Print();
    }

    /// <summary>Resources by the tens of thousands in one scale unit: making them, finding one, sending in many of them, starting a node.</summary>
    private static async Task Resources(Place place, PostgresStore store, string rootKey, int seconds, int count)
    {
        var administration = place.Unit.Own.Administration!;
        var few = await Homes(place, 500);
        var (fewPerSecond, _) = await Drive(seconds, i => few[i % few.Count]());
        var watch = Stopwatch.StartNew();
        var ids = new Guid[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = Producers }, async (i, cancel) =>
        {
            ids[i] = Guid.NewGuid();
            await administration.Add(ids[i], cancel);
        });
        var made = count / watch.Elapsed.TotalSeconds;
        var (manyPerSecond, _) = await Drive(seconds, i => few[i % few.Count]());
        watch.Restart();
        await using var fresh = await Place.Open(store, rootKey);
        var started = watch.Elapsed;
        var random = new Random(1);
        var found = new List<double>();
        for (var i = 0; i < 1_000; i++)
        {
            watch.Restart();
            _ = await fresh.Unit.Own.Administration!.Find(ids[random.Next(count)], CancellationToken.None) ?? throw new InvalidOperationException("A resource is not found.");
            found.Add(watch.Elapsed.TotalMilliseconds);
        }

        found.Sort();
        var table = new Table("resources", "made, a second", "sends a second into 500 of them", "of those with 500 resources", "a node opens the unit in, s", "a resource found cold, median ms", "p99 ms");
        table.Add(
            ((double)count).Thousands(), made.Thousands(), manyPerSecond.Thousands(), (manyPerSecond / fewPerSecond).Of(2), started.TotalSeconds.Of(2), found.Median().Of(2), found[990].Of(2));
        table.Print();
    }

    /// <summary>A thread in each of so many resources, and how to send into it.</summary>
    private static async Task<List<Func<Task>>> Homes(Place place, int count)
    {
        var sends = new List<Func<Task>>();
        for (var i = 0; i < count; i++)
        {
            var there = await place.Another();
            var (person, _, _) = await there.Person();
            var thread = await there.Thread(person);
            sends.Add(() => there.Send(thread, person, Text));
        }

        return sends;
    }

    private static async Task<(SubjectRef Person, List<Ref<ChatThread>> Threads)> Talk(Place place, int count)
    {
        var (person, _, _) = await place.Person();
        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < count; i++)
        {
            threads.Add(await place.Thread(person));
        }

        return (person, threads);
    }

    private static async Task<(double PerSecond, double CpuMs)> Drive(int seconds, Func<int, Task> send)
    {
        var cpu = Machine.CpuSeconds(Environment.ProcessId);
        var watch = Stopwatch.StartNew();
        var sent = await Task.WhenAll(Enumerable.Range(0, Producers).Select(producer => Task.Run(async () =>
        {
            var count = 0;
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                await send((producer * 7) + count++);
            }

            return count;
        })));
        return (sent.Sum() / watch.Elapsed.TotalSeconds, (Machine.CpuSeconds(Environment.ProcessId) - cpu) * 1_000 / sent.Sum());
    }

    private static PostgresAddress Address(string connection) =>
        PostgresAddress.TryParse(connection, out var address, out var fault) ? address : throw new InvalidOperationException(fault);
}
