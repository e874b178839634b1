using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;

namespace Domicile.Modules.Realtime;

/// <summary>The way of a client to a connection: where, which, handshake, socket or poll; and the registrar, which it also asks.</summary>
internal sealed class RealtimeEndpoints(RealtimeConnections connections, Tickets tickets, IUserTokens tokens, TimeProvider clock)
{
    private const string Text = "text/plain; charset=UTF-8";

    /// <summary>The version is of discovery alone, whatever the version of chat.</summary>
    private static readonly FrozenSet<string> Versions = FrozenSet.Create("2024-09-01");

    private static readonly Access Members = Access.Realtime(TokenScope.Chat, TokenScope.ChatJoin, TokenScope.ChatJoinLimited);

    private static readonly System.Buffers.SearchValues<char> IdCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    public IEnumerable<Operation> Operations() =>
    [
        new Operation("GET", "/chat/config/realTimeNotifications", "Realtime_Discover", Members, Discover) { Versions = Versions },
        new Operation("POST", "/v4/a", "Realtime_Allocate", Members, Allocate) { Errors = ErrorShape.ProblemDetails },
        new Operation("GET", "/socket.io/1/", "Realtime_ShakeHands", Members, ShakeHands) { Errors = ErrorShape.ProblemDetails },
        new Operation("GET", "/socket.io/1/websocket/{sid}", "Realtime_OpenSocket", Access.Open, OpenSocket) { IsUpgrade = true, Errors = ErrorShape.ProblemDetails },
        new Operation("GET", "/socket.io/1/xhr-polling/{sid}", "Realtime_Poll", Access.Open, Poll) { Errors = ErrorShape.ProblemDetails },
        new Operation("POST", "/socket.io/1/xhr-polling/{sid}", "Realtime_PostPackets", Access.Open, Post) { BodyLimit = RealtimeLimits.PollBody, Errors = ErrorShape.ProblemDetails },
        new Operation("POST", "/registrar/v3/registrations", "Realtime_Register", Members, Register) { Errors = ErrorShape.ProblemDetails },
        new Operation("DELETE", "/registrar/v3/registrations/{registrationId}", "Realtime_Unregister", Members, Unregister) { Errors = ErrorShape.ProblemDetails },
        new Operation("GET", "/", "Realtime_Probe", Access.Open, Probe),
    ];

    private static ValueTask<Reply> Discover(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new Discovery(call.Origin, call.Origin + "/registrar", "Public"), RealtimeJson.Default.Discovery));

    /// <summary>Clients look whether anybody is there at all.</summary>
    private static ValueTask<Reply> Probe(Call call, CancellationToken cancel) => new(Reply.Plain("text/plain", "Trouter"));

    /// <summary>Data's way: the token's user and the endpoint's id → sealed into what the client repeats. Nothing rests.</summary>
    private async ValueTask<Reply> Allocate(Call call, CancellationToken cancel)
    {
        if (!TryReadEndpoint(call, out var endpoint))
        {
            return RealtimeProblems.NoEndpoint;
        }

        var home = call.Home;
        Guid? from = null;
        if (call.Query("sr") is { } before && await tickets.OpenConnection(home, before, cancel) is { } previous
            && previous.Person == call.User.Subject.Value && previous.Endpoint == endpoint)
        {
            // It comes back: from another node, from the one before this start, or from here.
            from = previous.Node != connections.Node ? previous.Node : previous.From;
        }

        var id = RandomPieces.Uuid().ToString("N");
        var now = clock.GetUtcNow();
        var ticket = new ConnectionTicket(id, home.ResourceId, call.User.Subject.Value, endpoint, connections.Node, from);
        var parameters = new ConnectParameters(
            await tickets.Close(home, ticket, cancel), "acs", "connect", Milliseconds(now), Milliseconds(now.AddSeconds(RealtimeLimits.ConnectionSeconds)));
        var url = $"{call.Origin}/v4/f/{id}/";
        return Reply.Json(
            200,
            new Allocation(WithPort(call.Origin), url, url, call.Origin, id, id, RealtimeLimits.ConnectionSeconds.ToString(CultureInfo.InvariantCulture), parameters),
            RealtimeJson.Default.Allocation);
    }

    /// <summary>Data's way: the token's user and life → sealed into the id of a socket, for a minute. Nothing rests.</summary>
    private async ValueTask<Reply> ShakeHands(Call call, CancellationToken cancel)
    {
        if (!TryReadEndpoint(call, out var endpoint))
        {
            return RealtimeProblems.NoEndpoint;
        }

        var (home, user) = (call.Home, call.User);
        var connection = call.Query("sr") is { } text ? await tickets.OpenConnection(home, text, cancel) : null;
        if (connection is null || connection.Person != user.Subject.Value || connection.Endpoint != endpoint)
        {
            connection = new ConnectionTicket(RandomPieces.Uuid().ToString("N"), home.ResourceId, user.Subject.Value, endpoint, connections.Node, null);
        }

        var nonce = new Guid(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));
        var sid = await tickets.Close(
            home,
            new SocketTicket(
                nonce,
                (clock.GetUtcNow() + RealtimeLimits.TicketLife).ToUnixTimeMilliseconds(),
                connection,
                user.RawId,
                user.Pass.Expires.ToUnixTimeSeconds(),
                user.Pass.Revocations,
                user.Pass.KeyFingerprint),
            cancel);
        return Reply.Plain(Text, string.Create(CultureInfo.InvariantCulture, $"{sid}:{RealtimeLimits.HeartbeatSeconds}:{RealtimeLimits.HeartbeatSeconds}:websocket,xhr-polling"));
    }

    private async ValueTask<Reply> OpenSocket(Call call, CancellationToken cancel)
    {
        if (await tickets.OpenSocket(call.Home, call.Route("sid"), cancel) is not { } ticket)
        {
            return RealtimeProblems.NoSocket;
        }

        // A request that asks for no socket is refused without using the id.
        if (!call.IsUpgrade)
        {
            return HttpProblems.NoUpgrade;
        }

        var (user, problem) = await Redeem(call, ticket, cancel);
        if (user is null)
        {
            return problem!;
        }

        var served = call.Served;
        return Reply.Upgrade(async (socket, cancel) =>
        {
            if (await connections.Of(served.Home).Enter(served, user, ticket.Connection, endpoint => new SocketConnection(endpoint, ticket.Connection.Id, socket, clock), cancel) is { } connection)
            {
                await connection.Hear();
            }
        });
    }

    private async ValueTask<Reply> Poll(Call call, CancellationToken cancel)
    {
        if (await tickets.OpenSocket(call.Home, call.Route("sid"), cancel) is not { } ticket)
        {
            return RealtimeProblems.NoSocket;
        }

        if (connections.FindPoll(ticket.Nonce) is not { } poll)
        {
            var (user, problem) = await Redeem(call, ticket, cancel);
            if (user is null)
            {
                return problem!;
            }

            if (await connections.Of(call.Home).Enter(call.Served, user, ticket.Connection, endpoint => new PollConnection(endpoint, ticket.Connection.Id, clock), cancel) is not { } entered)
            {
                return RealtimeProblems.Busy;
            }

            connections.Add(ticket.Nonce, entered);
            poll = entered;
        }

        return await poll.Poll(cancel) is { } packets ? Reply.Plain(Text, packets) : RealtimeProblems.NoSocket;
    }

    private async ValueTask<Reply> Post(Call call, CancellationToken cancel)
    {
        if (await tickets.OpenSocket(call.Home, call.Route("sid"), cancel) is not { } ticket || connections.FindPoll(ticket.Nonce) is not { } poll)
        {
            return RealtimeProblems.NoSocket;
        }

        if (!System.Text.Unicode.Utf8.IsValid(call.Body.Span))
        {
            return HttpProblems.NotUtf8;
        }

        return poll.Post(Encoding.UTF8.GetString(call.Body.Span)) ? Reply.Plain(Text, "1") : RealtimeProblems.NoPackets;
    }

    /// <summary>The registration is checked and not kept: a connection already says whose it is.</summary>
    private ValueTask<Reply> Register(Call call, CancellationToken cancel) =>
        new(!call.TryRead(RealtimeJson.Default.Registration, out var registration, out var unreadable) ? unreadable
            : IsId(registration.RegistrationId) ? Reply.Empty(202)
            : RealtimeProblems.NoRegistration);

    private ValueTask<Reply> Unregister(Call call, CancellationToken cancel)
    {
        if (!IsId(call.Route("registrationId")))
        {
            return new(RealtimeProblems.NoRegistration);
        }

        connections.Of(call.Home).Forget(call.Home, call.User.Subject, call.Route("registrationId"));
        return new(Reply.Empty(202));
    }

    /// <summary>Uses the id of a socket, when it is still good and so is the token with which it was made.</summary>
    private async ValueTask<(Caller.User? User, Problem? Problem)> Redeem(Call call, SocketTicket ticket, CancellationToken cancel)
    {
        if (!tickets.IsFresh(ticket))
        {
            return (null, RealtimeProblems.NoSocket);
        }

        var user = new Caller.User(new SubjectRef(ticket.Connection.Person), ticket.RawId, [])
        {
            Pass = new TokenPass(DateTimeOffset.FromUnixTimeSeconds(ticket.Expires), ticket.Revocations, ticket.KeyFingerprint),
        };
        if (await tokens.CheckAgain(user, call.Served, cancel) is { } problem)
        {
            return (null, problem);
        }

        return tickets.Use(call.Home, ticket) ? (user, null) : (null, RealtimeProblems.NoSocket);
    }

    /// <summary>
    /// With its port even where it is the usual one: a client that finds none takes that of the page on which it runs, and would look for the socket there.
    /// </summary>
    private static string WithPort(string origin)
    {
        var uri = new Uri(origin);
        return string.Create(CultureInfo.InvariantCulture, $"{uri.Scheme}://{uri.Host}:{uri.Port}/");
    }

    private static bool TryReadEndpoint(Call call, [NotNullWhen(true)] out string? endpoint)
    {
        endpoint = call.Query("epid");
        return IsId(endpoint);
    }

    private static bool IsId([NotNullWhen(true)] string? id) => id is { Length: > 0 and <= RealtimeLimits.EndpointCharacters } && !id.AsSpan().ContainsAnyExcept(IdCharacters);

    private static string Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
}
