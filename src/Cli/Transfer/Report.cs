using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Cli.Transfer;

/// <summary>Both sides of a move, thread by thread: what is the same, what differs, and what could not be read.</summary>
/// <param name="ComparedOn">When the sides were compared.</param>
/// <param name="Source">What kind of source it was.</param>
/// <param name="Resource">The resource that was moved into.</param>
/// <param name="Geography">Its geography.</param>
/// <param name="Threads">Every thread.</param>
/// <param name="Notes">What is not of one thread: users that could not be read or brought in.</param>
/// <param name="ThreadsOnlyHere">Threads of the resource that are not from this source; they are no difference.</param>
internal sealed record Report(
    DateTimeOffset ComparedOn, string Source, string Resource, string Geography, IReadOnlyList<ThreadComparison> Threads, IReadOnlyList<string> Notes, int ThreadsOnlyHere)
{
    /// <summary>Threads that are not the same on both sides.</summary>
    public int Different => Threads.Count(thread => !thread.IsSame);

    /// <summary>Whether everything that there is at the source is here, as it is there.</summary>
    [JsonIgnore]
    public bool IsSame => Different == 0 && Notes.Count == 0;

    /// <summary>Telephone numbers of the resource at the source. Only a carrier can move them; they are no difference.</summary>
    public IReadOnlyList<string> PhoneNumbers { get; init; } = [];

    /// <summary>Messages at the source.</summary>
    public long Messages => Threads.Sum(thread => (long)(thread.Source?.Messages ?? 0));

    /// <summary>Messages of these threads here.</summary>
    public long MessagesHere => Threads.Sum(thread => (long)(thread.Here?.Messages ?? 0));

    /// <summary>The verdict in a sentence.</summary>
    [JsonIgnore]
    public string Verdict => IsSame
        ? $"Everything is the same on both sides: {Threads.Count} threads, {Messages} messages."
        : $"{Different} of {Threads.Count} threads differ, and there are {Notes.Count} notes; {Messages} messages at the source, {MessagesHere} here.";

    /// <summary>Writes report.json and report.html into a directory; only their owner can read them.</summary>
    public void Write(string directory)
    {
        SecretFile.CreateDirectory(directory);
        SecretFile.Write(Path.Combine(directory, "report.json"), JsonSerializer.SerializeToUtf8Bytes(this, RunJson.Default.Report));
        SecretFile.Write(Path.Combine(directory, "report.html"), Encoding.UTF8.GetBytes(Html()));
    }

    private string Html()
    {
        var page = new StringBuilder(
            $$"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>Reconciliation of {{Text(Resource)}}</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1d2430; background: #fff; }
            table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d9dee7; vertical-align: top; }
            .same { color: #14632c; } .differs { color: #9b1c1c; font-weight: 600; } code { font-size: .85em; overflow-wrap: anywhere; } details { margin: .2rem 0; }
            </style>
            </head>
            <body>
            <h1>Reconciliation of {{Text(Resource)}}, {{Text(Geography)}}</h1>
            <p class="{{(IsSame ? "same" : "differs")}}">{{Text(Verdict)}}</p>
            <p>Source: {{Text(Source)}}. Compared {{ComparedOn.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}}. Threads here that are not from this source: {{ThreadsOnlyHere}}.</p>

            """);
        if (Notes.Count > 0)
        {
            page.Append("<h2>Not of one thread</h2>\n<ul>\n").AppendJoin("", Notes.Select(note => $"<li>{Text(note)}</li>\n")).Append("</ul>\n");
        }

        if (PhoneNumbers.Count > 0)
        {
            page.Append("<h2>Telephone numbers, not moved: have them ported before they are released</h2>\n<ul>\n").AppendJoin("", PhoneNumbers.Select(number => $"<li>{Text(number)}</li>\n")).Append("</ul>\n");
        }

        page.Append("<h2>Threads</h2>\n<table>\n<tr><th>Thread</th><th>Messages at the source</th><th>here</th><th>Oldest</th><th>Newest</th><th>Verdict</th></tr>\n");
        foreach (var thread in Threads.OrderBy(thread => thread.IsSame))
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td><code>{Text(thread.Id)}</code>{Days(thread)}</td><td>{thread.Source?.Messages}</td><td>{thread.Here?.Messages}</td>")
                .Append(CultureInfo.InvariantCulture, $"<td>{Time(thread.Source?.Oldest)}</td><td>{Time(thread.Source?.Newest)}</td><td>{VerdictOf(thread)}</td></tr>\n");
        }

        return page.Append("</table>\n</body>\n</html>\n").ToString();
    }

    private static string VerdictOf(ThreadComparison thread)
    {
        var said = new StringBuilder(thread.IsSame ? "<span class=\"same\">the same</span>" : "<span class=\"differs\">differs</span>");
        List(said, thread.Differences);
        List(said, [.. thread.Unreadable, .. thread.Refused]);
        List(said, [.. thread.Unmapped.Select(pair => $"{pair.Key} is no user of the resource (named {pair.Value} times)"), .. thread.Cleaned.Select(id => $"The HTML of message {id} could do harm and was cleaned")]);
        List(said, [.. thread.Attachments.Select(url => $"Attachment, not moved: {url}")]);
        return said.ToString();
    }

    private static void List(StringBuilder page, IReadOnlyList<string> lines)
    {
        if (lines.Count > 0)
        {
            page.Append("<ul>").AppendJoin("", lines.Select(line => $"<li>{Text(line)}</li>")).Append("</ul>");
        }
    }

    private static string Days(ThreadComparison thread)
    {
        var here = (thread.Here?.Days ?? []).ToDictionary(day => (day.Author, day.Day), day => day.Messages);
        var rows = (thread.Source?.Days ?? []).Select(day => $"<tr><td><code>{Text(day.Author)}</code></td><td>{Text(day.Day)}</td><td>{day.Messages}</td><td>{here.GetValueOrDefault((day.Author, day.Day))}</td></tr>");
        return $"<details><summary>by author and day</summary><table><tr><th>Author</th><th>Day (UTC)</th><th>source</th><th>here</th></tr>{string.Join("", rows)}</table></details>";
    }

    private static string Time(string? id) =>
        long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms < 253_402_300_800_000
            ? DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime.ToString("u", CultureInfo.InvariantCulture)
            : Text(id ?? "");

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}

/// <summary>A thread on both sides.</summary>
internal sealed record ThreadComparison(string Id, IReadOnlyList<string> Differences)
{
    /// <summary>Whether it is the same on both sides, and all of it could be read and written.</summary>
    public bool IsSame => Differences.Count == 0 && Unreadable.Count == 0 && Refused.Count == 0 && Unmapped.Count == 0 && Cleaned.Count == 0;

    /// <summary>The thread at the source.</summary>
    public ThreadManifest? Source { get; init; }

    /// <summary>The thread here.</summary>
    public ThreadManifest? Here { get; init; }

    /// <summary>What could not be read at the source, and why.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];

    /// <summary>What was not written here, and why.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];

    /// <summary>Messages whose HTML was made harmless.</summary>
    public IReadOnlyList<string> Cleaned { get; init; } = [];

    /// <summary>Authors and participants that are no users of the resource, with how often each is named.</summary>
    public IReadOnlyDictionary<string, int> Unmapped { get; init; } = new Dictionary<string, int>();

    /// <summary>Where attachments lie at the source. They are not moved, and are no difference.</summary>
    public IReadOnlyList<string> Attachments { get; init; } = [];

    /// <summary>Compares what was read with what is here.</summary>
    public static ThreadComparison Of(ThreadResult result, ThreadManifest? here) => new(
        result.Id,
        result.Failure is { } failure ? [$"it could not be read: {failure}"]
            : here is null ? ["it is not here"]
            : ThreadManifest.Compare(result.Source!, here))
    {
        Source = result.Source,
        Here = here,
        Unreadable = result.Unreadable,
        Refused = result.Refused,
        Cleaned = result.Cleaned,
        Unmapped = result.Unmapped,
        Attachments = result.Attachments,
    };
}
