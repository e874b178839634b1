using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary>What a thread is on one side: enough to tell whether the other side has the same, and where it differs.</summary>
internal sealed record ThreadManifest
{
    /// <summary>Messages, those that the thread tells of itself included.</summary>
    public required int Messages { get; init; }

    /// <summary>The id of the oldest message.</summary>
    public string? Oldest { get; init; }

    /// <summary>The id of the newest message.</summary>
    public string? Newest { get; init; }

    /// <summary>SHA-256 over every message in its order: ids, times, versions, authors, content, metadata.</summary>
    public required string MessagesDigest { get; init; }

    /// <summary>SHA-256 over topic, metadata, retention and creation.</summary>
    public required string PropertiesDigest { get; init; }

    /// <summary>SHA-256 over participants and how far each has read.</summary>
    public required string ParticipantsDigest { get; init; }

    /// <summary>People who are or were in it.</summary>
    public required int Participants { get; init; }

    /// <summary>Messages by author and day.</summary>
    public required IReadOnlyList<AuthorDay> Days { get; init; }

    /// <summary>Begins a manifest.</summary>
    public static Draft Of(TransferThread thread) => new(thread);

    /// <summary>What differs, in words.</summary>
    public static IReadOnlyList<string> Compare(ThreadManifest source, ThreadManifest target)
    {
        var differences = new List<string>();
        if (source.Messages != target.Messages)
        {
            differences.Add($"{source.Messages} messages at the source, {target.Messages} here");
        }

        if (source.Oldest != target.Oldest || source.Newest != target.Newest)
        {
            differences.Add($"from {source.Oldest} to {source.Newest} at the source, from {target.Oldest} to {target.Newest} here");
        }

        var here = target.Days.ToDictionary(day => (day.Author, day.Day), day => day.Messages);
        differences.AddRange(source.Days.Where(day => here.GetValueOrDefault((day.Author, day.Day)) != day.Messages).Take(20)
            .Select(day => $"{day.Author} wrote {day.Messages} on {day.Day} at the source, {here.GetValueOrDefault((day.Author, day.Day))} here"));
        if (source.MessagesDigest != target.MessagesDigest)
        {
            differences.Add("messages are not the same");
        }

        if (source.PropertiesDigest != target.PropertiesDigest)
        {
            differences.Add("topic, metadata, retention or creation are not the same");
        }

        if (source.ParticipantsDigest != target.ParticipantsDigest)
        {
            differences.Add("participants or receipts are not the same");
        }

        return differences;
    }

    /// <summary>A manifest that grows message by message, so that no side need be held in memory.</summary>
    public sealed class Draft : IDisposable
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly SortedDictionary<(string Author, string Day), int> days = [];
        private readonly TransferThread thread;
        private string? oldest;
        private string? newest;
        private int count;

        internal Draft(TransferThread thread) => this.thread = thread;

        /// <summary>Takes the next message.</summary>
        public Draft Add(TransferMessage message)
        {
            oldest ??= message.Id;
            newest = message.Id;
            count++;
            var day = (message.Sender ?? "(the thread)", message.CreatedOn.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            days[day] = days.GetValueOrDefault(day) + 1;

            // The identity names the message within its store only.
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(message with { Identity = Guid.Empty, Metadata = Sorted(message.Metadata) }, TransferJson.Default.TransferMessage));
            hash.AppendData("\n"u8);
            return this;
        }

        /// <summary>The manifest.</summary>
        public ThreadManifest End()
        {
            var people = (thread.Participants ?? []).OrderBy(each => each.User, StringComparer.Ordinal).Select(each => each with { AddedBy = null, RemovedBy = null, Metadata = Sorted(each.Metadata) }).ToList();
            var receipts = (thread.Receipts ?? []).OrderBy(each => each.User, StringComparer.Ordinal).ToList();
            return new ThreadManifest
            {
                Messages = count,
                Oldest = oldest,
                Newest = newest,
                MessagesDigest = Convert.ToHexStringLower(hash.GetHashAndReset()),
                PropertiesDigest = Digest(thread with { Participants = null, Receipts = null, Metadata = Sorted(thread.Metadata) }),
                ParticipantsDigest = Digest(new TransferThread { Id = thread.Id, Topic = "", CreatedOn = default, Participants = people, Receipts = receipts }),
                Participants = people.Count,
                Days = [.. days.Select(pair => new AuthorDay(pair.Key.Author, pair.Key.Day, pair.Value))],
            };
        }

        /// <inheritdoc/>
        public void Dispose() => hash.Dispose();

        private static string Digest(TransferThread thread) => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(thread, TransferJson.Default.TransferThread)));

        private static Dictionary<string, string>? Sorted(IReadOnlyDictionary<string, string>? pairs) =>
            pairs is { Count: > 0 } ? pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal) : null;
    }
}

/// <summary>How many messages someone wrote on a day (UTC).</summary>
internal sealed record AuthorDay(string Author, string Day, int Messages);
