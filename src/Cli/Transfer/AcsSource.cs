using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary>
/// Reads an ACS resource as its users: ACS lists neither users nor threads of a resource, so the users are named, and what they see is read. Whoever sees only a part of a
/// thread is followed by others, until the messages are without a gap.
/// </summary>
internal sealed class AcsSource(AcsClient client, Guid resource, IReadOnlyList<string> users, IReadOnlyList<string> threads, TransferLimitsOfRun limits) : ITransferSource
{
    private const int ReadersMax = 20;
    private readonly ConcurrentQueue<string> notes = new();
    private int threadCount = -1;
    private readonly ConcurrentDictionary<string, bool> unknown = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Kind => "acs";

    /// <inheritdoc/>
    public Guid Resource => resource;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => [.. notes];

    /// <inheritdoc/>
    public int? ThreadCount => Volatile.Read(ref threadCount) is >= 0 and var count ? count : null;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> PhoneNumbers(CancellationToken cancel)
    {
        try
        {
            return await client.PhoneNumbers(cancel);
        }
        catch (AcsRefused refused)
        {
            notes.Enqueue($"The telephone numbers could not be listed: {refused.Message}");
            return [];
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<TransferUser> Users(CancellationToken cancel) => users.Select(user => new TransferUser(user)).ToAsyncEnumerable();

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceThread> Threads([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var readers = new ConcurrentDictionary<string, ConcurrentQueue<string>>(StringComparer.Ordinal);
        foreach (var thread in threads)
        {
            readers.TryAdd(thread, new());
        }

        await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = limits.AtOnce, CancellationToken = cancel }, async (user, cancel) =>
        {
            try
            {
                await foreach (var item in client.Pages(user, "/chat/threads", cancel))
                {
                    if (item.TryGetProperty("deletedOn", out var deleted) && deleted.ValueKind == JsonValueKind.String)
                    {
                        continue;
                    }

                    var those = readers.GetOrAdd(item.GetProperty("id").GetString()!, _ => new());
                    if (those.Count < ReadersMax)
                    {
                        those.Enqueue(user);
                    }
                }
            }
            catch (AcsRefused refused)
            {
                unknown[user] = true;
                notes.Enqueue($"The threads of {user} could not be listed: {refused.Message}");
            }
        });
        Volatile.Write(ref threadCount, readers.Count);
        foreach (var (thread, those) in readers.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            yield return new SourceThread(thread, cancel => Read(thread, [.. those], cancel));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private async Task<ReadThread> Read(string id, IReadOnlyList<string> listed, CancellationToken cancel)
    {
        var path = $"/chat/threads/{Uri.EscapeDataString(id)}";
        var (unreadable, unmapped, attachments) = (new List<string>(), new Dictionary<string, int>(StringComparer.Ordinal), new List<string>());

        // A thread that was named without anyone who lists it: whoever of the users can, reads it.
        var properties = default(JsonElement);
        var readers = new List<string>();
        foreach (var user in listed.Count > 0 ? listed : users.Where(user => !unknown.ContainsKey(user)))
        {
            try
            {
                properties = await client.Read(user, path, cancel);
                readers.Add(user);
                break;
            }
            catch (AcsRefused refused) when (refused.Status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
            {
                // Not in it, or not any more.
            }
        }

        if (readers is not [var first])
        {
            throw new AcsRefused(HttpStatusCode.Forbidden, "NoReader", "none of the users named can read it");
        }

        var present = new List<JsonElement>();
        await foreach (var participant in client.Pages(first, $"{path}/participants", cancel))
        {
            present.Add(participant);
        }

        readers.AddRange(listed.Concat(present.Select(each => IdOf(each, "communicationIdentifier")).OfType<string>().Where(IsOurs)).Distinct(StringComparer.Ordinal)
            .Where(user => user != first && !unknown.ContainsKey(user)).Take(ReadersMax));
        var (messages, sequences) = (new SortedDictionary<long, TransferMessage>(), new HashSet<long>());
        foreach (var reader in readers)
        {
            try
            {
                await foreach (var message in client.Pages(reader, $"{path}/messages", cancel))
                {
                    Take(id, message, messages, sequences, unreadable, unmapped, attachments);
                    if (messages.Count > limits.MessagesInThread)
                    {
                        throw new AcsRefused(HttpStatusCode.OK, "TooLarge", $"it has more than {limits.MessagesInThread} messages, which is what is held in memory at once: --largest-thread N raises it");
                    }
                }
            }
            catch (AcsRefused refused) when (refused.Status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized && reader != first)
            {
                continue;
            }

            if (sequences.Count == 0 || sequences.Count == sequences.Max())
            {
                break;
            }
        }

        unreadable.AddRange(Gaps(sequences).Select(gap => $"Messages with the sequence ids {gap} cannot be read by any of the users named, or are not there any more."));
        var receipts = new List<TransferReceipt>();
        try
        {
            await foreach (var receipt in client.Pages(first, $"{path}/readReceipts", cancel))
            {
                if (Mapped(IdOf(receipt, "senderCommunicationIdentifier"), unmapped) is { } reader)
                {
                    receipts.Add(new TransferReceipt(reader, receipt.GetProperty("chatMessageId").GetString()!, receipt.GetProperty("readOn").GetDateTimeOffset()));
                }
            }
        }
        catch (AcsRefused refused)
        {
            unreadable.Add($"Read receipts could not be read: {refused.Message}");
        }

        var createdOn = properties.GetProperty("createdOn").GetDateTimeOffset();
        var thread = new TransferThread
        {
            Id = id,
            Topic = TextOf(properties, "topic") ?? "",
            CreatedOn = createdOn,
            CreatedBy = Mapped(IdOf(properties, "createdByCommunicationIdentifier"), unmapped),
            Metadata = PairsOf(properties),
            DeleteAfterDays = properties.TryGetProperty("retentionPolicy", out var policy) && policy.ValueKind == JsonValueKind.Object
                && policy.TryGetProperty("deleteThreadAfterDays", out var days) && days.ValueKind == JsonValueKind.Number ? days.GetInt32() : null,
            Participants = Memberships(present, [.. messages.Values], createdOn, unmapped),
            Receipts = [.. receipts.GroupBy(receipt => receipt.User).Select(Furthest).OrderBy(receipt => receipt.User, StringComparer.Ordinal)],
        };
        return new ReadThread(thread, [.. messages.Values]) { Unreadable = unreadable, Unmapped = unmapped, Attachments = [.. attachments.Distinct(StringComparer.Ordinal)] };
    }

    private static TransferReceipt Furthest(IEnumerable<TransferReceipt> receipts) =>
        receipts.MaxBy(receipt => long.TryParse(receipt.MessageId, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)!;

    private void Take(
        string thread, JsonElement message, SortedDictionary<long, TransferMessage> messages, HashSet<long> sequences, List<string> unreadable, Dictionary<string, int> unmapped, List<string> attachments)
    {
        var (text, type) = (TextOf(message, "id") ?? "", TextOf(message, "type") ?? "");
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id <= 0)
        {
            unreadable.Add($"A message has the id '{text}', which is no number.");
            return;
        }

        if (messages.ContainsKey(id))
        {
            return;
        }

        if (long.TryParse(TextOf(message, "sequenceId"), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
        {
            sequences.Add(sequence);
        }

        if (type is not ("text" or "html" or "topicUpdated" or "participantAdded" or "participantRemoved"))
        {
            unreadable.Add($"Message {id} is of the type '{type}', which there is not.");
            return;
        }

        var content = message.TryGetProperty("content", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : default;
        List<string>? people = null;
        if (type is "participantAdded" or "participantRemoved")
        {
            people = [.. ListOf(content, "participants").Select(each => IdOf(each, "communicationIdentifier")).Select(named => IsErased(named) ? named : Mapped(named, unmapped)).OfType<string>()];
        }

        attachments.AddRange(ListOf(content, "attachments").Select(each => TextOf(each, "url")).OfType<string>());
        messages.Add(id, new TransferMessage
        {
            Id = text,
            Identity = IdentityOf(thread, id),
            Type = type,
            Version = TextOf(message, "version") is { Length: > 0 } version ? version : text,
            CreatedOn = message.GetProperty("createdOn").GetDateTimeOffset(),
            Sender = Mapped(IdOf(message, "senderCommunicationIdentifier"), unmapped),
            SenderDisplayName = TextOf(message, "senderDisplayName"),
            Content = type is "text" or "html" ? TextOf(content, "message") : null,
            Topic = type == "topicUpdated" ? TextOf(content, "topic") : null,
            Participants = people,
            Initiator = Mapped(IdOf(content, "initiatorCommunicationIdentifier"), unmapped),
            EditedOn = TimeOf(message, "editedOn"),
            DeletedOn = TimeOf(message, "deletedOn"),
            Metadata = PairsOf(message),
        });
    }

    /// <summary>Who is in it, and who was: of the latter the thread's own messages tell.</summary>
    private List<TransferParticipant> Memberships(List<JsonElement> present, IReadOnlyList<TransferMessage> messages, DateTimeOffset createdOn, Dictionary<string, int> unmapped)
    {
        var (added, removed, last) = (new Dictionary<string, TransferMessage?>(), new Dictionary<string, TransferMessage>(), messages.Count > 0 ? messages[^1].CreatedOn : createdOn);
        var hasBegun = false;
        foreach (var message in messages)
        {
            hasBegun |= message.Sender is not null || message.Type is "text" or "html";
            foreach (var person in (message.Participants ?? []).Where(IsOurs))
            {
                // Whoever is named before anyone wrote is in the thread from its beginning.
                _ = message.Type == "participantAdded" ? added[person] = hasBegun ? message : null : removed[person] = message;
            }
        }

        var members = new Dictionary<string, TransferParticipant>(StringComparer.Ordinal);
        foreach (var each in present)
        {
            if (Mapped(IdOf(each, "communicationIdentifier"), unmapped) is { } user)
            {
                var coming = added.GetValueOrDefault(user);
                members.TryAdd(user, new TransferParticipant
                {
                    User = user,
                    AddedOn = coming?.CreatedOn ?? createdOn,
                    AddedBy = coming?.Identity,
                    DisplayName = TextOf(each, "displayName"),
                    ShareHistoryTime = TimeOf(each, "shareHistoryTime"),
                    Metadata = PairsOf(each),
                });
            }
        }

        foreach (var user in messages.Select(message => message.Sender).OfType<string>().Concat(removed.Keys).Distinct(StringComparer.Ordinal).Where(user => !members.ContainsKey(user)).ToList())
        {
            var (coming, going) = (added.GetValueOrDefault(user), removed.GetValueOrDefault(user));
            members.Add(user, new TransferParticipant
            {
                User = user,
                AddedOn = coming?.CreatedOn ?? createdOn,
                AddedBy = coming?.Identity,
                RemovedOn = going?.CreatedOn ?? last,
                RemovedBy = going?.Identity,
            });
        }

        return [.. members.Values.OrderBy(member => member.User, StringComparer.Ordinal)];
    }

    /// <summary>The user, when it is one of the resource; whoever was erased at the source is nobody.</summary>
    private string? Mapped(string? id, Dictionary<string, int> unmapped)
    {
        if (id is null || IsOurs(id))
        {
            return id;
        }

        if (!IsErased(id))
        {
            unmapped[id] = unmapped.GetValueOrDefault(id) + 1;
        }

        return null;
    }

    private bool IsOurs(string id) => CommunicationIdentifier.IsUserOf(resource, id) && !IsErased(id);

    private bool IsErased(string? id) => CommunicationIdentifier.ErasedIdOf(resource).Equals(id, StringComparison.OrdinalIgnoreCase);

    /// <summary>The same for the same message, whenever it is read.</summary>
    private static Guid IdentityOf(string thread, long id) => new(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{thread}\n{id}"))).AsSpan(0, 16));

    private static IEnumerable<string> Gaps(HashSet<long> sequences)
    {
        var expected = 1L;
        foreach (var sequence in sequences.Order())
        {
            if (sequence > expected)
            {
                yield return sequence == expected + 1 ? $"{expected}" : $"{expected} to {sequence - 1}";
            }

            expected = sequence + 1;
        }
    }

    private static string? IdOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var identifier) && identifier.ValueKind == JsonValueKind.Object
            ? TextOf(identifier, "rawId") ?? (identifier.TryGetProperty("communicationUser", out var user) ? TextOf(user, "id") : null)
            : null;

    private static string? TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static DateTimeOffset? TimeOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out var time) ? time : null;

    private static List<JsonElement> ListOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [];

    private static Dictionary<string, string>? PairsOf(JsonElement element) =>
        element.TryGetProperty("metadata", out var pairs) && pairs.ValueKind == JsonValueKind.Object && pairs.EnumerateObject().Any()
            ? pairs.EnumerateObject().Where(pair => pair.Value.ValueKind == JsonValueKind.String).ToDictionary(pair => pair.Name, pair => pair.Value.GetString()!, StringComparer.Ordinal)
            : null;
}
