using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Tests.Support;

/// <summary>A customer's system: a real web server on loopback that hears events, and answers as the test has it.</summary>
internal sealed class EventReceiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<Delivered> _delivered = new();
    private readonly ConcurrentQueue<Delivered> _questions = new();
    private WebApplication _web = null!;

    private EventReceiver()
    {
    }

    /// <summary>Where it is.</summary>
    public string Url => $"http://localhost:{Port}/events";

    public int Port { get; private set; }

    /// <summary>Everything that was delivered, in the order in which it came.</summary>
    public IReadOnlyList<Delivered> Received => [.. _delivered];

    /// <summary>The questions for consent.</summary>
    public IReadOnlyList<Delivered> Questions => [.. _questions];

    /// <summary>What a delivery is answered; 200 by default.</summary>
    public Func<Delivered, HttpContext, Task<int>> Answer { get; set; } = (_, _) => Task.FromResult(200);

    /// <summary>How it consents.</summary>
    public Func<Delivered, HttpContext, Task> Consent { get; set; } = Agree;

    public static async Task<EventReceiver> Start(int port = 0)
    {
        var receiver = new EventReceiver();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        receiver._web = builder.Build();
        receiver._web.Run(receiver.Serve);
        await receiver._web.StartAsync();
        receiver.Port = new Uri(receiver._web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        return receiver;
    }

    /// <summary>Consents as both schemas have it.</summary>
    public static async Task Agree(Delivered question, HttpContext http)
    {
        if (http.Request.Method == "OPTIONS")
        {
            http.Response.Headers["WebHook-Allowed-Origin"] = question.Headers["WebHook-Request-Origin"];
            http.Response.Headers["Allow"] = "POST";
            return;
        }

        var code = question.Json[0].GetProperty("data").GetProperty("validationCode").GetString();
        await http.Response.WriteAsJsonAsync(new { validationResponse = code });
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
        var text = Encoding.UTF8.GetString(body.ToArray());
        var headers = http.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var delivered = new Delivered(text, headers);
        if (http.Request.Method == "OPTIONS" || headers.GetValueOrDefault("aeg-event-type") == "SubscriptionValidation")
        {
            _questions.Enqueue(delivered);
            await Consent(delivered, http);
            return;
        }

        _delivered.Enqueue(delivered);
        try
        {
            var status = await Answer(delivered, http);
            if (status != 0)
            {
                http.Response.StatusCode = status;
            }
        }
        catch (OperationCanceledException)
        {
            // Whoever asked did not wait.
        }
    }
}

/// <summary>One request that a receiver got.</summary>
internal sealed record Delivered(string Body, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonElement.Parse(Body);

    /// <summary>The event, whichever the schema.</summary>
    public JsonElement Event => Json.ValueKind == JsonValueKind.Array ? Json.EnumerateArray().Single() : Json;

    public JsonElement Data => Event.GetProperty("data");

    public string Type => (Event.TryGetProperty("eventType", out var type) ? type : Event.GetProperty("type")).GetString()!["Microsoft.Communication.".Length..];

    public string Subject => Event.GetProperty("subject").GetString()!;

    public string Id => Event.GetProperty("id").GetString()!;
}
