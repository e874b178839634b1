using System.Collections.Frozen;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Domicile.Modules.Http;
using Domicile.Modules.Testing;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>Answers the requests of one operation, from its host to its reply.</summary>
internal sealed partial class OperationEndpoint
{
    private const int GoneStatus = 499;
    private const string VersionParameter = "api-version";
    private const int ChunkFraming = 64 * 1024;

    /// <summary>So much of a body that is too long is taken and dropped once it was answered: a client that sends all of it before it listens would otherwise meet a reset instead of the answer.</summary>
    private const int Dropped = 1024 * 1024;

    private static readonly Problem DoubledVersion = HttpProblems.BadParameter(VersionParameter, "sent once");

    private readonly Operation _operation;
    private readonly Edge _edge;
    private readonly ILogger _log;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _versions;
    private readonly string? _challenge;
    private readonly Problem _unknownVersion;

    public OperationEndpoint(Operation operation, Edge edge)
    {
        _operation = operation;
        _edge = edge;
        _log = edge.Log;
        _versions = operation.Versions.GetAlternateLookup<ReadOnlySpan<char>>();
        _challenge = CallerCheck.Challenge(operation.Access.Kind);
        _unknownVersion = HttpProblems.UnknownApiVersion(operation.Versions.Order(StringComparer.Ordinal));
    }

    /// <summary>Answers one request. Never throws.</summary>
    public async Task Answer(HttpContext context)
    {
        var started = _edge.Clock.GetTimestamp();
        var cancel = context.RequestAborted;
        using var span = RequestMeter.Spans.StartActivity(_operation.Name, ActivityKind.Server, default(ActivityContext));
        var (body, place, call) = (default(RequestBody), default(Place), default(Call));
        var status = GoneStatus;
        try
        {
            Reply reply;
            try
            {
                (reply, body, call) = await Decide(context, place = await _edge.Places.Find(context, cancel), cancel);
            }
            catch (BadHttpRequestException unreadable)
            {
                reply = HttpProblems.BadRequest(unreadable.StatusCode);
            }
            catch (StoreUnavailableException unavailable) when (!cancel.IsCancellationRequested)
            {
                // Its message has no values in it.
                LogUnavailable(_operation.Name, unavailable.Message, context.TraceIdentifier);
                reply = StorageProblems.Unavailable;
            }
            catch (Exception fault) when (!cancel.IsCancellationRequested)
            {
                LogFault(_operation.Name, context.TraceIdentifier, FaultText.Of(fault));
                reply = HttpProblems.Unexpected(context.TraceIdentifier);
            }

            try
            {
                status = reply.Status;
                await (reply.Socket is { } serve ? Upgrade(context, serve) : Write(context, reply, cancel));
            }
            catch (Exception fault) when (!cancel.IsCancellationRequested && !context.Response.HasStarted)
            {
                // The reply itself could not be written down.
                LogFault(_operation.Name, context.TraceIdentifier, FaultText.Of(fault));
                context.Response.ContentLength = null;
                reply = HttpProblems.Unexpected(context.TraceIdentifier);
                status = reply.Status;
                await Write(context, reply, cancel);
            }
        }
        catch (Exception) when (cancel.IsCancellationRequested)
        {
            // The client is gone; there is nobody to tell.
        }
        catch (Exception fault)
        {
            // Half an answer is out: ending the connection is the only way left to say that it is not whole.
            LogFault(_operation.Name, context.TraceIdentifier, FaultText.Of(fault));
            context.Abort();
        }
        finally
        {
            body.Return();
            Describe(span, status);
            Remember(context, status, started);
            Tell(context, place, call, status, started);
            LogAnswered(_operation.Name, _operation.Method, _operation.Path, status, _edge.Clock.GetElapsedTime(started).TotalMilliseconds, context.TraceIdentifier);
        }
    }

    /// <summary>The path of every request, from top to bottom.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<(Reply Reply, RequestBody Body, Call? Call)> Decide(HttpContext context, Place place, CancellationToken cancel)
    {
        // Whose host is it?
        if (place.Geography is null)
        {
            return (HttpProblems.Misdirected, default, null);
        }

        if (_edge.Tests is not null)
        {
            context.Features.Set(place.Resource);
        }

        // Shall it go wrong, for a test?
        var fault = place.Resource is null ? null : _edge.Tests?.Meet(_operation, place.Resource.Home.ResourceId);
        if (fault is not null && await Suffer(context, fault, cancel) is { } injected)
        {
            return (injected, default, null);
        }

        // Which version of the contract do they speak?
        var version = "";
        if (_operation.Versions.Count > 0 && FindVersion(context, out version) is { } wrongVersion)
        {
            return (wrongVersion, default, null);
        }

        // Who is calling, and may they?
        var (caller, refusal) = await _edge.Callers.Check(context, _operation.Access, place, cancel);
        if (caller is null)
        {
            return (Denied(place, refusal!), default, null);
        }

        // What do they say?
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // The server counts the framing of chunked bodies too, so its limit is a far second line; the exact one is ours. What it drops counts as well.
            size.MaxRequestBodySize = Math.Max((8L * _operation.BodyLimit) + ChunkFraming, Dropped);
        }

        var (body, unreadable) = await RequestBody.Read(context, _operation.BodyLimit, cancel);
        if (unreadable is null && caller is Caller.Application)
        {
            unreadable = AccessKeySignature.CheckBody(context.Request.Headers, body.Memory.Span);
        }

        if (unreadable is not null)
        {
            return (Denied(place, unreadable), body, null);
        }

        // Then it is the module's.
        var call = new Call(context, place.Geography, place.Resource)
        {
            Operation = _operation,
            Caller = caller,
            ApiVersion = version,
            Body = body.Memory,
        };

        // Is it one too many?
        if (_operation.Origin == Origin.Resource && _edge.Rates.Refuses(call) is { } tooMany)
        {
            return (tooMany, body, call);
        }

        var reply = await _operation.Handler(call, cancel);
        if (reply.Socket is not null && !context.WebSockets.IsWebSocketRequest)
        {
            return (HttpProblems.NoUpgrade, body, call);
        }

        if (fault?.Kind == TestFaultKind.AnswerLost)
        {
            await HangUp(context, cancel);
        }

        return (reply.Problem is { } problem ? Denied(place, problem, reply) : reply, body, call);
    }

    /// <summary>The answer's status, and nothing of what was asked: addresses have ids in them.</summary>
    private static void Describe(Activity? span, int status)
    {
        span?.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
        {
            span?.SetStatus(ActivityStatusCode.Error);
        }
    }

    /// <summary>What a test asked for happens to the request, before anything is looked at or done.</summary>
    private async ValueTask<Problem?> Suffer(HttpContext context, TestFault fault, CancellationToken cancel)
    {
        context.Features.Set(fault);
        if (fault.Latency > TimeSpan.Zero)
        {
            await Task.Delay(fault.Latency, _edge.Clock, cancel);
        }

        if (fault.Kind == TestFaultKind.ConnectionReset)
        {
            await HangUp(context, cancel);
        }

        return fault.Refusal;
    }

    private static async Task HangUp(HttpContext context, CancellationToken cancel)
    {
        context.Abort();
        await Task.Delay(Timeout.Infinite, cancel);
    }

    /// <summary>For the operation log of the resource, where one is kept. Of a request that went wrong before it was a call, the operation and the answer are known.</summary>
    private void Tell(HttpContext context, Place place, Call? call, int status, long started)
    {
        var took = _edge.Clock.GetElapsedTime(started);
        if (RequestMeter.Duration.Enabled)
        {
            RequestMeter.Duration.Record(took.TotalSeconds, new("operation", _operation.Name), new("status", RequestMeter.ClassOf(status)));
        }

        if (_edge.Answered is not { } answered)
        {
            return;
        }

        if (place.Resource is not { } resource)
        {
            if (place.Geography is { } geography && call is not null && context.Request.RouteValues["nameOrId"] is string named)
            {
                answered.Hear(_operation, geography, named, status);
            }

            return;
        }

        if (!answered.Hear(_operation, resource, status))
        {
            return;
        }

        var headers = context.Request.Headers;
        var client = headers["x-ms-useragent"] is [{ Length: > 0 } own, ..] ? own : headers.UserAgent is [{ Length: > 0 } usual, ..] ? usual : null;
        answered.Take(new AnsweredCall
        {
            Operation = _operation,
            Home = resource.Home,
            Origin = $"{context.Request.Scheme}://{resource.Authority}",
            Status = status,
            Took = took,
            At = _edge.Clock.GetUtcNow() - took,
            RequestId = context.TraceIdentifier,
            ApiVersion = call?.ApiVersion ?? "",
            Person = call is null ? default : call.Caller is Caller.User user ? user.Subject : call.Concerned,
            Scopes = call?.IssuedScopes ?? [],
            Thread = context.Request.RouteValues["threadId"] as string,
            Message = context.Request.RouteValues["messageId"] as string,
            Address = context.Connection.RemoteIpAddress is { } address ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString() : null,
            Client = client?.Length > AnsweredCall.ClientMax ? client[..AnsweredCall.ClientMax] : client,
        });
    }

    /// <summary>Operations and states only, and only of resources, for the test that asks.</summary>
    private void Remember(HttpContext context, int status, long started)
    {
        if (_edge.Tests is { } tests && _operation.Origin == Origin.Resource && _operation.Access.Kind != AccessKind.Open)
        {
            var took = _edge.Clock.GetElapsedTime(started);
            tests.Answered(_operation, context.Features.Get<ServedResource>()?.Home.ResourceId, status, took, context.Features.Get<TestFault>(), _edge.Clock.GetUtcNow() - took);
        }
    }

    /// <summary>Tells of a request that may not, whoever said so.</summary>
    private Reply Denied(Place place, Problem problem, Reply? reply = null)
    {
        if (problem.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden)
        {
            _edge.Refusals?.Count(place.Geography!, place.Resource?.Home.ResourceId, problem);
        }

        return reply ?? problem;
    }

    private static async ValueTask Upgrade(HttpContext context, Func<WebSocket, CancellationToken, Task> serve)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await serve(socket, context.RequestAborted);
    }

    private ValueTask Write(HttpContext context, Reply reply, CancellationToken cancel)
    {
        if (reply.Status == StatusCodes.Status401Unauthorized && _challenge is not null)
        {
            context.Response.Headers.WWWAuthenticate = _challenge;
        }
        else if (reply.Status == StatusCodes.Status413PayloadTooLarge && HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            // The rest of the body is not read, so the connection cannot carry another request.
            context.Response.Headers.Connection = "close";
        }

        return ReplyWriter.Write(context, reply, _operation.Errors, cancel);
    }

    private Problem? FindVersion(HttpContext context, out string version)
    {
        version = "";
        var found = false;
        foreach (var parameter in new QueryStringEnumerable(context.Request.QueryString.Value))
        {
            if (!parameter.DecodeName().Span.Equals(VersionParameter, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (found)
            {
                return DoubledVersion;
            }

            var value = parameter.DecodeValue().Span;
            if (value.IsEmpty)
            {
                return HttpProblems.NoApiVersion;
            }

            if (!_versions.TryGetValue(value, out version!))
            {
                return _unknownVersion;
            }

            found = true;
        }

        return found ? null : HttpProblems.NoApiVersion;
    }

    [LoggerMessage(1201, LogLevel.Information, "{Operation} ({Method} {Template}) answered {Status} in {Elapsed:F1} ms, request {RequestId}")]
    private partial void LogAnswered(string operation, string method, string template, int status, double elapsed, string requestId);

    [LoggerMessage(1202, LogLevel.Error, "{Operation} failed, request {RequestId}: {Fault}")]
    private partial void LogFault(string operation, string requestId, string fault);

    [LoggerMessage(1204, LogLevel.Error, "{Operation} found the store unavailable, request {RequestId}: {Reason}")]
    private partial void LogUnavailable(string operation, string reason, string requestId);
}
