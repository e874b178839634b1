using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Bench.InProcess;
using Domicile.Residency;
using Domicile.Storage.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// What Domicile is measured against: Kestrel with one handler over <see cref="BaselineStore"/> or <see cref="PostgresBaseline"/>. The token is received and
/// not looked at.
/// </summary>
internal static class BaselineServer
{
    private const string PathStart = "/chat/threads/";
    private const string PathEnd = "/messages";
    private const long Sender = 0x1234_5678_9abc_def0;

    public static async Task Run(Options options)
    {
        var directory = options.Text("data");
        var postgres = options.Text("postgres", "");
        await using var store = postgres.Length == 0 ? (IBaseline)new OnSqlite(directory) : await OnPostgres.Open((await File.ReadAllTextAsync(postgres)).Trim());
        await Serve(directory, app =>
        {
            app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
            app.Run(context => context.WebSockets.IsWebSocketRequest ? Hold(context) : Answer(context, store));
        });
    }

    /// <summary>A bare Kestrel over TLS that tells its port, until its parent closes the input.</summary>
    /// <param name="directory">Where its certificate is put.</param>
    /// <param name="answering">What answers.</param>
    public static async Task Serve(string directory, Action<WebApplication> answering)
    {
        using var certificate = MakeCertificate(Path.Combine(directory, "ca.pem"));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0, listener => listener.UseHttps(certificate));
        });
        await using var app = builder.Build();
        answering(app);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Console.WriteLine(new Uri(address).Port);
        await Console.In.ReadLineAsync();
        await app.StopAsync();
    }

    private static async Task Answer(HttpContext context, IBaseline store)
    {
        var path = context.Request.Path.Value!;
        if (!path.StartsWith(PathStart, StringComparison.Ordinal) || !path.EndsWith(PathEnd, StringComparison.Ordinal) || context.Request.ContentLength is not { } length)
        {
            context.Response.StatusCode = 404;
            return;
        }

        // Read as one piece and parsed where it lies.
        var read = await context.Request.BodyReader.ReadAtLeastAsync((int)length);
        var request = Parse(read.Buffer);
        context.Request.BodyReader.AdvanceTo(read.Buffer.End);
        var id = path[PathStart.Length..^PathEnd.Length];

        // As many bytes as Domicile's sealed payload has: its content as JSON, and what a seal adds.
        var content = JsonSerializer.SerializeToUtf8Bytes(new StoredMessage(0, request.Content!, request.SenderDisplayName), BaselineJson.Default.StoredMessage);
        var payload = new byte[content.Length + Seal.OverheadBytes];
        content.CopyTo(payload.AsSpan());
        var stored = await store.Append(id, payload);

        var answer = JsonSerializer.SerializeToUtf8Bytes(
            new SentAnswer(stored.ToString(System.Globalization.CultureInfo.InvariantCulture)), BaselineJson.Default.SentAnswer);
        context.Response.StatusCode = 201;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = answer.Length;
        await context.Response.BodyWriter.WriteAsync(answer);
    }

    /// <summary>A socket that only waits, without a buffer as long as nothing comes.</summary>
    private static async Task Hold(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        while ((await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None)).MessageType != System.Net.WebSockets.WebSocketMessageType.Close)
        {
        }
    }

    private static SendRequest Parse(System.Buffers.ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        return JsonSerializer.Deserialize(ref reader, BaselineJson.Default.SendRequest)!;
    }

    /// <summary>Where the hand-written server keeps messages.</summary>
    private interface IBaseline : IAsyncDisposable
    {
        /// <summary>Stores a message durably.</summary>
        /// <returns>Its id.</returns>
        Task<long> Append(string thread, byte[] payload);
    }

    private sealed class OnSqlite : IBaseline
    {
        private readonly BaselineStore _store;
        private readonly ConcurrentDictionary<string, BaselineStore.Head> _threads = new(StringComparer.Ordinal);

        public OnSqlite(string directory)
        {
            SqliteLibrary.Describe();
            _store = new BaselineStore(Path.Combine(directory, "data.db"));
        }

        public Task<long> Append(string thread, byte[] payload) =>
            _store.Append(
                _threads.GetOrAdd(thread, static id => new BaselineStore.Head(BitConverter.ToInt64(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(id))) & long.MaxValue)),
                Sender,
                payload);

        public ValueTask DisposeAsync()
        {
            _store.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    private sealed class OnPostgres(PostgresBaseline store) : IBaseline
    {
        private const int ThreadsMax = 10_000;
        private readonly ConcurrentDictionary<string, long> _threads = new(StringComparer.Ordinal);
        private int _last;

        public static async Task<OnPostgres> Open(string database) => new(await PostgresBaseline.Open(database, ThreadsMax));

        public Task<long> Append(string thread, byte[] payload) => store.Append(_threads.GetOrAdd(thread, _ => Interlocked.Increment(ref _last)), Sender, payload);

        public ValueTask DisposeAsync() => store.DisposeAsync();
    }

    /// <summary>A certificate for this machine, signed by itself.</summary>
    public static X509Certificate2 MakeCertificate(string publicFile)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = DateTimeOffset.UtcNow;
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(publicFile, certificate.ExportCertificatePem());
        return certificate;
    }
}

internal sealed record SendRequest(string? Content, string? SenderDisplayName, string? Type);

internal sealed record StoredMessage(int Type, string Content, string? SenderDisplayName);

internal sealed record SentAnswer(string Id);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SendRequest))]
[JsonSerializable(typeof(StoredMessage))]
[JsonSerializable(typeof(SentAnswer))]
internal sealed partial class BaselineJson : JsonSerializerContext;
