using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Domicile.Bench.InProcess;
using static Domicile.Bench.InProcess.MixCheck;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// What customers do with data of their own, as applications do it: over HTTPS, Domicile beside <see cref="PlainMixServer"/>. The acts and their shares are those of the customer in
/// <see cref="MixPlan"/>: a page of a conversation, who is in it, another text, a mark on a message that says what is objected to, and its deletion. Requests are built before the clock
/// runs; each connection is one customer's worker and has one request in flight. Each round ends with a look at every message on both sides.
/// </summary>
internal static class CustomersOverHttp
{
    private const int Many = 32;
    private const string Version = $"api-version={AcsClient.ChatVersion}";

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Customers' acts over HTTPS", options.Arguments);
        var rounds = options.Number("rounds", 3);
        await using var domicile = await DomicileProcess.Start(options.Text("program", Repository.Program));
        await using var plain = BaselineProcess.StartMix();
        var table = new Table("at once", "acts", "plain, acts/s", "Domicile, acts/s", "of plain", "plain, server CPU µs", "Domicile, server CPU µs", "of plain", "plain, p99 ms", "Domicile, p99 ms");
        foreach (var workers in options.Numbers("workers", "1,64"))
        {
            var (one, other) = (new List<Round>(), new List<Round>());
            var people = options.Number("people", 1_024) / workers * workers;
            for (var round = 0; round <= rounds; round++)
            {
                var asked = new MixRequest(people, workers, options.Number("messages", 4), options.Number("steps", 40_000) / (workers == 1 ? 4 : 1), round + (100 * workers));
                var plan = asked.Plan();
                var act = options.Text("act", "");
                var isWhole = act.Length == 0;
                if (!isWhole)
                {
                    // One act alone, to see what it costs. What it leaves is not compared then.
                    plan.Steps.ToList().ForEach(steps => steps.RemoveAll(step => step.Act != Enum.Parse<MixAct>(act)));
                }

                var byHand = await Measure(new PlainSide(plain, await PlainSide.Load(plain, asked)), plan, isWhole);
                var ours = await Measure(await DomicileSide.Load(domicile, plan), plan, isWhole);

                // The first round compiles.
                if (round > 0)
                {
                    one.Add(byHand);
                    other.Add(ours);
                    Console.Error.WriteLine($"{workers} at once, round {round}: plain {byHand.Rate.Thousands()}/s, {byHand.Cpu.Of(1)} µs; Domicile {ours.Rate.Thousands()}/s, {ours.Cpu.Of(1)} µs; {ours.Found}");
                }
            }

            double Of(List<Round> some, Func<Round, double> what) => some.Select(what).Median();
            var (rate, ourRate, cpu, ourCpu) = (Of(one, round => round.Rate), Of(other, round => round.Rate), Of(one, round => round.Cpu), Of(other, round => round.Cpu));
            table.Add(
                workers, one[^1].Acts.Thousands(), rate.Thousands(), ourRate.Thousands(), (ourRate / rate).Of(2), cpu.Of(1), ourCpu.Of(1), (ourCpu / cpu).Of(2), Of(one, round => round.P99).Of(2), Of(other, round => round.P99).Of(2));
        }

        table.Print();
    }

    private static async Task<Round> Measure(Side side, MixPlan plan, bool isWhole)
    {
        var requests = plan.Steps.Select(steps => steps.Select(side.RequestOf).ToList()).ToList();
        var connections = await Task.WhenAll(requests.Select(_ => side.Server.Connect()));
        var histograms = connections.Select(_ => new Histogram()).ToList();
        var (cpu, began) = (Machine.CpuSeconds(side.Server.Process.Id), Stopwatch.GetTimestamp());
        await Task.WhenAll(connections.Select((connection, i) => Task.Run(async () =>
        {
            foreach (var request in requests[i])
            {
                var asked = Stopwatch.GetTimestamp();
                var (status, _) = await connection.Ask(request);
                if (status is < 200 or > 299)
                {
                    throw new InvalidOperationException($"An act was answered {status}.");
                }

                histograms[i].Add(Stopwatch.GetTimestamp() - asked);
            }
        })));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        cpu = Machine.CpuSeconds(side.Server.Process.Id) - cpu;
        var all = new Histogram();
        histograms.ForEach(all.Add);
        var found = isWhole ? await Check(side, plan, connections[0]) : "not compared";
        foreach (var connection in connections)
        {
            await connection.DisposeAsync();
        }

        return new Round(plan.Count, plan.Count / seconds, cpu * 1_000_000 / plan.Count, all.Percentile(0.99), found);
    }

    /// <summary>Compares every message with the plan, as someone in its thread sees it.</summary>
    private static async Task<string> Check(Side side, MixPlan plan, LeanConnection connection)
    {
        var (there, gone, marked) = (0, 0, 0);
        for (var thread = 0; thread < plan.Size.Threads; thread++)
        {
            var (status, body) = await connection.Ask(side.PageRequest(plan.Size.Member(thread, 0), thread));
            var messages = JsonNode.Parse(body.Span)!["value"]!.AsArray().Where(message => (string)message!["type"]! == "text").OrderBy(message => long.Parse((string)message!["id"]!, CultureInfo.InvariantCulture)).ToList();
            Sure(status == 200 && messages.Count == plan.Texts[thread].Count, "A thread does not have its messages.");
            for (var i = 0; i < messages.Count; i++)
            {
                var (text, deletedOn, mark) = ((string?)messages[i]!["content"]?["message"], messages[i]!["deletedOn"], (string?)messages[i]!["metadata"]?["objects"]);
                var expected = plan.Texts[thread][i];
                Sure(text == expected && (deletedOn is null) == (expected is not null), "A message is not as it must be.");
                Sure(mark == (expected is null ? null : plan.Marks.GetValueOrDefault((thread, i))), "An objection is not as it must be.");
                (there, gone, marked) = (there + (text is null ? 0 : 1), gone + (text is null ? 1 : 0), marked + (mark is null ? 0 : 1));
            }
        }

        return $"{there} texts, {marked} objections and {gone} deletions as they must be";
    }

    private readonly record struct Round(double Acts, double Rate, double Cpu, double P99, string Found);

    /// <summary>One of the two servers, with the data of one round.</summary>
    private abstract class Side(ServerUnderTest server)
    {
        public ServerUnderTest Server => server;

        public byte[] PageRequest(int person, int thread) => Request(person, "GET", thread, "/messages");

        public byte[] RequestOf(MixStep step) => step.Act switch
        {
            MixAct.ReadAll => PageRequest(step.Person, step.Thread),
            MixAct.ReadMembership => Request(step.Person, "GET", step.Thread, "/participants"),
            MixAct.Edit => Request(step.Person, "PATCH", step.Thread, $"/messages/{MessageOf(step)}", $$"""{"content":"{{step.Text}}"}"""),
            MixAct.Object => Request(step.Person, "PATCH", step.Thread, $"/messages/{MessageOf(step)}", $$$"""{"metadata":{"objects":"{{{step.Text}}}"}}"""),
            _ => Request(step.Person, "DELETE", step.Thread, $"/messages/{MessageOf(step)}"),
        };

        protected abstract long MessageOf(MixStep step);

        protected abstract string ThreadOf(int thread);

        protected abstract string HeadersOf(int person);

        private byte[] Request(int person, string method, int thread, string rest, string? body = null) => Encoding.ASCII.GetBytes(
            $"{method} /chat/threads/{ThreadOf(thread)}{rest}?{Version} HTTP/1.1\r\nHost: {server.Host}\r\n{HeadersOf(person)}Accept: application/json\r\n"
            + (body is null ? "\r\n" : $"Content-Type: application/merge-patch+json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
    }

    private sealed class PlainSide(ServerUnderTest server, long[][] messages) : Side(server)
    {
        /// <summary>As long as a token is.</summary>
        private static readonly string Token = new('t', 900);

        public static async Task<long[][]> Load(ServerUnderTest server, MixRequest round)
        {
            await using var connection = await server.Connect();
            var body = System.Text.Json.JsonSerializer.Serialize(round, PlainMixJson.Default.MixRequest);
            var (_, answer) = await connection.Ask(Encoding.ASCII.GetBytes($"POST /load HTTP/1.1\r\nHost: {server.Host}\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
            return System.Text.Json.JsonSerializer.Deserialize(answer.Span, PlainMixJson.Default.Int64ArrayArray)!;
        }

        protected override long MessageOf(MixStep step) => messages[step.Thread][step.Message];

        protected override string ThreadOf(int thread) => $"{thread}";

        protected override string HeadersOf(int person) => $"x-person: {person}\r\nAuthorization: Bearer {Token}\r\n";
    }

    private sealed class DomicileSide(ServerUnderTest server, IReadOnlyList<User> people, string[] threads, long[][] messages) : Side(server)
    {
        public static async Task<DomicileSide> Load(DomicileProcess server, MixPlan plan)
        {
            var size = plan.Size;
            var people = await server.MakeUsers(size.People);
            var (threads, messages) = (new string[size.Threads], new long[size.Threads][]);
            await Parallel.ForAsync(0, size.Threads, new ParallelOptions { MaxDegreeOfParallelism = Many }, async (thread, _) =>
            {
                threads[thread] = await server.Client.MakeThread([.. Enumerable.Range(0, MixSize.Members).Select(place => people[size.Member(thread, place)])]);
                messages[thread] = new long[size.MessagesInThread];
                for (var message = 0; message < size.MessagesInThread; message++)
                {
                    var body = $$"""{"content":"{{plan.Loaded[thread][message]}}","senderDisplayName":"A person","type":"text"}""";
                    var sent = await server.Client.Send(HttpMethod.Post, $"/chat/threads/{Uri.EscapeDataString(threads[thread])}/messages?{Version}", body, people[size.SenderOf(thread, message)]);
                    messages[thread][message] = long.Parse((string)sent["id"]!, CultureInfo.InvariantCulture);
                }
            });
            return new DomicileSide(server, people, threads, messages);
        }

        protected override long MessageOf(MixStep step) => messages[step.Thread][step.Message];

        protected override string ThreadOf(int thread) => Uri.EscapeDataString(threads[thread]);

        protected override string HeadersOf(int person) => $"Authorization: Bearer {people[person].Token}\r\n";
    }
}
