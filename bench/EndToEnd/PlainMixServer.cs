using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Bench.InProcess;
using Domicile.Storage.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;

namespace Domicile.Bench.EndToEnd;

/// <summary>
/// Customers' acts by hand: Kestrel with one handler over the tables of <see cref="MixPlain"/>, the same paths, bodies and answers as Domicile's. The token is received and not
/// looked at; who asks says so in a header.
/// </summary>
internal static class PlainMixServer
{
    private const string Threads = "/chat/threads/";

    public static async Task Run(Options options)
    {
        SqliteLibrary.Describe();
        await using var store = new Store();
        await BaselineServer.Serve(options.Text("data"), app => app.Run(context => Answer(context, store)));
    }

    private static async Task Answer(HttpContext context, Store store)
    {
        var request = context.Request;
        var path = request.Path.Value!;
        if (path == "/load")
        {
            await Reply(context, await store.Load((await JsonSerializer.DeserializeAsync(request.Body, PlainMixJson.Default.MixRequest))!));
            return;
        }

        var parts = path[Threads.Length..].Split('/');
        var thread = int.Parse(parts[0], CultureInfo.InvariantCulture);
        var person = int.Parse(request.Headers["x-person"].ToString(), CultureInfo.InvariantCulture);
        switch (request.Method, parts)
        {
            case ("GET", [_, "messages"]):
                await Reply(context, await Listed(row => store.Plain.Page(thread, person, row), Message));
                break;
            case ("GET", [_, "participants"]):
                await Reply(context, await Listed(row => store.Plain.Memberships(thread, person, row), Member));
                break;
            case ("PATCH", [_, "messages", var id]):
                var read = await request.BodyReader.ReadAtLeastAsync((int)request.ContentLength!.Value);
                var change = Parse(read.Buffer);
                request.BodyReader.AdvanceTo(read.Buffer.End);
                var message = long.Parse(id, CultureInfo.InvariantCulture);
                Done(context, change.Content is { } text
                    ? await store.Plain.Edit(thread, message, person, text)
                    : await store.Plain.Mark(thread, message, person, JsonSerializer.Serialize(change.Metadata, PlainMixJson.Default.DictionaryStringString)));
                break;
            case ("DELETE", [_, "messages", var id]):
                Done(context, await store.Plain.Delete(thread, long.Parse(id, CultureInfo.InvariantCulture), person));
                break;
            default:
                context.Response.StatusCode = 404;
                break;
        }
    }

    private static PlainChange Parse(ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        return JsonSerializer.Deserialize(ref reader, PlainMixJson.Default.PlainChange)!;
    }

    private static void Done(HttpContext context, bool isDone) => context.Response.StatusCode = isDone ? 204 : 404;

    private static async Task Reply(HttpContext context, ReadOnlyMemory<byte> json)
    {
        context.Response.StatusCode = json.IsEmpty ? 403 : 200;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.BodyWriter.WriteAsync(json);
    }

    /// <summary>A list of rows; nothing when there is none.</summary>
    private static async Task<ReadOnlyMemory<byte>> Listed(Func<Action<SqliteDataReader>, ValueTask<int>> read, Action<Utf8JsonWriter, SqliteDataReader> write)
    {
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        await using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WriteStartArray("value"u8);
        if (await read(row => write(writer, row)) == 0)
        {
            return default;
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        await writer.FlushAsync();
        return buffer.WrittenMemory;
    }

    private static void Message(Utf8JsonWriter writer, SqliteDataReader row)
    {
        var id = row.GetInt64(0);
        writer.WriteStartObject();
        writer.WriteString("id"u8, id.ToString(CultureInfo.InvariantCulture));
        writer.WriteString("type"u8, "text"u8);
        writer.WriteString("sequenceId"u8, row.GetInt64(1).ToString(CultureInfo.InvariantCulture));
        writer.WriteString("version"u8, id.ToString(CultureInfo.InvariantCulture));
        if (!row.IsDBNull(4))
        {
            writer.WriteStartObject("content"u8);
            writer.WriteString("message"u8, row.GetString(4));
            writer.WriteEndObject();
            writer.WriteString("senderDisplayName"u8, row.GetString(3));
        }

        writer.WriteString("createdOn"u8, DateTimeOffset.FromUnixTimeMilliseconds(id));
        Person(writer, "senderCommunicationIdentifier"u8, row.GetString(2));
        When(writer, "editedOn"u8, row, 5);
        When(writer, "deletedOn"u8, row, 6);
        if (!row.IsDBNull(7))
        {
            writer.WritePropertyName("metadata"u8);
            writer.WriteRawValue(row.GetString(7));
        }

        writer.WriteEndObject();
    }

    private static void Member(Utf8JsonWriter writer, SqliteDataReader row)
    {
        writer.WriteStartObject();
        Person(writer, "communicationIdentifier"u8, row.GetString(0));
        if (!row.IsDBNull(2))
        {
            writer.WriteString("displayName"u8, row.GetString(2));
        }

        writer.WriteString("shareHistoryTime"u8, DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)));
        writer.WriteEndObject();
    }

    private static void Person(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string rawId)
    {
        writer.WriteStartObject(name);
        writer.WriteString("rawId"u8, rawId);
        writer.WriteStartObject("communicationUser"u8);
        writer.WriteString("id"u8, rawId);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void When(Utf8JsonWriter writer, ReadOnlySpan<byte> name, SqliteDataReader row, int column)
    {
        if (!row.IsDBNull(column))
        {
            writer.WriteString(name, DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column)));
        }
    }

    /// <summary>The tables, made anew for each round.</summary>
    private sealed class Store : IAsyncDisposable
    {
        public MixPlain Plain { get; private set; } = new();

        /// <returns>The ids of the messages, by thread.</returns>
        public async Task<byte[]> Load(MixRequest round)
        {
            await Plain.DisposeAsync();
            Plain = new MixPlain();
            await Plain.Load(round.Plan());
            return JsonSerializer.SerializeToUtf8Bytes(Plain.Messages, PlainMixJson.Default.Int64ArrayArray);
        }

        public ValueTask DisposeAsync() => Plain.DisposeAsync();
    }
}

/// <summary>What a round is of: the same plan on whichever side it is made.</summary>
internal sealed record MixRequest(int People, int Workers, int MessagesEach, int Steps, int Seed)
{
    public MixPlan Plan() => new(MixRole.Customer, new MixSize(People, Workers, MessagesEach), Steps, Seed);
}

internal sealed record PlainChange(string? Content, Dictionary<string, string>? Metadata);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(MixRequest))]
[JsonSerializable(typeof(PlainChange))]
[JsonSerializable(typeof(long[][]))]
internal sealed partial class PlainMixJson : JsonSerializerContext;
