namespace Domicile.Bench.EndToEnd;

/// <summary>Sending messages end to end, Domicile beside the hand-written server, in turns.</summary>
internal static class EndToEndComparison
{
    public static async Task Run(Options options)
    {
        Machine.PrintHead("End to end", options.Arguments);
        var rounds = options.Number("rounds", 3);
        var seconds = options.Number("seconds", 8);
        var connections = options.Numbers("connections", "1,64,256");
        var program = options.Text("program", Repository.Program);
        await using var cluster = options.Text("store", "sqlite") == "postgres" ? await BenchCluster.Start() : null;
        await using var domicile = await DomicileProcess.Start(program, options.Text("settings", ""), cluster?.Domicile);
        var users = await domicile.MakeUsers(options.Number("users", 1_000));
        var threads = await domicile.MakeThreads(users, options.Number("threads", 500), 20);
        var requests = domicile.SendRequests(threads, senders: 4, bodyBytes: 300).ToList();
        var file = Path.Combine(domicile.Data, "requests.bin");
        LoadGenerator.WriteRequests(file, requests);

        // The other side: the hand-written server, or another build of Domicile to compare two of them.
        var audit = options.Text("audit", "no") == "yes";
        var logs = options.Text("logs", "no") == "yes";
        var other = options.Text("against", audit || logs ? program : "");
        var settings = options.Text("against-settings", "");
        await using ServerUnderTest baseline = other.Length == 0 ? BaselineProcess.Start(settings, cluster?.Hand) : await DomicileProcess.Start(other, settings);
        var otherFile = file;
        if (baseline is DomicileProcess second)
        {
            var otherUsers = await second.MakeUsers(users.Count);
            otherFile = Path.Combine(second.Data, "requests.bin");
            LoadGenerator.WriteRequests(otherFile, second.SendRequests(await second.MakeThreads(otherUsers, threads.Count, 20), senders: 4, bodyBytes: 300));
        }

        // Every message audited, beside the same program without.
        if (audit)
        {
            await domicile.Settings("--audit-messages", "yes");
        }

        // Every request in the operation logs, beside the same program without.
        if (logs)
        {
            await domicile.Command("logs", "settings", "set", "demo", "all", "--all");
        }

        // Both are warmed up before anything counts.
        await domicile.Load(file, 64, options.Number("warm", 5), warm: 1);
        await baseline.Load(otherFile, 64, options.Number("warm", 5), warm: 1);
        var table = new Table("connections", "server", "msgs/s", "p50 ms", "p99 ms", "server CPU s per 1,000", "client CPU s per 1,000", "msgs/s, of (a)", "CPU, of (a)");
        foreach (var count in connections)
        {
            var (a, b) = (new List<LoadResult>(), new List<LoadResult>());
            for (var round = 0; round < rounds; round++)
            {
                a.Add(await baseline.Load(otherFile, count, seconds));
                b.Add(await domicile.Load(file, count, seconds));
                Console.Error.WriteLine(
                    $"{count} connections, round {round + 1}: (a) {a[^1].PerSecond.Thousands()}/s, {a[^1].ServerCpuPer1000.Of(4)} CPU s; (b) {b[^1].PerSecond.Thousands()}/s, {b[^1].ServerCpuPer1000.Of(4)} CPU s");
            }

            Add(table, count, other.Length == 0 ? "(a) by hand" : logs ? "(a) not logged" : audit ? "(a) not audited" : "(a) other build", a, a);
            Add(table, count, logs ? "(b) every request logged" : audit ? "(b) every message audited" : "(b) Domicile", b, a);
        }

        table.Print();
    }

    /// <summary>One of the two alone under load for a while, with its process id told, so that a profiler can be attached.</summary>
    public static async Task Hold(Options options)
    {
        await using var domicile = await DomicileProcess.Start(options.Text("program", Repository.Program), options.Text("settings", ""));
        var users = await domicile.MakeUsers(options.Number("users", 1_000));
        var file = Path.Combine(domicile.Data, "requests.bin");
        LoadGenerator.WriteRequests(file, domicile.SendRequests(await domicile.MakeThreads(users, options.Number("threads", 500), 20), senders: 4, bodyBytes: 300));
        await using var baseline = BaselineProcess.Start(options.Text("settings", ""));
        ServerUnderTest held = options.Text("server", "domicile") == "baseline" ? baseline : domicile;
        Console.WriteLine($"process {held.Process.Id}");
        var result = await held.Load(file, options.Number("connections", 64), options.Number("seconds", 30));
        Console.WriteLine($"{result.PerSecond.Thousands()}/s, {result.ServerCpuPer1000.Of(4)} CPU s per 1,000");
    }

    private static void Add(Table table, int connections, string server, List<LoadResult> runs, List<LoadResult> a)
    {
        double Of(List<LoadResult> some, Func<LoadResult, double> what) => some.Select(what).Median();
        table.Add(
            connections,
            server,
            Of(runs, run => run.PerSecond).Thousands(),
            Of(runs, run => run.P50).Of(2),
            Of(runs, run => run.P99).Of(2),
            Of(runs, run => run.ServerCpuPer1000).Of(4),
            Of(runs, run => run.ClientCpuPer1000).Of(4),
            (Of(runs, run => run.PerSecond) / Of(a, run => run.PerSecond)).Of(2),
            (Of(runs, run => run.ServerCpuPer1000) / Of(a, run => run.ServerCpuPer1000)).Of(2));
    }
}
