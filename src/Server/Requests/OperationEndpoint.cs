using System.Collections.Frozen;
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
        var body = default(RequestBody);
        var status = GoneStatus;
        try
        {
            Reply reply;
            try
            {
                (reply, body) = await Decide(context, cancel);
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
            Remember(context, status, started);
            LogAnswered(_operation.Name, _operation.Method, _operation.Path, status, _edge.Clock.GetElapsedTime(started).TotalMilliseconds, context.TraceIdentifier);
        }
    }

    /// <summary>The path of every request, from top to bottom.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<(Reply Reply, RequestBody Body)> Decide(HttpContext context, CancellationToken cancel)
    {
        // Whose host is it?
        var place = await _edge.Places.Find(context, cancel);
        if (place.Geography is null)
        {
            return (HttpProblems.Misdirected, default);
        }

        if (_edge.Tests is not null)
        {
            context.Features.Set(place.Resource);
        }

        // Shall it go wrong, for a test?
        var fault = place.Resource is null ? null : _edge.Tests?.Meet(_operation, place.Resource.Home.ResourceId);
        if (fault is not null && await Suffer(context, fault, cancel) is { } injected)
        {
            return (injected, default);
        }

        // Which version of the contract do they speak?
        var version = "";
        if (_operation.Versions.Count > 0 && FindVersion(context, out version) is { } wrongVersion)
        {
            return (wrongVersion, default);
        }

        // Who is calling, and may they?
        var (caller, refusal) = await _edge.Callers.Check(context, _operation.Access, place, cancel);
        if (caller is null)
        {
            return (Denied(place, refusal!), default);
        }

        // What do they say?
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // The server counts the framing of chunked bodies too, so its limit is a far second line; the exact one is ours.
            size.MaxRequestBodySize = (8L * _operation.BodyLimit) + ChunkFraming;
        }

        var (body, unreadable) = await RequestBody.Read(context, _operation.BodyLimit, cancel);
        if (unreadable is null && caller is Caller.Application)
        {
            unreadable = AccessKeySignature.CheckBody(context.Request.Headers, body.Memory.Span);
        }

        if (unreadable is not null)
        {
            return (Denied(place, unreadable), body);
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
            return (tooMany, body);
        }

        var reply = await _operation.Handler(call, cancel);
        if (reply.Socket is not null && !context.WebSockets.IsWebSocketRequest)
        {
            return (HttpProblems.NoUpgrade, body);
        }

        if (fault?.Kind == TestFaultKind.AnswerLost)
        {
            await HangUp(context, cancel);
        }

        return (reply.Problem is { } problem ? Denied(place, problem, reply) : reply, body);
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
