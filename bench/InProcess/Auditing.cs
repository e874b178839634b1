using System.Diagnostics;
using System.Globalization;
using Domicile.Modules.Audit;
using Domicile.Modules.Chat;
using Domicile.Residency;

namespace Domicile.Bench.InProcess;

/// <summary>
/// What it costs to audit every message that is sent: the entry in the message's transaction, and the sequencer that gives it its place in the tree meanwhile.
/// Rounds with and without take turns on stores of their own, so that a change of the machine's mood falls on both.
/// </summary>
internal static class Auditing
{
    private const int Threads = 500;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Every message audited", options.Arguments);
        var (rounds, seconds) = (options.Number("rounds", 5), options.Number("seconds", 4));
        var sequence = options.Text("sequence", "yes") == "yes";
        var table = new Table("producers", "msgs/s", "msgs/s, audited", "ratio", "CPU µs", "CPU µs, audited", "ratio");
        foreach (var producers in options.Numbers("producers", "1,64,256"))
        {
            var (plain, audited) = (new List<Round>(), new List<Round>());
            for (var round = 0; round <= rounds; round++)
            {
                var (without, with) = (await Measure(producers, seconds, audit: false, sequence), await Measure(producers, seconds, audit: true, sequence));

                // The first round compiles.
                if (round > 0)
                {
                    plain.Add(without);
                    audited.Add(with);
                }
            }

            var (rate, rateAudited) = (plain.Select(each => each.Rate).Median(), audited.Select(each => each.Rate).Median());
            var (cpu, cpuAudited) = (plain.Select(each => each.Cpu).Median(), audited.Select(each => each.Cpu).Median());
            table.Add(producers.ToString(CultureInfo.InvariantCulture), rate.Of(0), rateAudited.Of(0), (rateAudited / rate).Of(2), cpu.Of(1), cpuAudited.Of(1), (cpuAudited / cpu).Of(2));
        }

        table.Print();
    }

    private static async Task<Round> Measure(int producers, int seconds, bool audit, bool sequence)
    {
        await using var place = await Place.Open();
        var (person, _, _) = await place.Person();
        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < Threads; i++)
        {
            threads.Add(await place.Thread(person));
        }

        using var log = await GeographyAudit.Open(place.Unit.Own, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, CancellationToken.None);
        var sent = 0L;
        var process = Process.GetCurrentProcess();
        var (cpu, watch) = (process.TotalProcessorTime, Stopwatch.StartNew());
        var until = TimeSpan.FromSeconds(seconds);
        var sequencing = audit && sequence ? Task.Run(() => Sequence(log, watch, until)) : Task.CompletedTask;
        await Task.WhenAll(Enumerable.Range(0, producers).Select(producer => Task.Run(async () =>
        {
            for (var i = producer; watch.Elapsed < until; i += producers)
            {
                await place.Send(threads[i % Threads], person, Text, audited: audit ? AuditedAct.MessageSent : null);
                Interlocked.Increment(ref sent);
            }
        })));
        var elapsed = watch.Elapsed;
        await sequencing;
        process.Refresh();
        return new Round(sent / elapsed.TotalSeconds, (process.TotalProcessorTime - cpu).TotalMicroseconds / sent);
    }

    private static async Task Sequence(GeographyAudit log, Stopwatch watch, TimeSpan until)
    {
        while (watch.Elapsed < until)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            await log.Advance(now: false, CancellationToken.None);
        }
    }

    private readonly record struct Round(double Rate, double Cpu);
}
