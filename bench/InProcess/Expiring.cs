using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Residency;

namespace Domicile.Bench.InProcess;

/// <summary>What those who send notice of it when a million messages reach the age that a rule sets.</summary>
internal static class Expiring
{
    private const int Threads = 100;
    private const int SendsAlone = 4_000;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(5);
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("A million messages expire", options.Arguments);
        var messages = options.Number("messages", 1_000_000);
        await using var place = await Place.Open();
        var people = new List<SubjectRef>();
        for (var i = 0; i < 20; i++)
        {
            people.Add((await place.Person()).Subject);
        }

        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < Threads; i++)
        {
            threads.Add(await place.Thread([.. people]));
        }

        var quiet = await place.Thread([.. people]);
        var begun = TimeProvider.System.GetUtcNow().AddDays(-30).ToUnixTimeMilliseconds();
        await Parallel.ForAsync(0, Threads, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (thread, cancel) =>
        {
            for (var i = 0; i < messages / Threads; i += 50)
            {
                var first = i;
                var outcome = await place.Home.Store.Commit(
                    b =>
                    {
                        for (var each = first; each < Math.Min(first + 50, messages / Threads); each++)
                        {
                            b.Append(Place.Message(threads[thread], people[each % people.Count], Text) with { Id = begun + each });
                        }
                    },
                    cancel);
                if (outcome.Refused is { } refused)
                {
                    throw new InvalidOperationException(refused.Title);
                }
            }
        });

        var table = new Table("sends, 200 a second", "sends", "median ms", "p99 ms");
        var alone = await Send(place, quiet, people, sent => sent < SendsAlone);
        Add(table, "alone", alone);
        var set = await place.Home.Rules.Set("chat.message", root: null, 7, TimeSpan.Zero, new AuditNote(AuditedAct.RuleChanged, "node"), CancellationToken.None);
        if (set.Refused is { } no)
        {
            throw new InvalidOperationException(no.Title);
        }

        var watch = Stopwatch.StartNew();
        var sweep = Task.Run(() => place.Unit.Housekeeping.Sweep(CancellationToken.None));
        var during = await Send(place, quiet, people, _ => !sweep.IsCompleted);
        var swept = await sweep;
        Add(table, $"while {((double)swept).Thousands()} messages are deleted", during);
        table.Print();
        Console.WriteLine();
        Console.WriteLine($"{((double)swept).Thousands()} messages deleted in {watch.Elapsed.TotalSeconds.Of(1)} s; p99 while it ran, of alone: {(At(during, 0.99) / At(alone, 0.99)).Of(2)} (goal: at most 2).");
    }

    /// <summary>Sends by the clock, whether or not earlier ones are done, and measures each from where it begins.</summary>
    private static async Task<List<double>> Send(Place place, Ref<ChatThread> thread, List<SubjectRef> people, Func<int, bool> goesOn)
    {
        var running = new List<Task<double>>();
        var begun = Stopwatch.GetTimestamp();
        for (var i = 0; goesOn(i); i++)
        {
            var due = Pace * i;
            if (due - Stopwatch.GetElapsedTime(begun) is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait);
            }

            var sender = people[i % people.Count];
            running.Add(Task.Run(async () =>
            {
                var sent = Stopwatch.GetTimestamp();
                await place.Send(thread, sender, Text);
                return Stopwatch.GetElapsedTime(sent).TotalMilliseconds;
            }));
        }

        var taken = (await Task.WhenAll(running)).ToList();
        taken.Sort();
        return taken;
    }

    private static double At(List<double> sorted, double share) => sorted[(int)(sorted.Count * share)];

    private static void Add(Table table, string name, List<double> taken) =>
        table.Add(name, ((double)taken.Count).Thousands(), At(taken, 0.5).Of(2), At(taken, 0.99).Of(2));
}
