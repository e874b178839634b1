using System.Diagnostics;

namespace Domicile.Bench.InProcess;

/// <summary>
/// What those do who work with personal data, by role, on Domicile's store and on plain tables: the same people, threads, messages and steps. Rounds of the two take turns, each on a
/// store of its own, and each ends with a look at what is there and what is gone.
/// </summary>
internal static class PrivacyMix
{
    public static async Task Run(Options options)
    {
        Machine.PrintHead("Four roles over chat data", options.Arguments);
        var rounds = options.Number("rounds", 3);
        var (people, messages) = (options.Number("people", 2_048), options.Number("messages", 4));
        Console.WriteLine(
            $"About {((double)people).Thousands()} people, as many threads of {MixSize.Members} with {messages} messages of each. Time and CPU until what was asked for is done, in the background as well; the median of {rounds} rounds in turns.");
        Console.WriteLine();
        var table = new Table("role", "at once", "steps", "plain, steps/s", "Domicile, steps/s", "of plain", "plain, CPU µs", "Domicile, CPU µs", "of plain");
        var found = new List<string>();
        foreach (var role in options.Text("roles", "customer,processor,controller,regulator").Split(',').Select(name => Enum.Parse<MixRole>(name, ignoreCase: true)))
        {
            foreach (var workers in options.Numbers("workers", "1,64"))
            {
                var (plain, domicile) = (new List<Round>(), new List<Round>());
                var size = new MixSize(people / workers * workers, workers, messages);
                var steps = options.Number("steps", role switch { MixRole.Customer => 40_000, MixRole.Processor => 60_000, MixRole.Controller => 2_000, _ => 10_000 }) / (workers == 1 && role != MixRole.Controller ? 8 : 1);
                for (var round = 0; round <= rounds; round++)
                {
                    var plan = new MixPlan(role, size, round == 0 ? steps / 4 : steps, round);
                    var (one, other) = (await Measure(new MixPlain(), plan), await Measure(await MixDomicile.Open(), plan));

                    // The first round compiles.
                    if (round > 0)
                    {
                        plain.Add(one);
                        domicile.Add(other);
                        Console.Error.WriteLine($"{role}, {workers} at once, round {round}: plain {one.Rate.Thousands()}/s, {one.Cpu.Of(1)} µs; Domicile {other.Rate.Thousands()}/s, {other.Cpu.Of(1)} µs");
                    }
                }

                var (rate, cpu) = (plain.Select(each => each.Rate).Median(), plain.Select(each => each.Cpu).Median());
                var (ourRate, ourCpu) = (domicile.Select(each => each.Rate).Median(), domicile.Select(each => each.Cpu).Median());
                table.Add(role.ToString().ToLowerInvariant(), workers, ((double)steps).Thousands(), rate.Thousands(), ourRate.Thousands(), (ourRate / rate).Of(2), cpu.Of(1), ourCpu.Of(1), (ourCpu / cpu).Of(2));
                found.Add($"- {role.ToString().ToLowerInvariant()}, {workers} at once. Domicile: {domicile[^1].Found}. Plain: {plain[^1].Found}.");
            }
        }

        table.Print();
        Console.WriteLine();
        found.ForEach(Console.WriteLine);
    }

    /// <summary>Where the time of one side goes, step by step, one at a time.</summary>
    public static async Task Steps(Options options)
    {
        Machine.PrintHead("The roles' steps one by one", options.Arguments);
        var size = new MixSize(options.Number("people", 2_048), 1, options.Number("messages", 4));
        var table = new Table("step", "plain, median µs", "Domicile, median µs");
        foreach (var role in Enum.GetValues<MixRole>())
        {
            var plan = new MixPlan(role, size, options.Number("steps", 3_000), 1);
            var (plain, domicile) = (await Times(new MixPlain(), plan), await Times(await MixDomicile.Open(), plan));
            foreach (var (act, times) in plain)
            {
                table.Add($"{role}: {act}", times.Median().Of(0), domicile[act].Median().Of(0));
            }
        }

        table.Print();
    }

    private static async Task<Dictionary<MixAct, List<double>>> Times(IMixStore store, MixPlan plan)
    {
        await using (store)
        {
            await store.Load(plan);
            var times = new Dictionary<MixAct, List<double>>();
            foreach (var step in plan.Steps[0])
            {
                var begun = Stopwatch.GetTimestamp();
                await store.Do(step);
                var took = Stopwatch.GetElapsedTime(begun).TotalMicroseconds;
                (times.TryGetValue(step.Act, out var known) ? known : times[step.Act] = []).Add(took);
            }

            await store.Settle();
            return times;
        }
    }

    private static async Task<Round> Measure(IMixStore store, MixPlan plan)
    {
        await using (store)
        {
            await store.Load(plan);
            GC.Collect();
            using var process = Process.GetCurrentProcess();
            var (cpu, watch) = (process.TotalProcessorTime, Stopwatch.StartNew());
            await Task.WhenAll(plan.Steps.Select(steps => Task.Run(async () =>
            {
                foreach (var step in steps)
                {
                    await store.Do(step);
                }
            })));
            await store.Settle();
            var elapsed = watch.Elapsed;
            process.Refresh();
            var used = process.TotalProcessorTime - cpu;
            return new Round(plan.Count / elapsed.TotalSeconds, used.TotalMicroseconds / plan.Count, await store.Check());
        }
    }

    private readonly record struct Round(double Rate, double Cpu, string Found);
}
