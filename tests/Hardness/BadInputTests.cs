using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Domicile.Modules.Http;
using Domicile.Tests.Conversations;
using AccessKeySignature = Domicile.Tests.Conversations.AccessKeySignature;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Whatever a client sends, the answer is a refusal in the contract's shape, never a failure of the server's; and what is refused writes nothing. A walker
/// for each geography, so that each can watch a store in which nobody else writes.
/// </summary>
[Collection(nameof(HardnessCollection))]
public sealed class BadInputTests
{
    private const int Ahead = 16;
    private const int AheadWriting = 3;
    private const int Piece = 120;
    private const int FaultsMax = 40;
    private static readonly string[] Geographies = ["Europe", "United States", "India", "Asia Pacific"];

    [Fact]
    public Task No_request_makes_the_server_fail_or_writes_when_it_is_refused() => Walk(requests: 2_000, protocol: HttpVersion.Version11);

    [Fact]
    public Task No_request_over_HTTP_2_makes_the_server_fail_or_writes_when_it_is_refused() => Walk(requests: 400, protocol: HttpVersion.Version20);

    [Fact]
    [Trait("length", "full")]
    public Task No_request_of_thirty_thousand_makes_the_server_fail_or_writes_when_it_is_refused() => Walk(requests: 30_000, protocol: HttpVersion.Version11);

    [Fact]
    [Trait("length", "long")]
    public Task No_request_of_a_hundred_thousand_makes_the_server_fail_or_writes_when_it_is_refused() => Walk(requests: 100_000, protocol: HttpVersion.Version11);

    [Fact]
    [Trait("length", "full")]
    public Task No_request_of_ten_thousand_over_HTTP_2_makes_the_server_fail_or_writes_when_it_is_refused() => Walk(requests: 10_000, protocol: HttpVersion.Version20);

    [Fact]
    public void Every_operation_has_a_good_request_with_every_field()
    {
        Assert.All(Interface.Operations, operation => Assert.Empty(Interface.Sample(operation.Name).Missing()));
        Assert.Empty(Interface.Samples.Select(sample => sample.Operation).Except(Interface.Operations.Select(operation => operation.Name)));
    }

    private static async Task Walk(int requests, Version protocol)
    {
        var seed = Seed.Take();
        await using var server = await ServerProcess.Start();
        var watch = Stopwatch.StartNew();
        var walkers = new List<Walker>();
        var scenes = await Task.WhenAll(Geographies.Select(geography => Walker.Enter(server, geography)));
        for (var i = 0; i < scenes.Length; i++)
        {
            scenes[i].Foreign = scenes[(i + 1) % scenes.Length].Scene;
            walkers.Add(scenes[i]);
        }

        await Task.WhenAll(walkers.Select((walker, i) => Task.Run(() => walker.Walk(seed.For(i), requests / walkers.Count, protocol))));
        var faults = walkers.SelectMany(walker => walker.Faults).ToList();
        foreach (var walker in walkers)
        {
            await walker.DisposeAsync();
        }

        using var wire = new Wire(server.Europe, server.CertificateAuthority);
        await wire.NewUser();
        Assert.True(
            faults.Count == 0,
            $"{seed}: {faults.Count} faults, of which\n{string.Join('\n', faults.GroupBy(fault => fault.Split('(')[0]).Take(FaultsMax).Select(same => $"{same.Count()} × {same.First()}"))}\n{server.Output.Text.Split("Ctrl+C.")[^1]}");
        var statuses = walkers.SelectMany(walker => walker.Statuses).GroupBy(pair => pair.Key, pair => pair.Value).OrderBy(group => group.Key).Select(group => $"{group.Key}: {group.Sum()}");
        var sent = walkers.Sum(walker => walker.Sent);
        Assert.InRange(sent, requests, int.MaxValue);
        Assert.True(walkers.Sum(walker => walker.Statuses.GetValueOrDefault(429)) < sent / 50, "Too many were refused for their rate to say anything.");
        Remark.Say($"{sent} requests over HTTP/{protocol} in {watch.Elapsed.TotalSeconds:0.0} s; {string.Join(", ", statuses)}; {walkers.Sum(walker => walker.Watched)} looks at the stores");
    }

    /// <summary>Walks one geography.</summary>
    private sealed class Walker : IAsyncDisposable
    {
        private static readonly HashSet<string> Destructive =
        [
            "Chat_DeleteChatThread", "ChatThread_RemoveChatParticipant", "ChatThread_DeleteChatMessage", "CommunicationIdentity_Delete", "Administration_DeleteResource",
        ];

        private readonly ServerProcess _server;
        private readonly Wire _resource;
        private readonly Wire _administration;
        private readonly WireUser _user;
        private readonly WireUser _member;
        private readonly string _owner;
        private readonly string _credential;
        private readonly StoreWatch _store;
        private readonly Dictionary<Origin, RawConnection> _connections = [];

        private Walker(ServerProcess server, Wire resource, Wire administration, WireUser user, WireUser member, string owner, string credential, StoreWatch store)
        {
            (_server, _resource, _administration, _user, _member, _owner, _credential, _store) = (server, resource, administration, user, member, owner, credential, store);
        }

        public Scene Scene { get; private set; } = null!;

        public Scene Foreign { get; set; } = null!;

        public ConcurrentQueue<string> Faults { get; } = [];

        public Dictionary<int, int> Statuses { get; } = [];

        public int Sent { get; private set; }

        public int Watched { get; private set; }

        public static async Task<Walker> Enter(ServerProcess server, string geography)
        {
            var administration = new Administration(server);
            var wire = new Wire(server.In(geography), server.CertificateAuthority);
            var walker = new Walker(
                server, wire, administration.Wire(geography), await wire.NewUser(), await wire.NewUser(), await administration.Token("owner", geography), administration.Credential,
                new StoreWatch(Path.Combine(server.Data, wire.Resource.Geography.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant())));
            (await walker._administration.AsUser(walker._owner, HttpMethod.Post, "/audit/checkpoints")).Is(200);
            await walker.SetTheScene();
            return walker;
        }

        public async Task Walk(Random chance, int requests, Version protocol)
        {
            using var http2 = protocol == HttpVersion.Version20 ? NewClient() : null;
            bool IsOver() => Sent >= requests || Faults.Count >= FaultsMax;
            while (!IsOver())
            {
                // But for test mode, which turns the clock, makes others' requests fail and empties the store: that is what it is for, and no product serves it.
                // First what leaves the scene as it is, everything mixed; then what may clear it away, each operation on its own.
                var tricks = Interface.Operations.Where(operation => !Destructive.Contains(operation.Name) && !operation.Name.StartsWith("Testing_", StringComparison.Ordinal)).SelectMany(new TrickBook(Scene, Foreign, chance).On).ToArray();
                chance.Shuffle(tricks);
                await Ask(http2, tricks, IsOver);
                foreach (var operation in Interface.Operations.Where(operation => Destructive.Contains(operation.Name)))
                {
                    var book = new TrickBook(Scene, Foreign, chance).On(operation).ToArray();
                    await Ask(http2, book.Where(trick => trick.MustBeRefused), IsOver);
                    for (var i = 0; i < book.Length && !IsOver(); i++)
                    {
                        if (!book[i].MustBeRefused)
                        {
                            var scene = Scene;
                            await Ask(http2, [book[i]], IsOver);
                            book = ReferenceEquals(scene, Scene) ? book : [.. new TrickBook(Scene, Foreign, chance).On(operation)];
                        }
                    }
                }
            }
        }

        private async Task Ask(HttpClient? http2, IEnumerable<Trick> tricks, Func<bool> isOver)
        {
            foreach (var piece in tricks.Where(trick => http2 is null || !(trick.IsHardlyHttp || trick.Headers.Any(header => header.Name == "Host"))).Chunk(Piece))
            {
                // What must not write goes together, many at once; what may write by itself, so that the store can be looked at after most of it.
                foreach (var alike in piece.GroupBy(trick => (trick.Operation.Origin, IsAlone: trick.IsAlone && http2 is null, MayWrite: !trick.MustBeRefused && trick.Method != "GET")))
                {
                    foreach (var block in alike.Chunk(alike.Key.IsAlone ? 1 : alike.Key.MayWrite ? AheadWriting : Ahead))
                    {
                        if (isOver())
                        {
                            return;
                        }

                        await (http2 is null ? Ask(block, alike.Key.IsAlone) : AskOverHttp2(http2, block));
                    }
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var connection in _connections.Values)
            {
                await connection.DisposeAsync();
            }

            _resource.Dispose();
            _administration.Dispose();
            _store.Dispose();
        }

        private async Task Ask(Trick[] tricks, bool alone)
        {
            var before = _store.Read();
            var answered = 0;
            var wrote = false;
            while (answered < tricks.Length)
            {
                var connection = await ConnectionFor(tricks[0].Operation.Origin, alone);
                var rest = tricks.Skip(answered).Select(trick => (Bytes(trick), trick.Method == "HEAD")).ToList();
                var answers = await connection.Ask(rest);
                foreach (var answer in answers)
                {
                    wrote |= Judge(tricks[answered++], answer);
                }

                if (answers.Count < rest.Count && (answers.Count == 0 || alone))
                {
                    // Nothing came: the one in front is at fault, if any is.
                    wrote |= Judge(tricks[answered++], null);
                }

                if (alone || connection.IsOver || answers.Count < rest.Count)
                {
                    await connection.DisposeAsync();
                    if (!alone)
                    {
                        _connections.Remove(tricks[0].Operation.Origin);
                    }
                }
            }

            await LookAtTheStore(tricks, before, wrote);
        }

        private async Task AskOverHttp2(HttpClient http, Trick[] tricks)
        {
            var before = _store.Read();
            var answers = await Task.WhenAll(tricks.Select(trick => AskOverHttp2(http, trick)));
            var wrote = false;
            for (var i = 0; i < tricks.Length; i++)
            {
                if (answers[i] is { } answer)
                {
                    wrote |= Judge(tricks[i], answer.Status == 0 ? null : answer);
                }
            }

            await LookAtTheStore(tricks, before, wrote);
        }

        private async Task<Answer?> AskOverHttp2(HttpClient http, Trick trick)
        {
            var wire = trick.Operation.Origin == Origin.Administration ? _administration : _resource;
            HttpRequestMessage request;
            try
            {
                request = new HttpRequestMessage(new HttpMethod(trick.Method), new Uri(wire.Resource.Origin + trick.Target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }))
                {
                    Version = HttpVersion.Version20,
                    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                };
                request.Content = trick.Body is null ? null : new ByteArrayContent(trick.Body) { Headers = { { "Content-Type", "application/json" } } };
                foreach (var (name, value) in CredentialOf(trick).Concat(trick.Headers.Where(header => header.Name is not ("Connection" or "Upgrade" or "TE"))))
                {
                    if (!request.Headers.TryAddWithoutValidation(name, value))
                    {
                        request.Content?.Headers.TryAddWithoutValidation(name, value);
                    }
                }
            }
            catch (Exception refused) when (refused is FormatException or ArgumentException)
            {
                return null;
            }

            try
            {
                using (request)
                using (var answer = await http.SendAsync(request))
                {
                    var headers = answer.Headers.Concat(answer.Content.Headers).ToDictionary(each => each.Key, each => string.Join(", ", each.Value), StringComparer.OrdinalIgnoreCase);
                    return new Answer((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), headers);
                }
            }
            catch (HttpRequestException unsendable) when (unsendable.HttpRequestError == HttpRequestError.Unknown && unsendable.InnerException is null)
            {
                // The client itself does not say it: a line break or a letter that no header has.
                return null;
            }
            catch (HttpRequestException)
            {
                return new Answer(0, "", new Dictionary<string, string>());
            }
        }

        /// <returns>Whether it may have written.</returns>
        private bool Judge(Trick trick, Answer? answer)
        {
            Sent++;
            var status = answer?.Status ?? 0;
            Statuses[status] = Statuses.GetValueOrDefault(status) + 1;
            if (FaultOf(trick, answer) is { } fault)
            {
                Faults.Enqueue($"{trick}: {fault}. {answer?.Body}\n    {(trick.Body is null ? "" : System.Text.Encoding.UTF8.GetString(trick.Body.AsSpan(0, Math.Min(300, trick.Body.Length))))}");
            }

            return status is >= 200 and < 300 && trick.Method is not ("GET" or "HEAD");
        }

        private static string? FaultOf(Trick trick, Answer? answer)
        {
            if (answer is null)
            {
                return trick.IsHardlyHttp || trick.Name == "oversized" ? null : "there was no answer";
            }

            // 505 is the web server's word for a version of HTTP that there is not (RFC 9110 §15.6.6).
            if (answer.Status >= 500 && !(answer.Status == 505 && trick.IsHardlyHttp))
            {
                return $"{answer.Status}";
            }

            if (answer.Status < 400)
            {
                return trick.MustBeRefused && trick.Operation.Access.Kind != AccessKind.Open ? $"{answer.Status} instead of a refusal"
                    : answer.Status is >= 300 ? $"{answer.Status}"
                    : null;
            }

            if (trick.Method == "HEAD" || (trick.IsHardlyHttp && answer.Body.Length == 0))
            {
                return null;
            }

            var byOrigin = trick.Operation.Origin == Origin.Administration ? ErrorShape.ProblemDetails : ErrorShape.Acs;
            return Shape.FaultOf(answer, trick.Operation.Errors) is { } fault && Shape.FaultOf(answer, byOrigin) is not null ? $"{answer.Status}, but {fault}" : null;
        }

        private async Task LookAtTheStore(Trick[] tricks, StoreWatch.Marks before, bool wrote)
        {
            if (!wrote)
            {
                Watched++;
                if (_store.Read().FaultAfter(before) is { } fault)
                {
                    Faults.Enqueue($"{string.Join("\n  ", tricks)}: all were refused, and {fault}");
                }
            }
            else if (tricks.Any(trick => Destructive.Contains(trick.Operation.Name)))
            {
                await SetTheScene(tricks[0].Operation.Name == "Administration_DeleteResource" ? null : Scene.Resource);
            }
        }

        private async Task<RawConnection> ConnectionFor(Origin origin, bool alone)
        {
            var resource = origin == Origin.Administration ? _administration.Resource : _resource.Resource;
            if (alone)
            {
                return await RawConnection.Open(resource, _server.CertificateAuthority);
            }

            if (!_connections.TryGetValue(origin, out var connection))
            {
                _connections.Add(origin, connection = await RawConnection.Open(resource, _server.CertificateAuthority));
            }

            return connection;
        }

        private byte[] Bytes(Trick trick) =>
            trick.Bytes((trick.Operation.Origin == Origin.Administration ? _administration : _resource).Authority, CredentialOf(trick));

        private IEnumerable<(string Name, string Value)> CredentialOf(Trick trick)
        {
            if (trick.Authorizations is { } odd)
            {
                return odd.Select(value => ("Authorization", value));
            }

            switch (trick.Operation.Access.Kind)
            {
                case AccessKind.Application:
                    var signature = new AccessKeySignature(
                        trick.Method, trick.Target, _resource.Authority, AccessKeySignature.At(DateTimeOffset.UtcNow), AccessKeySignature.Hash(trick.Body ?? []));
                    return [("x-ms-date", signature.Date), ("x-ms-content-sha256", signature.ContentHash), ("Authorization", signature.Authorization(_resource.Resource.Key))];
                case AccessKind.User:
                    return [("Authorization", $"Bearer {_user.Token}")];
                case AccessKind.Administrator:
                    return [("Authorization", $"Bearer {_owner}")];
                case AccessKind.Credential:
                    return [("Authorization", _credential)];
                default:
                    return [];
            }
        }

        private async Task SetTheScene(string? resource = null)
        {
            var newcomer = await _resource.NewUser();
            var spare = await _resource.NewUser();
            var thread = await _resource.NewThread(_user, _member);
            if (resource is null)
            {
                resource = $"r{Guid.NewGuid():N}";
                (await _administration.AsUser(_owner, HttpMethod.Post, "/resources", new { name = resource })).Is(201);
            }

            Scene = new Scene(thread, await _resource.Say(_user, thread, "a message"), _member.Id, newcomer.Id, spare.Id, resource);
        }

        private HttpClient NewClient() => new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            SslOptions = new() { CertificateChainPolicy = DemoResource.Trusting(_server.CertificateAuthority) },
        })
        {
            Timeout = TimeSpan.FromSeconds(60),
        };
    }
}
