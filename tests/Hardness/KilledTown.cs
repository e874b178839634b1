using System.Diagnostics;
using System.Text.Json;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// People who talk while their server is killed again and again, and what each of them was told about it. Whatever was acknowledged is certain; what was under
/// way when the server died is in doubt until it is looked at, and from then on it is as certain as the rest.
/// </summary>
internal sealed class KilledTown(Seed seed)
{
    private const int Talkers = 6;
    private const int Guests = 3;
    private readonly List<Talker> _talkers = [];
    private readonly List<Hall> _halls = [];
    private readonly List<WireUser> _guests = [];
    private readonly List<string> _wrong = [];
    private WireUser _removedForEver = null!;
    private TaskCompletionSource _enough = new();
    private int _acknowledged;
    private int _wanted;

    /// <summary>What was acknowledged in all rounds.</summary>
    public int Acknowledged => _acknowledged;

    /// <summary>What was under way in all rounds when the server was killed.</summary>
    public int InDoubt { get; private set; }

    public IReadOnlyList<Hall> Halls => _halls;

    public async Task Settle(Wire wire)
    {
        var users = new List<WireUser>();
        for (var i = 0; i < Talkers + Guests + 1; i++)
        {
            users.Add(await wire.NewUser());
        }

        _guests.AddRange(users.Skip(Talkers).Take(Guests));
        _removedForEver = users[^1];
        for (var i = 0; i < Talkers; i++)
        {
            var hall = new Hall(await wire.NewThread(users[i], [.. users.Take(Talkers).Where(user => user != users[i]), _removedForEver]), users[i]);
            (await wire.AsUser(users[i].Token, HttpMethod.Post, Wire.Chat(hall.Id, "/participants/:remove"), _removedForEver.Identifier)).Is(204);
            hall.Told = 2;
            _halls.Add(hall);
            _talkers.Add(new Talker(users[i], hall, seed.For(i)));
        }
    }

    /// <summary>Everybody talks until something ends the server.</summary>
    /// <param name="wire">The way to the server.</param>
    /// <param name="enough">How many acknowledgements there are before <paramref name="kill"/> is called, while the others are under way.</param>
    /// <param name="kill">Ends the server.</param>
    public async Task Talk(Wire wire, int enough, Func<Task> kill)
    {
        _enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _wanted = Volatile.Read(ref _acknowledged) + enough;
        var talking = _talkers.Select(talker => Task.Run(() => TalkUntilTheEnd(wire, talker))).ToList();
        await await Task.WhenAny(_enough.Task, Task.WhenAll(talking));
        await kill();
        await Task.WhenAll(talking);
        Assert.True(_wrong.Count == 0, $"{seed}: {string.Join('\n', _wrong)}");
    }

    /// <summary>Looks whether everything is there that must be, and nothing else.</summary>
    public async Task Check(Wire wire)
    {
        foreach (var hall in _halls)
        {
            CheckMessages(hall, await AllOf(wire, hall));
            await CheckGuests(wire, hall);
        }

        foreach (var talker in _talkers)
        {
            await CheckThreads(wire, talker);
            foreach (var user in talker.NewUsers)
            {
                (await wire.AsUser(user.Token, HttpMethod.Get, $"/chat/threads?api-version={Wire.ChatVersion}")).Is(200);
            }

            talker.NewUsers.Clear();
        }

        var refused = await wire.AsUser(_removedForEver.Token, HttpMethod.Post, Wire.Chat(_halls[0].Id, "/messages"), new { content = "I am still here" });
        refused.IsError(403);
    }

    private async Task TalkUntilTheEnd(Wire wire, Talker talker)
    {
        try
        {
            while (true)
            {
                if (await Act(wire, talker) is { } wrong)
                {
                    lock (_wrong)
                    {
                        _wrong.Add(wrong);
                    }

                    _enough.TrySetResult();
                    return;
                }

                if (Interlocked.Increment(ref _acknowledged) >= Volatile.Read(ref _wanted))
                {
                    _enough.TrySetResult();
                }
            }
        }
        catch (Exception dead) when (dead is HttpRequestException or IOException or OperationCanceledException)
        {
            // The server is gone.
        }
    }

    private Task<string?> Act(Wire wire, Talker talker) => talker.Chance.Next(20) switch
    {
        0 or 1 or 2 => Edit(wire, talker),
        3 => Delete(wire, talker),
        4 or 5 => MoveGuest(wire, talker),
        6 => NewUser(wire, talker),
        7 => NewThread(wire, talker),
        8 => DeleteThread(wire, talker),
        _ => Say(wire, talker),
    };

    private async Task<string?> Say(Wire wire, Talker talker)
    {
        var hall = _halls[talker.Chance.Next(_halls.Count)];
        var message = new Saying(talker.User.Id, Saying.Text(talker.Chance)) { Began = Stopwatch.GetTimestamp() };
        lock (hall.Sayings)
        {
            hall.Sayings.Add(message.Content, message);
        }

        var answer = await wire.AsUser(talker.User.Token, HttpMethod.Post, Wire.Chat(hall.Id, "/messages"), new { content = message.Content });
        message.Acknowledged = Stopwatch.GetTimestamp();
        if (answer.Status != 201)
        {
            return $"a message was answered with {answer.Status}: {answer.Body}";
        }

        message.Id = answer.Json.GetProperty("id").GetString();
        talker.Said.Add((hall, message));
        return null;
    }

    private async Task<string?> Edit(Wire wire, Talker talker)
    {
        if (talker.Pick() is not var (hall, message))
        {
            return await Say(wire, talker);
        }

        message.Doubt = Saying.Text(talker.Chance);
        var answer = await wire.AsUser(talker.User.Token, HttpMethod.Patch, Wire.Chat(hall.Id, $"/messages/{message.Id}"), new { content = message.Doubt });
        if (answer.Status != 204)
        {
            return $"an edit was answered with {answer.Status}: {answer.Body}";
        }

        (message.Content, message.Doubt, message.Edits) = (message.Doubt, null, message.Edits + 1);
        return null;
    }

    private async Task<string?> Delete(Wire wire, Talker talker)
    {
        if (talker.Pick() is not var (hall, message))
        {
            return await Say(wire, talker);
        }

        message.MayBeDeleted = true;
        var answer = await wire.AsUser(talker.User.Token, HttpMethod.Delete, Wire.Chat(hall.Id, $"/messages/{message.Id}"));
        if (answer.Status != 204)
        {
            return $"a deletion was answered with {answer.Status}: {answer.Body}";
        }

        message.IsDeleted = true;
        return null;
    }

    private async Task<string?> MoveGuest(Wire wire, Talker talker)
    {
        var hall = talker.Own;
        var guest = _guests[talker.Chance.Next(_guests.Count)];
        var isIn = hall.GuestsIn.Contains(guest.Id);
        hall.GuestInDoubt = guest.Id;
        var answer = isIn
            ? await wire.AsUser(talker.User.Token, HttpMethod.Post, Wire.Chat(hall.Id, "/participants/:remove"), guest.Identifier)
            : await wire.AsUser(talker.User.Token, HttpMethod.Post, Wire.Chat(hall.Id, "/participants/:add"), new { participants = new[] { new { communicationIdentifier = guest.Identifier } } });
        if (answer.Status != (isIn ? 204 : 201))
        {
            return $"{(isIn ? "a removal" : "an addition")} was answered with {answer.Status}: {answer.Body}";
        }

        hall.GuestInDoubt = null;
        hall.Told++;
        hall.Flip(guest.Id);
        return null;
    }

    private static async Task<string?> NewUser(Wire wire, Talker talker)
    {
        var answer = await wire.AsApplication(HttpMethod.Post, $"/identities?api-version={Wire.IdentityVersion}", new { createTokenWithScopes = new[] { "chat" } });
        if (answer.Status != 201)
        {
            return $"a new user was answered with {answer.Status}: {answer.Body}";
        }

        talker.NewUsers.Add(new WireUser(
            answer.Json.GetProperty("identity").GetProperty("id").GetString()!, answer.Json.GetProperty("accessToken").GetProperty("token").GetString()!));
        return null;
    }

    private static async Task<string?> NewThread(Wire wire, Talker talker)
    {
        talker.MayHaveMade = true;
        var answer = await wire.AsUser(talker.User.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new { topic = "A side room" });
        if (answer.Status != 201)
        {
            return $"a new thread was answered with {answer.Status}: {answer.Body}";
        }

        talker.MayHaveMade = false;
        talker.Rooms.Add(answer.Json.GetProperty("chatThread").GetProperty("id").GetString()!);
        return null;
    }

    private static async Task<string?> DeleteThread(Wire wire, Talker talker)
    {
        if (talker.Rooms.Count == 0)
        {
            return await NewThread(wire, talker);
        }

        talker.MayBeDeleted = talker.Rooms[talker.Chance.Next(talker.Rooms.Count)];
        var answer = await wire.AsUser(talker.User.Token, HttpMethod.Delete, Wire.Chat(talker.MayBeDeleted));
        if (answer.Status != 204)
        {
            return $"the deletion of a thread was answered with {answer.Status}: {answer.Body}";
        }

        talker.Rooms.Remove(talker.MayBeDeleted);
        talker.Gone.Add(talker.MayBeDeleted);
        talker.MayBeDeleted = null;
        return null;
    }

    private static async Task<List<JsonElement>> AllOf(Wire wire, Hall hall)
    {
        var all = new List<JsonElement>();
        var target = Wire.Chat(hall.Id, "/messages");
        while (true)
        {
            var page = (await wire.AsUser(hall.Owner.Token, HttpMethod.Get, target)).Is(200).Json;
            all.AddRange(page.GetProperty("value").EnumerateArray());
            if (!page.TryGetProperty("nextLink", out var next))
            {
                all.Reverse();
                return all;
            }

            target = next.GetString()!;
        }
    }

    private void CheckMessages(Hall hall, List<JsonElement> messages)
    {
        var told = 0;
        var doubtful = hall.Sayings.Values.Count(saying => saying.Id is null);
        var seen = new HashSet<Saying>();
        long last = 0;
        var began = 0L;
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            True((i + 1).ToString(null, null) == message.GetProperty("sequenceId").GetString(), hall, $"place {i + 1} has sequence id {message.GetProperty("sequenceId")}");
            var id = message.GetProperty("id").GetString()!;
            True(long.Parse(id, null) > last, hall, $"{id} comes after {last}");
            last = long.Parse(id, null);
            if (message.GetProperty("type").GetString() != "text")
            {
                told++;
                continue;
            }

            var saying = Find(hall, id, message);
            True(saying is not null && seen.Add(saying), hall, $"{id} is there twice, or nobody sent it: {message}");
            True(message.GetProperty("senderCommunicationIdentifier").GetProperty("rawId").GetString() == saying!.Sender, hall, $"{id} has another sender");
            CheckContent(hall, saying, id, message);

            // What was answered before another was asked for comes before it.
            True(saying.Acknowledged == 0 || saying.Acknowledged >= began, hall, $"{id} was acknowledged before one that stands in front of it was sent");
            began = Math.Max(began, saying.Began);
        }

        foreach (var saying in hall.Sayings.Values.ToList())
        {
            True(seen.Contains(saying) || saying.Id is null, hall, $"{saying.Id} was acknowledged and is not there");
            if (saying.Id is null)
            {
                hall.Sayings.Remove(saying.First);
            }
        }

        InDoubt += doubtful;
        True(told == hall.Told || (hall.GuestInDoubt is not null && told == hall.Told + 1), hall, $"{told} system messages instead of {hall.Told}");
        hall.Moved = told - hall.Told;
        hall.Told = told;
    }

    private static Saying? Find(Hall hall, string id, JsonElement message)
    {
        if (hall.ById.TryGetValue(id, out var known))
        {
            return known;
        }

        // First seen: it was acknowledged under this id since, or was under way and got there.
        var saying = hall.Sayings.Values.FirstOrDefault(each => each.Id == id)
            ?? (message.TryGetProperty("content", out var content) && hall.Sayings.TryGetValue(content.GetProperty("message").GetString()!, out var first) && first.Id is null ? first : null);
        if (saying is not null)
        {
            saying.Id = id;
            hall.ById.Add(id, saying);
        }

        return saying;
    }

    private void CheckContent(Hall hall, Saying saying, string id, JsonElement message)
    {
        var isDeleted = message.TryGetProperty("deletedOn", out _);
        True(isDeleted ? saying.MayBeDeleted : !saying.IsDeleted, hall, $"{id} is {(isDeleted ? "" : "not ")}deleted");
        (saying.IsDeleted, saying.MayBeDeleted) = (isDeleted, isDeleted);
        if (isDeleted)
        {
            True(!message.TryGetProperty("content", out _), hall, $"{id} was deleted and has content");
            return;
        }

        var content = message.GetProperty("content").GetProperty("message").GetString()!;
        if (saying.Doubt == content)
        {
            (saying.Content, saying.Edits) = (content, saying.Edits + 1);
        }

        saying.Doubt = null;
        True(saying.Content == content, hall, $"{id} says something else than what was acknowledged");
        True(message.TryGetProperty("editedOn", out _) == saying.Edits > 0, hall, $"{id} has {saying.Edits} edits");
    }

    private async Task CheckGuests(Wire wire, Hall hall)
    {
        var present = (await wire.AsUser(hall.Owner.Token, HttpMethod.Get, Wire.Chat(hall.Id, "/participants"))).Is(200).Json.GetProperty("value").EnumerateArray()
            .Select(participant => participant.GetProperty("communicationIdentifier").GetProperty("rawId").GetString()!).ToHashSet();
        if (hall.GuestInDoubt is { } doubt)
        {
            // Membership and what the thread tells of it came with one batch: both or neither.
            True((present.Contains(doubt) != hall.GuestsIn.Contains(doubt)) == (hall.Moved == 1), hall, "a membership and its message do not agree");
            if (hall.Moved == 1)
            {
                hall.Flip(doubt);
            }

            hall.GuestInDoubt = null;
        }

        var expected = _talkers.Select(talker => talker.User.Id).Concat(hall.GuestsIn);
        True(present.SetEquals(expected), hall, "other people are in it than were acknowledged");
    }

    private async Task CheckThreads(Wire wire, Talker talker)
    {
        var listed = new HashSet<string>();
        var target = $"/chat/threads?api-version={Wire.ChatVersion}";
        while (true)
        {
            var page = (await wire.AsUser(talker.User.Token, HttpMethod.Get, target)).Is(200).Json;
            foreach (var item in page.GetProperty("value").EnumerateArray())
            {
                Assert.True(listed.Add(item.GetProperty("id").GetString()!), $"{seed}: a thread is listed twice");
            }

            if (!page.TryGetProperty("nextLink", out var next))
            {
                break;
            }

            target = next.GetString()!;
        }

        if (talker.MayBeDeleted is { } doubtful)
        {
            if (!listed.Contains(doubtful))
            {
                talker.Rooms.Remove(doubtful);
                talker.Gone.Add(doubtful);
            }

            talker.MayBeDeleted = null;
        }

        var extra = listed.Except(talker.Rooms).Except(_halls.Select(hall => hall.Id)).ToList();
        Assert.True(extra.Count <= (talker.MayHaveMade ? 1 : 0), $"{seed}: {extra.Count} threads that nobody made, or that were deleted");
        talker.MayHaveMade = false;
        talker.Rooms.AddRange(extra);
        Assert.True(talker.Rooms.TrueForAll(listed.Contains), $"{seed}: an acknowledged thread is not there");
        foreach (var whole in extra)
        {
            var messages = (await wire.AsUser(talker.User.Token, HttpMethod.Get, Wire.Chat(whole, "/messages"))).Is(200).Json.GetProperty("value");
            Assert.True(messages.GetArrayLength() == 1, $"{seed}: a thread without its first message");
        }

        foreach (var gone in talker.Gone)
        {
            (await wire.AsUser(talker.User.Token, HttpMethod.Get, Wire.Chat(gone))).IsError(404);
        }

        talker.Gone.Clear();
    }

    private void True(bool holds, Hall hall, string otherwise) => Assert.True(holds, $"{seed}, thread {_halls.IndexOf(hall)}: {otherwise}");

    /// <summary>A thread in which all talkers are, and into which its owner lets guests.</summary>
    internal sealed class Hall(string id, WireUser owner)
    {
        public string Id { get; } = id;

        public WireUser Owner { get; } = owner;

        /// <summary>By the content under which they were sent.</summary>
        public Dictionary<string, Saying> Sayings { get; } = [];

        public Dictionary<string, Saying> ById { get; } = [];

        public HashSet<string> GuestsIn { get; } = [];

        public string? GuestInDoubt { get; set; }

        public int Told { get; set; }

        public int Moved { get; set; }

        public void Flip(string guest)
        {
            if (!GuestsIn.Remove(guest))
            {
                GuestsIn.Add(guest);
            }
        }
    }

    /// <summary>A message as its sender knows it.</summary>
    internal sealed class Saying(string sender, string content)
    {
        public string Sender { get; } = sender;

        public string First { get; } = content;

        public string? Id { get; set; }

        public string Content { get; set; } = content;

        public string? Doubt { get; set; }

        public int Edits { get; set; }

        public bool MayBeDeleted { get; set; }

        public bool IsDeleted { get; set; }

        public long Began { get; init; }

        public long Acknowledged { get; set; }

        /// <summary>Unlike any other; its length differs, so that half of it would be noticed.</summary>
        public static string Text(Random chance) => $"{Guid.NewGuid():N}{new string((char)('a' + chance.Next(26)), chance.Next(chance.Next(20) == 0 ? 20_000 : 300))}.";
    }

    private sealed class Talker(WireUser user, Hall own, Random chance)
    {
        public WireUser User { get; } = user;

        public Hall Own { get; } = own;

        public Random Chance { get; } = chance;

        public List<(Hall Hall, Saying Message)> Said { get; } = [];

        public List<WireUser> NewUsers { get; } = [];

        public List<string> Rooms { get; } = [];

        public List<string> Gone { get; } = [];

        public bool MayHaveMade { get; set; }

        public string? MayBeDeleted { get; set; }

        /// <summary>A message of one's own that is neither deleted nor in doubt, of late ones rather than of old ones.</summary>
        public (Hall Hall, Saying Message)? Pick()
        {
            for (var attempt = 0; attempt < 5 && Said.Count > 0; attempt++)
            {
                var (hall, message) = Said[Chance.Next(Math.Max(0, Said.Count - 50), Said.Count)];
                if (message is { MayBeDeleted: false, Doubt: null })
                {
                    return (hall, message);
                }
            }

            return null;
        }
    }
}
