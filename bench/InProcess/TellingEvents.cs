using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Domicile.Bench.EndToEnd;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Bench.InProcess;

/// <summary>
/// How fast events are told, beside a bare HTTP client that posts the same bytes to the same target with as many requests at once. Told is everything from the entry in the change
/// feed on: reading it, asking Chat, opening the message, writing the event and posting it. The target is reached over TLS, as every target of production is; over plain HTTP,
/// which is for development, with <c>--plain yes</c>. Rounds take turns in one run.
/// </summary>
internal static class TellingEvents
{
    private const string Trusted = "SSL_CERT_FILE";
    private const string TheKey = "DOMICILE_BENCH_KEY";
    private const int Threads = 500;
    private const int AtOnce = 16;
    private const int Warming = 3;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        var isPlain = options.Text("plain", "no") == "yes";
        if (!isPlain && Environment.GetEnvironmentVariable(TheKey) is null)
        {
            await RunTrusting(options);
            return;
        }

        using var certificate = isPlain ? null : X509Certificate2.CreateFromPemFile(Environment.GetEnvironmentVariable(Trusted)!, Environment.GetEnvironmentVariable(TheKey));
        Machine.PrintHead(isPlain ? "Telling events, over plain HTTP" : "Telling events", options.Arguments);
        var (rounds, events) = (options.Number("rounds", 5), options.Number("events", 100_000));
        await using var target = await Target.Start(certificate);
        var (bare, told) = (new List<(double Rate, double Cost)>(), new List<(double Rate, double Cost)>());
        var table = new Table("round", "bare client, events/s", "Domicile, events/s", "ratio", "bare client, CPU µs/event", "Domicile, CPU µs/event", "ratio");
        for (var round = 1 - Warming; round <= rounds; round++)
        {
            var domicile = await Tell(target, events);
            var by = await Post(target, events);

            // The first rounds compile, and compile again.
            if (round > 0)
            {
                bare.Add(by);
                told.Add(domicile);
                Add(round, by, domicile);
            }
        }

        Add("median", Median(bare), Median(told));
        table.Print();
        await PrintStages(target, events);

        void Add(object name, (double Rate, double Cost) by, (double Rate, double Cost) domicile) => table.Add(
            name, by.Rate.Of(0), domicile.Rate.Of(0), (domicile.Rate / by.Rate).Of(2), by.Cost.Of(1), domicile.Cost.Of(1), (by.Cost / domicile.Cost).Of(2));
    }

    /// <summary>Runs in a process that trusts a certificate made for it: which authorities a machine trusts is read once.</summary>
    private static async Task RunTrusting(Options options)
    {
        var directory = Directory.CreateTempSubdirectory("domicile-bench-");
        try
        {
            var (trusted, key) = (Path.Combine(directory.FullName, "ca.pem"), Path.Combine(directory.FullName, "key.pem"));
            using (var made = BaselineServer.MakeCertificate(trusted))
            {
                await File.WriteAllTextAsync(key, made.GetECDsaPrivateKey()!.ExportECPrivateKeyPem());
            }

            var start = new ProcessStartInfo("dotnet", [typeof(TellingEvents).Assembly.Location, .. options.Arguments]);
            (start.Environment[Trusted], start.Environment[TheKey]) = (trusted, key);
            using var run = Process.Start(start)!;
            await run.WaitForExitAsync();
            Environment.ExitCode = run.ExitCode;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static (double Rate, double Cost) Median(List<(double Rate, double Cost)> all) => (all.Select(one => one.Rate).ToList().Median(), all.Select(one => one.Cost).ToList().Median());

    private static async Task<(EventSubscription Subscription, List<Ref<ChatThread>> Threads)> Prepare(Place place, Target target)
    {
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
        return (subscription, threads);
    }

    private static async Task Write(Place place, List<Ref<ChatThread>> threads, int events)
    {
        var thread = await place.Home.Store.Get<ChatThread>([threads[0]], CancellationToken.None);
        await Parallel.ForEachAsync(Enumerable.Range(0, events), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) => await place.Send(threads[i % Threads], thread!.CreatedBy, Text));
    }

    private static async Task<(double Rate, double Cost)> Tell(Target target, int events)
    {
        await using var place = await Place.Open();
        var (_, threads) = await Prepare(place, target);
        await Write(place, threads, events);
        using var client = new OutboundClient(new OutboundRules { AllowsLoopback = true });
        await using var dispatch = new EventDispatch(new ChatHappenings(new ChatStore()), client, TimeProvider.System);
        dispatch.Prepare([place.Unit.Own]);
        target.Expect(events);
        var spent = Spent.Begin();
        dispatch.Start();
        await target.Reached;
        return spent.On(events);
    }

    /// <summary>What each stage computes for one event, one after the other and alone.</summary>
    private static async Task PrintStages(Target target, int events)
    {
        await using var place = await Place.Open();
        var (subscription, threads) = await Prepare(place, target);
        await Write(place, threads, events);
        var (store, chat) = (place.Home.Store, new ChatHappenings(new ChatStore()));
        var envelope = new EventEnvelope(chat);
        using var client = new OutboundClient(new OutboundRules { AllowsLoopback = true });
        RecordKind[] kinds = [.. place.Unit.Own.Administration!.Catalogue.Kinds.Where(kind => kind.ClrType == typeof(ChatMessage))];
        var table = new Table("stage", "CPU µs/event", "bytes/event");
        for (var round = 0; round < 3; round++)
        {
            var entries = new List<FeedEntry>();
            var happenings = new List<ChatHappening>();
            var contents = new List<EventContent>();
            var people = new List<EventPeople>();
            var bodies = new List<ReadOnlyMemory<byte>>();
            var at = new FeedPosition((await store.Feed.End(CancellationToken.None)).Epoch, 0);
            await Stage("reading the change feed", async () =>
            {
                while (await store.Feed.Read(at, kinds, CancellationToken.None) is var (some, through) && through != at)
                {
                    entries.AddRange(some);
                    at = through;
                }
            });
            entries.RemoveAll(entry => entry.Kind.ClrType != typeof(ChatMessage));
            await Stage("reading and opening the messages", async () =>
            {
                foreach (var some in entries.Chunk(EventLimits.EntriesAtOnce))
                {
                    await store.GetMany<ChatMessage>([.. some.Select(entry => (ColumnValue[])[.. entry.Key])], CancellationToken.None);
                }
            });
            await Stage("asking Chat, reading and opening included", async () =>
            {
                foreach (var some in entries.Chunk(EventLimits.EntriesAtOnce))
                {
                    happenings.AddRange((await chat.Of(place.Home, some, _ => true, CancellationToken.None)).SelectMany(each => each));
                }
            });
            await Stage("making contents", () =>
            {
                foreach (var happening in happenings)
                {
                    var (matter, _) = ChatEvents.MatterOf(happening, 1)!.Value;
                    contents.Add(new EventContent { At = happening.At, Id = Guid.NewGuid(), Chat = matter, Parts = [new EventPart(ChatEvents.TypesOf(matter.Kind).InThread, SubjectRef.None, SubjectRef.None)] });
                }

                return Task.CompletedTask;
            });
            await Stage("looking people up", async () =>
            {
                for (var i = 0; i < contents.Count; i++)
                {
                    people.Add(await envelope.People(place.Home, contents[i], happenings[i].By.Subject, contents[i].Parts, CancellationToken.None));
                }
            });
            await Stage("writing bodies", () =>
            {
                for (var i = 0; i < contents.Count; i++)
                {
                    bodies.Add(EventEnvelope.Write(subscription, contents[i], contents[i].Parts[0], people[i]));
                }

                return Task.CompletedTask;
            });
            target.Expect(int.MaxValue);
            var caller = new TargetCaller(subscription, client, TimeProvider.System);
            await Stage("posting by the guarded client, the target included", () => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(worker => Task.Run(async () =>
            {
                for (var i = worker; i < bodies.Count; i += AtOnce)
                {
                    await client.Send(new OutboundRequest(HttpMethod.Post, target.Url) { Body = bodies[i], ContentType = "application/json; charset=utf-8", Headers = EventHeaders.OfDelivery(subscription, 1) }, CancellationToken.None);
                }
            }))));
            await Stage("the same with body, circuit and pace", () => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(worker => Task.Run(async () =>
            {
                for (var i = worker; i < contents.Count; i += AtOnce)
                {
                    await caller.Attempt(contents[i], contents[i].Parts[0], people[i], 1, CancellationToken.None);
                }
            }))));
            var plain = (Allocated: GC.GetTotalAllocatedBytes(), Spent: Spent.Begin());
            await Post(target, events);
            if (round == 2)
            {
                table.Add("posting by a bare client, the target included", plain.Spent.On(events).Cost.Of(1), (GC.GetTotalAllocatedBytes() - plain.Allocated) / events);
            }

            async Task Stage(string name, Func<Task> stage)
            {
                var (allocated, spent) = (GC.GetTotalAllocatedBytes(), Spent.Begin());
                await stage();
                if (round == 2)
                {
                    table.Add(name, spent.On(events).Cost.Of(1), (GC.GetTotalAllocatedBytes() - allocated) / events);
                }
            }
        }

        table.Print();
    }

    private static async Task<(double Rate, double Cost)> Post(Target target, int events)
    {
        // The bare client is what the measure is against.
#pragma warning disable RS0030
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
#pragma warning restore RS0030
        var body = target.LastBody;
        target.Expect(events);
        var spent = Spent.Begin();
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
        return spent.On(events);
    }

    /// <summary>Time, and what the whole process computed, the target included.</summary>
    private readonly record struct Spent(long Began, TimeSpan Computed)
    {
        public static Spent Begin() => new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);

        public (double Rate, double Cost) On(int events) =>
            (events / Stopwatch.GetElapsedTime(Began).TotalSeconds, (Environment.CpuUsage.TotalTime - Computed).TotalMicroseconds / events);
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

        public static async Task<Target> Start(X509Certificate2? certificate)
        {
            var target = new Target();
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listener =>
            {
                if (certificate is not null)
                {
                    listener.UseHttps(certificate);
                }
            }));
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
            target.Url = new Uri($"{(certificate is null ? "http" : "https")}://localhost:{port}/events");
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
