using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Domicile.Tests.Support;

/// <summary>A collector of metrics and traces: a real web server on loopback that takes OTLP over HTTP or gRPC, and reads of it what tests look at.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<OtlpExport> _exports = new();
    private WebApplication _web = null!;
    private int _waiting;

    private OtlpReceiver()
    {
    }

    /// <summary>Everything that came.</summary>
    public IReadOnlyList<OtlpExport> Exports => [.. _exports];

    /// <summary>Exports that came and have no answer yet.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>What is done before an export is taken; nothing by default.</summary>
    public Func<CancellationToken, Task> Before { get; set; } = _ => Task.CompletedTask;

    public IEnumerable<OtlpSpan> Spans => _exports.SelectMany(export => export.Spans);

    public IEnumerable<OtlpPoint> Points => _exports.SelectMany(export => export.Points);

    /// <param name="port">Where it listens.</param>
    /// <param name="isGrpc">Whether it takes gRPC (HTTP/2 without TLS) instead of HTTP/1.1.</param>
    public static async Task<OtlpReceiver> Start(int port, bool isGrpc = false)
    {
        var receiver = new OtlpReceiver();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        receiver._web = builder.Build();
        receiver._web.Run(receiver.Serve);
        await receiver._web.StartAsync();
        return receiver;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _web.StopAsync(now.Token);
        await _web.DisposeAsync();
    }

    private async Task Serve(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        Interlocked.Increment(ref _waiting);
        try
        {
            await Before(http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        var head = new StringBuilder(http.Request.Path).Append('\n');
        foreach (var (name, value) in http.Request.Headers)
        {
            head.Append(name).Append(": ").Append(value).Append('\n');
        }

        var isGrpc = http.Request.ContentType == "application/grpc";
        var message = isGrpc ? body.ToArray()[5..] : body.ToArray();
        var isMetrics = http.Request.Path.Value is "/v1/metrics" or "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
        var isTraces = http.Request.Path.Value is "/v1/traces" or "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        if (!isMetrics && !isTraces)
        {
            http.Response.StatusCode = 404;
            return;
        }

        _exports.Enqueue(OtlpExport.Read(head.ToString(), message, isMetrics));
        http.Response.ContentType = isGrpc ? "application/grpc" : "application/x-protobuf";
        if (isGrpc)
        {
            await http.Response.Body.WriteAsync(new byte[5]);
            http.Response.AppendTrailer("grpc-status", "0");
        }
    }
}

/// <summary>One export.</summary>
/// <param name="Head">Path and headers of the request.</param>
/// <param name="Message">The message, as it came.</param>
/// <param name="Process">What it says of the process that sends.</param>
/// <param name="Spans">The spans in it.</param>
/// <param name="Points">The measurements in it.</param>
internal sealed record OtlpExport(string Head, byte[] Message, IReadOnlyDictionary<string, string> Process, IReadOnlyList<OtlpSpan> Spans, IReadOnlyList<OtlpPoint> Points)
{
    /// <summary>Every text in it.</summary>
    public IEnumerable<string> Texts =>
        Process.Values.Concat(Spans.SelectMany(span => span.Attributes.Values.Append(span.Name))).Concat(Points.SelectMany(point => point.Attributes.Values.Append(point.Name)));

    /// <summary>Reads an ExportMetricsServiceRequest or an ExportTraceServiceRequest: opentelemetry-proto 1.</summary>
    public static OtlpExport Read(string head, byte[] message, bool isMetrics)
    {
        var process = new Dictionary<string, string>();
        var (spans, points) = (new List<OtlpSpan>(), new List<OtlpPoint>());
        foreach (var group in ProtoField.In(message, 1))
        {
            foreach (var (name, value) in group.Fields(1).SelectMany(resource => Attributes(resource.Bytes, 1)))
            {
                process[name] = value;
            }

            foreach (var item in group.Fields(2).SelectMany(scope => scope.Fields(2)))
            {
                if (isMetrics)
                {
                    var name = item.Fields(1).Single().Text;
                    foreach (var kind in item.Fields(5).Concat(item.Fields(7)).Concat(item.Fields(9)))
                    {
                        // A histogram's points have their attributes and their count elsewhere than those of sums and gauges.
                        var isHistogram = kind.Number == 9;
                        points.AddRange(kind.Fields(1).Select(point => new OtlpPoint(
                            name, Attributes(point.Bytes, isHistogram ? 9 : 7), isHistogram ? point.Fields(4).Single().Whole : 0, isHistogram ? [.. point.Fields(7).SelectMany(edges => edges.Doubles)] : [])));
                    }
                }
                else
                {
                    spans.Add(new OtlpSpan(item.Fields(5).Single().Text, Attributes(item.Bytes, 9), item.Fields(15).SelectMany(status => status.Fields(3)).FirstOrDefault()?.Whole ?? 0, item.Fields(4).Any(parent => parent.Bytes.Length > 0)));
                }
            }
        }

        return new OtlpExport(head, message, process, spans, points);
    }

    private static Dictionary<string, string> Attributes(byte[] message, int field) =>
        ProtoField.In(message, field).ToDictionary(pair => pair.Fields(1).Single().Text, pair => pair.Fields(2).Single() is var value && value.Fields(1).FirstOrDefault() is { } text
            ? text.Text
            : $"{value.Fields(3).FirstOrDefault()?.Whole}");
}

/// <summary>A span.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Attributes">What it says.</param>
/// <param name="State">0 unset, 1 good, 2 an error.</param>
/// <param name="HasParent">Whether it is part of another.</param>
internal sealed record OtlpSpan(string Name, IReadOnlyDictionary<string, string> Attributes, ulong State, bool HasParent);

/// <summary>A measurement.</summary>
/// <param name="Name">Of what.</param>
/// <param name="Attributes">Of which.</param>
/// <param name="Count">For a histogram, how many.</param>
/// <param name="Edges">For a histogram, the edges of its buckets.</param>
internal sealed record OtlpPoint(string Name, IReadOnlyDictionary<string, string> Attributes, ulong Count, IReadOnlyList<double> Edges);

/// <summary>A field of a message of protocol buffers (https://protobuf.dev/programming-guides/encoding/).</summary>
/// <param name="Number">Its number.</param>
/// <param name="Whole">Its value, when it is a number.</param>
/// <param name="Bytes">Its value, when it has a length.</param>
internal sealed record ProtoField(int Number, ulong Whole, byte[] Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes);

    public IEnumerable<double> Doubles => Bytes.Chunk(8).Select(some => BitConverter.ToDouble(some));

    public IEnumerable<ProtoField> Fields(int number) => In(Bytes, number);

    public static IEnumerable<ProtoField> In(byte[] message, int number)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Variable(message, ref at);
            var (whole, bytes) = (0UL, Array.Empty<byte>());
            switch (tag & 7)
            {
                case 0:
                    whole = Variable(message, ref at);
                    break;
                case 1:
                    whole = BitConverter.ToUInt64(message, at);
                    at += 8;
                    break;
                case 2:
                    var length = (int)Variable(message, ref at);
                    bytes = message[at..(at + length)];
                    at += length;
                    break;
                case 5:
                    whole = BitConverter.ToUInt32(message, at);
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7}");
            }

            if ((int)(tag >> 3) == number)
            {
                yield return new ProtoField(number, whole, bytes);
            }
        }
    }

    private static ulong Variable(byte[] message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var next = message[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
