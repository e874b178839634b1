using System.Globalization;
using System.Text.Json;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>One random history of a thread, and the model of what it comes to.</summary>
/// <param name="nodes">Ways to the resource, one for each node; requests go to one after the other.</param>
/// <param name="users">The people.</param>
/// <param name="seed">Where its chance begins.</param>
/// <param name="number">Which of the seed's histories.</param>
internal sealed class ThreadHistory(IReadOnlyList<Wire> nodes, WireUser[] users, Seed seed, int number)
{
    /// <summary>The founder, and those who come and go.</summary>
    public const int People = 6;

    private const int Founder = 0;
    private const int ActionsMost = 14;

    // Arrivals differ in every message of a thread, so in a burst they run some milliseconds ahead of the clock.
    private const long Blur = 25;
    private readonly Random _chance = seed.For(number);
    private readonly List<string> _acts = [];
    private readonly Dictionary<string, Said> _said = [];
    private readonly List<(int By, int Whom, DateTimeOffset? Share, long Told)> _added = [];
    private readonly List<(int By, int Whom)> _removed = [];
    private readonly List<(int Who, string What, long From, long To)> _refused = [];
    private string _thread = "";
    private uint _requests;

    private Wire Wire => nodes[(int)(Interlocked.Increment(ref _requests) % nodes.Count)];

    /// <summary>Plays it and compares.</summary>
    /// <returns>Messages in its transcript.</returns>
    public async Task<int> Play()
    {
        _thread = await Wire.NewThread(users[Founder], users[1], users[2]);
        await Task.WhenAll(Enumerable.Range(0, People).Select(who => Act(who, new Random(_chance.Next()))));
        var transcript = await Read(users[Founder], _chance.Next(1, 60));
        var model = Replay(transcript);
        for (var who = 1; who < People; who++)
        {
            await Compare(who, model, transcript);
        }

        return transcript.Count;
    }

    private async Task Act(int who, Random chance)
    {
        var mine = new List<string>();
        var actions = chance.Next(4, ActionsMost);
        for (var i = 0; i < actions; i++)
        {
            var begun = Now();
            var (what, answer) = await Act(who, mine, chance);
            lock (_acts)
            {
                _acts.Add($"{users[who].Guid} {what}: {answer.Status}");
                if (answer.Status is 403 or 404)
                {
                    _refused.Add((who, what, begun - Blur, Now() + Blur));
                }
                else if (answer.Status is not (200 or 201 or 204 or 503))
                {
                    Fail($"{what} was answered with {answer.Status}: {answer.Body}");
                }
            }
        }
    }

    private Task<(string What, Answer Answer)> Act(int who, List<string> mine, Random chance) => chance.Next(20) switch
    {
        < 9 => Say(who, mine, chance),
        < 11 when mine.Count > 0 => Edit(who, mine[chance.Next(mine.Count)], chance),
        < 12 when mine.Count > 0 => Delete(who, mine, chance),
        < 15 => Add(who, chance.Next(1, People), chance),
        < 18 => Remove(who, chance.Next(1, People)),
        _ => Look(who, chance),
    };

    private async Task<(string, Answer)> Say(int who, List<string> mine, Random chance)
    {
        var text = $"{who} says {chance.Next():x8}";
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Post, Wire.Chat(_thread, "/messages"), new { content = text });
        if (answer.Status == 201)
        {
            var id = answer.Json.GetProperty("id").GetString()!;
            mine.Add(id);
            lock (_acts)
            {
                True(_said.TryAdd(id, new Said(who, text)), $"two messages were given the id {id}");
            }
        }

        return ("say", answer);
    }

    private async Task<(string, Answer)> Edit(int who, string id, Random chance)
    {
        var text = $"{who} corrects {chance.Next():x8}";
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Patch, Wire.Chat(_thread, $"/messages/{id}"), new { content = text });
        if (answer.Status == 204)
        {
            lock (_acts)
            {
                _said[id] = _said[id] with { Text = text, IsEdited = true };
            }
        }

        return ("edit", answer);
    }

    private async Task<(string, Answer)> Delete(int who, List<string> mine, Random chance)
    {
        var id = mine[chance.Next(mine.Count)];
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Delete, Wire.Chat(_thread, $"/messages/{id}"));
        if (answer.Status == 204)
        {
            mine.Remove(id);
            lock (_acts)
            {
                _said[id] = _said[id] with { Text = null };
            }
        }

        return ("delete", answer);
    }

    private async Task<(string, Answer)> Add(int who, int whom, Random chance)
    {
        DateTimeOffset? share = chance.Next(3) switch
        {
            0 => null,
            1 => DateTimeOffset.UnixEpoch,
            _ => DateTimeOffset.FromUnixTimeMilliseconds(Now() - chance.Next(200)),
        };
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Post, Wire.Chat(_thread, "/participants/:add"), new
        {
            participants = new[] { new { communicationIdentifier = users[whom].Identifier, shareHistoryTime = share?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) } },
        });
        if (answer.Status == 201)
        {
            lock (_acts)
            {
                _added.Add((who, whom, share, Now()));
            }
        }

        return ("add", answer);
    }

    private async Task<(string, Answer)> Remove(int who, int whom)
    {
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Post, Wire.Chat(_thread, "/participants/:remove"), users[whom].Identifier);
        if (answer.Status == 204)
        {
            lock (_acts)
            {
                _removed.Add((who, whom));
            }
        }

        // A refusal may be about either of the two.
        return (answer.Status == 404 ? "remove someone" : "remove", answer);
    }

    /// <summary>Looks at a page in the middle of everything: whatever it shows is in order and without gaps.</summary>
    private async Task<(string, Answer)> Look(int who, Random chance)
    {
        var answer = await Wire.AsUser(users[who].Token, HttpMethod.Get, $"{Wire.Chat(_thread, "/messages")}&maxPageSize={chance.Next(1, 30)}");
        if (answer.Status == 200)
        {
            var sequence = answer.Json.GetProperty("value").EnumerateArray().Select(message => int.Parse(message.GetProperty("sequenceId").GetString()!, null)).ToList();
            True(sequence.Zip(sequence.Skip(1)).All(pair => pair.First == pair.Second + 1), $"a page shows {string.Join(' ', sequence)}");
        }

        return ("look", answer);
    }

    /// <summary>Everything that someone sees, from the first to the last.</summary>
    private async Task<List<JsonElement>> Read(WireUser user, int pageSize, string more = "")
    {
        var all = new List<JsonElement>();
        var target = $"{Wire.Chat(_thread, "/messages")}&maxPageSize={pageSize}{more}";
        while (true)
        {
            var page = (await Wire.AsUser(user.Token, HttpMethod.Get, target)).Is(200).Json;
            all.AddRange(page.GetProperty("value").EnumerateArray());
            if (!page.TryGetProperty("nextLink", out var next))
            {
                all.Reverse();
                return all;
            }

            True(page.GetProperty("value").GetArrayLength() == pageSize, "a page with more behind it is not full");
            target = next.GetString()!;
        }
    }

    /// <summary>Goes through the transcript in its order: who was in when, and whether all that is in it was allowed and acknowledged.</summary>
    private List<Stay>[] Replay(List<JsonElement> transcript)
    {
        var stays = Enumerable.Range(0, People).Select(_ => new List<Stay>()).ToArray();
        var (added, removed) = (_added.ToList(), _removed.ToList());
        var unseen = _said.Keys.ToHashSet();
        for (var i = 0; i < transcript.Count; i++)
        {
            var message = transcript[i];
            var id = message.GetProperty("id").GetString()!;
            var at = long.Parse(id, null);
            True(message.GetProperty("sequenceId").GetString() == (i + 1).ToString(null, null), $"place {i + 1} has the sequence id {message.GetProperty("sequenceId")}");
            True(i == 0 || at > IdOf(transcript[i - 1]), $"{id} is not later than what is before it");
            switch (message.GetProperty("type").GetString())
            {
                case "text":
                    True(unseen.Remove(id), $"{id} is there twice, or nobody was told that it is");
                    CheckSaid(message, id, stays);
                    break;
                case "participantAdded":
                    foreach (var whom in Named(message))
                    {
                        True(!IsIn(stays[whom]), $"{whom} was added by {id} and was in already");
                        var by = Initiator(message);
                        var share = Shared(message, whom);
                        True(i == 0 || IsIn(stays[by]), $"{by} added someone with {id} without being in");
                        var told = added.FindIndex(each => each.By == by && each.Whom == whom && each.Told + Blur >= at);
                        True(i == 0 || told >= 0, $"nobody was told that {id} added {whom}");
                        stays[whom].Add(new Stay(at, share, i == 0 ? at : added[told].Told));
                        if (i > 0)
                        {
                            added.RemoveAt(told);
                        }

                    }

                    break;
                case "participantRemoved":
                    foreach (var whom in Named(message))
                    {
                        var by = Initiator(message);
                        True(IsIn(stays[whom]), $"{whom} was removed by {id} and was not in");
                        True(IsIn(stays[by]), $"{by} removed someone with {id} without being in");
                        True(removed.Remove((by, whom)), $"nobody was told that {id} removed {whom}");
                        stays[whom][^1].Ended = at;
                    }

                    break;
                default:
                    Fail($"{message} was not among what they did");
                    break;
            }
        }

        True(unseen.Count == 0, $"{string.Join(' ', unseen)} were acknowledged and are not there");
        True(removed.Count == 0, $"{removed.Count} removals were acknowledged and are not told");
        foreach (var (who, what, from, to) in _refused.Where(refused => refused.What is not ("remove someone" or "edit" or "delete")))
        {
            True(!stays[who].Exists(stay => stay.Certain < from && (stay.Ended ?? long.MaxValue) > to), $"{who} was refused to {what} while in the thread");
        }

        return stays;
    }

    private void CheckSaid(JsonElement message, string id, List<Stay>[] stays)
    {
        var said = _said[id];
        True(message.GetProperty("senderCommunicationIdentifier").GetProperty("rawId").GetString() == users[said.Who].Id, $"{id} has another sender");
        True(IsIn(stays[said.Who]), $"{said.Who} said {id} without being in");
        var text = message.TryGetProperty("content", out var content) ? content.GetProperty("message").GetString() : null;
        True(text == said.Text, $"{id} says '{text}' instead of '{said.Text}'");
        True(message.TryGetProperty("deletedOn", out _) == (said.Text is null), $"{id} is not deleted as it was acknowledged");
        True(said.Text is null || message.TryGetProperty("editedOn", out _) == said.IsEdited, $"{id} is not edited as it was acknowledged");
    }

    /// <summary>What one of them sees is what the model says: from their coming, or what was shared with them, to their going.</summary>
    private async Task Compare(int who, List<Stay>[] model, List<JsonElement> transcript)
    {
        var user = users[who];
        if (model[who].Count == 0)
        {
            (await Wire.AsUser(user.Token, HttpMethod.Get, Wire.Chat(_thread, "/messages"))).IsError(404);
            return;
        }

        var stay = model[who][^1];
        True(stay.Share is null || who < 3 && model[who].Count == 1 || _added.Exists(each => each.Whom == who && each.Share == stay.Share), $"{who} has a share time that nobody gave");
        var expected = transcript.Where(message => IdOf(message) >= (stay.Share?.ToUnixTimeMilliseconds() ?? stay.From) && IdOf(message) < (stay.Ended ?? long.MaxValue)).ToList();
        var seen = await Read(user, _chance.Next(1, 40));
        True(seen.Select(Text).SequenceEqual(expected.Select(Text)), $"{who} sees\n{string.Join('\n', seen.Select(Text))}\ninstead of\n{string.Join('\n', expected.Select(Text))}");
        if (expected.Count > 0)
        {
            var since = IdOf(expected[_chance.Next(expected.Count)]);
            var start = DateTimeOffset.FromUnixTimeMilliseconds(since).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
            var late = await Read(user, _chance.Next(1, 40), $"&startTime={Uri.EscapeDataString(start)}");
            True(late.Select(IdOf).SequenceEqual(expected.Select(IdOf).Where(id => id >= since)), $"{who} sees something else from {start} on");
        }

        var hidden = transcript.Except(expected).ToList();
        if (hidden.Count > 0)
        {
            (await Wire.AsUser(user.Token, HttpMethod.Get, Wire.Chat(_thread, $"/messages/{IdOf(hidden[_chance.Next(hidden.Count)])}"))).IsError(404);
        }

        (await Wire.AsUser(user.Token, HttpMethod.Get, Wire.Chat(_thread, "/participants"))).Is(stay.Ended is null ? 200 : 403);
    }

    private IEnumerable<int> Named(JsonElement message) => message.GetProperty("content").GetProperty("participants").EnumerateArray()
        .Select(participant => IndexOf(participant.GetProperty("communicationIdentifier")));

    private DateTimeOffset? Shared(JsonElement message, int whom) => message.GetProperty("content").GetProperty("participants").EnumerateArray()
        .Where(participant => IndexOf(participant.GetProperty("communicationIdentifier")) == whom)
        .Select(participant => participant.TryGetProperty("shareHistoryTime", out var share) ? share.GetDateTimeOffset() : (DateTimeOffset?)null).Single();

    private int Initiator(JsonElement message) => IndexOf(message.GetProperty("content").GetProperty("initiatorCommunicationIdentifier"));

    private int IndexOf(JsonElement identifier) => Array.FindIndex(users, user => user.Id == identifier.GetProperty("rawId").GetString());

    private static bool IsIn(List<Stay> stays) => stays.Count > 0 && stays[^1].Ended is null;

    private static long IdOf(JsonElement message) => long.Parse(message.GetProperty("id").GetString()!, null);

    private static string Text(JsonElement message) => message.GetRawText();

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private void True(bool holds, string otherwise)
    {
        if (!holds)
        {
            Fail(otherwise);
        }
    }

    private void Fail(string why) => Assert.Fail($"{seed}, history {number}: {why}\n{string.Join('\n', _acts)}");

    private sealed record Said(int Who, string? Text, bool IsEdited = false);

    /// <summary>Someone's time in the thread.</summary>
    private sealed class Stay(long from, DateTimeOffset? share, long certain)
    {
        public long From { get; } = from;

        public DateTimeOffset? Share { get; } = share;

        /// <summary>From when on everybody must know that they are in: when whoever added them was told. The batch became durable somewhere before.</summary>
        public long Certain { get; } = certain;

        public long? Ended { get; set; }
    }
}
