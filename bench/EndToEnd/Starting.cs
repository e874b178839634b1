namespace Domicile.Bench.EndToEnd;

/// <summary>From start to first answer, memory at rest, and memory while messages come.</summary>
internal static class Starting
{
    public static async Task Run(Options options)
    {
        Machine.PrintHead("Start and memory", options.Arguments);
        var program = options.Text("program", Repository.Program);
        var (first, idle) = (new List<double>(), new List<double>());
        for (var i = 0; i < options.Number("starts", 5); i++)
        {
            await using var server = await DomicileProcess.Start(program);
            first.Add(server.FirstAnswer.TotalSeconds);
            await Task.Delay(TimeSpan.FromSeconds(3));
            idle.Add(Machine.ResidentMiB(server.Process.Id));
        }

        var table = new Table("what", "median", "goal");
        table.Add("start of an empty directory to first answer, s", first.Median().Of(2), "1.5");
        table.Add("resident at rest, MiB", idle.Median().Of(0), "150");
        table.Print();

        await using var loaded = await DomicileProcess.Start(program);
        var users = await loaded.MakeUsers(1_000);
        var file = Path.Combine(loaded.Data, "requests.bin");
        LoadGenerator.WriteRequests(file, loaded.SendRequests(await loaded.MakeThreads(users, 500, 20), senders: 4, bodyBytes: 300));
        var memory = new Table("messages sent", "resident MiB", "log file MiB");
        var sent = 0.0;
        var goal = options.Number("messages", 1_000_000);
        while (sent < goal)
        {
            var run = await loaded.Load(file, 64, 10, warm: 1);
            sent += run.PerSecond * 11;
            var log = new FileInfo(Path.Combine(loaded.Data, "europe", "data.db-wal"));
            memory.Add(sent.Thousands(), Machine.ResidentMiB(loaded.Process.Id).Of(0), (log.Length / 1048576.0).Of(0));
        }

        memory.Print();
    }
}
