using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Tests.Conversations;
using Domicile.Tests.Hardness;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>What a production server sends to the collector that its configuration names, whatever becomes of the collector.</summary>
public sealed partial class TelemetryTests : IAsyncDisposable
{
    private const string Canary = "canary";
    private const string Duration = "domicile.requests.duration";
    private const int ShortName = 6;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly string[] AttributesOfPoints = ["operation", "status", "kind", "store", "geography", "outcome", "reason"];
    private readonly TemporaryDirectory _directory = new();
    private ProductionServer? _server;
    private OtlpReceiver? _collector;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_collector is not null)
        {
            await _collector.DisposeAsync();
        }

        _directory.Dispose();
    }

    [Theory]
    [InlineData("http")]
    [InlineData("grpc")]
    [Trait("length", "full")]
    public async Task What_is_measured_and_a_span_for_each_request_reach_the_collector(string protocol)
    {
        var server = await Start(protocol);
        _collector = await OtlpReceiver.Start(server.CollectorPort, protocol == "grpc");
        var shop = await server.Create("shop", "Europe");
        using var wire = server.Wire(shop);
        await wire.NewUser();
        (await wire.AsApplication(HttpMethod.Get, $"/identities/8%3Aacs%3Anobody?api-version=2025-06-30")).Is(404);
        await Arrives(() => Spans("CommunicationIdentity_Get").Any());
        await Arrives(() => _collector.Points.Any(point => point.Name == Duration && point.Attributes["operation"] == "CommunicationIdentity_Get" && point.Attributes["status"] == "4xx"));
        Assert.All(Spans("CommunicationIdentity_Get"), span => Assert.Equal(("404", 0UL, false), (span.Attributes["http.response.status_code"], span.State, span.HasParent)));
        Assert.All(_collector.Points.Where(point => point.Name == Duration), point => Assert.Equal((0.005, 10), (point.Edges[0], point.Edges[^1])));
        Assert.All(_collector.Exports, export => Assert.Equal("domicile", export.Process["service.name"]));
        Assert.Single(_collector.Exports.Select(export => export.Process["service.instance.id"]).Distinct());
        Assert.DoesNotContain("authorization", string.Concat(_collector.Exports.Select(export => export.Head)), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("http")]
    [InlineData("grpc")]
    [Trait("length", "full")]
    public async Task A_collector_is_shown_what_was_given_for_it_with_everything_that_is_sent(string protocol)
    {
        var server = await Start(protocol, authorization: "Bearer 4711");
        _collector = await OtlpReceiver.Start(server.CollectorPort, protocol == "grpc");
        using var wire = server.Wire(await server.Create("shop", "Europe"));
        await wire.NewUser();
        await Arrives(() => _collector.Spans.Any() && _collector.Points.Any());
        Assert.All(_collector.Exports, export => Assert.Contains("authorization: Bearer 4711\n", export.Head, StringComparison.OrdinalIgnoreCase));
        var (output, errors) = await server.StopAndRead();
        Assert.DoesNotContain("4711", output + errors, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task Metrics_come_without_traces_where_none_are_wanted()
    {
        var server = await Start("http", tracePercent: 0);
        _collector = await OtlpReceiver.Start(server.CollectorPort);
        using var wire = server.Wire(await server.Create("shop", "Europe"));
        await Ask(wire, 25);
        await Arrives(() => Asked() == 25);

        // What waited would have been sent at the end.
        await server.StopAndRead();
        Assert.Empty(_collector.Spans);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task A_collector_that_is_away_slow_or_refuses_holds_up_no_request_and_is_told_everything_when_it_is_back()
    {
        // Nobody is there.
        var server = await Start("http");
        var shop = await server.Create("shop", "Europe");
        using var wire = server.Wire(shop);
        await Ask(wire, 50);
        await Eventually.Holds(async () => (await Metrics(server)).Contains("domicile_telemetry_exports_total{outcome=\"failed\"}", StringComparison.Ordinal), Limit, () => "the failure is counted");

        // It is there: the sums have what came before.
        _collector = await OtlpReceiver.Start(server.CollectorPort);
        await Arrives(() => Asked() == 50);

        // It takes what is sent and does not answer. A span more than fits into a batch of the exporter, so that one which waited for an answer would stand still.
        var held = new TaskCompletionSource();
        _collector.Before = cancel => held.Task.WaitAsync(cancel);
        await Arrives(() => _collector.Waiting > 0);
        await Ask(wire, 600);
        Assert.False(held.Task.IsCompleted);
        held.SetResult();
        await Arrives(() => Asked() == 650);

        // It refuses.
        _collector.Before = _ => throw new InvalidOperationException("This collector is broken.");
        await Eventually.Holds(async () => (await Metrics(server)).Contains("domicile_telemetry_exports_total{outcome=\"refused\"}", StringComparison.Ordinal), Limit, () => "the refusal is counted");
        await Ask(wire, 50);
        _collector.Before = _ => Task.CompletedTask;
        await Arrives(() => Asked() == 700);

        // The end waits for no collector.
        var never = new TaskCompletionSource();
        _collector.Before = cancel => never.Task.WaitAsync(cancel);
        await Arrives(() => _collector.Waiting > 0);
        var (output, errors) = await server.StopAndRead();
        var said = (output + errors).Split('\n').Where(line => line.Contains("collector of metrics", StringComparison.Ordinal)).ToList();
        Assert.Collection(
            said.Take(4),
            line => Assert.Contains("cannot be reached", line, StringComparison.Ordinal),
            line => Assert.Contains("answers again", line, StringComparison.Ordinal),
            line => Assert.Contains("refuses them with status 500", line, StringComparison.Ordinal),
            line => Assert.Contains("answers again", line, StringComparison.Ordinal));
        never.SetResult();
    }

    [Fact]
    [Trait("length", "full")]
    public async Task Nothing_that_is_sent_names_anybody_whatever_was_asked_and_no_variable_adds_to_it()
    {
        var server = await Start("http", new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_HEADERS"] = $"x-header={Canary}",
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1",
            ["OTEL_RESOURCE_ATTRIBUTES"] = $"host.name={Canary}",
            ["OTEL_SERVICE_NAME"] = Canary,
            ["OTEL_TRACES_SAMPLER"] = "always_off",
        });
        _collector = await OtlpReceiver.Start(server.CollectorPort);
        var shop = await server.Create("shop", "Europe");
        using var wire = server.Wire(shop);
        using var administration = server.AdministrationWire();
        var owner = JsonElement.Parse(await server.Command("token", "--role", "owner", "--geography", "Europe", "--json")).GetProperty("token").GetString()!;
        var (ada, bo, newcomer) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        var message = await wire.Say(ada, thread, $"{Canary} content");
        var scene = new Scene(thread, message, bo.Id, newcomer.Id, newcomer.Id, shop.Resource);
        var asked = Interface.Operations.Where(operation => !operation.Name.StartsWith("Testing_", StringComparison.Ordinal)).ToList();
        var good = 0;
        foreach (var operation in asked.OrderBy(operation => operation.Method == "DELETE"))
        {
            var sample = Interface.Sample(operation.Name);
            var target = scene.Target(operation, sample);
            target += $"{(target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}extra={Canary}";
            var body = sample.Body is null ? null : Wire.Bytes(JsonElement.Parse(scene.Fill(sample.Body)));
            void Change(HttpRequestMessage request)
            {
                request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
                request.Headers.TryAddWithoutValidation("tracestate", $"vendor={Canary}");
                request.Headers.TryAddWithoutValidation("baggage", $"user={Canary}");
                request.Headers.TryAddWithoutValidation("x-ms-client-request-id", Canary);
                request.Headers.TryAddWithoutValidation("User-Agent", $"{Canary}/1.0");
            }

            var method = new HttpMethod(operation.Method);
            var answer = operation switch
            {
                { Origin: Origin.Administration } => await administration.AsUser(owner, method, target, body, Change),
                { Access.Kind: AccessKind.Application } => await wire.AsApplication(method, target, body, Change),
                { Access.Kind: AccessKind.User } => await wire.AsUser(ada.Token, method, target, body, Change),
                _ => await wire.AsUser(owner, method, target, body, Change),
            };
            good += answer.Status < 300 ? 1 : 0;
        }

        // What no operation takes, and what names nobody here.
        await wire.AsUser(ada.Token, HttpMethod.Get, $"/{Canary}/{ada.Id}");
        await wire.AsUser(Canary, HttpMethod.Get, Wire.Chat($"19:{Canary}@thread.v2"));
        Assert.InRange(good, asked.Count / 2, asked.Count);
        await Arrives(() => asked.All(operation => Spans(operation.Name).Any()));
        await Arrives(() => asked.All(operation => _collector.Points.Any(point => point.Name == Duration && point.Attributes["operation"] == operation.Name)));

        string[] never =
        [
            Canary, thread, message, ada.Id, bo.Id, newcomer.Id, $"{ada.Guid:D}", $"{ada.Guid:N}", shop.Resource, shop.Host, "europe.test", "127.0.0.1", ada.Token, owner, "0af7651916cd43dd8448eb211c80319c", server.Data,
        ];

        // Where a name is short, the bytes of a trace's id spell it now and then: it is looked for in the texts.
        string[] local = [Environment.MachineName, Environment.UserName];
        foreach (var export in _collector.Exports)
        {
            var text = export.Head.Replace($"Host: 127.0.0.1:{server.CollectorPort}\n", "", StringComparison.Ordinal) + Encoding.Latin1.GetString(export.Message);
            Assert.All(never.Concat(local.Where(name => name.Length >= ShortName)), word => Assert.DoesNotContain(word, text, StringComparison.OrdinalIgnoreCase));
            Assert.Empty(export.Texts.SelectMany(said => BetweenWords().Split(said)).Intersect(local, StringComparer.OrdinalIgnoreCase));
            Assert.DoesNotContain("0AF7651916CD43DD8448EB211C80319C", Convert.ToHexString(export.Message), StringComparison.Ordinal);
            Assert.Equal(["service.instance.id", "service.name", "service.version"], export.Process.Keys.Order());
        }

        // Beyond what this test can say: the attributes that there are, each with values that are words.
        Assert.All(_collector.Spans, span => Assert.Equal("http.response.status_code", Assert.Single(span.Attributes).Key));
        Assert.All(_collector.Spans, span => Assert.Matches(Number(), span.Attributes.Values.Single()));
        Assert.All(_collector.Spans, span => Assert.Contains(span.Name, Interface.Operations.Select(operation => operation.Name)));
        Assert.All(_collector.Points.SelectMany(point => point.Attributes), pair =>
        {
            Assert.Contains(pair.Key, AttributesOfPoints);
            Assert.Matches(Word(), pair.Value);
        });
    }

    [GeneratedRegex("^[0-9]{3}$")]
    private static partial Regex Number();

    [GeneratedRegex("^([0-9]xx|[A-Za-z_. -]+)$")]
    private static partial Regex Word();

    [GeneratedRegex("[^A-Za-z0-9]+")]
    private static partial Regex BetweenWords();

    private async Task<ProductionServer> Start(string protocol, IReadOnlyDictionary<string, string>? variables = null, int tracePercent = 100, string? authorization = null)
    {
        var shown = "";
        if (authorization is not null)
        {
            SecretFile.Write(_directory["shown"], Encoding.ASCII.GetBytes($"{authorization}\n"));
            shown = $$""", "authorizationFile": "{{_directory["shown"]}}" """;
        }

        _server = new ProductionServer(port => $$""", "telemetry": { "collector": "http://127.0.0.1:{{port}}", "protocol": "{{protocol}}", "interval": "00:00:01", "tracePercent": {{tracePercent}}{{shown}} }""", variables);
        await _server.InitializeAsync();
        return _server;
    }

    private IEnumerable<OtlpSpan> Spans(string operation) => _collector!.Spans.Where(span => span.Name == operation);

    private Task Arrives(Func<bool> condition) => Eventually.Holds(() => Task.FromResult(condition()), Limit, () => string.Join(", ", _collector!.Spans.Select(span => span.Name).Concat(_collector.Points.Select(point => point.Name)).Distinct()));

    /// <summary>How many requests for the keys the newest sums have.</summary>
    private ulong Asked() => _collector!.Points.Where(point => point.Name == Duration && point.Attributes["operation"] == "Keys_List").Select(point => point.Count).LastOrDefault();

    private static async Task Ask(Wire wire, int times)
    {
        for (var asked = 0; asked < times; asked += 25)
        {
            await Task.WhenAll(Enumerable.Range(0, 25).Select(async _ => (await wire.Send(HttpMethod.Get, "/.well-known/jwks.json")).Is(200)));
        }
    }

    private static async Task<string> Metrics(ProductionServer server)
    {
        using var administration = server.AdministrationWire();
        return (await administration.Send(HttpMethod.Get, "/metrics")).Is(200).Body;
    }
}
