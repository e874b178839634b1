using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>
/// Writes the archive of what is kept about a person: for programs a JSON file for each kind of record, for people a page, and the files that are theirs.
/// It reads piece by piece, so an archive of any size costs little memory.
/// </summary>
internal sealed class SubjectArchive(Home home, SubjectRef person, DateTimeOffset now)
{
    /// <summary>What is in an archive and what is not, in words that go into it.</summary>
    public static readonly IReadOnlyList<string> Rules =
    [
        "Records that are the person's are given whole.",
        "Of a record that is shared by several people and is nobody's, such as a conversation, what it says of itself is given; what others wrote in it is theirs and is not.",
        "Of a record that only mentions the person, that it does is given, and not what somebody else says in it.",
        "Found are records that are filed under the person. Where others mention the person in their own words, this cannot be found by machine.",
    ];

    private const int SharedMax = 100_000;
    private static readonly JsonWriterOptions Writing = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly RecordFields _fields = new(home);
    private readonly HashSet<(RecordKind Kind, long Key)> _shared = [];
    private readonly SortedDictionary<string, (string Filing, long Records)> _counts = new(StringComparer.Ordinal);

    /// <summary>Records in it, by kind and filing.</summary>
    public IReadOnlyList<KindTally> Tally => [.. _counts.Select(pair => new KindTally(pair.Key.Split(' ')[0], pair.Value.Filing, pair.Value.Records))];

    /// <summary>Writes it.</summary>
    public async Task Write(Stream output, CancellationToken cancel)
    {
        await using var zip = await ZipArchive.CreateAsync(output, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8, cancel);
        await WriteRecords(zip, cancel);
        await WriteShared(zip, cancel);
        await WriteFiles(zip, cancel);
        await WriteAbout(zip, cancel);
        await WritePage(zip, cancel);
    }

    private async Task WriteRecords(ZipArchive zip, CancellationToken cancel)
    {
        (string Name, Stream Stream, Utf8JsonWriter Json)? open = null;
        await foreach (var record in home.Subjects.Of(person, cancel))
        {
            var name = $"data/{record.Kind.Name}{(record.Filing == SubjectFiling.Mentioned ? ".mentions" : "")}.json";
            if (open is not null && open.Value.Name != name)
            {
                await Close(open.Value, cancel);
                open = null;
            }

            open ??= await Begin(zip, name, cancel);
            (await Describe(record, cancel)).WriteTo(open.Value.Json);
            if (open.Value.Json.BytesPending > 64 * 1024)
            {
                await open.Value.Json.FlushAsync(cancel);
            }

            var count = $"{record.Kind.Name} {record.Filing}";
            _counts[count] = (FilingOf(record.Filing), _counts.GetValueOrDefault(count).Records + 1);
            if (record.Filing == SubjectFiling.Own && record.Kind.Parent is { OwnerColumn: < 0 } parent && _shared.Count < SharedMax)
            {
                _shared.Add((parent, record.Values[record.Kind.ParentColumn].Number));
            }
        }

        if (open is not null)
        {
            await Close(open.Value, cancel);
        }
    }

    private async Task WriteShared(ZipArchive zip, CancellationToken cancel)
    {
        foreach (var kind in _shared.GroupBy(shared => shared.Kind).OrderBy(group => group.Key.Name, StringComparer.Ordinal))
        {
            var open = await Begin(zip, $"shared/{kind.Key.Name}.json", cancel);
            foreach (var (_, key) in kind.OrderBy(shared => shared.Key))
            {
                if (await home.Subjects.SharedParent(kind.Key, key, cancel) is { } record)
                {
                    (await Describe(record, cancel)).WriteTo(open.Json);
                }
            }

            await Close(open, cancel);
        }
    }

    private async Task WriteFiles(ZipArchive zip, CancellationToken cancel)
    {
        var number = 0;

        // An archive in an archive would say everything twice.
        await foreach (var record in home.Subjects.Of(person, kind => kind.BlobColumn >= 0 && kind.ClrType != typeof(SubjectExport), cancel))
        {
            if (record.Filing != SubjectFiling.Own || await home.Subjects.OpenFile(record, cancel) is not { } file)
            {
                continue;
            }

            await using (file)
            {
                var entry = zip.CreateEntry($"files/{record.Kind.Name}-{(++number).ToString(CultureInfo.InvariantCulture)}");
                entry.LastWriteTime = now;
                await using var stream = await entry.OpenAsync(cancel);
                await file.CopyTo(stream, 0, file.Length, cancel);
            }
        }
    }

    private async Task WriteAbout(ZipArchive zip, CancellationToken cancel)
    {
        var entry = zip.CreateEntry("about.json");
        entry.LastWriteTime = now;
        await using var stream = await entry.OpenAsync(cancel);
        await using var json = new Utf8JsonWriter(stream, Writing);
        json.WriteStartObject();
        json.WriteString("format", "domicile-subject-export/1");
        json.WriteString("geography", home.Geography.Name);
        json.WriteString("resource", home.ResourceId);
        json.WriteString("madeOn", now.UtcDateTime);
        json.WriteString("schema", "Each file below data/ is an array of records: kind; filing (own, mentioned or shared); fields, by name. Instants are UTC, ISO 8601; people are named by their identifier here, or null when they were erased; references between records are numbers.");
        json.WriteStartArray("identifiers");
        foreach (var (type, value) in await home.IdentifiersOf(person, cancel))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("value", value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("rules");
        foreach (var rule in Rules)
        {
            json.WriteStringValue(rule);
        }

        json.WriteEndArray();
        json.WriteStartArray("kinds");
        foreach (var tally in Tally)
        {
            json.WriteStartObject();
            json.WriteString("kind", tally.Kind);
            json.WriteString("filing", tally.Filing);
            json.WriteNumber("records", tally.Records);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(cancel);
    }

    private async Task WritePage(ZipArchive zip, CancellationToken cancel)
    {
        var entry = zip.CreateEntry("index.html");
        entry.LastWriteTime = now;
        await using var stream = await entry.OpenAsync(cancel);
        await using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        await text.WriteAsync(
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>What is kept about you</title>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;margin:0 0 1em;width:100%}th{text-align:left;width:14em;vertical-align:top;font-weight:normal;color:#555}td,th{border-top:1px solid #ddd;padding:.2em .5em;overflow-wrap:anywhere}</style>
            </head><body><h1>What is kept about you</h1>
            
            """);
        await text.WriteAsync($"<p>Made on {Html(now.UtcDateTime.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture))} UTC from the stores of {Html(home.Geography.Name)}.</p>\n<ul>\n");
        foreach (var rule in Rules)
        {
            await text.WriteAsync($"<li>{Html(rule)}</li>\n");
        }

        await text.WriteAsync("</ul>\n");
        await text.WriteAsync("<h2>Who you are here</h2>\n<table>\n");
        foreach (var (type, value) in await home.IdentifiersOf(person, cancel))
        {
            await text.WriteAsync($"<tr><th>{Html(Spaced(type))}</th><td>{Html(value)}</td></tr>\n");
        }

        await text.WriteAsync("</table>\n");
        var heading = "";
        await foreach (var record in home.Subjects.Of(person, cancel))
        {
            var title = $"{Words(record.Kind)}{(record.Filing == SubjectFiling.Mentioned ? " that mention you" : "")}";
            if (title != heading)
            {
                await text.WriteAsync($"<h2>{Html(heading = title)}</h2>\n");
                await text.WriteAsync(record.Kind.Note is { } note ? $"<p>{Html(note)}</p>\n" : "");
            }

            await text.WriteAsync("<table>\n");
            foreach (var (name, value) in (await Describe(record, cancel))["fields"]!.AsObject())
            {
                if (value is not null)
                {
                    await text.WriteAsync($"<tr><th>{Html(Spaced(name))}</th><td>{Html(value is JsonValue plain && plain.TryGetValue<string>(out var said) ? said : value.ToJsonString())}</td></tr>\n");
                }
            }

            await text.WriteAsync("</table>\n");
        }

        await text.WriteAsync("</body></html>\n");
    }

    private async Task<JsonObject> Describe(SubjectRecord record, CancellationToken cancel) =>
        new() { ["kind"] = record.Kind.Name, ["filing"] = FilingOf(record.Filing), ["fields"] = await _fields.Of(record, cancel) };

    private async Task<(string Name, Stream Stream, Utf8JsonWriter Json)> Begin(ZipArchive zip, string name, CancellationToken cancel)
    {
        var entry = zip.CreateEntry(name);
        entry.LastWriteTime = now;
        var stream = await entry.OpenAsync(cancel);
        var json = new Utf8JsonWriter(stream, Writing);
        json.WriteStartArray();
        return (name, stream, json);
    }

    private static async Task Close((string Name, Stream Stream, Utf8JsonWriter Json) open, CancellationToken cancel)
    {
        open.Json.WriteEndArray();
        await open.Json.FlushAsync(cancel);
        await open.Json.DisposeAsync();
        await open.Stream.DisposeAsync();
    }

    private static string FilingOf(SubjectFiling filing) => filing.ToString().ToLowerInvariant();

    private static string Html(string text) => HtmlEncoder.Default.Encode(text);

    private static string Spaced(string name) => string.Concat(name.Select((letter, at) => char.IsUpper(letter) && at > 0 ? $" {char.ToLowerInvariant(letter)}" : letter.ToString()));

    private static string Words(RecordKind kind) => $"{kind.Name.Replace('.', ' ')} records";
}
