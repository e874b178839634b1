using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// A lean client in a process of its own: HTTP/1.1 over TLS, connections kept alive, requests that were built before, one in flight on each connection.
/// Requests are picked at random, so that no order of threads or users is kinder than another.
/// </summary>
internal static class LoadGenerator
{
    private const int Warming = 0;
    private const int Measuring = 1;
    private const int Done = 2;
    private static volatile int s_phase;

    /// <summary>Writes requests where a load process reads them: each its length in four bytes, then itself.</summary>
    public static void WriteRequests(string file, IEnumerable<byte[]> requests)
    {
        using var output = File.Create(file);
        var length = new byte[4];
        foreach (var request in requests)
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, request.Length);
            output.Write(length);
            output.Write(request);
        }
    }

    public static async Task Run(Options options)
    {
        var requests = ReadRequests(options.Text("requests"));
        var connections = options.Number("connections", 1);
        var server = options.Number("server", 0);
        var trust = LeanConnection.Trust(options.Text("trust"));
        var ports = options.Numbers("port", "0");
        var lines = new List<LeanConnection>();
        for (var i = 0; i < connections; i++)
        {
            lines.Add(await LeanConnection.Open(ports[i % ports.Count], options.Text("name", "localhost"), trust, options.Text("front", "no") == "yes"));
        }

        var histograms = lines.Select(_ => new Histogram()).ToList();
        var errors = new int[1];
        var loops = lines.Select((line, i) => Task.Run(() => Loop(line, requests, new Random(1 + i), histograms[i], errors))).ToList();
        await Task.Delay(TimeSpan.FromSeconds(options.Number("warm", 2)));
        var (serverCpu, clientCpu, watch) = (Machine.CpuSeconds(server), Machine.CpuSeconds(Environment.ProcessId), Stopwatch.StartNew());
        s_phase = Measuring;
        await Task.Delay(TimeSpan.FromSeconds(options.Number("seconds", 5)));
        s_phase = Done;
        var seconds = watch.Elapsed.TotalSeconds;
        serverCpu = Machine.CpuSeconds(server) - serverCpu;
        clientCpu = Machine.CpuSeconds(Environment.ProcessId) - clientCpu;
        await Task.WhenAll(loops);

        var all = new Histogram();
        histograms.ForEach(all.Add);
        var result = new LoadResult(all.Count, seconds, all.Percentile(0.5), all.Percentile(0.99), serverCpu, clientCpu, errors[0]);
        Console.WriteLine(JsonSerializer.Serialize(result, LoadJson.Default.LoadResult));
    }

    private static async Task Loop(LeanConnection line, byte[][] requests, Random random, Histogram histogram, int[] errors)
    {
        while (s_phase != Done)
        {
            var request = requests[random.Next(requests.Length)];
            var phase = s_phase;
            var started = Stopwatch.GetTimestamp();
            var (status, _) = await line.Ask(request);
            if (status != 201)
            {
                Interlocked.Increment(ref errors[0]);
            }
            else if (phase == Measuring && s_phase == Measuring)
            {
                histogram.Add(Stopwatch.GetTimestamp() - started);
            }
        }
    }

    private static byte[][] ReadRequests(string file)
    {
        var bytes = File.ReadAllBytes(file);
        var requests = new List<byte[]>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
            requests.Add(bytes.AsSpan(at + 4, length).ToArray());
            at += 4 + length;
        }

        return [.. requests];
    }
}

/// <summary>What one run of the load generator saw.</summary>
/// <param name="Messages">Messages answered with 201 while it measured.</param>
/// <param name="Seconds">How long it measured.</param>
/// <param name="P50">Half of the answers came within this, in milliseconds.</param>
/// <param name="P99">99 % of them did, in milliseconds.</param>
/// <param name="ServerCpu">CPU seconds of the server process.</param>
/// <param name="ClientCpu">CPU seconds of the load generator.</param>
/// <param name="Errors">Answers other than 201; they count for nothing else.</param>
internal sealed record LoadResult(long Messages, double Seconds, double P50, double P99, double ServerCpu, double ClientCpu, int Errors)
{
    public double PerSecond => Messages / Seconds;

    /// <summary>CPU seconds of the server for 1,000 messages, the same number as CPU milliseconds for one.</summary>
    public double ServerCpuPer1000 => ServerCpu * 1000 / Messages;

    public double ClientCpuPer1000 => ClientCpu * 1000 / Messages;
}

[JsonSerializable(typeof(LoadResult))]
internal sealed partial class LoadJson : JsonSerializerContext;
