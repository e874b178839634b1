using Domicile.Modules.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>
/// The way of every request, in one list. TLS is behind it already. What an operation's requests then meet
/// (host, version, caller, body, handler) is in <see cref="OperationEndpoint"/>, one list as well.
/// </summary>
internal sealed partial class Pipeline
{
    private readonly Edge _edge;
    private readonly OperationEndpoint[] _endpoints;
    private readonly IReadOnlyList<Operation> _operations;

    /// <summary>Takes the operations of every module.</summary>
    /// <exception cref="InvalidOperationException">The list does not hold together; the message says all that is wrong with it.</exception>
    public Pipeline(IReadOnlyList<Operation> operations, Edge edge)
    {
        if (OperationList.FaultsOf(operations) is { Count: > 0 } faults)
        {
            throw new InvalidOperationException(string.Join('\n', faults));
        }

        _edge = edge;
        _operations = operations;
        _endpoints = [.. operations.Select(operation => new OperationEndpoint(operation, edge))];
    }

    /// <summary>Lays the pipeline.</summary>
    public void Use(IApplicationBuilder requests)
    {
        requests.Use(RequestIds.Give);
        requests.Use(Cors.Answer);
        requests.Use(OneLeadingSlash);

        // The protocol above has its own signs of life; a ping of the transport would cost each idle socket a timer.
        requests.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
        requests.MapWhen(PlaceFinder.IsAdministration, administration => UseOperations(administration, Origin.Administration));
        UseOperations(requests, Origin.Resource);
    }

    private void UseOperations(IApplicationBuilder requests, Origin origin)
    {
        // Its own routes for each kind of origin: what is served on the one does not exist on the other.
        requests.UseRouting();
        requests.Use(origin == Origin.Resource ? RefuseUnmatchedAsAcs : RefuseUnmatchedAsProblem);
        requests.UseEndpoints(routes =>
        {
            for (var i = 0; i < _operations.Count; i++)
            {
                if (_operations[i].Origin == origin)
                {
                    Map(routes, _operations[i], _endpoints[i]);
                }
            }
        });
    }

    private static void Map(IEndpointRouteBuilder routes, Operation operation, OperationEndpoint endpoint)
    {
        string[] methods = operation.IsUpgrade ? [HttpMethods.Get, HttpMethods.Connect]
            : operation.Method == HttpMethods.Get ? [HttpMethods.Get, HttpMethods.Head]
            : [operation.Method];
        routes.MapMethods(RoutePatternFactory.Parse(operation.Path).RawText!, methods, endpoint.Answer).WithMetadata(operation).WithDisplayName(operation.Name);
    }

    // Clients that join an endpoint ending in a slash with a path starting with one send two.
    private static Task OneLeadingSlash(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path.Value is ['/', '/', ..] path)
        {
            context.Request.Path = new PathString("/" + path.TrimStart('/'));
        }

        return next(context);
    }

    private Task RefuseUnmatchedAsAcs(HttpContext context, RequestDelegate next) =>
        IsMatched(context) ? next(context) : Refuse(context, ErrorShape.Acs);

    private Task RefuseUnmatchedAsProblem(HttpContext context, RequestDelegate next) =>
        IsMatched(context) ? next(context) : Refuse(context, ErrorShape.ProblemDetails);

    private static bool IsMatched(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<Operation>() is not null;

    private async Task Refuse(HttpContext context, ErrorShape errors)
    {
        var cancel = context.RequestAborted;
        try
        {
            var problem = HttpProblems.NoSuchOperation;
            if ((await _edge.Places.Find(context, cancel)).Geography is null)
            {
                problem = HttpProblems.Misdirected;
            }
            else if (context.GetEndpoint() is { RequestDelegate: { } otherMethods })
            {
                // Routing's own endpoint for a path that exists with other methods: it sets Allow.
                await otherMethods(context);
                problem = HttpProblems.NoSuchMethod;
            }

            await ReplyWriter.Write(context, problem, errors, cancel);
        }
        catch (Exception) when (cancel.IsCancellationRequested)
        {
            // The client is gone.
        }
        catch (Exception fault) when (!context.Response.HasStarted)
        {
            LogFault(_edge.Log, context.TraceIdentifier, FaultText.Of(fault));
            await ReplyWriter.Write(context, HttpProblems.Unexpected(context.TraceIdentifier), errors, cancel);
        }
    }

    [LoggerMessage(1203, LogLevel.Error, "Refusing a request failed, request {RequestId}: {Fault}")]
    private static partial void LogFault(ILogger log, string requestId, string fault);
}
