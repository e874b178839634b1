using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Bench.InProcess;

/// <summary>
/// How fast events are told, beside a bare HTTP client that posts the same bytes to the same target with as many requests at once. Told is everything from the entry in the change
/// feed on: reading it, asking Chat, sealing what waits, writing it down, writing the event, posting it, and taking away what was delivered. Rounds take turns in one run.
/// </summary>
internal static class TellingEvents
{
    private const int Threads = 500;
    private const int AtOnce = 16;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Telling events", options.Arguments);
        var (rounds, events) = (options.Number("rounds", 5), options.Number("events", 10_000));
        await using var target = await Target.Start();
        var (bare, told) = (new List<double>(), new List<double>());
        var table = new Table("round", "bare client, events/s", "Domicile, events/s", "ratio");
        for (var round = 0; round <= rounds; round++)
        {
            var domicile = await Tell(target, events);
            var by = await Post(target, events);

            // The first round compiles.
            if (round > 0)
            {
                bare.Add(by);
                told.Add(domicile);
                table.Add(round, by.Of(0), domicile.Of(0), (domicile / by).Of(2));
            }
        }

        table.Add("median", bare.Median().Of(0), told.Median().Of(0), (told.Median() / bare.Median()).Of(2));
        table.Print();
    }

    private static async Task<double> Tell(Target target, int events)
    {
        await using var place = await Place.Open();
        var (person, _, _) = await place.Person();
        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < Threads; i++)
        {
            threads.Add(await place.Thread(person));
        }

        var subscription = new EventSubscription
        {
            Key = place.Home.References.Next<EventSubscription>(),
            Name = "bench",
            CreatedOn = TimeProvider.System.GetUtcNow(),
            Target = target.Url.AbsoluteUri,
            Types = ["Microsoft.Communication.ChatMessageReceivedInThread"],
            Schema = EventSchema.EventGrid,
            Headers = [],
            AttemptsMax = 30,
            LifeMinutes = 1440,
            KeepsDeadLetters = true,
            State = SubscriptionState.Active,
            Topic = "/subscriptions/bench/resourceGroups/europe/providers/Microsoft.Communication/communicationServices/bench",
            Origin = "localhost",
        };
        await place.Unit.Own.Store.Commit(b => b.Insert(new EventSubscriber { ResourceId = place.Home.ResourceId }), CancellationToken.None);
        await place.Home.Store.Commit(b => b.Insert(subscription), CancellationToken.None);
        await Parallel.ForEachAsync(Enumerable.Range(0, events), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) => await place.Send(threads[i % Threads], person, Text));

        using var client = new OutboundClient(new OutboundRules { AllowsLoopback = true });
        await using var dispatch = new EventDispatch(new ChatHappenings(new ChatStore()), client, TimeProvider.System);
        dispatch.Prepare([place.Unit.Own]);
        target.Expect(events);
        var watch = Stopwatch.StartNew();
        dispatch.Start();
        await target.Reached;
        return events / watch.Elapsed.TotalSeconds;
    }

    private static async Task<double> Post(Target target, int events)
    {
        // The bare client is what the measure is against.
#pragma warning disable RS0030
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
#pragma warning restore RS0030
        var body = target.LastBody;
        target.Expect(events);
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(worker => Task.Run(async () =>
        {
            for (var i = worker; i < events; i += AtOnce)
            {
                using var content = new ByteArrayContent(body);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                using var answer = await http.PostAsync(target.Url, content);
                answer.EnsureSuccessStatusCode();
            }
        })));
        await target.Reached;
        return events / watch.Elapsed.TotalSeconds;
    }

    /// <summary>A web server that takes what comes.</summary>
    private sealed class Target : IAsyncDisposable
    {
        private WebApplication _web = null!;
        private TaskCompletionSource _reached = new();
        private int _left = int.MaxValue;

        public Uri Url { get; private set; } = null!;

        public byte[] LastBody { get; private set; } = [];

        public Task Reached => _reached.Task;

        public static async Task<Target> Start()
        {
            var target = new Target();
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            target._web = builder.Build();
            target._web.Run(async http =>
            {
                using var body = new MemoryStream();
                await http.Request.Body.CopyToAsync(body);
                target.LastBody = body.ToArray();
                if (Interlocked.Decrement(ref target._left) == 0)
                {
                    target._reached.TrySetResult();
                }
            });
            await target._web.StartAsync();
            var port = new Uri(target._web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
            target.Url = new Uri($"http://127.0.0.1:{port}/events");
            return target;
        }

        public void Expect(int events)
        {
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Exchange(ref _left, events);
        }

        public ValueTask DisposeAsync() => _web.DisposeAsync();
    }
}
